//! What is a cast to `numeric(10, 2)` or `varchar(20)` where there are no such types?
//!
//! RisingWave has numeric and varchar without sizes alone. Casts to one with a size say what becomes of a value, which a function can do too:
//! `round(x::numeric, 2)`, `substr(x::varchar, 1, 20)`. Django writes them as `(x)::numeric(10, 2)`, SQLAlchemy as `CAST(x AS NUMERIC(10, 2))`.
//! What PostgreSQL refuses, a number with too many digits before the point, passes. Casts of parameters are the session's to change.

use std::collections::BTreeMap;
use std::ops::Range;

use super::mentions;
use crate::backend::engine::values::Values;
use crate::sql::lexer::{Dialect, Kind, Token};
use crate::sql::tokens::Tokens;

/// Words that an operand may follow.
const BEFORE_OPERAND: &[&str] = &[
    "select",
    "where",
    "and",
    "or",
    "not",
    "on",
    "by",
    "when",
    "then",
    "else",
    "having",
    "case",
    "from",
    "like",
    "ilike",
    "between",
    "limit",
    "distinct",
    "all",
    "set",
    "returning",
];
/// Other words that are no names.
const NO_NAME: &[&str] = &[
    "in",
    "as",
    "is",
    "values",
    "any",
    "some",
    "using",
    "over",
    "exists",
    "end",
    "filter",
    "within",
    "group",
    "symmetric",
    "escape",
    "array",
    "to",
    "isnull",
    "notnull",
    "null",
    "true",
    "false",
    "union",
    "intersect",
    "except",
];
/// Words that end an item of a select list.
const BEHIND_ITEM: &[&str] = &[
    "from",
    "where",
    "group",
    "having",
    "union",
    "intersect",
    "except",
    "order",
    "limit",
];
/// How many casts of casts are followed.
const CASTS_MAX: usize = 16;

/// The statement with such casts changed; `None` where there is none.
pub(super) fn adapt(statement: &str, values: &dyn Values) -> Option<String> {
    if !mentions(statement, &["::", "cast"]) {
        return None;
    }
    let tokens = Tokens::new(statement.as_bytes(), Dialect::default());
    let cursor = tokens.cursor();
    let words = Words {
        text: statement,
        tokens: cursor.tokens,
    };
    let mut edits = Edits::default();
    for at in 0..words.tokens.len() {
        if words.is(at, "::") {
            words.colons(at, values, &mut edits);
        } else if words.is(at, "cast") && words.is(at + 1, "(") {
            words.call(at, values, &mut edits);
        }
    }
    edits.made(statement)
}

/// What is put in at places of the text, and how much of it is left out there.
#[derive(Default)]
struct Edits(BTreeMap<usize, (String, String, usize)>);

impl Edits {
    /// Goes before what else stands there.
    fn open(&mut self, at: usize, text: &str) {
        self.0.entry(at).or_default().1.insert_str(0, text);
    }

    /// Ends what was open, before anything else begins there.
    fn close(&mut self, at: usize, text: &str) {
        self.0.entry(at).or_default().0.push_str(text);
    }

    fn leave_out(&mut self, from: usize, to: usize) {
        self.0.entry(from).or_default().2 = to - from;
    }

    fn made(&self, statement: &str) -> Option<String> {
        let (mut out, mut from) = (String::with_capacity(statement.len() + 32), 0);
        for (at, (closed, opened, length)) in &self.0 {
            out.push_str(statement.get(from..*at)?);
            // What is left out is a size, and what is closed there stands behind it.
            out.push_str(closed);
            out.push_str(opened);
            from = at + length;
        }
        out.push_str(statement.get(from..)?);
        (!self.0.is_empty()).then_some(out)
    }
}

