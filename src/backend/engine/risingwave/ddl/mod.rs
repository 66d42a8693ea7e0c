//! What is RisingWave sent in place of a definition that was written for PostgreSQL?
//!
//! Text in, statements and notices out. What an ORM's migration emits is turned into what RisingWave 2.8 takes: types without sizes, no
//! constraints but PRIMARY KEY and NOT NULL, one action a statement. What it leaves out is told; what cannot be left out without later
//! statements meaning something else is refused. RisingWave's own statements stay as they are.

mod alter;
mod column;
mod edit;
mod index;
mod table;
#[cfg(test)]
mod tests;
mod types;

use super::super::{Plan, Step};
use crate::error::ClientError;
use crate::sql::lexer::Dialect;
use crate::sql::tokens::{Cursor, Tokens};
use edit::{Edits, refused, shown, unreadable};

/// Objects that neither side of a migration needs there: sequences stand behind columns whose values have to be given.
const NOT_THERE: &[&[&str]] = &[&["sequence"], &["statistics"]];

/// Objects that RisingWave does not have, and whose absence a client would notice.
const REFUSED: &[&[&str]] = &[
    &["trigger"],
    &["constraint", "trigger"],
    &["event", "trigger"],
    &["rule"],
    &["policy"],
    &["foreign", "table"],
    &["extension"],
    &["type"],
    &["domain"],
    &["publication"],
    &["procedure"],
    &["recursive", "view"],
];

/// Whose names may be listed in a DROP.
const DROPPED: &[&[&str]] = &[
    &["materialized", "view"],
    &["table"],
    &["view"],
    &["index"],
    &["source"],
    &["sink"],
];

/// Adapts a definition.
pub(super) fn adapt(text: &str) -> Result<Plan, ClientError> {
    let tokens = Tokens::new(text.as_bytes(), Dialect::default());
    let cursor = tokens.cursor();
    if !tokens.sound {
        return Err(unreadable(&cursor));
    }
    let text = text.get(..table::cursor_end(&cursor, text)).unwrap_or(text);
    match () {
        () if cursor.is(0, "create") => create(cursor, text),
        () if cursor.is(0, "alter") => alter(cursor, text),
        () if cursor.is(0, "drop") => drop_objects(cursor),
        () if cursor.is_any(0, &["vacuum", "analyze", "analyse"]) => Ok(Plan::nothing(
            "RisingWave keeps its tables and statistics in order by itself: nothing was done",
        )),
        () if cursor.are(&["refresh", "materialized", "view"]) => refresh(cursor),
        () if cursor.is(0, "truncate") => truncate(cursor),
        () if cursor.are(&["comment", "on"]) && !cursor.is_any(2, &["table", "column"]) => {
            Ok(Plan::nothing(
                "the comment is left out: RisingWave has them on tables and columns alone",
            ))
        }
        () if cursor.is_any(0, &["reindex", "cluster", "security"]) => Err(refused(
            String::from_utf8_lossy(cursor.word(0).unwrap_or_default()).to_uppercase(),
        )),
        () => Ok(Plan::as_it_is(text)),
    }
}

fn create(cursor: Cursor<'_>, text: &str) -> Result<Plan, ClientError> {
    let mut kind = cursor;
    kind.advance();
    if kind.is_any(0, &["temp", "temporary", "local", "global"]) {
        return Err(refused("a temporary table"));
    }
    if kind.eat_all(&["or", "replace"]) && (kind.is(0, "view") || kind.is(0, "materialized")) {
        return Err(refused("CREATE OR REPLACE VIEW").hint(
            "Write DROP VIEW IF EXISTS and CREATE VIEW, as statements of their own; what reads the view goes first.",
        ));
    }
    if kind.are(&["unlogged", "table"]) || kind.is(0, "table") {
        return table::create(cursor, text);
    }
    if kind.are(&["unique", "index"]) || kind.is(0, "index") {
        return index::create(cursor, text);
    }
    if kind.are(&["materialized", "view"]) {
        return Ok(view(cursor, text));
    }
    other(kind, "CREATE", text)
}

/// `WITH [NO] DATA` behind a materialized view's query.
fn view(cursor: Cursor<'_>, text: &str) -> Plan {
    let cut = |count: usize| {
        let kept = cursor.without_last(count);
        text.get(..kept.span().end).unwrap_or(text)
    };
    if cursor.ends_with(&["with", "no", "data"]) {
        let mut plan = Plan::as_it_is(cut(3));
        plan.notices.push(
            "WITH NO DATA is left out: RisingWave fills the view at once and keeps it fresh"
                .to_owned(),
        );
        plan
    } else if cursor.ends_with(&["with", "data"]) {
        Plan::as_it_is(cut(2))
    } else {
        Plan::as_it_is(text)
    }
}

