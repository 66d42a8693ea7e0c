//! What the statements of real clients look like to us, for review.
//!
//! `TIDEGATE_BLESS=1 cargo test --test it facts` rewrites the snapshot.

use std::fmt::Write as _;
use std::path::Path;

use tidegate::sql::{SessionEffect, StatementFacts, facts, is_read_only_builtin};

use crate::support::corpus;

fn render(text: &str, facts: &StatementFacts) -> String {
    let mut out = String::new();
    let one_line: Vec<&str> = text.split_whitespace().collect();
    let _ = writeln!(out, "{}", one_line.join(" "));
    let (kind, effect, shape) = (facts.kind, facts.effect, facts.shape);
    let by = facts.parsed_by.as_str();
    let _ = writeln!(out, "    {kind} | {effect:?} | {shape:?} | {by}");
    for used in &facts.relations {
        let _ = writeln!(out, "    {:?} {}", used.access, used.name);
    }
    if !facts.functions.is_empty() {
        let name = |name: &_| {
            let mark = if is_read_only_builtin(name) { "" } else { "!" };
            format!("{mark}{name}")
        };
        let names: Vec<String> = facts.functions.iter().map(name).collect();
        let _ = writeln!(out, "    calls {}", names.join(", "));
    }
    if let Some(constraint) = facts.constraint {
        let _ = writeln!(out, "    constraint {constraint}");
    }
    if facts.session != SessionEffect::None {
        let _ = writeln!(out, "    session {:?}", facts.session);
    }
    if let Some(hint) = &facts.hint {
        let _ = writeln!(out, "    hint {hint:?}");
    }
    out
}

fn compare(statements: &[String], file: &str) {
    let now: Vec<String> = statements
        .iter()
        .map(|text| render(text, &facts(text.as_bytes())))
        .collect();
    let now = now.join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(file);
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &now).expect("the snapshot can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    for (old, new) in reviewed.split("\n\n").zip(now.split("\n\n")) {
        assert_eq!(old, new);
    }
    assert_eq!(
        reviewed, now,
        "TIDEGATE_BLESS=1 rewrites tests/snapshots/{file}"
    );
}

#[test]
fn facts_of_what_clients_send() {
    let statements = corpus::orm();
    assert!(statements.len() >= 150, "{}", statements.len());
    compare(&statements, "facts.txt");
}

#[test]
fn facts_of_what_only_risingwave_accepts() {
    let statements = corpus::risingwave();
    assert!(statements.len() >= 150, "{}", statements.len());
    compare(&statements, "risingwave.txt");
}
