//! What becomes of `CREATE TABLE`?

use super::column::{self, is_table_constraint};
use super::edit::{Edits, refused, shown, unreadable};
use super::types::angle;
use crate::backend::engine::{Plan, Step};
use crate::error::ClientError;
use crate::sql::tokens::Cursor;

/// What RisingWave itself has behind the columns: the clauses are its own, and stay as they are.
const OWN_CLAUSES: &[&str] = &["append", "from", "format", "include", "engine", "as", "on"];

/// Adapts `CREATE [UNLOGGED] TABLE …`, whose first word is at the cursor.
pub(super) fn create(mut cursor: Cursor<'_>, text: &str) -> Result<Plan, ClientError> {
    let mut edits = Edits::default();
    cursor.advance();
    if cursor.are(&["or", "replace"]) {
        return Err(unreadable(&cursor));
    }
    let kind = cursor;
    if cursor.eat("unlogged") {
        edits.cut(&kind, &cursor);
        edits.tell("UNLOGGED is left out: RisingWave does not have it");
    }
    if !cursor.eat("table") {
        return Err(unreadable(&cursor));
    }
    cursor.eat_all(&["if", "not", "exists"]);
    if cursor.relation().is_none() {
        return Err(unreadable(&cursor));
    }
    let opening = cursor;
    if cursor.is_any(0, &["partition", "of"]) {
        return Err(refused("a partition"));
    }
    if let Some(inside) = cursor.eat_parens() {
        let open = opening.peek(0).map_or(0, |token| token.end);
        let close = cursor.behind().map_or(open, |token| token.start);
        // `CREATE TABLE t (a, b) AS SELECT`: names alone.
        if !inside.is_names() || !cursor.is(0, "as") {
            let list = elements(inside, text, &mut edits)?;
            edits.replace(open..close, list);
        }
    }
    clauses(&mut cursor, &mut edits)?;
    let whole = 0..cursor_end(&kind, text);
    Ok(Plan {
        steps: vec![Step::plain(edits.apply(text, whole))],
        notices: edits.notices,
    })
}

/// Where the statement ends, without semicolons.
pub(super) fn cursor_end(cursor: &Cursor<'_>, text: &str) -> usize {
    cursor.tokens.last().map_or(text.len(), |token| token.end)
}

/// The elements that stay, adapted, with the white space that stood before them.
fn elements(inside: Cursor<'_>, text: &str, edits: &mut Edits) -> Result<String, ClientError> {
    let mut kept = Vec::new();
    let Some(first) = inside.peek(0) else {
        return Ok(String::new());
    };
    let mut before = first.start - leading_space(text, first.start);
    for (element, end) in split(inside) {
        let span = element.span();
        let mut own = Edits::default();
        if is_table_constraint(&element) {
            if constraint(element, &mut own)? {
                kept.push(own.apply(text, before..span.end));
            }
        } else if element.is(0, "like") {
            return Err(refused("LIKE in CREATE TABLE"));
        } else if element.is_mark(0, "*") || element.are(&["watermark", "for"]) {
            kept.push(text.get(before..span.end).unwrap_or_default().to_owned());
        } else {
            column::adapt(element, &mut own)?;
            kept.push(own.apply(text, before..span.end));
        }
        edits.notices.append(&mut own.notices);
        before = end;
    }
    let end = inside.tokens.last().map_or(0, |token| token.end);
    let tail = leading_space_after(text, end);
    Ok(format!("{}{tail}", kept.join(",")))
}

/// How many bytes of white space stand before a place.
fn leading_space(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.len() - before.trim_end().len()
}

fn leading_space_after(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    rest.get(..rest.len() - rest.trim_start().len())
        .unwrap_or_default()
}

/// The parts between commas that stand in no brackets, each with where the comma behind it ends.
pub(super) fn split(all: Cursor<'_>) -> Vec<(Cursor<'_>, usize)> {
    let (mut parts, mut start, mut at) = (Vec::new(), all, all);
    let mut depth = 0_i64;
    while let Some(token) = at.peek(0) {
        let opens = at
            .behind()
            .is_some_and(|before| before.bytes(at.text).eq_ignore_ascii_case(b"struct"));
        if depth > 0 || opens {
            depth = (depth + angle(token.bytes(at.text))).max(0);
        }
        if depth == 0 && at.is_mark(0, ",") {
            parts.push((start.without_last(at.rest().tokens.len()), token.end));
            at.advance();
            start = at.rest();
            at = start;
        } else {
            at.skip();
        }
    }
    parts.push((start.rest(), start.span().end));
    parts
}

