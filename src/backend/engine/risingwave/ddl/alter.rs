//! What becomes of `ALTER TABLE`?
//!
//! RisingWave takes one action a statement and knows few of them. Each becomes a statement of its own, or is left out, or is refused
//! where leaving it out would make later statements fail or mean something else.

use super::column::{self, is_table_constraint};
use super::edit::{Edits, refused, shown, unreadable};
use super::table::{constraint, split};
use super::types;
use crate::backend::engine::{Plan, Step, Tolerance};
use crate::error::ClientError;
use crate::sql::RelationName;
use crate::sql::tokens::Cursor;

/// How errors of RisingWave say that a relation is not there.
pub(super) const MISSING: &[&str] = &["42P01", "42704"];

/// What only RisingWave has, or what it takes as PostgreSQL does.
const AS_IT_IS: &[&[&str]] = &[
    &["rename", "to"],
    &["owner", "to"],
    &["set", "schema"],
    &["set", "parallelism"],
    &["set", "backfill_parallelism"],
    &["set", "source_rate_limit"],
    &["set", "backfill_rate_limit"],
    &["set", "dml_rate_limit"],
    &["set", "config"],
    &["reset", "config"],
    &["refresh", "schema"],
    &["swap", "with"],
    &["connector"],
    &["drop", "connector"],
    &["add", "watermark"],
];

/// What says nothing to an engine without heap tables, triggers and named constraints.
const WITHOUT_MEANING: &[&[&str]] = &[
    &["drop", "constraint"],
    &["rename", "constraint"],
    &["validate", "constraint"],
    &["alter", "constraint"],
    &["enable"],
    &["disable"],
    &["set", "tablespace"],
    &["set", "logged"],
    &["set", "unlogged"],
    &["set", "access", "method"],
    &["set", "without"],
    &["cluster", "on"],
    &["replica", "identity"],
];

/// What a column's alteration is left out of.
const COLUMN_WITHOUT_MEANING: &[&[&str]] = &[
    &["drop", "default"],
    &["drop", "identity"],
    &["add", "generated"],
    &["set", "generated"],
    &["set", "statistics"],
    &["set", "storage"],
    &["set", "compression"],
    &["restart"],
];

/// Adapts `ALTER TABLE …`, whose first word is at the cursor.
pub(super) fn table(mut cursor: Cursor<'_>, text: &str) -> Result<Plan, ClientError> {
    cursor.advance();
    cursor.advance();
    let missing_ok = cursor.eat_all(&["if", "exists"]);
    if cursor.peek(1).is_some() {
        cursor.eat("only");
    }
    let named = cursor;
    let Some(relation) = cursor.relation() else {
        return Err(unreadable(&cursor));
    };
    let name = shown(&named, &cursor);
    cursor.eat_mark("*");
    let mut plan = Plan::default();
    for (action, _) in split(cursor.rest()) {
        let mut edits = Edits::default();
        let done = self::action(action, &relation.name, &mut edits, text)?;
        plan.notices.append(&mut edits.notices);
        let Some((words, tolerates)) = done else {
            continue;
        };
        if let Some(column) = dropped_column(action) {
            plan.steps
                .push(Step::yielding(indexes_with(&relation, &column)));
        }
        let tolerates = tolerates.or_else(|| missing_ok.then(|| absent(&relation.name)));
        let text = format!("ALTER TABLE {name} {words}");
        plan.steps.push(Step::tolerant(text, tolerates));
    }
    Ok(plan)
}

/// A relation that may be missing.
pub(super) fn absent(relation: &str) -> Tolerance {
    Tolerance {
        sqlstates: MISSING,
        notice: format!("relation \"{relation}\" does not exist, skipping"),
    }
}

/// The column that an action drops.
fn dropped_column(mut cursor: Cursor<'_>) -> Option<String> {
    let dropped = cursor.eat("drop") && !cursor.is(0, "constraint");
    cursor.eat("column");
    cursor.eat_all(&["if", "exists"]);
    dropped.then(|| cursor.ident()).flatten()
}

/// The query for statements that drop the indexes which hold a column: with PostgreSQL's they go with it, in RisingWave they are in its way.
fn indexes_with(table: &RelationName, column: &str) -> String {
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let schema = table
        .schema
        .as_deref()
        .map_or_else(|| "current_schema()".to_owned(), literal);
    format!(
        "SELECT 'DROP INDEX IF EXISTS \"' || s.name || '\".\"' || i.name || '\"' FROM rw_catalog.rw_indexes i \
         JOIN rw_catalog.rw_schemas s ON s.id = i.schema_id \
         JOIN rw_catalog.rw_relations t ON t.id = i.primary_table_id AND t.relation_type = 'table' \
         JOIN rw_catalog.rw_schemas ts ON ts.id = t.schema_id \
         JOIN rw_catalog.rw_columns c ON c.relation_id = i.id \
         WHERE t.name = {} AND ts.name = {schema} AND c.name = {}",
        literal(&table.name),
        literal(column)
    )
}

type Action = Option<(String, Option<Tolerance>)>;

