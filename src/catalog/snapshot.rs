//! What did the backends hold when they were last asked?

use foldhash::{HashMap, HashSet};

use super::details::{Details, Origin};
use crate::sql::RelationName;

/// What kind of relation a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelationKind {
    /// A table, partitioned or not.
    Table,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    ForeignTable,
    /// A sequence.
    Sequence,
    /// A RisingWave source.
    Source,
    /// A RisingWave sink.
    Sink,
    /// An index.
    Index,
}

impl RelationKind {
    /// Every kind, for metrics that must show zeros too.
    pub const ALL: [RelationKind; 8] = [
        RelationKind::Table,
        RelationKind::View,
        RelationKind::MaterializedView,
        RelationKind::ForeignTable,
        RelationKind::Sequence,
        RelationKind::Source,
        RelationKind::Sink,
        RelationKind::Index,
    ];

    /// The word used in metrics and the status page.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized_view",
            RelationKind::ForeignTable => "foreign_table",
            RelationKind::Sequence => "sequence",
            RelationKind::Source => "source",
            RelationKind::Sink => "sink",
            RelationKind::Index => "index",
        }
    }
}

/// One backend's relations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendCatalog {
    schemas: HashMap<Box<str>, HashMap<Box<str>, RelationKind>>,
    names: HashSet<Box<str>>,
    /// Tables that mirror one of another database, as `schema.name`.
    mirrors: HashSet<Box<str>>,
    /// User functions of which every overload is immutable or stable, as `schema.name`.
    stable_functions: HashSet<Box<str>>,
    /// Bare names of user functions that may write. One may hide a function of the same name that does not.
    writing_functions: HashSet<Box<str>>,
    /// Bare names of user functions that may leave something in the session, and whether what they leave is listed nowhere.
    leaving_functions: HashMap<Box<str>, bool>,
    /// The same of relations whose triggers do.
    leaving_relations: HashMap<Box<str>, bool>,
    /// What is known beyond names, by schema and name.
    details: HashMap<Box<str>, HashMap<Box<str>, Details>>,
    /// How many of them say that the relation cannot be read yet.
    unready: usize,
    /// Why nothing can be read now, although the backend answers.
    recovering: Option<Box<str>>,
    /// Replication slots of this database, where they could be asked for.
    pub(super) slots: Option<HashSet<Box<str>>>,
    /// Tables that hold how far a first copy is, of copies that are done.
    pub(super) copied: HashSet<Box<str>>,
    /// What could not be asked, and why.
    pub gaps: Vec<String>,
    count: usize,
}

impl BackendCatalog {
    /// Adds a relation.
    pub fn insert(&mut self, schema: &str, name: &str, kind: RelationKind) {
        let relations = self.schemas.entry(schema.into()).or_default();
        if relations.insert(name.into(), kind).is_none() {
            self.count += 1;
        }
        self.names.insert(name.into());
    }

    /// Adds a table that mirrors one of another database.
    pub fn insert_mirror(&mut self, schema: &str, name: &str) {
        self.insert(schema, name, RelationKind::Table);
        self.mirrors.insert(format!("{schema}.{name}").into());
    }

    /// Whether a relation mirrors a table of another database.
    #[must_use]
    pub fn is_mirror(&self, schema: &str, name: &str) -> bool {
        self.mirrors.contains(format!("{schema}.{name}").as_str())
    }

    /// Adds a user function; `stable` when no function of that name in that schema writes.
    pub fn insert_function(&mut self, schema: &str, name: &str, stable: bool) {
        if stable {
            self.stable_functions
                .insert(format!("{schema}.{name}").into());
        } else {
            self.writing_functions.insert(name.into());
        }
    }

    /// Adds a function, or a relation with a trigger, that may leave something in the session. `hides`: what it leaves is listed nowhere.
    pub fn insert_leaving(&mut self, relation: bool, name: &str, hides: bool) {
        let known = if relation {
            &mut self.leaving_relations
        } else {
            &mut self.leaving_functions
        };
        known.insert(name.into(), hides);
    }

    /// Whether a function of that name may leave something in the session, and if so whether it is listed nowhere.
    #[must_use]
    pub fn function_leaves(&self, name: &str) -> Option<bool> {
        self.leaving_functions.get(name).copied()
    }

    /// The same of a relation's triggers.
    #[must_use]
    pub fn relation_leaves(&self, name: &str) -> Option<bool> {
        self.leaving_relations.get(name).copied()
    }

    /// Whether some user function of that name may write.
    #[must_use]
    pub fn may_write(&self, function: &str) -> bool {
        self.writing_functions.contains(function)
    }

    /// Whether a function of that schema is known not to write.
    #[must_use]
    pub fn is_stable_function(&self, schema: &str, name: &str) -> bool {
        self.stable_functions
            .contains(format!("{schema}.{name}").as_str())
    }

    /// What is known of a relation beyond its kind, if anything is.
    #[must_use]
    pub fn details(&self, schema: &str, name: &str) -> Option<&Details> {
        self.details.get(schema)?.get(name)
    }

