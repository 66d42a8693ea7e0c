//! Can sqlparser make a tree of this query, and may it try?
//!
//! sqlparser never sees the text: it is given tokens made from our own lexer's. So the two cannot
//! disagree about what is a string or a comment, which is where a write could hide. On the way a few
//! forms that PostgreSQL has and sqlparser has not are rewritten to ones with the same facts:
//! `FOR NO KEY UPDATE` → `FOR UPDATE`, `FOR KEY SHARE` → `FOR SHARE`, `TABLE t` → `SELECT * FROM t`,
//! `ONLY t` → `t`; `VARIADIC`, `SYMMETRIC`, `COLLATE c`, a frame's `EXCLUDE`, `* EXCEPT (a)`
//! and `ASOF` are left out, as is the number of `FETCH FIRST (3) ROWS ONLY`, which SQLAlchemy writes in parentheses. Contents of literals are dropped; no fact depends on them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token as SqlToken, Tokenizer};

use super::lexer::{Kind, Token};
use super::limits::{CHAIN_TOKENS_MAX, NESTING_MAX, PARSED_BYTES_MAX, RECURSION_MAX, STACK_NEEDED};
use super::tokens::{Cursor, fold, is_string};

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// Words that sqlparser chains in a loop, each making the tree one level deeper.
const CHAIN_WORDS: &[&str] = &[
    "and",
    "or",
    "not",
    "is",
    "isnull",
    "notnull",
    "in",
    "like",
    "ilike",
    "similar",
    "between",
    "collate",
    "at",
    "union",
    "intersect",
    "except",
    "overlaps",
    "operator",
    "over",
    "from",
    "join",
];

/// Makes the statement's tree, if it is within bounds and is the only one, and gives what `use_tree`
/// makes of it. The tree never leaves here: it may be so deep that even dropping it takes more stack
/// than the caller has.
pub(super) fn with_tree<T>(
    cursor: Cursor<'_>,
    use_tree: impl FnOnce(&Statement) -> Option<T>,
) -> Option<T> {
    if !within_bounds(cursor) {
        return None;
    }
    let tokens = translate(cursor)?;
    stacker::maybe_grow(STACK_NEEDED, 2 * STACK_NEEDED, || {
        // Fuzzers find a panic in sqlparser now and then; then the statement was not understood.
        let used = catch_unwind(AssertUnwindSafe(|| {
            let mut parser = Parser::new(&DIALECT)
                .with_recursion_limit(RECURSION_MAX)
                .with_tokens(tokens);
            let statement = parser.parse_statement().ok()?;
            let alone = parser.peek_token().token == SqlToken::EOF;
            if alone { use_tree(&statement) } else { None }
        }));
        used.ok().flatten()
    })
}

