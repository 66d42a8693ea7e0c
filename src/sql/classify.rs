//! What can be told of a query or data change that does not parse?
//!
//! One valid statement in ten is beyond sqlparser. Its words still say a lot: which command it is,
//! whether it locks or writes, and which names stand where a relation may stand. Everything here errs
//! towards "may write" and towards too many relations; the effect is never `Read`, but for
//! `TABLE name`, which cannot be anything else.

use super::facts::{Access, Effect, ParsedBy, StatementFacts};
use super::findings::Findings;
use super::lexer::Kind;
use super::reserved::is_reserved;
use super::scan::scan;
use super::tokens::Cursor;

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
    // A word that begins something else may be a relation's name by the grammar, but is not proven to be one.
    let word = cursor.word(0).map(String::from_utf8_lossy);
    let changes = cursor.is_any(0, &["insert", "update", "delete", "merge"]);
    if changes || word.is_some_and(|word| is_reserved(&word)) {
        return None;
    }
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

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
