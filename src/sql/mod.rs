//! What does a statement say about itself?
//!
//! The layer's one answer is [`facts`]: text in, [`StatementFacts`] out. It is total (any bytes), pure
//! (no catalog, session or clock) and bounded (see [`limits`]). A statement takes the first of these
//! ways that knows it:
//!
//! 1. `session`: transaction control, settings, cursors, read exactly off the tokens;
//! 2. `wrap`: statements that carry another (`EXPLAIN`, `PREPARE`, `DECLARE`, `COPY`);
//! 3. `parse` and `collect`: queries and data changes, through sqlparser;
//! 4. `classify`: those that do not parse, by their words;
//! 5. `define`: everything else, by its first words.
//!
//! [`Effect::Read`] comes from the third way (or a plain `TABLE t`, `COPY t TO STDOUT`) and nowhere
//! else. It is checked once more against the bare words of the text, and it is given up where another
//! server's lexer might see other tokens (`portable`).

pub mod facts;
pub mod lexer;
pub mod limits;

mod classify;
mod collect;
mod constraint;
mod copied;
mod ctes;
mod cursors;
mod databases;
mod define;
mod definition;
mod findings;
mod functions;
mod hint;
mod objects;
pub mod parameters;
mod parse;
mod portable;
mod reserved;
mod scan;
mod session;
mod session_functions;
mod split;
mod template;
pub(crate) mod tokens;
mod wrap;

pub use copied::{Copied, CopyOption, CopyValue, copied};
pub use cursors::{ALL_ROWS, Declared, Direction, Fetched, declared, fetched};
pub use databases::database_wanted;
pub use facts::{
    Access, Discard, Effect, FunctionName, Hint, Isolation, ParsedBy, RelationName, RelationUse,
    SessionEffect, Shape, StatementFacts, TransactionControl, TransactionModes,
};
pub use functions::is_read_only_builtin;
pub use lexer::Dialect;
pub use session_functions::{SetConfig, set_config_calls, settings_asked_for, tells_process_id};
pub use split::{Ranges, split_with};
pub use template::template;

use findings::Findings;
use lexer::Kind;
use tokens::{Cursor, Tokens};

/// The facts of one statement, under the default dialect.
#[must_use]
pub fn facts(text: &[u8]) -> StatementFacts {
    facts_with(text, &Dialect::default())
}

/// Byte ranges of the statements in `text`, under the default dialect.
#[must_use]
pub fn split(text: &[u8]) -> Ranges {
    split_with(text, &Dialect::default())
}

/// The facts of one statement. White space, comments and semicolons around it do not matter; of a text
/// with several, nothing is believed.
#[must_use]
pub fn facts_with(text: &[u8], dialect: &Dialect) -> StatementFacts {
    let tokens = Tokens::new(text, *dialect);
    let mut facts = statement(tokens.cursor(), 0);
    facts.hint = hint::leading(text, lexer::lex(text, *dialect));
    // In other encodings a byte that looks like ASCII may be half of a character, so a text that is
    // not UTF-8 is not known to be what it seems. Neither is one with an open quote.
    // The session's settings are replayed on the analytic side, so they must read the same there.
    let travels = matches!(facts.effect, Effect::Read | Effect::Session);
    let same_anywhere =
        || std::str::from_utf8(text).is_ok() && portable::is_portable(text, *dialect);
    let trusted = tokens.sound && (!travels || same_anywhere());
    let harmless = matches!(
        facts.effect,
        Effect::Read | Effect::Session | Effect::Transaction
    );
    if harmless && !trusted {
        facts.effect = Effect::Unknown;
    }
    facts
}

/// Whether a text is a relation's name and nothing else.
#[must_use]
pub fn is_relation_name(text: &[u8]) -> bool {
    let tokens = Tokens::new(text, Dialect::default());
    let mut cursor = tokens.cursor();
    let whole = lexer::lex(text, Dialect::default()).all(|token| token.is_significant());
    let name = cursor.chain().filter(|parts| parts.len() <= 2);
    name.is_some() && cursor.is_done() && tokens.sound && whole && !text.ends_with(b";")
}

