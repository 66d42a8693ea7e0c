//! What becomes of one column's definition?
//!
//! Its name, a type, and constraints in any order. RisingWave keeps PRIMARY KEY, NOT NULL, DEFAULT and computed columns.

use super::edit::{Edits, passed, refused, shown, unreadable};
use super::types;
use crate::error::ClientError;
use crate::sql::lexer::Kind;
use crate::sql::tokens::Cursor;

/// What a column was found to have.
#[derive(Debug, Default)]
pub(super) struct Found<'t> {
    /// `NOT NULL`, from its place to where it ends.
    pub(super) not_null: Option<(Cursor<'t>, Cursor<'t>)>,
    pub(super) default: bool,
    pub(super) primary_key: bool,
}

/// Functions whose values PostgreSQL makes up for each row, and RisingWave does not know.
const MADE_UP: &[&str] = &[
    "nextval",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuidv4",
    "uuidv7",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "random",
    "txid_current",
];

/// Adapts the column that the cursor holds.
pub(super) fn adapt<'t>(
    mut cursor: Cursor<'t>,
    edits: &mut Edits,
) -> Result<Found<'t>, ClientError> {
    let start = cursor;
    let Some(name) = cursor.ident() else {
        return Err(unreadable(&start));
    };
    let whose = format!("column \"{name}\"");
    let mut found = Found::default();
    // A computed column's type may be left out.
    if !cursor.is(0, "as") {
        types::adapt(&mut cursor, &whose, edits)?;
    }
    while !cursor.is_done() {
        constraint(&mut cursor, &whose, edits, &mut found)?;
    }
    Ok(found)
}

fn constraint<'t>(
    cursor: &mut Cursor<'t>,
    whose: &str,
    edits: &mut Edits,
    found: &mut Found<'t>,
) -> Result<(), ClientError> {
    let from = *cursor;
    if cursor.eat("constraint") && cursor.ident().is_none() {
        return Err(unreadable(&from));
    }
    let named = *cursor;
    if cursor.eat_all(&["not", "null"]) {
        found.not_null = Some((from, *cursor));
    } else if cursor.eat("null") {
        edits.cut(&from, cursor);
    } else if cursor.eat_all(&["primary", "key"]) {
        found.primary_key = true;
        storage(cursor, edits);
    } else if cursor.eat("default") {
        found.default = default(from, cursor, whose, edits)?;
    } else if cursor.eat("generated") {
        generated(from, cursor, whose, edits)?;
    } else if cursor.eat("as") {
        expression(cursor);
    } else if cursor.eat("unique") {
        cursor.eat_all(&["nulls", "not", "distinct"]);
        cursor.eat_all(&["nulls", "distinct"]);
        leave_out(from, cursor, whose, "UNIQUE", edits);
        storage(cursor, edits);
    } else if cursor.eat("check") {
        cursor.eat_parens();
        cursor.eat_all(&["no", "inherit"]);
        let what = shown(&named, cursor);
        leave_out(from, cursor, whose, &what, edits);
    } else if cursor.is(0, "references") {
        references(cursor)?;
        leave_out(from, cursor, whose, "FOREIGN KEY", edits);
    } else if timing(cursor) {
        // Of a constraint that is left out, which the client was told of; of a key it is something of its own.
        edits.cut(&from, cursor);
    } else if cursor.eat("collate") {
        cursor.chain();
        let what = shown(&named, cursor);
        leave_out(from, cursor, whose, &what, edits);
    } else if cursor.eat_any(&["compression", "storage"]) {
        cursor.ident();
        let what = shown(&named, cursor).to_uppercase();
        leave_out(from, cursor, whose, &what, edits);
    } else {
        return Err(unreadable(&named));
    }
    Ok(())
}

/// Takes out what RisingWave would refuse, and says so.
fn leave_out(from: Cursor<'_>, to: &Cursor<'_>, whose: &str, what: &str, edits: &mut Edits) {
    edits.cut(&from, to);
    edits.tell(format!(
        "{whose}: {what} is left out: RisingWave does not have it"
    ));
}

/// `DEFERRABLE`, `INITIALLY DEFERRED` and the like.
pub(super) fn timing(cursor: &mut Cursor<'_>) -> bool {
    let before = cursor.position();
    while cursor.eat_all(&["not", "deferrable"])
        || cursor.eat("deferrable")
        || cursor.eat_all(&["initially", "deferred"])
        || cursor.eat_all(&["initially", "immediate"])
        || cursor.eat_all(&["not", "valid"])
        || cursor.eat_all(&["not", "enforced"])
        || cursor.eat("enforced")
    {}
    cursor.position() > before
}

/// Where a key is kept: `WITH (fillfactor = 70) USING INDEX TABLESPACE x`.
fn storage(cursor: &mut Cursor<'_>, edits: &mut Edits) {
    let from = *cursor;
    if cursor.is(0, "with") && cursor.is_mark(1, "(") {
        cursor.advance();
        cursor.eat_parens();
    }
    if cursor.eat_all(&["using", "index", "tablespace"]) {
        cursor.ident();
    }
    if cursor.position() > from.position() {
        edits.cut(&from, cursor);
    }
}

