//! What is the number behind LIMIT, OFFSET or FETCH where it is not written as one?
//!
//! RisingWave takes a plain number there. Drivers that put values into the text write `OFFSET ('7'::int4)`, as pgjdbc does, or
//! `FETCH FIRST (3) ROWS ONLY`, as SQLAlchemy does.

use std::ops::Range;

use super::mentions;
use crate::sql::lexer::{Dialect, Kind};
use crate::sql::tokens::{Cursor, Tokens};

/// Whole types that such a number may be cast to.
const WHOLE: &[&str] = &[
    "int", "int2", "int4", "int8", "integer", "bigint", "smallint",
];

/// The statement with plain numbers there; `None` where there is nothing else.
pub(super) fn adapt(statement: &str) -> Option<String> {
    if !mentions(statement, &["limit", "offset", "fetch"]) {
        return None;
    }
    let tokens = Tokens::new(statement.as_bytes(), Dialect::default());
    let mut at = tokens.cursor();
    let (mut out, mut from) = (String::new(), 0);
    while !at.is_done() {
        // `t.limit` is a name.
        if at.is_mark(0, ".") {
            at.advance();
            at.advance();
            continue;
        }
        let clause = at.eat_any(&["limit", "offset"])
            || at.eat_all(&["fetch", "first"])
            || at.eat_all(&["fetch", "next"]);
        if !clause {
            at.advance();
            continue;
        }
        let mut ahead = at;
        if let Some((range, digits)) = number(&mut ahead) {
            let plain = statement.get(range.clone()) == Some(digits);
            if !plain {
                out.push_str(statement.get(from..range.start)?);
                out.push_str(digits);
                from = range.end;
            }
            at = ahead;
        }
    }
    out.push_str(statement.get(from..)?);
    (from > 0).then_some(out)
}

/// Passes a number, in quotes, parentheses or with a cast, and gives where it stands and its digits.
fn number<'t>(at: &mut Cursor<'t>) -> Option<(Range<usize>, &'t str)> {
    let first = at.peek(0)?;
    let digits = if let Some(mut inside) = at.eat_parens() {
        let (_, digits) = number(&mut inside)?;
        inside.is_done().then_some(digits)?
    } else {
        let text = std::str::from_utf8(first.bytes(at.text)).ok()?;
        at.advance();
        match first.kind {
            Kind::Number => text,
            Kind::String => text.strip_prefix('\'')?.strip_suffix('\'')?,
            _ => return None,
        }
    };
    if at.is_mark(0, "::") && at.is_any(1, WHOLE) {
        at.advance();
        at.advance();
    }
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((first.start..at.behind()?.end, digits))
}

#[cfg(test)]
mod tests {
    use super::adapt;

    #[test]
    fn a_number_is_written_as_one() {
        for (written, sent) in [
            (
                "SELECT a FROM t LIMIT ('10'::int8) OFFSET ('7'::int4)",
                "SELECT a FROM t LIMIT 10 OFFSET 7",
            ),
            (
                "SELECT a FROM t OFFSET (2) ROWS FETCH FIRST (3) ROWS ONLY",
                "SELECT a FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY",
            ),
            (
                "SELECT * FROM (SELECT a FROM t LIMIT '5') x",
                "SELECT * FROM (SELECT a FROM t LIMIT 5) x",
            ),
            ("SELECT a LIMIT ((4))", "SELECT a LIMIT 4"),
        ] {
            assert_eq!(adapt(written).as_deref(), Some(sent));
        }
        for text in [
            "SELECT f(1) LIMIT 3",
            "SELECT a LIMIT (1 + 1)",
            "SELECT a LIMIT '-1'",
            "SELECT a LIMIT ('1'::text)",
            "SELECT a LIMIT ('x'::int4)",
            "SELECT a LIMIT ($1)",
            "SELECT a LIMIT NULL, (1)",
            "SELECT a LIMIT (",
            "SELECT '' LIMIT",
            "SELECT 'LIMIT (1)'",
            "SELECT public.limit('5'), t.offset (1) LIMIT 1",
        ] {
            assert_eq!(adapt(text), None, "{text}");
        }
    }
}