/// A type with a size.
struct Sized {
    /// What stands before a cast to the type without it, and behind.
    around: (&'static str, String),
    /// Where the size stands.
    from: usize,
    to: usize,
    /// The token behind it.
    next: usize,
}

#[derive(Clone, Copy)]
struct Words<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl<'t> Words<'t> {
    fn get(&self, at: usize) -> Option<&'t str> {
        let token = self.tokens.get(at)?;
        self.text.get(token.start..token.end)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.get(at)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The sized type that begins there, if one does.
    fn sized(&self, at: usize, values: &dyn Values) -> Option<Sized> {
        let (name, open) = match self.is(at, "character") && self.is(at + 1, "varying") {
            true => ("varchar", at + 2),
            false => (self.get(at)?, at + 1),
        };
        if !self.is(open, "(") || self.kind(at) != Some(Kind::Word) {
            return None;
        }
        let mut sizes = Vec::new();
        let mut next = open + 1;
        loop {
            sizes.push(self.get(next)?.parse().ok()?);
            next += 2;
            match self.get(next - 1)? {
                "," => {}
                ")" => break,
                _ => return None,
            }
        }
        // An array of them has sizes for each.
        if self.is(next, "[") || self.is(next, "array") {
            return None;
        }
        Some(Sized {
            around: values.sized(name, &sizes)?,
            from: self.tokens.get(open)?.start,
            to: self.tokens.get(next - 1)?.end,
            next,
        })
    }

    /// `x::numeric(10, 2)`
    fn colons(&self, at: usize, values: &dyn Values, edits: &mut Edits) {
        let Some(sized) = self.sized(at + 1, values) else {
            return;
        };
        let Some(start) = at.checked_sub(1).and_then(|last| self.operand(last)) else {
            return;
        };
        if self.kind(start) == Some(Kind::Param) {
            return;
        }
        edits.open(self.tokens[start].start, sized.around.0);
        edits.leave_out(sized.from, sized.to);
        edits.close(sized.from, &sized.around.1);
        if let Some(name) = self.name_of_item(start, start..at, sized.next) {
            edits.close(sized.from, &format!(" AS {name}"));
        }
    }

