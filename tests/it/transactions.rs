//! The transaction status a client sees is the one a single PostgreSQL would show.

use crate::support::tide::Tide;
use crate::support::wire::{
    Raw, bind, completed, execute, parse, sqlstates, status, tags, values, whole,
};
use crate::support::{run, sql};

async fn begun(tide: &Tide) -> Raw {
    let mut raw = tide.raw().await;
    let frames = raw.query("BEGIN").await;
    assert_eq!(
        (completed(&frames), status(&frames)),
        (vec!["BEGIN".to_owned()], 'T')
    );
    raw
}

async fn fails(raw: &mut Raw, text: &str, state: &str) {
    let frames = raw.query(text).await;
    assert_eq!(
        (sqlstates(&frames), status(&frames)),
        (vec![state.to_owned()], 'E'),
        "{text}"
    );
}

#[test]
fn analytic_reads_in_a_transaction_leave_it_open() {
    run(async {
        let tide = Tide::start("tx_reads").await;
        let mut raw = begun(&tide).await;
        for text in [
            "SELECT count(*) FROM orders",
            "INSERT INTO notes (body) VALUES ('x')",
            "SELECT max(id) FROM orders",
        ] {
            assert_eq!(status(&raw.query(text).await), 'T', "{text}");
            let frames = raw.batch(&[whole("SELECT count(*) FROM orders")]).await;
            assert_eq!((tags(&frames), status(&frames)), ("12TDCZ".to_owned(), 'T'));
        }
        let frames = raw.query("COMMIT").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["COMMIT".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["1"]
        );
    });
}