/// `REFERENCES t (a, b) MATCH FULL ON DELETE SET NULL (a) ON UPDATE CASCADE`.
pub(super) fn references(cursor: &mut Cursor<'_>) -> Result<(), ClientError> {
    let from = *cursor;
    cursor.advance();
    if cursor.chain().is_none() {
        return Err(unreadable(&from));
    }
    cursor.eat_parens();
    loop {
        if cursor.eat("match") {
            cursor.advance();
        } else if cursor.is(0, "on") && cursor.is_any(1, &["delete", "update"]) {
            cursor.advance();
            cursor.advance();
            let two = cursor.eat_all(&["set", "null"])
                || cursor.eat_all(&["set", "default"])
                || cursor.eat_all(&["no", "action"]);
            if !two {
                cursor.advance();
            }
            cursor.eat_parens();
        } else {
            return Ok(());
        }
    }
}

/// What cannot be part of a default outside of parentheses.
const ENDS: &[&str] = &[
    "constraint",
    "null",
    "check",
    "default",
    "generated",
    "unique",
    "primary",
    "references",
    "deferrable",
    "initially",
    "collate",
];

/// Passes an expression; at least one token of it.
fn expression(cursor: &mut Cursor<'_>) {
    cursor.skip();
    let ends = |at: &Cursor<'_>| {
        at.is_any(0, ENDS) || at.is(0, "not") && at.is_any(1, &["null", "deferrable"])
    };
    while !cursor.is_done() && !ends(cursor) {
        cursor.skip();
    }
}

/// Passes a default. Whether there is still one.
fn default(
    from: Cursor<'_>,
    cursor: &mut Cursor<'_>,
    whose: &str,
    edits: &mut Edits,
) -> Result<bool, ClientError> {
    let start = *cursor;
    expression(cursor);
    let mut at = start;
    let mut unmade = false;
    while at.position() < cursor.position() {
        let called = MADE_UP.iter().any(|name| at.is(0, name)) && at.is_mark(1, "(");
        unmade |= called;
        at.advance();
    }
    if unmade {
        edits.cut(&from, cursor);
        let what = shown(&from, cursor);
        edits.tell(format!(
            "{whose}: {what} is left out: RisingWave makes up no values, so they must be given"
        ));
        return Ok(false);
    }
    let mut at = start;
    while at.position() < cursor.position() {
        let here = at;
        if at.eat("current_timestamp") {
            at.eat_parens();
            if let Some(range) = passed(&here, &at) {
                edits.replace(range, "now()");
            }
        } else if at.eat_mark("::") {
            let mut quiet = Edits::default();
            types::adapt(&mut at, whose, &mut quiet)?;
            edits.take_silently(quiet);
        } else {
            at.advance();
        }
    }
    Ok(true)
}

/// `GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY [(…)]` and `GENERATED ALWAYS AS (…) STORED`.
fn generated(
    from: Cursor<'_>,
    cursor: &mut Cursor<'_>,
    whose: &str,
    edits: &mut Edits,
) -> Result<(), ClientError> {
    let _ = cursor.eat("always") || cursor.eat_all(&["by", "default"]);
    let computed = *cursor;
    if !cursor.eat("as") {
        return Err(unreadable(cursor));
    }
    if cursor.eat("identity") {
        cursor.eat_parens();
        edits.cut(&from, cursor);
        edits.tell(format!(
            "{whose}: IDENTITY is left out: RisingWave has no sequences, so values must be given"
        ));
        return Ok(());
    }
    if cursor.eat_parens().is_none() {
        return Err(unreadable(cursor));
    }
    // RisingWave's form is `AS (…)`.
    edits.cut(&from, &computed);
    let end = *cursor;
    if cursor.eat_any(&["stored", "virtual"]) {
        edits.cut(&end, cursor);
    }
    Ok(())
}

/// A column whose key cannot be made any more.
pub(super) fn no_key(whose: &str) -> ClientError {
    refused(format!(
        "a PRIMARY KEY for the table \"{whose}\", which exists already,"
    ))
}

/// Whether an element of a table begins like a constraint of the table.
pub(super) fn is_table_constraint(cursor: &Cursor<'_>) -> bool {
    let bare = cursor.is(0, "constraint")
        || cursor.are(&["primary", "key"])
        || cursor.are(&["foreign", "key"])
        || cursor.is(0, "unique")
            && (cursor.is_mark(1, "(") || cursor.is_any(1, &["nulls", "using"]))
        || cursor.is(0, "check") && cursor.is_mark(1, "(")
        || cursor.is(0, "exclude") && (cursor.is(1, "using") || cursor.is_mark(1, "("));
    bare && cursor.peek(0).is_some_and(|token| token.kind == Kind::Word)
}
