//! What is left of a statement when its literals are taken out?
//!
//! Clients that write values into the text send a new text each time, but rarely a new statement. Facts depend on a literal's value
//! in none of the statements that get a template here, so that all of them share one entry of the cache. What is not certain is kept
//! as it is: strings that a server might read differently, numbers that are more than digits, and every kind
//! of statement whose literal matters (`SET`, `PREPARE TRANSACTION`, `COPY … TO 'file'`).

use super::lexer::{Dialect, Kind, SPACE, Token, WORD_PART, WORD_START, is, lex_at};

/// Stands for a string literal. No statement that gets a template contains this byte.
const STRING: u8 = 1;
/// Stands for a number.
const NUMBER: u8 = 2;

/// Commands of which no literal decides anything.
const COMMANDS: [&[u8]; 6] = [
    b"select", b"insert", b"update", b"delete", b"with", b"values",
];

/// What a byte means to a template when it stands at the beginning of a token. A table, since every byte of every statement is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is passed: white space, punctuation, an operator, or nothing at all.
    Pass,
    /// A word begins.
    Word,
    /// A quoted name begins.
    Name,
    /// A string begins.
    String,
    /// A number begins.
    Number,
    /// It depends on what follows.
    Look,
}

const STEPS: [Step; 256] = {
    let mut steps = [Step::Pass; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let b = byte as u8;
        if is(b, WORD_START) {
            steps[byte] = Step::Word;
        } else if b.is_ascii_digit() {
            steps[byte] = Step::Number;
        }
        byte += 1;
    }
    steps[b'"' as usize] = Step::Name;
    steps[b'\'' as usize] = Step::String;
    steps[b'$' as usize] = Step::Look;
    steps[b'-' as usize] = Step::Look;
    steps[b'/' as usize] = Step::Look;
    steps[b'.' as usize] = Step::Look;
    steps
};

/// Writes the template of `text` to `out`, which is cleared first. Returns whether it has one; then two texts with the same template have the
/// same facts. `out` keeps its room, so that a caller that keeps it allocates nothing.
pub fn template(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) -> bool {
    out.clear();
    if memchr::memchr2(STRING, NUMBER, text).is_some() {
        return false;
    }
    let Some(begin) = first_word(text, dialect) else {
        return false;
    };
    out.reserve(text.len());
    // What is kept goes over in as few pieces as there are literals.
    let mut kept = 0;
    let mut in_list = false;
    let mut at = begin;
    while let Some(byte) = text.get(at) {
        let (end, mark) = match STEPS[usize::from(*byte)] {
            Step::Pass => {
                at += 1;
                continue;
            }
            Step::Word => {
                at = match word_end(text, at) {
                    Some(end) => end,
                    None => token_end(text, at, dialect).0,
                };
                continue;
            }
            Step::Name => {
                at = name_end(text, at);
                continue;
            }
            Step::Look => {
                if let Some(end) = passed(text, at) {
                    at = end;
                    continue;
                }
                token_end(text, at, dialect)
            }
            Step::String if dialect.standard_conforming_strings => string(text, at),
            Step::Number => number(text, at).unwrap_or_else(|| token_end(text, at, dialect)),
            Step::String => token_end(text, at, dialect),
        };
        let Some(mark) = mark else {
            at = end;
            continue;
        };
        let between = text.get(kept..at).unwrap_or_default();
        // However long an IN-list is, it is the same statement.
        if !(in_list && out.last() == Some(&mark) && is_comma(between)) {
            out.extend_from_slice(between);
            in_list = opens_list(out);
            out.push(mark);
        }
        at = end;
        kept = end;
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
    true
}

/// Where the first word ends, behind white space, comments and parentheses, if it is a command of which no literal decides anything.
fn first_word(text: &[u8], dialect: Dialect) -> Option<usize> {
    let mut at = 0;
    loop {
        let byte = text.get(at)?;
        if is_space(*byte) || *byte == b'(' {
            at += 1;
        } else if is(*byte, WORD_START) {
            let end = word_end(text, at)?;
            return is_command(text.get(at..end)?).then_some(end);
        } else {
            let token = lex_at(text, at, dialect).next()?;
            if token.is_significant() {
                return None;
            }
            at = token.end;
        }
    }
}

/// Where the word at `at` ends; nothing where its one letter may be the prefix of a string or a name.
#[inline]
fn word_end(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    while let Some(byte) = text.get(end) {
        if !is(*byte, WORD_PART) {
            let is_prefix = end == at + 1 && matches!(byte, b'\'' | b'&');
            return (!is_prefix).then_some(end);
        }
        end += 1;
    }
    Some(end)
}

/// Where the quoted name at `at` ends. A doubled quote ends one and begins another, which comes to the same.
#[inline]
fn name_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = text.get(end) {
        end += 1;
        if *byte == b'"' {
            break;
        }
    }
    end
}

