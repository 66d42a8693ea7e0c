//! Which SQLSTATEs does the router itself raise?
//!
//! Only these; a backend's own codes pass unread. See
//! <https://www.postgresql.org/docs/15/errcodes-appendix.html>.

/// A write, a locking read or a side effect on the analytic side.
pub const READ_ONLY_SQL_TRANSACTION: &str = "25006";
/// What the analytic side cannot honour, or one statement over both sides.
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// The pool's wait is over, or there are too many clients.
pub const TOO_MANY_CONNECTIONS: &str = "53300";
/// A backend cannot be reached or was lost between statements.
pub const CONNECTION_FAILURE: &str = "08006";
/// A backend's answer while it starts up or shuts down, which passes.
pub const CANNOT_CONNECT_NOW: &str = "57P03";
/// A backend was lost while a statement ran, or the router shuts down.
pub const ADMIN_SHUTDOWN: &str = "57P01";
/// The client's bytes make no sense.
pub const PROTOCOL_VIOLATION: &str = "08P01";
/// Bad password or no such user.
pub const INVALID_PASSWORD: &str = "28P01";
/// No user name, or TLS required.
pub const INVALID_AUTHORIZATION: &str = "28000";
/// A statement in a failed transaction.
pub const IN_FAILED_TRANSACTION: &str = "25P02";
/// A value of `tidegate.*` that does not exist.
pub const INVALID_PARAMETER_VALUE: &str = "22023";
/// A `tidegate.*` setting that does not exist.
pub const UNDEFINED_OBJECT: &str = "42704";
/// The user may not do this.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// The statement's text is not what the router can read.
pub const SYNTAX_ERROR: &str = "42601";
/// A portal that is not open.
pub const INVALID_CURSOR_NAME: &str = "34000";
/// A prepared statement's name that is taken.
pub const DUPLICATE_PREPARED_STATEMENT: &str = "42P05";
/// A prepared statement that does not exist.
pub const UNDEFINED_STATEMENT: &str = "26000";
/// A portal that has been run to its end.
pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// A limit of `router.yaml` is reached.
pub const CONFIGURATION_LIMIT: &str = "53400";
/// A transaction was left open for too long.
pub const IDLE_IN_TRANSACTION_TIMEOUT: &str = "25P03";
/// A value that is no text in the session's encoding.
pub const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
/// A text that is no value of its type.
pub const INVALID_TEXT: &str = "22P02";
/// Bytes that are no value of their type.
pub const INVALID_BINARY: &str = "22P03";
/// A number that its type has not.
pub const OUT_OF_RANGE: &str = "22003";
/// A parameter that there is not.
pub const UNDEFINED_PARAMETER: &str = "42P02";
/// A LIMIT below nothing.
pub const INVALID_LIMIT: &str = "2201W";
/// An OFFSET below nothing.
pub const INVALID_OFFSET: &str = "2201X";
/// A value of a type that does not fit its place.
pub const DATATYPE_MISMATCH: &str = "42804";
/// A statement that the client has cancelled.
pub const QUERY_CANCELED: &str = "57014";
/// A column of a COPY that is not there.
pub const UNDEFINED_COLUMN: &str = "42703";
/// A column of a COPY that is named twice.
pub const DUPLICATE_COLUMN: &str = "42701";
/// A cursor's name that is taken.
pub const DUPLICATE_CURSOR: &str = "42P03";
/// What needs a transaction block stands outside of one.
pub const NO_ACTIVE_TRANSACTION: &str = "25P01";
/// A message is longer than the router holds.
pub const PROGRAM_LIMIT_EXCEEDED: &str = "54000";
