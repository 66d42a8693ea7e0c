//! Does the statement only steer the session or its transaction, and how?
//!
//! Transaction control, settings, prepared statements and cursors are told by their first words, and
//! their grammar is small, so they are read off the tokens exactly
//! (<https://www.postgresql.org/docs/15/sql-commands.html>). One with anything left over that its
//! grammar does not have is [`Effect::Unknown`]: never guess what a session has become.

use super::facts::{
    Access, Discard, Effect, FunctionName, Isolation, ParsedBy, RelationName, SessionEffect,
    StatementFacts, TransactionControl, TransactionModes,
};
use super::findings::Findings;
use super::lexer::Kind;
use super::limits::{NAME_BYTES_MAX, SET_VALUE_BYTES_MAX};
use super::tokens::Cursor;

/// What was read: the kind, the effect and what the session becomes. `None` for the last: the first
/// words were known, the rest was not.
type Read = (&'static str, Effect, Option<SessionEffect>);

/// The facts, if the statement is one of these.
pub(super) fn session_facts(mut cursor: Cursor<'_>) -> Option<StatementFacts> {
    let start = cursor;
    let (kind, effect, session) = read(&mut cursor)?;
    let known = session.filter(|_| cursor.is_done());
    let effect = if known.is_some() {
        effect
    } else {
        Effect::Unknown
    };
    let mut findings = Findings::new(effect);
    if kind == "execute" {
        // `EXECUTE p (f(1))` calls f before the statement runs.
        for name in called_functions(start) {
            findings.function(name);
        }
    }
    if kind == "show"
        && let Some(name) = shown_relation(start)
    {
        findings.relation(name, Access::Read);
    }
    findings.session = known.unwrap_or_default();
    Some(findings.into_facts(kind, ParsedBy::Tokens))
}

/// Every name right before a parenthesis, keywords included.
fn called_functions(mut cursor: Cursor<'_>) -> Vec<FunctionName> {
    let mut names = Vec::new();
    cursor.advance();
    cursor.advance();
    while !cursor.is_done() {
        match cursor.chain() {
            Some(mut parts) if cursor.is_mark(0, "(") => {
                if let Some(name) = parts.pop() {
                    names.push(FunctionName {
                        schema: parts.pop(),
                        name,
                    });
                }
            }
            Some(_) => {}
            None => cursor.advance(),
        }
    }
    names
}

fn transaction(kind: &'static str, control: Option<TransactionControl>) -> Read {
    (
        kind,
        Effect::Transaction,
        control.map(SessionEffect::Transaction),
    )
}

fn session(kind: &'static str, effect: Option<SessionEffect>) -> Read {
    (kind, Effect::Session, effect)
}

fn read(c: &mut Cursor<'_>) -> Option<Read> {
    let word = c.word(0)?.to_ascii_lowercase();
    Some(match word.as_slice() {
        b"begin" => {
            c.advance();
            c.eat_any(&["work", "transaction"]);
            transaction("begin", modes(c).map(TransactionControl::Begin))
        }
        b"start" if c.eat_all(&["start", "transaction"]) => {
            transaction("start transaction", modes(c).map(TransactionControl::Begin))
        }
        b"commit" if c.eat_all(&["commit", "prepared"]) => transaction(
            "commit prepared",
            c.eat_string().then_some(TransactionControl::CommitPrepared),
        ),
        b"rollback" if c.eat_all(&["rollback", "prepared"]) => transaction(
            "rollback prepared",
            c.eat_string()
                .then_some(TransactionControl::RollbackPrepared),
        ),
        b"prepare" if c.eat_all(&["prepare", "transaction"]) => transaction(
            "prepare transaction",
            c.eat_string()
                .then_some(TransactionControl::PrepareTransaction),
        ),
        b"commit" => {
            let chain = end_of_transaction(c);
            transaction("commit", Some(TransactionControl::Commit { chain }))
        }
        b"end" => {
            let chain = end_of_transaction(c);
            transaction("end", Some(TransactionControl::Commit { chain }))
        }
        b"abort" => {
            let chain = end_of_transaction(c);
            transaction("abort", Some(TransactionControl::Rollback { chain }))
        }
        b"rollback" => rollback(c),
        b"savepoint" => {
            c.advance();
            transaction("savepoint", c.ident().map(TransactionControl::Savepoint))
        }
        b"release" => {
            c.advance();
            if c.peek(1).is_some() {
                c.eat("savepoint");
            }
            transaction("release", c.ident().map(TransactionControl::Release))
        }
        b"set" => set(c),
        b"reset" => {
            c.advance();
            session("reset", setting(c).map(SessionEffect::Reset))
        }
        b"show" => show(c),
        b"discard" => {
            c.advance();
            let what = if c.eat("all") {
                Some(Discard::All)
            } else if c.eat("plans") {
                Some(Discard::Plans)
            } else if c.eat("sequences") {
                Some(Discard::Sequences)
            } else {
                c.eat_any(&["temp", "temporary"]).then_some(Discard::Temp)
            };
            session("discard", what.map(SessionEffect::Discard))
        }
        b"execute" => {
            c.advance();
            let name = name(c);
            c.eat_parens();
            session("execute", name.map(SessionEffect::Execute))
        }
        b"deallocate" => {
            c.advance();
            if c.peek(1).is_some() {
                c.eat("prepare");
            }
            session("deallocate", all_or_name(c).map(SessionEffect::Deallocate))
        }
        b"close" => {
            c.advance();
            session("close", all_or_name(c).map(SessionEffect::Close))
        }
        b"fetch" => session("fetch", fetch(c).map(SessionEffect::Fetch)),
        b"move" => session("move", fetch(c).map(SessionEffect::Fetch)),
        b"listen" => {
            c.advance();
            session("listen", c.ident().map(|_| SessionEffect::Listen))
        }
        b"unlisten" => {
            c.advance();
            let named = c.eat_mark("*") || c.ident().is_some();
            session("unlisten", named.then_some(SessionEffect::Unlisten))
        }
        b"notify" => {
            c.advance();
            let channel = c.ident();
            let payload = !c.eat_mark(",") || c.eat_string();
            let known = (channel.is_some() && payload).then_some(SessionEffect::None);
            ("notify", Effect::Write, known)
        }
        b"load" => {
            c.advance();
            session("load", c.eat_string().then_some(SessionEffect::Load))
        }
        b"explain" if c.eat_all(&["explain", "route"]) => {
            let verbose = c.eat_all(&["verbose"]);
            let inner = c.span();
            let known =
                (!inner.is_empty()).then_some(SessionEffect::ExplainRoute { inner, verbose });
            *c = c.without_last(usize::MAX);
            session("explain route", known)
        }
        _ => return None,
    })
}

/// `[WORK|TRANSACTION] [AND [NO] CHAIN]`, and whether to chain.
fn end_of_transaction(c: &mut Cursor<'_>) -> bool {
    c.advance();
    c.eat_any(&["work", "transaction"]);
    let chain = c.eat_all(&["and", "chain"]);
    if !chain {
        c.eat_all(&["and", "no", "chain"]);
    }
    chain
}

fn rollback(c: &mut Cursor<'_>) -> Read {
    let chain = end_of_transaction(c);
    if chain || !c.eat("to") {
        return transaction("rollback", Some(TransactionControl::Rollback { chain }));
    }
    if c.peek(1).is_some() {
        c.eat("savepoint");
    }
    transaction("rollback", c.ident().map(TransactionControl::RollbackTo))
}

/// Transaction modes up to the end, in any order, with or without commas.
fn modes(c: &mut Cursor<'_>) -> Option<TransactionModes> {
    let mut modes = TransactionModes::default();
    while !c.is_done() {
        if c.eat_all(&["isolation", "level"]) {
            modes.isolation = Some(if c.eat_all(&["read", "committed"]) {
                Isolation::ReadCommitted
            } else if c.eat_all(&["read", "uncommitted"]) {
                Isolation::ReadUncommitted
            } else if c.eat_all(&["repeatable", "read"]) {
                Isolation::RepeatableRead
            } else if c.eat("serializable") {
                Isolation::Serializable
            } else {
                return None;
            });
        } else if c.eat_all(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if c.eat_all(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if c.eat_all(&["not", "deferrable"]) {
            modes.deferrable = Some(false);
        } else if c.eat("deferrable") {
            modes.deferrable = Some(true);
        } else {
            return None;
        }
        if c.eat_mark(",") && c.is_done() {
            return None;
        }
    }
    Some(modes)
}

fn set(c: &mut Cursor<'_>) -> Read {
    c.advance();
    if c.eat("constraints") {
        // It may run deferred checks at once, so it is more than a setting.
        *c = c.without_last(usize::MAX);
        return ("set constraints", Effect::Write, Some(SessionEffect::None));
    }
    if c.eat_all(&["session", "characteristics", "as", "transaction"]) {
        let control = some_modes(c).map(TransactionControl::SetCharacteristics);
        return transaction("set session characteristics", control);
    }
    let local = c.eat("local");
    // `SET SESSION AUTHORIZATION x` is short for `SET SESSION SESSION AUTHORIZATION x`.
    if !local && !c.are(&["session", "authorization"]) {
        c.eat("session");
    }
    if c.eat("transaction") {
        return transaction(
            "set transaction",
            some_modes(c).map(TransactionControl::SetTransaction),
        );
    }
    let named = |name: &str| Some(name.to_owned());
    let name = if c.eat_all(&["time", "zone"]) {
        named("timezone")
    } else if c.eat_all(&["session", "authorization"]) {
        named("session_authorization")
    } else if c.eat_all(&["xml", "option"]) {
        named("xmloption")
    } else if c.is_any(0, &["names", "schema", "role"]) && !equals(c, 1) {
        let name = match c.word(0).map(<[u8]>::to_ascii_lowercase).as_deref() {
            Some(b"names") => "client_encoding",
            Some(b"schema") => "search_path",
            _ => "role",
        };
        c.advance();
        if name == "client_encoding" && c.is_done() {
            let effect = SessionEffect::Set {
                name: name.to_owned(),
                value: None,
                local,
            };
            return session("set", Some(effect));
        }
        named(name)
    } else {
        let name = c.chain().map(|parts| parts.join(".").to_ascii_lowercase());
        let assigned = equals(c, 0);
        c.advance();
        name.filter(|name| assigned && name.len() <= NAME_BYTES_MAX)
    };
    let value = value(c);
    let effect = name.zip(value).map(|(name, value)| {
        let local_zone = value
            .as_deref()
            .is_some_and(|v| v.eq_ignore_ascii_case("local"));
        let value = value.filter(|_| !(name == "timezone" && local_zone));
        SessionEffect::Set { name, value, local }
    });
    session("set", effect)
}

fn equals(c: &Cursor<'_>, ahead: usize) -> bool {
    c.is_mark(ahead, "=") || c.is(ahead, "to")
}

fn some_modes(c: &mut Cursor<'_>) -> Option<TransactionModes> {
    if c.is_done() { None } else { modes(c) }
}

/// The text up to the end, `Some(None)` for `DEFAULT`; `None` if it is no value.
fn value(c: &mut Cursor<'_>) -> Option<Option<String>> {
    if c.is(0, "default") && c.peek(1).is_none() {
        c.advance();
        return Some(None);
    }
    let span = c.span();
    let simple = c.rest().tokens.iter().all(|token| {
        let bytes = token.bytes(c.text);
        match token.kind {
            Kind::Operator => matches!(bytes, b"-" | b"+"),
            Kind::Punct => matches!(bytes, b"," | b"." | b"(" | b")"),
            Kind::Param | Kind::Other => false,
            // No query, whatever a server makes of one here.
            Kind::Word => !bytes.eq_ignore_ascii_case(b"select"),
            _ => true,
        }
    });
    let text = c.text.get(span).filter(|text| !text.is_empty())?;
    if !simple || text.len() > SET_VALUE_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.to_owned();
    *c = c.without_last(usize::MAX);
    Some(Some(text))
}

/// A setting's name for `RESET` and `SHOW`; `Some(None)` for `ALL`.
fn setting(c: &mut Cursor<'_>) -> Option<Option<String>> {
    if c.eat("all") {
        return Some(None);
    }
    let name = if c.eat_all(&["time", "zone"]) {
        "timezone".to_owned()
    } else if c.eat_all(&["transaction", "isolation", "level"]) {
        "transaction_isolation".to_owned()
    } else if c.eat_all(&["session", "authorization"]) {
        "session_authorization".to_owned()
    } else {
        c.chain()?.join(".").to_ascii_lowercase()
    };
    (name.len() <= NAME_BYTES_MAX).then_some(Some(name))
}

fn show(c: &mut Cursor<'_>) -> Read {
    c.advance();
    let start = *c;
    let mut name = setting(c);
    if !c.is_done() {
        // RisingWave's `SHOW TABLES FROM x LIKE 'y'`, `SHOW CREATE TABLE t` and the like: as written.
        let plain = start
            .rest()
            .tokens
            .iter()
            .all(|token| token.kind != Kind::Operator && token.bytes(c.text) != b";");
        name = c
            .text
            .get(start.span())
            .filter(|text| plain && text.len() <= NAME_BYTES_MAX)
            .map(|text| Some(String::from_utf8_lossy(text).to_lowercase()));
        *c = c.without_last(usize::MAX);
    }
    session("show", name.map(SessionEffect::Show))
}

/// The relation that RisingWave's `SHOW COLUMNS FROM x` or `SHOW CREATE TABLE x` is about.
fn shown_relation(mut c: Cursor<'_>) -> Option<RelationName> {
    c.advance();
    let about = c.eat_all(&["columns", "from"]) || c.eat_all(&["indexes", "from"]);
    let kinds = ["table", "view", "source", "sink", "index"];
    let made = || {
        let mut c = c;
        c.eat("create").then_some(())?;
        (c.eat_all(&["materialized", "view"]) || c.eat_any(&kinds)).then_some(c)
    };
    let mut c = if about { c } else { made()? };
    c.relation().filter(|_| c.is_done())
}

fn name(c: &mut Cursor<'_>) -> Option<String> {
    c.ident().filter(|name| name.len() <= NAME_BYTES_MAX)
}

fn all_or_name(c: &mut Cursor<'_>) -> Option<Option<String>> {
    if c.eat("all") {
        Some(None)
    } else {
        name(c).map(Some)
    }
}

/// `FETCH [direction] [FROM|IN] cursor`, and `FETCH … FROM cursor WITH (…)` of RisingWave.
fn fetch(c: &mut Cursor<'_>) -> Option<String> {
    c.advance();
    if c.peek(1).is_some() {
        let counted = c.eat_any(&["absolute", "relative", "forward", "backward"]);
        let moved = !counted && c.eat_any(&["next", "prior", "first", "last"]);
        if !moved && !c.eat("all") {
            let sign = c.eat_mark("-") || c.eat_mark("+");
            let number = c.peek(0).is_some_and(|token| token.kind == Kind::Number);
            if number {
                c.advance();
            } else if sign {
                return None;
            }
        }
        c.eat_any(&["from", "in"]);
    }
    let name = name(c);
    if c.eat("with") {
        c.eat_parens()?;
    }
    name
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
