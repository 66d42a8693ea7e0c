//! Which statements has the router prepared on one pooled connection, and under which names?
//!
//! A statement is known by its text and parameter types, never by the name a client gave it, so that clients which use the same
//! name for different statements can share a connection. The set is bounded; the least recently used is closed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::CONNECTION_STATEMENTS_MAX;

/// What makes two prepared statements the same: text and parameter types, both as sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatementKey {
    /// The statement's text.
    pub text: Box<[u8]>,
    /// Count and types as in `Parse`.
    pub types: Box<[u8]>,
}

/// The statements on one connection.
#[derive(Debug, Default)]
pub struct PreparedSet {
    named: HashMap<Arc<StatementKey>, Slot>,
    /// What the connection's unnamed statement is.
    unnamed: Option<Arc<StatementKey>>,
    clock: u64,
    next_name: u64,
}

#[derive(Debug)]
struct Slot {
    name: u64,
    used: u64,
}

/// What must be sent before a statement can be used under `name`.
#[derive(Debug, PartialEq, Eq)]
pub struct Preparation {
    /// The name on this connection; empty for the unnamed statement.
    pub name: String,
    /// `Parse` must be sent first.
    pub parse: bool,
    /// This one must be closed first.
    pub evict: Option<String>,
}

impl PreparedSet {
    /// The name to use for a statement that clients prepared under a name.
    pub fn prepare(&mut self, key: &Arc<StatementKey>) -> Preparation {
        self.clock += 1;
        let used = self.clock;
        if let Some(slot) = self.named.get_mut(key) {
            slot.used = used;
            return Preparation {
                name: name(slot.name),
                parse: false,
                evict: None,
            };
        }
        let evict = (self.named.len() >= CONNECTION_STATEMENTS_MAX)
            .then(|| self.evict())
            .flatten();
        self.next_name += 1;
        self.named.insert(
            Arc::clone(key),
            Slot {
                name: self.next_name,
                used,
            },
        );
        Preparation {
            name: name(self.next_name),
            parse: true,
            evict,
        }
    }

    /// The same for a client's unnamed statement, which is not worth a name.
    pub fn prepare_unnamed(&mut self, key: &Arc<StatementKey>) -> Preparation {
        let parse = self.unnamed.as_ref() != Some(key);
        self.unnamed = Some(Arc::clone(key));
        Preparation {
            name: String::new(),
            parse,
            evict: None,
        }
    }

    /// Takes back a statement whose `Parse` failed or never ran.
    pub fn forget(&mut self, key: &Arc<StatementKey>) {
        self.named.remove(key);
        if self.unnamed.as_ref() == Some(key) {
            self.unnamed = None;
        }
    }

    /// The connection's unnamed statement is gone: a `Query` drops it.
    pub fn forget_unnamed(&mut self) {
        self.unnamed = None;
    }

    /// Whether the statement is prepared under a name.
    #[must_use]
    pub fn holds(&self, key: &Arc<StatementKey>) -> bool {
        self.named.contains_key(key)
    }

    fn evict(&mut self) -> Option<String> {
        let oldest = self.named.iter().min_by_key(|(_, slot)| slot.used)?;
        let key = Arc::clone(oldest.0);
        self.named.remove(&key).map(|slot| name(slot.name))
    }
}

fn name(number: u64) -> String {
    format!("tidegate_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<StatementKey> {
        Arc::new(StatementKey {
            text: text.as_bytes().into(),
            types: Box::new([0, 0]),
        })
    }

    #[test]
    fn a_statement_is_prepared_once_and_under_one_name() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("select 1"));
        assert!(first.parse && !first.name.is_empty());
        let again = set.prepare(&key("select 1"));
        assert_eq!((again.parse, &again.name), (false, &first.name));
        assert_ne!(set.prepare(&key("select 2")).name, first.name);
        set.forget(&key("select 1"));
        assert!(set.prepare(&key("select 1")).parse);
    }

    #[test]
    fn the_unnamed_statement_is_whatever_was_parsed_last() {
        let mut set = PreparedSet::default();
        assert!(set.prepare_unnamed(&key("a")).parse);
        assert!(!set.prepare_unnamed(&key("a")).parse);
        assert!(set.prepare_unnamed(&key("b")).parse);
        assert!(set.prepare_unnamed(&key("a")).parse);
        set.forget_unnamed();
        assert!(set.prepare_unnamed(&key("a")).parse);
    }

    #[test]
    fn the_set_is_bounded_and_evicts_the_least_recently_used() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("0")).name;
        for i in 1..CONNECTION_STATEMENTS_MAX {
            assert_eq!(set.prepare(&key(&i.to_string())).evict, None);
        }
        set.prepare(&key("0"));
        let evicted = set.prepare(&key("one more")).evict.unwrap();
        assert_ne!(evicted, first);
        assert!(!set.prepare(&key("0")).parse);
    }
}
