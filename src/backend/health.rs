//! Does a backend answer?
//!
//! A probe every few seconds, on a connection of its own, says so in `tidegate_backend_up`, `/readyz` and the status page. Nothing is routed
//! by it: a statement whose backend is down finds out by itself, at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::control::Control;
use crate::limits::{HEALTH_INTERVAL, HEALTH_TIMEOUT};
use crate::server::{BackendHandle, Shared};

/// No probe was made yet.
pub const UNKNOWN: usize = 0;
/// The last probe failed.
pub const DOWN: usize = 1;
/// The last probe succeeded.
pub const UP: usize = 2;

/// Probes all backends for as long as the router lives.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let snapshot = shared.snapshot();
        for backend in snapshot.backends.iter() {
            probe(backend).await;
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
        }
    }
}

/// Probes one backend and takes note.
pub async fn probe(backend: &BackendHandle) {
    let answer = match Control::connect(&backend.connector, HEALTH_TIMEOUT).await {
        Ok(control) => control.rows("SELECT 1").await.map(drop),
        Err(why) => Err(why),
    };
    let now = if answer.is_ok() { UP } else { DOWN };
    backend.metrics.up.set(if now == UP { 1.0 } else { 0.0 });
    let before = backend.health.swap(now, Ordering::Relaxed);
    let name = backend.connector.name();
    match (before, now, answer) {
        (UP | UNKNOWN, DOWN, Err(why)) => tracing::warn!(backend = name, why, "backend is down"),
        (DOWN, UP, _) => tracing::info!(backend = name, "backend is up again"),
        _ => {}
    }
}
