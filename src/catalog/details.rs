//! What is known of a relation beyond its name and kind?
//!
//! Where its rows come from, and whether they are all there. Most relations have none of it, so it is kept apart from the names, which
//! are looked up for every statement.

use std::fmt;

/// A relation's name with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Qualified {
    /// The schema.
    pub schema: Box<str>,
    /// The relation.
    pub name: Box<str>,
}

impl Qualified {
    /// A name of two parts.
    #[must_use]
    pub fn new(schema: &str, name: &str) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Qualified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// What few relations have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The relations that a view reads, by its backend's own catalog.
    pub over: Vec<Qualified>,
    /// The relation of another server that its rows are copied or fetched from.
    pub origin: Option<Origin>,
    /// The columns of its key, where its engine has to be told what depends on it.
    pub key: Vec<Box<str>>,
    /// Why it cannot be read yet.
    pub unready: Option<Box<str>>,
    /// Columns that the default backend's relation of this name has, and this one has not.
    pub lacks: Vec<Box<str>>,
}

/// Where a relation's rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The relation there.
    pub relation: Qualified,
    /// The source, subscription or foreign server that brings them.
    pub through: Box<str>,
    /// The server's host, as its backend has it.
    pub host: Option<Box<str>>,
    /// The server's port; nothing where it is kept secret.
    pub port: Option<u16>,
    /// The database there.
    pub database: Option<Box<str>>,
    /// The replication slot that changes are read from.
    pub slot: Option<Box<str>>,
    /// The backend that this is, and what says so; nothing where it cannot be told.
    pub proven: Option<(usize, Proof)>,
}

/// What shows that an origin is one of the backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The backend's database has the replication slot. This holds whatever names hosts go by in different networks.
    Slot,
    /// Host, port and database are those of the backend's url.
    Address,
}

impl Proof {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Slot => "its replication slot",
            Proof::Address => "its address",
        }
    }
}
