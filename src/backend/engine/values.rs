//! In which forms does an engine take and give values?
//!
//! An engine that takes all of PostgreSQL's types in both formats has no need of this. Others say here, type by type, what is declared, sent and
//! asked for in place of what a client wants.

/// A value that is sent to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// As it is.
    AsItIs,
    /// As this text.
    Text(Vec<u8>),
    /// Not at all: its bytes are no value of its type.
    Wrong,
    /// Not at all: its text is no value of its type, which has this name.
    WrongText(&'static str),
    /// Not at all: what it means is not known.
    Unknown,
}

/// How a column of a result is asked for and passed on where the engine's own form will not do.
#[derive(Debug, Clone, Copy)]
pub struct Recode {
    /// The type that the client is told.
    pub oid: u32,
    /// The value in the format that the client asked for, of the text that the engine is asked for.
    pub change: Change,
}

/// Appends what becomes of a value; `None` where it is no value of its type, and cannot be passed on.
pub type Change = fn(&[u8], &mut Vec<u8>) -> Option<()>;

/// How a session wants the texts of some types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Styles {
    /// Of intervals.
    pub interval: IntervalStyle,
}

/// PostgreSQL's `IntervalStyle`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 day 02:03:04`
    #[default]
    Postgres,
    /// `@ 1 day 2 hours 3 mins 4 secs`
    PostgresVerbose,
    /// `1 2:03:04`
    SqlStandard,
    /// `P1DT2H3M4S`
    Iso8601,
}

impl Styles {
    /// By the parameters that a client was told.
    #[must_use]
    pub fn of(told: &[(String, String)]) -> Self {
        let told = told.iter().find(|(name, _)| name == "IntervalStyle");
        let interval = match told.map(|(_, value)| value.as_str()) {
            Some("postgres_verbose") => IntervalStyle::PostgresVerbose,
            Some("sql_standard") => IntervalStyle::SqlStandard,
            Some("iso_8601") => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        };
        Self { interval }
    }
}

/// What an engine makes of types.
pub trait Values: Send + Sync {
    /// What is declared for a parameter that a client has declared as this type; 0 leaves it to the engine.
    fn declared(&self, oid: u32) -> u32;

    /// What a client is told of a parameter that it has left to the engine, which takes it for this type.
    fn told(&self, oid: u32) -> u32;

    /// For the name of a type that the engine has not, in a cast of a parameter: what is put there instead, and the type's oid and its array's.
    fn cast(&self, name: &str) -> Option<(&'static str, u32, u32)>;

    /// For a cast of a parameter to a type of these sizes, where the engine's has none: what stands before and behind a cast without them
    /// to make the same of the value.
    fn sized(&self, _name: &str, _sizes: &[u32]) -> Option<(&'static str, String)> {
        None
    }

    /// How a binary value of this type is sent.
    fn send(&self, oid: u32, value: &[u8]) -> Sent;

    /// How a text of this type is sent: where the engine takes it for a text like any other, in the form that PostgreSQL keeps it in.
    fn send_text(&self, oid: u32, value: &[u8]) -> Sent;

    /// Whether a value of this type in binary is the text that it is, and so must be proper text.
    fn is_text(&self, oid: u32) -> bool;

    /// How a column of this type is asked for, where a client has asked for it in text, in these styles, or in binary. `None` where as the
    /// client has.
    fn recode(&self, oid: u32, binary: bool, styles: Styles) -> Option<Recode>;
}