/// Where a byte ends that depends on the next: a comment, a parameter, a number and a dollar quote begin alike. Nothing where it is none
/// of the common ones.
#[inline]
fn passed(text: &[u8], at: usize) -> Option<usize> {
    let next = text.get(at + 1).copied();
    match (text.get(at)?, next) {
        (b'-', Some(b'-')) | (b'/', Some(b'*')) => None,
        (b'.', Some(b'.')) => Some(at + 2),
        (b'.', Some(digit)) if digit.is_ascii_digit() => None,
        (b'$', Some(digit)) if digit.is_ascii_digit() => {
            let digits = text
                .get(at + 1..)?
                .iter()
                .take_while(|b| b.is_ascii_digit());
            Some(at + 1 + digits.count())
        }
        (b'$', _) => None,
        _ => Some(at + 1),
    }
}

/// Where the string at `at` ends, and its mark where every server reads it alike and its text decides nothing.
#[inline]
fn string(text: &[u8], at: usize) -> (usize, Option<u8>) {
    let (mut end, mut odd) = (at + 1, 0);
    while let Some(byte) = text.get(end) {
        end += 1;
        match byte {
            b'\'' if text.get(end) == Some(&b'\'') => end += 1,
            b'\'' => {
                let whole = || text.get(at..end).map(std::str::from_utf8);
                let plain = odd == 0 || (odd & BACKSLASH == 0 && matches!(whole(), Some(Ok(_))));
                return (end, plain.then_some(STRING));
            }
            b'\\' => odd |= BACKSLASH,
            0x80.. => odd |= NOT_ASCII,
            _ => {}
        }
    }
    (end, None)
}

/// In a string: a backslash, which servers may read differently.
const BACKSLASH: u8 = 1;
/// In a string: a byte that need not be text.
const NOT_ASCII: u8 = 2;

/// Where the digits at `at` end, where they are all of the number.
#[inline]
fn number(text: &[u8], at: usize) -> Option<(usize, Option<u8>)> {
    let mut end = at + 1;
    while let Some(byte) = text.get(end) {
        if !byte.is_ascii_digit() {
            // A fraction, an exponent, `_` between digits, another base: the lexer's.
            let more = matches!(byte, b'.' | b'_') || byte.is_ascii_alphabetic();
            return (!more).then_some((end, Some(NUMBER)));
        }
        end += 1;
    }
    Some((end, Some(NUMBER)))
}

/// Where the token at `at` ends, and its mark where it is a literal that decides nothing.
fn token_end(text: &[u8], at: usize, dialect: Dialect) -> (usize, Option<u8>) {
    let Some(token) = lex_at(text, at, dialect).next() else {
        return (text.len(), None);
    };
    let mark = match token.kind {
        Kind::String if is_plain_string(&token, token.bytes(text)) => Some(STRING),
        Kind::Number if is_plain_number(token.bytes(text)) => Some(NUMBER),
        _ => None,
    };
    (token.end, mark)
}

/// Whether a literal that follows is the first of an IN-list. Elsewhere one literal more may be an error.
fn opens_list(before: &[u8]) -> bool {
    let Some(before) = before.trim_ascii_end().strip_suffix(b"(") else {
        return false;
    };
    let Some((rest, word)) = before.trim_ascii_end().split_last_chunk::<2>() else {
        return false;
    };
    word.eq_ignore_ascii_case(b"in") && rest.last().is_some_and(|byte| !is(*byte, WORD_PART))
}

fn is_comma(between: &[u8]) -> bool {
    let mut rest = between.iter().filter(|byte| !is_space(**byte));
    rest.next() == Some(&b',') && rest.next().is_none()
}

fn is_space(byte: u8) -> bool {
    is(byte, SPACE)
}

fn is_command(word: &[u8]) -> bool {
    COMMANDS
        .iter()
        .any(|command| word.eq_ignore_ascii_case(command))
}

/// Whether every server reads the string alike, and its text decides nothing.
fn is_plain_string(token: &Token, bytes: &[u8]) -> bool {
    token.terminated && memchr::memchr(b'\\', bytes).is_none() && std::str::from_utf8(bytes).is_ok()
}

