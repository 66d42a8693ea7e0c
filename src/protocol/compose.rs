//! What does the router itself say to a client?
//!
//! Everything here is made with `pgwire`'s messages, so that its encoders (kept by others, used by many servers) and not
//! ours decide how an error or a login looks. Results pass through the router as bytes and never come here.

use bytes::{BufMut, Bytes, BytesMut};
use pgwire::error::ErrorInfo;
use pgwire::messages::Message;
use pgwire::messages::data::{DataRow, FieldDescription, RowDescription};
use pgwire::messages::response::{
    CommandComplete, ErrorResponse, NoticeResponse, ReadyForQuery, TransactionStatus,
};
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, SecretKey,
};

use crate::error::ClientError;
use crate::protocol::frontend::put_frame;

/// `text`'s type OID.
const TEXT_OID: u32 = 25;

/// Appends an ErrorResponse.
pub fn put_error(out: &mut BytesMut, error: &ClientError) {
    put(
        out,
        &ErrorResponse::from(error_info(error, error.severity.as_str())),
    );
}

/// Appends a NoticeResponse of the given severity (`NOTICE`, `WARNING`).
pub fn put_notice(out: &mut BytesMut, severity: &str, error: &ClientError) {
    put(out, &NoticeResponse::from(error_info(error, severity)));
}

fn error_info(error: &ClientError, severity: &str) -> ErrorInfo {
    let clean = |text: &str| text.replace('\0', " ");
    let mut info = ErrorInfo::new(
        severity.to_owned(),
        error.sqlstate.to_owned(),
        clean(&error.message),
    );
    info.severity_nonlocalized = Some(severity.to_owned());
    info.detail = error.detail.as_deref().map(clean);
    info.hint = error.hint.as_deref().map(clean);
    info.routine = error.routine.map(str::to_owned);
    info
}

/// Appends ReadyForQuery with the status byte `I`, `T` or `E`.
pub fn put_ready(out: &mut BytesMut, status: u8) {
    let status = match status {
        b'T' => TransactionStatus::Transaction,
        b'E' => TransactionStatus::Error,
        _ => TransactionStatus::Idle,
    };
    put(out, &ReadyForQuery::new(status));
}

/// Appends CommandComplete.
pub fn put_command_complete(out: &mut BytesMut, tag: &str) {
    put(out, &CommandComplete::new(tag.to_owned()));
}

/// Appends a RowDescription of `text` columns.
pub fn put_text_columns(out: &mut BytesMut, names: &[&str]) {
    let field = |name: &&str| FieldDescription::new((*name).to_owned(), 0, 0, TEXT_OID, -1, -1, 0);
    put(out, &RowDescription::new(names.iter().map(field).collect()));
}

/// Appends a DataRow of text values.
pub fn put_text_row(out: &mut BytesMut, values: &[Option<&str>]) {
    let mut data = BytesMut::new();
    for value in values {
        match value {
            Some(value) => {
                data.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                data.put_slice(value.as_bytes());
            }
            None => data.put_i32(-1),
        }
    }
    put(
        out,
        &DataRow::new(data, i16::try_from(values.len()).unwrap_or(i16::MAX)),
    );
}

/// Appends AuthenticationOk.
pub fn put_authentication_ok(out: &mut BytesMut) {
    put(out, &Authentication::Ok);
}

/// Appends AuthenticationSASL with the mechanisms offered, best first.
pub fn put_sasl(out: &mut BytesMut, mechanisms: &[&str]) {
    put(
        out,
        &Authentication::SASL(mechanisms.iter().map(|m| (*m).to_owned()).collect()),
    );
}

/// Appends AuthenticationSASLContinue.
pub fn put_sasl_continue(out: &mut BytesMut, data: String) {
    put(out, &Authentication::SASLContinue(Bytes::from(data)));
}

/// Appends AuthenticationSASLFinal.
pub fn put_sasl_final(out: &mut BytesMut, data: String) {
    put(out, &Authentication::SASLFinal(Bytes::from(data)));
}

/// Appends ParameterStatus.
pub fn put_parameter_status(out: &mut BytesMut, name: &str, value: &str) {
    // A dozen of them are sent at each login, and need not be copied for it.
    put_frame(out, b'S', |out| {
        for text in [name, value] {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(&[0]);
        }
    });
}

/// Appends BackendKeyData.
pub fn put_key_data(out: &mut BytesMut, pid: i32, key: &[u8]) {
    put(
        out,
        &BackendKeyData::new(pid, SecretKey::Bytes(Bytes::copy_from_slice(key))),
    );
}

/// Appends NegotiateProtocolVersion: the newest version spoken and the options not known.
pub fn put_negotiate_version(out: &mut BytesMut, minor: u16, options: &[String]) {
    let version = (3 << 16) | i32::from(minor);
    put(
        out,
        &NegotiateProtocolVersion::new(version, options.to_vec()),
    );
}

/// Encoding fails only for values that this module never makes (a key of a wrong length); then nothing is appended.
fn put(out: &mut BytesMut, message: &impl Message) {
    let before = out.len();
    if message.encode(out).is_err() {
        out.truncate(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClientError;
    use crate::protocol::{backend, frame};

    #[test]
    fn an_error_reads_back_with_all_its_fields() {
        let error = ClientError::refused("25006", "no\0writes")
            .detail("d")
            .hint("h");
        let mut out = BytesMut::new();
        put_error(&mut out, &error);
        assert_eq!(frame::head(&out).unwrap().unwrap().total, out.len());
        let fields = backend::error_fields(&out[frame::HEADER_BYTES..]);
        assert_eq!(
            (&*fields.severity, &*fields.code, &*fields.message),
            ("ERROR", "25006", "no writes")
        );
        assert_eq!(
            (fields.detail.as_deref(), fields.hint.as_deref()),
            (Some("d"), Some("h"))
        );
    }

    #[test]
    fn rows_and_readiness_are_framed() {
        let mut out = BytesMut::new();
        put_text_columns(&mut out, &["a", "b"]);
        put_text_row(&mut out, &[Some("x"), None]);
        put_command_complete(&mut out, "SELECT 1");
        put_ready(&mut out, b'E');
        assert!(out.ends_with(b"Z\0\0\0\x05E"));
        assert_eq!(out[0], b'T');
    }
}
