//! When does the session have something to do?
//!
//! One wait over up to three sockets: writes first, then reads, each tried before it is waited for. A peer that does not read fills its
//! buffer, and the other side is then not read from either: that is the whole of back-pressure.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::batch::Script;
use super::pipeline::Side;
use super::{End, Session};
use crate::error::ClientError;
use crate::limits::{INBOUND_BYTES_HIGH, OUTBOUND_BYTES_HIGH};
use crate::net::wire::Wire;

impl Session {
    /// Waits until a socket has brought something or a full one has room.
    pub(super) async fn wait_for_sockets(&mut self) -> Result<(), End> {
        let at_rest = self.pipeline.is_empty()
            && self.script.is_none()
            && self.held.is_none()
            && self.status == b'I'
            && !self.batch.oltp_used
            && !self.batch.analytic_used;
        if self.client.ended {
            Box::pin(self.finish_after_client()).await?;
        }
        if let Some(number) = self.analytic_turn() {
            return Box::pin(self.wait_for_analytic(number)).await;
        }
        let idle = self.status != b'I' && self.pipeline.is_empty() && self.script.is_none();
        let limit = self.snapshot.table.config.limits.idle_in_transaction;
        let moved = std::future::poll_fn(|cx| self.poll_sockets(cx, at_rest));
        match limit.filter(|_| idle) {
            None => moved.await,
            Some(limit) => match Box::pin(tokio::time::timeout(limit, moved)).await {
                Ok(moved) => moved,
                Err(_) => Err(End::Told(ClientError::idle_in_transaction())),
            },
        }
    }

    /// The client has closed its sending side and all it sent was looked at: what was sent to the default backend is still run, as it
    /// would be on a direct connection, and nobody waits for the answers.
    async fn finish_after_client(&mut self) -> Result<(), End> {
        // The last statement of a string decides nothing but itself where it is a read, and no transaction was put around it.
        let ends_the_string =
            |script: &Script| script.parts.is_empty() && !script.wrapped && !script.defines;
        let last_is_read = self.status == b'T' && self.job.is_none();
        let in_string = self
            .script
            .as_ref()
            .is_some_and(|script| !(last_is_read && ends_the_string(script)));
        let reads_only = !self.pipeline.awaits(Side::Oltp);
        let at_work = !self.pipeline.is_empty() && (self.held.is_some() || self.script.is_some());
        let only_waited_for = reads_only && (self.held.is_none() || self.is_leaving());
        if at_work && (in_string || !only_waited_for) {
            return Ok(());
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            let _ = tokio::time::timeout(crate::limits::FAREWELL_TIMEOUT, conn.wire.drain()).await;
        }
        Err(End::ClientLeft)
    }

    /// Whether the client has said goodbye, though it is still owed something.
    fn is_leaving(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|frame| frame.first() == Some(&b'X'))
    }

    /// The client is gone, and backends owe answers to the router alone: these are read, so that the connections can be used again.
    pub(super) async fn finish_own_replies(&mut self) {
        let finishing = async {
            loop {
                self.rest_oltp();
                if self.pipeline.is_empty() || !self.pipeline.owes_router_only() {
                    return;
                }
                match self.pass_replies() {
                    Ok(true) => {}
                    Ok(false) => std::future::poll_fn(|cx| self.poll_backends(cx)).await,
                    Err(_) => return,
                }
            }
        };
        let _ = tokio::time::timeout(crate::limits::FAREWELL_TIMEOUT, finishing).await;
    }

    fn poll_backends(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut moved = false;
        if let Some(lease) = self.oltp.as_mut() {
            moved |= poll_backend(&mut lease.conn_mut().wire, cx, true);
        }
        if let Some(leased) = self.leased.as_mut() {
            moved |= poll_backend(&mut leased.lease.conn_mut().wire, cx, true);
        }
        if moved {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    pub(super) fn poll_sockets(
        &mut self,
        cx: &mut Context<'_>,
        at_rest: bool,
    ) -> Poll<Result<(), End>> {
        if self.told_to_end && self.pipeline.is_empty() {
            return Poll::Ready(Err(End::BackendSaid));
        }
        if at_rest && Pin::new(&mut self.drained).poll(cx).is_ready() {
            return Poll::Ready(Err(End::Told(ClientError::shutdown())));
        }
        let taking = self.may_take();
        let mut moved = false;
        let was_full = self.client.out.len() >= OUTBOUND_BYTES_HIGH;
        if self.client.owes() {
            match self.client.poll_drain(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::ClientLeft)),
                _ => moved |= was_full && self.client.out.len() < OUTBOUND_BYTES_HIGH,
            }
        }
        let whole = self
            .client
            .head()
            .ok()
            .flatten()
            .map_or(0, |head| head.total);
        let wanted = if taking {
            whole.max(INBOUND_BYTES_HIGH)
        } else {
            INBOUND_BYTES_HIGH
        };
        if !self.client.ended && self.client.inbox.len() < wanted {
            match self.client.poll_fill(cx) {
                Poll::Ready(Ok(_)) => moved = true,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::ClientLeft)),
                Poll::Pending => {}
            }
        }
        let client_has_room = self.client.out.len() < OUTBOUND_BYTES_HIGH;
        if let Some(lease) = self.oltp.as_mut() {
            moved |= poll_backend(&mut lease.conn_mut().wire, cx, client_has_room);
        }
        if let Some(leased) = self.leased.as_mut() {
            moved |= poll_backend(&mut leased.lease.conn_mut().wire, cx, client_has_room);
        }
        if moved {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

/// Writes to and reads from a backend. Returns whether anything has changed; a socket that fails counts as closed, so that what it said before
/// is still passed on.
fn poll_backend(wire: &mut Wire, cx: &mut Context<'_>, client_has_room: bool) -> bool {
    let mut moved = false;
    if wire.owes() && !wire.ended {
        let was_full = wire.out.len() >= OUTBOUND_BYTES_HIGH;
        if let Poll::Ready(Err(_)) = wire.poll_drain(cx) {
            wire.out.clear();
        }
        moved |= was_full && wire.out.len() < OUTBOUND_BYTES_HIGH;
    }
    let whole = wire.head().ok().flatten().map_or(0, |head| head.total);
    if client_has_room && !wire.ended && wire.inbox.len() < whole.max(INBOUND_BYTES_HIGH) {
        match wire.poll_fill(cx) {
            Poll::Ready(Ok(_)) => moved = true,
            Poll::Ready(Err(_)) => {
                wire.ended = true;
                moved = true;
            }
            Poll::Pending => {}
        }
    }
    moved
}
