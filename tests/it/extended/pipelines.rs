//! Batches that hold statements of both sides: answers in order, errors skip to Sync.

use crate::support::run;
use crate::support::tide::Tide;
use crate::support::wire::{
    bind, completed, describe, execute, flush, parse, query, sqlstates, status, sync, tags, values,
    whole,
};

#[test]
fn flush_brings_answers_before_sync() {
    run(async {
        let tide = Tide::start("ext_flush").await;
        let mut raw = tide.raw().await;
        for text in [
            "SELECT name FROM customers WHERE id = 1",
            "SELECT count(*) FROM orders",
        ] {
            raw.send(&[parse("", text), describe('S', ""), flush()].concat())
                .await;
            assert_eq!(tags(&raw.until('T').await), "1tT");
            raw.send(&[bind("", "", &[]), flush()].concat()).await;
            assert_eq!(tags(&raw.until('2').await), "2");
            raw.send(&[execute("", 0), flush()].concat()).await;
            assert_eq!(tags(&raw.until('C').await), "DC");
            raw.send(&sync()).await;
            assert_eq!(tags(&raw.until_ready().await), "Z");
        }
    });
}

#[test]
fn a_pipeline_over_both_sides_is_answered_in_order() {
    run(async {
        let tide = Tide::start("ext_pipeline").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('a') RETURNING 'one'"),
                whole("SELECT 'two' FROM orders LIMIT 1"),
                whole("SELECT 'three' FROM notes"),
                whole("SELECT 'four' FROM orders LIMIT 1"),
                whole("SELECT 'five'"),
            ])
            .await;
        assert_eq!(tags(&frames), "12TDC".repeat(5) + "Z");
        assert_eq!(values(&frames), ["one", "two", "three", "four", "five"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["1"]
        );
    });
}

#[test]
fn many_batches_sent_at_once_are_answered_in_order() {
    run(async {
        let tide = Tide::start("ext_batches").await;
        let mut raw = tide.raw().await;
        let all: Vec<u8> = (0..60)
            .flat_map(|n| {
                let text = match n % 3 {
                    0 => format!("SELECT {n} FROM customers LIMIT 1"),
                    1 => format!("SELECT {n} FROM orders LIMIT 1"),
                    _ => format!("SELECT {n} / 0 FROM orders"),
                };
                [whole(&text), sync()].concat()
            })
            .collect();
        raw.send(&all).await;
        for n in 0..60 {
            let frames = raw.until_ready().await;
            match n % 3 {
                2 => assert_eq!(sqlstates(&frames), ["22012"], "{n}"),
                _ => assert_eq!(values(&frames), [n.to_string()], "{n}"),
            }
            assert_eq!(status(&frames), 'I', "{n}");
        }
    });
}

#[test]
fn an_analytic_error_in_a_pipeline_skips_to_sync_and_undoes_the_oltp_part() {
    run(async {
        let tide = Tide::start("ext_error_analytic").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("SELECT 1 / (id - id) FROM orders"),
                whole("INSERT INTO notes (body) VALUES ('never')"),
                whole("SELECT count(*) FROM orders"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22012".to_owned()], 'I')
        );
        assert_eq!(completed(&frames), ["INSERT 0 1"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn an_oltp_error_in_a_pipeline_skips_to_sync() {
    run(async {
        let tide = Tide::start("ext_error_oltp").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("SELECT count(*) FROM orders"),
                whole("SELECT 1/0"),
                whole("SELECT count(*) AS unreached FROM orders"),
                parse("never", "SELECT 1"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22012".to_owned()], 'I')
        );
        assert_eq!(values(&frames), ["100"]);
        assert!(!tide.sides.analytic_saw_text("unreached"));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        let frames = raw.batch(&[bind("", "never", &[])]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
    });
}

#[test]
fn a_refused_statement_in_a_pipeline_skips_to_sync_and_undoes_the_oltp_part() {
    run(async {
        let tide = Tide::start("ext_error_refused").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("DELETE FROM orders"),
                whole("INSERT INTO notes (body) VALUES ('never')"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25006".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        let frames = raw
            .batch(&[whole("INSERT INTO notes (body) VALUES ('kept')")])
            .await;
        assert_eq!(completed(&frames), ["INSERT 0 1"]);
        assert_eq!(values(&raw.query("SELECT body FROM notes").await), ["kept"]);
    });
}

#[test]
fn a_query_in_the_middle_of_a_batch_ends_it() {
    run(async {
        let tide = Tide::start("ext_query_inside").await;
        let mut raw = tide.raw().await;
        for text in [
            "SELECT name FROM customers WHERE id = 1",
            "SELECT count(*) FROM orders",
        ] {
            raw.send(&[whole(text), query("SELECT 'q'")].concat()).await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "12TDCTDCZ", "{text}");
            assert_eq!(status(&frames), 'I');
            assert_eq!(tags(&raw.batch(&[]).await), "Z");
        }
    });
}

#[test]
fn a_sync_alone_is_answered_always() {
    run(async {
        let tide = Tide::start("ext_sync").await;
        let mut raw = tide.raw().await;
        assert_eq!(tags(&raw.batch(&[]).await), "Z");
        raw.send(&[sync(), sync(), sync()].concat()).await;
        for _ in 0..3 {
            assert_eq!(tags(&raw.until_ready().await), "Z");
        }
        raw.query("BEGIN").await;
        assert_eq!(status(&raw.batch(&[]).await), 'T');
        raw.query("SELECT 1/0").await;
        assert_eq!(status(&raw.batch(&[]).await), 'E');
    });
}
