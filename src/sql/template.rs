//! What is left of a statement when its literals are taken out?
//!
//! Clients that write values into the text send a new text each time, but rarely a new statement. Facts depend on a literal's value
//! in none of the statements that get a template here, so that all of them share one entry of the cache. What is not certain is kept
//! as it is: strings that a server might read differently, numbers that are more than digits, and every kind
//! of statement whose literal matters (`SET`, `PREPARE TRANSACTION`, `COPY … TO 'file'`).

use super::lexer::{Dialect, Kind, Token, lex};

/// Stands for a string literal. No statement that gets a template contains this byte.
const STRING: u8 = 1;
/// Stands for a number.
const NUMBER: u8 = 2;

/// Commands of which no literal decides anything.
const COMMANDS: [&[u8]; 6] = [
    b"select", b"insert", b"update", b"delete", b"with", b"values",
];

/// Writes the template of `text` to `out`, which is cleared first. Returns whether it has one; then two texts with the same template have the
/// same facts. `out` keeps its room, so that a caller that keeps it allocates nothing.
pub fn template(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) -> bool {
    out.clear();
    if memchr::memchr2(STRING, NUMBER, text).is_some() {
        return false;
    }
    let mut first = true;
    // What is kept goes over in as few pieces as there are literals.
    let mut kept = 0;
    for token in lex(text, dialect) {
        let mark = match token.kind {
            Kind::String if is_plain_string(&token, token.bytes(text)) => Some(STRING),
            Kind::Number if is_plain_number(token.bytes(text)) => Some(NUMBER),
            _ => None,
        };
        if first && token.is_significant() && token.bytes(text) != b"(" {
            if !is_command(token.bytes(text)) {
                return false;
            }
            first = false;
        }
        if let Some(mark) = mark {
            out.extend_from_slice(text.get(kept..token.start).unwrap_or_default());
            out.push(mark);
            kept = token.end;
        }
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
    !first
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
                }
            }
        }
    }
}
