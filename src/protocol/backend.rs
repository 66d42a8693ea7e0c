//! What must the router read of a backend's answers?
//!
//! Little: transaction status, errors' codes, parameter statuses and keys. Rows pass unread. See
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::{BufMut, BytesMut};

use super::frame::{Body, HEADER_BYTES};
use super::frontend::put_frame;

/// The fields of an ErrorResponse or NoticeResponse that the router acts on, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorFields {
    /// `ERROR`, `FATAL`, `PANIC`, never localized (`V`, or `S` where a server sends no `V`).
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// The detail.
    pub detail: Option<String>,
    /// The hint.
    pub hint: Option<String>,
    /// Where in the query it is, in characters from 1.
    pub position: Option<usize>,
}

/// Reads an ErrorResponse's body; what is missing stays empty.
#[must_use]
pub fn error_fields(body: &[u8]) -> ErrorFields {
    let mut body = Body(body);
    let mut fields = ErrorFields::default();
    while let Some(kind) = body.byte() {
        if kind == 0 {
            break;
        }
        let Some(value) = body.cstr() else { break };
        let value = String::from_utf8_lossy(value).into_owned();
        match kind {
            b'V' => fields.severity = value,
            b'S' if fields.severity.is_empty() => fields.severity = value,
            b'C' => fields.code = value,
            b'M' => fields.message = value,
            b'D' => fields.detail = Some(value),
            b'H' => fields.hint = Some(value),
            b'P' => fields.position = value.parse().ok(),
            _ => {}
        }
    }
    fields
}

/// An ErrorResponse or NoticeResponse, frame and all, with another value of the field `which`, if it has that one.
#[must_use]
pub fn with_field(frame: &[u8], which: u8, changed_value: &str) -> BytesMut {
    let mut fields = Body(frame.get(HEADER_BYTES..).unwrap_or_default());
    let mut changed = BytesMut::with_capacity(frame.len() + changed_value.len());
    put_frame(
        &mut changed,
        frame.first().copied().unwrap_or(b'E'),
        |out| {
            while let Some(kind) = fields.byte().filter(|kind| *kind != 0) {
                let Some(value) = fields.cstr() else { break };
                out.put_u8(kind);
                out.put_slice(if kind == which {
                    changed_value.as_bytes()
                } else {
                    value
                });
                out.put_u8(0);
            }
            out.put_u8(0);
        },
    );
    changed
}

/// ReadyForQuery's status byte, when it is one of PostgreSQL's.
#[must_use]
pub fn ready_status(body: &[u8]) -> Option<u8> {
    match *body {
        [status @ (b'I' | b'T' | b'E')] => Some(status),
        _ => None,
    }
}

/// ParameterStatus's name and value.
#[must_use]
pub fn parameter_status(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut body = Body(body);
    Some((body.cstr()?, body.cstr()?))
}

/// BackendKeyData's process id and key.
#[must_use]
pub fn key_data(body: &[u8]) -> Option<(i32, &[u8])> {
    let mut body = Body(body);
    Some((body.i32()?, body.0))
}

/// A number for what a RowDescription's body, or NoData's, says of the rows: names and types of the columns. PostgreSQL does not let a
/// prepared statement's change.
#[must_use]
pub fn row_shape(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut body = Body(body);
    let count = body.i16().unwrap_or(0);
    count.hash(&mut hasher);
    for _ in 0..count {
        body.cstr().hash(&mut hasher);
        let _table_and_column = body.bytes(6);
        let column_type = body.i32();
        let _length = body.i16();
        (column_type, body.i32()).hash(&mut hasher);
        let _format = body.i16();
    }
    hasher.finish()
}

/// How many rows a CommandComplete's body counts.
#[must_use]
pub fn rows_of(body: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body));
    let last = text.rsplit(' ').next();
    last.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The names of the columns that a RowDescription's body describes.
#[must_use]
pub fn column_names(body: &[u8]) -> Vec<&[u8]> {
    let mut body = Body(body);
    let count = body.i16().unwrap_or(0);
    let name = |_| {
        let name = body.cstr()?;
        body.bytes(18).map(|_| name)
    };
    (0..count).map_while(name).collect()
}

/// The columns of a DataRow.
#[must_use]
pub fn data_row(body: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let mut body = Body(body);
    let count = usize::try_from(body.i16()?).ok()?;
    let mut columns = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let length = body.i32()?;
        columns.push(if length < 0 {
            None
        } else {
            Some(body.bytes(usize::try_from(length).ok()?)?)
        });
    }
    body.is_empty().then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risingwaves_three_fields_and_postgres_many_are_read() {
        let fields = error_fields(b"SERROR\0CXX000\0MFailed to run\n\nCaused by\0\0");
        assert_eq!((&*fields.severity, &*fields.code), ("ERROR", "XX000"));
        let fields = error_fields(b"SFEHLER\0VERROR\0C42P01\0Mgone\0Hlook\0L12\0\0");
        assert_eq!(
            (&*fields.severity, fields.hint.as_deref()),
            ("ERROR", Some("look"))
        );
        assert_eq!(error_fields(b"SERR"), ErrorFields::default());
    }

    #[test]
    fn a_message_is_replaced_and_all_else_is_kept() {
        let frame = b"E\0\0\0\x15SERROR\0Mold\0L12\0\0";
        assert_eq!(
            &with_field(frame, b'M', "newer")[..],
            b"E\0\0\0\x17SERROR\0Mnewer\0L12\0\0"
        );
    }

    #[test]
    fn a_shape_is_names_and_types() {
        let column = |name: &str, table: u8, kind: u8| {
            let mut body = vec![0, 1];
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(&[
                0, 0, 0, 0, table, 0, 1, 0, 0, 0, kind, 0, 4, 255, 255, 255, 255, 0, 0,
            ]);
            row_shape(&body)
        };
        assert_eq!(column("a", 1, 23), column("a", 2, 23));
        assert_ne!(column("a", 1, 23), column("a", 1, 25));
        assert_ne!(column("a", 1, 23), column("b", 1, 23));
        assert_ne!(column("a", 1, 23), row_shape(b""));
    }

    #[test]
    fn only_three_statuses_exist() {
        assert_eq!(ready_status(b"T"), Some(b'T'));
        assert_eq!(ready_status(b"X"), None);
        assert_eq!(ready_status(b""), None);
    }

    #[test]
    fn rows_are_read_within_their_bounds() {
        assert_eq!(
            data_row(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff"),
            Some(vec![Some(&b"a"[..]), None])
        );
        assert_eq!(data_row(b"\0\x01\0\0\0\x09a"), None);
    }
}
