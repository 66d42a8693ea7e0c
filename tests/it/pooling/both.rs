//! Two pools: a session that has a connection of one and waits for one of the other.

use super::one;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Raw, bind, completed, describe, execute, flush, parse, query, status, sync, values, whole,
};
use crate::support::{eventually, http, run};

async fn one_of_each(hint: &str) -> Tide {
    let setup = Setup::new(hint).await;
    setup
        .oltp_pool("{ size: 1, wait: 5s }")
        .pool("{ size: 1, wait: 5s }")
        .start()
        .await
}

/// Waits until so many sessions wait for a connection to a backend.
async fn waiting(tide: &Tide, backend: &str, count: usize) {
    let line = format!("tidegate_pool_waiting{{backend=\"{backend}\"}} {count}\n");
    let waits = || async {
        let text = http::get(&tide.router.http, "/metrics").await.1;
        text.contains(&line)
    };
    eventually(&line, waits).await;
}

/// A session whose transaction has read the analytic side and keeps that connection.
async fn reader(tide: &Tide) -> Raw {
    let mut raw = tide.raw().await;
    raw.query("BEGIN READ ONLY").await;
    assert_eq!(one(&mut raw, "SELECT count(*) FROM orders").await, "100");
    raw
}

#[test]
fn who_waits_for_an_analytic_connection_holds_no_other_that_it_does_not_use() {
    run(async {
        let tide = one_of_each("both").await;
        let mut first = reader(&tide).await;
        // It asks where its names lead to, and then waits.
        let mut simple = tide.raw().await;
        simple
            .send(&query("SELECT count(*) FROM orders WHERE id < 3"))
            .await;
        waiting(&tide, "analytic", 1).await;
        let mut extended = tide.raw().await;
        let read = whole("SELECT count(*) FROM orders WHERE id < 4");
        extended.send(&[read, sync()].concat()).await;
        waiting(&tide, "analytic", 2).await;
        // Also in a transaction that the default backend has not heard of.
        let mut within = tide.raw().await;
        within.query("BEGIN").await;
        within
            .send(&query("SELECT count(*) FROM orders WHERE id < 5"))
            .await;
        waiting(&tide, "analytic", 3).await;

        // The one that has what they wait for comes to its end, though it needs the other side for that.
        assert_eq!(one(&mut first, "SELECT count(*) FROM notes").await, "0");
        assert_eq!(one(&mut first, "SELECT count(*) FROM orders").await, "100");
        assert_eq!(status(&first.query("COMMIT").await), 'I');
        for (client, count) in [(&mut simple, "2"), (&mut extended, "3"), (&mut within, "4")] {
            assert_eq!(values(&client.until_ready().await), [count]);
        }
        assert_eq!(status(&within.query("COMMIT").await), 'I');
    });
}

#[test]
fn a_transaction_that_only_reads_the_analytic_side_needs_the_other_no_more() {
    run(async {
        let tide = one_of_each("both_edge").await;
        let mut reader = reader(&tide).await;
        let mut writer = tide.raw().await;
        writer
            .query("BEGIN; INSERT INTO notes (body) VALUES ('kept')")
            .await;
        // As drivers do that ask for the types first, and before they begin.
        let mut prepared = parse("s", "SELECT count(*) FROM orders WHERE id < $1");
        prepared.extend([describe('S', "s"), flush()].concat());
        reader.send(&prepared).await;
        reader.until('T').await;
        let run = [bind("", "s", &["5"]), execute("", 0), sync()];
        reader.send(&run.concat()).await;
        let frames = reader.until_ready().await;
        assert_eq!(values(&frames), ["4"]);
        assert_eq!(one(&mut reader, "SELECT min(id) FROM orders").await, "1");
        let mut described = parse("end", "COMMIT");
        described.extend([describe('S', "end"), flush()].concat());
        reader.send(&described).await;
        reader.until('n').await;
        let run = [
            bind("", "end", &[]),
            describe('P', ""),
            execute("", 0),
            sync(),
        ];
        reader.send(&run.concat()).await;
        let frames = reader.until_ready().await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["COMMIT".to_owned()], 'I')
        );
        // Such a transaction leaves nothing that the next would have to ask about.
        reader.query("BEGIN").await;
        assert_eq!(one(&mut reader, "SELECT max(id) FROM orders").await, "100");
        assert_eq!(status(&reader.query("ROLLBACK").await), 'I');
        assert_eq!(one(&mut reader, "SELECT max(id) FROM orders").await, "100");
        assert_eq!(one(&mut writer, "SELECT count(*) FROM orders").await, "100");
        assert_eq!(status(&writer.query("COMMIT").await), 'I');
    });
}
