//! What can be told of a query or data change that does not parse?
//!
//! One valid statement in ten is beyond sqlparser. Its words still say a lot: which command it is,
//! whether it locks or writes, and which names stand where a relation may stand. Everything here errs
//! towards "may write" and towards too many relations; the effect is never `Read`, but for
//! `TABLE name`, which cannot be anything else.

use super::facts::{Access, Effect, FunctionName, ParsedBy, SessionEffect, StatementFacts};
use super::findings::Findings;
use super::lexer::Kind;
use super::tokens::{Cursor, relation};

/// Words after which a relation's name may follow.
const OPENERS: &[&str] = &[
    "from", "join", "into", "update", "using", "table", "only", "lateral",
];

/// Words that end the part of a query in which relations are named.
const CLOSERS: &[&str] = &[
    "select",
    "where",
    "set",
    "on",
    "returning",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "fetch",
    "values",
    "when",
    "window",
    "for",
    "default",
    "do",
    "as",
];

/// Words that may stand between an opener and the name.
const FILLERS: &[&str] = &[
    "only",
    "lateral",
    "temp",
    "temporary",
    "unlogged",
    "table",
    "local",
    "global",
];

/// Words before `(` that are no functions.
const NOT_FUNCTIONS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "case",
    "check",
    "conflict",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "group",
    "having",
    "in",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "over",
    "partition",
    "primary",
    "references",
    "returning",
    "row",
    "select",
    "set",
    "some",
    "table",
    "then",
    "union",
    "unique",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
];

/// Functions whose arguments hold a `FROM` that names no relation.
const FROM_INSIDE: &[&str] = &["extract", "substring", "trim", "overlay", "position"];

/// Functions in `FROM` whose first argument is a relation.
const WINDOWING: &[&str] = &["tumble", "hop", "session", "gap_fill"];

