//! What did the backends hold when they were last asked?

use std::collections::HashSet;

use foldhash::HashMap;

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
    /// User functions of which every overload is immutable or stable, as `schema.name`.
    stable_functions: HashSet<Box<str>>,
    /// Bare names of user functions that may write. One may hide a function of the same name that does not.
    writing_functions: HashSet<Box<str>>,
    /// Bare names of user functions that may leave something in the session, and whether what they leave is listed nowhere.
    leaving_functions: HashMap<Box<str>, bool>,
    /// The same of relations whose triggers do.
    leaving_relations: HashMap<Box<str>, bool>,
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
