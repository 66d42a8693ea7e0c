//! Which cursors over analytic relations has the client declared, and where does each stand?
//!
//! Pure. Each is a portal on an analytic connection that the router executes for the client, since no engine but PostgreSQL has the
//! cursors that drivers use. Such a portal only goes forward, so a cursor is PostgreSQL's `NO SCROLL` one, errors included. The names of
//! cursors on the default backend are known too: a name is taken on both sides.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::ClientError;
use crate::limits::CLIENT_PORTALS_MAX;
use crate::protocol::sqlstate::{
    CONFIGURATION_LIMIT, DUPLICATE_CURSOR, FEATURE_NOT_SUPPORTED, OBJECT_NOT_IN_PREREQUISITE_STATE,
};
use crate::sql::{ALL_ROWS, Direction, Fetched};

use super::adapted::Opened;
use super::prepared::{PREFIX, StatementKey};

/// A cursor of the router's.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// Its number, no other's in this session.
    pub number: u64,
    /// Its query.
    pub key: Arc<StatementKey>,
    /// Formats and values of parameters, as in Bind.
    pub parameters: Box<[u8]>,
    /// Formats of the rows, as in Bind.
    pub formats: Box<[u8]>,
    /// `WITH HOLD`
    pub hold: bool,
    /// The transaction that declared it is over.
    outlived: bool,
    /// How many rows it is past.
    position: i64,
    /// It is behind the last one.
    at_end: bool,
    /// A statement of it has failed.
    failed: bool,
    /// Rows were passed over for a statement that has yet to take this many.
    to_take: Option<i32>,
    /// The client's own portal that it is, see [`Cursors::adopt`].
    adopted: Option<String>,
    /// What that is called on its connection, where otherwise than by the client.
    there: Option<String>,
    /// What is done to its rows, where anything may be.
    opened: Option<Arc<Opened>>,
}

/// What to do for a `FETCH` or `MOVE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// No row is there, or one is stood on already that MOVE counts.
    Nothing {
        /// What MOVE counts.
        counted: u64,
    },
    /// Rows to pass over, none where it is 0, and rows to take, all where it is 0.
    Go {
        /// To pass over.
        skip: i32,
        /// To take.
        take: i32,
    },
}

/// A client's cursors.
#[derive(Debug, Default)]
pub struct Cursors {
    own: BTreeMap<String, Cursor>,
    /// Those on the default backend: whether they are held, and their number among all.
    elsewhere: BTreeMap<String, (bool, u64)>,
    /// The same that were sent there, by the place of what was sent before.
    coming: Vec<(u64, String, bool)>,
    /// Savepoints, and the number of the next cursor when each was made.
    savepoints: Vec<(String, u64)>,
    next: u64,
}

impl Cursor {
    /// The portal that it is on its connection.
    #[must_use]
    pub fn portal(&self) -> String {
        let own = self.there.as_ref().or(self.adopted.as_ref());
        own.cloned().unwrap_or_else(|| portal(self.number))
    }

    /// The client's own portal that it is, if it is one.
    #[must_use]
    pub fn adopted(&self) -> Option<&str> {
        self.adopted.as_deref()
    }

    /// What is done to its rows, where anything may be.
    #[must_use]
    pub fn opened(&self) -> Option<&Arc<Opened>> {
        self.opened.as_ref()
    }

