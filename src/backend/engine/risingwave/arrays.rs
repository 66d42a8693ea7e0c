//! What is a binary array of PostgreSQL's as text?
//!
//! RisingWave has no binary arrays as parameters, though it reads `{1,2}`. An array says in its head what its elements are, so nothing else need be
//! known of it. Bounds other than 1 are left out, as RisingWave's arrays have none.

use super::binary;
use crate::backend::engine::values::Sent;
use crate::protocol::frame::Body;

/// As many dimensions as PostgreSQL has (`MAXDIM`).
const DIMENSIONS_MAX: usize = 6;

pub(super) fn text(value: &[u8]) -> Sent {
    let mut body = Body(value);
    let Some((element, lengths)) = head(&mut body) else {
        return Sent::Wrong;
    };
    let mut out = Vec::with_capacity(value.len());
    if lengths.is_empty() {
        out.extend_from_slice(b"{}");
    } else if let Err(sent) = put(&mut out, &mut body, element, &lengths) {
        return sent;
    }
    if body.is_empty() {
        Sent::Text(out)
    } else {
        Sent::Wrong
    }
}

/// The type of the elements, and how many there are in each dimension.
fn head(body: &mut Body<'_>) -> Option<(u32, Vec<usize>)> {
    let dimensions = usize::try_from(body.i32()?).ok()?;
    let _has_nulls = body.i32()?;
    let element = body.i32()?.cast_unsigned();
    if dimensions > DIMENSIONS_MAX {
        return None;
    }
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lengths.push(usize::try_from(body.i32()?).ok()?);
        let _bound = body.i32()?;
    }
    // Some clients give an array of nothing a dimension.
    if lengths.contains(&0) {
        lengths.clear();
    }
    Some((element, lengths))
}

fn put(
    out: &mut Vec<u8>,
    body: &mut Body<'_>,
    element: u32,
    lengths: &[usize],
) -> Result<(), Sent> {
    let Some((length, inner)) = lengths.split_first() else {
        return put_element(out, body, element);
    };
    out.push(b'{');
    for at in 0..*length {
        if at > 0 {
            out.push(b',');
        }
        put(out, body, element, inner)?;
    }
    out.push(b'}');
    Ok(())
}

fn put_element(out: &mut Vec<u8>, body: &mut Body<'_>, element: u32) -> Result<(), Sent> {
    let length = body.i32().ok_or(Sent::Wrong)?;
    if length == -1 {
        out.extend_from_slice(b"NULL");
        return Ok(());
    }
    let length = usize::try_from(length).map_err(|_| Sent::Wrong)?;
    let value = body.bytes(length).ok_or(Sent::Wrong)?;
    if binary::is_array(element) {
        return Err(Sent::Unknown);
    }
    match binary::text(element, value) {
        Sent::Text(text) => put_quoted(out, &text),
        other => return Err(other),
    }
    Ok(())
}

/// A text of an array of one dimension with each element changed, where none has anything in it that is written with a backslash.
pub(super) fn map_plain(text: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let inner = text.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
    if inner.is_empty() || inner.contains(&b'\\') {
        return None;
    }
    let mut out = vec![b'{'];
    for (at, element) in inner.split(|byte| *byte == b',').enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let element = element.trim_ascii();
        if element.eq_ignore_ascii_case(b"NULL") {
            out.extend_from_slice(b"NULL");
            continue;
        }
        let quoted = element
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""));
        put_quoted(&mut out, &change(quoted.unwrap_or(element))?);
    }
    out.push(b'}');
    Some(out)
}

/// An element in quotes where it would not be read as it is without.
fn put_quoted(out: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| {
        matches!(
            byte,
            b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c
        )
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"NULL") && !text.iter().any(special) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(element: u32, lengths: &[i32], values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut out = Vec::new();
        let dimensions = i32::try_from(lengths.len()).unwrap();
        out.extend_from_slice(&dimensions.to_be_bytes());
        out.extend_from_slice(&0_i32.to_be_bytes());
        out.extend_from_slice(&element.to_be_bytes());
        for length in lengths {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&1_i32.to_be_bytes());
        }
        for value in values {
            match value {
                Some(value) => {
                    out.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                    out.extend_from_slice(value);
                }
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
            }
        }
        out
    }

    fn shown(value: &[u8]) -> String {
        match text(value) {
            Sent::Text(text) => String::from_utf8(text).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn elements_are_quoted_where_they_must_be() {
        let values = ["a", "", "null", "b c", "d,e", "\"", "\\", "{x}"];
        let values: Vec<_> = values.iter().map(|value| Some(value.as_bytes())).collect();
        assert_eq!(
            shown(&array(25, &[8], &values)),
            r#"{a,"","null","b c","d,e","\"","\\","{x}"}"#
        );
        assert_eq!(shown(&array(25, &[2], &[None, Some(b"x")])), "{NULL,x}");
        assert_eq!(shown(&array(23, &[], &[])), "{}");
        assert_eq!(shown(&array(23, &[0], &[])), "{}");
        assert_eq!(text(&array(23, &[2, 0], &[None])), Sent::Wrong);
    }

    #[test]
    fn dimensions_are_nested() {
        let one = 1_i32.to_be_bytes();
        let ones = [Some(&one[..]); 4];
        assert_eq!(shown(&array(23, &[2, 2], &ones)), "{{1,1},{1,1}}");
    }

    #[test]
    fn what_promises_more_than_it_holds_is_no_array() {
        let one = 1_i32.to_be_bytes();
        assert_eq!(text(b""), Sent::Wrong);
        assert_eq!(text(&array(23, &[2], &[Some(&one)])), Sent::Wrong);
        assert_eq!(text(&array(23, &[1], &[Some(&one), None])), Sent::Wrong);
        assert_eq!(text(&array(23, &[1; 7], &[Some(&one)])), Sent::Wrong);
        assert_eq!(text(&array(23, &[i32::MAX; 6], &[])), Sent::Wrong);
        assert_eq!(text(&array(790, &[1], &[Some(&one)])), Sent::Unknown);
    }
}
