//! Where in a run of tokens does a name stand for a CTE?
//!
//! For queries that have no tree. A CTE is seen behind its own parentheses, up to the end of those around it; with
//! `RECURSIVE` from the `WITH` on. Where a name is thought to be a relation though it is a CTE, little is lost; the other
//! way round a relation would be overlooked, so nothing but the plain forms counts.

use std::ops::Range;

use super::lexer::Kind;
use super::limits::{COLUMNS_MAX, RELATIONS_MAX};
use super::tokens::Cursor;

/// The CTEs of a run of tokens.
#[derive(Debug, Default)]
pub(super) struct Ctes {
    seen: Vec<(String, Range<usize>)>,
}

/// What is between two parentheses.
#[derive(Default)]
struct Group {
    /// The CTE whose body this is.
    body_of: Option<usize>,
    /// The `WITH RECURSIVE` in this group.
    recursive: Option<usize>,
    /// CTEs of this group.
    own: Vec<usize>,
}

impl Ctes {
    pub(super) fn new(mut cursor: Cursor<'_>) -> Self {
        let mut found = Ctes::default();
        // `WINDOW w AS (…)` looks the same and would hide a relation.
        if !has(cursor, "with") || has(cursor, "window") {
            return found;
        }
        let mut groups = vec![Group::default()];
        let mut body = None;
        while !cursor.is_done() {
            let at = cursor.position();
            let within = groups.last_mut();
            if cursor.is_mark(0, "(") {
                groups.push(Group {
                    body_of: body.take_if(|(start, _)| *start == at).map(|(_, cte)| cte),
                    ..Group::default()
                });
            } else if cursor.is_mark(0, ")") {
                if let Some(closed) = groups.pop() {
                    found.close(closed, at);
                }
            } else if cursor.is_mark(0, ";") {
                if let Some(closed) = groups.last_mut().map(std::mem::take) {
                    found.close(closed, at);
                }
            } else if cursor.is(0, "with")
                && let Some(group) = within
            {
                group.recursive = cursor.is(1, "recursive").then_some(at);
            }
            let may_follow = cursor.is_any(0, &["with", "recursive"]) || cursor.is_mark(0, ",");
            cursor.advance();
            if may_follow
                && found.seen.len() < RELATIONS_MAX
                && let Some((name, start)) = definition(cursor)
                && let Some(group) = groups.last_mut()
            {
                let cte = found.seen.len();
                let visible = group.recursive.unwrap_or(usize::MAX);
                found.seen.push((name, visible..usize::MAX));
                group.own.push(cte);
                body = Some((start, cte));
            }
        }
        found
    }

    fn close(&mut self, group: Group, at: usize) {
        for cte in group.own {
            if let Some((_, range)) = self.seen.get_mut(cte) {
                range.end = at;
            }
        }
        if let Some((_, range)) = group.body_of.and_then(|cte| self.seen.get_mut(cte)) {
            range.start = range.start.min(at);
        }
    }

    /// Whether the name at this position is a CTE.
    pub(super) fn has(&self, name: &str, position: usize) -> bool {
        self.seen
            .iter()
            .any(|(cte, range)| cte == name && range.contains(&position))
    }
}

fn has(cursor: Cursor<'_>, word: &str) -> bool {
    cursor.rest().tokens.iter().any(|token| {
        let bytes = token.bytes(cursor.text);
        token.kind == Kind::Word && bytes.eq_ignore_ascii_case(word.as_bytes())
    })
}

/// `name [(columns)] AS [[NOT] MATERIALIZED] (`: the name, and where the last parenthesis is.
fn definition(mut cursor: Cursor<'_>) -> Option<(String, usize)> {
    if cursor.is(0, "recursive") && !cursor.is(1, "as") {
        return None;
    }
    let name = cursor.ident()?;
    cursor.eat_parens_within(COLUMNS_MAX);
    if !cursor.eat("as") {
        return None;
    }
    cursor.eat("not");
    cursor.eat("materialized");
    cursor.is_mark(0, "(").then_some((name, cursor.position()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::Dialect;
    use crate::sql::tokens::Tokens;

    /// The text with what is taken for a CTE in brackets.
    fn marked(text: &str) -> String {
        let tokens = Tokens::new(text.as_bytes(), Dialect::default());
        let mut cursor = tokens.cursor();
        let ctes = Ctes::new(cursor);
        let mut out = Vec::new();
        while let Some(token) = cursor.peek(0) {
            let word = &text[token.start..token.end];
            if ctes.has(word, cursor.position()) {
                out.push(format!("[{word}]"));
            } else {
                out.push(word.to_owned());
            }
            cursor.advance();
        }
        out.join(" ")
    }

    #[test]
    fn a_cte_is_seen_behind_its_parentheses() {
        for (text, expected) in [
            ("with x as ( x ) x", "with x as ( x ) [x]"),
            (
                "with x ( a ) as not materialized ( x ) , y as ( x ) y",
                "with x ( a ) as not materialized ( x ) , y as ( [x] ) [y]",
            ),
            (
                "with recursive x as ( y x ) , y as ( x ) y",
                "with recursive [x] as ( [y] [x] ) , [y] as ( [x] ) [y]",
            ),
            (
                "from ( with x as ( a ) x ) , x",
                "from ( with x as ( a ) [x] ) , x",
            ),
            ("( with x as ( a ) x ; x )", "( with x as ( a ) [x] ; x )"),
            (
                "with x as ( a ) x window w as ( b )",
                "with x as ( a ) x window w as ( b )",
            ),
        ] {
            assert_eq!(marked(text), expected);
        }
    }
}