    /// Whether rows were asked for already.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.position > 0 || self.at_end
    }

    /// What a `FETCH` or `MOVE` has to do.
    ///
    /// # Errors
    /// As PostgreSQL has them for a cursor that is not to be scrolled, which are the end of it.
    pub fn plan(&mut self, name: &str, fetched: Fetched) -> Result<Plan, ClientError> {
        if self.failed {
            return Err(cannot_be_run(name));
        }
        if let Some(take) = self.to_take.take() {
            return Ok(self.go(0, take.into()));
        }
        if self.adopted.is_some() && matches!(fetched.direction, Direction::Absolute(_)) {
            let message =
                "MOVE to an absolute row of a portal is not supported over analytic relations";
            return Err(ClientError::refused(FEATURE_NOT_SUPPORTED, message));
        }
        let begun = self.has_begun();
        let ahead = match fetched.direction {
            Direction::Forward(0) | Direction::Relative(0) => return self.stay(fetched.moves),
            Direction::Forward(rows) if rows > 0 => return Ok(self.go(0, rows)),
            Direction::Relative(rows) if rows > 0 => rows,
            Direction::Absolute(0) if !begun => return Ok(Plan::Nothing { counted: 0 }),
            Direction::Absolute(row) if row > self.position + i64::from(self.at_end) => {
                row - self.position
            }
            Direction::Forward(_) | Direction::Relative(_) | Direction::Absolute(_) => {
                return Err(self.goes_forward());
            }
        };
        Ok(self.go(ahead - 1, 1))
    }

    /// The rows to be passed over are; it goes on with those to take.
    pub fn resume(&mut self, take: i32) {
        self.to_take = Some(take);
    }

    fn go(&self, skip: i64, take: i64) -> Plan {
        if self.at_end {
            return Plan::Nothing { counted: 0 };
        }
        // The protocol counts to 2147483647; what is beyond is all there is.
        let bounded = |rows: i64| i32::try_from(rows).unwrap_or(i32::MAX);
        Plan::Go {
            skip: bounded(skip),
            take: if take == ALL_ROWS { 0 } else { bounded(take) },
        }
    }

    fn stay(&mut self, moves: bool) -> Result<Plan, ClientError> {
        let on_row = self.position > 0 && !self.at_end;
        if on_row && !moves {
            return Err(self.goes_forward());
        }
        Ok(Plan::Nothing {
            counted: u64::from(on_row),
        })
    }

    fn goes_forward(&mut self) -> ClientError {
        self.failed = true;
        let message = "cursor can only scan forward";
        ClientError::refused(OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Declare it with SCROLL option to enable backward scan.")
    }
}

