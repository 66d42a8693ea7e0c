//! How is a statement walked through, token by token, with RisingWave's words for what is missing?

use super::errors::Failure;
use super::lexer::{Kind, Token};

/// A name with the schema it was written with, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub schema: Option<String>,
    pub name: String,
}

impl Name {
    /// For PostgreSQL, quoted.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("\"{schema}\".\"{}\"", self.name),
            None => format!("\"{}\"", self.name),
        }
    }
}

/// A place among the tokens of a string.
pub struct Reader<'a> {
    pub sql: &'a str,
    pub tokens: &'a [Token],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    pub fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Whether the next token is this word.
    pub fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.is(word))
    }

    pub fn sees_sign(&self, sign: &str) -> bool {
        self.peek().is_some_and(|t| t.is_sign(sign))
    }

    /// Takes these words if they come next, all of them or none.
    pub fn eat(&mut self, words: &str) -> bool {
        let words: Vec<&str> = words.split(' ').collect();
        let all = words
            .iter()
            .enumerate()
            .all(|(n, w)| self.peek_at(n).is_some_and(|t| t.is(w)));
        if all {
            self.at += words.len();
        }
        all
    }

    pub fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.sees_sign(sign);
        self.at += usize::from(found);
        found
    }

    pub fn must(&mut self, word: &str) -> Result<(), Failure> {
        if self.eat(word) {
            return Ok(());
        }
        Err(self.expected(&word.to_ascii_uppercase()))
    }

    pub fn must_sign(&mut self, sign: &str) -> Result<(), Failure> {
        if self.eat_sign(sign) {
            return Ok(());
        }
        Err(self.expected(sign))
    }

    /// The error that something else was expected here.
    pub fn expected(&self, what: &str) -> Failure {
        Failure::expected(self.sql, what, self.peek())
    }

    pub fn at_end(&self) -> bool {
        self.peek().is_none_or(|t| t.is_sign(";"))
    }

    pub fn must_end(&self) -> Result<(), Failure> {
        if self.at_end() {
            return Ok(());
        }
        Err(self.expected("end of statement"))
    }

    pub fn identifier(&mut self) -> Result<String, Failure> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Word | Kind::Quoted) => {
                self.at += 1;
                Ok(token.value())
            }
            _ => Err(self.expected("identifier")),
        }
    }

    /// `name`, `schema.name` or `database.schema.name`.
    pub fn name(&mut self) -> Result<Name, Failure> {
        let mut parts = vec![self.identifier()?];
        while self.eat_sign(".") {
            parts.push(self.identifier()?);
        }
        let name = parts.pop().unwrap_or_default();
        Ok(Name {
            schema: parts.pop(),
            name,
        })
    }

    /// A text between quotes.
    pub fn literal(&mut self) -> Result<String, Failure> {
        match self.peek() {
            Some(token) if token.kind == Kind::Text => {
                self.at += 1;
                Ok(token.value())
            }
            _ => Err(self.expected("literal string")),
        }
    }

    /// Steps over a group in parentheses and gives what is in it.
    pub fn group(&mut self) -> Result<&'a [Token], Failure> {
        let from = self.at + 1;
        self.must_sign("(")?;
        let mut depth = 1;
        while let Some(token) = self.next() {
            if token.is_sign("(") {
                depth += 1;
            } else if token.is_sign(")") {
                depth -= 1;
            }
            if depth == 0 {
                return Ok(&self.tokens[from..self.at - 1]);
            }
        }
        Err(self.expected(")"))
    }

    /// The tokens up to the end of the statement.
    pub fn rest(&mut self) -> &'a [Token] {
        let from = self.at;
        while !self.at_end() {
            self.at += 1;
        }
        &self.tokens[from..self.at]
    }

    /// The text that some tokens cover.
    pub fn source(&self, tokens: &[Token]) -> String {
        match tokens {
            [] => String::new(),
            [first, .., last] => self.sql[first.start..last.end].to_owned(),
            [only] => only.text.clone(),
        }
    }
}

const KEYWORDS: &[&str] = &[
    "add",
    "alter",
    "analyze",
    "and",
    "by",
    "cascade",
    "check",
    "column",
    "constraint",
    "copy",
    "create",
    "delete",
    "drop",
    "execute",
    "foreign",
    "from",
    "group",
    "index",
    "key",
    "limit",
    "materialized",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "rename",
    "select",
    "stdin",
    "stdout",
    "table",
    "to",
    "truncate",
    "unique",
    "using",
    "values",
    "view",
    "where",
    "as",
    "with",
    "int",
    "varchar",
];

/// Tokens as RisingWave prints them: keywords in capitals, one space between. `tight` leaves it out before a parenthesis.
pub fn shown(tokens: &[Token], tight: bool) -> String {
    let mut text = String::new();
    for (n, token) in tokens.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| tokens.get(n));
        let keyword = |t: &Token| t.kind == Kind::Word && KEYWORDS.iter().any(|k| t.is(k));
        let glued = token.is_sign(")") || token.is_sign(",") || token.is_sign(".");
        let after_open = before.is_some_and(|t| t.is_sign("(") || t.is_sign("."));
        let call = tight && token.is_sign("(") && before.is_some_and(|t| !keyword(t));
        if before.is_some() && !glued && !after_open && !call {
            text.push(' ');
        }
        match keyword(token) {
            true => text.push_str(&token.text.to_ascii_uppercase()),
            false => text.push_str(&token.text),
        }
    }
    text
}
