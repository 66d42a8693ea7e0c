//! Tidegate from the outside: real PostgreSQL servers on both sides, real clients, bytes on sockets.
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "nothing here is used from elsewhere"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod cancel;
mod connections;
mod extended;
mod guard;
mod hints;
mod hostile;
mod login;
mod routing;
mod simple;
mod startup;
mod traffic;
mod transactions;
