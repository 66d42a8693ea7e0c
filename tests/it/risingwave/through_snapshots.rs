//! Which state of the analytic side do the reads of a transaction see?

use crate::support::run;
use crate::support::tide::Tide;
use crate::support::wire::{
    Raw, bind, completed, execute, parse, sqlstates, status, values, whole,
};

use super::anywhere::{Analytic, anywhere};

/// Adds a row behind the router's back, which is seen from then on.
async fn add(analytic: &Analytic, id: u32) {
    let mut root = analytic.root().await;
    let insert = format!("INSERT INTO orders (id) VALUES ({id})");
    assert_eq!(completed(&root.query(&insert).await), ["INSERT 0 1"]);
    assert_eq!(completed(&root.query("FLUSH").await), ["FLUSH"]);
}

async fn count(raw: &mut Raw) -> String {
    let counted = values(&raw.query("SELECT count(*) FROM orders").await);
    counted.first().cloned().expect("a number")
}

#[test]
fn a_read_only_or_repeatable_read_transaction_sees_one_state() {
    run(async {
        let (tide, analytic) = anywhere("rw_snapshot").await;
        let (mut number, mut raw) = (100, tide.raw().await);
        for (begin, after, one) in [
            ("BEGIN READ ONLY", "", true),
            (
                "START TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "",
                true,
            ),
            (
                "BEGIN",
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                true,
            ),
            ("BEGIN", "", false),
            ("BEGIN READ WRITE", "", false),
        ] {
            raw.query(begin).await;
            if !after.is_empty() {
                raw.query(after).await;
            }
            let before = number.to_string();
            assert_eq!(count(&mut raw).await, before, "{begin}");
            number += 1;
            add(&analytic, number).await;
            let seen = if one { before } else { number.to_string() };
            assert_eq!(count(&mut raw).await, seen, "{begin}");
            let frames = raw.batch(&[whole("SELECT count(*) FROM orders")]).await;
            assert_eq!(
                (values(&frames), status(&frames)),
                (vec![seen.clone()], 'T')
            );
            // A cursor of the transaction sees the same.
            let frames = raw
                .query("DECLARE c CURSOR FOR SELECT count(*) FROM orders; FETCH c")
                .await;
            assert_eq!(values(&frames), [seen], "{begin}");
            assert_eq!(
                values(&raw.query("SELECT name FROM customers WHERE id = 1").await),
                ["Ada"]
            );
            let end = raw.query("COMMIT").await;
            assert_eq!(
                (completed(&end), status(&end)),
                (vec!["COMMIT".to_owned()], 'I')
            );
            assert_eq!(count(&mut raw).await, number.to_string());
        }
    });
}

#[test]
fn a_snapshot_ends_with_its_transaction_and_is_nobody_elses() {
    run(async {
        let (tide, analytic) = anywhere("rw_snapshot_ends").await;
        let (mut raw, mut other) = (tide.raw().await, tide.raw().await);
        for end in ["ROLLBACK", "COMMIT"] {
            raw.query("BEGIN READ ONLY").await;
            let before = count(&mut raw).await;
            add(&analytic, 200 + u32::from(end == "COMMIT")).await;
            assert_ne!(count(&mut other).await, before);
            assert_eq!(count(&mut raw).await, before);
            let failed = raw.query("SELECT id / (id - id) FROM orders").await;
            assert_eq!(
                (sqlstates(&failed), status(&failed)),
                (vec!["22012".to_owned()], 'E')
            );
            assert_eq!(status(&raw.query(end).await), 'I');
            for raw in [&mut raw, &mut other] {
                assert_ne!(count(raw).await, before);
            }
        }
    });
}

#[test]
fn a_transaction_that_is_chained_to_another_sees_a_state_of_its_own() {
    run(async {
        let (tide, analytic) = anywhere("rw_snapshot_chain").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN READ ONLY").await;
        assert_eq!(count(&mut raw).await, "100");
        raw.query("DECLARE c CURSOR FOR SELECT id FROM orders")
            .await;
        add(&analytic, 400).await;
        assert_eq!(count(&mut raw).await, "100");
        let chained = raw.query("COMMIT AND CHAIN").await;
        assert_eq!(
            (completed(&chained), status(&chained)),
            (vec!["COMMIT".to_owned()], 'T')
        );
        assert_eq!(count(&mut raw).await, "101");
        add(&analytic, 401).await;
        assert_eq!(count(&mut raw).await, "101");
        assert_eq!(sqlstates(&raw.query("FETCH c").await), ["34000"]);
        raw.query("ROLLBACK").await;
        assert_eq!(count(&mut raw).await, "102");
    });
}

#[test]
fn the_sessions_own_default_makes_a_transaction_read_only() {
    run(async {
        let (tide, analytic) = anywhere("rw_snapshot_default").await;
        let mut raw = tide.raw().await;
        raw.query("SET default_transaction_read_only = on").await;
        raw.query("BEGIN").await;
        assert_eq!(count(&mut raw).await, "100");
        add(&analytic, 300).await;
        assert_eq!(count(&mut raw).await, "100");
        raw.query("COMMIT").await;
        assert_eq!(count(&mut raw).await, "101");
    });
}

#[test]
fn an_analytic_postgres_shows_one_state_too() {
    run(async {
        let tide = Tide::start("pg_snapshot").await;
        let analytic = tide.sides.analytic().await;
        let mut raw = tide.raw().await;
        for (begin, one) in [
            ("BEGIN ISOLATION LEVEL REPEATABLE READ", true),
            ("BEGIN", false),
        ] {
            raw.query(begin).await;
            let before = count(&mut raw).await;
            let id = before.parse::<u32>().expect("a number") + 1;
            let insert = format!("INSERT INTO orders (id) VALUES ({id})");
            analytic.batch_execute(&insert).await.expect("a row");
            assert_eq!(count(&mut raw).await == before, one, "{begin}");
            let portal = [parse("", "SELECT count(*) FROM orders"), bind("p", "", &[])];
            raw.batch(&portal).await;
            let seen = values(&raw.batch(&[execute("p", 1)]).await);
            assert_eq!(seen == [before], one, "{begin}");
            raw.query("COMMIT").await;
        }
    });
}