fn alter(cursor: Cursor<'_>, text: &str) -> Result<Plan, ClientError> {
    let mut kind = cursor;
    kind.advance();
    if kind.is(0, "table") && !kind.are(&["table", "all"]) {
        return alter::table(cursor, text);
    }
    let words = DROPPED.iter().find(|words| kind.are(words));
    let Some(words) = words else {
        return other(kind, "ALTER", text);
    };
    kind.eat_all(words);
    let from = kind;
    if !kind.eat_all(&["if", "exists"]) {
        return Ok(Plan::as_it_is(text));
    }
    let mut edits = Edits::default();
    edits.cut(&from, &kind);
    let name = kind.relation().map(|name| name.name).unwrap_or_default();
    Ok(Plan {
        steps: vec![Step::tolerant(
            edits.apply(text, 0..text.len()),
            Some(alter::absent(&name)),
        )],
        notices: Vec::new(),
    })
}

/// What is neither a table nor an index.
fn other(kind: Cursor<'_>, verb: &str, text: &str) -> Result<Plan, ClientError> {
    if NOT_THERE.iter().any(|words| kind.are(words)) {
        let word = String::from_utf8_lossy(kind.word(0).unwrap_or_default()).to_uppercase();
        let notice = format!("{verb} {word} is left out: RisingWave does not have it");
        return Ok(Plan::nothing(notice));
    }
    if let Some(words) = REFUSED.iter().find(|words| kind.are(words)) {
        return Err(refused(format!(
            "{verb} {}",
            words.join(" ").to_uppercase()
        )));
    }
    Ok(Plan::as_it_is(text))
}

/// One statement for each name.
fn drop_objects(cursor: Cursor<'_>) -> Result<Plan, ClientError> {
    let mut at = cursor;
    at.advance();
    let Some(words) = DROPPED.iter().find(|words| at.are(words)) else {
        let text = String::from_utf8_lossy(cursor.text);
        let text = text
            .get(..table::cursor_end(&cursor, &text))
            .unwrap_or(&text);
        return other(at, "DROP", text);
    };
    at.eat_all(words);
    at.eat("concurrently");
    let missing_ok = at.eat_all(&["if", "exists"]);
    let mut names = Vec::new();
    loop {
        let from = at;
        if at.relation().is_none() {
            return Err(unreadable(&at));
        }
        names.push(shown(&from, &at));
        if !at.eat_mark(",") {
            break;
        }
    }
    let cascade = if at.eat("cascade") { " CASCADE" } else { "" };
    at.eat("restrict");
    if !at.is_done() {
        return Err(unreadable(&at));
    }
    let kind = words.join(" ").to_uppercase();
    let condition = if missing_ok { "IF EXISTS " } else { "" };
    let step = |name: String| Step::plain(format!("DROP {kind} {condition}{name}{cascade}"));
    Ok(Plan {
        steps: names.into_iter().map(step).collect(),
        notices: Vec::new(),
    })
}

/// Every row is deleted, of one table after the other. Only rows that can be seen are, so that they are made visible first.
fn truncate(mut at: Cursor<'_>) -> Result<Plan, ClientError> {
    at.advance();
    at.eat("table");
    let mut plan = Plan::as_it_is("FLUSH");
    loop {
        at.eat("only");
        let from = at;
        if at.relation().is_none() {
            return Err(unreadable(&at));
        }
        let name = shown(&from, &at);
        plan.steps.push(Step::plain(format!("DELETE FROM {name}")));
        at.eat_mark("*");
        if !at.eat_mark(",") {
            break;
        }
    }
    if at.eat_all(&["restart", "identity"]) {
        plan.notices
            .push("RESTART IDENTITY is left out: RisingWave has no sequences".to_owned());
    } else {
        at.eat_all(&["continue", "identity"]);
    }
    at.eat_any(&["cascade", "restrict"]);
    if at.is_done() {
        Ok(plan)
    } else {
        Err(unreadable(&at))
    }
}

/// RisingWave refreshes its materialized views with every change of what they read.
fn refresh(cursor: Cursor<'_>) -> Result<Plan, ClientError> {
    if cursor.ends_with(&["with", "no", "data"]) {
        return Err(refused("REFRESH … WITH NO DATA"));
    }
    Ok(Plan::nothing(
        "RisingWave keeps its materialized views fresh by itself: nothing was done",
    ))
}