fn action(
    cursor: Cursor<'_>,
    table: &str,
    edits: &mut Edits,
    text: &str,
) -> Result<Action, ClientError> {
    let written = || text.get(cursor.span()).unwrap_or_default().to_owned();
    if AS_IT_IS.iter().any(|words| cursor.are(words)) {
        return Ok(Some((written(), None)));
    }
    let storage = cursor.is_any(0, &["set", "reset"]) && cursor.is_mark(1, "(");
    if storage || WITHOUT_MEANING.iter().any(|words| cursor.are(words)) {
        let what = shown(&cursor, &end_of(cursor));
        edits.tell(format!(
            "{what} is left out: it means nothing to RisingWave"
        ));
        return Ok(None);
    }
    if cursor.is(0, "add") {
        return add(cursor, table, edits, text);
    }
    if cursor.is(0, "drop") {
        return drop_column(cursor, edits);
    }
    if cursor.is(0, "alter") {
        return alter_column(cursor, edits, text);
    }
    if cursor.is(0, "rename") {
        return Err(refused("RENAME COLUMN"));
    }
    Err(refused(shown(&cursor, &end_of(cursor))))
}

fn end_of(cursor: Cursor<'_>) -> Cursor<'_> {
    let mut end = cursor;
    while !end.is_done() {
        end.advance();
    }
    end
}

fn add(
    mut cursor: Cursor<'_>,
    table: &str,
    edits: &mut Edits,
    text: &str,
) -> Result<Action, ClientError> {
    cursor.advance();
    if is_table_constraint(&cursor) {
        return match constraint(cursor.rest(), edits)? {
            true => Err(column::no_key(table)),
            false => Ok(None),
        };
    }
    cursor.eat("column");
    let exists_ok = cursor.eat_all(&["if", "not", "exists"]);
    let definition = cursor.rest();
    let mut named = definition;
    let name = named.ident().unwrap_or_default();
    let found = column::adapt(definition, edits)?;
    if found.primary_key {
        return Err(column::no_key(table));
    }
    if let Some((from, to)) = found.not_null.filter(|_| !found.default) {
        edits.cut(&from, &to);
        edits.tell(format!(
            "column \"{name}\": NOT NULL is left out: RisingWave adds no such column without a DEFAULT"
        ));
    }
    let words = edits.apply(text, definition.span());
    let tolerates = exists_ok.then(|| Tolerance {
        sqlstates: &["42701"],
        notice: format!("column \"{name}\" of relation \"{table}\" already exists, skipping"),
    });
    Ok(Some((format!("ADD COLUMN {words}"), tolerates)))
}

fn drop_column(mut cursor: Cursor<'_>, edits: &mut Edits) -> Result<Action, ClientError> {
    cursor.advance();
    cursor.eat("column");
    let missing_ok = cursor.eat_all(&["if", "exists"]);
    let named = cursor;
    let Some(name) = cursor.ident() else {
        return Err(unreadable(&cursor));
    };
    let written = shown(&named, &cursor);
    if cursor.eat("cascade") {
        edits.tell("CASCADE is left out: RisingWave drops no views along with a column");
    }
    let tolerates = missing_ok.then(|| Tolerance {
        sqlstates: &["42703"],
        notice: format!("column \"{name}\" does not exist, skipping"),
    });
    Ok(Some((format!("DROP COLUMN {written}"), tolerates)))
}

fn alter_column(
    mut cursor: Cursor<'_>,
    edits: &mut Edits,
    text: &str,
) -> Result<Action, ClientError> {
    cursor.advance();
    cursor.eat("column");
    let named = cursor;
    let Some(name) = cursor.ident() else {
        return Err(unreadable(&cursor));
    };
    let whose = format!("column \"{name}\"");
    let written = shown(&named, &cursor);
    let storage = cursor.is_any(0, &["set", "reset"]) && cursor.is_mark(1, "(");
    if storage || COLUMN_WITHOUT_MEANING.iter().any(|words| cursor.are(words)) {
        let what = shown(&cursor, &end_of(cursor));
        edits.tell(format!(
            "{whose}: {what} is left out: RisingWave cannot change it"
        ));
        return Ok(None);
    }
    if cursor.are(&["set", "not", "null"]) {
        edits.tell(format!(
            "{whose}: SET NOT NULL is left out: RisingWave cannot change it"
        ));
        return Ok(None);
    }
    // Left out, rows that are to be taken would be refused, or get other values than the client counts on.
    if cursor.are(&["drop", "not", "null"]) || cursor.are(&["set", "default"]) {
        let what = shown(&cursor, &end_of(cursor));
        return Err(refused(format!("{what} of {whose}")));
    }
    if !cursor.eat("type") && !cursor.eat_all(&["set", "data", "type"]) {
        return Err(unreadable(&cursor));
    }
    let start = cursor;
    types::adapt(&mut cursor, &whose, edits)?;
    let end = cursor.behind().map_or(0, |token| token.end);
    let begin = start.peek(0).map_or(end, |token| token.start);
    if !cursor.is_done() {
        let what = shown(&cursor, &end_of(cursor));
        edits.tell(format!(
            "{whose}: {what} is left out: RisingWave does not have it"
        ));
    }
    let kind = edits.apply(text, begin..end);
    Ok(Some((format!("ALTER COLUMN {written} TYPE {kind}"), None)))
}
