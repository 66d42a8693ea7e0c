//! What does a client ask for?
//!
//! Borrowed decoders for the messages the router looks into, each over one isolated frame's body, and
//! encoders for those it sends to a backend on a client's behalf. A statement's text stays the client's bytes. See
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use bytes::{BufMut, BytesMut};

use super::frame::Body;

/// `Parse`: prepare a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The statement's name, empty for the unnamed one.
    pub name: &'a [u8],
    /// Its text.
    pub text: &'a [u8],
    /// The number of parameter types and the types, as sent.
    pub types: &'a [u8],
}

/// `Bind`: make a portal of a statement. The rest of the message is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindNames<'a> {
    /// The portal's name, empty for the unnamed one.
    pub portal: &'a [u8],
    /// The statement's name.
    pub statement: &'a [u8],
}

/// What `Describe` and `Close` speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

/// `Query`'s text without its final zero.
#[must_use]
pub fn query(body: &[u8]) -> Option<&[u8]> {
    let mut body = Body(body);
    let text = body.cstr()?;
    body.is_empty().then_some(text)
}

/// Decodes `Parse`.
#[must_use]
pub fn parse(body: &[u8]) -> Option<Parse<'_>> {
    let mut body = Body(body);
    let (name, text) = (body.cstr()?, body.cstr()?);
    let types = body.0;
    let count = usize::try_from(body.i16()?).ok()?;
    (body.0.len() == count.checked_mul(4)?).then_some(Parse { name, text, types })
}

/// Decodes the names at the start of `Bind`, which may be incomplete: `None` when they are not all there yet.
#[must_use]
pub fn bind_names(body: &[u8]) -> Option<BindNames<'_>> {
    let mut body = Body(body);
    Some(BindNames {
        portal: body.cstr()?,
        statement: body.cstr()?,
    })
}

/// How many parameters a Bind gives; `rest` is what follows its names.
#[must_use]
pub fn bind_parameters(rest: &[u8]) -> Option<usize> {
    let mut body = Body(rest);
    let formats = usize::try_from(body.i16()?).ok()?;
    body.bytes(formats.checked_mul(2)?)?;
    usize::try_from(body.i16()?).ok()
}

/// What follows the names of a Bind, in two: formats and values of parameters, and formats of the rows.
#[must_use]
pub fn bind_halves(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut body = Body(rest);
    let formats = usize::try_from(body.i16()?).ok()?;
    body.bytes(formats.checked_mul(2)?)?;
    for _ in 0..body.i16()? {
        if let Ok(length) = usize::try_from(body.i32()?) {
            body.bytes(length)?;
        }
    }
    let (values, results) = rest.split_at_checked(rest.len() - body.0.len())?;
    let count = usize::try_from(body.i16()?).ok()?;
    (body.0.len() == count.checked_mul(2)?).then_some((values, results))
}

/// Decodes `Describe` or `Close`.
#[must_use]
pub fn named(body: &[u8]) -> Option<Named<'_>> {
    let mut body = Body(body);
    let kind = body.byte()?;
    let name = body.cstr()?;
    match kind {
        _ if !body.is_empty() => None,
        b'S' => Some(Named::Statement(name)),
        b'P' => Some(Named::Portal(name)),
        _ => None,
    }
}

/// The portal that `Execute` names.
#[must_use]
pub fn execute(body: &[u8]) -> Option<&[u8]> {
    execute_some(body).map(|(portal, _)| portal)
}

/// The portal that `Execute` names, and how many rows it wants at most.
#[must_use]
pub fn execute_some(body: &[u8]) -> Option<(&[u8], i32)> {
    let mut body = Body(body);
    let portal = body.cstr()?;
    let rows = body.i32()?;
    body.is_empty().then_some((portal, rows))
}

