//! Which connection does a client take for its own?
//!
//! The one whose process id it was told. While the client lives the connection is left to it where that can be, and when an administrator ends
//! that process with `pg_terminate_backend()`, the client is ended as it would be on a connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A client's home, held by its session. The connection has a weak reference.
#[derive(Debug)]
pub struct Home {
    pid: i32,
    terminated: AtomicBool,
    ended: CancellationToken,
}

impl Home {
    /// The home of a client that is told this process id, and ends when `drain` says so.
    #[must_use]
    pub fn new(pid: i32, drain: &CancellationToken) -> Self {
        Self {
            pid,
            terminated: AtomicBool::new(false),
            ended: drain.child_token(),
        }
    }

    /// The process id that the client was told.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// An administrator has ended the process.
    pub fn terminate(&self) {
        self.terminated.store(true, Ordering::Relaxed);
        self.ended.cancel();
    }

    /// Whether an administrator has ended the process.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }

    /// Ready when the session should end once it is at rest: for that, or because the router drains.
    pub fn ended(&self) -> WaitForCancellationFutureOwned {
        self.ended.clone().cancelled_owned()
    }
}
