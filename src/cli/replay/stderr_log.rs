//! What does one entry of PostgreSQL's plain log say?
//!
//! An entry is a prefix (`log_line_prefix`, of which PostgreSQL's default `%m [%p] ` and Debian's `%m [%p] %q%u@%d ` are the usual ones), a
//! severity, and a text whose further lines begin with a tab. A prefix with `user=%u,db=%d,app=%a` is understood too, as log
//! analysers recommend it. Whatever else stands in a prefix that begins with the time is passed over.

use super::message::{Message, has_time, name};

/// The words in front of an entry's text. All but `LOG` only end the entry before.
const SEVERITIES: [&str; 18] = [
    "LOG",
    "ERROR",
    "DETAIL",
    "HINT",
    "STATEMENT",
    "CONTEXT",
    "QUERY",
    "LOCATION",
    "BACKTRACE",
    "FATAL",
    "PANIC",
    "WARNING",
    "NOTICE",
    "INFO",
    "DEBUG",
    "DEBUG1",
    "DEBUG2",
    "DEBUG3",
];

/// Bytes in which the severity must be found.
const PREFIX_BYTES_MAX: usize = 512;

/// Whether a line begins an entry.
pub(super) fn begins(line: &[u8]) -> bool {
    split(line).is_some()
}

/// A whole entry's message, the tabs before its further lines already gone.
pub(super) fn message(entry: &[u8]) -> Option<Message> {
    let (prefix, severity, text) = split(entry)?;
    let (user, database, application) = session(prefix);
    Some(Message {
        severity: severity.to_vec(),
        text: text.to_vec(),
        user,
        database,
        application,
    })
}

/// Prefix, severity and text. The first severity counts: a statement may hold others.
fn split(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if !has_time(line) {
        return None;
    }
    let head = &line[..line.len().min(PREFIX_BYTES_MAX)];
    for at in memchr::memmem::find_iter(head, b":  ") {
        let word = head[..at].rsplit(|byte| *byte == b' ').next()?;
        if SEVERITIES.iter().any(|known| known.as_bytes() == word) {
            let prefix = &line[..at - word.len()];
            return Some((prefix, word, &line[at + 3..]));
        }
    }
    None
}

/// User, database and application, as far as the prefix tells them.
fn session(prefix: &[u8]) -> (Option<String>, Option<String>, Option<String>) {
    let keyed = |key: &[u8]| {
        let at = memchr::memmem::find(prefix, key)? + key.len();
        let rest = &prefix[at..];
        let ends = |byte: &u8| matches!(byte, b',' | b' ');
        name(&rest[..rest.iter().position(ends).unwrap_or(rest.len())])
    };
    let last = prefix.trim_ascii_end().rsplit(|byte| *byte == b' ').next();
    let pair = last.and_then(|word| {
        let at = memchr::memchr(b'@', word)?;
        Some((name(&word[..at]), name(&word[at + 1..])))
    });
    let (user, database) = pair.unwrap_or_else(|| (keyed(b"user="), keyed(b"db=")));
    (user, database, keyed(b"app="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_prefixes_are_read() {
        for (line, user, database) in [
            (
                "2026-11-23 05:10:09.123 UTC [4711] LOG:  statement: select 'LOG:  x'",
                None,
                None,
            ),
            (
                "2026-11-23 05:10:09.123 CET [4711] app@shop LOG:  statement: select 'LOG:  x'",
                Some("app"),
                Some("shop"),
            ),
            (
                "2026-11-23 05:10:09.123 -03 [4711] [unknown]@[unknown] LOG:  statement: select 'LOG:  x'",
                None,
                None,
            ),
            (
                "2026-11-23 05:10:09 UTC [4711]: user=app,db=shop,app=a b,client=::1 LOG:  statement: select 'LOG:  x'",
                Some("app"),
                Some("shop"),
            ),
        ] {
            let message = message(line.as_bytes()).unwrap();
            assert_eq!(message.statement().unwrap(), b"select 'LOG:  x'", "{line}");
            assert_eq!(message.user.as_deref(), user, "{line}");
            assert_eq!(message.database.as_deref(), database, "{line}");
        }
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for line in [
            "",
            "select 1",
            "LOG:  statement: select 1",
            "2026-11-23 05:10:09.123 UTC [4711] statement: select 1",
            "2026-11-23 05:10:09.123 UTC,\"app\",\"shop\"",
        ] {
            assert!(!begins(line.as_bytes()), "{line}");
        }
    }
}
