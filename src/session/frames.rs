//! What is done with the client's next message?
//!
//! It is held whole before it is looked at, but for COPY data and long Binds, which are passed on as they come. One that cannot go on yet is
//! kept and tried again when the session has moved.

use bytes::BytesMut;

use super::pipeline::Side;
use super::{End, PassTo, Session, Step};
use crate::error::ClientError;
use crate::limits;
use crate::protocol::frame::{self, HEADER_BYTES};
use crate::protocol::frontend;

/// What there is of the client's next message.
pub(super) enum Next {
    /// All of it, or the beginning of a long one.
    Frame(BytesMut),
    /// Nothing, or a piece that was passed on, which is `true`.
    Passed(bool),
}

impl Session {
    /// Whether the client's next frame may be looked at: not while a string of statements or the end of a batch is being worked off,
    /// nor while somebody does not read what is owed to it.
    pub(super) fn may_take(&self) -> bool {
        let room = |out: &BytesMut| out.len() < limits::OUTBOUND_BYTES_HIGH;
        let oltp_room = self
            .oltp
            .as_ref()
            .is_none_or(|lease| lease.unsent() < limits::OUTBOUND_BYTES_HIGH);
        let lease_room = self
            .leased
            .as_ref()
            .is_none_or(|leased| leased.lease.unsent() < limits::OUTBOUND_BYTES_HIGH);
        (self.script.is_none() || self.copy_in)
            && !self.batch.closing
            && !self.awaits_trial()
            && self.retry.is_none()
            && self.job.is_none()
            && self.pipeline.len() < limits::PENDING_REPLIES_MAX
            && oltp_room
            && lease_room
            && room(&self.client.out)
    }

    /// The client's next frame, or the beginning of a long one, unless a piece of it is passed on already.
    pub(super) fn next_frame(&mut self) -> Result<Next, End> {
        if let Some(frame) = self.held.take() {
            return Ok(Next::Frame(frame));
        }
        if self.passing.0 > 0 {
            return Ok(Next::Passed(self.pass_piece()));
        }
        let Some(head) = self.client.head()? else {
            return Ok(Next::Passed(false));
        };
        check_bound(
            head.tag,
            head.total,
            self.snapshot.table.config.limits.message_bytes,
        )?;
        let here = self.client.inbox.len();
        if here >= head.total {
            return Ok(Next::Frame(self.client.inbox.split_to(head.total)));
        }
        match head.tag {
            b'd' if !self.copy_in && !self.pipeline.is_empty() => {
                self.flush_once();
                Ok(Next::Passed(false))
            }
            b'd' => {
                let to = if self.copy_in {
                    PassTo::Side(Side::Oltp)
                } else {
                    PassTo::Nowhere
                };
                self.passing = (head.total, to);
                Ok(Next::Passed(self.pass_piece()))
            }
            // A long Bind is passed on as it comes, once the names at its start are known.
            b'B' if here > limits::BIND_NAMES_BYTES_MAX && !self.needs_whole => {
                let start = self.client.inbox.get(HEADER_BYTES..).unwrap_or_default();
                if frontend::bind_names(start).is_some() {
                    return Ok(Next::Frame(self.client.inbox.split()));
                }
                // Longer names than anybody has, or none: the server says what is wrong with them.
                self.needs_whole = true;
                Ok(Next::Passed(false))
            }
            _ => Ok(Next::Passed(false)),
        }
    }

