//! Which types does RisingWave know, and how do PostgreSQL's look when they pass for RisingWave's?

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::errors::{Failure, INTERNAL};
use super::lexer::{Kind, Token};
use super::reader::{Reader, shown};
use super::wire;

/// A type as written in SQL.
#[derive(Debug, Clone)]
pub struct Type {
    /// What PostgreSQL is to make of it.
    pub postgres: String,
    /// Why RisingWave does not take it.
    pub refused: Option<String>,
}

/// The types RisingWave takes by name, and PostgreSQL's names for them.
const KNOWN: &[(&str, &str)] = &[
    ("int", "integer"),
    ("integer", "integer"),
    ("int4", "integer"),
    ("smallint", "smallint"),
    ("int2", "smallint"),
    ("bigint", "bigint"),
    ("int8", "bigint"),
    ("real", "real"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("float", "double precision"),
    ("double", "double precision"),
    ("numeric", "numeric"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("varchar", "character varying"),
    ("text", "character varying"),
    ("string", "character varying"),
    ("bytea", "bytea"),
    ("date", "date"),
    ("time", "time"),
    ("timestamp", "timestamp"),
    ("timestamptz", "timestamptz"),
    ("interval", "interval"),
    ("boolean", "boolean"),
    ("bool", "boolean"),
    ("jsonb", "jsonb"),
    ("rw_int256", "numeric"),
    ("regclass", "regclass"),
    ("regproc", "regproc"),
    ("regtype", "regtype"),
];

/// Reads a type.
pub fn data_type(reader: &mut Reader<'_>) -> Result<Type, Failure> {
    let from = reader.at;
    if reader.peek_at(1).is_some_and(|t| t.is_sign(".")) && reader.sees("pg_catalog") {
        reader.at += 2;
    }
    let word = reader.identifier()?;
    let mut postgres = KNOWN
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, pg)| (*pg).to_owned());
    let mut refused = None;
    let unsupported =
        |name: &str| Failure::unimplemented_text(&format!("unsupported data type: {name}"));
    match word.as_str() {
        "double" => drop(reader.eat("precision")),
        "character" | "char" => {
            if reader.eat("varying") {
                postgres = Some("character varying".to_owned());
            } else {
                if reader.sees_sign("(") {
                    reader.group()?;
                }
                let what = "CHAR is not supported, please use VARCHAR instead";
                refused = Some(Failure::unimplemented_text(what));
            }
        }
        "time" | "timestamp" => {
            if reader.eat("with time zone") {
                postgres = Some(format!("{word}tz"));
            } else {
                reader.eat("without time zone");
            }
        }
        "float" if reader.sees_sign("(") => drop(reader.group()?),
        "numeric" | "decimal" | "dec" if reader.sees_sign("(") => {
            let inner = reader.group()?;
            let inner: Vec<&str> = inner.iter().map(|t| t.text.as_str()).collect();
            refused = Some(unsupported(&format!("NUMERIC({})", inner.concat())));
        }
        "struct" | "map" | "vector" => {
            // Kept as text behind: nothing here looks inside.
            let mut depth = 0;
            while let Some(token) = reader.peek() {
                depth += i32::from(token.is_sign("<") || token.is_sign("("));
                depth -= i32::from(token.is_sign(">") || token.is_sign(")"));
                if depth < 0 || (depth == 0 && !(token.is_sign(">") || token.is_sign(")"))) {
                    break;
                }
                reader.at += 1;
                if depth == 0 {
                    break;
                }
            }
            postgres = Some("character varying".to_owned());
        }
        "serial" => {
            refused = Some(
                "Not supported: Column type SERIAL is not supported\nHINT: Please remove the SERIAL column".to_owned(),
            );
        }
        "uuid" => refused = Some(unsupported("UUID")),
        _ => {}
    }
    if postgres.is_none() && refused.is_none() {
        refused = Some(unsupported(&shown(&reader.tokens[from..reader.at], true)));
    }
    let mut postgres = postgres.unwrap_or_default();
    while reader.sees_sign("[") && reader.peek_at(1).is_some_and(|t| t.is_sign("]")) {
        reader.at += 2;
        postgres.push_str("[]");
    }
    Ok(Type { postgres, refused })
}

/// A length behind a text type is a syntax error: RisingWave's has none.
pub fn sized_text(reader: &Reader<'_>, at: usize) -> Result<(), Failure> {
    let mut inner = Reader {
        sql: reader.sql,
        tokens: reader.tokens,
        at,
    };
    let text = inner.eat("varchar") || inner.eat("character varying") || inner.eat("text");
    if text && inner.sees_sign("(") {
        return Err(inner.expected("end of statement"));
    }
    Ok(())
}

