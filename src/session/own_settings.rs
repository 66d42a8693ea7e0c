//! Which settings of an analytic engine's own has the session set?
//!
//! PostgreSQL knows nothing of them, so the router keeps them: each is tried on an analytic connection when it is set, put on whichever connection the
//! session reads on next, and taken off it before another session does. In a transaction they are undone as any setting is.

use std::collections::BTreeMap;

use super::Session;
use super::local::LocalCommand;
use crate::error::ClientError;
use crate::protocol::compose;
use crate::protocol::sqlstate::NO_ACTIVE_TRANSACTION;
use crate::routing::own_setting;
use crate::sql::{SessionEffect, StatementFacts};

/// Values as they were written, by name.
type Values = BTreeMap<&'static str, Box<str>>;

/// A session's settings of engines' own.
#[derive(Debug, Default)]
pub struct OwnSettings {
    values: Values,
    scope: Option<Scope>,
    savepoints: Vec<Savepoint>,
}

/// What they become at the end of the transaction that has set some.
#[derive(Debug)]
struct Scope {
    /// After a rollback.
    before: Values,
    /// After a commit.
    after: Values,
}

/// What they were when a savepoint was made.
#[derive(Debug)]
struct Savepoint {
    name: Box<str>,
    values: Values,
    /// What a commit would have made of them, where that was anything else.
    after: Option<Values>,
}

impl OwnSettings {
    /// Sets one, or with `None` resets it. `local`: until the end of the transaction.
    pub fn set(
        &mut self,
        name: &'static str,
        value: Option<&str>,
        local: bool,
        in_transaction: bool,
    ) {
        if in_transaction {
            self.scope();
        }
        change(&mut self.values, name, value);
        if let Some(scope) = self.scope.as_mut().filter(|_| !local) {
            change(&mut scope.after, name, value);
        }
    }

    /// Resets all.
    pub fn reset(&mut self, in_transaction: bool) {
        if in_transaction {
            self.scope().after.clear();
        }
        self.values.clear();
    }

    /// A savepoint is made.
    pub fn savepoint(&mut self, name: &str) {
        self.savepoints.push(Savepoint {
            name: name.into(),
            values: self.values.clone(),
            after: self.scope.as_ref().map(|scope| scope.after.clone()),
        });
    }

    /// One is released, and with it those made since.
    pub fn release(&mut self, name: &str) {
        if let Some(at) = self.place_of(name) {
            self.savepoints.truncate(at);
        }
    }

    /// What was set since one was made is undone.
    pub fn rollback_to(&mut self, name: &str) {
        let Some(at) = self.place_of(name) else {
            return;
        };
        self.savepoints.truncate(at + 1);
        let savepoint = &self.savepoints[at];
        self.values.clone_from(&savepoint.values);
        if let Some(scope) = self.scope.as_mut() {
            scope.after = match &savepoint.after {
                Some(after) => after.clone(),
                None => savepoint.values.clone(),
            };
        }
    }

    /// There is no transaction that could have any.
    pub fn forget_savepoints(&mut self) {
        self.savepoints.clear();
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|made| *made.name == *name)
    }

    /// The transaction is over.
    pub fn end_transaction(&mut self, rolled_back: bool) {
        self.savepoints.clear();
        if let Some(scope) = self.scope.take() {
            self.values = if rolled_back {
                scope.before
            } else {
                scope.after
            };
        }
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, value)| (*name, &**value))
    }

    /// Whether one is set.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    fn scope(&mut self) -> &mut Scope {
        let values = &self.values;
        self.scope.get_or_insert_with(|| Scope {
            before: values.clone(),
            after: values.clone(),
        })
    }
}

fn change(values: &mut Values, name: &'static str, value: Option<&str>) {
    match value {
        Some(value) => drop(values.insert(name, value.into())),
        None => drop(values.remove(name)),
    }
}

/// A setting that is tried on an analytic connection.
#[derive(Debug)]
pub(super) struct Tried {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is set to, as written.
    pub(super) value: Box<str>,
    /// `SET LOCAL`
    pub(super) local: bool,
}

