//! Bad input: classified or left to PostgreSQL to refuse, in bounded time and memory, never a crash.
//!
//! How long it takes is measured in `bench/facts.rs`; here an endless loop or one that is quadratic shows as a test that hangs.

use super::limits::{FUNCTIONS_MAX, RELATIONS_MAX};
use super::*;

/// Reads are judged by the analytic side's lexer too, so nothing that a lexer may trip over is one.
fn is_no_read(text: &[u8]) {
    let facts = facts(text);
    assert_ne!(
        facts.effect,
        Effect::Read,
        "{}",
        String::from_utf8_lossy(&text[..text.len().min(80)])
    );
    assert!(facts.relations.len() <= 2 * RELATIONS_MAX);
    assert!(facts.functions.len() <= 2 * FUNCTIONS_MAX);
}

#[test]
fn bytes_that_are_no_text_are_no_read() {
    for text in [
        b"select '\xff' from orders".as_slice(),
        b"select \xc3\x28 from orders",
        b"select a from \"or\xffders\"",
        b"select 1 /* \xfe */ from orders",
        b"\xef\xbb\xbfselect",
        b"select \0 from orders",
        b"select 1 from orders\0; delete from orders",
        b"\0\0\0\0",
    ] {
        is_no_read(text);
    }
    // NUL within a string: the protocol ends a text there, so it cannot come from a client.
    assert_eq!(
        facts(b"delete from orders where a = '\0'").effect,
        Effect::Write
    );
}

#[test]
fn what_is_never_closed_is_no_read() {
    for text in [
        "select 'a from orders",
        "select \"a from orders",
        "select E'a\\' from orders",
        "select $$a from orders",
        "select $a$ b $b$ from orders",
        "select 1 from orders /* x",
        "select 1 from orders /* /* */",
        "select U&'a from orders",
        "select (1 from orders",
        "select [1 from orders",
        "create schema s create view v as select (1",
        "create policy p on orders using (exists (select 1",
        "create publication p for table (orders, only",
    ] {
        is_no_read(text.as_bytes());
    }
}

#[test]
fn a_hundred_megabytes_are_looked_at_in_bounded_memory() {
    const SIZE: usize = 100 * 1024 * 1024;
    let values = format!(
        "insert into orders values {}(1)",
        "(1, 'x'), ".repeat(SIZE / 10)
    );
    let found = facts(values.as_bytes());
    assert_eq!((found.kind, found.effect), ("insert", Effect::Write));
    assert_eq!(found.relations.len(), 1);
    drop(values);
    let mut string = b"select '".to_vec();
    string.resize(SIZE, b'x');
    string.extend_from_slice(b"' from orders");
    is_no_read(&string);
}

#[test]
fn ten_thousand_parentheses_and_long_names_are_taken() {
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    is_no_read(format!("select {open}1{close} from orders").as_bytes());
    is_no_read(format!("select 1 from {open}orders{close}").as_bytes());
    is_no_read(format!("create policy p on orders using {open}select 1 from t{close}").as_bytes());
    let long = "n".repeat(10 * 1024);
    for text in [
        format!("select {long} from {long}"),
        format!("select \"{long}\" from \"{long}\""),
    ] {
        assert_eq!(facts(text.as_bytes()).relations[0].name.name, long);
    }
    is_no_read(format!("declare {long} cursor for select 1 from orders").as_bytes());
}

#[test]
fn a_hundred_thousand_statements_are_cut_apart() {
    let text = "select 1 from orders; ".repeat(100_000);
    let ranges = split(text.as_bytes());
    assert_eq!(ranges.len(), 100_000);
    assert!(
        ranges
            .iter()
            .all(|range| text[range.clone()] == *"select 1 from orders")
    );
    is_no_read(text.as_bytes());
}

#[test]
fn what_the_classifier_looks_ahead_for_is_not_looked_for_again_and_again() {
    let big = |piece: &str| piece.repeat(512 * 1024 / piece.len());
    for text in [
        big("cycle a, "),
        format!("select 1 from t {}", big("cycle a, b set c to ")),
        format!("select 1 from {}", big("rows from (f(1)), ")),
        format!("select 1 from {}t", big("t join t using (")),
        format!("select 1 from {}t", big("a as b (c), ")),
        format!("create schema s {}", big("create table t (a int) ")),
        format!("create schema {}", big("create schema ")),
        format!("create schema s {}", big("grant ( ")),
        format!("create policy p on t using {}", big("(select ")),
        format!("create publication p for table {}", big("only (t, ")),
        format!(
            "create rule r as on insert to t do ({})",
            big("delete from t; ")
        ),
        format!("with recursive {} select 1", big("a as (")),
        format!("select 1 from t {}", big("for system_time as of ")),
        format!("explain {}", big("(")),
        big("explain analyze ("),
    ] {
        is_no_read(text.as_bytes());
    }
}
