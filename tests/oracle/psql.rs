//! Which statements does a psql script send to the server?
//!
//! PostgreSQL's regression scripts are written for psql: they hold its own commands, data for `COPY`, and variables.
//! This takes those out. Where it goes wrong, libpg_query rejects the statement, which the test counts.

use tidegate::sql::lexer::{Dialect, Kind, lex};

/// The statements of a script.
pub fn statements(script: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = script.get(at..).filter(|rest| !rest.is_empty()) {
        let (text, passed) = statement(rest);
        at += passed.max(1);
        // psql sends no comments before a statement; what it sends of others does not matter here.
        let text = without_leading_comments(&text);
        if text.is_empty() {
            continue;
        }
        let words = text.to_ascii_lowercase();
        if words.starts_with("copy") && words.contains("from stdin") {
            at += data(script.get(at..).unwrap_or_default());
        }
        found.push(text);
    }
    found
}

/// The first statement and how many bytes it took with what ends it.
fn statement(text: &[u8]) -> (String, usize) {
    let mut out = Vec::new();
    let (mut depth, mut blocks) = (0_usize, 0_usize);
    let mut begin = false;
    let mut escaped = None;
    for token in lex(text, Dialect::default()) {
        let bytes = token.bytes(text);
        if bytes == b"\\" && token.kind == Kind::Other {
            if text.get(token.end) == Some(&b';') {
                escaped = Some(token.end);
                continue;
            }
            // A command of psql's: it takes the rest of the line, and what was before it is sent.
            let line =
                memchr::memchr(b'\n', &text[token.start..]).unwrap_or(text.len() - token.start);
            let command = String::from_utf8_lossy(&text[token.start..token.start + line])
                .to_ascii_lowercase();
            let mut passed = token.start + line;
            if command.starts_with("\\copy") && command.contains("from stdin") {
                passed += data(&text[passed..]);
            }
            return (lossy(&out), passed);
        }
        if bytes == b";" && escaped != Some(token.start) && depth == 0 && blocks == 0 {
            return (lossy(&out), token.end);
        }
        match bytes {
            b"(" => depth += 1,
            b")" => depth = depth.saturating_sub(1),
            b";" if escaped == Some(token.start) && depth == 0 => return (lossy(&out), token.end),
            word if token.kind == Kind::Word => {
                let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
                if begin && is("atomic") {
                    blocks = 1;
                } else if blocks > 0 && is("case") {
                    blocks += 1;
                } else if blocks > 0 && is("end") {
                    blocks -= 1;
                }
                begin = is("begin");
            }
            _ => {}
        }
        out.extend_from_slice(bytes);
    }
    (lossy(&out), text.len())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn without_leading_comments(text: &str) -> String {
    let first = lex(text.as_bytes(), Dialect::default()).find(|token| token.is_significant());
    first.map_or_else(String::new, |token| {
        text[token.start..].trim_end().to_owned()
    })
}

/// The bytes of the data that follows a `COPY … FROM stdin`, with the line that ends it.
fn data(text: &[u8]) -> usize {
    let Some(end) = memchr::memmem::find(text, b"\n\\.") else {
        return 0;
    };
    end + 3
}

/// The statement with psql's variables taken for what they may stand for.
pub fn with_variables(text: &str) -> String {
    let mut out = String::new();
    let mut tokens = lex(text.as_bytes(), Dialect::default()).peekable();
    while let Some(token) = tokens.next() {
        let named = tokens
            .peek()
            .is_some_and(|next| matches!(next.kind, Kind::Word | Kind::String | Kind::Quoted));
        if &text[token.start..token.end] != ":" || !named {
            out.push_str(&text[token.start..token.end]);
        }
    }
    out
}
