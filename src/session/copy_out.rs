//! How do rows become COPY data?
//!
//! Pure: RowDescription and DataRows in, CopyOutResponse, CopyData and CopyDone out, byte for byte as PostgreSQL's own COPY sends them. For
//! engines that have no COPY, or one of their own.

use bytes::{BufMut, BytesMut};

use super::copy_options::{CopyFormat, Plain, Quoted};
use crate::error::ClientError;
use crate::protocol::backend::{column_names, data_row};
use crate::protocol::frontend::put_frame;
use crate::protocol::sqlstate::{DUPLICATE_COLUMN, UNDEFINED_COLUMN};

/// What every binary COPY begins with: the signature, no flags, no extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A COPY under way.
#[derive(Debug)]
pub(super) struct CopyOut {
    format: CopyFormat,
    /// Which columns are always quoted.
    forced: Vec<bool>,
    rows: u64,
    /// The signature is still to be sent, together with the first row.
    unsigned: bool,
}

impl CopyOut {
    pub(super) fn new(format: CopyFormat) -> Self {
        Self {
            unsigned: format == CopyFormat::Binary,
            format,
            forced: Vec::new(),
            rows: 0,
        }
    }

    /// The format code that the rows must come in.
    pub(super) fn code(&self) -> u8 {
        u8::from(self.format == CopyFormat::Binary)
    }

    /// The columns are known: appends CopyOutResponse, and the line that names them.
    ///
    /// # Errors
    /// When a column that is to be quoted is none, or named twice.
    pub(super) fn begin(
        &mut self,
        description: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), ClientError> {
        let names = column_names(description);
        self.forced = forced(&self.format, &names)?;
        let code = self.code();
        put_frame(out, b'H', |out| {
            out.put_u8(code);
            out.put_u16(u16::try_from(names.len()).unwrap_or(u16::MAX));
            names.iter().for_each(|_| out.put_u16(code.into()));
        });
        let header = match &self.format {
            CopyFormat::Text(plain) | CopyFormat::Csv { plain, .. } => plain.header,
            CopyFormat::Binary => false,
        };
        if header {
            let names: Vec<Option<&[u8]>> = names.iter().map(|name| Some(*name)).collect();
            let forced = std::mem::take(&mut self.forced);
            self.put_line(&names, out);
            self.forced = forced;
        }
        Ok(())
    }

    /// One row; `None` when it is none.
    pub(super) fn row(&mut self, row: &[u8], out: &mut BytesMut) -> Option<()> {
        self.rows += 1;
        if self.format == CopyFormat::Binary {
            let unsigned = std::mem::take(&mut self.unsigned);
            put_frame(out, b'd', |out| {
                if unsigned {
                    out.put_slice(SIGNATURE);
                }
                // A row of COPY is a DataRow's body.
                out.put_slice(row);
            });
            return Some(());
        }
        let values = data_row(row)?;
        self.put_line(&values, out);
        Some(())
    }

    /// All rows are there.
    pub(super) fn end(&mut self, out: &mut BytesMut) {
        if self.format == CopyFormat::Binary {
            let unsigned = std::mem::take(&mut self.unsigned);
            put_frame(out, b'd', |out| {
                if unsigned {
                    out.put_slice(SIGNATURE);
                }
                out.put_i16(-1);
            });
        }
        put_frame(out, b'c', |_| {});
    }

    /// How many rows there were.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    fn put_line(&self, values: &[Option<&[u8]>], out: &mut BytesMut) {
        let (CopyFormat::Text(plain) | CopyFormat::Csv { plain, .. }) = &self.format else {
            return;
        };
        put_frame(out, b'd', |out| {
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.put_u8(plain.delimiter);
                }
                match (value, &self.format) {
                    (None, _) => out.put_slice(&plain.null),
                    (Some(value), CopyFormat::Csv { quote, escape, .. }) => {
                        let forced = self.forced.get(at).copied().unwrap_or(false);
                        let alone = values.len() == 1;
                        if forced || needs_quotes(value, plain, *quote, alone) {
                            put_quoted(value, *quote, *escape, out);
                        } else {
                            out.put_slice(value);
                        }
                    }
                    (Some(value), _) => put_escaped(value, plain.delimiter, out),
                }
            }
            out.put_u8(b'\n');
        });
    }
}

fn forced(format: &CopyFormat, names: &[&[u8]]) -> Result<Vec<bool>, ClientError> {
    let CopyFormat::Csv { quoted, .. } = format else {
        return Ok(Vec::new());
    };
    let wanted = match quoted {
        Quoted::All => return Ok(vec![true; names.len()]),
        Quoted::These(wanted) => wanted,
    };
    let mut forced = vec![false; names.len()];
    for name in wanted {
        let at = names.iter().position(|known| *known == name.as_bytes());
        match at.and_then(|at| forced.get_mut(at)) {
            None => {
                let message = format!("column \"{name}\" does not exist");
                return Err(ClientError::refused(UNDEFINED_COLUMN, message));
            }
            Some(true) => {
                let message = format!("column \"{name}\" specified more than once");
                return Err(ClientError::refused(DUPLICATE_COLUMN, message));
            }
            Some(place) => *place = true,
        }
    }
    Ok(forced)
}

