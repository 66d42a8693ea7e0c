//! What every test needs: two PostgreSQL servers, a router between them, and ways to talk to it.
//!
//! Nothing here sleeps to be on the safe side: what takes time is polled, and every wait has a deadline that only something that hangs
//! can miss.

pub mod corpus;
pub mod gate;
pub mod http;
pub mod postgres;
pub mod program;
pub mod router;
pub mod sql;
pub mod standby;
pub mod tide;
pub mod tls;
pub mod wire;

use std::future::Future;
use std::time::{Duration, Instant};

/// A deadline that is missed only by what hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often something is looked at that is waited for.
const GLANCE: Duration = Duration::from_millis(10);

/// Runs one test in a runtime of its own. A test that hangs fails.
pub fn run<F: Future<Output = ()>>(test: F) {
    run_for(4 * PATIENCE, test);
}

/// Runs one test that may take that long.
pub fn run_for<F: Future<Output = ()>>(patience: Duration, test: F) {
    router::end_on_panic_in_the_router();
    let _ = &*postgres::PAIR;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let finished = runtime.block_on(async { tokio::time::timeout(patience, test).await });
    runtime.shutdown_timeout(Duration::from_secs(2));
    finished.expect("the test hangs");
}

/// The result of something that must not hang.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} took longer than {PATIENCE:?}"),
    }
}

/// Waits until a condition holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(GLANCE).await;
    }
}