/// A constraint of the table. Whether it stays.
pub(super) fn constraint(mut cursor: Cursor<'_>, edits: &mut Edits) -> Result<bool, ClientError> {
    let start = cursor;
    let mut name = None;
    if cursor.eat("constraint") {
        name = cursor.ident();
        if name.is_none() {
            return Err(unreadable(&start));
        }
    }
    let whose = name.map_or_else(
        || "constraint".to_owned(),
        |name| format!("constraint \"{name}\""),
    );
    if cursor.eat_all(&["primary", "key"]) {
        if cursor.eat_parens().is_none() {
            return Err(unreadable(&cursor));
        }
        let end = cursor;
        if cursor.eat("include") {
            cursor.eat_parens();
        }
        if cursor.eat("with") {
            cursor.eat_parens();
        }
        if cursor.eat_all(&["using", "index", "tablespace"]) {
            cursor.ident();
        }
        column::timing(&mut cursor);
        if cursor.position() > end.position() {
            edits.cut(&end, &cursor);
        }
        return if cursor.is_done() {
            Ok(true)
        } else {
            Err(unreadable(&cursor))
        };
    }
    let what = if cursor.eat("unique") {
        "UNIQUE"
    } else if cursor.eat_all(&["foreign", "key"]) {
        "FOREIGN KEY"
    } else if cursor.eat("check") {
        "CHECK"
    } else if cursor.eat("exclude") {
        "EXCLUDE"
    } else {
        return Err(unreadable(&cursor));
    };
    edits.tell(format!(
        "{whose}: {what} is left out: RisingWave does not have it"
    ));
    Ok(false)
}

/// What stands behind the columns.
fn clauses(cursor: &mut Cursor<'_>, edits: &mut Edits) -> Result<(), ClientError> {
    while !cursor.is_done() {
        let from = *cursor;
        if cursor.is_any(0, OWN_CLAUSES) {
            return Ok(());
        }
        if cursor.is(0, "with") && cursor.is_mark(1, "(") {
            cursor.advance();
            if cursor.eat_parens().is_some_and(is_storage) {
                leave_out(from, cursor, edits);
            }
        } else if cursor.eat("using") || cursor.eat("tablespace") {
            cursor.ident();
            leave_out(from, cursor, edits);
        } else if cursor.eat_all(&["without", "oids"]) {
            edits.cut(&from, cursor);
        } else if cursor.is_any(0, &["inherits", "partition"]) {
            return Err(refused("PARTITION BY or INHERITS"));
        } else {
            return Err(unreadable(cursor));
        }
    }
    Ok(())
}

/// Storage parameters of PostgreSQL's, as in `WITH (fillfactor = 70)`.
pub(super) fn is_storage(mut inside: Cursor<'_>) -> bool {
    while !inside.is_done() {
        let storage = inside.word(0).is_some_and(|word| {
            let word = word.to_ascii_lowercase();
            let known: &[&[u8]] = &[
                b"fillfactor",
                b"oids",
                b"toast",
                b"user_catalog_table",
                b"parallel_workers",
                b"toast_tuple_target",
                b"log_autovacuum_min_duration",
                b"vacuum_index_cleanup",
                b"vacuum_truncate",
                b"deduplicate_items",
                b"fastupdate",
                b"buffering",
            ];
            known.contains(&word.as_slice()) || word.starts_with(b"autovacuum")
        });
        if !storage {
            return false;
        }
        while !inside.is_done() && !inside.eat_mark(",") {
            inside.skip();
        }
    }
    true
}

pub(super) fn leave_out(from: Cursor<'_>, to: &Cursor<'_>, edits: &mut Edits) {
    edits.cut(&from, to);
    let what = shown(&from, to);
    edits.tell(format!("{what} is left out: RisingWave does not have it"));
}
