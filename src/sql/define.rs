//! What does a definition or a maintenance command define, and on which relations?
//!
//! `CREATE`, `ALTER`, `DROP` and their like are told by their first words, for PostgreSQL 15 and
//! RisingWave alike; half of the latter's do not parse with sqlparser, and none needs a tree: their
//! relations stand after a handful of words. None of these is ever a read.

use super::facts::{Access, Effect, ParsedBy, StatementFacts};
use super::findings::Findings;
use super::tokens::{Cursor, relation};
use super::{definition, scan};

/// Which relations the names after a command's first words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// A list of relations, used so.
    List(Access),
    /// Those after `ON`, as in `GRANT` and `COMMENT`.
    On,
    /// None, or none that is known.
    None,
    /// Any chain may be one.
    Every,
}

type Command = (&'static [&'static str], &'static str, Effect, Names);

/// Commands that are neither queries nor `CREATE`, `ALTER`, `DROP`; longer phrases first.
const COMMANDS: &[Command] = &[
    (
        &["truncate", "table"],
        "truncate",
        Effect::Write,
        Names::List(Access::Write),
    ),
    (
        &["truncate"],
        "truncate",
        Effect::Write,
        Names::List(Access::Write),
    ),
    (
        &["lock", "table"],
        "lock",
        Effect::Lock,
        Names::List(Access::Lock),
    ),
    (&["lock"], "lock", Effect::Lock, Names::List(Access::Lock)),
    (
        &["vacuum"],
        "vacuum",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["analyze"],
        "analyze",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["analyse"],
        "analyze",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["reindex"],
        "reindex",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["cluster"],
        "cluster",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["refresh", "materialized", "view"],
        "refresh materialized view",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (
        &["refresh", "table"],
        "refresh table",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (&["comment", "on"], "comment on", Effect::Define, Names::On),
    (
        &["security", "label"],
        "security label",
        Effect::Define,
        Names::On,
    ),
    (&["grant"], "grant", Effect::Define, Names::On),
    (&["revoke"], "revoke", Effect::Define, Names::On),
    (
        &["reassign", "owned"],
        "reassign owned",
        Effect::Define,
        Names::None,
    ),
    (
        &["import", "foreign", "schema"],
        "import foreign schema",
        Effect::Define,
        Names::None,
    ),
    (
        &["replace", "sink"],
        "replace sink",
        Effect::Define,
        Names::List(Access::Define),
    ),
    (&["do"], "do", Effect::Write, Names::None),
    (&["call"], "call", Effect::Write, Names::None),
    (&["checkpoint"], "checkpoint", Effect::Write, Names::None),
    (&["flush"], "flush", Effect::Write, Names::None),
    (&["wait"], "wait", Effect::Write, Names::None),
    (&["recover"], "recover", Effect::Write, Names::None),
    (&["backup"], "backup", Effect::Write, Names::None),
    (&["cancel"], "cancel", Effect::Write, Names::None),
    (&["kill"], "kill", Effect::Write, Names::None),
    (&["use"], "use", Effect::Unknown, Names::None),
    (&["subscribe"], "subscribe", Effect::Unknown, Names::Every),
    (
        &["describe"],
        "describe",
        Effect::Session,
        Names::List(Access::Read),
    ),
    (
        &["desc"],
        "describe",
        Effect::Session,
        Names::List(Access::Read),
    ),
];

/// Options that may stand before the names of `VACUUM`, `ANALYZE`, `REINDEX` and the like.
const OPTIONS: &[&str] = &[
    "full",
    "freeze",
    "verbose",
    "analyze",
    "analyse",
    "disable_page_skipping",
    "concurrently",
    "only",
    "fragments",
    "extended",
    "formatted",
];

/// Kinds of objects after `ON` or `REINDEX` that are relations.
const RELATION_WORDS: &[&[&str]] = &[
    &["materialized", "view"],
    &["foreign", "table"],
    &["table"],
    &["view"],
    &["index"],
    &["sequence"],
    &["source"],
    &["sink"],
];

/// Kinds of objects after `ON` that are none.
const OTHER_WORDS: &[&str] = &[
    "all",
    "schema",
    "schemas",
    "database",
    "function",
    "procedure",
    "routine",
    "language",
    "type",
    "domain",
    "tablespace",
    "parameter",
    "large",
    "foreign",
    "role",
    "user",
    "extension",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "operator",
    "publication",
    "subscription",
    "server",
    "text",
    "transform",
    "access",
    "event",
    "procedural",
    "statistics",
    "system",
    "connection",
    "secret",
];

/// The facts of anything that is not a query, a data change or the session's.
pub(super) fn facts(cursor: Cursor<'_>, depth: usize) -> StatementFacts {
    if cursor.is_any(0, &["create", "alter", "drop"]) {
        return definition::definition(cursor, depth);
    }
    let mut rest = cursor;
    let Some((_, kind, effect, names)) = COMMANDS.iter().find(|(words, ..)| rest.eat_all(words))
    else {
        let mut findings = Findings::new(Effect::Unknown);
        scan::every_name(cursor, &mut findings);
        return findings.into_facts("unknown", ParsedBy::Tokens);
    };
    let mut findings = Findings::new(*effect);
    match names {
        Names::None => {}
        Names::Every => scan::every_name(cursor, &mut findings),
        Names::On => on_objects(rest, *kind == "comment on", &mut findings),
        Names::List(access) => {
            while rest.eat_any(OPTIONS) {}
            let option_list = matches!(*kind, "vacuum" | "analyze" | "reindex" | "cluster");
            if option_list && rest.eat_parens().is_some() {
                while rest.eat_any(OPTIONS) {}
            }
            let other = *kind == "reindex" && !eat_relation_word(&mut rest);
            rest.eat("concurrently");
            if !other {
                list(&mut rest, *access, &mut findings);
            }
            if *kind == "replace sink" && rest.eat("from") {
                list(&mut rest, Access::Read, &mut findings);
            }
            if *kind == "cluster" && rest.eat_any(&["on", "using"]) {
                list(&mut rest, *access, &mut findings);
            }
        }
    }
    if *kind == "call" {
        scan::scan(cursor, &mut findings);
    }
    findings.into_facts(kind, ParsedBy::Tokens)
}

fn eat_relation_word(cursor: &mut Cursor<'_>) -> bool {
    RELATION_WORDS.iter().any(|words| cursor.eat_all(words))
}

/// `[ONLY] a [*] [(columns)], b …`.
pub(super) fn list(cursor: &mut Cursor<'_>, access: Access, findings: &mut Findings) {
    loop {
        if cursor.peek(1).is_some() {
            cursor.eat("only");
        }
        let Some(name) = cursor.relation() else {
            return;
        };
        findings.relation(name, access);
        cursor.eat_mark("*");
        cursor.eat_parens();
        if !cursor.eat_mark(",") {
            return;
        }
    }
}

/// `GRANT … ON [TABLE] a, b TO …`, `COMMENT ON COLUMN a.b IS …`, `COMMENT ON TRIGGER x ON a …`.
fn on_objects(mut cursor: Cursor<'_>, comment: bool, findings: &mut Findings) {
    if !comment {
        while !cursor.is_done() && !cursor.is(0, "on") {
            // Privileges may have column lists.
            cursor.skip();
        }
        cursor.advance();
    }
    if cursor.eat("column") {
        if let Some(mut parts) = cursor.chain() {
            parts.pop();
            if let Some(name) = relation(parts) {
                findings.relation(name, Access::Define);
            }
        }
        return;
    }
    if eat_relation_word(&mut cursor) {
        list(&mut cursor, Access::Define, findings);
        return;
    }
    if cursor.is_any(0, &["constraint", "trigger", "rule", "policy"]) && cursor.peek(1).is_some() {
        cursor.advance();
        cursor.ident();
        if cursor.eat("on") && !cursor.is(0, "domain") {
            list(&mut cursor, Access::Define, findings);
        }
        return;
    }
    let other = cursor.is_any(0, OTHER_WORDS) && !cursor.is_any(1, &["to", "from", "is"]);
    if !other && !comment {
        list(&mut cursor, Access::Define, findings);
    }
}

#[cfg(test)]
#[path = "define_tests.rs"]
mod tests;
