//! What has a client prepared and bound, and where does each live?
//!
//! The default backend knows a session's statements by the client's own names; an analytic connection, which is shared, knows
//! them by text. This is the map between the two, bounded; what is not in it is the default backend's business.

use std::collections::HashMap;
use std::sync::Arc;

use super::local::LocalCommand;
use super::pipeline::Side;
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
    /// The default backend has it under the client's name.
    pub on_oltp: bool,
    /// The router answers it.
    pub local: Option<LocalCommand>,
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
    },
    /// The router answers it.
    Local(LocalCommand),
}

/// A client's statements and portals.
#[derive(Debug)]
pub struct Statements {
    max: usize,
    statements: HashMap<Box<[u8]>, ClientStatement>,
    portals: HashMap<Box<[u8]>, Portal>,
}

impl Statements {
    /// None yet, and never more than `max` statements.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max,
            statements: HashMap::new(),
            portals: HashMap::new(),
        }
    }

    /// Remembers a statement under the client's name. Beyond the bound it is the default backend's alone.
    pub fn insert(&mut self, name: &[u8], statement: ClientStatement) {
        if self.statements.len() < self.max || self.statements.contains_key(name) {
            self.statements.insert(name.into(), statement);
        }
    }

    /// The statement of that name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&ClientStatement> {
        self.statements.get(name)
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

    /// Forgets all statements (`DEALLOCATE ALL`, `DISCARD ALL`).
    pub fn clear(&mut self) {
        self.statements.clear();
    }

    /// Remembers a portal.
    pub fn open(&mut self, name: &[u8], portal: Portal) {
        if self.portals.len() < CLIENT_PORTALS_MAX || self.portals.contains_key(name) {
            self.portals.insert(name.into(), portal);
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
