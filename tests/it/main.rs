//! Tidegate from the outside: real PostgreSQL servers on both sides, real clients, bytes on sockets.
#![expect(unreachable_pub, reason = "nothing here is used from elsewhere")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod cancel;
mod command_line;
mod connections;
mod crash;
mod crowd;
mod decisions;
mod differential;
mod explain;
mod extended;
mod facts_snapshot;
mod fuzz_inputs;
mod guard;
mod hints;
mod hostile;
mod login;
mod misuse;
mod observe;
mod pooling;
mod refreshes;
mod replay;
mod review;
mod risingwave;
mod routing;
mod servers;
mod signals;
mod simple;
mod slow;
mod startup;
mod suites;
mod traffic;
mod transactions;
mod write_forms;
