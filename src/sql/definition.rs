//! What does a `CREATE`, `ALTER` or `DROP` define, and with which relations is that connected?
//!
//! Parents, foreign keys, the relation behind `ON`, and the query inside of a view, a table or a sink.

use super::facts::{Access, Effect, ParsedBy, SessionEffect, StatementFacts};
use super::findings::Findings;
use super::lexer::Kind;
use super::objects::{self, Named, Object};
use super::scan;
use super::tokens::{Cursor, relation};
use super::{constraint, define, wrap};

/// The facts of one of these.
pub(super) fn definition(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut findings = Findings::new(Effect::Define);
    let mut cursor = start;
    let verb = objects::Verb::eat(&mut cursor);
    let create = matches!(verb, objects::Verb::Create);
    let (mut temporary, mut recursive) = (false, false);
    if create {
        cursor.eat_all(&["or", "replace"]);
        loop {
            recursive |= cursor.is(0, "recursive");
            if cursor.eat_any(&["temp", "temporary"]) {
                temporary = true;
            } else if !cursor.eat_any(objects::MODIFIERS) {
                break;
            }
        }
    }
    let Some(object) = Object::eat(&mut cursor) else {
        let mut findings = Findings::new(Effect::Define);
        scan::every_name(start, &mut findings);
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
    match kind {
        "create schema" => elements(cursor, depth, &mut findings),
        "create publication" | "alter publication" => published(cursor, &mut findings),
        "create statistics" => measured(cursor, &mut findings),
        _ => connected(cursor, kind, object.named, &mut findings),
    }
    inside(cursor, kind, depth, &mut findings);
    if recursive {
        // `CREATE RECURSIVE VIEW v` reads itself, as a CTE does.
        let itself = findings.relations.first().map(|used| used.name.clone());
        findings
            .relations
            .retain(|used| used.access != Access::Read || Some(&used.name) != itself.as_ref());
    }
    if matches!(kind, "create policy" | "alter policy" | "create rule") {
        conditions(cursor, kind, &mut findings);
    }
    findings.constraint = constraint::find(kind, start);
    findings.into_facts(kind, ParsedBy::Tokens)
}

/// The relation a definition is about, or those a `DROP` lists.
fn named(cursor: &mut Cursor<'_>, verb: objects::Verb, temporary: bool, findings: &mut Findings) {
    if matches!(verb, objects::Verb::Drop) {
        define::list(cursor, Access::Define, findings);
        return;
    }
    if cursor.are(&["all", "in", "tablespace"]) {
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
        "create sink" | "create subscription" | "create table" | "alter sink"
    );
    let alters_table = matches!(kind, "alter table" | "alter foreign table");
    let query = body(cursor, kind);
    let end = query.map_or(usize::MAX, |body| body.span().start);
    let mut on_seen = !matches!(named, Named::On) && kind != "create index";
    while cursor.peek(0).is_some_and(|token| token.start < end) {
        let before_is_mark = cursor
            .behind()
            .is_some_and(|token| token.kind == Kind::Punct);
        let behind = |word: &str| {
            cursor.behind().is_some_and(|token| {
                token
                    .bytes(cursor.text)
                    .eq_ignore_ascii_case(word.as_bytes())
            })
        };
        // Of a constraint trigger; `OLD.* IS DISTINCT FROM NEW.*` compares.
        let constrained = kind == "create trigger" && cursor.is(0, "from") && !behind("distinct");
        // `NO INHERIT` of a constraint has no name behind it.
        let bare = cursor.is_any(1, &["not", "deferrable", "initially", "enforced"]);
        let inherits = alters_table && cursor.is(0, "inherit") && !(behind("no") && bare);
        let access = if constrained || cursor.is(0, "references") {
            cursor.advance();
            Some(Access::Reference)
        } else if !on_seen && cursor.is(0, if kind == "create rule" { "to" } else { "on" }) {
            cursor.advance();
            on_seen = true;
            Some(Access::Define)
        } else if cursor.eat_all(&["partition", "of"])
            || inherits && cursor.eat("inherit")
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
        if cursor.eat("inherits") {
            if let Some(mut parents) = cursor.eat_parens() {
                define::list(&mut parents, Access::Define, findings);
            }
        } else if cursor.eat_all(&["owned", "by"]) {
            if let Some(mut column) = cursor.chain().filter(|parts| parts.len() > 1) {
                column.pop();
                if let Some(name) = relation(column) {
                    findings.relation(name, Access::Define);
                }
            }
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
            | "alter materialized view"
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

/// What stands in the parentheses of a policy or of a rule's `WHERE`, and a rule's actions:
/// `DO [ALSO|INSTEAD] {NOTHING | command | (commands)}`.
fn conditions(mut cursor: Cursor<'_>, kind: &str, findings: &mut Findings) {
    while !cursor.is_done() {
        if kind == "create rule" && cursor.eat("do") {
            cursor.eat_any(&["also", "instead"]);
            scan::scan(cursor.rest(), findings);
            return;
        }
        match cursor.eat_parens() {
            Some(inside) => scan::scan(inside, findings),
            None => cursor.skip(),
        }
    }
}

/// The definitions in a `CREATE SCHEMA`: each begins with a reserved word outside parentheses.
fn elements(cursor: Cursor<'_>, depth: usize, findings: &mut Findings) {
    let begins = |at: &Cursor<'_>| {
        let named = at.behind().is_some_and(|token| {
            let bytes = token.bytes(at.text);
            bytes == b"." || bytes.eq_ignore_ascii_case(b"as")
        });
        at.is_any(0, &["create", "grant"]) && !named
    };
    let mut at = cursor;
    while !at.is_done() && !begins(&at) {
        at.skip();
    }
    while !at.is_done() {
        let element = at;
        at.advance();
        while !at.is_done() && !begins(&at) {
            at.skip();
        }
        let element = element.without_last(at.rest().tokens.len());
        let inner = super::statement(element, depth + 1);
        findings.raise(inner.effect);
        findings.absorb(inner);
    }
}

/// `FOR [TABLE] [ONLY] a [(columns)] [WHERE (…)], TABLES IN SCHEMA s, TABLE b …`.
fn published(mut cursor: Cursor<'_>, findings: &mut Findings) {
    let (mut tables, mut expects_name) = (false, false);
    while !cursor.is_done() && !cursor.is(0, "with") {
        if cursor.eat_all(&["tables", "in", "schema"]) {
            (tables, expects_name) = (false, false);
        } else if cursor.eat("table") {
            (tables, expects_name) = (true, true);
        } else if cursor.eat_mark(",") {
            // Without a word of its own it is what the one before is.
            expects_name = tables;
        } else if std::mem::take(&mut expects_name) {
            if cursor.peek(1).is_some() {
                cursor.eat("only");
            }
            let mut parenthesized = cursor;
            let mut at = parenthesized.eat_parens().unwrap_or(cursor);
            if let Some(name) = at.relation() {
                findings.relation(name, Access::Define);
            }
            cursor.skip();
        } else {
            cursor.skip();
        }
    }
}

/// `CREATE STATISTICS s ON a, (b + c) FROM t`.
fn measured(mut cursor: Cursor<'_>, findings: &mut Findings) {
    while !cursor.is_done() && !cursor.is(0, "from") {
        cursor.skip();
    }
    scan::scan(cursor.rest(), findings);
}