fn is_plain_number(bytes: &[u8]) -> bool {
    if bytes.iter().all(u8::is_ascii_digit) {
        return true;
    }
    let mut parts = bytes.splitn(2, |byte| *byte == b'.');
    parts.all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sql::facts;
    use crate::sql::lexer::lex;

    fn of(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        template(text.as_bytes(), Dialect::default(), &mut out).then_some(out)
    }

    #[test]
    fn statements_that_differ_in_literals_share_a_template() {
        assert_eq!(
            of("select * from t where id = 1"),
            of("select * from t where id = 22.5")
        );
        assert_eq!(
            of("insert into t values ('a', 1)"),
            of("insert into t values ('b''c', 2)")
        );
        assert_ne!(
            of("select * from t where id = 1"),
            of("select * from t where id = 'a'")
        );
        for list in ["(1)", "(1, 2)", "(1,2,\n3)"] {
            let text = format!("select * from t where id in {list} and name in ('a', 'b')");
            assert_eq!(
                of(&text),
                of("select * from t where id in (7) and name in ('c')"),
                "{list}"
            );
        }
        for (one, two) in [
            ("select f(1, 2)", "select f(1)"),
            ("select a in (1, -2)", "select a in (1)"),
            ("select min (1, 2)", "select min (1)"),
        ] {
            assert_ne!(of(one), of(two), "{one}");
        }
        assert_ne!(of("select * from t1"), of("select * from t2"));
        assert_ne!(of("/* tidegate: to=oltp */ select 1"), of("select 1"));
    }

    #[test]
    fn what_a_literal_may_decide_has_no_template() {
        for text in [
            "set search_path = 'a'",
            "prepare transaction 'x'",
            "copy t to 'f'",
            "begin",
            "",
            "-- 1",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        for (one, two) in [
            (r"select E'a'", r"select E'b'"),
            (r"select 'a\'", "select 'a'"),
            ("select 0x1", "select 0x2"),
            ("select $$a$$", "select $$b$$"),
            ("select 'a", "select 'b"),
        ] {
            assert_ne!(of(one), of(two), "{one}");
        }
        assert_eq!(of("select '\u{1}', \u{1}"), None);
    }

    /// The corpus with every plain literal replaced by another of its kind.
    fn with_literals(text: &str, string: &str, number: &str) -> String {
        let mut out = String::new();
        for token in lex(text.as_bytes(), Dialect::default()) {
            let bytes = token.bytes(text.as_bytes());
            match token.kind {
                Kind::String if is_plain_string(&token, bytes) => {
                    out.push_str(&format!("'{}'", string.replace('\'', "''")));
                }
                Kind::Number if is_plain_number(bytes) => out.push_str(number),
                _ => out.push_str(&String::from_utf8_lossy(bytes)),
            }
        }
        out
    }

    /// The template token by token.
    fn by_tokens(text: &str) -> Option<Vec<u8>> {
        let bytes = text.as_bytes();
        let mut words = lex(bytes, Dialect::default())
            .filter(Token::is_significant)
            .map(|token| token.bytes(bytes))
            .filter(|bytes| *bytes != b"(");
        if !words.next().is_some_and(is_command) || memchr::memchr2(1, 2, bytes).is_some() {
            return None;
        }
        let (mut out, mut between, mut in_list) = (Vec::new(), Vec::new(), false);
        for token in lex(bytes, Dialect::default()) {
            let mark = match token.kind {
                Kind::String if is_plain_string(&token, token.bytes(bytes)) => STRING,
                Kind::Number if is_plain_number(token.bytes(bytes)) => NUMBER,
                _ => {
                    between.extend_from_slice(token.bytes(bytes));
                    continue;
                }
            };
            if !(in_list && out.last() == Some(&mark) && is_comma(&between)) {
                out.append(&mut between);
                in_list = opens_list(&out);
                out.push(mark);
            }
            between.clear();
        }
        out.append(&mut between);
        Some(out)
    }

    proptest! {
        #[test]
        fn words_are_passed_as_the_lexer_would(
            pieces in prop::collection::vec("[a-z_]{1,5}|[eEbBxXnNuU]|&|'[a-z\\\\]*'|[0-9]{1,4}|[.,;()\\[\\]]|[-+*/<>=:$]{1,2}|\"|'| |\n|--|/\\*|\\*/|é|\\$\\$", 0..24)
        ) {
            for command in ["select ", "", "(with"] {
                let text = format!("{command}{}", pieces.concat());
                prop_assert_eq!(of(&text), by_tokens(&text), "{}", text);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn texts_of_one_template_have_the_same_facts(string in "[^\\\\\u{0}-\u{1f}]{0,12}", number in "[0-9]{1,9}") {
            let corpora = [include_str!("../../tests/corpus/orm.sql"), include_str!("../../tests/corpus/writes.sql")];
            for text in corpora.iter().flat_map(|corpus| corpus.lines()) {
                let other = with_literals(text, &string, &number);
                if let Some(template) = of(text) {
                    prop_assert_eq!(Some(template), of(&other), "{}", other);
                    prop_assert_eq!(facts(text.as_bytes()), facts(other.as_bytes()), "{}", other);
                    let longer = with_literals(text, &string, &format!("{number}, {number}"));
                    if of(&longer) == of(text) {
                        prop_assert_eq!(facts(text.as_bytes()), facts(longer.as_bytes()), "{}", longer);
                    }
                }
            }
        }
    }
}