/// Why the cast at `::`, or at the AS of a CAST, is refused.
pub fn refused_cast(reader: &Reader<'_>, at: usize, from: usize) -> Option<Failure> {
    let short = reader.tokens.get(at)?.is_sign("::");
    let start = operand_start(reader.tokens, at, from, short)?;
    let mut inner = Reader {
        sql: reader.sql,
        tokens: reader.tokens,
        at: at + 1,
    };
    let type_from = inner.at;
    let refused = data_type(&mut inner).ok()?.refused?;
    let name = shown(&reader.tokens[type_from..inner.at], true);
    let operand = shown(&reader.tokens[start..at], true);
    let upper = |name: &str| match name.split_once('(') {
        Some((head, tail)) => format!("{}({}", head.to_ascii_uppercase(), tail.replace(' ', "")),
        None => name.to_owned(),
    };
    let operand = if operand == "NULL" {
        operand
    } else {
        operand.replace(" ::", "::")
    };
    Some(Failure::unbound(
        &format!("CAST({operand} AS {})", upper(&name)),
        &[&refused],
    ))
}

/// Where the operand of a cast begins, or `None` where an AS is no cast's.
fn operand_start(tokens: &[Token], at: usize, from: usize, short: bool) -> Option<usize> {
    let mut depth = 0;
    for n in (from..at).rev() {
        let token = &tokens[n];
        if token.is_sign(")") {
            depth += 1;
        } else if token.is_sign("(") {
            depth -= 1;
            if depth < 0 {
                let cast = n.checked_sub(1).is_some_and(|n| tokens[n].is("cast"));
                return (!short && cast).then_some(n + 1);
            }
        }
        if short && depth == 0 {
            let chained = n
                .checked_sub(1)
                .is_some_and(|n| tokens[n].is_sign("::") || tokens[n].is_sign("."));
            let called = token.is_sign("(") && n > from && tokens[n - 1].kind == Kind::Word;
            if !chained && !called && !token.is_sign("::") && !token.is_sign(".") {
                return Some(n);
            }
        }
    }
    None
}

/// The parameter types that Parse takes, and their arrays.
const PARAMETERS: &[i32] = &[
    0, 16, 17, 20, 21, 23, 25, 700, 701, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 3802, 1301,
    1000, 1001, 1016, 1005, 1007, 1009, 1021, 1022, 1015, 1182, 1183, 1115, 1185, 1187, 1231, 3807,
];

pub fn takes_parameter(oid: i32) -> bool {
    PARAMETERS.contains(&oid)
}

/// The name of an array type whose binary form is not read, or `None`.
pub fn array_name(oid: i32) -> Option<&'static str> {
    Some(match oid {
        1000 => "boolean[]",
        1001 => "bytea[]",
        1005 => "smallint[]",
        1007 => "integer[]",
        1016 => "bigint[]",
        1009 | 1015 => "character varying[]",
        1021 => "real[]",
        1022 => "double precision[]",
        1115 => "timestamp without time zone[]",
        1182 => "date[]",
        1183 => "time without time zone[]",
        1185 => "timestamp with time zone[]",
        1187 => "interval[]",
        1231 => "numeric[]",
        3807 => "jsonb[]",
        2249 => "struct",
        _ => return None,
    })
}

/// RisingWave's oid for a type of PostgreSQL's.
pub fn oid(postgres: i32) -> i32 {
    match postgres {
        18 | 19 | 25 | 142 | 705 | 869 | 1033 | 1042 | 2206 | 2950 | 2275 | 12_345 => 1043,
        24 | 26 | 28 | 2202 | 2205 | 2278 => 23,
        1002 | 1003 | 1009 | 1014 | 1034 => 1015,
        1028 => 1007,
        114 => 3802,
        other => other,
    }
}

fn length(oid: i32) -> i16 {
    match oid {
        16 => 1,
        21 => 2,
        23 | 700 | 1082 => 4,
        20 | 701 | 1083 | 1114 | 1184 => 8,
        1186 => 16,
        _ => -1,
    }
}

/// A column of a result.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// RisingWave's oid.
    pub oid: i32,
    /// PostgreSQL's.
    pub behind: i32,
}

impl Column {
    pub fn text(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            oid: 1043,
            behind: 1043,
        }
    }
}

/// The columns of a RowDescription of PostgreSQL's.
pub fn columns(body: &Bytes) -> Vec<Column> {
    let mut body = body.clone();
    let count = body.get_u16();
    let mut column = || {
        let name = wire::take_text(&mut body)?;
        body.advance(6);
        let behind = body.get_i32();
        body.advance(8);
        let name = String::from_utf8_lossy(&name).into_owned();
        Some(Column {
            name,
            oid: oid(behind),
            behind,
        })
    };
    (0..count).filter_map(|_| column()).collect()
}

/// A RowDescription: no table, no attribute, no modifier.
pub fn put_columns(out: &mut BytesMut, columns: &[Column], formats: &[i16]) {
    let mut body = BytesMut::new();
    body.put_u16(u16::try_from(columns.len()).expect("few"));
    for (n, column) in columns.iter().enumerate() {
        wire::put_text(&mut body, &column.name);
        body.put_slice(&[0; 6]);
        body.put_i32(column.oid);
        body.put_i16(length(column.oid));
        body.put_i32(-1);
        body.put_i16(format_of(formats, n));
    }
    wire::put(out, b'T', &body);
}

