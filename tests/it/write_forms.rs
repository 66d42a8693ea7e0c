//! No write form, however disguised, may look like a proven read or be sent to the analytic side.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::{RoutingTable, SessionView, decide};
use tidegate::sql::lexer::{Dialect, Kind, lex};
use tidegate::sql::{Effect, facts, is_read_only_builtin};

use crate::support::corpus;

/// Comments alone, and a string with the rest of the line in it, are no writes: they are here to make sure that only the texts
/// listed get away.
const HARMLESS: [&str; 2] = ["-- SELECT 1", r"SELECT 'a\'; DELETE FROM orders; --'"];

fn writes() -> impl Iterator<Item = String> {
    corpus::writes()
        .into_iter()
        .filter(|text| !HARMLESS.contains(&text.as_str()))
}

/// What routing would take for a read that is safe on the analytic side.
fn looks_like_a_read(text: &str) -> bool {
    let facts = facts(text.as_bytes());
    let harmless = matches!(facts.effect, Effect::Read | Effect::Empty);
    harmless && facts.functions.iter().all(is_read_only_builtin)
}

#[test]
fn no_write_form_looks_like_a_read() {
    let forms = corpus::writes();
    assert!(forms.len() >= 450, "{}", forms.len());
    let missed: Vec<&String> = forms
        .iter()
        .filter(|text| looks_like_a_read(text) && !HARMLESS.contains(&text.as_str()))
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

/// A scene in which as much as possible goes to the analytic side: `orders` lives there alone, everything else on both
/// sides, a rule sends all of that over, and everybody may use hints.
fn eager() -> RoutingTable {
    let text = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
routes:
  - { relations: ['*', '*.*'], to: analytic }
";
    let loaded = config::parse("router.yaml", text, &|_| None, &|_| Ok(String::new()));
    let config = Arc::new(loaded.expect("the file is right").config);
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for text in corpus::writes() {
        for used in facts(text.as_bytes()).relations {
            let schema = used.name.schema.as_deref().unwrap_or("public");
            analytic.insert(schema, &used.name.name, RelationKind::Table);
            if used.name.name != "orders" {
                oltp.insert(schema, &used.name.name, RelationKind::Table);
            }
        }
    }
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(config, Arc::new(catalog), 1)
}

fn goes_astray(text: &str, table: &RoutingTable) -> bool {
    let view = SessionView::new("app", "app", "");
    let decision = decide(&facts(text.as_bytes()), &view, table);
    decision
        .target()
        .is_some_and(|target| target != table.config.default)
}

#[test]
fn the_scene_sends_reads_to_the_analytic_side() {
    let table = eager();
    for text in [
        "SELECT * FROM orders",
        "SELECT * FROM orders, customers",
        "/* tidegate: to=analytic */ SELECT 1 FROM customers",
        "EXPLAIN SELECT * FROM orders",
    ] {
        assert!(goes_astray(text, &table), "{text}");
    }
}

#[test]
fn no_write_form_goes_to_the_analytic_side() {
    let table = eager();
    let astray: Vec<String> = writes()
        .flat_map(|text| [format!("/* tidegate: to=analytic */ {text}"), text])
        .filter(|text| goes_astray(text, &table))
        .collect();
    assert!(astray.is_empty(), "{astray:#?}");
}

/// Texts around a write that leave it one. A line end closes the comment that it may end with.
const WRAPPERS: [&str; 18] = [
    "EXPLAIN {}\n",
    "EXPLAIN (ANALYZE, VERBOSE) {}\n",
    "PREPARE w (int) AS {}\n",
    "DECLARE w CURSOR FOR {}\n",
    "COPY ({}\n) TO STDOUT",
    "({}\n)",
    "SELECT * FROM orders WHERE id IN ({}\n)",
    "SELECT (SELECT 1 FROM ({}\n) w) FROM orders",
    "WITH w AS ({}\n) SELECT * FROM orders, w",
    "WITH w AS MATERIALIZED ({}\n), v AS (TABLE w) SELECT * FROM v JOIN orders USING (id)",
    "SELECT 1 FROM orders; {}\n",
    "{}\n; SELECT 1 FROM orders",
    "/* tidegate: to=analytic */ {}",
    "SELECT 1 FROM orders UNION ALL ({}\n)",
    "CREATE VIEW w AS {}\n",
    "CREATE RULE w AS ON INSERT TO customers DO ALSO ({}\n)",
    "SELECT CASE WHEN EXISTS ({}\n) THEN 1 END FROM orders",
    "EXPLAIN ANALYZE COPY ({}\n) TO PROGRAM 'sh'",
];

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
    fn no_wrapped_and_disguised_write_goes_to_the_analytic_side(
        wrappers in prop::collection::vec(prop::sample::select(WRAPPERS.to_vec()), 1..4),
        seed in prop::collection::vec(any::<u8>(), 16..64)
    ) {
        let table = eager();
        // Inside of another statement a single word is the name of a column.
        for text in writes().filter(|text| text.contains(char::is_whitespace)) {
            let wrapped = wrappers.iter().fold(text, |text, wrapper| wrapper.replace("{}", &text));
            let disguised = disguise(&wrapped, &seed);
            for text in [wrapped, disguised] {
                prop_assert!(!goes_astray(&text, &table), "{}", text);
            }
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
