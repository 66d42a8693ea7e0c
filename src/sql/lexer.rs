//! Where does each token of a text begin and end, exactly as PostgreSQL reads it?
//!
//! Everything the router believes about a statement rests on agreeing with the server about what is
//! a string, what is a comment and what is code. So this mirrors PostgreSQL's `scan.l`
//! (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/parser/scan.l>) byte for
//! byte, works on any bytes, allocates nothing and never fails: what is unterminated becomes one
//! token, flagged. The tokens of a text, put end to end, are the text.

/// How the server reads plain string literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// The session's `standard_conforming_strings`. When off, a backslash escapes in `'…'` too.
    pub standard_conforming_strings: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            standard_conforming_strings: true,
        }
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Blanks and line ends.
    Space,
    /// `-- …` up to the line end, or `/* … */`, nested.
    Comment,
    /// An unquoted word: identifier or keyword.
    Word,
    /// `"…"`.
    Quoted,
    /// `U&"…"`.
    UnicodeQuoted,
    /// `'…'`.
    String,
    /// `E'…'`.
    Escaped,
    /// `B'…'`.
    Bits,
    /// `X'…'`.
    Hex,
    /// `N'…'`.
    National,
    /// `U&'…'`.
    Unicode,
    /// `$tag$…$tag$`.
    Dollar,
    /// `$1`.
    Param,
    /// `1`, `1.5e-3`, `.5`, `0xFF`, `1_000`.
    Number,
    /// A run of operator characters.
    Operator,
    /// One of `( ) [ ] , ; .`, or `:`, `::`, `:=`, `..`.
    Punct,
    /// A byte that starts no token.
    Other,
}

/// One token: the bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// `false` if the text ended before the closing quote, tag or `*/`.
    pub terminated: bool,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// The token's bytes.
    #[must_use]
    pub fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether it is neither white space nor a comment.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// An iterator over the tokens of a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

/// The tokens of `text`.
#[must_use]
pub fn lex(text: &[u8], dialect: Dialect) -> Lexer<'_> {
    lex_at(text, 0, dialect)
}

/// The tokens of `text` from a byte on at which one begins.
pub(super) fn lex_at(text: &[u8], at: usize, dialect: Dialect) -> Lexer<'_> {
    Lexer { text, at, dialect }
}

/// White space.
pub(super) const SPACE: u8 = 1;
/// What a bare word begins with.
pub(super) const WORD_START: u8 = 2;
/// What it goes on with.
pub(super) const WORD_PART: u8 = 4;
/// What operators are made of.
const OPERATOR: u8 = 8;

/// What each byte may be. A table, since every byte of every statement is looked up.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let b = byte as u8;
        // Vertical tab is white space from PostgreSQL 16 on and an error before.
        if matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) {
            classes[byte] |= SPACE;
        }
        if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 {
            classes[byte] |= WORD_START | WORD_PART;
        }
        if b.is_ascii_digit() || b == b'$' {
            classes[byte] |= WORD_PART;
        }
        if matches!(
            b,
            b'~' | b'!'
                | b'@'
                | b'#'
                | b'^'
                | b'&'
                | b'|'
                | b'`'
                | b'?'
                | b'+'
                | b'-'
                | b'*'
                | b'/'
                | b'%'
                | b'<'
                | b'>'
                | b'='
        ) {
            classes[byte] |= OPERATOR;
        }
        byte += 1;
    }
    classes
};

