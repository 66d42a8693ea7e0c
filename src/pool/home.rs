//! Which connection does a client take for its own?
//!
//! The one whose process id it was told. While the client lives the connection is left to it where that can be, and when an administrator ends
//! that process with `pg_terminate_backend()`, the client is ended as it would be on a connection of its own.

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A client's home, held by its session. The connection has a weak reference.
#[derive(Debug)]
pub struct Home {
    pid: i32,
    ended: CancellationToken,
}

impl Home {
    /// The home of a client that is told this process id, and ends when `drain` says so.
    #[must_use]
    pub fn new(pid: i32, drain: &CancellationToken) -> Self {
        let ended = drain.child_token();
        Self { pid, ended }
    }

    /// The process id that the client was told.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// An administrator has ended the process.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Whether the session should end once it is at rest.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Ready when [`Home::is_ended`].
    pub fn ended(&self) -> WaitForCancellationFutureOwned {
        self.ended.clone().cancelled_owned()
    }
}