    /// The same, to add to.
    pub fn details_mut(&mut self, schema: &str, name: &str) -> &mut Details {
        let of_schema = self.details.entry(schema.into()).or_default();
        of_schema.entry(name.into()).or_default()
    }

    /// All that is known beyond names.
    pub fn all_details(&self) -> impl Iterator<Item = (&str, &str, &Details)> {
        self.details.iter().flat_map(|(schema, of_schema)| {
            let known = of_schema.iter();
            known.map(move |(name, details)| (&**schema, &**name, details))
        })
    }

    pub(super) fn origins_mut(&mut self) -> impl Iterator<Item = &mut Origin> {
        let details = self.details.values_mut().flat_map(HashMap::values_mut);
        details.filter_map(|details| details.origin.as_mut())
    }

    /// Takes note that a relation cannot be read yet. The first reason stays.
    pub fn mark_unready(&mut self, schema: &str, name: &str, why: &str) {
        let details = self.details_mut(schema, name);
        if details.unready.is_none() {
            details.unready = Some(why.into());
            self.unready += 1;
        }
    }

    /// Takes note that nothing can be read now.
    pub fn mark_recovering(&mut self, why: &str) {
        self.recovering = Some(why.into());
    }

    /// Puts lists in order, and lets views wait for what they read.
    pub fn settle_details(&mut self) {
        for details in self.details.values_mut().flat_map(HashMap::values_mut) {
            details.over.sort_unstable();
            details.over.dedup();
            details.key.sort_unstable();
        }
        loop {
            let waiting: Vec<(Box<str>, Box<str>, String)> = self
                .all_details()
                .filter(|(_, _, details)| details.unready.is_none())
                .filter_map(|(schema, name, details)| {
                    let mut over = details.over.iter();
                    let base = over.find(|base| {
                        let base = self.details(&base.schema, &base.name);
                        base.is_some_and(|base| base.unready.is_some())
                    })?;
                    let why = format!("it reads {base}, which is not ready");
                    Some((schema.into(), name.into(), why))
                })
                .collect();
            if waiting.is_empty() {
                return;
            }
            for (schema, name, why) in waiting {
                self.mark_unready(&schema, &name, &why);
            }
        }
    }

    /// Why a relation cannot be read now, if it cannot.
    #[must_use]
    pub fn unready(&self, schema: &str, name: &str) -> Option<&str> {
        if let Some(why) = &self.recovering {
            return Some(why);
        }
        if self.unready == 0 {
            return None;
        }
        self.details(schema, name)?.unready.as_deref()
    }

    /// The columns of a table's key, where they are known. Without a schema only one table may have that name.
    #[must_use]
    pub fn key_of(&self, relation: &RelationName) -> Option<&[Box<str>]> {
        let RelationName { schema, name } = relation;
        let mut schemas = self.schemas.iter().filter(|(known, relations)| {
            schema.as_ref().is_none_or(|schema| **schema == ***known)
                && relations.contains_key(name.as_str())
        });
        let (schema, _) = schemas.next().filter(|_| schemas.next().is_none())?;
        Some(&self.details(schema, name)?.key)
    }

    /// How many relations cannot be read now.
    #[must_use]
    pub fn count_unready(&self) -> usize {
        if self.recovering.is_some() {
            self.count
        } else {
            self.unready
        }
    }

    /// Relations that cannot be read now and why, in order; one line for all of them while the backend recovers.
    #[must_use]
    pub fn list_unready(&self) -> Vec<String> {
        if let Some(why) = &self.recovering {
            return vec![why.to_string()];
        }
        let all = self.all_details();
        let mut found: Vec<String> = all
            .filter_map(|(schema, name, details)| {
                let why = details.unready.as_ref()?;
                Some(format!("{schema}.{name}: {why}"))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// The kind of a relation, if it exists.
    #[must_use]
    pub fn kind(&self, schema: &str, name: &str) -> Option<RelationKind> {
        self.schemas.get(schema)?.get(name).copied()
    }

    /// Whether any schema has a relation of that name.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether the schema holds anything.
    #[must_use]
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.contains_key(schema)
    }

    /// How many relations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every relation, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, RelationKind)> {
        self.schemas.iter().flat_map(|(schema, relations)| {
            relations
                .iter()
                .map(move |(name, kind)| (&**schema, &**name, *kind))
        })
    }
}

/// All backends' relations, by the backend's index in the configuration; `None` where a backend was never read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// One entry for each backend.
    pub backends: Vec<Option<BackendCatalog>>,
}

impl Catalog {
    /// A catalog that knows nothing of any of `count` backends.
    #[must_use]
    pub fn unknown(count: usize) -> Self {
        Self {
            backends: vec![None; count],
        }
    }

    /// What is known of one backend.
    #[must_use]
    pub fn backend(&self, index: usize) -> Option<&BackendCatalog> {
        self.backends.get(index)?.as_ref()
    }
}
