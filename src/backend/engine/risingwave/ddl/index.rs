//! What becomes of `CREATE INDEX`?
//!
//! An index of RisingWave is a copy of its table in another order: it has columns and included columns, and nothing else. As PostgreSQL's it is
//! to hold its own columns alone.

use super::edit::{Edits, refused, shown, unreadable};
use super::table::{cursor_end, leave_out, split};
use crate::backend::engine::{Plan, Step};
use crate::error::ClientError;
use crate::sql::RelationName;
use crate::sql::lexer::Kind;
use crate::sql::tokens::Cursor;

/// Methods that RisingWave has besides the plain one.
const OWN_METHODS: &[&str] = &["hnsw", "flat"];

/// Adapts `CREATE [UNIQUE] INDEX …`, whose first word is at the cursor.
pub(super) fn create(mut cursor: Cursor<'_>, text: &str) -> Result<Plan, ClientError> {
    let mut edits = Edits::default();
    cursor.advance();
    let modifier = cursor;
    let unique = cursor.eat("unique");
    if unique {
        edits.cut(&modifier, &cursor);
    }
    if !cursor.eat("index") {
        return Err(unreadable(&cursor));
    }
    let concurrently = cursor;
    if cursor.eat("concurrently") {
        edits.cut(&concurrently, &cursor);
    }
    cursor.eat_all(&["if", "not", "exists"]);
    let name = (!cursor.is(0, "on")).then(|| cursor.relation()).flatten();
    let on = cursor;
    if !cursor.eat("on") {
        return Err(unreadable(&cursor));
    }
    let only = cursor;
    if cursor.peek(1).is_some() && cursor.eat("only") {
        edits.cut(&only, &cursor);
    }
    let Some(table) = cursor.relation() else {
        return Err(unreadable(&cursor));
    };
    let method = cursor;
    if cursor.eat("using") {
        let Some(word) = cursor.ident() else {
            return Err(unreadable(&cursor));
        };
        if OWN_METHODS.contains(&word.as_str()) {
            return Ok(Plan::as_it_is(text));
        }
        if !matches!(word.as_str(), "btree" | "hash" | "brin") {
            let index = name
                .as_ref()
                .map_or(String::new(), |name| format!(" \"{}\"", name.name));
            return Ok(Plan::nothing(format!(
                "index{index} is left out: RisingWave has no index method {word}"
            )));
        }
        edits.cut(&method, &cursor);
    }
    let Some(columns) = cursor.eat_parens() else {
        return Err(unreadable(&cursor));
    };
    let label = name.map_or_else(|| default_name(&table, columns), |name| name.name);
    if !is_named(&on) {
        let at = on.peek(0).map_or(0, |token| token.start);
        edits.replace(at..at, format!("\"{label}\" "));
    }
    let whose = format!("index \"{label}\"");
    if unique {
        edits.tell(format!(
            "{whose}: UNIQUE is left out: RisingWave does not have it"
        ));
    }
    for (column, _) in split(columns) {
        plain_column(column, &whose, &mut edits)?;
    }
    let from = cursor;
    let covers = behind(&mut cursor, &mut edits)?;
    if let Some(first) = first_column(columns).filter(|_| !covers) {
        // Without it an index holds all columns, and none of them could be dropped.
        let at = from.behind().map_or(0, |token| token.end);
        edits.replace(at..at, format!(" INCLUDE ({first})"));
    }
    let words = edits.apply(text, 0..cursor_end(&method, text));
    Ok(Plan {
        steps: vec![Step::plain(words)],
        notices: edits.notices,
    })
}

/// Whether a name stands before `ON`.
fn is_named(on: &Cursor<'_>) -> bool {
    let before = on
        .behind()
        .map(|token| token.bytes(on.text).to_ascii_lowercase());
    !matches!(
        before.as_deref(),
        Some(b"index" | b"concurrently" | b"exists")
    )
}

/// The name that PostgreSQL would make up: table, columns, `idx`.
fn default_name(table: &RelationName, columns: Cursor<'_>) -> String {
    let mut name = table.name.clone();
    for (mut column, _) in split(columns) {
        let part = column.ident().filter(|_| !column.is_mark(0, "("));
        name.push('_');
        name.push_str(part.as_deref().unwrap_or("expr"));
    }
    name.push_str("_idx");
    name
}

/// `column | function(…) | (expression) [COLLATE c] [opclass [(…)]] [ASC | DESC] [NULLS FIRST | LAST]`.
fn plain_column(mut cursor: Cursor<'_>, whose: &str, edits: &mut Edits) -> Result<(), ClientError> {
    let start = cursor;
    if cursor.eat_parens().is_none() {
        if cursor.chain().is_none() {
            return Err(unreadable(&start));
        }
        cursor.eat_parens();
    }
    let from = cursor;
    if cursor.eat("collate") {
        cursor.chain();
        tell(from, &cursor, whose, edits);
    }
    let from = cursor;
    let class = !cursor.is_any(0, &["asc", "desc", "nulls"])
        && cursor
            .peek(0)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted));
    if class {
        cursor.chain();
        cursor.eat_parens();
        tell(from, &cursor, whose, edits);
    }
    while cursor.eat_any(&["asc", "desc", "nulls", "first", "last"]) {}
    if cursor.is_done() {
        Ok(())
    } else {
        Err(refused(format!("{} in {whose}", shown(&start, &cursor))))
    }
}

fn tell(from: Cursor<'_>, to: &Cursor<'_>, whose: &str, edits: &mut Edits) {
    edits.cut(&from, to);
    let what = shown(&from, to);
    edits.tell(format!(
        "{whose}: {what} is left out: RisingWave does not have it"
    ));
}

/// The first column, where it is one and no expression.
fn first_column(columns: Cursor<'_>) -> Option<String> {
    let (mut column, _) = split(columns).into_iter().next()?;
    let from = column;
    column.ident()?;
    let plain = !column.is_mark(0, "(") && !column.is_mark(0, ".");
    plain.then(|| shown(&from, &column))
}

/// What stands behind the columns. Whether it says which others the index holds.
fn behind(cursor: &mut Cursor<'_>, edits: &mut Edits) -> Result<bool, ClientError> {
    let mut covers = false;
    while !cursor.is_done() {
        let from = *cursor;
        if cursor.eat("include") || cursor.eat_all(&["distributed", "by"]) {
            if cursor.eat_parens().is_none() {
                return Err(unreadable(cursor));
            }
            covers = true;
        } else if cursor.eat_all(&["nulls", "distinct"])
            || cursor.eat_all(&["nulls", "not", "distinct"])
        {
            leave_out(from, cursor, edits);
        } else if cursor.eat("with") {
            cursor.eat_parens();
            leave_out(from, cursor, edits);
        } else if cursor.eat("tablespace") {
            cursor.ident();
            leave_out(from, cursor, edits);
        } else if cursor.eat("where") {
            while !cursor.is_done() {
                cursor.advance();
            }
            leave_out(from, cursor, edits);
        } else {
            return Err(unreadable(cursor));
        }
    }
    Ok(covers)
}
