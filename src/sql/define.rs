//! What does a definition or a maintenance command define, and on which relations?
//!
//! `CREATE`, `ALTER`, `DROP` and their like are told by their first words, for PostgreSQL 15 and
//! RisingWave alike; half of the latter's do not parse with sqlparser, and none needs a tree: their
//! relations stand after a handful of words. None of these is ever a read.

use super::classify;
use super::facts::{Access, Effect, ParsedBy, SessionEffect, StatementFacts};
use super::findings::Findings;
use super::lexer::Kind;
use super::objects::{self, Named, Object};
use super::tokens::{Cursor, relation};
use super::{constraint, wrap};

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
        Effect::Unknown,
        Names::List(Access::Read),
    ),
    (
        &["desc"],
        "describe",
        Effect::Unknown,
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
        return definition(cursor, depth);
    }
    let mut rest = cursor;
    let Some((_, kind, effect, names)) = COMMANDS.iter().find(|(words, ..)| rest.eat_all(words))
    else {
        let mut findings = Findings::new(Effect::Unknown);
        classify::every_name(cursor, &mut findings);
        return findings.into_facts("unknown", ParsedBy::Tokens);
    };
    let mut findings = Findings::new(*effect);
    match names {
        Names::None => {}
        Names::Every => classify::every_name(cursor, &mut findings),
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
            if *kind == "cluster" && rest.eat_any(&["on", "using"]) {
                list(&mut rest, *access, &mut findings);
            }
        }
    }
    if *kind == "call" {
        classify::scan(cursor, &mut findings);
    }
    findings.into_facts(kind, ParsedBy::Tokens)
}

fn eat_relation_word(cursor: &mut Cursor<'_>) -> bool {
    RELATION_WORDS.iter().any(|words| cursor.eat_all(words))
}

/// `[ONLY] a [*] [(columns)], b …`.
fn list(cursor: &mut Cursor<'_>, access: Access, findings: &mut Findings) {
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

fn definition(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut findings = Findings::new(Effect::Define);
    let mut cursor = start;
    let verb = objects::Verb::eat(&mut cursor);
    let create = matches!(verb, objects::Verb::Create);
    let mut temporary = false;
    if create {
        cursor.eat_all(&["or", "replace"]);
        loop {
            if cursor.eat_any(&["temp", "temporary"]) {
                temporary = true;
            } else if !cursor.eat_any(objects::MODIFIERS) {
                break;
            }
        }
    }
    let Some(object) = Object::eat(&mut cursor) else {
        let mut findings = Findings::new(Effect::Define);
        classify::every_name(start, &mut findings);
        return findings.into_facts(verb.unknown_kind(), ParsedBy::Tokens);
    };
    let kind = object.kind(verb);
    cursor.eat("concurrently");
    if !cursor.eat_all(&["if", "not", "exists"]) {
        cursor.eat_all(&["if", "exists"]);
    }
    if object.named == Named::Relations {
        let unnamed_index = object.words == ["index"] && create && cursor.is(0, "on");
        if !unnamed_index {
            named(&mut cursor, verb, temporary, &mut findings);
        }
    }
    connected(cursor, kind, object.named, &mut findings);
    if create {
        inside(cursor, kind, depth, &mut findings);
    }
    if kind == "create rule" {
        rule_actions(cursor, &mut findings);
    }
    findings.constraint = constraint::find(kind, start);
    findings.into_facts(kind, ParsedBy::Tokens)
}

/// The relation a definition is about, or those a `DROP` lists.
fn named(cursor: &mut Cursor<'_>, verb: objects::Verb, temporary: bool, findings: &mut Findings) {
    if matches!(verb, objects::Verb::Drop) {
        list(cursor, Access::Define, findings);
        return;
    }
    if cursor.peek(1).is_some() {
        cursor.eat("only");
    }
    let Some(name) = cursor.relation() else {
        return;
    };
    let in_temp = name
        .schema
        .as_deref()
        .is_some_and(|s| s.starts_with("pg_temp"));
    if matches!(verb, objects::Verb::Create) && (temporary || in_temp) {
        findings.session = SessionEffect::CreateTemp(name.name.clone());
    }
    findings.relation(name, Access::Define);
}

/// Relations after words such as `ON`, `REFERENCES`, `INHERITS`, at any depth.
fn connected(mut cursor: Cursor<'_>, kind: &str, named: Named, findings: &mut Findings) {
    let reads_from = matches!(
        kind,
        "create sink"
            | "create subscription"
            | "create statistics"
            | "create table"
            | "create trigger"
            | "alter sink"
    );
    let query = body(cursor, kind);
    let end = query.map_or(usize::MAX, |body| body.span().start);
    let mut on_seen = !matches!(named, Named::On) && kind != "create index";
    while cursor.peek(0).is_some_and(|token| token.start < end) {
        let before_is_mark = cursor
            .behind()
            .is_some_and(|token| token.kind == Kind::Punct);
        let access = if cursor.eat("references") {
            Some(Access::Reference)
        } else if !on_seen && cursor.is(0, if kind == "create rule" { "to" } else { "on" }) {
            cursor.advance();
            on_seen = true;
            Some(Access::Define)
        } else if cursor.eat_all(&["partition", "of"])
            || cursor.eat("inherit")
            || cursor.eat_all(&["attach", "partition"])
            || cursor.eat_all(&["detach", "partition"])
            || cursor.eat_all(&["swap", "with"])
            || matches!(named, Named::Relations) && cursor.eat_all(&["rename", "to"])
        {
            Some(Access::Define)
        } else if before_is_mark && kind == "create table" && cursor.eat("like")
            || reads_from && cursor.eat("from")
        {
            Some(Access::Read)
        } else if kind == "create sink" && cursor.eat("into") {
            Some(Access::Write)
        } else {
            None
        };
        if let Some(access) = access {
            if cursor.peek(1).is_some() {
                cursor.eat("only");
            }
            if let Some(name) = cursor.relation() {
                findings.relation(name, access);
            }
            continue;
        }
        let publishes = matches!(kind, "create publication" | "alter publication");
        if cursor.eat("inherits") {
            if let Some(mut parents) = cursor.eat_parens() {
                list(&mut parents, Access::Define, findings);
            }
        } else if cursor.eat_all(&["owned", "by"]) {
            if let Some(mut column) = cursor.chain().filter(|parts| parts.len() > 1) {
                column.pop();
                if let Some(name) = relation(column) {
                    findings.relation(name, Access::Define);
                }
            }
        } else if publishes && cursor.eat("table")
            || kind == "create schema" && cursor.eat_any(&["table", "view", "sequence", "on"])
        {
            list(&mut cursor, Access::Define, findings);
        } else {
            cursor.advance();
        }
    }
}

/// The query after `AS` outside parentheses.
fn body<'t>(mut cursor: Cursor<'t>, kind: &str) -> Option<Cursor<'t>> {
    if !matches!(
        kind,
        "create table"
            | "create view"
            | "create materialized view"
            | "create sink"
            | "create source"
            | "create subscription"
    ) {
        return None;
    }
    while !cursor.is_done() {
        if cursor.eat("as") {
            if wrap::is_query(cursor) || cursor.is(0, "execute") {
                return Some(cursor.rest());
            }
        } else {
            cursor.skip();
        }
    }
    None
}