/// Whether a byte is of one of these classes.
pub(super) const fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        let first = self.peek(0)?;
        let (kind, terminated) = self.scan(first);
        // A scanner that took nothing would loop for ever; take one byte at least.
        self.at = self.at.clamp(start + 1, self.text.len().max(start + 1));
        Some(Token {
            kind,
            terminated,
            start,
            end: self.at,
        })
    }
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, accept: impl Fn(u8) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .position(|byte| !accept(*byte))
            .unwrap_or(rest.len());
    }

    /// Moves past one token that begins with `first`.
    fn scan(&mut self, first: u8) -> (Kind, bool) {
        let second = self.peek(1);
        match (first, second) {
            (b, _) if is(b, SPACE) => {
                self.skip_while(|b| is(b, SPACE));
                (Kind::Space, true)
            }
            (b, next) if is(b, WORD_START) && !matches!(next, Some(b'\'' | b'&')) => {
                self.skip_while(|b| is(b, WORD_PART));
                (Kind::Word, true)
            }
            (b'-', Some(b'-')) => {
                self.skip_while(|b| b != b'\n' && b != b'\r');
                (Kind::Comment, true)
            }
            (b'/', Some(b'*')) => (Kind::Comment, self.block_comment()),
            (b'\'', _) => {
                let escapes = !self.dialect.standard_conforming_strings;
                (Kind::String, self.quoted(1, b'\'', escapes))
            }
            (b'"', _) => (Kind::Quoted, self.quoted(1, b'"', false)),
            (b'e' | b'E', Some(b'\'')) => (Kind::Escaped, self.quoted(2, b'\'', true)),
            (b'b' | b'B', Some(b'\'')) => (Kind::Bits, self.quoted(2, b'\'', false)),
            (b'x' | b'X', Some(b'\'')) => (Kind::Hex, self.quoted(2, b'\'', false)),
            (b'n' | b'N', Some(b'\'')) => {
                let escapes = !self.dialect.standard_conforming_strings;
                (Kind::National, self.quoted(2, b'\'', escapes))
            }
            (b'u' | b'U', Some(b'&')) if self.peek(2) == Some(b'\'') => {
                (Kind::Unicode, self.quoted(3, b'\'', false))
            }
            (b'u' | b'U', Some(b'&')) if self.peek(2) == Some(b'"') => {
                (Kind::UnicodeQuoted, self.quoted(3, b'"', false))
            }
            (b, _) if is(b, WORD_START) => {
                self.skip_while(|b| is(b, WORD_PART));
                (Kind::Word, true)
            }
            (b'$', _) => self.dollar(),
            (b, _) if b.is_ascii_digit() => self.number(),
            (b'.', Some(b)) if b.is_ascii_digit() => self.number(),
            (b'.', Some(b'.')) | (b':', Some(b':' | b'=')) => {
                self.at += 2;
                (Kind::Punct, true)
            }
            (b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':', _) => {
                self.at += 1;
                (Kind::Punct, true)
            }
            (b, next) if is(b, OPERATOR) && !next.is_some_and(|next| is(next, OPERATOR)) => {
                self.at += 1;
                (Kind::Operator, true)
            }
            (b, _) if is(b, OPERATOR) => {
                self.operator();
                (Kind::Operator, true)
            }
            _ => {
                self.at += 1;
                (Kind::Other, true)
            }
        }
    }

    /// A quoted thing whose opening takes `opening` bytes; a doubled quote stands for itself.
    fn quoted(&mut self, opening: usize, quote: u8, backslash_escapes: bool) -> bool {
        self.at += opening;
        loop {
            if !backslash_escapes {
                let rest = self.text.get(self.at..).unwrap_or_default();
                self.at += memchr::memchr(quote, rest).unwrap_or(rest.len());
            }
            match self.peek(0) {
                None => return false,
                Some(b'\\') if backslash_escapes => self.at = self.text.len().min(self.at + 2),
                Some(b) if b == quote => {
                    self.at += 1;
                    if self.peek(0) != Some(quote) {
                        return true;
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn block_comment(&mut self) -> bool {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth = depth.saturating_sub(1);
                    self.at += 2;
                    if depth == 0 {
                        return true;
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return false,
            }
        }
    }

    /// `$1`, `$tag$ … $tag$`, or a lone `$`.
    fn dollar(&mut self) -> (Kind, bool) {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.skip_while(|b| b.is_ascii_digit());
            return (Kind::Param, true);
        }
        if self.peek(0).is_some_and(|b| is(b, WORD_START)) {
            self.skip_while(|b| is(b, WORD_START) || b.is_ascii_digit());
        }
        if self.peek(0) != Some(b'$') {
            self.at = start + 1;
            return (Kind::Other, true);
        }
        self.at += 1;
        let tag = self.text.get(start..self.at).unwrap_or_default();
        let body = self.text.get(self.at..).unwrap_or_default();
        match memchr::memmem::find(body, tag) {
            Some(found) => {
                self.at += found + tag.len();
                (Kind::Dollar, true)
            }
            None => {
                self.at = self.text.len();
                (Kind::Dollar, false)
            }
        }
    }

    fn number(&mut self) -> (Kind, bool) {
        // No keyword starts with x, o or b and a digit of that base, so this cannot swallow one
        // even where an older server reads `0xFF` as `0` and the alias `xFF`.
        if self.peek(0) == Some(b'0') {
            let digit: Option<fn(&u8) -> bool> = match self.peek(1) {
                Some(b'x' | b'X') => Some(u8::is_ascii_hexdigit),
                Some(b'o' | b'O') => Some(|b| matches!(b, b'0'..=b'7')),
                Some(b'b' | b'B') => Some(|b| matches!(b, b'0' | b'1')),
                _ => None,
            };
            if let Some(digit) = digit
                && self.peek(2).is_some_and(|b| digit(&b))
            {
                self.at += 2;
                self.digits(digit);
                return (Kind::Number, true);
            }
        }
        self.digits(u8::is_ascii_digit);
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.digits(u8::is_ascii_digit);
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits(u8::is_ascii_digit);
            }
        }
        (Kind::Number, true)
    }

    /// Digits with single underscores between them.
    fn digits(&mut self, digit: fn(&u8) -> bool) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b), _) if digit(&b) => self.at += 1,
                (Some(b'_'), Some(b)) if digit(&b) => self.at += 2,
                _ => return,
            }
        }
    }

    /// The longest run of operator characters, cut before a comment, and without a trailing `+` or
    /// `-` unless it holds a character that no SQL-standard operator has.
    fn operator(&mut self) {
        let start = self.at;
        self.skip_while(|b| is(b, OPERATOR));
        let run = self.text.get(start..self.at).unwrap_or_default();
        let mut length = run
            .windows(2)
            .position(|pair| pair == b"--" || pair == b"/*")
            .unwrap_or(run.len());
        let run = run.get(..length).unwrap_or_default();
        if !run.iter().any(|b| b"~!@#^&|`?%".contains(b)) {
            while length > 1 && matches!(run.get(length - 1), Some(b'+' | b'-')) {
                length -= 1;
            }
        }
        self.at = start + length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        lex(text.as_bytes(), Dialect::default())
            .filter(Token::is_significant)
            .map(|t| (t.kind, &text[t.start..t.end]))
            .collect()
    }

    #[test]
    fn strings_of_every_sort() {
        use Kind::*;
        assert_eq!(
            kinds(r#"'a''b' E'a\'b' b'01' X'ff' n'x' U&'\0041' U&"a" "a""b" $$a;b$$ $x$ $$ $x$"#),
            [
                (String, "'a''b'"),
                (Escaped, r"E'a\'b'"),
                (Bits, "b'01'"),
                (Hex, "X'ff'"),
                (National, "n'x'"),
                (Unicode, r"U&'\0041'"),
                (UnicodeQuoted, "U&\"a\""),
                (Quoted, "\"a\"\"b\""),
                (Dollar, "$$a;b$$"),
                (Dollar, "$x$ $$ $x$"),
            ]
        );
        assert_eq!(kinds(r"'a\'")[0], (String, r"'a\'"));
        let off = Dialect {
            standard_conforming_strings: false,
        };
        assert_eq!(lex(br"'a\' b'", off).count(), 1);
    }

    #[test]
    fn operators_stop_at_comments_and_give_back_signs() {
        use Kind::*;
        assert_eq!(
            kinds("1+--x\n2"),
            [(Number, "1"), (Operator, "+"), (Number, "2")]
        );
        assert_eq!(
            kinds("a<-1")[1..],
            [(Operator, "<"), (Operator, "-"), (Number, "1")]
        );
        assert_eq!(kinds("a@-1")[1..], [(Operator, "@-"), (Number, "1")]);
        assert_eq!(kinds("a*/**/b")[1..], [(Operator, "*"), (Word, "b")]);
        assert_eq!(
            kinds("x::int[]:=a..b"),
            [
                (Word, "x"),
                (Punct, "::"),
                (Word, "int"),
                (Punct, "["),
                (Punct, "]"),
                (Punct, ":="),
                (Word, "a"),
                (Punct, ".."),
                (Word, "b")
            ]
        );
    }

    #[test]
    fn numbers_do_not_swallow_words() {
        use Kind::*;
        assert_eq!(kinds("1union"), [(Number, "1"), (Word, "union")]);
        assert_eq!(
            kinds("1.5e-3 .5 1_000 0xFF 1e"),
            [
                (Number, "1.5e-3"),
                (Number, ".5"),
                (Number, "1_000"),
                (Number, "0xFF"),
                (Number, "1"),
                (Word, "e"),
            ]
        );
        assert_eq!(kinds("1..2"), [(Number, "1"), (Punct, ".."), (Number, "2")]);
    }

    #[test]
    fn dollars() {
        use Kind::*;
        assert_eq!(kinds("$1$2"), [(Param, "$1"), (Param, "$2")]);
        assert_eq!(kinds("a$$b$$"), [(Word, "a$$b$$")]);
        assert_eq!(
            kinds("$foo bar"),
            [(Other, "$"), (Word, "foo"), (Word, "bar")]
        );
    }

    #[test]
    fn comments_nest_and_may_be_unterminated() {
        assert_eq!(kinds("/* a /* b */ c */ x -- y"), [(Kind::Word, "x")]);
        let open: Vec<Token> = lex(b"/* a /* b */", Dialect::default()).collect();
        assert!(matches!(
            open[..],
            [Token {
                kind: Kind::Comment,
                terminated: false,
                ..
            }]
        ));
    }

    proptest! {
        #[test]
        fn tokens_put_end_to_end_are_the_text(
            text in prop::collection::vec(any::<u8>(), 0..200), on in any::<bool>()
        ) {
            let dialect = Dialect { standard_conforming_strings: on };
            let mut at = 0;
            for token in lex(&text, dialect) {
                prop_assert_eq!(token.start, at);
                prop_assert!(token.end > token.start);
                at = token.end;
            }
            prop_assert_eq!(at, text.len());
        }

        #[test]
        fn the_same_with_the_bytes_that_matter(text in r#"[$'"/*\-a-e1U&\\.:<>+ \n;(]{0,60}"#) {
            let mut at = 0;
            for token in lex(text.as_bytes(), Dialect::default()) {
                prop_assert_eq!(token.start, at);
                at = token.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
