//! How do rows get from a backend to the client?
//!
//! Unread, a run of them at a time, with what stands around the rows of a simple query. A row up to [`limits::ROW_WHOLE_BYTES_MAX`] is passed on once all of it is here, so that a backend which
//! dies within it can still be told of; a longer one is passed on in pieces, and nothing can be said to the client before its end.

use bytes::Buf;

use super::Session;
use super::pipeline::{Side, To};
use crate::limits;
use crate::pool::Lease;
use crate::protocol::frame::{self, HEADER_BYTES};

impl Session {
    /// Passes on a run of DataRow and CopyData messages, the last one perhaps in part. `unread`: RowDescription and CommandComplete may
    /// be among them, as nobody but the client wants to know what they say.
    pub(super) fn pass_rows(&mut self, side: Side, to: To, unread: bool) -> bool {
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
            let rest = inbox.get(end..).unwrap_or_default();
            let Ok(Some(head)) = frame::head(rest) else {
                break;
            };
            let here = head.total.min(rest.len());
            let passes = match head.tag {
                b'D' | b'd' => true,
                b'T' => unread && here == head.total,
                // SELECT, INSERT, UPDATE; others may have done something to the session.
                b'C' => {
                    unread
                        && here == head.total
                        && matches!(rest.get(HEADER_BYTES), Some(b'S' | b'I' | b'U'))
                }
                _ => false,
            };
            let too_long = head.total > limits::BACKEND_ROW_BYTES_MAX;
            let soon_whole = here < head.total && head.total <= limits::ROW_WHOLE_BYTES_MAX;
            if !passes || too_long || soon_whole {
                break;
            }
            conn.passing = head.total - here;
            end += here;
        }
        if end == 0 {
            return false;
        }
        if wanted && let Some(rows) = inbox.get(..end) {
            client.out.extend_from_slice(rows);
        }
        inbox.advance(end);
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
