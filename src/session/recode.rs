//! How do the columns of an engine's rows become what the client asked for?
//!
//! Pure, over whole messages: the RowDescription tells the client the formats that it asked for, and each DataRow is written anew with some of its
//! values changed.

use bytes::{BufMut, BytesMut};

use crate::backend::engine::values::{Recode, Styles, Values};
use crate::protocol::frame::{Body, HEADER_BYTES};
use crate::protocol::frontend::put_frame;

/// What is done to each column.
#[derive(Debug)]
pub struct Columns(Vec<Column>);

#[derive(Debug)]
struct Column {
    /// The client has asked for it in binary.
    binary: bool,
    recode: Option<Recode>,
}

impl Columns {
    /// For columns of these types, some of which a client has asked for in binary. `None` where all stay as they are.
    pub fn of(
        oids: &[u32],
        values: &dyn Values,
        styles: Styles,
        binary: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let column = |(at, oid): (usize, &u32)| {
            let binary = binary(at);
            let recode = values.recode(*oid, binary, styles);
            Column { binary, recode }
        };
        let columns: Vec<Column> = oids.iter().enumerate().map(column).collect();
        let any = columns.iter().any(|column| column.recode.is_some());
        any.then_some(Self(columns))
    }

    /// The formats that the engine is asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<i16> {
        let asked = |column: &Column| i16::from(column.binary && column.recode.is_none());
        self.0.iter().map(asked).collect()
    }

    /// A RowDescription as the client is to see it.
    pub fn put_description(&self, out: &mut BytesMut, message: &[u8]) {
        let recodes = self.0.iter().map(|column| (column.binary, column.recode));
        put_description(out, message, recodes);
    }

    /// A DataRow as the client is to see it. `None`, with no more to be read of `out`, for one that is none of these columns.
    #[must_use]
    pub fn put_row(&self, out: &mut BytesMut, message: &[u8]) -> Option<()> {
        let mut body = Body(message.get(HEADER_BYTES..)?);
        let count = usize::try_from(body.i16()?).ok()?;
        if count != self.0.len() {
            return None;
        }
        let mut done = Some(());
        let mut changed = Vec::new();
        put_frame(out, b'D', |out| {
            out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
            for column in &self.0 {
                let Some(length) = body.i32() else {
                    done = None;
                    return;
                };
                let Ok(length) = usize::try_from(length) else {
                    out.put_i32(-1);
                    continue;
                };
                let Some(value) = body.bytes(length) else {
                    done = None;
                    return;
                };
                let value = match &column.recode {
                    Some(recode) => {
                        changed.clear();
                        if (recode.change)(value, &mut changed).is_none() {
                            done = None;
                            return;
                        }
                        &changed[..]
                    }
                    None => value,
                };
                out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                out.put_slice(value);
            }
        });
        done.filter(|()| body.is_empty())
    }
}

/// A RowDescription of a statement, whose columns have no formats yet, as the client is to see it.
pub fn put_statement_description(out: &mut BytesMut, message: &[u8], values: &dyn Values) {
    let oids = column_types(message.get(HEADER_BYTES..).unwrap_or_default());
    let recodes = oids
        .iter()
        .map(|oid| (false, values.recode(*oid, true, Styles::default())));
    put_description(out, message, recodes);
}

/// The types of the columns that a RowDescription's body tells; none for NoData.
#[must_use]
pub fn column_types(body: &[u8]) -> Vec<u32> {
    let mut body = Body(body);
    let count = body.i16().unwrap_or(0);
    let mut next = || {
        body.cstr()?;
        body.bytes(6)?;
        let oid = body.i32()?;
        body.bytes(8)?;
        Some(oid.cast_unsigned())
    };
    (0..count).map_while(|_| next()).collect()
}

fn put_description(
    out: &mut BytesMut,
    message: &[u8],
    recodes: impl Iterator<Item = (bool, Option<Recode>)>,
) {
    let mut changed = message.to_vec();
    let mut at = HEADER_BYTES + 2;
    for (binary, recode) in recodes {
        let name = changed.get(at..).and_then(|rest| memchr::memchr(0, rest));
        let Some(fixed) = name.map(|name| at + name + 1) else {
            break;
        };
        at = fixed + 18;
        let Some(field) = changed.get_mut(fixed..at) else {
            break;
        };
        if let Some(recode) = recode {
            let oid = recode.oid.to_be_bytes();
            if field[6..10] != oid {
                field[6..10].copy_from_slice(&oid);
                field[10..12].copy_from_slice(&(-1_i16).to_be_bytes());
            }
            field[16..18].copy_from_slice(&i16::from(binary).to_be_bytes());
        }
    }
    out.put_slice(&changed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::engine::values::Change;

    struct Doubling;

    impl Values for Doubling {
        fn declared(&self, oid: u32) -> u32 {
            oid
        }

        fn told(&self, oid: u32) -> u32 {
            oid
        }

        fn cast(&self, _: &str) -> Option<(&'static str, u32, u32)> {
            None
        }

        fn send(&self, _: u32, _: &[u8]) -> crate::backend::engine::values::Sent {
            crate::backend::engine::values::Sent::AsItIs
        }

        fn send_text(&self, _: u32, _: &[u8]) -> crate::backend::engine::values::Sent {
            crate::backend::engine::values::Sent::AsItIs
        }

        fn is_text(&self, _: u32) -> bool {
            false
        }

        fn recode(&self, oid: u32, binary: bool, _: Styles) -> Option<Recode> {
            let change: Change = |text, out| {
                out.extend_from_slice(text);
                out.extend_from_slice(text);
                (text != b"x").then_some(())
            };
            (oid == 7 && binary).then_some(Recode { oid: 25, change })
        }
    }

    #[test]
    fn a_column_is_asked_for_as_text_and_told_as_it_was_asked_for() {
        let columns = Columns::of(&[7, 23], &Doubling, Styles::default(), |_| true).unwrap();
        assert_eq!(columns.asked(), [0, 1]);
        let mut out = BytesMut::new();
        let row = b"D\0\0\0\x13\0\x02\0\0\0\x01a\0\0\0\x04bcde";
        columns.put_row(&mut out, row).unwrap();
        assert_eq!(&out[..], b"D\0\0\0\x14\0\x02\0\0\0\x02aa\0\0\0\x04bcde");
        out.clear();
        let description = b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x07\0\x04\xff\xff\xff\xff\0\0";
        columns.put_description(&mut out, description);
        assert_eq!(
            &out[..],
            b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\x01"
        );
        assert_eq!(column_types(&out[HEADER_BYTES..]), [25]);
        assert!(Columns::of(&[7, 23], &Doubling, Styles::default(), |_| false).is_none());
    }

    #[test]
    fn a_row_that_is_none_of_these_columns_is_not_passed_on() {
        let columns = Columns::of(&[7], &Doubling, Styles::default(), |_| true).unwrap();
        for row in [
            &b"D\0\0\0\x06\0\x00"[..],
            b"D\0\0\0\x0b\0\x01\0\0\0\x09a",
            b"D\0\0\0\x0c\0\x01\0\0\0\x01ab",
            b"D\0\0\0\x0b\0\x01\0\0\0\x01x",
        ] {
            assert_eq!(columns.put_row(&mut BytesMut::new(), row), None);
        }
        let mut out = BytesMut::new();
        let null = b"D\0\0\0\x0a\0\x01\xff\xff\xff\xff";
        columns.put_row(&mut out, null).unwrap();
        assert_eq!(&out[..], null);
    }
}