impl Session {
    /// The command that a statement is if it sets or resets a setting of an engine's own.
    pub(super) fn own_command(&self, facts: &StatementFacts, text: &[u8]) -> Option<LocalCommand> {
        let (name, value, local) = match &facts.session {
            SessionEffect::Set { name, value, local } => (name, value.as_ref(), *local),
            SessionEffect::Reset(Some(name)) => (name, None, false),
            _ => return None,
        };
        let (_, name) = own_setting(name, &self.snapshot.table)?;
        Some(match value {
            Some(_) => LocalCommand::Define(text.to_vec()),
            None => LocalCommand::ResetOwn {
                name,
                local,
                kind: facts.kind,
            },
        })
    }

    /// The setting that a statement tries, if it does.
    pub(super) fn tried(&self, facts: &StatementFacts) -> Option<Tried> {
        let SessionEffect::Set {
            name,
            value: Some(value),
            local,
        } = &facts.session
        else {
            return None;
        };
        let (_, name) = own_setting(name, &self.snapshot.table)?;
        Some(Tried {
            name,
            value: value.as_str().into(),
            local: *local,
        })
    }

    /// The engine has taken a setting.
    pub(super) fn set_own(&mut self, name: &'static str, value: Option<&str>, local: bool) {
        let several = self.script.as_ref().is_some_and(|script| script.several);
        let in_transaction = self.status == b'T' || self.batch.began || several;
        if local && !in_transaction {
            let message = "SET LOCAL can only be used in transaction blocks";
            let warning = ClientError::refused(NO_ACTIVE_TRANSACTION, message);
            compose::put_notice(&mut self.client.out, "WARNING", &warning);
        } else {
            self.own_settings.set(name, value, local, in_transaction);
        }
    }

    /// The statements that set them on an analytic connection of `backend`.
    pub(super) fn put_own_settings(&self, backend: usize, text: &mut String) {
        let Some(backend) = self.snapshot.backends.get(backend) else {
            return;
        };
        for (name, value) in self.own_settings.iter() {
            if backend.dialect.own_setting(name).is_some() {
                text.push_str(&format!("; SET {name} TO {value}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OwnSettings;

    fn shown(settings: &OwnSettings) -> String {
        let each = settings
            .iter()
            .map(|(name, value)| format!("{name}={value} "));
        each.collect()
    }

    #[test]
    fn a_transaction_undoes_what_was_set_in_it() {
        let mut own = OwnSettings::default();
        own.set("a", Some("1"), false, false);
        own.set("a", Some("2"), false, true);
        own.set("b", Some("3"), true, true);
        assert_eq!(shown(&own), "a=2 b=3 ");
        own.end_transaction(true);
        assert_eq!(shown(&own), "a=1 ");
        own.set("a", Some("2"), false, true);
        own.set("b", Some("3"), true, true);
        own.end_transaction(false);
        assert_eq!(shown(&own), "a=2 ");
        own.reset(true);
        assert_eq!(shown(&own), "");
        own.end_transaction(true);
        assert_eq!(shown(&own), "a=2 ");
        own.set("a", None, false, false);
        assert_eq!(shown(&own), "");
    }
    #[test]
    fn a_savepoint_undoes_what_was_set_since() {
        let mut own = OwnSettings::default();
        own.set("a", Some("1"), false, false);
        own.savepoint("s");
        own.set("a", Some("2"), false, true);
        own.savepoint("t");
        own.set("a", Some("3"), true, true);
        own.rollback_to("t");
        assert_eq!(shown(&own), "a=2 ");
        own.set("b", Some("4"), false, true);
        own.release("t");
        own.rollback_to("t");
        assert_eq!(shown(&own), "a=2 b=4 ");
        own.rollback_to("s");
        own.rollback_to("s");
        assert_eq!(shown(&own), "a=1 ");
        own.end_transaction(false);
        assert_eq!(shown(&own), "a=1 ");
        own.rollback_to("s");
        assert_eq!(shown(&own), "a=1 ");
        // One outside of a transaction is none.
        own.savepoint("u");
        own.forget_savepoints();
        own.set("a", Some("5"), false, false);
        own.rollback_to("u");
        assert_eq!(shown(&own), "a=5 ");
    }
}
