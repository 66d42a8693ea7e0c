//! What an independent review broke, each as the case that showed it.

use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Raw, bind, completed, execute, message, parse, query, sqlstates, status, sync, tags, values,
    whole,
};
use crate::support::{run, sql};

/// Sends everything at once and reads to the given number of ReadyForQuery messages.
async fn all(
    raw: &mut Raw,
    messages: &[Vec<u8>],
    readies: usize,
) -> Vec<crate::support::wire::Frame> {
    raw.send(&messages.concat()).await;
    let mut frames = Vec::new();
    for _ in 0..readies {
        frames.extend(raw.until_ready().await);
    }
    frames
}

#[test]
fn a_query_behind_an_open_batch_keeps_what_the_batch_wrote() {
    run(async {
        let tide = Tide::start("review_batch_query").await;
        let oltp = tide.sides.oltp().await;
        let insert = |id| whole(&format!("INSERT INTO customers VALUES ({id}, 'x')"));
        let mut raw = tide.raw().await;
        for (id, then) in [
            (501, "SELECT min(id) FROM orders"),
            (502, "SHOW tidegate.to"),
        ] {
            let frames = all(&mut raw, &[insert(id), query(then)], 1).await;
            assert_eq!(status(&frames), 'I', "{then}");
        }
        let frames = all(&mut raw, &[insert(503), query("DELETE FROM orders")], 1).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25006".to_owned()], 'I')
        );
        drop(raw);
        let stored = "SELECT string_agg(id::text, ',' ORDER BY id) FROM customers WHERE id > 500";
        assert_eq!(
            sql::scalar(&oltp, stored).await,
            "501,502",
            "the refused string took its batch along"
        );
    });
}

#[test]
fn a_begin_in_an_open_batch_is_known_to_the_query_behind_it() {
    run(async {
        let tide = Tide::start("review_batch_begin").await;
        let mut raw = tide.raw().await;
        let frames = all(
            &mut raw,
            &[whole("BEGIN"), query("SELECT min(id) FROM orders")],
            1,
        )
        .await;
        assert_eq!(status(&frames), 'T');
        assert_eq!(status(&raw.query("COMMIT").await), 'I');
    });
}

#[test]
fn a_query_behind_a_failed_batch_is_skipped_to_the_sync() {
    run(async {
        let tide = Tide::start("review_failed_batch").await;
        let oltp = tide.sides.oltp().await;
        let mut raw = tide.raw().await;
        let insert = query("INSERT INTO customers VALUES (601, 'x')");
        for failing in [
            whole("SELECT nosuch FROM orders"),
            [whole("SELECT id FROM orders"), execute("nope", 0)].concat(),
        ] {
            let frames = all(&mut raw, &[failing, insert.clone(), sync()], 1).await;
            assert_eq!((sqlstates(&frames).len(), status(&frames)), (1, 'I'));
            assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
        }
        let stored = "SELECT count(*)::text FROM customers WHERE id = 601";
        assert_eq!(sql::scalar(&oltp, stored).await, "0");
    });
}

#[test]
fn copy_data_may_be_sent_before_it_is_asked_for() {
    run(async {
        let tide = Tide::start("review_copy_ahead").await;
        let mut raw = tide.raw().await;
        raw.query("CREATE TEMP TABLE t (a int)").await;
        let data = [message(b'd', b"1\n2\n"), message(b'c', b"")].concat();
        let frames = all(
            &mut raw,
            &[
                query("COPY t FROM STDIN"),
                data,
                query("SELECT count(*) FROM t"),
            ],
            2,
        )
        .await;
        assert_eq!(completed(&frames), ["COPY 2", "SELECT 1"]);
    });
}