/// Whether a value would be read as something else without quotes: NULL, several values or lines, or the end of the data.
fn needs_quotes(value: &[u8], plain: &Plain, quote: u8, alone: bool) -> bool {
    value == plain.null
        || (alone && value == b"\\.")
        || value
            .iter()
            .any(|byte| matches!(byte, b'\n' | b'\r') || *byte == plain.delimiter || *byte == quote)
}

fn put_quoted(value: &[u8], quote: u8, escape: u8, out: &mut BytesMut) {
    out.put_u8(quote);
    for byte in value {
        if *byte == quote || *byte == escape {
            out.put_u8(escape);
        }
        out.put_u8(*byte);
    }
    out.put_u8(quote);
}

fn put_escaped(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in value {
        let letter = match *byte {
            8 => b'b',
            9 => b't',
            10 => b'n',
            11 => b'v',
            12 => b'f',
            13 => b'r',
            other => other,
        };
        if letter != *byte || *byte == b'\\' || *byte == delimiter {
            out.put_u8(b'\\');
        }
        out.put_u8(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::compose;
    use crate::protocol::frame::HEADER_BYTES;
    use crate::session::copy_options;
    use crate::sql::{self, Dialect};

    /// The messages of a COPY of these rows of the columns `a` and `b`.
    fn copy(options: &str, rows: &[[Option<&str>; 2]]) -> Vec<u8> {
        let text = format!("copy t to stdout ({options})");
        let text = text.replace("stdout ()", "stdout");
        let options = sql::copied(text.as_bytes(), Dialect::default())
            .expect("options")
            .options;
        let mut copy = CopyOut::new(copy_options::format(&options).expect("a format"));
        let (mut frame, mut out) = (BytesMut::new(), BytesMut::new());
        compose::put_text_columns(&mut frame, &["a", "b"]);
        copy.begin(&frame[HEADER_BYTES..], &mut out)
            .expect("columns");
        for row in rows {
            frame.clear();
            compose::put_text_row(&mut frame, row);
            copy.row(&frame[HEADER_BYTES..], &mut out).expect("a row");
        }
        copy.end(&mut out);
        assert_eq!(copy.rows(), rows.len() as u64);
        out.to_vec()
    }

    /// What the messages carry.
    fn data(options: &str, rows: &[[Option<&str>; 2]]) -> String {
        let (out, mut text) = (copy(options, rows), String::new());
        let mut rest = &out[..];
        while let Ok(Some(head)) = crate::protocol::frame::head(rest) {
            if head.tag == b'd' {
                text += &String::from_utf8_lossy(&rest[HEADER_BYTES..head.total]);
            }
            rest = &rest[head.total..];
        }
        text
    }

    #[test]
    fn text_escapes_what_would_be_read_as_something_else() {
        assert_eq!(
            data("", &[[Some("a\tb\\c\nd\u{8}\u{b}\u{c}\r\u{1}é"), None]]),
            "a\\tb\\\\c\\nd\\b\\v\\f\\r\u{1}é\t\\N\n"
        );
        assert_eq!(
            data("delimiter '|', null 'x', header", &[[Some("|"), None]]),
            "a|b\n\\||x\n"
        );
    }

    #[test]
    fn csv_quotes_what_needs_it_and_what_is_to_be() {
        assert_eq!(
            data(
                "format csv, header, force_quote (b)",
                &[
                    [Some(""), None],
                    [Some("a,\"b\"\n"), Some("x")],
                    [Some("\\."), Some("")]
                ]
            ),
            "a,b\n\"\",\n\"a,\"\"b\"\"\n\",\"x\"\n\\.,\"\"\n"
        );
        assert_eq!(
            data(
                "format csv, quote '''', escape '\\'",
                &[[Some("it's \\"), Some("\\")]]
            ),
            "'it\\'s \\\\',\\\n"
        );
    }

    #[test]
    fn binary_rows_are_framed_by_a_signature_and_a_trailer() {
        let out = copy("format binary", &[[Some("x"), None]]);
        let expected = [
            &b"H\0\0\0\x0b\x01\0\x02\0\x01\0\x01d\0\0\0\x22"[..],
            SIGNATURE,
            b"\0\x02\0\0\0\x01x\xff\xff\xff\xff",
            b"d\0\0\0\x06\xff\xff",
            b"c\0\0\0\x04",
        ]
        .concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn a_column_to_be_quoted_must_be_there_once() {
        let mut frame = BytesMut::new();
        compose::put_text_columns(&mut frame, &["a"]);
        for (wanted, code) in [(vec!["b"], "42703"), (vec!["a", "a"], "42701")] {
            let mut copy = CopyOut::new(CopyFormat::Csv {
                plain: Plain {
                    delimiter: b',',
                    null: Vec::new(),
                    header: false,
                },
                quote: b'"',
                escape: b'"',
                quoted: Quoted::These(wanted.into_iter().map(str::to_owned).collect()),
            });
            let failed = copy.begin(&frame[HEADER_BYTES..], &mut BytesMut::new());
            assert_eq!(failed.expect_err("no such column").sqlstate, code);
        }
    }
}
