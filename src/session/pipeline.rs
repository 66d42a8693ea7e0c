//! Which replies is a client owed, and by whom?
//!
//! Pure: every message sent to a backend, and every answer the router gives itself, is an entry; replies are matched
//! to the first. That is what keeps them in order whatever the backends do. The rules are those of the manual's message
//! flow (<https://www.postgresql.org/docs/15/protocol-flow.html>): after an error everything up to Sync is skipped, and the
//! transaction status of a ReadyForQuery is the default backend's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::adapted::{Adapted, Opened};
use super::prepared::StatementKey;
use super::statements::ClientStatement;

/// Which backend a message went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The default one.
    Oltp,
    /// The analytic one that the session has on lease.
    Analytic,
}

/// What ends the replies to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// `Query`, `FunctionCall`: ReadyForQuery.
    Query,
    /// `Parse`: ParseComplete.
    Parse,
    /// `Bind`: BindComplete.
    Bind,
    /// `Close`: CloseComplete.
    Close,
    /// `Describe`: RowDescription or NoData.
    Describe,
    /// `Execute`: CommandComplete, EmptyQueryResponse or PortalSuspended.
    Execute,
    /// `Sync`: ReadyForQuery.
    Sync,
}

/// Who gets the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The client, all of them.
    Client,
    /// The client, but for ReadyForQuery: the router sends its own at the end of the string.
    ClientNotReady,
    /// The client sees errors only: the router sent the message on its own account.
    Errors,
    /// Nobody, errors neither.
    Nobody,
    /// The session, which asked for its search path.
    Session,
    /// The session, which asked what is left on the connection.
    Inspection,
    /// The router, which runs a definition on the client's behalf.
    Job,
    /// Nobody: the router makes the connection ready for what comes next, and cannot go on when that fails. The transaction status in
    /// its ReadyForQuery is none of the client's.
    Setup,
}

/// A client's statement before a message that is still under way.
#[derive(Debug, Clone)]
pub struct Undo {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it was.
    pub before: Option<Box<ClientStatement>>,
    /// When that was: what was prepared later stays.
    pub at: u64,
    /// It is a client's `Parse`, which takes the unnamed statement with it before it fails.
    pub is_parse: bool,
}

/// A statement that a message uses on a shared connection.
#[derive(Debug, Clone)]
pub struct Uses {
    /// The statement.
    pub key: Arc<StatementKey>,
    /// What the client calls it.
    pub name: Arc<[u8]>,
}

/// What the router makes of the reply to a step of its own, see [`super::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The cursor of that number.
    Declared(u64),
    /// Rows of a cursor.
    Fetched {
        /// Its number.
        cursor: u64,
        /// At most so many; 0 for all.
        limit: i32,
        /// What the client's command is called, where it is done with these.
        tag: Option<&'static str>,
    },
    /// The description of a statement that answers no rows.
    NoRows,
    /// COPY data.
    Copied,
    /// The columns of a portal that is run once more, see [`super::again`].
    Columns,
}

/// A message that a backend will answer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What ends the replies.
    pub expect: Expect,
    /// Who answers.
    pub side: Side,
    /// Who gets it.
    pub to: To,
    /// When it was sent, for those that run a statement.
    pub started: Option<Instant>,
    /// For a `Parse` on a shared connection: what it prepares there, so that it can be forgotten when it fails.
    pub key: Option<Arc<StatementKey>>,
    /// For a `Bind` or `Describe` there: the statement it uses.
    pub uses: Option<Uses>,
    /// Its place among all that was pushed.
    pub number: u64,
    /// For a client's `Describe` of a statement there: its name.
    pub describes: Option<Box<[u8]>>,
    /// For a client's `Parse` or `Close`: what it undoes if it is not run.
    pub undo: Option<Undo>,
    /// For a `Describe` of a statement that an engine was sent otherwise: how.
    pub adapted: Option<Arc<Adapted>>,
    /// For a `Describe` or `Execute` of a portal of such a statement: what is done to its rows.
    pub opened: Option<Arc<Opened>>,
    /// For a step of the router's own: what is made of the reply.
    pub made: Option<Made>,
}

