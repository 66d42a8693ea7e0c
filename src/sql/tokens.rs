//! What are the words of one statement, and what do they name?
//!
//! [`Tokens`] keeps the significant tokens of a text, and [`Cursor`] walks them: it is the whole
//! parsing vocabulary of the modules that read statements off their words. Names are folded as
//! PostgreSQL does in a UTF-8 database: ASCII letters of unquoted words become lower case.

use super::facts::RelationName;
use super::lexer::{Dialect, Kind, Token, lex};
use super::limits::TOKENS_MAX;

/// The significant tokens of one statement, without the semicolons at its end.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    list: Vec<Token>,
    /// Every token was kept, terminated, and is one PostgreSQL knows.
    pub(crate) sound: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8], dialect: Dialect) -> Self {
        let mut list = Vec::with_capacity((text.len() / 4).min(TOKENS_MAX));
        let mut sound = true;
        for token in lex(text, dialect) {
            sound &= token.terminated && token.kind != Kind::Other;
            if !token.is_significant() {
                continue;
            }
            if list.len() == TOKENS_MAX {
                sound = false;
                break;
            }
            list.push(token);
        }
        while list.last().is_some_and(|token| token.bytes(text) == b";") {
            list.pop();
        }
        Tokens { text, list, sound }
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            text: self.text,
            tokens: &self.list,
            at: 0,
        }
    }
}

/// A position within a run of significant tokens. Copying it is how one looks ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) tokens: &'t [Token],
    at: usize,
}

impl<'t> Cursor<'t> {
    /// The token `ahead` of the next one.
    pub(crate) fn peek(&self, ahead: usize) -> Option<&'t Token> {
        self.tokens.get(self.at + ahead)
    }

    /// The token just passed.
    pub(crate) fn behind(&self) -> Option<&'t Token> {
        self.tokens.get(self.at.checked_sub(1)?)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// How many tokens of this run have been passed.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// The unquoted word `ahead`, as written.
    pub(crate) fn word(&self, ahead: usize) -> Option<&'t [u8]> {
        self.peek(ahead)
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.bytes(self.text))
    }

    pub(crate) fn is(&self, ahead: usize, word: &str) -> bool {
        self.word(ahead)
            .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    }

    pub(crate) fn is_any(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(ahead, word))
    }

    /// Whether the words stand next, in this order.
    pub(crate) fn are(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(ahead, word)| self.is(ahead, word))
    }

    /// Passes the word if it is next.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let found = self.is(0, word);
        self.at += usize::from(found);
        found
    }

    /// Passes all the words if they are next.
    pub(crate) fn eat_all(&mut self, words: &[&str]) -> bool {
        let found = self.are(words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// Passes one of the words if it is next.
    pub(crate) fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.eat(word))
    }

    /// Whether the token `ahead` is this punctuation or operator.
    pub(crate) fn is_mark(&self, ahead: usize, mark: &str) -> bool {
        self.peek(ahead).is_some_and(|token| {
            matches!(token.kind, Kind::Punct | Kind::Operator)
                && token.bytes(self.text) == mark.as_bytes()
        })
    }

    pub(crate) fn eat_mark(&mut self, mark: &str) -> bool {
        let found = self.is_mark(0, mark);
        self.at += usize::from(found);
        found
    }

    /// Passes `( … )` and gives what is inside.
    pub(crate) fn eat_parens(&mut self) -> Option<Cursor<'t>> {
        self.eat_parens_within(usize::MAX)
    }

    /// Passes the next token, with all that is inside if it opens a parenthesis. One that is never
    /// closed takes everything with it, so that looking for its end happens only once.
    pub(crate) fn skip(&mut self) {
        if self.eat_parens().is_none() {
            if self.is_mark(0, "(") {
                self.at = self.tokens.len();
            } else {
                self.advance();
            }
        }
    }

    /// Passes `( … )` if it is no longer than `max` tokens.
    pub(crate) fn eat_parens_within(&mut self, max: usize) -> Option<Cursor<'t>> {
        if !self.is_mark(0, "(") {
            return None;
        }
        let mut depth = 0_usize;
        let mut ahead = 0;
        while ahead <= max && self.peek(ahead).is_some() {
            if self.is_mark(ahead, "(") {
                depth += 1;
            } else if self.is_mark(ahead, ")") {
                depth -= 1;
                if depth == 0 {
                    let inside = self.tokens.get(self.at + 1..self.at + ahead)?;
                    self.at += ahead + 1;
                    return Some(self.over(inside));
                }
            }
            ahead += 1;
        }
        None
    }

    fn over(&self, tokens: &'t [Token]) -> Cursor<'t> {
        Cursor {
            text: self.text,
            tokens,
            at: 0,
        }
    }

    /// What has not been passed yet, as a run of its own.
    pub(crate) fn rest(&self) -> Cursor<'t> {
        self.over(self.tokens.get(self.at..).unwrap_or_default())
    }

    /// The same without the last `count` tokens.
    pub(crate) fn without_last(&self, count: usize) -> Cursor<'t> {
        let end = self.tokens.len().saturating_sub(count);
        let start = self.at.min(end);
        self.over(self.tokens.get(start..end).unwrap_or_default())
    }

    /// Whether the run ends with these words.
    pub(crate) fn ends_with(&self, words: &[&str]) -> bool {
        let rest = self.rest();
        let Some(start) = rest.tokens.len().checked_sub(words.len()) else {
            return false;
        };
        let tail = self.over(rest.tokens.get(start..).unwrap_or_default());
        tail.are(words)
    }

    /// Bytes of the text that what is left spans.
    pub(crate) fn span(&self) -> std::ops::Range<usize> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        match (rest.first(), rest.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }

    /// Passes one identifier, quoted or not, and gives it folded.
    pub(crate) fn ident(&mut self) -> Option<String> {
        let name = self.peek(0).and_then(|token| fold(token, self.text))?;
        self.at += 1;
        Some(name)
    }

    /// Passes `a`, `a.b`, `a.b.c` … and gives the parts.
    pub(crate) fn chain(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.ident()?];
        while self.is_mark(0, ".") {
            let mut ahead = *self;
            ahead.advance();
            let Some(part) = ahead.ident() else { break };
            parts.push(part);
            *self = ahead;
        }
        Some(parts)
    }

    /// Passes `a, b, c`.
    pub(crate) fn names(&mut self) -> bool {
        loop {
            if self.ident().is_none() {
                return false;
            }
            if !self.eat_mark(",") {
                return true;
            }
        }
    }

    /// Whether this is `a, b, c` and nothing else.
    pub(crate) fn is_names(mut self) -> bool {
        self.names() && self.is_done()
    }

    /// Passes a relation's name.
    pub(crate) fn relation(&mut self) -> Option<RelationName> {
        relation(self.chain()?)
    }

    /// Passes a string literal of any sort.
    pub(crate) fn eat_string(&mut self) -> bool {
        let found = self.peek(0).is_some_and(|token| is_string(token.kind));
        self.at += usize::from(found);
        found
    }
}

