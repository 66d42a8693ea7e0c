//! Which statement does a line of PostgreSQL's log tell of?
//!
//! The texts are those of `log_statement`, `log_duration` and `log_min_duration_statement` in English
//! (<https://www.postgresql.org/docs/15/runtime-config-logging.html>). The Parse and Bind of a statement are logged beside its Execute, and
//! the errors of one beside the statement, so only what was executed counts.

/// A message of the server's log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// `LOG`, `ERROR` …
    pub(super) severity: Vec<u8>,
    /// What it says.
    pub(super) text: Vec<u8>,
    /// Whose session it is of.
    pub(super) user: Option<String>,
    /// The session's database.
    pub(super) database: Option<String>,
    /// The session's `application_name`.
    pub(super) application: Option<String>,
}

impl Message {
    /// The statement that was executed, if the message is about one.
    pub(super) fn statement(&self) -> Option<&[u8]> {
        if self.severity != b"LOG" {
            return None;
        }
        let text = after_duration(&self.text);
        if let Some(statement) = text.strip_prefix(b"statement: ") {
            return Some(statement);
        }
        let named = text.strip_prefix(b"execute ")?;
        // The next rows of a portal: its statement has been logged before.
        if named.starts_with(b"fetch from ") {
            return None;
        }
        let at = memchr::memmem::find(named, b": ")?;
        named.get(at + 2..)
    }
}

/// What follows `duration: 0.042 ms  `.
fn after_duration(text: &[u8]) -> &[u8] {
    let timed = || {
        let rest = text.strip_prefix(b"duration: ")?;
        let at = memchr::memmem::find(rest, b" ms  ")?;
        let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let (number, rest) = rest.split_at(at);
        number
            .iter()
            .all(digit)
            .then(|| rest.get(5..).unwrap_or_default())
    };
    timed().unwrap_or(text)
}

/// Whether a line begins with a time as `%m` and `%t` write it.
pub(super) fn has_time(line: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00 00:00:00";
    line.len() > SHAPE.len()
        && line.iter().zip(SHAPE).all(|(byte, shape)| {
            if *shape == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == shape
            }
        })
}

/// A user's or database's name; the server writes `[unknown]` before a login.
pub(super) fn name(text: &[u8]) -> Option<String> {
    (!text.is_empty() && text != b"[unknown]").then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(severity: &str, text: &str) -> Option<String> {
        let message = Message {
            severity: severity.into(),
            text: text.into(),
            ..Message::default()
        };
        message
            .statement()
            .map(|found| String::from_utf8_lossy(found).into_owned())
    }

    #[test]
    fn executed_statements_are_found_in_every_form_and_once() {
        for (text, found) in [
            ("statement: select 1", Some("select 1")),
            (
                "duration: 0.042 ms  statement: select ' ms  '",
                Some("select ' ms  '"),
            ),
            ("execute <unnamed>: select $1", Some("select $1")),
            ("execute S_1/C_2: select ': '", Some("select ': '")),
            ("duration: 12 ms  execute s1: commit", Some("commit")),
            ("duration: 0.042 ms", None),
            ("duration: 0.042 ms  parse s1: select 1", None),
            ("duration: 0.042 ms  bind s1: select 1", None),
            ("execute fetch from C_2: select 1", None),
            ("checkpoint starting: time", None),
            ("duration: long ms  statement: select 1", None),
        ] {
            assert_eq!(statement("LOG", text).as_deref(), found, "{text}");
        }
        assert_eq!(statement("ERROR", "statement: select 1"), None);
    }
}
