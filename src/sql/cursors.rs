//! What does a cursor's statement ask for, exactly?
//!
//! The facts of `DECLARE`, `FETCH` and `MOVE` are shared by all statements of the same template and hold names only. Whoever runs a cursor
//! himself needs the numbers and options too, and reads them here off the text
//! (<https://www.postgresql.org/docs/15/sql-declare.html>, <https://www.postgresql.org/docs/15/sql-fetch.html>).

use std::ops::Range;

use super::lexer::{Dialect, Kind};
use super::tokens::{Cursor, Tokens};

/// `ALL` as a number of rows.
pub const ALL_ROWS: i64 = i64::MAX;

/// `DECLARE name … CURSOR … FOR query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// `BINARY`
    pub binary: bool,
    /// `SCROLL`
    pub scroll: bool,
    /// Where the query stands in the text.
    pub query: Range<usize>,
}

/// Which rows, as PostgreSQL's own four directions, of which `BACKWARD n` is `FORWARD -n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// So many rows on, [`ALL_ROWS`] for all that are left.
    Forward(i64),
    /// The row of that number, from the end where it is negative.
    Absolute(i64),
    /// The row so far from the one it stands on.
    Relative(i64),
}

/// `FETCH` or `MOVE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// `MOVE`: the rows are not wanted.
    pub moves: bool,
    /// Which rows.
    pub direction: Direction,
}

/// What a `DECLARE` whose facts are known says.
#[must_use]
pub fn declared(text: &[u8], dialect: Dialect) -> Option<Declared> {
    let tokens = Tokens::new(text, dialect);
    let mut c = tokens.cursor();
    c.eat("declare").then_some(())?;
    c.ident()?;
    let (mut binary, mut scroll) = (false, false);
    while !c.eat("cursor") {
        if c.eat("binary") {
            binary = true;
        } else if c.eat("scroll") {
            scroll = true;
        } else if !c.eat_all(&["no", "scroll"]) && !c.eat_any(&["insensitive", "asensitive"]) {
            return None;
        }
    }
    let _ = c.eat_all(&["with", "hold"]) || c.eat_all(&["without", "hold"]);
    c.eat("for").then_some(())?;
    let query = c.span();
    (!query.is_empty()).then_some(Declared {
        binary,
        scroll,
        query,
    })
}

/// What a `FETCH` or `MOVE` whose facts are known says; `None` where its number is none that PostgreSQL takes.
#[must_use]
pub fn fetched(text: &[u8], dialect: Dialect) -> Option<Fetched> {
    let tokens = Tokens::new(text, dialect);
    let mut c = tokens.cursor();
    let moves = c.is(0, "move");
    c.advance();
    // A cursor may be called like a direction.
    let direction = if c.peek(1).is_none() {
        Direction::Forward(1)
    } else {
        direction(&mut c)?
    };
    Some(Fetched { moves, direction })
}

fn direction(c: &mut Cursor<'_>) -> Option<Direction> {
    Some(if c.eat("next") {
        Direction::Forward(1)
    } else if c.eat("prior") {
        Direction::Forward(-1)
    } else if c.eat("first") {
        Direction::Absolute(1)
    } else if c.eat("last") {
        Direction::Absolute(-1)
    } else if c.eat("absolute") {
        Direction::Absolute(number(c)?)
    } else if c.eat("relative") {
        Direction::Relative(number(c)?)
    } else if c.eat("all") {
        Direction::Forward(ALL_ROWS)
    } else if c.eat("forward") {
        Direction::Forward(count(c)?)
    } else if c.eat("backward") {
        Direction::Forward(-count(c)?)
    } else if c.is_any(0, &["from", "in"]) || c.peek(0)?.kind == Kind::Word {
        Direction::Forward(1)
    } else if is_number(c) {
        Direction::Forward(number(c)?)
    } else {
        Direction::Forward(1)
    })
}

fn is_number(c: &Cursor<'_>) -> bool {
    c.is_mark(0, "-") || c.is_mark(0, "+") || c.peek(0).is_some_and(|t| t.kind == Kind::Number)
}

/// `ALL`, a number, or one row.
fn count(c: &mut Cursor<'_>) -> Option<i64> {
    if c.eat("all") {
        Some(ALL_ROWS)
    } else if is_number(c) {
        number(c)
    } else {
        Some(1)
    }
}

/// A whole number of four bytes, with its sign.
fn number(c: &mut Cursor<'_>) -> Option<i64> {
    let negative = c.eat_mark("-");
    if !negative {
        c.eat_mark("+");
    }
    let token = c.peek(0).filter(|token| token.kind == Kind::Number)?;
    let digits = std::str::from_utf8(token.bytes(c.text)).ok()?;
    c.advance();
    let number = i64::from(digits.parse::<i32>().ok()?);
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(text: &str) -> Option<Fetched> {
        fetched(text.as_bytes(), Dialect::default())
    }

    #[test]
    fn a_declaration_tells_its_options_and_its_query() {
        for (text, binary, scroll, query) in [
            ("declare c cursor for select 1", false, false, "select 1"),
            (
                "DECLARE \"C\" BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR (select 1) ;",
                true,
                false,
                "(select 1)",
            ),
            (
                "/* x */ declare c scroll cursor without hold for table t",
                false,
                true,
                "table t",
            ),
        ] {
            let found = declared(text.as_bytes(), Dialect::default()).expect(text);
            assert_eq!((found.binary, found.scroll), (binary, scroll), "{text}");
            assert_eq!(&text[found.query], query);
        }
        for text in ["declare c cursor", "declare c cursor for", "select 1"] {
            assert_eq!(
                declared(text.as_bytes(), Dialect::default()),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn every_direction_is_one_of_three() {
        use Direction::{Absolute, Forward, Relative};
        for (text, direction) in [
            ("fetch c", Forward(1)),
            ("fetch from c", Forward(1)),
            ("fetch \"C\"", Forward(1)),
            ("fetch next in c", Forward(1)),
            ("fetch forward c", Forward(1)),
            ("fetch all", Forward(1)),
            ("fetch prior from c", Forward(-1)),
            ("fetch 5 from c", Forward(5)),
            ("fetch -5 c", Forward(-5)),
            ("fetch forward 2000 from c", Forward(2000)),
            ("fetch forward all in c", Forward(ALL_ROWS)),
            ("fetch all in c", Forward(ALL_ROWS)),
            ("fetch backward c", Forward(-1)),
            ("fetch backward 3 c", Forward(-3)),
            ("fetch backward all from c", Forward(-ALL_ROWS)),
            ("fetch first c", Absolute(1)),
            ("fetch last from c", Absolute(-1)),
            ("fetch absolute -2 from c", Absolute(-2)),
            ("fetch relative +2 from c", Relative(2)),
        ] {
            let moves = false;
            assert_eq!(fetch(text), Some(Fetched { moves, direction }), "{text}");
        }
        assert!(fetch("move 3 in c").is_some_and(|fetched| fetched.moves));
        assert_eq!(fetch("fetch 1.5 from c"), None);
        assert_eq!(fetch("fetch 3000000000 from c"), None);
    }
}