/// A reply owed.
#[derive(Debug, Clone)]
enum Item {
    Remote(Entry),
    /// `ready`: it ends with ReadyForQuery, so an error before it does not skip it.
    Local {
        answer: Bytes,
        ready: bool,
        /// For a client's `Parse` or `Close`: what it undoes if it is not run.
        undo: Option<Undo>,
    },
}

/// What an error did to the replies owed.
#[derive(Debug, Default)]
pub struct Failed {
    /// The Sync that ends the skipping is still to come from the client.
    pub before_sync: bool,
    /// Statements that were to be prepared on a shared connection, and were not.
    pub unprepared: Vec<Arc<StatementKey>>,
    /// What the message that failed would have changed.
    pub failed: Option<Undo>,
    /// What the skipped ones would have changed, in order.
    pub skipped: Vec<Undo>,
    /// What was to be made of replies that do not come.
    pub unmade: Vec<Made>,
}

/// What a lost backend owed.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    /// The client was waiting for something else than a ReadyForQuery after the last one dropped.
    pub open: bool,
    /// ReadyForQuery messages among it that the client waits for.
    pub readies: usize,
    /// A query of several statements was under way.
    pub in_string: bool,
}

/// What to do with a backend's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the first entry, which stays.
    Within,
    /// It ends the first entry.
    Ends,
    /// No entry allows it here.
    Unexpected,
}

/// The replies owed to a client, in order.
#[derive(Debug, Default)]
pub struct Pipeline {
    items: VecDeque<Item>,
    pushed: u64,
    /// What had been pushed when a statement was last prepared or changed.
    changed: u64,
}

impl Pipeline {
    /// Nothing is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many replies are owed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds a message that a backend will answer.
    pub fn push(&mut self, expect: Expect, side: Side, to: To) {
        let started = matches!(expect, Expect::Query | Expect::Execute).then(Instant::now);
        self.pushed += 1;
        self.items.push_back(Item::Remote(Entry {
            expect,
            side,
            to,
            started,
            key: None,
            uses: None,
            number: self.pushed,
            describes: None,
            undo: None,
            adapted: None,
            opened: None,
            made: None,
        }));
    }

    /// Whether that side has yet to describe something.
    #[must_use]
    pub fn awaits_description(&self, side: Side) -> bool {
        let is_one = |item: &Item| matches!(item, Item::Remote(entry) if entry.side == side && entry.expect == Expect::Describe);
        self.items.iter().any(is_one)
    }

    /// Whether the message that was pushed as this number is still to be answered.
    #[must_use]
    pub fn owes(&self, number: u64) -> bool {
        let is_it = |item: &Item| matches!(item, Item::Remote(entry) if entry.number == number);
        self.items.iter().any(is_it)
    }

    /// Adds a `Parse` on a shared connection.
    pub fn push_prepare(&mut self, side: Side, to: To, key: Arc<StatementKey>) {
        self.pushed += 1;
        let entry = Entry {
            expect: Expect::Parse,
            side,
            to,
            started: None,
            key: Some(key),
            uses: None,
            number: self.pushed,
            describes: None,
            undo: None,
            adapted: None,
            opened: None,
            made: None,
        };
        self.changed = self.pushed;
        self.items.push_back(Item::Remote(entry));
    }

    /// Adds an answer of the router's own; `ready` when it ends with ReadyForQuery.
    pub fn push_local(&mut self, answer: Bytes, ready: bool) {
        self.items.push_back(Item::Local {
            answer,
            ready,
            undo: None,
        });
    }

    /// The reply added last is the one to a client's message that has changed a statement.
    pub fn undo_last(&mut self, undone: Undo) {
        self.changed = self.pushed;
        if let Some(Item::Remote(Entry { undo, .. }) | Item::Local { undo, .. }) =
            self.items.back_mut()
        {
            *undo = Some(undone);
        }
    }

    /// Whether the client has this statement only if an earlier batch, which is not answered yet, does not fail before it.
    #[must_use]
    pub fn doubts_statement(&self, name: &[u8]) -> bool {
        self.doubts(|item| match item {
            Item::Remote(Entry { undo, .. }) | Item::Local { undo, .. } => {
                undo.as_ref().is_some_and(|undo| *undo.name == *name)
            }
        })
    }

