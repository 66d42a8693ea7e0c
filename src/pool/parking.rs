//! Where do connections wait?
//!
//! A stack: the connection given back last is taken first, so that load which falls lets the rest grow old and go.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::ServerConn;

/// Idle connections, the last one on top.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<(Instant, Box<ServerConn>)>>);

impl Idle {
    pub(super) fn take(&self) -> Option<Box<ServerConn>> {
        self.lock().pop().map(|(_, conn)| conn)
    }

    pub(super) fn put(&self, conn: Box<ServerConn>) {
        self.lock().push((Instant::now(), conn));
    }

    /// Removes those idle for longer than `idle` or older than `lifetime`.
    pub(super) fn age(&self, idle: Duration, lifetime: Duration) -> Vec<ServerConn> {
        let mut gone = Vec::new();
        let mut kept = Vec::new();
        let mut waiting = self.lock();
        for (since, conn) in waiting.drain(..) {
            if since.elapsed() > idle || conn.born.elapsed() > lifetime {
                gone.push(*conn);
            } else {
                kept.push((since, conn));
            }
        }
        *waiting = kept;
        gone
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Box<ServerConn>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
