//! Which statements has the router prepared on one pooled connection, and under which names?
//!
//! A statement is known by its text and parameter types, never by the name a client gave it, so that clients which use the same
//! name for different statements can share a connection. The set is bounded; the least recently used is closed.

use std::sync::{Arc, LazyLock};

use foldhash::HashMap;

use super::adapted::Described;
use crate::limits::CONNECTION_STATEMENTS_MAX;

/// What makes two prepared statements the same: text and parameter types, both as sent, and the settings they were read under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatementKey {
    /// The statement's text.
    pub text: Box<[u8]>,
    /// Count and types as in `Parse`.
    pub types: Box<[u8]>,
    /// Which settings the text was read under: constants mean what `DateStyle` and `TimeZone` said then.
    pub settings: u64,
}

/// The statements on one connection.
#[derive(Debug, Default)]
pub struct PreparedSet {
    named: HashMap<Arc<StatementKey>, Slot>,
    /// What the connection's unnamed statement is.
    unnamed: Option<Arc<StatementKey>>,
    /// When that was prepared.
    unnamed_made: u64,
    /// Names that the server may still have a statement under.
    free: Vec<Arc<str>>,
    /// What the server has said of statements, and when.
    described: HashMap<Arc<StatementKey>, (u64, Arc<Described>)>,
    clock: u64,
    next_name: u64,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    used: u64,
    made: u64,
    shape: Option<u64>,
}

/// What must be sent before a statement can be used under `name`.
#[derive(Debug, PartialEq, Eq)]
pub struct Preparation {
    /// The name on this connection; empty for the unnamed statement.
    pub name: Arc<str>,
    /// `Parse` must be sent first.
    pub parse: bool,
    /// Before that, `Close` of the same name.
    pub close: bool,
}

impl PreparedSet {
    /// The name to use for a statement that clients prepared under a name. It must have been prepared no earlier than `not_before`, as
    /// its tables may have changed since; `now` is when it is prepared if it must be.
    pub fn prepare(&mut self, key: &Arc<StatementKey>, not_before: u64, now: u64) -> Preparation {
        self.clock += 1;
        let used = self.clock;
        if let Some(slot) = self.named.get_mut(key) {
            slot.used = used;
            let stale = slot.made < not_before;
            if stale {
                slot.made = now;
                slot.shape = None;
            }
            return Preparation {
                name: Arc::clone(&slot.name),
                parse: stale,
                close: stale,
            };
        }
        if self.named.len() >= CONNECTION_STATEMENTS_MAX {
            self.evict();
        }
        let reused = self.free.pop();
        let close = reused.is_some();
        let name = reused.unwrap_or_else(|| {
            self.next_name += 1;
            name(self.next_name)
        });
        let slot = Slot {
            name: Arc::clone(&name),
            used,
            made: now,
            shape: None,
        };
        self.named.insert(Arc::clone(key), slot);
        Preparation {
            name,
            parse: true,
            close,
        }
    }

    /// The same for a client's unnamed statement, which is not worth a name. `fresh`: it is prepared even if it is there.
    pub fn prepare_unnamed(
        &mut self,
        key: &Arc<StatementKey>,
        fresh: bool,
        now: u64,
    ) -> Preparation {
        let parse = fresh || self.unnamed.as_ref() != Some(key);
        if parse {
            self.unnamed_made = now;
        }
        self.unnamed = Some(Arc::clone(key));
        Preparation {
            name: Arc::default(),
            parse,
            close: false,
        }
    }

    /// Whether the unnamed statement was prepared before that.
    #[must_use]
    pub fn unnamed_is_older_than(&self, not_before: u64) -> bool {
        self.unnamed_made < not_before
    }

    /// Takes back a statement whose `Parse` failed or never ran, or which is of no use any more.
    pub fn forget(&mut self, key: &Arc<StatementKey>) {
        if let Some(slot) = self.named.remove(key) {
            self.free.push(slot.name);
        }
        if self.unnamed.as_ref() == Some(key) {
            self.unnamed = None;
        }
    }

    /// The connection's unnamed statement is gone: a `Query` drops it.
    pub fn forget_unnamed(&mut self) {
        self.unnamed = None;
    }

    /// The server was told to forget all of them, and perhaps has.
    pub fn forget_all(&mut self) {
        self.unnamed = None;
        self.free
            .extend(self.named.drain().map(|(_, slot)| slot.name));
    }

    /// Whether the statement is prepared under a name.
    #[must_use]
    pub fn holds(&self, key: &Arc<StatementKey>) -> bool {
        self.named.contains_key(key)
    }

    /// What the server said that its rows look like, since it was prepared; see [`crate::protocol::backend::row_shape`].
    #[must_use]
    pub fn shape_of(&self, key: &Arc<StatementKey>) -> Option<u64> {
        self.named.get(key).and_then(|slot| slot.shape)
    }

