//! Which literals does RisingWave not take, though it has their values?
//!
//! Drivers that put values into the text write `'…'::uuid` and `'…'::inet`. RisingWave has no such types; what `ddl: adapt` makes of
//! a column of them is varchar, and so is the literal. A uuid is written as PostgreSQL shows it, so that it is found however a driver writes
//! it. Only literals of plain strings are changed.

use crate::sql::lexer::{Dialect, Kind};
use crate::sql::tokens::Tokens;

/// Types of literals that are varchar there.
const TEXTS: &[&str] = &[
    "uuid", "inet", "cidr", "macaddr", "macaddr8", "citext", "bpchar", "name", "xml",
];

/// The statement with such literals changed; `None` where there is none.
pub(super) fn adapt(statement: &str) -> Option<String> {
    memchr::memmem::find(statement.as_bytes(), b"'::")?;
    let tokens = Tokens::new(statement.as_bytes(), Dialect::default());
    let mut at = tokens.cursor();
    let (mut out, mut from) = (String::new(), 0);
    while let Some(token) = at.peek(0) {
        let literal = token.kind == Kind::String && at.is_mark(1, "::") && at.is_any(2, TEXTS);
        let kind = at.peek(2).filter(|_| literal && !at.is_mark(3, "["));
        if let Some(kind) = kind {
            let written = statement.get(token.start..token.end)?;
            let canonical = at.is(2, "uuid").then(|| uuid(written)).flatten();
            out.push_str(statement.get(from..token.start)?);
            out.push_str(canonical.as_deref().unwrap_or(written));
            out.push_str(statement.get(token.end..kind.start)?);
            out.push_str("varchar");
            from = kind.end;
        }
        at.advance();
    }
    let changed = from > 0;
    out.push_str(statement.get(from..)?);
    changed.then_some(out)
}

/// A uuid's literal as PostgreSQL would show it, from any form that it takes.
fn uuid(literal: &str) -> Option<String> {
    let inside = literal.trim_matches('\'');
    let inside = inside
        .strip_prefix('{')
        .map_or(inside, |rest| rest.trim_end_matches('}'));
    let digits: String = inside.chars().filter(|c| *c != '-').collect();
    let hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = digits.to_ascii_lowercase();
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    hex.then(|| {
        let parts = [
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32),
        ];
        format!("'{}'", parts.join("-"))
    })
}

#[cfg(test)]
mod tests {
    use super::adapt;

    #[test]
    fn literals_of_types_that_are_text_there_are_text() {
        assert_eq!(
            adapt("INSERT INTO t VALUES (1, 'a''b'::uuid, '::1'::inet, '{}'::jsonb)").as_deref(),
            Some("INSERT INTO t VALUES (1, 'a''b'::varchar, '::1'::varchar, '{}'::jsonb)")
        );
        let canonical = "SELECT 1 FROM t WHERE u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::varchar";
        for written in [
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}",
        ] {
            let text = format!("SELECT 1 FROM t WHERE u = '{written}'::uuid");
            assert_eq!(adapt(&text).as_deref(), Some(canonical));
        }
        for text in [
            "SELECT '1'::int",
            "SELECT a::uuid FROM t",
            "SELECT '{}'::uuid[]",
            "SELECT '''::uuid' FROM t",
            "SELECT 1",
        ] {
            assert_eq!(adapt(text), None, "{text}");
        }
    }
}
