//! Which statement is inside this one?
//!
//! `EXPLAIN`, `PREPARE`, `DECLARE` and `COPY (…)` carry another statement. Their own words are read off
//! the tokens, and what is inside has the facts of a statement of its own, which then decide.

use super::facts::{Access, Effect, ParsedBy, SessionEffect, StatementFacts};
use super::findings::Findings;
use super::lexer::Kind;
use super::limits::NAME_BYTES_MAX;
use super::tokens::Cursor;
use super::{classify, scan};

/// The facts, if the statement is one of these.
pub(super) fn wrapped(cursor: Cursor<'_>, depth: usize) -> Option<StatementFacts> {
    let word = cursor.word(0)?.to_ascii_lowercase();
    match word.as_slice() {
        b"explain" => Some(explain(cursor, depth)),
        b"prepare" => Some(prepare(cursor, depth)),
        b"declare" => Some(declare(cursor, depth)),
        b"copy" => Some(copy(cursor, depth)),
        _ => None,
    }
}

/// Whether the next word, after opening parentheses, begins a query.
pub(super) fn is_query(mut cursor: Cursor<'_>) -> bool {
    while cursor.eat_mark("(") {}
    cursor.is_any(0, &["select", "with", "values", "table"])
}

fn not_understood(kind: &'static str, cursor: Cursor<'_>) -> StatementFacts {
    let mut findings = Findings::new(Effect::Unknown);
    scan::every_name(cursor, &mut findings);
    findings.into_facts(kind, ParsedBy::Tokens)
}

/// `ANALYZE` runs the statement and plain `EXPLAIN` does not, but the two are not told apart: a write
/// must not reach the analytic side even to be planned.
fn explain(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut cursor = start;
    cursor.advance();
    // `EXPLAIN (SELECT …)` has a query where others have options.
    if !is_query(cursor) && cursor.is_mark(0, "(") {
        if !cursor.eat_parens().is_some_and(are_options) {
            return not_understood("explain", start);
        }
    } else {
        cursor.eat_any(&["analyze", "analyse"]);
        cursor.eat("verbose");
    }
    if let Some(facts) = explained_job(cursor) {
        return facts;
    }
    let mut inner = super::statement(cursor.rest(), depth + 1);
    let allowed = match inner.effect {
        Effect::Empty | Effect::Transaction => false,
        Effect::Session => matches!(inner.session, SessionEffect::Execute(_)),
        _ => true,
    };
    if !allowed {
        inner.effect = Effect::Unknown;
    }
    if !matches!(
        inner.session,
        SessionEffect::Execute(_) | SessionEffect::CreateTemp(_)
    ) {
        inner.session = SessionEffect::None;
    }
    inner.kind = "explain";
    inner
}

/// Whether the tokens are options of `EXPLAIN`, each a word with at most one value.
fn are_options(mut cursor: Cursor<'_>) -> bool {
    if names_a_change(cursor) {
        return false;
    }
    loop {
        let mut length = 0;
        while !cursor.is_done() && !cursor.is_mark(0, ",") {
            cursor.advance();
            length += 1;
        }
        if !(1..=2).contains(&length) {
            return false;
        }
        if !cursor.eat_mark(",") {
            return true;
        }
    }
}

/// RisingWave's `EXPLAIN ANALYZE [(options)] {MATERIALIZED VIEW | SINK | INDEX} name`.
fn explained_job(mut cursor: Cursor<'_>) -> Option<StatementFacts> {
    if !is_query(cursor) {
        cursor.eat_parens();
    }
    let job = cursor.eat_all(&["materialized", "view"]) || cursor.eat_any(&["sink", "index"]);
    let name = job.then(|| cursor.relation()).flatten()?;
    if !cursor.is_done() {
        return None;
    }
    let mut findings = Findings::new(Effect::Unknown);
    findings.relation(name, Access::Read);
    Some(findings.into_facts("explain", ParsedBy::Tokens))
}

