//! What must hold for every text? The fuzz targets of `fuzz_targets/`, and of the test that runs the inputs kept in `inputs/`.
//!
//! Each function panics where it does not hold.

use std::sync::{Arc, LazyLock};

use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::{RoutingTable, SessionView};
use tidegate::sql::lexer::{Dialect, Kind, Token, lex};
use tidegate::sql::{self, Effect, SessionEffect, is_read_only_builtin};

fn dialects() -> [Dialect; 2] {
    [true, false].map(|standard_conforming_strings| Dialect {
        standard_conforming_strings,
    })
}

/// Tokens put end to end are the text, and what is cut out as one statement is one statement.
pub fn split(text: &[u8]) {
    for dialect in dialects() {
        let mut at = 0;
        for token in lex(text, dialect) {
            assert!(token.start == at && token.end > at);
            at = token.end;
        }
        assert_eq!(at, text.len());
        let mut end = 0;
        for range in sql::split_with(text, &dialect) {
            assert!(range.start >= end && range.end > range.start && range.end <= text.len());
            end = range.end;
            let statement = &text[range];
            let again = sql::split_with(statement, &dialect);
            // Cut at its end, a line comment is still one; anything else would have been cut before.
            assert!(again.len() == 1 && again[0] == (0..statement.len()));
        }
    }
}

/// Whether a statement is among those that route to the analytic side, functions aside.
fn reads(text: &[u8], dialect: Dialect) -> bool {
    sql::facts_with(text, &dialect).effect == Effect::Read
}

/// Facts are bounded, agree with each other, and do not depend on literals, case or what stands around a statement.
pub fn facts(text: &[u8]) {
    for dialect in dialects() {
        let facts = sql::facts_with(text, &dialect);
        assert!(facts.relations.len() <= 1024 && facts.functions.len() <= 1024);
        let statements = sql::split_with(text, &dialect).len();
        if facts.effect == Effect::Read {
            assert_eq!(statements, 1);
            assert!(std::str::from_utf8(text).is_ok());
            assert!(!writes_by_words(text, dialect));
            assert!(
                facts
                    .relations
                    .iter()
                    .all(|used| used.access == sql::Access::Read)
            );
            let more: Vec<u8> = [b"/* x */ ".as_slice(), text, b"\n ;; -- y"].concat();
            assert!(reads(&more, dialect));
            assert!(reads(&upper(text, dialect), dialect));
            assert!(!reads(&[text, b"\n; delete from t"].concat(), dialect));
            assert!(!reads(
                &[b"explain analyze delete from t; ", text].concat(),
                dialect
            ));
        }
        let mut template = Vec::new();
        if sql::template(text, dialect, &mut template) {
            let (other, mut same) = (with_other_literals(text, dialect), Vec::new());
            if sql::template(&other, dialect, &mut same) && same == template {
                assert_eq!(facts, sql::facts_with(&other, &dialect));
            }
        }
    }
}

fn significant(text: &[u8], dialect: Dialect) -> impl Iterator<Item = Token> {
    lex(text, dialect).filter(Token::is_significant)
}

/// A bare word that changes rows, neither part of a dotted name nor an alias.
fn writes_by_words(text: &[u8], dialect: Dialect) -> bool {
    let tokens: Vec<&[u8]> = significant(text, dialect)
        .map(|token| token.bytes(text))
        .collect();
    let is = |token: &[u8], words: &[&str]| {
        words
            .iter()
            .any(|word| token.eq_ignore_ascii_case(word.as_bytes()))
    };
    tokens.windows(2).any(|pair| {
        is(pair[1], &["insert", "update", "delete", "merge", "into"]) && !is(pair[0], &[".", "as"])
    })
}

fn upper(text: &[u8], dialect: Dialect) -> Vec<u8> {
    lex(text, dialect)
        .flat_map(|token| match token.kind {
            Kind::Word => token.bytes(text).to_ascii_uppercase(),
            _ => token.bytes(text).to_vec(),
        })
        .collect()
}

fn with_other_literals(text: &[u8], dialect: Dialect) -> Vec<u8> {
    lex(text, dialect)
        .flat_map(|token| match token.kind {
            Kind::String => b"'orders'".to_vec(),
            Kind::Number => b"7".to_vec(),
            _ => token.bytes(text).to_vec(),
        })
        .collect()
}