#[test]
fn a_transaction_rolls_back_what_was_written_around_analytic_reads() {
    run(async {
        let tide = Tide::start("tx_rollback").await;
        let mut raw = begun(&tide).await;
        raw.query("INSERT INTO notes (body) VALUES ('x')").await;
        raw.query("SELECT count(*) FROM orders").await;
        let frames = raw.query("ROLLBACK").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["ROLLBACK".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn a_failed_analytic_read_fails_the_transaction() {
    run(async {
        let tide = Tide::start("tx_failed").await;
        let mut raw = begun(&tide).await;
        raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
        fails(&mut raw, "SELECT 1 / (id - id) FROM orders", "22012").await;
        fails(&mut raw, "SELECT 1", "25P02").await;
        fails(&mut raw, "SELECT count(*) FROM orders", "25P02").await;
        fails(
            &mut raw,
            "INSERT INTO notes (body) VALUES ('never')",
            "25P02",
        )
        .await;
        let frames = raw.batch(&[whole("SELECT count(*) FROM orders")]).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25P02".to_owned()], 'E')
        );
        let frames = raw.query("COMMIT").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["ROLLBACK".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_failed_analytic_read_over_the_extended_protocol_fails_the_transaction() {
    run(async {
        let tide = Tide::start("tx_failed_ext").await;
        let mut raw = begun(&tide).await;
        raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
        for bad in [
            "SELECT 1 / (id - id) FROM orders",
            "SELECT nothing FROM orders",
        ] {
            let frames = raw
                .batch(&[
                    whole(bad),
                    whole("INSERT INTO notes (body) VALUES ('never')"),
                ])
                .await;
            assert_eq!(
                (sqlstates(&frames).len(), status(&frames)),
                (1, 'E'),
                "{bad}"
            );
            fails(&mut raw, "SELECT 1", "25P02").await;
            assert_eq!(completed(&raw.query("COMMIT").await), ["ROLLBACK"]);
            raw.query("BEGIN").await;
        }
        raw.query("ROLLBACK").await;
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn rolling_back_to_a_savepoint_heals() {
    run(async {
        let tide = Tide::start("tx_savepoint").await;
        let mut raw = begun(&tide).await;
        raw.query("INSERT INTO notes (body) VALUES ('kept')").await;
        raw.query("SAVEPOINT a").await;
        raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
        fails(&mut raw, "SELECT 1 / (id - id) FROM orders", "22012").await;
        let frames = raw.query("ROLLBACK TO SAVEPOINT a").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["ROLLBACK".to_owned()], 'T')
        );
        let frames = raw.query("SELECT count(*) FROM orders").await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["100".to_owned()], 'T')
        );
        let frames = raw.batch(&[whole("SELECT count(*) FROM orders")]).await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["100".to_owned()], 'T')
        );
        assert_eq!(completed(&raw.query("COMMIT").await), ["COMMIT"]);
        assert_eq!(values(&raw.query("SELECT body FROM notes").await), ["kept"]);
    });
}

#[test]
fn a_string_that_ends_or_heals_a_failed_transaction_goes_on_from_there() {
    run(async {
        let tide = Tide::start("tx_heal_string").await;
        for (text, values_after, after) in [
            ("ROLLBACK; SELECT count(*) FROM orders", &["100"][..], 'I'),
            ("ROLLBACK; SELECT count(*) FROM customers", &["3"], 'I'),
            (
                "ROLLBACK TO a; SELECT count(*) FROM orders; COMMIT; SELECT 5",
                &["100", "5"],
                'I',
            ),
            ("COMMIT; BEGIN; SELECT max(id) FROM orders", &["100"], 'T'),
        ] {
            let mut raw = begun(&tide).await;
            raw.query("SAVEPOINT a").await;
            fails(&mut raw, "SELECT 1 / (id - id) FROM orders", "22012").await;
            let frames = raw.query(text).await;
            assert_eq!(sqlstates(&frames), [""; 0], "{text}");
            assert_eq!(
                (values(&frames), status(&frames)),
                (
                    values_after.iter().map(|v| (*v).to_owned()).collect(),
                    after
                ),
                "{text}"
            );
        }
        let mut raw = begun(&tide).await;
        fails(&mut raw, "SELECT 1/0", "22012").await;
        let frames = raw.query("ROLLBACK; DELETE FROM orders; SELECT 1").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25006".to_owned()], 'I')
        );
    });
}

#[test]
fn a_refused_statement_fails_the_transaction() {
    run(async {
        let tide = Tide::start("tx_refused").await;
        for (text, state) in [
            ("DELETE FROM orders", "25006"),
            ("ALTER TABLE orders ADD UNIQUE (id)", "0A000"),
            ("SELECT * FROM orders, customers", "0A000"),
            ("SELECT * FROM orders FOR UPDATE", "25006"),
        ] {
            let mut raw = begun(&tide).await;
            raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
            fails(&mut raw, text, state).await;
            fails(&mut raw, "SELECT 1", "25P02").await;
            assert_eq!(completed(&raw.query("COMMIT").await), ["ROLLBACK"]);
            let mut raw = begun(&tide).await;
            let frames = raw
                .batch(&[whole("SAVEPOINT a"), whole(text), whole("SELECT 1")])
                .await;
            assert_eq!(
                (sqlstates(&frames), status(&frames)),
                (vec![state.to_owned()], 'E'),
                "{text}"
            );
            assert_eq!(status(&raw.query("ROLLBACK TO a").await), 'T');
            assert_eq!(completed(&raw.query("COMMIT").await), ["COMMIT"]);
        }
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM notes").await,
            "0"
        );
    });
}

#[test]
fn an_error_on_the_oltp_side_keeps_analytic_reads_out() {
    run(async {
        let tide = Tide::start("tx_oltp_error").await;
        let mut raw = begun(&tide).await;
        fails(&mut raw, "SELECT 1/0", "22012").await;
        fails(
            &mut raw,
            "SELECT count(*) AS unreached FROM orders",
            "25P02",
        )
        .await;
        assert!(!tide.sides.analytic_saw_text("unreached"));
        assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
    });
}

#[test]
fn transactions_end_and_begin_as_postgres_ends_and_begins_them() {
    run(async {
        let tide = Tide::start("tx_forms").await;
        let mut raw = tide.raw().await;
        for (text, expected) in [
            ("START TRANSACTION READ ONLY", 'T'),
            ("SELECT count(*) FROM orders", 'T'),
            ("COMMIT AND CHAIN", 'T'),
            ("SELECT count(*) FROM orders", 'T'),
            ("ABORT", 'I'),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", 'T'),
            ("END", 'I'),
            ("COMMIT", 'I'),
            ("BEGIN; SELECT count(*) FROM orders; COMMIT; BEGIN", 'T'),
            ("ROLLBACK AND CHAIN", 'T'),
            ("ROLLBACK", 'I'),
        ] {
            let frames = raw.query(text).await;
            assert_eq!(
                (sqlstates(&frames).len(), status(&frames)),
                (0, expected),
                "{text}"
            );
        }
        let frames = raw
            .batch(&[whole("BEGIN"), whole("SELECT count(*) FROM orders")])
            .await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["100".to_owned()], 'T')
        );
        let frames = raw
            .batch(&[whole("SELECT max(id) FROM orders"), whole("COMMIT")])
            .await;
        assert_eq!(
            (tags(&frames), status(&frames)),
            ("12TDC12nCZ".to_owned(), 'I')
        );
    });
}