/// What follows a view's or table's query and is not part of it.
const SUFFIXES: &[&[&str]] = &[
    &["with", "no", "data"],
    &["with", "data"],
    &["emit", "on", "window", "close"],
    &["with", "check", "option"],
    &["with", "local", "check", "option"],
    &["with", "cascaded", "check", "option"],
];

/// Takes over the facts of the query in a view, a table made from one, or a sink.
fn inside(cursor: Cursor<'_>, kind: &str, depth: usize, findings: &mut Findings) {
    let Some(mut query) = body(cursor, kind) else {
        return;
    };
    for suffix in SUFFIXES {
        if query.ends_with(suffix) {
            query = query.without_last(suffix.len());
        }
    }
    // `CREATE SINK … AS SELECT … WITH (connector = …) FORMAT … ENCODE …` has its options behind.
    if kind == "create sink" {
        query = before_options(query);
    }
    let inner = super::statement(query, depth + 1);
    match inner.effect {
        Effect::Write => findings.raise(Effect::Write),
        Effect::Session | Effect::Transaction => findings.raise(Effect::Unknown),
        _ => {}
    }
    findings.absorb(inner);
}

fn before_options(query: Cursor<'_>) -> Cursor<'_> {
    let mut at = query;
    while !at.is_done() {
        if at.is(0, "with") && at.is_mark(1, "(") {
            return query.without_last(at.rest().tokens.len());
        }
        at.skip();
    }
    query
}

/// `DO [ALSO|INSTEAD] {NOTHING | command | (commands)}`.
fn rule_actions(mut cursor: Cursor<'_>, findings: &mut Findings) {
    while !cursor.is_done() {
        if cursor.eat("do") {
            cursor.eat_any(&["also", "instead"]);
            classify::scan(cursor.rest(), findings);
            return;
        }
        cursor.advance();
    }
}

#[cfg(test)]
#[path = "define_tests.rs"]
mod tests;
