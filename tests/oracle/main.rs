//! Do our facts agree with PostgreSQL's own grammar?
//!
//! `make oracle` runs this: every statement of the corpora goes through libpg_query and through `tidegate::sql`, and
//! their opinions on its kind, what it reads and what it changes are compared. A disagreement may only be on the safe
//! side ("may write", more relations), and each is listed in `disagreements.txt` for review;
//! `TIDEGATE_BLESS=1 make oracle` rewrites that file.
#![expect(unreachable_pub, reason = "nothing here is used from elsewhere")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compare;
mod corpora;
mod kind;
mod mutate;
mod psql;
mod second;
mod tokens;
