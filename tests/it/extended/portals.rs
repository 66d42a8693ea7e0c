//! Portals that are read in portions, and how long they live.

use super::count;
use crate::support::run;
use crate::support::tide::Tide;
use crate::support::wire::{bind, close, execute, parse, sqlstates, status, tags, values, whole};

#[test]
fn portals_are_read_in_portions_on_the_oltp_side() {
    run(async {
        let tide = Tide::start("ext_limit_oltp").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        portions(&mut raw, "customers", 3).await;
        assert_eq!(status(&raw.query("COMMIT").await), 'I');
    });
}

#[test]
fn portals_are_read_in_portions_on_the_analytic_side() {
    run(async {
        let tide = Tide::start("ext_limit_analytic").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        portions(&mut raw, "orders", 100).await;
        assert_eq!(status(&raw.query("COMMIT").await), 'I');
        let frames = raw.batch(&[execute("p", 1)]).await;
        assert_eq!(
            sqlstates(&frames),
            ["34000"],
            "the portal went with its transaction"
        );
    });
}

#[test]
fn a_portal_opened_in_the_batch_of_its_begin_lives_as_long_as_the_transaction() {
    run(async {
        let tide = Tide::start("ext_begin_batch").await;
        let mut raw = tide.raw().await;
        // As JDBC with a fetch size does it: BEGIN and the first portion in one batch.
        for table in ["orders", "customers"] {
            let text = format!("SELECT id FROM {table} ORDER BY id");
            let frames = raw
                .batch(&[
                    parse("", "BEGIN"),
                    bind("", "", &[]),
                    execute("", 0),
                    parse("s1", &text),
                    bind("c1", "s1", &[]),
                    execute("c1", 1),
                ])
                .await;
            let told = (tags(&frames), status(&frames));
            assert_eq!(told, ("12C12DsZ".to_owned(), 'T'), "{table}");
            assert_eq!(values(&raw.batch(&[whole("SELECT 7")]).await), ["7"]);
            let frames = raw.batch(&[execute("c1", 1)]).await;
            assert_eq!(values(&frames), ["2"], "{table}");
            raw.batch(&[close('S', "s1")]).await;
            assert_eq!(status(&raw.query("COMMIT").await), 'I');
        }
    });
}

/// Reads a table through a portal, in one batch and over Syncs.
async fn portions(raw: &mut crate::support::wire::Raw, table: &str, rows: usize) {
    let text = format!("SELECT id FROM {table} ORDER BY id");
    let frames = raw
        .batch(&[
            parse("", &text),
            bind("p", "", &[]),
            execute("p", 1),
            execute("p", 1),
        ])
        .await;
    assert_eq!(
        (tags(&frames), status(&frames)),
        ("12DsDsZ".to_owned(), 'T')
    );
    assert_eq!(values(&frames), ["1", "2"]);
    // Something on the other side does not disturb it.
    let other = if table == "orders" {
        "customers"
    } else {
        "orders"
    };
    assert_eq!(
        values(
            &raw.batch(&[whole(&format!("SELECT min(id) FROM {other}"))])
                .await
        ),
        ["1"]
    );
    let frames = raw.batch(&[execute("p", 1)]).await;
    assert_eq!(
        (tags(&frames), values(&frames)),
        ("DsZ".to_owned(), vec!["3".to_owned()])
    );
    let frames = raw.batch(&[execute("p", 0)]).await;
    assert_eq!((count(&frames, 'D'), count(&frames, 'C')), (rows - 3, 1));
    assert_eq!(tags(&raw.batch(&[close('P', "p")]).await), "3Z");
    let frames = raw.batch(&[execute("p", 1)]).await;
    assert_eq!(
        (sqlstates(&frames), status(&frames)),
        (vec!["34000".to_owned()], 'E')
    );
    raw.query("ROLLBACK").await;
    raw.query("BEGIN").await;
    raw.batch(&[parse("", &text), bind("p", "", &[]), execute("p", 1)])
        .await;
}

#[test]
fn portals_end_with_sync_outside_of_a_transaction() {
    run(async {
        let tide = Tide::start("ext_portal_sync").await;
        let mut raw = tide.raw().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT id FROM {table}");
            let frames = raw
                .batch(&[parse("", &text), bind("p", "", &[]), execute("p", 1)])
                .await;
            assert_eq!(tags(&frames), "12DsZ");
            let frames = raw.batch(&[execute("p", 1)]).await;
            assert_eq!(sqlstates(&frames), ["34000"], "{table}");
        }
    });
}
