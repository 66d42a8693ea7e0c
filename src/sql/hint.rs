//! Did the client say where it wants the statement to run?
//!
//! A hint is a comment before the statement's first token, because every driver and ORM can put one
//! there: `/* tidegate: to=analytic */ SELECT …` or `-- tidegate: to=oltp` on a line of its own. The
//! name is not checked here; routing knows which backends there are, and whom hints are allowed.

use super::facts::Hint;
use super::lexer::{Kind, Token};
use super::limits::NAME_BYTES_MAX;

/// The hint in one comment, if it is one.
pub(super) fn parse(comment: &[u8]) -> Option<Hint> {
    let text = std::str::from_utf8(comment).ok()?;
    let body = match text.strip_prefix("--") {
        Some(body) => body,
        None => text.strip_prefix("/*")?.strip_suffix("*/")?,
    };
    let body = body.trim();
    let (word, rest) = body.split_once(':')?;
    if !word.trim().eq_ignore_ascii_case("tidegate") {
        return None;
    }
    let (key, value) = rest.split_once('=')?;
    let value = value.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'.';
    if !key.trim().eq_ignore_ascii_case("to")
        || value.is_empty()
        || value.len() > NAME_BYTES_MAX
        || !value.bytes().all(plain)
    {
        return None;
    }
    if value.eq_ignore_ascii_case("auto") {
        Some(Hint::Auto)
    } else {
        Some(Hint::To(value.to_owned()))
    }
}

/// The first hint among the comments before the first significant token.
pub(super) fn leading(text: &[u8], tokens: impl Iterator<Item = Token>) -> Option<Hint> {
    tokens
        .take_while(|token| !token.is_significant())
        .filter(|token| token.kind == Kind::Comment)
        .find_map(|token| parse(token.bytes(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::{Dialect, lex};

    fn hint(text: &str) -> Option<Hint> {
        leading(text.as_bytes(), lex(text.as_bytes(), Dialect::default()))
    }

    #[test]
    fn is_read_from_leading_comments_only() {
        let analytic = Some(Hint::To("analytic".into()));
        assert_eq!(hint("/* tidegate: to=analytic */ select 1"), analytic);
        assert_eq!(hint(" /*tidegate:to = analytic*/select 1"), analytic);
        assert_eq!(hint("-- TideGate: TO=analytic\nselect 1"), analytic);
        assert_eq!(
            hint("/* app */ /* tidegate: to=analytic */ select 1"),
            analytic
        );
        assert_eq!(hint("/* tidegate: to=auto */ select 1"), Some(Hint::Auto));
        assert_eq!(hint("select 1 /* tidegate: to=analytic */"), None);
        assert_eq!(hint("/* tidegate: to= */ select 1"), None);
        assert_eq!(hint("/* tidegate: to=a b */ select 1"), None);
        assert_eq!(hint("/* tidegate: to=analytic"), None);
    }
}
