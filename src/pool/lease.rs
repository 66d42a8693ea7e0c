//! Who holds a connection, and how does it come back?
//!
//! A [`Lease`] is given back with [`Lease::give_back`] when its connection is at rest. Dropped in any other way, the connection is
//! closed: what is not known to be clean is not used again.

use std::sync::Arc;

use super::{Pool, PoolKey};
use crate::backend::ServerConn;

/// A connection on loan, or one that belongs to a client for good.
pub struct Lease {
    conn: Box<ServerConn>,
    /// `None` for a connection that is no pool's.
    ticket: Option<Ticket>,
}

/// The right to one open connection; it ends when this is dropped.
pub(super) struct Ticket(Option<(Arc<Pool>, Arc<PoolKey>)>);

impl Ticket {
    pub(super) fn new(pool: &Arc<Pool>, key: &Arc<PoolKey>) -> Self {
        Self(Some((Arc::clone(pool), Arc::clone(key))))
    }

    /// Gives the connection back; the right goes with it.
    fn park(mut self, conn: Box<ServerConn>) {
        if let Some((pool, key)) = self.0.take() {
            pool.park(key, conn);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some((pool, key)) = self.0.take() {
            pool.closed(&key);
        }
    }
}

impl Lease {
    /// A connection that no pool knows of.
    #[must_use]
    pub fn owned(conn: ServerConn) -> Self {
        Self {
            conn: Box::new(conn),
            ticket: None,
        }
    }

    pub(super) fn new(conn: Box<ServerConn>, ticket: Ticket) -> Self {
        Self {
            conn,
            ticket: Some(ticket),
        }
    }

    /// The connection.
    #[must_use]
    pub fn conn(&self) -> &ServerConn {
        &self.conn
    }

    /// The connection.
    pub fn conn_mut(&mut self) -> &mut ServerConn {
        &mut self.conn
    }

    /// Bytes that wait to be sent on it.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.conn.wire.out.len()
    }

    /// Whether others wait for a connection of its pool.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ticket
            .as_ref()
            .and_then(|ticket| ticket.0.as_ref())
            .is_some_and(|(pool, _)| pool.is_short())
    }

    /// Gives the connection back, or closes it when it is not at rest or `tainted`.
    pub fn give_back(self, tainted: bool) {
        let Self { mut conn, ticket } = self;
        let at_rest = conn.status == b'I'
            && conn.passing == 0
            && conn.wire.inbox.is_empty()
            && !conn.wire.owes()
            && !conn.wire.ended
            && conn.debris.is_empty();
        if let Some(ticket) = ticket.filter(|_| at_rest && !tainted) {
            conn.wire.shrink();
            ticket.park(conn);
        }
    }

    /// Ends the connection politely.
    pub async fn close(self) {
        let Self { mut conn, ticket } = self;
        conn.say_goodbye().await;
        drop(conn);
        drop(ticket);
    }
}