fn is_chain_word(word: &[u8]) -> bool {
    CHAIN_WORDS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

fn within_bounds(cursor: Cursor<'_>) -> bool {
    let span = cursor.span();
    if span.len() > PARSED_BYTES_MAX {
        return false;
    }
    let (mut chain, mut depth) = (0_usize, 0_usize);
    for token in cursor.rest().tokens {
        let bytes = token.bytes(cursor.text);
        match (token.kind, bytes) {
            (Kind::Operator, _) | (Kind::Punct, b"::" | b":") => chain += 1,
            (Kind::Punct, b"(" | b"[") => depth += 1,
            (Kind::Punct, b")" | b"]") => depth = depth.saturating_sub(1),
            (Kind::Word, word) => {
                chain += usize::from(is_chain_word(word));
            }
            _ => {}
        }
        if chain > CHAIN_TOKENS_MAX || depth > NESTING_MAX {
            return false;
        }
    }
    true
}

/// The same tokens in sqlparser's terms.
fn translate(mut cursor: Cursor<'_>) -> Option<Vec<SqlToken>> {
    let mut out = Vec::with_capacity(cursor.tokens.len() + 8);
    while let Some(token) = cursor.peek(0) {
        if let Some(words) = rewrite(&mut cursor) {
            out.extend(words.iter().map(|word| match *word {
                "*" => SqlToken::Mul,
                word => SqlToken::make_word(word, None),
            }));
            continue;
        }
        // `'a'` newline `'b'` is one literal.
        let continues = token.kind == Kind::String
            && cursor
                .behind()
                .is_some_and(|before| is_literal(before.kind));
        if !continues {
            out.push(one(token, cursor.text)?);
        }
        cursor.advance();
        if token.kind == Kind::Unicode && cursor.is(0, "uescape") {
            cursor.advance();
            cursor.eat_string();
        } else if token.kind == Kind::UnicodeQuoted && cursor.is(0, "uescape") {
            return None;
        }
    }
    Some(out)
}

fn is_literal(kind: Kind) -> bool {
    is_string(kind) || matches!(kind, Kind::Bits | Kind::Hex)
}

/// Passes a form sqlparser lacks and gives the words that stand for it.
fn rewrite(cursor: &mut Cursor<'_>) -> Option<&'static [&'static str]> {
    let word = cursor.word(0)?;
    if let Some(passed) = without_facts(cursor) {
        *cursor = passed;
        return Some(&[]);
    }
    if let Some(passed) = counted(cursor) {
        *cursor = passed;
        return Some(&["first"]);
    }
    match word.len() {
        3 if cursor.eat_all(&["for", "no", "key", "update"]) => return Some(&["for", "update"]),
        3 if cursor.eat_all(&["for", "key", "share"]) => return Some(&["for", "share"]),
        3 => {
            let mut ahead = *cursor;
            if ahead.eat_all(&["for", "system_time", "as", "of"]) {
                let constant = ahead.eat_string()
                    || (ahead.eat("proctime") || ahead.eat("now")) && ahead.eat_parens().is_some();
                if constant {
                    *cursor = ahead;
                    return Some(&[]);
                }
            }
            return None;
        }
        4 if word.eq_ignore_ascii_case(b"only") => {}
        5 if word.eq_ignore_ascii_case(b"table") => {}
        _ => return None,
    }
    let before = cursor.behind();
    let after = |words: &[&str]| {
        before.is_some_and(|token| {
            let bytes = token.bytes(cursor.text);
            token.kind != Kind::Quoted
                && words
                    .iter()
                    .any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let named = cursor
        .peek(1)
        .is_some_and(|token| fold(token, cursor.text).is_some());
    if cursor.is(0, "only") {
        if (named || cursor.is_mark(1, "(")) && after(&["from", "join", "update", "into", ","]) {
            cursor.advance();
            return Some(&[]);
        }
        return None;
    }
    let begins = before.is_none()
        || after(&[
            "(",
            ")",
            "union",
            "intersect",
            "except",
            "all",
            "distinct",
            "as",
        ]);
    if !begins || !named {
        return None;
    }
    cursor.advance();
    cursor.eat("only");
    // `TABLE t *` is an older spelling of `TABLE t`.
    Some(&["select", "*", "from"])
}

/// What lies behind the `FIRST (3)` or `NEXT ($1::bigint)` of a FETCH clause.
fn counted<'t>(cursor: &Cursor<'t>) -> Option<Cursor<'t>> {
    let before = cursor.behind()?.bytes(cursor.text);
    let mut ahead = *cursor;
    if !before.eq_ignore_ascii_case(b"fetch") || !ahead.eat_any(&["first", "next"]) {
        return None;
    }
    let mut inside = ahead.eat_parens()?;
    let number = inside.peek(0)?.kind;
    inside.advance();
    let cast = !inside.eat_mark("::") || inside.ident().is_some();
    let constant = matches!(number, Kind::Number | Kind::Param) && cast && inside.is_done();
    constant.then_some(ahead)
}

/// What lies behind words that sqlparser lacks, or lacks at some places, and that change no fact. The first word of each is
/// reserved, or means nothing else after the word before it.
fn without_facts<'t>(cursor: &Cursor<'t>) -> Option<Cursor<'t>> {
    let word = cursor
        .word(0)
        .filter(|word| matches!(word.len(), 4 | 6..=9))?;
    let mut ahead = *cursor;
    let after = |words: &[&str]| {
        cursor.behind().is_some_and(|token| {
            let bytes = token.bytes(cursor.text);
            words
                .iter()
                .any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let passed = match word.to_ascii_lowercase().as_slice() {
        b"variadic" => after(&["(", ","]) && ahead.eat("variadic"),
        b"symmetric" => after(&["between"]) && ahead.eat("symmetric"),
        b"exclude" => {
            after(&["row", "preceding", "following"])
                && ahead.eat("exclude")
                && (ahead.eat_all(&["current", "row"])
                    || ahead.eat_all(&["no", "others"])
                    || ahead.eat_any(&["group", "ties"]))
        }
        // RisingWave's; PostgreSQL has an alias here, which is none of our facts either.
        b"asof" => ahead.eat("asof") && ahead.is_any(0, &["join", "left", "inner"]),
        b"except" => {
            let star = cursor
                .behind()
                .is_some_and(|token| token.bytes(cursor.text) == b"*");
            star && ahead.eat("except") && ahead.eat_parens().is_some_and(|list| list.is_names())
        }
        b"collate" => !after(&[".", "as"]) && ahead.eat("collate") && ahead.chain().is_some(),
        _ => false,
    };
    passed.then_some(ahead)
}

fn one(token: &Token, text: &[u8]) -> Option<SqlToken> {
    let bytes = token.bytes(text);
    Some(match token.kind {
        Kind::Word => SqlToken::make_word(std::str::from_utf8(bytes).ok()?, None),
        Kind::Quoted => {
            std::str::from_utf8(bytes).ok()?;
            SqlToken::make_word(&fold(token, text)?, Some('"'))
        }
        Kind::UnicodeQuoted => {
            let raw = std::str::from_utf8(bytes.get(3..bytes.len() - 1)?).ok()?;
            let name = super::tokens::decode_unicode(&raw.replace("\"\"", "\""))?;
            SqlToken::make_word(&name, Some('"'))
        }
        kind if is_string(kind) => SqlToken::SingleQuotedString(String::new()),
        Kind::Bits | Kind::Hex => SqlToken::HexStringLiteral(String::new()),
        Kind::Param => SqlToken::Placeholder("$1".to_owned()),
        Kind::Number => SqlToken::Number("1".to_owned(), false),
        Kind::Operator => operator(bytes)?,
        Kind::Punct => match bytes {
            b"(" => SqlToken::LParen,
            b")" => SqlToken::RParen,
            b"[" => SqlToken::LBracket,
            b"]" => SqlToken::RBracket,
            b"," => SqlToken::Comma,
            b"." => SqlToken::Period,
            b":" => SqlToken::Colon,
            b"::" => SqlToken::DoubleColon,
            b":=" => SqlToken::Assignment,
            _ => return None,
        },
        _ => return None,
    })
}

fn operator(bytes: &[u8]) -> Option<SqlToken> {
    Some(match bytes {
        b"=" => SqlToken::Eq,
        b"<" => SqlToken::Lt,
        b">" => SqlToken::Gt,
        b"*" => SqlToken::Mul,
        b"+" => SqlToken::Plus,
        b"-" => SqlToken::Minus,
        b"/" => SqlToken::Div,
        _ => {
            let text = std::str::from_utf8(bytes).ok()?;
            let mut tokens = Tokenizer::new(&DIALECT, text)
                .tokenize()
                .unwrap_or_default();
            // What PostgreSQL reads as one operator stays one.
            match (tokens.pop(), tokens.is_empty()) {
                (Some(token), true) => token,
                _ => SqlToken::CustomBinaryOperator(text.to_owned()),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::Dialect;
    use crate::sql::tokens::Tokens;

    fn shown(text: &str) -> Option<String> {
        let tokens = Tokens::new(text.as_bytes(), Dialect::default());
        with_tree(tokens.cursor(), |statement| Some(statement.to_string()))
    }

    #[test]
    fn forms_sqlparser_lacks_are_rewritten() {
        for (text, tree) in [
            (
                "select 1 from t for no key update",
                "SELECT 1 FROM t FOR UPDATE",
            ),
            (
                "select 1 from t for key share of t skip locked",
                "SELECT 1 FROM t FOR SHARE OF t SKIP LOCKED",
            ),
            ("table only \"T\"", "SELECT * FROM \"T\""),
            (
                "select 1 union all table t",
                "SELECT 1 UNION ALL SELECT * FROM t",
            ),
            (
                "with x as (table t) table x",
                "WITH x AS (SELECT * FROM t) SELECT * FROM x",
            ),
            ("select 1 from only t, only s", "SELECT 1 FROM t, s"),
            (
                "select 1 from t for system_time as of proctime() join s on true",
                "SELECT 1 FROM t JOIN s ON true",
            ),
            ("select 'a'\n'b', U&'x' uescape '!'", "SELECT '', ''"),
            (
                "select a from t offset 1 fetch first ($1::integer) rows only",
                "SELECT a FROM t OFFSET 1 FETCH FIRST ROWS ONLY",
            ),
            (
                "select a from t fetch next (3) rows with ties",
                "SELECT a FROM t FETCH FIRST ROWS WITH TIES",
            ),
        ] {
            assert_eq!(shown(text).as_deref(), Some(tree), "{text}");
        }
        assert!(shown("select 1 fetch first row only").is_some());
        assert_eq!(shown("select 1 fetch first (f()) rows only"), None);
    }

    #[test]
    fn several_statements_and_junk_do_not_parse() {
        for text in [
            "select 1; select 2",
            "select from t where",
            "select 1 2 3",
            "",
            "select $",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_keep_hostile_texts_from_the_parser() {
        let or = format!("select {}", "a or ".repeat(CHAIN_TOKENS_MAX + 1));
        assert_eq!(shown(&format!("{or} b")), None);
        let nested = format!("select {}1{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(shown(&nested), None);
        assert_eq!(
            shown(&format!("select '{}'", "x".repeat(PARSED_BYTES_MAX))),
            None
        );
    }
}
