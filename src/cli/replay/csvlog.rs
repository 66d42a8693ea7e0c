//! What does one record of PostgreSQL's csv log say?
//!
//! The columns are those of <https://www.postgresql.org/docs/15/runtime-config-logging.html>. PostgreSQL 9.0 to 12 write the first 23,
//! 13 writes 24, later ones 26.

use std::ops::RangeInclusive;

use super::message::{Message, has_time, name};

const COLUMNS: RangeInclusive<usize> = 23..=32;
const USER: usize = 1;
const DATABASE: usize = 2;
const SEVERITY: usize = 11;
const MESSAGE: usize = 13;
const APPLICATION: usize = 22;

/// Bytes in which the first column, a time with its zone, must end.
const TIME_BYTES_MAX: usize = 48;

/// Whether a line looks like the first of a record: a time with its zone, and then a name in quotes or nothing.
pub(super) fn begins(line: &[u8]) -> bool {
    let Some(comma) = memchr::memchr(b',', line).filter(|at| *at < TIME_BYTES_MAX) else {
        return false;
    };
    let spaces = memchr::memchr_iter(b' ', &line[..comma]).count();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" .:+-".contains(byte);
    has_time(line)
        && spaces == 2
        && line[..comma].iter().all(plain)
        && matches!(line.get(comma + 1), Some(b'"' | b','))
}

/// A whole record's message.
pub(super) fn message(record: &[u8]) -> Option<Message> {
    let mut columns = columns(record).filter(|columns| COLUMNS.contains(&columns.len()))?;
    let mut take = |index: usize| columns.get_mut(index).map(std::mem::take);
    Some(Message {
        severity: take(SEVERITY)?,
        text: take(MESSAGE)?,
        user: name(&take(USER)?),
        database: name(&take(DATABASE)?),
        application: name(&take(APPLICATION)?),
    })
}

/// The columns of a record; `None` where its quotes are wrong.
fn columns(record: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut columns = Vec::with_capacity(26);
    let mut rest = record;
    loop {
        let (column, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                (rest[..end].to_vec(), &rest[end..])
            }
        };
        columns.push(column);
        match after.split_first() {
            None => return Some(columns),
            Some((b',', after)) if columns.len() < *COLUMNS.end() => rest = after,
            _ => return None,
        }
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut rest = quoted;
    loop {
        let at = memchr::memchr(b'"', rest)?;
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                text.push(b'"');
                rest = after;
            }
            None => return Some((text, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2026-11-23 05:10:09.123 UTC,\"app\",\"shop\",4711,\"127.0.0.1:5000\",6a.1,3,\"SELECT\",\
                        2026-11-23 05:00:00 UTC,3/7,0,LOG,00000,";

    #[test]
    fn a_record_of_each_version_is_read() {
        for tail in [
            "",
            ",\"client backend\"",
            ",\"client backend\",,0",
            ",\"client backend\",,-123456789",
        ] {
            let record =
                format!("{HEAD}\"statement: select \"\"a,b\"\",\n 1\",,,,,,,,,\"psql\"{tail}");
            assert!(begins(record.as_bytes()));
            let message = message(record.as_bytes()).unwrap();
            assert_eq!(message.statement().unwrap(), b"select \"a,b\",\n 1");
            assert_eq!(message.user.as_deref(), Some("app"));
            assert_eq!(message.database.as_deref(), Some("shop"));
            assert_eq!(message.application.as_deref(), Some("psql"));
        }
    }

    #[test]
    fn a_torn_record_is_none() {
        for record in [
            format!("{HEAD}\"statement: select 1"),
            format!("{HEAD}\"statement: select 1\"x,,,,,,,,,\"psql\""),
            format!("{HEAD}\"statement: select 1\",,"),
            "a,b".to_owned(),
            ",".repeat(100),
        ] {
            assert_eq!(message(record.as_bytes()), None, "{record}");
        }
        for line in [
            " 1\",,,,,,,,,\"psql\"",
            "2026-11-23",
            "2026-11-23 05:10:09 on a line of its own',\"",
            "2026-11-23 05:10:09 in a text\",,,,",
            "",
            "2026-11-23 05:10:09.123 UTC [1] LOG:  x",
        ] {
            assert!(!begins(line.as_bytes()), "{line}");
        }
    }
}
