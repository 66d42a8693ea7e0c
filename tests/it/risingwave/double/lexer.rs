//! How does a string of SQL fall into tokens, and where does each stand?
//!
//! RisingWave's errors name the token they stumbled over and point at it with a caret, so tokens keep their places.

use super::errors::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Quoted,
    Text,
    Dollar,
    Number,
    Parameter,
    Sign,
}

/// A piece of a statement, and the bytes it covers.
#[derive(Debug, Clone)]
pub struct Token {
    pub kind: Kind,
    /// As it was written.
    pub text: String,
    pub start: usize,
    pub end: usize,
}

impl Token {
    /// Whether it is this word, written without quotes.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// The name it means, or the text between its quotes.
    pub fn value(&self) -> String {
        let inner = || {
            let from = self.text.find(['\'', '"']).map_or(0, |at| at + 1);
            self.text[from..self.text.len() - 1].to_owned()
        };
        match self.kind {
            Kind::Word => self.text.to_ascii_lowercase(),
            Kind::Quoted => inner(),
            Kind::Text => inner().replace("''", "'"),
            _ => self.text.clone(),
        }
    }
}

/// All tokens of a string, comments left out.
pub fn tokens(sql: &str) -> Result<Vec<Token>, Failure> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied().unwrap_or(0);
        let (kind, end) = match (byte, next) {
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            (b'-', b'-') => {
                at += sql[at..].find('\n').unwrap_or(sql.len() - at);
                continue;
            }
            (b'/', b'*') => {
                at = comment_end(sql, at)?;
                continue;
            }
            (b'\'', _) => (Kind::Text, string_end(sql, at, false)?),
            (b'e' | b'E', b'\'') => (Kind::Text, string_end(sql, at + 1, true)?),
            (b'x' | b'X' | b'b' | b'B', b'\'') => (Kind::Text, string_end(sql, at + 1, false)?),
            (b'"', _) => (Kind::Quoted, name_end(sql, at)?),
            (b'$', b'0'..=b'9') => (Kind::Parameter, run(bytes, at + 1, |b| b.is_ascii_digit())),
            (b'$', _) => match dollar_end(sql, at) {
                Some(end) => (Kind::Dollar, end),
                None => (Kind::Sign, at + 1),
            },
            (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => (Kind::Number, number_end(bytes, at)),
            _ if is_word(byte) => (Kind::Word, run(bytes, at, is_word)),
            _ => (Kind::Sign, sign_end(sql, at)),
        };
        let text = sql[at..end].to_owned();
        found.push(Token {
            kind,
            text,
            start: at,
            end,
        });
        at = end;
    }
    Ok(found)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn run(bytes: &[u8], from: usize, goes_on: impl Fn(u8) -> bool) -> usize {
    let length = bytes[from..].iter().take_while(|b| goes_on(**b)).count();
    from + length
}

fn number_end(bytes: &[u8], at: usize) -> usize {
    let mut end = run(bytes, at, |b| b.is_ascii_digit() || b == b'.');
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = run(bytes, end + 1 + sign, |b| b.is_ascii_digit());
        }
    }
    end
}

fn sign_end(sql: &str, at: usize) -> usize {
    let long = [
        "::", "||", "<=", ">=", "<>", "!=", "->>", "->", "#>>", "#>", "@>", "<@", "=>",
    ];
    let found = long.iter().filter(|sign| sql[at..].starts_with(**sign));
    at + found.map(|sign| sign.len()).max().unwrap_or(1)
}

/// A name in double quotes. RisingWave knows no doubled quote in it: `"a""b"` is two names.
fn name_end(sql: &str, at: usize) -> Result<usize, Failure> {
    let close = sql[at + 1..].find('"').map(|end| at + end + 2);
    close.ok_or_else(|| unterminated(sql, "Expected close delimiter '\"' before EOF."))
}

fn string_end(sql: &str, open: usize, escapes: bool) -> Result<usize, Failure> {
    let bytes = sql.as_bytes();
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(unterminated(sql, "Unterminated string literal"))
}

fn dollar_end(sql: &str, at: usize) -> Option<usize> {
    let tag_end = run(sql.as_bytes(), at + 1, |b| {
        b.is_ascii_alphanumeric() || b == b'_'
    });
    if sql.as_bytes().get(tag_end) != Some(&b'$') {
        return None;
    }
    let tag = &sql[at..=tag_end];
    let close = sql[tag_end + 1..].find(tag)?;
    Some(tag_end + 1 + close + tag.len())
}

fn comment_end(sql: &str, open: usize) -> Result<usize, Failure> {
    let bytes = sql.as_bytes();
    let (mut at, mut depth) = (open, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return Ok(at);
        }
    }
    let what = "Unexpected EOF while in a multi-line comment";
    Err(unterminated(sql, what))
}

/// What runs to the end of the text; words and caret both point there.
fn unterminated(sql: &str, what: &str) -> Failure {
    let end = sql.len();
    let line_start = sql.rfind('\n').map_or(0, |at| at + 1);
    let line = sql.matches('\n').count() + 1;
    let column = sql[line_start..].chars().count() + 1;
    Failure::syntax(sql, end, &format!("{what} at line {line}, column {column}"))
}