impl Cursors {
    /// The cursor of that name, if it is the router's.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cursor> {
        self.own.get(name)
    }

    /// The same.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Cursor> {
        self.own.get_mut(name)
    }

    /// Whether a cursor with that number is left.
    #[must_use]
    pub fn has_number(&self, number: u64) -> bool {
        self.own.values().any(|cursor| cursor.number == number)
    }

    /// Whether the one of that number is a portal of the client's own.
    #[must_use]
    pub fn is_adopted(&self, number: u64) -> bool {
        let found = self.own.values().find(|cursor| cursor.number == number);
        found.is_some_and(|cursor| cursor.adopted.is_some())
    }

    /// Whether any is that ends with its transaction.
    #[must_use]
    pub fn any_within_transaction(&self) -> bool {
        self.own.values().any(|cursor| !cursor.hold)
    }

    /// Adds one that is being declared. Gives its number.
    ///
    /// # Errors
    /// When the name is taken, here or on the default backend, or there are too many.
    pub fn declare(
        &mut self,
        name: &str,
        key: &Arc<StatementKey>,
        bound: (&[u8], &[u8]),
        hold: bool,
    ) -> Result<u64, ClientError> {
        let coming = |(_, coming, _): &(u64, String, bool)| coming == name;
        if self.own.contains_key(name)
            || self.elsewhere.contains_key(name)
            || self.coming.iter().any(coming)
        {
            return Err(exists(name));
        }
        if self.own.len() >= CLIENT_PORTALS_MAX {
            return Err(ClientError::refused(
                CONFIGURATION_LIMIT,
                "too many cursors",
            ));
        }
        self.next += 1;
        let cursor = Cursor {
            number: self.next,
            key: Arc::clone(key),
            parameters: bound.0.into(),
            formats: bound.1.into(),
            hold,
            outlived: false,
            position: 0,
            at_end: false,
            failed: false,
            to_take: None,
            adopted: None,
            there: None,
            opened: None,
        };
        self.own.insert(name.to_owned(), cursor);
        Ok(self.next)
    }

    /// A portal that the client has bound by the protocol is moved by SQL, as asyncpg does. `ended`: it was run to its end. `there`: what it
    /// is called on its connection, where otherwise.
    pub fn adopt(
        &mut self,
        name: &str,
        key: &Arc<StatementKey>,
        ended: bool,
        there: Option<String>,
    ) {
        if !self.own.contains_key(name) && self.declare(name, key, (b"", b""), false).is_err() {
            return;
        }
        if let Some(cursor) = self.own.get_mut(name) {
            cursor.adopted = Some(name.to_owned());
            cursor.at_end = ended;
            cursor.there = there;
        }
    }

    /// The portal of the one of that number is bound.
    pub fn open(&mut self, number: u64, opened: Option<Arc<Opened>>) {
        if let Some(cursor) = self.by_number(number) {
            cursor.opened = opened;
        }
    }

    /// Takes one away.
    pub fn close(&mut self, name: &str) -> Option<Cursor> {
        self.own.remove(name)
    }

    /// Takes the one away whose declaration has failed, or whose connection is gone.
    pub fn lose(&mut self, number: u64) {
        self.own.retain(|_, cursor| cursor.number != number);
    }

    /// Takes all away that end with their transaction: their connection is gone.
    pub fn lose_within_transaction(&mut self) {
        self.own.retain(|_, cursor| cursor.hold);
    }

    /// The one of that number was given so many rows at once; `ended`: and has no more. Gives the client's own portal that it is.
    pub fn moved(&mut self, number: u64, rows: u64, ended: bool) -> Option<String> {
        let cursor = self.by_number(number)?;
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        cursor.position = cursor.position.saturating_add(rows);
        cursor.at_end |= ended;
        cursor.adopted.clone()
    }

    /// A statement of the one of that number has failed.
    pub fn fail(&mut self, number: u64) {
        if let Some(cursor) = self.by_number(number) {
            cursor.failed = true;
        }
    }

    fn by_number(&mut self, number: u64) -> Option<&mut Cursor> {
        self.own.values_mut().find(|cursor| cursor.number == number)
    }

    /// The transaction is over: those that are not held go, and if it was rolled back those that were declared in it, too.
    pub fn end_transaction(&mut self, rolled_back: bool) {
        self.savepoints.clear();
        self.own
            .retain(|_, cursor| cursor.hold && (cursor.outlived || !rolled_back));
        for cursor in self.own.values_mut() {
            cursor.outlived = true;
        }
        self.elsewhere.retain(|_, (held, _)| *held && !rolled_back);
    }

    /// A savepoint was made.
    pub fn savepoint(&mut self, name: &str) {
        self.savepoints.push((name.to_owned(), self.next));
    }

    /// A savepoint is no more; what was declared since stays.
    pub fn release(&mut self, name: &str) {
        if let Some(at) = self.find_savepoint(name) {
            self.savepoints.truncate(at);
        }
    }

    /// All since a savepoint is undone.
    pub fn rollback_to(&mut self, name: &str) {
        if let Some(at) = self.find_savepoint(name) {
            let next = self.savepoints.get(at).map_or(0, |(_, next)| *next);
            self.savepoints.truncate(at + 1);
            self.own.retain(|_, cursor| cursor.number <= next);
            self.elsewhere.retain(|_, (_, number)| *number <= next);
        }
    }

    fn find_savepoint(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(known, _)| known == name)
    }

    /// All are closed, on both sides.
    pub fn close_all(&mut self) {
        self.own.clear();
        self.elsewhere.clear();
    }

    /// A declaration was sent to the default backend, as the next message after `pushed`.
    pub fn send_elsewhere(&mut self, pushed: u64, name: &str, hold: bool) {
        if self.coming.len() < CLIENT_PORTALS_MAX {
            self.coming.push((pushed, name.to_owned(), hold));
        }
    }

    /// The default backend has run the declaration that is no later than message `number`.
    pub fn declared_elsewhere(&mut self, number: u64) {
        if let Some(at) = self.coming.iter().position(|(at, ..)| *at <= number) {
            let (_, name, hold) = self.coming.remove(at);
            self.next += 1;
            self.elsewhere.insert(name, (hold, self.next));
        }
    }

    /// A cursor of the default backend's is closed.
    pub fn closed_elsewhere(&mut self, name: &str) {
        self.elsewhere.remove(name);
    }

    /// What was sent there and is not known to have been run was not.
    pub fn settle(&mut self) {
        self.coming.clear();
    }
}

/// The portal of the cursor of that number.
#[must_use]
pub fn portal(number: u64) -> String {
    format!("{}c{number}", *PREFIX)
}

/// A name that is taken, in PostgreSQL's own words.
#[must_use]
pub fn exists(name: &str) -> ClientError {
    ClientError::refused(
        DUPLICATE_CURSOR,
        format!("cursor \"{name}\" already exists"),
    )
}

fn cannot_be_run(name: &str) -> ClientError {
    let message = format!("portal \"{name}\" cannot be run");
    ClientError::refused(OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

#[cfg(test)]
#[path = "cursors_tests.rs"]
mod tests;