    /// `CAST(x AS numeric(10, 2))`
    fn call(&self, at: usize, values: &dyn Values, edits: &mut Edits) {
        let mut depth = 0_usize;
        for inner in at + 1..self.tokens.len() {
            match self.get(inner) {
                Some("(") => depth += 1,
                Some(")") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
            if depth != 1 || !self.is(inner, "as") {
                continue;
            }
            let sized = self.sized(inner + 1, values);
            let of_parameter = inner == at + 3 && self.kind(at + 2) == Some(Kind::Param);
            if let Some(sized) = sized.filter(|sized| self.is(sized.next, ")") && !of_parameter) {
                edits.open(self.tokens[at].start, sized.around.0);
                edits.leave_out(sized.from, sized.to);
                let end = self.tokens[sized.next].end;
                edits.close(end, &sized.around.1);
                if let Some(name) = self.name_of_item(at, at + 2..inner, sized.next + 1) {
                    edits.close(end, &format!(" AS {name}"));
                }
            }
            return;
        }
    }

    /// The first token of the operand that ends with this one; `None` where it is not certain.
    fn operand(&self, mut last: usize) -> Option<usize> {
        for _ in 0..CASTS_MAX {
            let first = self.simple_operand(last)?;
            match first.checked_sub(1) {
                Some(before) if self.is(before, "::") => last = before.checked_sub(1)?,
                Some(before) if !self.may_precede(before) => return None,
                _ => return Some(first),
            }
        }
        None
    }

    /// The same without the casts that are part of it.
    fn simple_operand(&self, last: usize) -> Option<usize> {
        if self.is(last, ")") {
            let open = self.opening(last)?;
            let called = open.checked_sub(1).filter(|before| self.is_name(*before));
            return Some(called.map_or(open, |name| self.chain(name)));
        }
        match self.kind(last)? {
            Kind::Word | Kind::Quoted if self.is_name(last) => Some(self.chain(last)),
            Kind::Number | Kind::String | Kind::Param => Some(last),
            _ => None,
        }
    }

    /// Whether an operand may begin behind this token. It may not behind `double` or `interval`, which are part of what follows.
    fn may_precede(&self, at: usize) -> bool {
        match self.kind(at) {
            Some(Kind::Operator) => true,
            Some(Kind::Punct) => ["(", ",", "["].iter().any(|mark| self.is(at, mark)),
            Some(Kind::Word) => BEFORE_OPERAND.iter().any(|word| self.is(at, word)),
            _ => false,
        }
    }

    /// What PostgreSQL calls an item of a select list that is this cast; `None` where it is none by itself, or has a name already.
    fn name_of_item(&self, first: usize, operand: Range<usize>, next: usize) -> Option<String> {
        let begins = first.checked_sub(1)?;
        let alone = ["select", "distinct", "all", ","]
            .iter()
            .any(|word| self.is(begins, word));
        let ends = next >= self.tokens.len()
            || self.is(next, ",")
            || self.is(next, ")")
            || BEHIND_ITEM.iter().any(|word| self.is(next, word));
        if !alone || !ends || !self.is_in_select_list(begins) {
            return None;
        }
        let mut inner = operand.start..self.first_cast(operand);
        while inner.len() > 2
            && self.is(inner.start, "(")
            && self.opening(inner.end - 1) == Some(inner.start)
        {
            inner = inner.start + 1..inner.end - 1;
        }
        // The column, or else the function.
        let last = inner.end.checked_sub(1)?;
        let named = if self.is(last, ")") {
            self.opening(last)?.checked_sub(1)?
        } else {
            last
        };
        // A cast of a cast is called what its inmost operand is.
        let is_named =
            |at: &usize| inner.contains(at) && self.is_name(*at) && !self.is(*at, "cast");
        let named = Some(named).filter(is_named);
        Some(self.get(named?)?.to_owned())
    }

    /// Where the first cast of an operand begins, or else its end.
    fn first_cast(&self, operand: Range<usize>) -> usize {
        let mut depth = 0_usize;
        for at in operand.clone() {
            match self.get(at) {
                Some("(") => depth += 1,
                Some(")") => depth = depth.saturating_sub(1),
                Some("::") if depth == 0 => return at,
                _ => {}
            }
        }
        operand.end
    }

    /// Whether SELECT begins the list that this token is in.
    fn is_in_select_list(&self, at: usize) -> bool {
        let mut depth = 0_usize;
        for before in (0..=at).rev() {
            match self.get(before) {
                Some(")") => depth += 1,
                Some("(") if depth == 0 => return false,
                Some("(") => depth -= 1,
                _ if depth > 0 => {}
                _ if self.is(before, "select") => return true,
                _ if BEHIND_ITEM.iter().any(|word| self.is(before, word)) => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether it is a name, rather than a word of the language.
    fn is_name(&self, at: usize) -> bool {
        match self.kind(at) {
            Some(Kind::Quoted) => true,
            Some(Kind::Word) => {
                let mut words = BEFORE_OPERAND.iter().chain(NO_NAME);
                !words.any(|word| self.is(at, word))
            }
            _ => false,
        }
    }

    /// The first token of `a.b.c`, which ends with this one.
    fn chain(&self, last: usize) -> usize {
        let mut first = last;
        while first >= 2 && self.is(first - 1, ".") && self.is_name(first - 2) {
            first -= 2;
        }
        first
    }

    /// The parenthesis that this one closes.
    fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for at in (0..=close).rev() {
            match self.get(at) {
                Some(")") => depth += 1,
                Some("(") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::RisingWaveValues;
    use super::*;

    fn adapted(statement: &str) -> Option<String> {
        adapt(statement, &RisingWaveValues)
    }

    #[test]
    fn a_sized_cast_is_what_the_size_does() {
        for (written, sent) in [
            (
                r#"SELECT ("shop"."price")::numeric(10, 2) AS "p" FROM "shop""#,
                r#"SELECT round(("shop"."price")::numeric, 2) AS "p" FROM "shop""#,
            ),
            (
                "SELECT CAST(a.price * 2 AS NUMERIC(12, 3)) + 0, 1 FROM a",
                "SELECT round(CAST(a.price * 2 AS NUMERIC), 3) + 0, 1 FROM a",
            ),
            (
                "SELECT public.f(a, b)::varchar(3) || a.b::character varying(4) FROM a",
                "SELECT substr(public.f(a, b)::varchar, 1, 3) || substr(a.b::character varying, 1, 4) FROM a",
            ),
            (
                "SELECT a::text::varchar(3), '1.25'::numeric(3,1) + 1, 7::decimal(4) + 1",
                "SELECT substr(a::text::varchar, 1, 3) AS a, round('1.25'::numeric, 1) + 1, round(7::decimal, 0) + 1",
            ),
            (
                "SELECT (a::numeric(9, 4) + 1)::numeric(5, 2)",
                "SELECT round((round(a::numeric, 4) + 1)::numeric, 2)",
            ),
            (
                "SELECT a::numeric(9, 4)::numeric(5, 2)",
                "SELECT round(round(a::numeric, 4)::numeric, 2) AS a",
            ),
            (
                "SELECT CAST(CAST(a AS numeric(9, 4)) AS varchar(2)), b IN (1)",
                "SELECT substr(CAST(round(CAST(a AS numeric), 4) AS varchar), 1, 2), b IN (1)",
            ),
            (
                "SELECT DISTINCT price::numeric(9, 0), (\"b\".\"C\")::varchar(2), sum(x)::numeric(3, 1) FROM b ORDER BY price",
                "SELECT DISTINCT round(price::numeric, 0) AS price, substr((\"b\".\"C\")::varchar, 1, 2) AS \"C\", round(sum(x)::numeric, 1) AS sum FROM b ORDER BY price",
            ),
            (
                "SELECT 1 FROM (SELECT CAST(s.price AS numeric(9, 2)) FROM items s) i WHERE price > 100",
                "SELECT 1 FROM (SELECT round(CAST(s.price AS numeric), 2) AS price FROM items s) i WHERE price > 100",
            ),
            (
                "SELECT f(a::numeric(3, 1), 2), count(*) FROM t GROUP BY 1, a::numeric(3, 1)",
                "SELECT f(round(a::numeric, 1), 2), count(*) FROM t GROUP BY 1, round(a::numeric, 1)",
            ),
            (
                "SELECT 1 WHERE a IN (1) AND (b)::numeric(3, 1) > 1",
                "SELECT 1 WHERE a IN (1) AND round((b)::numeric, 1) > 1",
            ),
        ] {
            assert_eq!(adapted(written).as_deref(), Some(sent));
        }
    }

    #[test]
    fn what_has_no_size_or_no_certain_operand_stays_as_it_is() {
        for written in [
            "SELECT 1",
            "SELECT a::numeric, CAST(a AS varchar)",
            "SELECT $1::numeric(10, 2), CAST($1 AS varchar(3))",
            "SELECT a[1]::numeric(3, 1)",
            "SELECT a::numeric(3, 1)[]",
            "SELECT a::timestamp(3)",
            "SELECT a::double precision::numeric(3, 1), date '2024-01-01'::varchar(4)",
            "SELECT 'a::numeric(3, 1)', \"CAST(a AS numeric(3))\"",
            "SELECT CASE WHEN a THEN 1 ELSE 2 END::varchar(3)",
            "SELECT sum(x) FILTER (WHERE a)::numeric(10, 2), (x).f::numeric(3, 1) FROM t",
            "SELECT sum(x) OVER (PARTITION BY a)::numeric(10, 2) FROM t",
            "SELECT 1 WHERE a LIKE 'x' ESCAPE (b)::varchar(1)",
            "::numeric(3)",
            "SELECT )::numeric(3)",
            "SELECT CAST(a AS numeric(3)",
            "SELECT CAST(",
            "SELECT a::numeric(x)",
            "SELECT a::numeric(",
        ] {
            assert_eq!(adapted(written), None, "{written}");
        }
    }
}
