//! How do rows get from a backend to the client?
//!
//! Unread, a run of them at a time. A row up to [`limits::ROW_WHOLE_BYTES_MAX`] is passed on once all of it is here, so that a backend which
//! dies within it can still be told of; a longer one is passed on in pieces, and nothing can be said to the client before its end.

use super::Session;
use super::pipeline::{Side, To};
use crate::limits;
use crate::pool::Lease;
use crate::protocol::frame;

impl Session {
    /// Passes on a run of DataRow and CopyData messages, the last one perhaps in part.
    pub(super) fn pass_rows(&mut self, side: Side, to: To) -> bool {
        let wanted = matches!(to, To::Client | To::ClientNotReady);
        let Self {
            oltp,
            leased,
            client,
            ..
        } = self;
        let conn = match side {
            Side::Oltp => oltp.as_mut().map(Lease::conn_mut),
            Side::Analytic => leased.as_mut().map(|leased| leased.lease.conn_mut()),
        };
        let Some(conn) = conn else { return false };
        let inbox = &mut conn.wire.inbox;
        let mut end = conn.passing.min(inbox.len());
        conn.passing -= end;
        while conn.passing == 0 {
            let head = match frame::head(inbox.get(end..).unwrap_or_default()) {
                Ok(Some(head)) if matches!(head.tag, b'D' | b'd') => head,
                _ => break,
            };
            let here = head.total.min(inbox.len() - end);
            let too_long = head.total > limits::BACKEND_ROW_BYTES_MAX;
            let soon_whole = here < head.total && head.total <= limits::ROW_WHOLE_BYTES_MAX;
            if too_long || soon_whole {
                break;
            }
            conn.passing = head.total - here;
            end += here;
        }
        if end == 0 {
            return false;
        }
        let rows = inbox.split_to(end);
        if wanted {
            client.out.extend_from_slice(&rows);
        }
        true
    }

    /// Whether the client has got the beginning of a message whose rest is still to come.
    pub(super) fn is_within_message(&mut self) -> bool {
        let Some(entry) = self.pipeline.front() else {
            return false;
        };
        let (side, to) = (entry.side, entry.to);
        matches!(to, To::Client | To::ClientNotReady)
            && self.conn(side).is_some_and(|conn| conn.passing > 0)
    }
}