/// Whether every server splits the text into the same strings, comments and words.
#[must_use]
pub fn reads_the_same(text: &[u8], dialect: &Dialect) -> bool {
    std::str::from_utf8(text).is_ok() && portable::is_portable(text, *dialect)
}

/// The facts of one statement's tokens, `depth` wrappers deep.
fn statement(cursor: Cursor<'_>, depth: usize) -> StatementFacts {
    if cursor.is_done() {
        return Findings::new(Effect::Empty).into_facts("empty", ParsedBy::Tokens);
    }
    if depth > limits::WRAPPERS_MAX {
        return Findings::new(Effect::Unknown).into_facts("unknown", ParsedBy::Tokens);
    }
    if let Some(facts) = session::session_facts(cursor) {
        return facts;
    }
    if let Some(facts) = wrap::wrapped(cursor, depth) {
        return facts;
    }
    let Some(kind) = classify::query_kind(cursor) else {
        return define::facts(cursor, depth);
    };
    match parse::with_tree(cursor, collect::collect) {
        Some(facts) => checked(kind, facts, cursor),
        None => classify::query(kind, cursor),
    }
}

/// A second opinion on what the tree said, from the bare words and operators of the text. It costs
/// little and would catch a construct that the parser reads differently from PostgreSQL.
fn checked(kind: &'static str, mut facts: StatementFacts, cursor: Cursor<'_>) -> StatementFacts {
    if facts.kind == "select" && kind == "table" {
        facts.kind = "table";
    }
    match facts.effect {
        Effect::Read => {}
        // What the tree has of other dialects was not walked, and the words may tell what is inside.
        Effect::Unknown => return with_words(kind, facts, cursor),
        _ => return facts,
    }
    let danger = classify::danger(cursor);
    if danger.writes || danger.locks || danger.into {
        // `SELECT INTO t FROM s`: the tree has a column of the name `into`.
        return with_words(kind, facts, cursor);
    }
    let mut at = cursor;
    while let Some(token) = at.peek(0) {
        let operator = token.bytes(at.text);
        if token.kind == Kind::Operator && !functions::is_builtin_operator(operator) {
            add_function(
                &mut facts,
                None,
                String::from_utf8_lossy(operator).into_owned(),
            );
        }
        if at.is(0, "operator") && at.is_mark(1, "(") {
            foreign_operator(at, &mut facts);
        }
        at.advance();
    }
    facts
}

/// The facts of a tree that was not understood, with all that its words tell.
fn with_words(kind: &'static str, mut tree: StatementFacts, cursor: Cursor<'_>) -> StatementFacts {
    let words = classify::query(kind, cursor);
    tree.effect = Effect::Unknown;
    tree.kind = words.kind;
    for used in words.relations {
        if !tree.relations.contains(&used) {
            tree.relations.push(used);
        }
    }
    for function in words.functions {
        if !tree.functions.contains(&function) {
            tree.functions.push(function);
        }
    }
    if tree.session == SessionEffect::None {
        tree.session = words.session;
    }
    tree
}

/// `OPERATOR(schema.op)`: an operator outside `pg_catalog` is a function call in disguise.
fn foreign_operator(mut at: Cursor<'_>, facts: &mut StatementFacts) {
    at.advance();
    at.advance();
    let mut schema = None;
    while let Some(part) = at.ident() {
        schema = Some(part);
        at.eat_mark(".");
    }
    if schema
        .as_deref()
        .is_some_and(|schema| schema == "pg_catalog")
    {
        return;
    }
    let operator = at
        .peek(0)
        .map(|token| token.bytes(at.text))
        .unwrap_or_default();
    let name = String::from_utf8_lossy(operator).into_owned();
    if schema.is_some() {
        add_function(facts, schema, name);
    }
}

fn add_function(facts: &mut StatementFacts, schema: Option<String>, name: String) {
    let function = FunctionName { schema, name };
    if facts.functions.len() >= limits::FUNCTIONS_MAX {
        facts.effect = Effect::Unknown;
    } else if !facts.functions.contains(&function) {
        facts.functions.push(function);
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