#[test]
fn a_refused_unnamed_parse_leaves_no_statement_behind() {
    run(async {
        let tide = Tide::start("review_refused_parse").await;
        let mut raw = tide.raw().await;
        raw.batch(&[parse("", "SELECT name FROM customers WHERE id = 1")])
            .await;
        let frames = raw.batch(&[parse("", "DELETE FROM orders")]).await;
        assert_eq!(sqlstates(&frames), ["25006"]);
        let frames = raw.batch(&[bind("", "", &[]), execute("", 0)]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
        assert_eq!(tags(&raw.batch(&[whole("SELECT 1")]).await), "12TDCZ");
    });
}

#[test]
fn what_hides_behind_a_column_cannot_write_nor_take_the_protection_off() {
    run(async {
        let tide = Setup::new("review_hidden_function")
            .await
            .pool("{ size: 1 }")
            .start()
            .await;
        let analytic = tide.sides.analytic().await;
        sql::exec(
            &analytic,
            "CREATE TABLE sink (a int);
             CREATE FUNCTION writer(orders) RETURNS int LANGUAGE sql AS 'INSERT INTO sink VALUES (1) RETURNING 1';
             CREATE FUNCTION ro_off(orders) RETURNS text LANGUAGE sql
                 AS $$ SELECT set_config('default_transaction_read_only', 'off', false) $$;
             CREATE DOMAIN checked AS int CHECK (VALUE > 0);",
        )
        .await;
        let mut raw = tide.raw().await;
        let hidden = "SELECT o.writer FROM orders o LIMIT 1";
        for text in [hidden, "SELECT (o).ro_off FROM orders o LIMIT 1", hidden] {
            drop(raw.query(text).await);
            drop(raw.batch(&[whole(text)]).await);
        }
        let count = "SELECT count(*)::text FROM sink";
        assert_eq!(sql::scalar(&analytic, count).await, "0");
    });
}

#[test]
fn a_function_that_hides_a_known_one_is_not_trusted() {
    run(async {
        let setup = Setup::new("review_shadow").await;
        let analytic = setup.sides().analytic().await;
        let create = "CREATE FUNCTION lower(orders) RETURNS int LANGUAGE sql AS 'SELECT 1'";
        sql::exec(&analytic, create).await;
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        let frames = raw.query("SELECT lower(o) FROM orders o").await;
        assert_eq!(sqlstates(&frames), ["25006"]);
    });
}

#[test]
fn the_path_is_followed_through_execute_and_savepoints() {
    run(async {
        let setup = Setup::new("review_path").await;
        let oltp = setup.sides().oltp().await;
        sql::exec(
            &oltp,
            "CREATE SCHEMA other; CREATE TABLE other.orders AS SELECT -1 AS id",
        )
        .await;
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        let read = "SELECT min(id) FROM orders";
        assert_eq!(values(&raw.query(read).await), ["1"]);
        raw.query("PREPARE p AS SELECT set_config('search_path', 'other', false)")
            .await;
        raw.query("EXECUTE p").await;
        assert_eq!(values(&raw.query(read).await), ["-1"]);
        raw.query("RESET search_path").await;
        raw.query("BEGIN").await;
        raw.query("SAVEPOINT s").await;
        raw.query("SET search_path = other").await;
        assert_eq!(values(&raw.query(read).await), ["-1"]);
        raw.query("ROLLBACK TO s").await;
        assert_eq!(values(&raw.query(read).await), ["1"]);
        raw.query("ROLLBACK").await;
    });
}

#[test]
fn what_a_session_says_of_its_encoding_and_times_holds_on_either_side() {
    run(async {
        let tide = Tide::start("review_settings").await;
        let mut raw = tide.raw().await;
        raw.query("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
            .await;
        let shown = "SELECT to_timestamp(0), min(id) FROM orders";
        assert_eq!(
            values(&raw.query(shown).await)[0],
            "01.01.1970 09:00:00 JST"
        );
        raw.query("RESET ALL").await;
        assert!(!values(&raw.query(shown).await)[0].contains("JST"));
    });
}

#[test]
fn the_hint_is_taken_back_with_its_transaction() {
    run(async {
        let tide = Tide::start("review_hint_scope").await;
        let mut raw = tide.raw().await;
        for (statements, then) in [
            ("BEGIN|SET tidegate.to = analytic|ROLLBACK", "auto"),
            ("BEGIN|SET LOCAL tidegate.to = analytic|COMMIT", "auto"),
            ("BEGIN|SET tidegate.to = oltp|SELECT 1/0|COMMIT", "auto"),
            ("SET LOCAL tidegate.to = oltp", "auto"),
            ("BEGIN|SET tidegate.to = oltp|COMMIT", "oltp"),
            ("BEGIN|RESET tidegate.to|ROLLBACK", "oltp"),
            ("RESET tidegate.to", "auto"),
        ] {
            for statement in statements.split('|') {
                raw.query(statement).await;
            }
            let shown = values(&raw.query("SHOW tidegate.to").await);
            assert_eq!(shown, [then], "{statements}");
        }
    });
}

#[test]
fn a_batch_that_heals_a_failed_transaction_reads_on_the_analytic_side_again() {
    run(async {
        let tide = Tide::start("review_batch_heals").await;
        let read = whole("SELECT count(*) FROM orders");
        for (healing, after) in [("ROLLBACK", 'I'), ("ROLLBACK TO s", 'T')] {
            let mut raw = tide.raw().await;
            for statement in ["BEGIN", "SAVEPOINT s", "SELECT 1/0"] {
                raw.query(statement).await;
            }
            let frames = raw.batch(&[whole(healing), read.clone()]).await;
            let told = (tags(&frames), values(&frames), status(&frames));
            assert_eq!(
                told,
                ("12nC12TDCZ".to_owned(), vec!["100".to_owned()], after),
                "{healing}"
            );
        }
    });
}