pub(crate) fn is_string(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::String | Kind::Escaped | Kind::National | Kind::Unicode | Kind::Dollar
    )
}

/// A relation's name from the parts of a dotted chain; a database in front is dropped.
pub(crate) fn relation(mut parts: Vec<String>) -> Option<RelationName> {
    let name = parts.pop()?;
    Some(RelationName {
        schema: parts.pop(),
        name,
    })
}

/// The name an identifier token stands for, or `None` if it is no identifier.
pub(crate) fn fold(token: &Token, text: &[u8]) -> Option<String> {
    let bytes = token.bytes(text);
    let inside = |opening: usize| {
        let end = bytes.len() - usize::from(token.terminated);
        let body = bytes.get(opening..end).unwrap_or_default();
        String::from_utf8_lossy(body).replace("\"\"", "\"")
    };
    match token.kind {
        Kind::Word => Some(String::from_utf8_lossy(bytes).to_ascii_lowercase()),
        Kind::Quoted => Some(inside(1)),
        // A name that cannot be decoded stays as written: it then matches no relation.
        Kind::UnicodeQuoted => {
            let raw = inside(3);
            Some(decode_unicode(&raw).unwrap_or(raw))
        }
        _ => None,
    }
}

/// Decodes `\XXXX` and `\+XXXXXX`. Surrogate pairs are not tried.
pub(crate) fn decode_unicode(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at)?);
        rest = rest.get(at + 1..)?;
        if let Some(after) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => (long.get(..6)?, long.get(6..)?),
            None => (rest.get(..4)?, rest.get(4..)?),
        };
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        let tokens = Tokens::new(text.as_bytes(), Dialect::default());
        tokens.cursor().relation().unwrap().to_string()
    }

    #[test]
    fn names_fold_like_postgresql() {
        assert_eq!(name("Orders"), "orders");
        assert_eq!(name("\"Or\"\"ders\""), "Or\"ders");
        assert_eq!(name("Public . \"X\""), "public.X");
        assert_eq!(name("db.s.t"), "s.t");
        assert_eq!(name(r#"U&"\006frders""#), "orders");
        assert_eq!(name(r#"u&"\+00006frders""#), "orders");
        assert_eq!(name(r#"U&"\zzzz""#), r"\zzzz");
        assert_eq!(name("ÄB"), "Äb");
    }

    #[test]
    fn parens_and_ends() {
        let tokens = Tokens::new(b"(a, (b)) as x with no data ;;", Dialect::default());
        let mut cursor = tokens.cursor();
        assert_eq!(cursor.eat_parens().unwrap().tokens.len(), 5);
        assert!(cursor.ends_with(&["with", "no", "data"]));
        assert!(!cursor.ends_with(&["with", "data"]));
        assert_eq!(cursor.without_last(3).tokens.len(), 2);
        assert!(
            Tokens::new(b"(a", Dialect::default())
                .cursor()
                .eat_parens()
                .is_none()
        );
    }

    #[test]
    fn unsound_texts_are_flagged() {
        for text in [
            "select 'a",
            "select \"a",
            "select /* ",
            "select $$a",
            "select \\ 1",
        ] {
            assert!(
                !Tokens::new(text.as_bytes(), Dialect::default()).sound,
                "{text}"
            );
        }
        assert!(Tokens::new(b"select 1", Dialect::default()).sound);
    }
}
