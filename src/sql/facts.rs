//! What does one statement say about itself?
//!
//! [`StatementFacts`] is the only thing routing knows about a statement's text. It is a plain value,
//! made by [`crate::sql::facts`] from bytes alone: no catalog, no session, no clock. Everything in it
//! errs towards "may write": a field that could not be established says so rather than guessing.

use std::fmt;

/// Facts about one statement (never about a string of several; see [`crate::sql::split`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementFacts {
    /// The lower-case leading command, from a closed list: `select`, `insert`, `create table`, `begin`, `unknown`.
    pub kind: &'static str,
    /// What running the statement may do.
    pub effect: Effect,
    /// Every relation named, each (name, access) pair once, in order of first appearance. CTE names and aliases are not relations.
    pub relations: Vec<RelationUse>,
    /// Every function called by name, each once, lower-cased unless quoted.
    pub functions: Vec<FunctionName>,
    /// A constraint the statement adds or a feature that only an OLTP engine honours:
    /// `FOREIGN KEY`, `UNIQUE`, `CHECK`, `EXCLUDE`, `NOT NULL`, `PRIMARY KEY`, `TRIGGER`, `UNIQUE INDEX`.
    pub constraint: Option<&'static str>,
    /// What the statement does to the session, where that is known.
    pub session: SessionEffect,
    /// How the rows are shaped; decides for mirrored relations.
    pub shape: Shape,
    /// The routing hint in a leading `/* tidegate: to=… */` comment.
    pub hint: Option<Hint>,
    /// Who found this out.
    pub parsed_by: ParsedBy,
}

/// What running a statement may do, from the most harmless on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing to run: empty text or comments only.
    Empty,
    /// Proven by structure to read only. Functions it calls are listed, and must be judged by the caller.
    Read,
    /// Reads rows and locks them, or locks relations: `SELECT … FOR UPDATE`, `LOCK TABLE`.
    Lock,
    /// Changes rows or has another side effect.
    Write,
    /// Defines, alters or drops something, or maintains it (`VACUUM`, `REINDEX`, `GRANT`).
    Define,
    /// Transaction control; see [`SessionEffect::Transaction`].
    Transaction,
    /// Changes or shows only the session: `SET`, `SHOW`, `DISCARD`, `DEALLOCATE`, `LISTEN`, `FETCH`.
    Session,
    /// Could not be understood; may do anything.
    Unknown,
}

/// How a relation is used. A relation may appear with several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Its rows are read.
    Read,
    /// Its rows are locked (`FOR UPDATE`, `LOCK TABLE`).
    Lock,
    /// Its rows are changed.
    Write,
    /// It is created, altered, dropped, indexed, granted on, commented on, refreshed.
    Define,
    /// It is the target of a foreign key.
    Reference,
}

/// One use of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelationUse {
    /// The name as PostgreSQL folds it.
    pub name: RelationName,
    /// What is done with it.
    pub access: Access,
}

/// A relation's name after case folding and unquoting. A database qualifier (`db.schema.name`) is kept in `schema` only
/// as the schema part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationName {
    /// The schema, if it was written.
    pub schema: Option<String>,
    /// The relation.
    pub name: String,
}

/// A function's name after case folding and unquoting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName {
    /// The schema, if it was written.
    pub schema: Option<String>,
    /// The function.
    pub name: String,
}

/// How the rows of a read are shaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// Neither of the others.
    #[default]
    Plain,
    /// Grouping, aggregates, window functions, DISTINCT, or set operations at the top or in a subquery of FROM.
    Aggregate,
    /// A WHERE that pins a column to a constant or parameter by `=` (or `IN (…)`) at the top level, and no aggregate.
    Point,
}

/// Where the facts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParsedBy {
    /// The whole statement parsed with sqlparser.
    Sqlparser,
    /// Read off the tokens by the classifier.
    Tokens,
}

/// A routing hint written by the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// `to=auto`: as if there were no hint.
    Auto,
    /// `to=<name>`: `oltp`, `analytic` or a backend's name. Not checked here.
    To(String),
}

