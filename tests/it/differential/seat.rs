//! One client's connection: sends messages, and reads until nothing is owed.

use std::collections::VecDeque;
use std::time::Duration;

use super::compare::{self, Names};
use super::script::{Msg, Set};
use crate::support::wire::{Frame, Raw, message, startup};

/// How long a reply may take. The router's `wait` is shorter, so that its error is seen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection still owes, and when it owes nothing more.
#[derive(Default)]
struct Owed {
    queue: VecDeque<Kind>,
    /// After an error nothing is answered before the Sync that is still to be sent.
    skipping: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Ended by the reply with this tag, or by one of an empty kind.
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    /// Both are ended by ReadyForQuery.
    Query,
    Sync,
}

impl Owed {
    fn sent(&mut self, message: &Msg) {
        self.skipping &= !matches!(message, Msg::Sync);
        if self.skipping {
            return;
        }
        self.queue.push_back(match message {
            Msg::Query(_) => Kind::Query,
            Msg::Parse { .. } => Kind::Parse,
            Msg::Bind { .. } => Kind::Bind,
            Msg::Describe(..) => Kind::Describe,
            Msg::Execute(..) => Kind::Execute,
            Msg::Close(..) => Kind::Close,
            Msg::Sync => Kind::Sync,
            Msg::CopyData(_) | Msg::CopyDone | Msg::CopyFail(_) | Msg::Flush => return,
        });
    }

    fn received(&mut self, tag: char) {
        let ends = match (self.queue.front(), tag) {
            (Some(Kind::Parse), '1')
            | (Some(Kind::Bind), '2')
            | (Some(Kind::Close), '3')
            | (Some(Kind::Describe), 'T' | 'n')
            | (Some(Kind::Execute), 'C' | 'I' | 's')
            | (Some(Kind::Query | Kind::Sync), 'Z') => true,
            (Some(Kind::Query | Kind::Sync) | None, _) => false,
            (Some(_), 'E') => {
                // A Query that comes before the next Sync is skipped too.
                while self.queue.front().is_some_and(|kind| *kind != Kind::Sync) {
                    self.queue.pop_front();
                }
                self.skipping = self.queue.is_empty();
                false
            }
            _ => false,
        };
        if ends {
            self.queue.pop_front();
        }
    }
}

/// One client's connection.
pub struct Seat {
    raw: Raw,
    names: Names,
    owed: Owed,
    pub status: char,
    pub open: bool,
}

/// What was answered, without what inherently differs.
pub struct Reply {
    pub frames: Vec<Frame>,
    pub hangs: bool,
}

impl Seat {
    pub async fn log_in(address: &str, database: &str, set: &Set, client: usize) -> (Self, Reply) {
        let mut parameters = vec![("user", "app"), ("database", database)];
        let more = set.startups[client].iter();
        parameters.extend(more.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut raw = Raw::connect(address).await;
        raw.send(&startup(3 << 16, &parameters)).await;
        let mut seat = Self {
            raw,
            names: Names::new(set.mixed),
            owed: Owed::default(),
            status: 'I',
            open: true,
        };
        seat.owed.queue.push_back(Kind::Query);
        let mut reply = seat.read(PATIENCE).await;
        reply.frames = compare::login(reply.frames);
        (seat, reply)
    }

    /// Reads until nothing is owed.
    pub async fn read(&mut self, patience: Duration) -> Reply {
        let mut frames = Vec::new();
        while self.open && !self.owed.queue.is_empty() {
            let Ok(next) = tokio::time::timeout(patience, self.raw.frame()).await else {
                self.open = false;
                let hangs = true;
                return Reply { frames, hangs };
            };
            let Some(frame) = next else {
                self.open = false;
                break;
            };
            self.owed.received(frame.tag);
            if frame.tag == 'Z' {
                self.status = char::from(frame.body[0]);
            }
            self.names.add(&frame, &mut frames);
        }
        let hangs = false;
        Reply { frames, hangs }
    }

    /// Sends messages, waiting at each Flush, and reads what they are answered with.
    pub async fn exchange(&mut self, messages: &[Msg], patience: Duration) -> Reply {
        let mut frames = Vec::new();
        for part in messages.split_inclusive(|message| matches!(message, Msg::Flush)) {
            if self.open {
                self.write(part).await;
                let mut reply = self.read(patience).await;
                frames.append(&mut reply.frames);
                if reply.hangs {
                    let hangs = true;
                    return Reply { frames, hangs };
                }
            }
        }
        let hangs = false;
        Reply { frames, hangs }
    }

    pub async fn write(&mut self, messages: &[Msg]) {
        let bytes: Vec<u8> = messages.iter().flat_map(Msg::bytes).collect();
        messages.iter().for_each(|message| self.owed.sent(message));
        self.raw.try_send(&bytes).await;
    }

    /// Says goodbye and waits until the peer has gone.
    pub async fn leave(mut self) {
        if self.raw.try_send(&message(b'X', b"")).await {
            let _ = tokio::time::timeout(PATIENCE, self.raw.rest()).await;
        }
    }
}