fn prepare(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut cursor = start;
    cursor.advance();
    let name = cursor.ident().filter(|name| name.len() <= NAME_BYTES_MAX);
    cursor.eat_parens();
    let inner_kind = cursor
        .eat("as")
        .then(|| classify::query_kind(cursor))
        .flatten();
    match (name, inner_kind) {
        (Some(name), Some(_)) => {
            let mut inner = super::statement(cursor.rest(), depth + 1);
            inner.kind = "prepare";
            inner.session = SessionEffect::Prepare(name);
            inner
        }
        _ => not_understood("prepare", start),
    }
}

fn declare(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut cursor = start;
    cursor.advance();
    let name = cursor.ident().filter(|name| name.len() <= NAME_BYTES_MAX);
    while cursor.eat_any(&["binary", "insensitive", "asensitive", "no", "scroll"]) {}
    let cursor_word = cursor.eat("cursor");
    let hold = cursor.eat_all(&["with", "hold"]);
    if !hold {
        cursor.eat_all(&["without", "hold"]);
    }
    match name {
        Some(name) if cursor_word && cursor.eat("for") && is_query(cursor) => {
            let mut inner = super::statement(cursor.rest(), depth + 1);
            inner.kind = "declare";
            inner.session = SessionEffect::Declare { name, hold };
            inner
        }
        // RisingWave's change feed.
        Some(name) if cursor.eat_all(&["subscription", "cursor", "for"]) => {
            let mut findings = Findings::new(Effect::Unknown);
            if let Some(subscription) = cursor.relation() {
                findings.relation(subscription, Access::Read);
            }
            findings.session = SessionEffect::Declare { name, hold: false };
            findings.into_facts("declare", ParsedBy::Tokens)
        }
        _ => not_understood("declare", start),
    }
}

/// `COPY {t [(columns)] | (query)} {FROM | TO} …`. Only to the client is it a read.
fn copy(start: Cursor<'_>, depth: usize) -> StatementFacts {
    let mut cursor = start;
    cursor.advance();
    let mut facts = if let Some(inside) = cursor.eat_parens() {
        // Data changes with RETURNING are allowed here and keep their effect.
        super::statement(inside, depth + 1)
    } else {
        if cursor.is(0, "binary") && !cursor.is(1, "from") && !cursor.is(1, "to") {
            cursor.advance();
        }
        let Some(name) = cursor.relation() else {
            return not_understood("copy", start);
        };
        if cursor
            .eat_parens()
            .is_some_and(|columns| !columns.is_names())
        {
            return not_understood("copy", start);
        }
        let access = if cursor.is(0, "from") {
            Access::Write
        } else {
            Access::Read
        };
        let mut findings = Findings::new(Effect::Read);
        findings.relation(name, access);
        findings.into_facts("copy", ParsedBy::Tokens)
    };
    facts.kind = "copy";
    facts.session = SessionEffect::None;
    let semicolon = start
        .rest()
        .tokens
        .iter()
        .any(|token| token.kind == Kind::Punct && token.bytes(start.text) == b";");
    if cursor.eat("from") {
        facts.effect = Effect::Write;
    } else if !cursor.eat("to") || semicolon {
        facts.effect = Effect::Unknown;
    } else if !cursor.eat_any(&["stdout", "stdin"]) {
        // A file on the server, or a program run by it.
        facts.effect = Effect::Write;
    } else if matches!(
        facts.effect,
        Effect::Empty | Effect::Session | Effect::Transaction
    ) || (facts.effect == Effect::Read && names_a_change(cursor))
    {
        facts.effect = Effect::Unknown;
    }
    facts
}

