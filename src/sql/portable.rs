//! Would a server with a simpler lexer read the same tokens?
//!
//! Our lexer is PostgreSQL's, but a read may be sent to RisingWave, whose lexer is its own and ignores
//! `standard_conforming_strings`. Where the two might disagree on what is code, a write could hide from
//! us in a comment or string that the other server does not see as one. So a text is only a proven read
//! if it does without the constructs in question. They are rare in reads.

use super::lexer::{Dialect, Kind, lex};

/// Whether every server splits the text into the same strings, comments and words.
pub(super) fn is_portable(text: &[u8], dialect: Dialect) -> bool {
    lex(text, dialect).all(|token| {
        let bytes = token.bytes(text);
        match token.kind {
            // SQL leaves nesting open: where it is unknown, the first `*/` ends the comment.
            Kind::Comment => {
                let inside = bytes.get(2..).unwrap_or_default();
                bytes.starts_with(b"--") || memchr::memmem::find(inside, b"/*").is_none()
            }
            Kind::String | Kind::National => {
                dialect.standard_conforming_strings || memchr::memchr(b'\\', bytes).is_none()
            }
            Kind::Escaped => memchr::memmem::find(bytes, b"\\'").is_none(),
            Kind::Unicode | Kind::UnicodeQuoted | Kind::Other => false,
            // Plain `$$`; what a tag may hold differs.
            Kind::Dollar => bytes.starts_with(b"$$"),
            // `a$$b$$` is a word here, and might be a word and a string there.
            Kind::Word => memchr::memchr(b'$', bytes).is_none(),
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Effect, facts};

    #[test]
    fn what_lexers_may_read_differently_is_no_read() {
        for text in [
            "/* /* */ delete from orders where 1 = any ( -- */ (\n select 1)",
            "select 1 /* /* */ */",
            r"select E'\'; delete from orders; --'",
            "select $a$ x $a$",
            "select a$$b from t",
            r"select U&'\0041'",
            "select U&\"a\" from t",
        ] {
            assert_eq!(facts(text.as_bytes()).effect, Effect::Unknown, "{text}");
        }
        for text in [
            r"select 'a\b', E'a\n', $$x$$ /* y */ -- /* z",
            "-- /* x */\nselect 1",
        ] {
            assert_eq!(facts(text.as_bytes()).effect, Effect::Read, "{text}");
        }
    }

    #[test]
    fn backslashes_count_when_they_escape_for_one_server_only() {
        let text = br"select 'a\'; delete from orders; --'";
        assert!(is_portable(text, Dialect::default()));
        assert!(!is_portable(
            text,
            Dialect {
                standard_conforming_strings: false
            }
        ));
    }
}