    /// The server has said what a statement's rows look like.
    pub fn learn_shape(&mut self, key: &Arc<StatementKey>, shape: u64) {
        if let Some(slot) = self.named.get_mut(key) {
            slot.shape = Some(shape);
        }
    }

    /// What the server has said of a statement, no earlier than `not_before`.
    #[must_use]
    pub fn described(&self, key: &Arc<StatementKey>, not_before: u64) -> Option<Arc<Described>> {
        let (when, described) = self.described.get(key)?;
        (*when >= not_before).then(|| Arc::clone(described))
    }

    /// The server has told a statement's parameters or its columns, at `now`.
    pub fn describe(&mut self, key: &Arc<StatementKey>, described: Described, now: u64) {
        if self.described.len() >= CONNECTION_STATEMENTS_MAX {
            self.described.clear();
        }
        let described = Arc::new(described);
        self.described.insert(Arc::clone(key), (now, described));
    }

    /// The names that the server may have statements under, all of which are to be closed now.
    pub fn take_names(&mut self) -> Vec<Arc<str>> {
        self.unnamed = None;
        let named = self.named.drain().map(|(_, slot)| slot.name);
        named.chain(self.free.drain(..)).collect()
    }

    /// The server has told what a statement's parameters are: it is known with them from now on.
    pub fn rekey(&mut self, from: &Arc<StatementKey>, to: &Arc<StatementKey>) {
        if let Some(slot) = self.named.remove(from) {
            let before = self.named.insert(Arc::clone(to), slot);
            self.free.extend(before.map(|slot| slot.name));
        }
    }

    fn evict(&mut self) {
        let oldest = self.named.iter().min_by_key(|(_, slot)| slot.used);
        if let Some(key) = oldest.map(|(key, _)| Arc::clone(key)) {
            self.forget(&key);
        }
    }
}

/// What the names on shared connections begin with. No client can guess it, so none can use them by SQL.
pub static PREFIX: LazyLock<String> =
    LazyLock::new(|| format!("tidegate_{:016x}_", rand::random::<u64>()));

fn name(number: u64) -> Arc<str> {
    format!("{}{number}", *PREFIX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<StatementKey> {
        Arc::new(StatementKey {
            text: text.as_bytes().into(),
            types: Box::new([0, 0]),
            settings: 0,
        })
    }

    #[test]
    fn a_statement_is_prepared_once_and_under_one_name() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("select 1"), 0, 1);
        assert!(first.parse && !first.close && !first.name.is_empty());
        let again = set.prepare(&key("select 1"), 1, 2);
        assert_eq!((again.parse, &again.name), (false, &first.name));
        assert_ne!(set.prepare(&key("select 2"), 0, 3).name, first.name);
    }

    #[test]
    fn one_prepared_before_the_client_asked_is_prepared_again_under_its_name() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("select 1"), 0, 1);
        let again = set.prepare(&key("select 1"), 5, 6);
        assert!(again.parse && again.close && again.name == first.name);
        assert!(!set.prepare(&key("select 1"), 6, 7).parse);
    }

    #[test]
    fn a_name_whose_statement_may_still_be_there_is_closed_before_it_is_used_again() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("select 1"), 0, 1).name;
        set.forget(&key("select 1"));
        let other = set.prepare(&key("select 2"), 0, 2);
        assert!(other.parse && other.close && other.name == first);
        set.forget_all();
        assert!(!set.holds(&key("select 2")));
        assert!(set.prepare(&key("select 2"), 0, 3).close);
    }

    #[test]
    fn the_unnamed_statement_is_whatever_was_parsed_last() {
        let mut set = PreparedSet::default();
        assert!(set.prepare_unnamed(&key("a"), false, 1).parse);
        assert!(!set.prepare_unnamed(&key("a"), false, 1).parse);
        assert!(set.prepare_unnamed(&key("a"), true, 1).parse);
        assert!(set.prepare_unnamed(&key("b"), false, 1).parse);
        assert!(set.prepare_unnamed(&key("a"), false, 1).parse);
        set.forget_unnamed();
        assert!(set.prepare_unnamed(&key("a"), false, 2).parse);
        assert!(set.unnamed_is_older_than(3) && !set.unnamed_is_older_than(2));
    }

    #[test]
    fn the_set_is_bounded_and_evicts_the_least_recently_used() {
        let mut set = PreparedSet::default();
        let first = set.prepare(&key("0"), 0, 1).name;
        let second = set.prepare(&key("1"), 0, 1).name;
        for i in 2..CONNECTION_STATEMENTS_MAX {
            assert!(!set.prepare(&key(&i.to_string()), 0, 1).close);
        }
        set.prepare(&key("0"), 0, 1);
        let more = set.prepare(&key("one more"), 0, 1);
        assert!(more.close && more.name == second && more.name != first);
        assert!(!set.prepare(&key("0"), 0, 1).parse);
    }
}
