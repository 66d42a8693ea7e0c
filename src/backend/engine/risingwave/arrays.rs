//! What is a binary array of PostgreSQL's as text, and the other way round?
//!
//! RisingWave has no binary arrays as parameters, though it reads `{1,2}`, and none as results where they are nested. A binary array says in its
//! head what its elements are, so nothing else need be known of it. Bounds other than 1 are left out, as RisingWave's arrays have none.

use std::borrow::Cow;

use super::{binary, encoded};
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

/// Appends the binary array of such elements that a text stands for. `None` where it stands for none: PostgreSQL has no arrays whose parts are
/// of different lengths, or NULL.
pub(super) fn put_binary(element: u32, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut lengths: Vec<Option<usize>> = Vec::new();
    let mut counts = Vec::new();
    let mut innermost = None;
    let (mut values, mut nulls) = (Vec::with_capacity(text.len()), 0_i32);
    walk(text, |token| {
        match token {
            Token::Open => {
                if let Some(count) = counts.last_mut() {
                    *count += 1;
                }
                counts.push(0);
                if lengths.len() < counts.len() {
                    lengths.push(None);
                }
            }
            Token::Close => {
                let count = counts.pop()?;
                let length = lengths.get_mut(counts.len())?.get_or_insert(count);
                return (*length == count).then_some(());
            }
            Token::Null | Token::Element(_) => {
                if *innermost.get_or_insert(counts.len()) != counts.len() {
                    return None;
                }
                *counts.last_mut()? += 1;
                let start = values.len() + 4;
                values.extend_from_slice(&(-1_i32).to_be_bytes());
                let Token::Element(value) = token else {
                    nulls = 1;
                    return Some(());
                };
                encoded::put(element, &value, &mut values)?;
                let length = i32::try_from(values.len() - start).ok()?;
                values[start - 4..start].copy_from_slice(&length.to_be_bytes());
            }
        }
        Some(())
    })?;
    let lengths: Vec<usize> = lengths.into_iter().flatten().collect();
    // PostgreSQL has one array of nothing.
    let lengths = if innermost.is_none() {
        &[]
    } else {
        &lengths[..]
    };
    if innermost.is_some_and(|innermost| innermost != lengths.len()) {
        return None;
    }
    out.extend_from_slice(&i32::try_from(lengths.len()).ok()?.to_be_bytes());
    out.extend_from_slice(&nulls.to_be_bytes());
    out.extend_from_slice(&element.to_be_bytes());
    for length in lengths {
        out.extend_from_slice(&i32::try_from(*length).ok()?.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    out.extend_from_slice(&values);
    Some(())
}

/// Appends a text of an array with each element that is not NULL changed. `None` where it is none.
pub(super) fn put_mapped(
    text: &[u8],
    out: &mut Vec<u8>,
    change: impl Fn(&[u8], &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let mut changed = Vec::new();
    walk(text, |token| {
        let follows = out.last().is_some_and(|last| *last != b'{');
        if follows && !matches!(token, Token::Close) {
            out.push(b',');
        }
        match token {
            Token::Open => out.push(b'{'),
            Token::Close => out.push(b'}'),
            Token::Null => out.extend_from_slice(b"NULL"),
            Token::Element(value) => {
                changed.clear();
                change(&value, &mut changed)?;
                put_quoted(out, &changed);
            }
        }
        Some(())
    })
}

enum Token<'a> {
    Open,
    Close,
    Null,
    Element(Cow<'a, [u8]>),
}

/// Shows the parts of an array's text one after the other. `None` where it is none, or a part was not liked.
fn walk<'a>(text: &'a [u8], mut visit: impl FnMut(Token<'a>) -> Option<()>) -> Option<()> {
    let (mut at, mut depth) = (0, 0);
    loop {
        match *text.get(at)? {
            b'{' if depth < DIMENSIONS_MAX => {
                depth += 1;
                at += 1;
                visit(Token::Open)?;
                if text.get(at) != Some(&b'}') {
                    continue;
                }
            }
            b'{' | b'}' | b',' => return None,
            _ if depth == 0 => return None,
            b'"' => {
                let (value, end) = quoted(text, at + 1)?;
                visit(Token::Element(Cow::Owned(value)))?;
                at = end;
            }
            _ => {
                let rest = &text[at..];
                let end = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
                let bare = &rest[..end];
                visit(match bare {
                    b"NULL" => Token::Null,
                    _ => Token::Element(Cow::Borrowed(bare)),
                })?;
                at += end;
            }
        }
        while text.get(at) == Some(&b'}') && depth > 0 {
            depth -= 1;
            at += 1;
            visit(Token::Close)?;
        }
        if depth == 0 {
            return (at == text.len()).then_some(());
        }
        if *text.get(at)? != b',' {
            return None;
        }
        at += 1;
    }
}

/// What stands between quotes, without its backslashes, and the place behind the second one.
fn quoted(text: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut value = Vec::new();
    loop {
        match *text.get(at)? {
            b'"' => return Some((value, at + 1)),
            b'\\' => {
                at += 1;
                value.push(*text.get(at)?);
            }
            byte => value.push(byte),
        }
        at += 1;
    }
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

    /// The text of the binary array that a text stands for.
    fn there_and_back(element: u32, array: &str) -> Option<String> {
        let mut value = Vec::new();
        put_binary(element, array.as_bytes(), &mut value)?;
        Some(shown(&value))
    }

    #[test]
    fn a_text_of_an_array_is_read_as_it_was_written() {
        for (element, array) in [
            (23, "{}"),
            (23, "{1,NULL,-3}"),
            (23, "{{1,2},{3,NULL}}"),
            (23, "{{{1},{2}},{{3},{4}}}"),
            (25, r#"{a,"","null","b c","d,e","\"","\\","{x}"}"#),
            (16, "{t,f}"),
            (1114, r#"{"2024-01-02 03:04:05",NULL}"#),
            (3802, r#"{"{\"a\": 1}"}"#),
        ] {
            let back = there_and_back(element, array);
            assert_eq!(back.as_deref(), Some(array));
            let mut out = Vec::new();
            let same = |text: &[u8], out: &mut Vec<u8>| {
                out.extend_from_slice(text);
                Some(())
            };
            put_mapped(array.as_bytes(), &mut out, same).expect("an array");
            assert_eq!(String::from_utf8_lossy(&out), array);
        }
        assert_eq!(there_and_back(23, "{{},{}}").as_deref(), Some("{}"));
    }

    #[test]
    fn what_postgres_has_no_array_for_is_none() {
        for array in [
            "",
            "1",
            "{",
            "{1",
            "{1,}",
            "{,1}",
            "{1}}",
            "{1}x",
            "{{1},{2,3}}",
            "{{1},NULL}",
            "{{1},2}",
            "{1,{2}}",
            "{{},{1}}",
            "{{1},{}}",
            "{x}",
            "{\"1}",
            "{\"1\"2}",
            "{{{{{{{1}}}}}}}",
        ] {
            assert_eq!(there_and_back(23, array), None, "{array}");
        }
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
