//! Which parameters does a statement have, and which of them say how many rows it gives?
//!
//! Read off the tokens, so that a `$1` in a string or a comment is none. An engine that takes no parameter behind `LIMIT` and `OFFSET` is sent
//! the value itself, so the whole extent of such an expression is told too. What is only nearly understood is left as it stands: the engine
//! then says itself what it thinks of it.

use std::ops::Range;

use super::lexer::{Dialect, Kind, Token, lex};

/// Type oids of PostgreSQL's integers.
const INT2: u32 = 21;
const INT4: u32 = 23;
const INT8: u32 = 20;

/// A clause that says which rows of a result are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// `LIMIT n`
    Limit,
    /// `OFFSET n`
    Offset,
    /// `FETCH FIRST n ROWS`
    Fetch,
}

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A value.
    Value {
        /// Where it is cast at once: to what.
        cast: Option<Cast>,
    },
    /// All that a clause says.
    Bound {
        /// Which clause.
        clause: Clause,
        /// PostgreSQL's type for it.
        oid: u32,
    },
    /// A part of what a clause says.
    Part {
        /// PostgreSQL's type for it.
        oid: u32,
    },
}

/// `$1::uuid`, `CAST($1 AS numeric(12, 2))`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The place of the type's name, which is one word.
    pub name: Range<usize>,
    /// What follows it in parentheses.
    pub sizes: Option<Sizes>,
}

/// `(12, 2)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// The place of it, with the parentheses.
    pub range: Range<usize>,
    /// The numbers, one or two.
    pub numbers: Vec<u32>,
    /// The place of all of the cast.
    pub cast: Range<usize>,
}

/// One place of a parameter in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `1` for `$1`.
    pub number: u16,
    /// The bytes that stand for it: all of the expression for a [`Role::Bound`].
    pub range: Range<usize>,
    /// What for.
    pub role: Role,
}

/// The parameters of one statement, in the order of its text.
#[must_use]
pub fn parameters(text: &[u8], dialect: Dialect) -> Vec<Parameter> {
    if memchr::memchr(b'$', text).is_none() {
        return Vec::new();
    }
    let tokens: Vec<Token> = lex(text, dialect).filter(Token::is_significant).collect();
    let words = Words { text, tokens };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < words.tokens.len() {
        if let Some((clause, from)) = words.clause(at) {
            let to = words.end_of_expression(from);
            if words.is_query(from, to) {
                at = from;
                continue;
            }
            match words.whole(from, to) {
                Some((number, oid)) => found.push(Parameter {
                    number,
                    range: words.range(from, to),
                    role: Role::Bound { clause, oid },
                }),
                None => found.extend((from..to).filter_map(|at| words.part(at))),
            }
            at = to.max(from);
            continue;
        }
        if let Some(number) = words.number(at) {
            let cast = words.cast(at);
            let range = words.range(at, at + 1);
            let role = Role::Value { cast };
            found.push(Parameter {
                number,
                range,
                role,
            });
        }
        at += 1;
    }
    found
}

struct Words<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
}

