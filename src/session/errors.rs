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

/// Parameters for a statement that has none, in PostgreSQL's own words.
pub(super) fn needs_no_parameters(name: &[u8], given: usize) -> ClientError {
    let name = String::from_utf8_lossy(name);
    let message = format!(
        "bind message supplies {given} parameters, but prepared statement \"{name}\" requires 0"
    );
    ClientError::refused(sqlstate::PROTOCOL_VIOLATION, message)
}

/// A portal that has been run to its end, in PostgreSQL's own words.
pub(super) fn cannot_be_run(name: &[u8]) -> ClientError {
    let message = format!("portal \"{}\" cannot be run", String::from_utf8_lossy(name));
    ClientError::refused(sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .routine("MarkPortalActive")
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
