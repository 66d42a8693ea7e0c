//! No write form, however disguised, may look like a proven read.

use proptest::prelude::*;
use tidegate::sql::lexer::{Dialect, Kind, lex};
use tidegate::sql::{Effect, facts, is_read_only_builtin};

use crate::support::corpus;

/// What routing would take for a read that is safe on the analytic side.
fn looks_like_a_read(text: &str) -> bool {
    let facts = facts(text.as_bytes());
    let harmless = matches!(facts.effect, Effect::Read | Effect::Empty);
    harmless && facts.functions.iter().all(is_read_only_builtin)
}

#[test]
fn no_write_form_looks_like_a_read() {
    let forms = corpus::writes();
    assert!(forms.len() >= 200, "{}", forms.len());
    // Comments alone, and a string with the rest of the line in it, are no writes: they are here to make sure that only the texts
    // listed get away.
    let harmless = ["-- SELECT 1", r"SELECT 'a\'; DELETE FROM orders; --'"];
    let missed: Vec<&String> = forms
        .iter()
        .filter(|text| looks_like_a_read(text) && !harmless.contains(&text.as_str()))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_follows_a_statement_makes_it_no_more_trusted() {
    for text in corpus::writes() {
        for suffix in [";", " ;; ", " -- x", " /* x */", "\n"] {
            let (plain, more) = (
                looks_like_a_read(&text),
                looks_like_a_read(&(text.clone() + suffix)),
            );
            assert_eq!(plain, more, "{text}{suffix}");
        }
    }
}

/// The same statement with other case, white space and comments between its tokens.
fn disguise(text: &str, seed: &[u8]) -> String {
    let mut choices = seed.iter().copied().cycle();
    let mut choose = || choices.next().unwrap_or(0);
    let mut out = String::new();
    let mut in_line_comment = false;
    for token in lex(text.as_bytes(), Dialect::default()) {
        let piece = &text[token.start..token.end];
        // The newline that ends a comment is part of the space behind it.
        if std::mem::replace(&mut in_line_comment, piece.starts_with("--")) {
            out.push('\n');
        }
        match token.kind {
            Kind::Word => out.extend(piece.chars().map(|c| match choose() % 2 {
                0 => c.to_ascii_uppercase(),
                _ => c.to_ascii_lowercase(),
            })),
            Kind::Space => out.push_str(match choose() % 6 {
                0 => "\n",
                1 => "\t ",
                2 => "/* select */ ",
                3 => " -- select '\n",
                4 => "/*/* $$ */\"*/\r\n",
                _ => " ",
            }),
            _ => out.push_str(piece),
        }
        // Not between the parts of a number or a `::`.
        let between = matches!(token.kind, Kind::Punct) && matches!(piece, "," | "(" | ")");
        if between && choose() % 3 == 0 {
            out.push_str("/* ; */");
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_disguised_write_looks_like_a_read(seed in prop::collection::vec(any::<u8>(), 16..64)) {
        for text in corpus::writes() {
            let disguised = disguise(&text, &seed);
            prop_assert_eq!(
                looks_like_a_read(&text), looks_like_a_read(&disguised), "{}", disguised
            );
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = facts(&bytes);
    }

    #[test]
    fn any_mix_of_words_is_taken_and_writes_are_seen(
        words in prop::collection::vec(prop::sample::select(vec![
            "select", "from", "orders", "with", "x", "as", "(", ")", ",", "delete", "into", "for",
            "update", "*", "1", "union", "where", "=", "explain", "copy", "to", "stdout", "table",
            "values", "'a'", "prepare", "create", "view", "declare", "cursor", "insert", "share",
            "lateral", "only", "set", "execute", "case", "when", "end", "tumble", "on", "join", ".",
        ]), 0..24)
    ) {
        let text = words.join(" ");
        let facts = facts(text.as_bytes());
        if facts.effect == Effect::Read {
            for pair in words.windows(2) {
                let named = matches!(pair[0], "." | "as");
                prop_assert!(named || !matches!(pair[1], "delete" | "insert" | "into"), "{}", text);
                prop_assert!(pair != ["for", "update"] && pair != ["for", "share"], "{}", text);
            }
        }
    }
}