    /// A frame, or the start of a long one, was dealt with as `step` says. Returns whether the session has moved; if not it is kept for later.
    pub(super) fn after_frame(&mut self, frame: BytesMut, step: Step) -> Result<bool, End> {
        let total = frame::head(&frame)?.map_or(frame.len(), |head| head.total);
        match step {
            Step::Done => {}
            Step::Wait => {
                self.held = Some(frame);
                debug_assert!(
                    !self.pipeline.is_empty() || !self.may_take(),
                    "a message waits for nothing"
                );
                // What the router answers by itself comes with nobody's word.
                return Ok(!self.pipeline.is_empty() && self.pipeline.front().is_none());
            }
            Step::Whole => {
                let behind = std::mem::replace(&mut self.client.inbox, frame);
                self.client.inbox.unsplit(behind);
                self.needs_whole = true;
                return Ok(true);
            }
        }
        if total > frame.len() && self.passing.0 == 0 {
            self.passing = (total - frame.len(), PassTo::Nowhere);
        }
        Ok(true)
    }

    /// Deals with a frame, or the start of a long one.
    pub(super) async fn on_frame(&mut self, frame: &BytesMut) -> Result<Step, End> {
        if let Some(lease) = self.oltp.as_mut() {
            lease.conn_mut().wire.make_room();
        }
        self.needs_whole = false;
        let tag = frame.first().copied().unwrap_or_default();
        let body = frame.get(HEADER_BYTES..).unwrap_or_default();
        if self.home.is_terminated() && self.status != b'I' && self.oltp.is_none() {
            // A transaction that the server has not heard of ends with its connection too.
            return Err(End::Told(ClientError::shutdown()));
        }
        if self.copy_in && tag != b'X' {
            self.on_copy_frame(tag, frame);
            return Ok(Step::Done);
        }
        // What is left of a COPY that has failed is nothing that the client asks for.
        if !matches!(tag, b'd' | b'c' | b'f') {
            self.slot.works_on(self.work);
        }
        self.renew_snapshot();
        match tag {
            // What came before it is done and answered first.
            b'X' if !self.pipeline.is_empty() && !self.copy_in => {
                self.flush_once();
                Ok(Step::Wait)
            }
            b'X' => Err(End::ClientLeft),
            b'S' => self.on_sync(body),
            _ if self.skipping && is_known(tag) => Ok(Step::Done),
            b'Q' => self.on_query(frame, body).await,
            b'P' => self.on_parse(frame, body).await,
            b'B' => self.on_bind(frame, body).await,
            b'D' => self.on_describe(frame, body).await,
            b'E' => self.on_execute(frame, body).await,
            b'C' => self.on_close(frame, body).await,
            b'H' => Ok(self.on_flush()),
            b'F' => self.on_function_call(frame).await,
            // COPY data that a client sends before it is asked for it waits for that; what is left of a COPY that failed is dropped.
            b'd' | b'c' | b'f' if !self.pipeline.is_empty() => {
                self.flush_once();
                Ok(Step::Wait)
            }
            b'd' | b'c' | b'f' => Ok(Step::Done),
            _ => Err(End::Told(ClientError::protocol(format!(
                "invalid frontend message type {tag}"
            )))),
        }
    }
}

/// Whether a message of this type exists.
fn is_known(tag: u8) -> bool {
    matches!(
        tag,
        b'Q' | b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'F' | b'd' | b'c' | b'f' | b'p'
    )
}

/// Refuses a message that is longer than its type may be.
fn check_bound(tag: u8, total: usize, message_bytes: usize) -> Result<(), End> {
    let bound = match tag {
        b'Q' | b'P' | b'B' | b'F' | b'd' => message_bytes.min(limits::CLIENT_MESSAGE_BYTES_MAX),
        b'X' | b'S' | b'D' | b'E' | b'C' | b'H' | b'c' | b'f' | b'p' => {
            limits::CLIENT_SMALL_MESSAGE_BYTES_MAX
        }
        _ => {
            let message = format!("invalid frontend message type {tag}");
            return Err(End::Told(ClientError::protocol(message)));
        }
    };
    if total > bound.saturating_add(1) {
        let message = format!(
            "message of type \"{}\" is {total} bytes long, at most {bound} are allowed",
            tag as char
        );
        return Err(End::Told(ClientError::protocol(message)));
    }
    Ok(())
}
