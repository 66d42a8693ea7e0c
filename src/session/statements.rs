//! What has a client prepared and bound, and where does each live?
//!
//! The default backend knows a session's statements by the client's own names; an analytic connection, which is shared, knows
//! them by text. This is the map between the two, bounded; what is not in it is the default backend's business.

use std::sync::Arc;

use super::adapted::{Adapted, Opened};
use super::local::LocalCommand;
use super::names::Names;
use super::pipeline::{Side, Undo};
use super::prepared::StatementKey;
use crate::limits::CLIENT_PORTALS_MAX;
use crate::sql::StatementFacts;

/// A statement that a client has prepared.
#[derive(Debug, Clone)]
pub struct ClientStatement {
    /// Text and parameter types.
    pub key: Arc<StatementKey>,
    /// What it does.
    pub facts: Arc<StatementFacts>,
    /// What the client calls it.
    pub name: Arc<[u8]>,
    /// When it was prepared, as a number that only grows.
    pub parsed: u64,
    /// What had been sent to backends before, see [`super::pipeline::Pipeline::pushed`].
    pub after: u64,
    /// What the client was told that its rows look like.
    pub shape: Option<u64>,
    /// How an engine that takes fewer forms is sent it, once it was.
    pub adapted: Option<Arc<Adapted>>,
    /// The default backend has it under the client's name.
    pub on_oltp: bool,
    /// The router answers it.
    pub local: Option<LocalCommand>,
}

/// How far a portal on a backend was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// Not at all, or not to its end.
    Open,
    /// By the Execute that was sent as this number, see [`super::pipeline::Pipeline::pushed`].
    Sent(u64),
    /// To its end.
    Ended,
}

/// What follows the names in a Bind.
#[derive(Debug)]
pub struct Bound {
    /// Formats and values of parameters.
    pub values: Box<[u8]>,
    /// Formats of the rows.
    pub formats: Box<[u8]>,
}

/// What a portal was made of.
#[derive(Debug, Clone)]
pub enum Portal {
    /// It is open on a backend.
    Remote {
        /// Which.
        side: Side,
        /// What its statement does.
        facts: Arc<StatementFacts>,
        /// Its statement.
        key: Arc<StatementKey>,
        /// Whether it was run there.
        ran: Ran,
        /// What was changed for the engine.
        opened: Option<Arc<Opened>>,
    },
    /// The router runs it in steps.
    Stepped {
        /// What its statement does.
        facts: Arc<StatementFacts>,
        /// Its statement.
        key: Arc<StatementKey>,
        /// What came with its Bind.
        bound: Arc<Bound>,
    },
    /// The router answers it.
    Local(LocalCommand),
    /// The router has answered it.
    Done,
}

/// A client's statements and portals.
#[derive(Debug)]
pub struct Statements {
    max: usize,
    statements: Names<ClientStatement>,
    portals: Names<Portal>,
}

impl Statements {
    /// None yet, and never more than `max` statements.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max,
            statements: Names::default(),
            portals: Names::default(),
        }
    }

    /// Whether one more name can be remembered.
    #[must_use]
    pub fn has_room_for(&self, name: &[u8]) -> bool {
        self.statements.len() < self.max || self.statements.contains_key(name)
    }

    /// Remembers a statement under the client's name. Beyond the bound it is the default backend's alone.
    /// Returns what it was before.
    pub fn insert(&mut self, name: &[u8], statement: ClientStatement) -> Option<ClientStatement> {
        if self.has_room_for(name) {
            self.statements.insert(name, statement)
        } else {
            None
        }
    }

    /// A message that has changed a statement is not run after all.
    pub fn undo(&mut self, undo: Undo) {
        let newer = |now: &ClientStatement| now.parsed > undo.at;
        if self.statements.get(&undo.name).is_some_and(newer) {
            return;
        }
        match undo.before {
            Some(before) => drop(self.statements.insert(&undo.name, *before)),
            None => drop(self.statements.remove(&undo.name)),
        }
    }

    /// The statement of that name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&ClientStatement> {
        self.statements.get(name)
    }

    /// The statement is known by another key from now on.
    pub fn rekey(&mut self, name: &[u8], key: &Arc<StatementKey>) {
        if let Some(statement) = self.statements.get_mut(name) {
            statement.key = Arc::clone(key);
        }
    }

    /// The client is told what a statement's rows look like.
    pub fn learn_shape(&mut self, name: &[u8], key: &Arc<StatementKey>, shape: u64) {
        let found = self.statements.get_mut(name);
        if let Some(statement) = found.filter(|statement| statement.key == *key) {
            statement.shape = Some(shape);
        }
    }

    /// How an engine is sent the statement of that name.
    pub fn adapt(&mut self, name: &[u8], key: &Arc<StatementKey>, adapted: &Arc<Adapted>) {
        let found = self.statements.get_mut(name);
        if let Some(statement) = found.filter(|statement| statement.key == *key) {
            statement.adapted = Some(Arc::clone(adapted));
        }
    }

    /// What was changed for the engine that a portal is open on.
    pub fn adapt_portal(&mut self, name: &[u8], how: Option<Arc<Opened>>) {
        if let Some(Portal::Remote { opened, .. }) = self.portals.get_mut(name) {
            *opened = how;
        }
    }

    /// All statements with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &ClientStatement)> {
        self.statements.iter()
    }

    /// Marks a statement as prepared on the default backend too.
    pub fn mark_on_oltp(&mut self, name: &[u8]) {
        if let Some(statement) = self.statements.get_mut(name) {
            statement.on_oltp = true;
        }
    }

    /// Forgets a statement.
    pub fn remove(&mut self, name: &[u8]) -> Option<ClientStatement> {
        self.statements.remove(name)
    }

    /// Forgets all named statements but those prepared after that was sent (`DEALLOCATE ALL`, `DISCARD ALL`).
    pub fn clear_before(&mut self, sent: u64) {
        self.statements
            .retain_named(|statement| statement.after >= sent);
    }

    /// Remembers a portal.
    pub fn open(&mut self, name: &[u8], portal: Portal) {
        if self.portals.len() < CLIENT_PORTALS_MAX || self.portals.contains_key(name) {
            self.portals.insert(name, portal);
        }
    }

    /// An Execute of a portal was sent as this number.
    pub fn execute(&mut self, name: &[u8], number: u64) {
        if let Some(Portal::Remote { ran, .. }) = self.portals.get_mut(name) {
            *ran = Ran::Sent(number);
        }
    }

    /// The Execute that was sent as this number has run its portal to its end, or as far as it asked for.
    pub fn executed(&mut self, number: u64, ended: bool) {
        for portal in self.portals.values_mut() {
            if let Portal::Remote { ran, .. } = portal
                && *ran == Ran::Sent(number)
            {
                *ran = if ended { Ran::Ended } else { Ran::Open };
            }
        }
    }

    /// A portal was run to its end.
    pub fn run_out(&mut self, name: &[u8]) {
        if let Some(Portal::Remote { ran, .. }) = self.portals.get_mut(name) {
            *ran = Ran::Ended;
        }
    }

    /// The portal of that name.
    #[must_use]
    pub fn portal(&self, name: &[u8]) -> Option<&Portal> {
        self.portals.get(name)
    }

    /// Forgets a portal.
    pub fn close(&mut self, name: &[u8]) -> Option<Portal> {
        self.portals.remove(name)
    }

    /// Forgets all portals: the transaction they lived in is over.
    pub fn close_all(&mut self) {
        self.portals.clear();
    }

    /// Whether any portal is remembered.
    #[must_use]
    pub fn has_portals(&self) -> bool {
        !self.portals.is_empty()
    }
}