    /// Whether a shared connection knows this only if such a batch does not fail before.
    #[must_use]
    pub fn doubts_key(&self, key: &Arc<StatementKey>) -> bool {
        self.doubts(|item| matches!(item, Item::Remote(entry) if entry.key.as_ref() == Some(key)))
    }

    /// Whether the last of these stands before the end of a batch: what comes behind that end is run though it was skipped.
    fn doubts(&self, is_one: impl Fn(&Item) -> bool) -> bool {
        let settled =
            |item: &Item| matches!(item, Item::Remote(entry) if entry.number > self.changed);
        if self.items.front().is_none_or(settled) {
            return false;
        }
        let mut ended = false;
        for item in self.items.iter().rev() {
            if is_one(item) {
                return ended;
            }
            ended |= match item {
                Item::Remote(entry) => matches!(entry.expect, Expect::Sync | Expect::Query),
                Item::Local { ready, .. } => *ready,
            };
        }
        false
    }

    /// The reply added last is the one to a `Bind` or `Describe` of this statement on a shared connection.
    pub fn uses_last(&mut self, key: &Arc<StatementKey>, name: &Arc<[u8]>) {
        if let Some(Item::Remote(entry)) = self.items.back_mut() {
            entry.uses = Some(Uses {
                key: Arc::clone(key),
                name: Arc::clone(name),
            });
        }
    }

    /// The message whose reply comes next uses this statement, as has turned out.
    pub fn uses_at_front(&mut self, key: &Arc<StatementKey>, name: &Arc<[u8]>) {
        if let Some(Item::Remote(entry)) = self.items.front_mut() {
            entry.uses = Some(Uses {
                key: Arc::clone(key),
                name: Arc::clone(name),
            });
        }
    }

    /// The place of what was pushed last.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The reply added last is the one to a client's `Describe` of its statement of this name.
    pub fn describes_last(&mut self, statement: &[u8]) {
        if let Some(Item::Remote(entry)) = self.items.back_mut() {
            entry.describes = Some(statement.into());
        }
    }

    /// The reply added last is the one to a `Describe` of this statement.
    pub fn adapts_last(&mut self, adapted: &Arc<Adapted>) {
        if let Some(Item::Remote(entry)) = self.items.back_mut() {
            entry.adapted = Some(Arc::clone(adapted));
        }
    }

    /// The reply added last is the one to a `Describe` or `Execute` of this portal.
    pub fn opened_last(&mut self, opened: &Arc<Opened>) {
        if let Some(Item::Remote(entry)) = self.items.back_mut() {
            entry.opened = Some(Arc::clone(opened));
        }
    }

    /// The reply added last is made into something else.
    pub fn makes_last(&mut self, made: Made) {
        if let Some(Item::Remote(entry)) = self.items.back_mut() {
            entry.made = Some(made);
        }
    }

    /// The answers of the router's own that are due now.
    pub fn take_local(&mut self) -> Option<Bytes> {
        let Item::Local { answer, .. } = self.items.front_mut()? else {
            return None;
        };
        let answer = std::mem::take(answer);
        self.items.pop_front();
        Some(answer)
    }

    /// The message whose reply comes next.
    #[must_use]
    pub fn front(&self) -> Option<&Entry> {
        match self.items.front() {
            Some(Item::Remote(entry)) => Some(entry),
            _ => None,
        }
    }