/// Whether a word that changes rows stands among the options, where none has its place. Options that are merely wrong are told as
/// PostgreSQL tells them by whoever runs the statement.
fn names_a_change(options: Cursor<'_>) -> bool {
    let mut words = options;
    while !words.is_done() {
        if words.eat_any(&["insert", "update", "delete", "merge", "into"]) {
            return true;
        }
        words.advance();
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::sql::facts;
    use crate::sql::facts::{Effect, SessionEffect};

    #[test]
    fn the_inner_statement_decides() {
        for (text, kind, effect) in [
            ("explain select 1 from t", "explain", Effect::Read),
            ("explain analyze verbose select 1", "explain", Effect::Read),
            (
                "explain (analyze, buffers, format json) select 1",
                "explain",
                Effect::Read,
            ),
            (
                "explain (analyze, buff into ers) select 1",
                "explain",
                Effect::Unknown,
            ),
            ("explain (select 1)", "explain", Effect::Read),
            (
                "explain ((select 1) union (select 2))",
                "explain",
                Effect::Read,
            ),
            ("explain delete from t", "explain", Effect::Write),
            (
                "explain (analyze false) delete from t",
                "explain",
                Effect::Write,
            ),
            ("explain select 1 from t for share", "explain", Effect::Lock),
            (
                "explain create table x as select 1",
                "explain",
                Effect::Define,
            ),
            ("explain execute p", "explain", Effect::Session),
            ("explain commit", "explain", Effect::Unknown),
            ("explain", "explain", Effect::Unknown),
            (
                "explain explain explain explain explain explain select 1",
                "explain",
                Effect::Unknown,
            ),
            ("prepare p as select 1", "prepare", Effect::Read),
            (
                "prepare p (int, text) as insert into t values ($1)",
                "prepare",
                Effect::Write,
            ),
            ("prepare p as begin", "prepare", Effect::Unknown),
            ("declare c cursor for select 1", "declare", Effect::Read),
            (
                "declare c no scroll cursor with hold for select 1 for update",
                "declare",
                Effect::Lock,
            ),
            (
                "declare c cursor for delete from t",
                "declare",
                Effect::Unknown,
            ),
            (
                "declare c subscription cursor for s full",
                "declare",
                Effect::Unknown,
            ),
            ("copy t to stdout", "copy", Effect::Read),
            (
                "copy t (a, b) to stdout with (format csv, header match)",
                "copy",
                Effect::Read,
            ),
            ("copy (select 1 from t) to stdout csv", "copy", Effect::Read),
            (
                "copy (delete from t returning *) to stdout",
                "copy",
                Effect::Write,
            ),
            ("copy t from stdin", "copy", Effect::Write),
            ("copy binary t from stdin", "copy", Effect::Write),
            ("copy t to '/tmp/x'", "copy", Effect::Write),
            ("copy (select 1) to program 'sh'", "copy", Effect::Write),
            ("copy (commit) to stdout", "copy", Effect::Unknown),
            ("copy t", "copy", Effect::Unknown),
            (
                "copy t to stdout with (format csv, wrong 1)",
                "copy",
                Effect::Read,
            ),
            (
                "copy t to stdout delimiter 'x' null as ''",
                "copy",
                Effect::Read,
            ),
            (
                "copy t to stdout using delimiters 'x'",
                "copy",
                Effect::Read,
            ),
            (
                "copy t to stdout with (a rule r as on insert to t do b)",
                "copy",
                Effect::Unknown,
            ),
            ("copy t to stdout with (insert)", "copy", Effect::Unknown),
            (
                "explain (analyze, update s) select 1 from t",
                "explain",
                Effect::Unknown,
            ),
            (
                "copy t to stdout csv; delete from t",
                "copy",
                Effect::Unknown,
            ),
            ("copy t (delete from s) to stdout", "copy", Effect::Unknown),
        ] {
            let facts = facts(text.as_bytes());
            assert_eq!((facts.kind, facts.effect), (kind, effect), "{text}");
        }
    }

    #[test]
    fn what_becomes_of_the_session() {
        let session = |text: &str| facts(text.as_bytes()).session;
        assert_eq!(
            session("prepare P as select 1"),
            SessionEffect::Prepare("p".into())
        );
        assert_eq!(
            session("declare \"C\" binary cursor with hold for select 1"),
            SessionEffect::Declare {
                name: "C".into(),
                hold: true
            }
        );
        assert_eq!(
            session("explain analyze execute p"),
            SessionEffect::Execute("p".into())
        );
        assert_eq!(
            session("explain declare c cursor for select 1"),
            SessionEffect::None
        );
    }
}
