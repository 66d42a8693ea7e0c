//! Who holds a pooled connection, and how does it come back?
//!
//! A [`Lease`] is given back with [`Lease::give_back`] when its connection is at rest. Dropped in any other way, the connection is
//! closed: what is not known to be clean is not used again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Pool;
use crate::backend::ServerConn;

/// How long a Terminate may take to be written.
const GOODBYE: Duration = Duration::from_millis(100);

/// A connection on loan.
pub struct Lease {
    conn: Option<Box<ServerConn>>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(super) fn new(
        conn: Box<ServerConn>,
        permit: OwnedSemaphorePermit,
        pool: Arc<Pool>,
    ) -> Self {
        pool.metrics.active.increment(1.0);
        Self {
            conn: Some(conn),
            pool,
            _permit: permit,
        }
    }

    /// The connection.
    pub fn conn(&mut self) -> Option<&mut ServerConn> {
        self.conn.as_deref_mut()
    }

    /// Bytes that wait to be sent on it.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.conn.as_ref().map_or(0, |conn| conn.wire.out.len())
    }

    /// The pool it came from.
    #[must_use]
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Gives the connection back, or closes it when it is not at rest or `tainted`.
    pub fn give_back(mut self, tainted: bool) {
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let at_rest = conn.status == b'I'
            && conn.passing == 0
            && conn.wire.inbox.is_empty()
            && !conn.wire.owes()
            && !conn.wire.ended;
        self.pool.metrics.active.decrement(1.0);
        if at_rest && !tainted {
            conn.wire.shrink();
            self.pool.give_back(conn);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.conn.take().is_some() {
            self.pool.metrics.active.decrement(1.0);
        }
    }
}

/// Ends an idle connection politely, for at most [`GOODBYE`].
pub(super) async fn say_goodbye(conn: &mut ServerConn) {
    conn.wire.out.extend_from_slice(b"X\0\0\0\x04");
    let _ = timeout(GOODBYE, conn.wire.close()).await;
}