/// The main command of a query or data change, if the statement is one.
pub(super) fn query_kind(mut cursor: Cursor<'_>) -> Option<&'static str> {
    while cursor.eat_mark("(") {}
    if !cursor.eat("with") {
        return main_word(&cursor);
    }
    let mut depth = 0_i64;
    while !cursor.is_done() {
        if depth <= 0
            && let Some(kind) = main_word(&cursor)
        {
            return Some(kind);
        }
        depth += i64::from(cursor.is_mark(0, "(")) - i64::from(cursor.is_mark(0, ")"));
        cursor.advance();
    }
    Some("select")
}

fn main_word(cursor: &Cursor<'_>) -> Option<&'static str> {
    [
        "select", "insert", "update", "delete", "merge", "values", "table",
    ]
    .into_iter()
    .find(|word| cursor.is(0, word))
}

/// The facts of a query or data change, from its words.
pub(super) fn query(kind: &'static str, cursor: Cursor<'_>) -> StatementFacts {
    if let Some(facts) = plain_table(cursor) {
        return facts;
    }
    let words = danger(cursor);
    let mut findings = Findings::new(Effect::Unknown);
    scan(cursor, &mut findings);
    let writes = words.writes || !matches!(kind, "select" | "values" | "table");
    if writes {
        findings.raise(Effect::Write);
    } else if words.locks {
        let read: Vec<_> = findings
            .relations
            .iter()
            .map(|used| used.name.clone())
            .collect();
        for name in read {
            findings.relation(name, Access::Lock);
        }
    }
    let into = kind == "select" && words.into;
    let mut facts = findings.into_facts(if into { "select into" } else { kind }, ParsedBy::Tokens);
    if words.locks && !writes && facts.relations.len() < super::limits::RELATIONS_MAX {
        facts.effect = Effect::Lock;
    }
    facts
}

/// `TABLE [ONLY] name [*]`.
fn plain_table(mut cursor: Cursor<'_>) -> Option<StatementFacts> {
    if !cursor.eat("table") {
        return None;
    }
    cursor.eat("only");
    let name = cursor.relation()?;
    cursor.eat_mark("*");
    if !cursor.is_done() {
        return None;
    }
    let mut findings = Findings::new(Effect::Read);
    findings.relation(name, Access::Read);
    Some(findings.into_facts("table", ParsedBy::Tokens))
}

/// Words that make a query more than a read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Danger {
    pub(super) writes: bool,
    pub(super) locks: bool,
    pub(super) into: bool,
}

/// Looks for bare words that write or lock, wherever they stand, save as part of a dotted name or as
/// an alias after `AS`.
pub(super) fn danger(mut cursor: Cursor<'_>) -> Danger {
    let mut found = Danger::default();
    while let Some(token) = cursor.peek(0) {
        let is_name = cursor.behind().is_some_and(|before| {
            let bytes = before.bytes(cursor.text);
            bytes == b"." || bytes.eq_ignore_ascii_case(b"as")
        });
        if token.kind == Kind::Word && !is_name {
            if cursor.are(&["for", "update"])
                || cursor.are(&["for", "no", "key", "update"])
                || cursor.are(&["for", "share"])
                || cursor.are(&["for", "key", "share"])
            {
                found.locks = true;
                while !cursor.is_any(0, &["update", "share"]) {
                    cursor.advance();
                }
            } else if cursor.is(0, "into") {
                found.into = true;
                found.writes = true;
            } else if cursor.is_any(0, &["insert", "update", "delete", "merge"]) {
                found.writes = true;
            }
        }
        cursor.advance();
    }
    found
}

/// Names of the CTEs, where that is simple: `name [(…)] AS [[NOT] MATERIALIZED] (`.
fn cte_names(mut cursor: Cursor<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let all = cursor.rest().tokens;
    let has = |word: &str| {
        all.iter().any(|t| {
            t.kind == Kind::Word && t.bytes(cursor.text).eq_ignore_ascii_case(word.as_bytes())
        })
    };
    // `WINDOW w AS (…)` looks the same and would hide a relation.
    if !has("with") || has("window") {
        return names;
    }
    while !cursor.is_done() {
        let starts = cursor.is_any(0, &["with", "recursive"]) || cursor.is_mark(0, ",");
        cursor.advance();
        let mut ahead = cursor;
        if starts
            && !ahead.is(0, "recursive")
            && let Some(name) = ahead.ident()
        {
            ahead.eat_parens_within(super::limits::COLUMNS_MAX);
            if ahead.eat("as") {
                ahead.eat("not");
                ahead.eat("materialized");
                if ahead.is_mark(0, "(") && names.len() < super::limits::RELATIONS_MAX {
                    names.push(name);
                }
            }
        }
    }
    names
}

/// What may stand at the current place, at one depth of parentheses.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Relations, used so.
    Relations(Access),
    /// Expressions and column lists.
    Expressions,
    /// Arguments in which `FROM` is no clause.
    Arguments,
}

