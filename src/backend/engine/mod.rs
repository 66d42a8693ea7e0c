//! What does each engine need of the router?
//!
//! A new engine is one file or folder here that answers [`Dialect`]; nothing else knows engines by name.

mod plan;
mod postgres;
mod risingwave;
pub mod values;

pub use plan::{Plan, Step, Tolerance};

use crate::catalog::Qualified;
use crate::config::Engine;
use crate::error::ClientError;
use crate::sql::RelationName;
use values::Values;

/// How a statement is ended on an engine that gives a login no cancel key: by SQL, on a connection of its own.
#[derive(Debug, Clone, Copy)]
pub struct Keyless {
    /// The query that a connection is asked for its session's number.
    pub own_id: &'static str,
    /// The query that lists sessions.
    pub sessions: &'static str,
    /// The statement that ends what the session of that number runs; `None` where it is not certain which that is.
    pub kill: fn(&[TextRow], i32) -> Option<String>,
}

/// A row of a simple query's answer.
pub type TextRow = Vec<Option<String>>;

/// What an engine is asked about where relations have their rows from. A query that fails leaves its part unknown and spoils nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Lineage {
    /// Columns schema and name of a view; schema and name of a relation that it reads.
    pub bases: &'static str,
    /// Schema and name of a relation whose rows come from elsewhere; schema and name there, or a definition for [`Dialect::upstream`];
    /// what brings them; host, port and database; the replication slot.
    pub origins: &'static str,
    /// Names of the replication slots of this database.
    pub slots: Option<&'static str>,
    /// Each with what it asks for: schema and name of a relation that is not ready, and why.
    pub unready: &'static [(&'static str, &'static str)],
    /// Schema and name of a table, and a column of its key, where the engine has to be told what depends on it.
    pub keys: Option<&'static str>,
    /// Schema and name of a relation that is copied at first; schema and name of the table for [`Dialect::copy_query`].
    pub copies: Option<&'static str>,
}

/// What a SHOW asks for that only an engine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// It is about the relation that it names, and goes where that lives.
    pub of_relation: bool,
    /// Its answer may hold passwords.
    pub secret: bool,
}

/// What differs between engines.
pub trait Dialect: Send + Sync {
    /// Startup parameters for pooled connections that must only read, so that the server itself refuses what slips through.
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)];

    /// What begins and ends the block that all reads run in: it makes the server itself refuse what a function, a cast or a view hides,
    /// takes back what such a thing has set, and keeps portals alive while the client is in a transaction. `None` where the
    /// engine has none of these, and portals outlive a Sync anyway.
    fn read_block(&self) -> Option<(&'static str, &'static str)>;

    /// What begins and ends a block whose reads all see one state, for transactions that are to.
    fn snapshot_block(&self) -> Option<(&'static str, &'static str)>;

    /// Whether it answers `COPY … TO STDOUT` as PostgreSQL does.
    fn copies_out(&self) -> bool {
        true
    }

    /// Settings of the session, among those that PostgreSQL reports, that are set on the engine's connections too.
    fn followed_settings(&self) -> &'static [&'static str];

    /// The value of such a setting as the engine takes it; `None` where it takes nothing like it and keeps its default.
    fn followed_value(&self, _name: &str, value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    /// The query that lists the relations, with columns schema, name and kind (a letter of `pg_class.relkind`, or
    /// RisingWave's word).
    fn relations_query(&self) -> &'static str;

    /// The query that lists user functions, with columns schema, name, and `t` where none of that name writes; `None` where there is no
    /// such catalog.
    fn functions_query(&self) -> Option<&'static str>;

    /// The query that lists code which may leave something in the session: columns `function` or `relation` (whose triggers run it), its name,
    /// and `t` where what it leaves is listed nowhere. `None` where there is none.
    fn leaving_query(&self) -> Option<&'static str> {
        None
    }

    /// What to ask about where rows come from.
    fn lineage(&self) -> &'static Lineage;

    /// The query for columns schema, relation and column of relations whose bare name is in a list of literals.
    fn columns_query(&self, names: &str) -> String;

    /// The relation that a definition from [`Lineage::origins`] says to copy.
    fn upstream(&self, _definition: &str) -> Option<Qualified> {
        None
    }

    /// The query whether a first copy is done, of a table from [`Lineage::copies`].
    fn copy_query(&self, _schema: &str, _table: &str) -> String {
        String::new()
    }

    /// The query whether the engine can answer reads now, and its answer when it can. `None` where it answers whenever it is up.
    fn recovery(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// A failure of [`Dialect::relations_query`], for people.
    fn explain_catalog_error(&self, why: &str) -> String {
        why.to_owned()
    }

    /// What a client is told in place of an error with this code and text; `None` where it is fit for a client of PostgreSQL as it is.
    fn translate_error(&self, _code: &str, _message: &str) -> Option<ClientError> {
        None
    }

    /// Whether the engine's SQL is less than PostgreSQL's, so that a read may turn out to be too much for it.
    fn may_lack(&self) -> bool {
        false
    }

    /// Whether the engine closes the connection behind an error of this text, without a ReadyForQuery.
    fn hangs_up_after(&self, _message: &str) -> bool {
        false
    }

    /// Whether a portal that was run to its end begins again where it is executed once more, instead of having no more rows.
    fn restarts_portals(&self) -> bool {
        false
    }

    /// Whether an error says that a statement has to be prepared again: its relations were changed behind it.
    fn outdates_plan(&self, code: &str, _message: &str) -> bool {
        matches!(code, "0A000" | "26000")
    }

    /// In which forms the engine takes and gives values; `None` where in all of PostgreSQL's.
    fn values(&self) -> Option<&'static dyn Values> {
        None
    }

    /// What is sent in place of a definition as a client of PostgreSQL writes it, so that the engine takes it.
    ///
    /// # Errors
    /// When something in it has no counterpart there.
    fn adapt(&self, definition: &str) -> Result<Plan, ClientError> {
        Ok(Plan::as_it_is(definition))
    }

    /// A query or change of rows as the engine takes it: its literals, its casts, the columns of its GROUP BY. `None` where it is fit as it is.
    /// `key_of` tells the columns of a table's key.
    fn adapt_query(
        &self,
        _statement: &str,
        _key_of: &dyn Fn(&RelationName) -> Option<Vec<String>>,
    ) -> Option<String> {
        None
    }

    /// The statement after which reads see what was written before, where they would not anyway.
    fn makes_visible(&self) -> Option<&'static str> {
        None
    }

    /// How statements of logins without a cancel key are ended, if they can be.
    fn keyless(&self) -> Option<Keyless> {
        None
    }

    /// Whether a cancel request that comes before the engine has begun with a statement is forgotten.
    fn may_lose_cancels(&self) -> bool {
        false
    }

    /// What a SHOW of these words, in lower case, asks for where PostgreSQL has nothing like it; so does `describe`.
    fn asks(&self, _words: &str) -> Option<Shown> {
        None
    }

    /// The name of a setting that the engine has and PostgreSQL has not.
    fn own_setting(&self, _name: &str) -> Option<&'static str> {
        None
    }

    /// PostgreSQL's command tag in place of the engine's own.
    fn tag(&self, _tag: &[u8]) -> Option<&'static str> {
        None
    }

    /// Whether a notice of this text is the engine's chatter about being another engine.
    fn hides_notice(&self, message: &str) -> bool;
}

/// An engine's dialect.
#[must_use]
pub fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Postgres => &postgres::Postgres,
        Engine::Risingwave => &risingwave::RisingWave,
    }
}