    /// Whether the reply to come next, or any later one, is due from `side`.
    #[must_use]
    pub fn awaits(&self, side: Side) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Remote(entry) if entry.side == side))
    }

    /// Whether `side` may keep its replies back until it is told to send them. After a Sync or a Query it sends them by itself, and a Flush
    /// behind those might be left over when all is answered.
    #[must_use]
    pub fn may_be_kept_back(&self, side: Side) -> bool {
        let last = self.items.iter().rev().find_map(|item| match item {
            Item::Remote(entry) if entry.side == side => Some(entry.expect),
            _ => None,
        });
        last.is_some_and(|expect| !matches!(expect, Expect::Sync | Expect::Query))
    }

    /// Whether nothing is owed to the client itself, only to the router.
    #[must_use]
    pub fn owes_router_only(&self) -> bool {
        self.items.iter().all(|item| match item {
            Item::Remote(entry) => !matches!(entry.to, To::Client | To::ClientNotReady),
            Item::Local { .. } => false,
        })
    }

    /// What a message with this tag means for the first entry. Notices, notifications, parameter statuses and errors may
    /// come at any time and are not asked about here.
    #[must_use]
    pub fn judge(&self, tag: u8) -> Verdict {
        let Some(entry) = self.front() else {
            return Verdict::Unexpected;
        };
        match (entry.expect, tag) {
            (Expect::Query | Expect::Sync, b'Z')
            | (Expect::Parse, b'1')
            | (Expect::Bind, b'2')
            | (Expect::Close, b'3')
            | (Expect::Describe, b'T' | b'n')
            | (Expect::Execute, b'C' | b'I' | b's') => Verdict::Ends,
            (Expect::Query, b'T' | b'D' | b'C' | b'I' | b'V' | b'n')
            | (Expect::Query | Expect::Execute, b'G' | b'H' | b'W' | b'd' | b'c')
            | (Expect::Execute, b'D')
            | (Expect::Describe, b't') => Verdict::Within,
            _ => Verdict::Unexpected,
        }
    }

    /// Ends the first entry. Returns who got its replies, and when it was sent where it ran a statement.
    pub fn pop(&mut self) -> Option<(To, Option<Instant>)> {
        let Item::Remote(entry) = self.items.front()? else {
            return None;
        };
        let ended = (entry.to, entry.started);
        self.items.pop_front();
        Some(ended)
    }

    /// An error ends the first entry: `Query` and `Sync` wait for their ReadyForQuery; otherwise everything up to the next Sync is
    /// skipped.
    pub fn fail(&mut self) -> Failed {
        match self.front().map(|entry| entry.expect) {
            Some(Expect::Query | Expect::Sync) => Failed::default(),
            _ => self.skip_to_sync(),
        }
    }

    fn skip_to_sync(&mut self) -> Failed {
        let side = self.front().map(|entry| entry.side);
        let answers_all = |entry: &Entry| matches!(entry.expect, Expect::Sync | Expect::Query);
        let is_sync = |item: &Item| match item {
            Item::Remote(entry) => answers_all(entry) && Some(entry.side) == side,
            Item::Local { ready, .. } => *ready,
        };
        let at = self.items.iter().position(is_sync);
        let mut failed = Failed {
            before_sync: at.is_none(),
            ..Failed::default()
        };
        // The other side has not failed, and answers what it was sent by the router.
        let mut elsewhere = Vec::new();
        let mut first = true;
        for item in self.items.drain(..at.unwrap_or(self.items.len())) {
            let (key, undo, made) = match item {
                Item::Remote(entry) if answers_all(&entry) => {
                    elsewhere.push(Item::Remote(entry));
                    continue;
                }
                Item::Remote(entry) => (entry.key, entry.undo, entry.made),
                Item::Local { undo, .. } => (None, undo, None),
            };
            failed.unprepared.extend(key);
            failed.unmade.extend(made);
            if std::mem::take(&mut first) {
                failed.failed = undo;
            } else {
                failed.skipped.extend(undo);
            }
        }
        for item in elsewhere.into_iter().rev() {
            self.items.push_front(item);
        }
        failed
    }

    /// The first entry has begun to take COPY data: a backend reads Syncs that were sent behind it as part of the data stream
    /// and does not answer them.
    pub fn begin_copy_in(&mut self) {
        let mut first = true;
        self.items.retain(|item| {
            std::mem::take(&mut first)
                || !matches!(item, Item::Remote(entry) if entry.expect == Expect::Sync)
        });
    }

    /// The backend on `side` is gone: drops what it owed, up to the next reply of the other side.
    pub fn lose(&mut self, side: Side) -> Lost {
        let mut lost = Lost::default();
        while let Some(entry) = self.front() {
            if entry.side != side {
                break;
            }
            match (entry.to, entry.expect) {
                (To::Client, Expect::Query | Expect::Sync) => {
                    lost.readies += 1;
                    lost.open = false;
                }
                (To::ClientNotReady, _) => lost.in_string = true,
                (To::Client | To::Errors, _) => lost.open = true,
                (To::Nobody | To::Session | To::Inspection | To::Job | To::Setup, _) => {}
            }
            self.items.pop_front();
            while matches!(self.items.front(), Some(Item::Local { ready: false, .. })) {
                self.items.pop_front();
            }
        }
        lost
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }
}