/// Finds every name that stands where a relation may stand, and every function called.
pub(super) fn scan(mut cursor: Cursor<'_>, findings: &mut Findings) {
    let ctes = cte_names(cursor);
    let mut outer: Vec<Place> = Vec::new();
    let mut place = Place::Expressions;
    let mut expects_name = false;
    while let Some(token) = cursor.peek(0) {
        if cursor.is_mark(0, "(") {
            outer.push(place);
            place = match (place, expects_name) {
                (Place::Relations(access), true) => Place::Relations(access),
                _ => Place::Expressions,
            };
            cursor.advance();
            continue;
        }
        if cursor.is_mark(0, ")") {
            place = outer.pop().unwrap_or(Place::Expressions);
            expects_name = false;
            cursor.advance();
            continue;
        }
        if cursor.is_mark(0, ",") {
            expects_name = matches!(place, Place::Relations(_));
            cursor.advance();
            continue;
        }
        if cursor.is_any(0, FILLERS) && expects_name && !cursor.is_mark(1, ".") {
            cursor.advance();
            continue;
        }
        if let Some(opened) = opens(&cursor, place) {
            place = opened;
            expects_name = true;
            into_temp(cursor, findings);
            cursor.advance();
            continue;
        }
        if cursor.is_any(0, CLOSERS) {
            if !matches!(place, Place::Arguments) {
                place = Place::Expressions;
            }
            expects_name = false;
            cursor.advance();
            continue;
        }
        if !matches!(token.kind, Kind::Word | Kind::Quoted | Kind::UnicodeQuoted) {
            expects_name = false;
            cursor.advance();
            continue;
        }
        let bare = token.kind == Kind::Word;
        let Some(parts) = cursor.chain() else {
            cursor.advance();
            continue;
        };
        let calls = cursor.is_mark(0, "(");
        let written = matches!(place, Place::Relations(Access::Write | Access::Define));
        match place {
            Place::Relations(access) if expects_name && (!calls || written) => {
                let is_cte = parts.len() == 1 && parts.first().is_some_and(|n| ctes.contains(n));
                if !is_cte && let Some(name) = relation(parts) {
                    findings.relation(name, access);
                }
            }
            _ if calls => {
                let name = parts.last().cloned().unwrap_or_default();
                let keyword = bare && parts.len() == 1 && NOT_FUNCTIONS.contains(&name.as_str());
                if !keyword {
                    call(parts, findings);
                }
                if WINDOWING.contains(&name.as_str()) || FROM_INSIDE.contains(&name.as_str()) {
                    outer.push(place);
                    cursor.advance();
                    place = Place::Arguments;
                    if WINDOWING.contains(&name.as_str())
                        && let Some(first) = cursor.chain()
                        && let Some(name) = relation(first)
                    {
                        findings.relation(name, Access::Read);
                    }
                }
            }
            _ => {}
        }
        expects_name = false;
    }
}

fn call(mut parts: Vec<String>, findings: &mut Findings) {
    if let Some(name) = parts.pop() {
        let schema = parts.pop();
        findings.function(FunctionName { schema, name });
    }
}

/// The place that the next word opens, if it opens one.
fn opens(cursor: &Cursor<'_>, place: Place) -> Option<Place> {
    if !cursor.is_any(0, OPENERS) || matches!(place, Place::Arguments) {
        return None;
    }
    let before = |words: &[&str]| {
        cursor.behind().is_some_and(|token| {
            let bytes = token.bytes(cursor.text);
            words
                .iter()
                .any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if before(&["."]) {
        return None;
    }
    let access = if cursor.is(0, "update") {
        // `FOR UPDATE`, `DO UPDATE`, `THEN UPDATE` and `ON UPDATE` name nothing.
        if before(&["for", "key", "do", "then", "on"]) {
            return None;
        }
        Access::Write
    } else if cursor.is(0, "into") {
        if before(&["insert", "merge"]) {
            Access::Write
        } else {
            Access::Define
        }
    } else if cursor.is(0, "from") {
        // `IS [NOT] DISTINCT FROM` compares.
        if before(&["distinct"]) {
            return None;
        }
        if before(&["delete"]) {
            Access::Write
        } else {
            Access::Read
        }
    } else if cursor.is_any(0, &["only", "lateral"]) {
        return None;
    } else {
        Access::Read
    };
    Some(Place::Relations(access))
}

/// `INTO TEMP t` makes a temporary relation.
fn into_temp(mut cursor: Cursor<'_>, findings: &mut Findings) {
    if cursor.eat("into") && cursor.eat_any(&["temp", "temporary"]) {
        cursor.eat("table");
        if let Some(name) = cursor.ident() {
            findings.session = SessionEffect::CreateTemp(name);
        }
    }
}

/// Every name in a statement nothing is known of, save those right before `(`.
pub(super) fn every_name(mut cursor: Cursor<'_>, findings: &mut Findings) {
    cursor.advance();
    while !cursor.is_done() {
        match cursor.chain() {
            Some(parts) if cursor.is_mark(0, "(") => call(parts, findings),
            Some(parts) => {
                if let Some(name) = relation(parts) {
                    findings.relation(name, Access::Read);
                }
            }
            None => cursor.advance(),
        }
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