/// The format of a column: there are none, one for all, or one for each.
pub fn format_of(formats: &[i16], n: usize) -> i16 {
    match formats {
        [] => 0,
        [one] => *one,
        each => each.get(n).copied().unwrap_or(0),
    }
}

/// A value as RisingWave writes it: offsets with minutes, arrays that say "may hold nulls", void as NULL. Nested arrays have no binary form.
pub fn value(
    column: &Column,
    binary: bool,
    value: Option<Bytes>,
) -> Result<Option<Bytes>, Failure> {
    let is_nested = |value: &Bytes| {
        value
            .get(..4)
            .is_some_and(|dimensions| dimensions > &[0, 0, 0, 1][..])
    };
    if binary
        && array_name(column.behind).is_some_and(|name| name != "struct")
        && value.as_ref().is_some_and(is_nested)
    {
        let cause = "Feature is not yet implemented: binary format of a list of lists";
        return Err(Failure::caused(INTERNAL, &[cause]).while_running());
    }
    Ok(value.and_then(|value| written(column, binary, value)))
}

fn written(column: &Column, binary: bool, value: Bytes) -> Option<Bytes> {
    let value = match (column.behind, binary) {
        (1083 | 1114 | 1115 | 1183 | 1184 | 1185, false) => long_fractions(&value),
        _ => value,
    };
    match (column.behind, binary) {
        (2278, _) => None,
        (1184, false) => {
            let bare = value.len() > 3 && matches!(value[value.len() - 3], b'+' | b'-');
            match bare {
                true => Some([&value[..], b":00"].concat().into()),
                false => Some(value),
            }
        }
        (1185, false) => {
            let text = String::from_utf8_lossy(&value);
            Some(text.replace("+00\"", "+00:00\"").into())
        }
        (3802, true) => Some(without_spaces(&value)),
        // Zero has one digit and no scale.
        (1700, true) if value.starts_with(&[0, 0]) && value.get(4..6) == Some(&[0, 0][..]) => {
            Some(Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
        }
        // An average of PostgreSQL's has at least 16 digits behind the point.
        (1700, false) => {
            let digits = value
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits < 16 || digits == value.len() {
                return Some(value);
            }
            let text = String::from_utf8_lossy(&value);
            let short = text.trim_end_matches('0').trim_end_matches('.');
            Some(Bytes::copy_from_slice(short.as_bytes()))
        }
        (1000..=1231, true)
            if column.oid != 1043 && array_name(column.behind).is_some() && value.len() >= 12 =>
        {
            let mut patched = value.to_vec();
            patched[7] = 1;
            if patched[8..12] == 25_i32.to_be_bytes() {
                patched[8..12].copy_from_slice(&1043_i32.to_be_bytes());
            }
            Some(patched.into())
        }
        _ => Some(value),
    }
}

/// Fractions of a second have three digits or six (*source*).
fn long_fractions(value: &[u8]) -> Bytes {
    let (mut out, mut digits) = (Vec::with_capacity(value.len()), None);
    let pad = |out: &mut Vec<u8>, digits: &mut Option<usize>| {
        if let Some(digits) = digits.take() {
            let width = if digits > 3 { 6 } else { 3 };
            out.resize(out.len() + width - digits, b'0');
        }
    };
    for byte in value {
        match byte {
            b'.' => digits = Some(0),
            b'0'..=b'9' => digits = digits.map(|digits| digits + 1),
            _ => pad(&mut out, &mut digits),
        }
        out.push(*byte);
    }
    pad(&mut out, &mut digits);
    out.into()
}

/// jsonb without the spaces that PostgreSQL puts behind its commas and colons.
fn without_spaces(value: &[u8]) -> Bytes {
    let (mut out, mut quoted, mut escaped) = (Vec::with_capacity(value.len()), false, false);
    for byte in value {
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        if quoted || *byte != b' ' {
            out.push(*byte);
        }
    }
    out.into()
}

/// Whether a parameter's bytes can be read as its type, as far as RisingWave finds out when it is bound.
pub fn check_parameter(oid: i32, binary: bool, value: &[u8]) -> Result<(), Failure> {
    let wanted = match oid {
        16 => 1,
        21 => 2,
        23 | 700 | 1082 => 4,
        20 | 701 | 1083 | 1114 | 1184 => 8,
        1186 => 16,
        _ => 0,
    };
    if binary {
        if let Some(name) = array_name(oid) {
            return Err(Failure::bare(format!("unsupported data type: {name}")));
        }
        if wanted > value.len() {
            return Err(Failure::bare("failed to fill whole buffer"));
        }
        if !matches!(oid, 25 | 1043) {
            return Ok(());
        }
    }
    let text = std::str::from_utf8(value).map_err(|error| Failure::bare(error.to_string()))?;
    let parsed = match oid {
        21 => text.parse::<i16>().map(drop).map_err(|e| e.to_string()),
        23 => text.parse::<i32>().map(drop).map_err(|e| e.to_string()),
        20 => text.parse::<i64>().map(drop).map_err(|e| e.to_string()),
        700 | 701 => text.parse::<f64>().map(drop).map_err(|e| e.to_string()),
        _ => Ok(()),
    };
    parsed.map_err(Failure::bare)
}