/// Appends a frame whose body `write` makes.
pub fn put_frame(out: &mut BytesMut, tag: u8, write: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    let place = out.len();
    out.put_u32(0);
    write(out);
    let length = u32::try_from(out.len() - place).unwrap_or(u32::MAX);
    if let Some(bytes) = out.get_mut(place..place + 4) {
        bytes.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends `Query`.
pub fn put_query(out: &mut BytesMut, text: &[u8]) {
    put_frame(out, b'Q', |out| {
        out.put_slice(text);
        out.put_u8(0);
    });
}

/// Appends `Parse` with parameter types as a client sent them.
pub fn put_parse(out: &mut BytesMut, name: &[u8], text: &[u8], types: &[u8]) {
    put_frame(out, b'P', |out| {
        put_cstr(out, name);
        put_cstr(out, text);
        out.put_slice(types);
    });
}

/// Appends the start of a `Bind` whose other bytes, `rest` of them, follow.
pub fn put_bind_names(out: &mut BytesMut, portal: &[u8], statement: &[u8], rest: usize) {
    out.put_u8(b'B');
    let length = 4 + portal.len() + 1 + statement.len() + 1 + rest;
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    put_cstr(out, portal);
    put_cstr(out, statement);
}

/// Appends `Describe` (`tag` D) or `Close` (`tag` C).
pub fn put_named(out: &mut BytesMut, tag: u8, named: Named<'_>) {
    put_frame(out, tag, |out| {
        let (kind, name) = match named {
            Named::Statement(name) => (b'S', name),
            Named::Portal(name) => (b'P', name),
        };
        out.put_u8(kind);
        put_cstr(out, name);
    });
}

/// Appends `Execute`.
pub fn put_execute(out: &mut BytesMut, portal: &[u8], rows_max: i32) {
    put_frame(out, b'E', |out| {
        put_cstr(out, portal);
        out.put_i32(rows_max);
    });
}

/// Appends `Terminate`.
pub fn put_terminate(out: &mut BytesMut) {
    out.put_slice(b"X\0\0\0\x04");
}

/// Appends `Sync`.
pub fn put_sync(out: &mut BytesMut) {
    out.put_slice(b"S\0\0\0\x04");
}

/// Appends `Flush`.
pub fn put_flush(out: &mut BytesMut) {
    out.put_slice(b"H\0\0\0\x04");
}

fn put_cstr(out: &mut BytesMut, text: &[u8]) {
    out.put_slice(text);
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::HEADER_BYTES;

    #[test]
    fn what_is_put_decodes_again() {
        let mut out = BytesMut::new();
        put_parse(&mut out, b"s1", b"select $1", b"\0\x01\0\0\0\x17");
        let decoded = parse(&out[HEADER_BYTES..]).unwrap();
        assert_eq!(
            (decoded.name, decoded.text),
            (&b"s1"[..], &b"select $1"[..])
        );
        out.clear();
        put_named(&mut out, b'D', Named::Portal(b"p"));
        assert_eq!(named(&out[HEADER_BYTES..]), Some(Named::Portal(b"p")));
        out.clear();
        put_execute(&mut out, b"p", 5);
        assert_eq!(execute(&out[HEADER_BYTES..]), Some(&b"p"[..]));
        out.clear();
        put_bind_names(&mut out, b"p", b"s", 6);
        out.extend_from_slice(&[0; 6]);
        let names = bind_names(&out[HEADER_BYTES..]).unwrap();
        assert_eq!((names.portal, names.statement), (&b"p"[..], &b"s"[..]));
        assert_eq!(
            crate::protocol::frame::head(&out).unwrap().unwrap().total,
            out.len()
        );
    }

    #[test]
    fn a_bind_is_halved_behind_its_values() {
        let rest = b"\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\x01";
        let (values, results) = bind_halves(rest).unwrap();
        assert_eq!((values.len(), results), (15, &b"\0\x01\0\x01"[..]));
        assert_eq!(bind_halves(&rest[..rest.len() - 1]), None);
        assert_eq!(bind_halves(b"\0\0\0\x01\0\0\0\x09"), None);
    }

    #[test]
    fn leftovers_and_short_bodies_are_refused() {
        assert_eq!(query(b"select 1"), None);
        assert_eq!(query(b"a\0b\0"), None);
        assert_eq!(parse(b"s\0select\0\0\x02\0\0\0\x17"), None);
        assert_eq!(parse(b"s\0select\0\xff\xff"), None);
        assert_eq!(named(b"Xa\0"), None);
        assert_eq!(named(b"Sa\0b"), None);
        assert_eq!(execute(b"p\0\0\0"), None);
        assert_eq!(bind_names(b"p\0stat"), None);
    }
}