/// What a statement does to the session it runs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SessionEffect {
    /// Nothing that is known of.
    #[default]
    None,
    /// Transaction control.
    Transaction(TransactionControl),
    /// `SET [SESSION|LOCAL] name {=|TO} value`; `value` is the text as written, `None` for `DEFAULT`.
    /// `SET TIME ZONE` is `timezone`, `SET NAMES` is `client_encoding`, `SET SCHEMA 'x'` is `search_path`,
    /// `SET [SESSION] AUTHORIZATION|ROLE` are `session_authorization` and `role`.
    Set {
        /// Lower-cased setting name.
        name: String,
        /// The value's source text, trimmed; `None` means `DEFAULT`.
        value: Option<String>,
        /// `SET LOCAL`.
        local: bool,
    },
    /// `RESET name`; `None` for `RESET ALL`.
    Reset(Option<String>),
    /// `SHOW name` (lower-cased), `None` for `SHOW ALL`.
    Show(Option<String>),
    /// `DISCARD what`.
    Discard(Discard),
    /// `PREPARE name AS …`; the relations and functions inside are listed in the facts.
    Prepare(String),
    /// `EXECUTE name`.
    Execute(String),
    /// `DEALLOCATE name`; `None` for `ALL`.
    Deallocate(Option<String>),
    /// `DECLARE name CURSOR … FOR query`; the query's relations are listed in the facts.
    Declare {
        /// The cursor.
        name: String,
        /// `WITH HOLD`.
        hold: bool,
    },
    /// `FETCH … name` or `MOVE … name`.
    Fetch(String),
    /// `CLOSE name`; `None` for `ALL`.
    Close(Option<String>),
    /// `LISTEN`.
    Listen,
    /// `UNLISTEN`.
    Unlisten,
    /// `LOAD 'library'`.
    Load,
    /// Creates a temporary relation of that name (`CREATE TEMP …`, `SELECT … INTO TEMP`, `CREATE … pg_temp.x`).
    CreateTemp(String),
    /// `EXPLAIN ROUTE [VERBOSE] statement`.
    ExplainRoute {
        /// The byte range of the inner statement within the text.
        inner: std::ops::Range<usize>,
        /// `VERBOSE`.
        verbose: bool,
    },
}

/// `DISCARD`'s argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    /// `ALL`
    All,
    /// `PLANS`
    Plans,
    /// `SEQUENCES`
    Sequences,
    /// `TEMP` or `TEMPORARY`
    Temp,
}

/// Transaction control statements, as <https://www.postgresql.org/docs/15/sql-begin.html> and its siblings have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionControl {
    /// `BEGIN` or `START TRANSACTION` with its modes.
    Begin(TransactionModes),
    /// `COMMIT` or `END`.
    Commit {
        /// `AND CHAIN`
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`.
    Rollback {
        /// `AND CHAIN`
        chain: bool,
    },
    /// `SAVEPOINT name`
    Savepoint(String),
    /// `RELEASE [SAVEPOINT] name`
    Release(String),
    /// `ROLLBACK TO [SAVEPOINT] name`
    RollbackTo(String),
    /// `PREPARE TRANSACTION 'gid'`
    PrepareTransaction,
    /// `COMMIT PREPARED 'gid'`
    CommitPrepared,
    /// `ROLLBACK PREPARED 'gid'`
    RollbackPrepared,
    /// `SET TRANSACTION …`
    SetTransaction(TransactionModes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION …`
    SetCharacteristics(TransactionModes),
}

/// The modes of a transaction; `None` where not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionModes {
    /// `ISOLATION LEVEL …`
    pub isolation: Option<Isolation>,
    /// `READ ONLY` is `true`, `READ WRITE` is `false`.
    pub read_only: Option<bool>,
    /// `DEFERRABLE`
    pub deferrable: Option<bool>,
}

/// Isolation levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Treated by PostgreSQL as read committed.
    ReadUncommitted,
    /// The default.
    ReadCommitted,
    /// One snapshot for the transaction.
    RepeatableRead,
    /// Serializable.
    Serializable,
}

impl fmt::Display for RelationName {
    /// `schema.name`, or `name` where no schema was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl ParsedBy {
    /// The word used in `explain --json` and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ParsedBy::Sqlparser => "sqlparser",
            ParsedBy::Tokens => "tokens",
        }
    }
}