#[test]
fn reads_of_one_transaction_see_one_state_of_mirrored_relations() {
    run(async {
        let rule = "routes: [{ relations: [products], shape: aggregate, to: analytic }]";
        let tide = Tide::with("tx_mirrored", rule).await;
        let mut raw = tide.raw().await;
        let text = "SELECT max(side) FROM products";
        assert_eq!(values(&raw.query(text).await), ["analytic"]);
        raw.query("BEGIN").await;
        assert_eq!(values(&raw.query(text).await), ["analytic"]);
        raw.query("UPDATE products SET side = 'zzz'").await;
        assert_eq!(
            values(&raw.query(text).await),
            ["zzz"],
            "a transaction sees its own writes"
        );
        raw.query("ROLLBACK").await;
        assert_eq!(values(&raw.query(text).await), ["analytic"]);
        raw.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await;
        assert_eq!(values(&raw.query(text).await), ["oltp"]);
        raw.query("COMMIT").await;
        raw.query("BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            .await;
        assert_eq!(values(&raw.query(text).await), ["oltp"]);
        raw.query("COMMIT").await;
        assert_eq!(values(&raw.query(text).await), ["analytic"]);
    });
}

#[test]
fn drivers_use_transactions_and_savepoints_over_both_sides() {
    run(async {
        let tide = Tide::start("tx_driver").await;
        let mut client = tide.client().await;
        let mut outer = client.transaction().await.unwrap();
        outer
            .execute("INSERT INTO notes (body) VALUES ($1)", &[&"kept"])
            .await
            .unwrap();
        {
            let inner = outer.transaction().await.unwrap();
            inner
                .execute("INSERT INTO notes (body) VALUES ($1)", &[&"lost"])
                .await
                .unwrap();
            let failed = inner
                .query("SELECT 1 / (id - id) FROM orders", &[])
                .await
                .unwrap_err();
            assert_eq!(sql::db(failed).code().code(), "22012");
            inner.rollback().await.unwrap();
        }
        let row = outer
            .query_one("SELECT count(*) FROM orders", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), 100);
        let portal = outer
            .bind("SELECT id FROM orders ORDER BY id", &[])
            .await
            .unwrap();
        let first = outer.query_portal(&portal, 3).await.unwrap();
        let second = outer.query_portal(&portal, 3).await.unwrap();
        assert_eq!(
            (first[0].get::<_, i32>(0), second[0].get::<_, i32>(0)),
            (1, 4)
        );
        outer.commit().await.unwrap();
        assert_eq!(
            sql::scalar(&client, "SELECT string_agg(body, ',') FROM notes").await,
            "kept"
        );
    });
}

#[test]
fn nothing_of_a_transaction_is_left_on_the_analytic_connection() {
    run(async {
        let tide = crate::support::tide::Setup::new("tx_leftovers")
            .await
            .pool("{ size: 1 }")
            .start()
            .await;
        for end in ["COMMIT", "ROLLBACK"] {
            let mut raw = begun(&tide).await;
            raw.batch(&[
                parse("", "SELECT id FROM orders"),
                bind("p", "", &[]),
                execute("p", 1),
            ])
            .await;
            raw.query(end).await;
            let mut other = tide.raw().await;
            let frames = other.batch(&[execute("p", 1)]).await;
            assert_eq!(sqlstates(&frames), ["34000"]);
            assert_eq!(
                values(&other.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
        let server = tide.sides.analytic().await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
        assert_eq!(sql::scalar(&server, open).await, "0");
    });
}

#[test]
fn a_session_that_leaves_in_a_transaction_leaves_nothing() {
    run(async {
        let tide = crate::support::tide::Setup::new("tx_leaves")
            .await
            .pool("{ size: 1 }")
            .start()
            .await;
        let mut raw = begun(&tide).await;
        raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
        raw.query("SELECT count(*) FROM orders").await;
        drop(raw);
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM notes").await,
            "0"
        );
    });
}