impl Words<'_> {
    fn bytes(&self, at: usize) -> &[u8] {
        let token = self.tokens.get(at);
        token.map_or(&[], |token| token.bytes(self.text))
    }

    fn is_kind(&self, at: usize, kind: Kind) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == kind)
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.is_kind(at, Kind::Word) && self.bytes(at).eq_ignore_ascii_case(word.as_bytes())
    }

    fn is_mark(&self, at: usize, mark: &str) -> bool {
        self.is_kind(at, Kind::Punct) && self.bytes(at) == mark.as_bytes()
    }

    fn range(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.tokens.get(from).map_or(0, |token| token.start);
        let end = to.checked_sub(1).and_then(|last| self.tokens.get(last));
        start..end.map_or(start, |token| token.end)
    }

    /// The `1` of a `$1`; PostgreSQL has no `$0` and none above what a Bind can give.
    fn number(&self, at: usize) -> Option<u16> {
        let digits = self
            .is_kind(at, Kind::Param)
            .then(|| self.bytes(at).get(1..))??;
        let number: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (number > 0).then_some(number)
    }

    /// A clause whose word stands here, and where what it says begins. All three words are reserved: elsewhere they are names only behind a
    /// point or AS.
    fn clause(&self, at: usize) -> Option<(Clause, usize)> {
        let named = at
            .checked_sub(1)
            .is_some_and(|before| self.is_mark(before, ".") || self.is_word(before, "as"));
        if named {
            None
        } else if self.is_word(at, "limit") {
            Some((Clause::Limit, at + 1))
        } else if self.is_word(at, "offset") {
            Some((Clause::Offset, at + 1))
        } else if self.is_word(at, "fetch")
            && (self.is_word(at + 1, "first") || self.is_word(at + 1, "next"))
        {
            Some((Clause::Fetch, at + 2))
        } else {
            None
        }
    }

    fn end_of_expression(&self, from: usize) -> usize {
        const NEXT: &[&str] = &[
            "limit",
            "offset",
            "fetch",
            "for",
            "row",
            "rows",
            "only",
            "union",
            "intersect",
            "except",
            "order",
        ];
        let (mut at, mut depth) = (from, 0_usize);
        while at < self.tokens.len() {
            let opens = self.is_mark(at, "(") || self.is_mark(at, "[");
            let closes = self.is_mark(at, ")") || self.is_mark(at, "]");
            let ends = self.is_mark(at, ",") || NEXT.iter().any(|word| self.is_word(at, word));
            if self.is_mark(at, ";") || (depth == 0 && (closes || ends)) {
                break;
            }
            depth += usize::from(opens);
            depth -= usize::from(closes);
            at += 1;
        }
        at
    }

    /// Whether a query stands inside, whose parameters are values.
    fn is_query(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            ["select", "with", "values", "table"]
                .iter()
                .any(|word| self.is_word(at, word))
        })
    }

    /// An expression that is one parameter, cast to an integer perhaps.
    fn whole(&self, mut from: usize, mut to: usize) -> Option<(u16, u32)> {
        while to > from + 2 && self.is_mark(from, "(") && self.is_mark(to - 1, ")") {
            (from, to) = (from + 1, to - 1);
        }
        match to.checked_sub(from)? {
            1 => Some((self.number(from)?, INT8)),
            3 if self.is_mark(from + 1, "::") => {
                Some((self.number(from)?, self.integer(from + 2)?))
            }
            6 if self.is_word(from, "cast")
                && self.is_mark(from + 1, "(")
                && self.is_word(from + 3, "as")
                && self.is_mark(from + 5, ")") =>
            {
                Some((self.number(from + 2)?, self.integer(from + 4)?))
            }
            _ => None,
        }
    }

    /// A parameter in an expression of a clause. Among integers PostgreSQL takes it for one.
    fn part(&self, at: usize) -> Option<Parameter> {
        let cast = self.cast(at).is_some();
        let oid = self.integer(at + 2).filter(|_| cast).unwrap_or(INT4);
        Some(Parameter {
            number: self.number(at)?,
            range: self.range(at, at + 1),
            role: Role::Part { oid },
        })
    }

    /// The integer type of this name.
    fn integer(&self, at: usize) -> Option<u32> {
        [
            (INT8, "bigint"),
            (INT8, "int8"),
            (INT4, "int"),
            (INT4, "int4"),
            (INT4, "integer"),
            (INT2, "smallint"),
            (INT2, "int2"),
        ]
        .iter()
        .find(|(_, name)| self.is_word(at, name))
        .map(|(oid, _)| *oid)
    }

    /// What a parameter is cast to at once.
    fn cast(&self, at: usize) -> Option<Cast> {
        let short = self.is_mark(at + 1, "::");
        let begin = at.checked_sub(2);
        let long = self.is_word(at + 1, "as")
            && begin.is_some_and(|n| self.is_word(n, "cast") && self.is_mark(n + 1, "("));
        let qualified = self.is_mark(at + 3, ".");
        let named = (short || long) && self.is_kind(at + 2, Kind::Word) && !qualified;
        named.then(|| Cast {
            name: self.range(at + 2, at + 3),
            sizes: self.sizes(if short { at } else { at - 2 }, at + 3, short),
        })
    }

    /// The sizes of the type of a cast that begins at `begin`; of an array there are none.
    fn sizes(&self, begin: usize, from: usize, short: bool) -> Option<Sizes> {
        let number = |at: usize| -> Option<u32> {
            self.is_kind(at, Kind::Number).then_some(())?;
            std::str::from_utf8(self.bytes(at)).ok()?.parse().ok()
        };
        self.is_mark(from, "(").then_some(())?;
        let mut numbers = vec![number(from + 1)?];
        if self.is_mark(from + 2, ",") {
            numbers.push(number(from + 3)?);
        }
        let end = from + 2 * numbers.len();
        let closed = self.is_mark(end, ")") && (short || self.is_mark(end + 1, ")"));
        let to = if short { end + 1 } else { end + 2 };
        (closed && !self.is_mark(end + 1, "[")).then(|| Sizes {
            range: self.range(from, end + 1),
            numbers,
            cast: self.range(begin, to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u16, &str, Role)> {
        let found = parameters(text.as_bytes(), Dialect::default());
        found
            .into_iter()
            .map(|found| (found.number, &text[found.range], found.role))
            .collect()
    }

    fn bound(clause: Clause, oid: u32) -> Role {
        Role::Bound { clause, oid }
    }

    const VALUE: Role = Role::Value { cast: None };

    #[test]
    fn parameters_in_strings_and_comments_are_none() {
        assert_eq!(read("select '$1', \"$2\", $$ $3 $$ /* $4 */ -- $5"), []);
        assert_eq!(
            read("select $2 from t where a = $1"),
            [(2, "$2", VALUE), (1, "$1", VALUE)]
        );
        assert_eq!(read("select $0, $70000"), []);
    }

    #[test]
    fn what_a_clause_says_is_told_with_its_cast_and_parentheses() {
        for (text, number, range, role) in [
            ("select 1 limit $1", 1, "$1", bound(Clause::Limit, INT8)),
            (
                "select 1 LIMIT ($7);",
                7,
                "($7)",
                bound(Clause::Limit, INT8),
            ),
            (
                "select 1 limit $1::int offset 2",
                1,
                "$1::int",
                bound(Clause::Limit, INT4),
            ),
            (
                "select 1 limit cast($2 as smallint)",
                2,
                "cast($2 as smallint)",
                bound(Clause::Limit, INT2),
            ),
            (
                "select 1 offset $1 rows",
                1,
                "$1",
                bound(Clause::Offset, INT8),
            ),
            (
                "select 1 fetch first $1 rows only",
                1,
                "$1",
                bound(Clause::Fetch, INT8),
            ),
            (
                "select * from (select 1 limit $3) x",
                3,
                "$3",
                bound(Clause::Limit, INT8),
            ),
            (
                "select 1 limit $1 for update",
                1,
                "$1",
                bound(Clause::Limit, INT8),
            ),
        ] {
            assert_eq!(read(text), [(number, range, role)], "{text}");
        }
    }

    #[test]
    fn a_parameter_in_an_expression_of_a_clause_is_a_part_of_it() {
        let part = |oid| Role::Part { oid };
        assert_eq!(
            read("select 1 limit $1 + $2::int8 offset ($2 - 1) * $1"),
            [
                (1, "$1", part(INT4)),
                (2, "$2", part(INT8)),
                (2, "$2", part(INT4)),
                (1, "$1", part(INT4))
            ]
        );
    }

    #[test]
    fn names_and_queries_inside_are_no_clauses() {
        for text in [
            "select t.limit, $1 from t",
            "select 1 as offset, $1",
            "select 1 limit (select n from t where a = $1)",
        ] {
            assert_eq!(read(text), [(1, "$1", VALUE)], "{text}");
        }
    }

    #[test]
    fn a_cast_is_told_by_the_place_of_its_type() {
        for text in ["select $1::uuid", "select cast($1 as uuid)"] {
            let [(1, "$1", Role::Value { cast: Some(cast) })] = &read(text)[..] else {
                panic!("{text}");
            };
            assert_eq!((&text[cast.name.clone()], &cast.sizes), ("uuid", &None));
        }
        for (text, sizes, whole) in [
            (
                "select $1::NUMERIC(12, 2)::text",
                "(12, 2)",
                "$1::NUMERIC(12, 2)",
            ),
            (
                "select cast($1 as varchar(4)), 1",
                "(4)",
                "cast($1 as varchar(4))",
            ),
        ] {
            let [(1, "$1", Role::Value { cast: Some(cast) })] = &read(text)[..] else {
                panic!("{text}");
            };
            let found = cast.sizes.clone().expect("sizes");
            assert_eq!((&text[found.range], &text[found.cast]), (sizes, whole));
        }
        for text in [
            "select $1::numeric(1)[]",
            "select $1::numeric(a)",
            "select $1::numeric(1",
        ] {
            let [(1, "$1", Role::Value { cast: Some(cast) })] = &read(text)[..] else {
                panic!("{text}");
            };
            assert_eq!(cast.sizes, None, "{text}");
        }
        for text in [
            "select $1::pg_catalog.uuid",
            "select $1 + 2::int",
            "select $1 as x",
        ] {
            assert_eq!(read(text), [(1, "$1", VALUE)], "{text}");
        }
    }
}