const ROUTER_YAML: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
routes:
  - { relations: [customers], shape: aggregate, to: analytic }
  - { relations: ['mirrored_*'], to: analytic }
";

static TABLE: LazyLock<RoutingTable> = LazyLock::new(|| {
    let loaded = config::parse(
        "router.yaml",
        ROUTER_YAML,
        &|_| None,
        &|_| Ok(String::new()),
    );
    let Ok(loaded) = loaded else {
        panic!("the file is right")
    };
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for name in ["t", "s", "u", "a", "b", "customers", "mirrored_t"] {
        oltp.insert("public", name, RelationKind::Table);
    }
    for name in ["orders", "page_views", "customers", "mirrored_t"] {
        analytic.insert("public", name, RelationKind::Table);
    }
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(Arc::new(loaded.config), Arc::new(catalog), 1)
});

/// Of a cursor and of a COPY only the query inside may be sent, which is a read by itself.
fn sends_a_read(text: &[u8], facts: &sql::StatementFacts) {
    let dialect = Dialect::default();
    let query = match &facts.session {
        SessionEffect::None if facts.kind == "copy" => sql::copied(text, dialect)
            .ok()
            .map(|copied| copied.query.into_bytes()),
        SessionEffect::None => None,
        SessionEffect::Declare { .. } => {
            sql::declared(text, dialect).map(|declared| text[declared.query].to_vec())
        }
        other => panic!("{other:?}"),
    };
    if let Some(query) = query {
        let inner = sql::facts(&query);
        assert_eq!(
            (inner.effect, &inner.session),
            (Effect::Read, &SessionEffect::None)
        );
        assert_eq!(inner.relations, facts.relations);
    }
}

/// What only the analytic engine knows begins with a word that changes no rows there, and reads the same for every lexer.
fn is_of_its_own(text: &[u8], facts: &sql::StatementFacts) {
    assert!(sql::reads_the_same(text, &Dialect::default()));
    match &facts.session {
        SessionEffect::Show(Some(_)) => assert_eq!(facts.kind, "show"),
        SessionEffect::None => assert_eq!(facts.kind, "describe"),
        SessionEffect::Set { name, .. } | SessionEffect::Reset(Some(name)) => {
            assert!(tidegate::routing::own_setting(name, &TABLE).is_some());
        }
        other => panic!("{other:?}"),
    }
}

/// Nothing but a proven read goes to the analytic side, whatever the session is like, and what it alone knows.
pub fn decide(text: &[u8]) {
    let (seed, text) = text
        .split_first()
        .map_or((0, text), |(seed, text)| (*seed, text));
    let facts = sql::facts(text);
    let mut view = SessionView::new("app", "app", "");
    view.in_transaction = seed & 1 != 0;
    view.failed = seed & 2 != 0;
    view.keep_mirrored = seed & 4 != 0;
    view.hint = (seed & 8 != 0).then(|| sql::Hint::To("analytic".to_owned()));
    if seed & 16 != 0 {
        view.temporary.insert("orders".to_owned());
    }
    let decision = tidegate::routing::decide(&facts, &view, &TABLE);
    if decision
        .target()
        .is_some_and(|target| target != TABLE.config.default)
    {
        assert!(!view.failed);
        let own = facts.effect == Effect::Session;
        if own {
            is_of_its_own(text, &facts);
        } else {
            assert_eq!(facts.effect, Effect::Read);
            sends_a_read(text, &facts);
        }
        assert!(facts.functions.iter().all(is_read_only_builtin));
        assert!(
            facts
                .relations
                .iter()
                .all(|used| used.access == sql::Access::Read)
        );
        assert!(own || !writes_by_words(text, Dialect::default()));
    }
    if let Ok(text) = std::str::from_utf8(text) {
        let route = tidegate::routing::explain(text, &facts, &view, &TABLE);
        assert_eq!(route.target.is_some(), decision.outcome.is_ok());
    }
}

/// A router.yaml is read or refused, with every problem at a place in the file.
pub fn config(text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = config::parse("router.yaml", text, &|_| Some("x".to_owned()), &|_| {
            Ok("y".to_owned())
        });
    }
}
