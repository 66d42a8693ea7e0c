//! Which errors does a session raise itself, in PostgreSQL's own words?

use super::End;
use crate::error::ClientError;
use crate::protocol::sqlstate;

pub(super) fn malformed(what: &str) -> End {
    End::Told(ClientError::protocol(format!("invalid {what} message")))
}

pub(super) fn no_statement(name: &[u8]) -> ClientError {
    let name = String::from_utf8_lossy(name);
    let message = format!("prepared statement \"{name}\" does not exist");
    ClientError::refused(sqlstate::UNDEFINED_STATEMENT, message)
}

pub(super) fn too_many_statements() -> ClientError {
    let message = "too many prepared statements";
    ClientError::refused(sqlstate::CONFIGURATION_LIMIT, message)
        .hint("Close some, or raise limits: prepared_statements in router.yaml.")
}

/// PostgreSQL's own words, by which drivers know that they must prepare again.
pub(super) fn changed_result() -> ClientError {
    let message = "cached plan must not change result type";
    ClientError::refused(sqlstate::FEATURE_NOT_SUPPORTED, message).routine("RevalidateCachedQuery")
}

/// More or fewer parameters than a statement has, in PostgreSQL's own words.
pub(super) fn wrong_parameters(name: &[u8], given: usize, wanted: usize) -> ClientError {
    let name = String::from_utf8_lossy(name);
    let message = format!(
        "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {wanted}"
    );
    ClientError::refused(sqlstate::PROTOCOL_VIOLATION, message)
}

/// Neither one format nor one for each, in PostgreSQL's own words.
pub(super) fn wrong_formats(of: &str, given: usize, among: &str) -> ClientError {
    let message = format!("bind message has {given} {of} formats but {among}");
    ClientError::refused(sqlstate::PROTOCOL_VIOLATION, message)
}

/// A format that does not exist, in PostgreSQL's own words.
pub(super) fn no_such_format(code: i16) -> ClientError {
    let message = format!("unsupported format code: {code}");
    ClientError::refused(sqlstate::INVALID_PARAMETER_VALUE, message)
}

/// A Bind that ends too soon, in PostgreSQL's own words.
pub(super) fn cut_short() -> ClientError {
    let message = "insufficient data left in message";
    ClientError::refused(sqlstate::PROTOCOL_VIOLATION, message)
}

/// A binary parameter, counted from 0, that is no value of its type, in PostgreSQL's own words.
pub(super) fn incorrect_binary(at: usize) -> ClientError {
    let message = format!("incorrect binary data format in bind parameter {}", at + 1);
    ClientError::refused(sqlstate::INVALID_BINARY, message)
}

/// A text that is no value of the type of this name, in PostgreSQL's own words.
pub(super) fn invalid_text(name: &str, value: &[u8]) -> ClientError {
    let shown = String::from_utf8_lossy(value);
    let message = format!("invalid input syntax for type {name}: \"{shown}\"");
    ClientError::refused(sqlstate::INVALID_TEXT, message)
}

/// A parameter where there are none, in PostgreSQL's own words.
pub(super) fn no_parameter(number: u16) -> ClientError {
    let message = format!("there is no parameter ${number}");
    ClientError::refused(sqlstate::UNDEFINED_PARAMETER, message)
}

/// A binary parameter, counted from 0, whose type only PostgreSQL can read.
pub(super) fn no_such_form(at: usize, oid: u32) -> ClientError {
    let message = format!(
        "parameter {} of type {oid} cannot be passed to the analytic side in binary",
        at + 1
    );
    ClientError::refused(sqlstate::FEATURE_NOT_SUPPORTED, message)
        .hint("Send it as text, or cast it in the statement.")
}

/// A text that is not UTF-8 from this byte on, in PostgreSQL's own words.
pub(super) fn bad_encoding(rest: &[u8]) -> ClientError {
    let length = match rest.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    let shown: Vec<String> = rest
        .iter()
        .take(length)
        .map(|byte| format!("0x{byte:02x}"))
        .collect();
    let message = format!(
        "invalid byte sequence for encoding \"UTF8\": {}",
        shown.join(" ")
    );
    ClientError::refused(sqlstate::CHARACTER_NOT_IN_REPERTOIRE, message)
        .routine("report_invalid_encoding")
}

/// A portal that has been run to its end, in PostgreSQL's own words.
pub(super) fn cannot_be_run(name: &[u8]) -> ClientError {
    let message = format!("portal \"{}\" cannot be run", String::from_utf8_lossy(name));
    ClientError::refused(sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .routine("MarkPortalActive")
}

/// A text in which another server's lexer may see another statement.
pub(super) fn may_read_differently(backend: &str) -> ClientError {
    let message = format!("this statement may read differently on \"{backend}\"");
    ClientError::refused(sqlstate::FEATURE_NOT_SUPPORTED, message).hint(
        "Leave out nested comments, U&'…', tagged dollar quotes and quotes escaped by backslashes.",
    )
}

/// PostgreSQL's own words.
pub(super) fn in_read_only(kind: &str) -> ClientError {
    let message = format!("cannot execute {kind} in a read-only transaction");
    ClientError::refused(sqlstate::READ_ONLY_SQL_TRANSACTION, message)
}

/// PostgreSQL's own words.
pub(super) fn in_failed_transaction() -> ClientError {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    ClientError::refused(sqlstate::IN_FAILED_TRANSACTION, message)
}

pub(super) fn no_unnamed() -> ClientError {
    let message = "unnamed prepared statement does not exist";
    ClientError::refused(sqlstate::UNDEFINED_STATEMENT, message)
}

pub(super) fn duplicate(name: &[u8]) -> ClientError {
    let message = format!(
        "prepared statement \"{}\" already exists",
        String::from_utf8_lossy(name)
    );
    ClientError::refused(sqlstate::DUPLICATE_PREPARED_STATEMENT, message)
}

/// A setting that a query asks for, and whose value in the session an analytic backend does not know.
pub(super) fn setting_unknown(name: Option<&str>, backend: &str) -> ClientError {
    let what = match name {
        Some(name) => format!("current_setting('{name}')"),
        None => "current_setting() of a computed name".to_owned(),
    };
    let message = format!("{what} is not supported over analytic relations");
    ClientError::refused(sqlstate::FEATURE_NOT_SUPPORTED, message)
        .detail(format!(
            "\"{backend}\" does not know the value that it has in this session."
        ))
        .hint("Read the setting in a statement of its own, and give its value as a parameter.")
}
