//! Tidegate in front of PostgreSQL and of the double: what a client meets that knows nothing of RisingWave.

use tokio_postgres::NoTls;

use crate::support::run;
use crate::support::sql::{db, exec, last_route, route, rows, scalar, state};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{self, completed, status, tags, values};

use super::anywhere::{anywhere, doubled};
use super::double::{Double, Mischief, Options};

/// The router over a double, whatever the other tests run against: for what a real server cannot be made to do, which is to break off,
/// break the protocol, panic or be silent.
pub async fn over_double(hint: &str) -> (Tide, Double) {
    let (setup, double) = doubled(Setup::new(hint).await, Options::default()).await;
    (setup.start().await, double)
}

#[test]
fn discovery_finds_what_the_double_holds_and_reads_of_it_go_there() {
    run(async {
        let (tide, analytic) = anywhere("rw_discovery").await;
        let client = tide.client().await;
        assert_eq!(scalar(&client, "SELECT count(*) FROM orders").await, "100");
        assert_eq!(last_route(&client).await.0, "analytic");
        let found = rows(&client, "SELECT state, qty FROM daily ORDER BY 1").await;
        assert_eq!(found.len(), 3);
        assert_ne!(analytic.saw(|sql| sql.contains("FROM daily")), Some(false));
        assert_eq!(
            scalar(&client, "SELECT name FROM customers WHERE id = 1").await,
            "Ada"
        );
        assert_ne!(
            analytic.saw(|sql| sql.contains("FROM customers")),
            Some(true)
        );
    });
}

#[test]
fn a_materialized_view_made_in_the_double_is_discovered_after_a_reload() {
    run(async {
        let (tide, analytic) = anywhere("rw_new_view").await;
        let mut raw = analytic.root().await;
        let made = raw.query("CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) AS n FROM orders GROUP BY customer").await;
        assert_eq!(completed(&made), ["CREATE_MATERIALIZED_VIEW"]);
        tide.router.reload(&tide.yaml).await;
        let client = tide.client().await;
        crate::support::eventually("busy is discovered", || async {
            route(&client, "SELECT * FROM busy").await.0 == "analytic"
        })
        .await;
        assert_eq!(scalar(&client, "SELECT sum(n) FROM busy").await, "100");
    });
}

#[test]
fn a_write_is_refused_and_never_gets_there() {
    run(async {
        let (tide, analytic) = anywhere("rw_write").await;
        let client = tide.client().await;
        for sql in [
            "INSERT INTO orders VALUES (900)",
            "UPDATE orders SET qty = 1",
            "DELETE FROM orders",
            "SELECT * FROM orders FOR UPDATE",
        ] {
            assert_eq!(state(&client, sql).await, "25006", "{sql}");
        }
        let (target, reason) = route(&client, "INSERT INTO orders VALUES (900)").await;
        assert_eq!(
            (target.as_str(), reason.as_str()),
            ("", "write_on_analytic")
        );
        assert_ne!(
            analytic.saw(|sql| sql.contains("900") || sql.contains("UPDATE")),
            Some(true)
        );
    });
}

#[test]
fn explain_route_names_the_analytic_side_and_runs_nothing() {
    run(async {
        let (tide, analytic) = anywhere("rw_explain").await;
        let client = tide.client().await;
        let (target, reason) = route(&client, "SELECT sum(price) FROM orders").await;
        assert_eq!(target, "analytic", "{reason}");
        assert_ne!(analytic.saw(|sql| sql.contains("sum(price)")), Some(true));
    });
}

#[test]
fn a_prepared_read_works_by_the_extended_protocol() {
    run(async {
        let (tide, _analytic) = anywhere("rw_prepared").await;
        let client = tide.client().await;
        let statement = client
            .prepare("SELECT id, qty FROM orders WHERE id = $1")
            .await
            .expect("prepared");
        for id in [1_i32, 2, 3] {
            let row = client.query_one(&statement, &[&id]).await.expect("a row");
            assert_eq!(row.get::<_, i32>(0), id);
        }
    });
}

#[test]
fn a_read_in_a_transaction_leaves_the_status_as_it_was() {
    run(async {
        let (tide, _analytic) = anywhere("rw_in_transaction").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let frames = raw.query("SELECT count(*) FROM orders").await;
        assert_eq!((tags(&frames), status(&frames)), ("TDCZ".to_owned(), 'T'));
        assert_eq!(values(&frames), ["100"]);
        let frames = raw.query("SELECT name FROM customers WHERE id = 1").await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["Ada".to_owned()], 'T')
        );
        let frames = raw.query("COMMIT").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["COMMIT".to_owned()], 'I')
        );
    });
}

#[test]
fn the_client_is_told_the_parameters_of_postgres_alone() {
    run(async {
        let (tide, _analytic) = anywhere("rw_parameters").await;
        let config = tide.config("app");
        let (client, connection) = config.connect(NoTls).await.expect("a login");
        let server = connection
            .parameter("server_version")
            .map(str::to_owned)
            .unwrap_or_default();
        assert!(server.starts_with("15."), "{server}");
        tokio::spawn(async move { drop(connection.await) });
        exec(&client, "SELECT count(*) FROM orders").await;
        let error = client
            .simple_query("SELECT nosuch FROM orders")
            .await
            .expect_err("no such column");
        assert!(!db(error).message().is_empty());
    });
}

#[test]
fn an_analytic_side_that_breaks_off_costs_one_error_and_nothing_else() {
    run(async {
        let (tide, double) = over_double("rw_breaks_off").await;
        for (mischief, code) in [
            (Mischief::CloseAtOnce, "57P01"),
            (Mischief::CloseAfterColumns, "57P01"),
            (Mischief::CloseInRow, "57P01"),
            (Mischief::CloseBeforeComplete, "57P01"),
            (Mischief::CloseBeforeReady, "57P01"),
            (Mischief::UnknownMessage, "08P01"),
            (Mischief::BadLength, "08P01"),
            (Mischief::HugeLength, "08P01"),
        ] {
            for extended in [false, true] {
                let sql = "SELECT id AS unlucky FROM orders LIMIT 1";
                let mut raw = tide.raw().await;
                double.misbehave("unlucky", mischief);
                let frames = if extended {
                    raw.batch(&[wire::whole(sql)]).await
                } else {
                    raw.query(sql).await
                };
                double.behave();
                assert_eq!(wire::sqlstates(&frames), [code], "{mischief:?} {extended}");
                assert_eq!(status(&frames), 'I', "{mischief:?} {extended}");
                for (sql, value) in [
                    ("SELECT count(*) FROM orders", "100"),
                    ("SELECT name FROM customers WHERE id = 1", "Ada"),
                ] {
                    assert_eq!(
                        values(&raw.query(sql).await),
                        [value],
                        "{mischief:?} {extended}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_readiness_too_many_is_never_passed_on() {
    run(async {
        let (tide, double) = over_double("rw_extra_ready").await;
        double.misbehave("unlucky", Mischief::ExtraReady);
        let mut raw = tide.raw().await;
        for _ in 0..3 {
            let frames = raw.query("SELECT id AS unlucky FROM orders LIMIT 1").await;
            assert_eq!(tags(&frames), "TDCZ");
            let frames = raw
                .query("SELECT count(*) FROM orders; SELECT name FROM customers WHERE id = 1")
                .await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                (
                    "TDCTDCZ".to_owned(),
                    vec!["100".to_owned(), "Ada".to_owned()]
                )
            );
        }
    });
}

#[test]
fn a_silent_analytic_side_does_not_touch_other_traffic() {
    run(async {
        let (tide, double) = over_double("rw_silent").await;
        double.misbehave("unlucky", Mischief::Silence);
        let mut stuck = tide.raw().await;
        stuck
            .send(&wire::query("SELECT id AS unlucky FROM orders LIMIT 1"))
            .await;
        crate::support::eventually("the double has it", || async {
            double.seen().iter().any(|sql| sql.contains("unlucky"))
        })
        .await;
        let mut raw = tide.raw().await;
        assert_eq!(
            values(&raw.query("SELECT name FROM customers WHERE id = 1").await),
            ["Ada"]
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_string_of_analytic_reads_is_sent_one_by_one() {
    run(async {
        let (tide, analytic) = anywhere("rw_string").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query("SELECT count(*) FROM orders; SELECT max(id) FROM orders; SELECT 1/0 FROM orders; SELECT 4 FROM orders")
            .await;
        assert_eq!(tags(&frames).replace('T', ""), "DCDCEZ");
        assert_eq!(values(&frames), ["100", "100"]);
        assert_ne!(
            analytic.saw(|sql| sql.contains("orders;") || sql.contains("SELECT 4")),
            Some(true)
        );
    });
}

#[test]
fn a_portal_that_was_run_to_its_end_has_no_more_rows() {
    run(async {
        let (tide, _analytic) = anywhere("rw_portal_twice").await;
        let mut raw = tide.raw().await;
        let sql = "SELECT id FROM orders ORDER BY id LIMIT 2";
        let twice = [
            wire::parse("", sql),
            wire::bind("p", "", &[]),
            wire::execute("p", 0),
            wire::execute("p", 0),
            wire::bind("q", "", &[]),
            wire::execute("q", 1),
            wire::execute("q", 0),
            wire::execute("q", 0),
        ];
        let frames = raw.batch(&twice).await;
        assert_eq!(tags(&frames), "12DDCC2DsDCCZ");
        assert_eq!(
            completed(&frames),
            ["SELECT 2", "SELECT 0", "SELECT 1", "SELECT 0"]
        );
    });
}

#[test]
fn time_zone_and_application_name_are_those_of_the_session() {
    run(async {
        let (tide, _analytic) = anywhere("rw_followed").await;
        let mut tokyo = tide.raw().await;
        tokyo.query("SET TimeZone = 'Asia/Tokyo'").await;
        tokyo.query("SET application_name = 'it''s me'").await;
        let when = "SELECT '2024-01-01 00:00:00+00'::timestamptz FROM orders LIMIT 1";
        let who = "SELECT current_setting('application_name') FROM orders LIMIT 1";
        assert_eq!(values(&tokyo.query(when).await), ["2024-01-01 09:00:00+09"]);
        assert_eq!(values(&tokyo.query(who).await), ["it's me"]);
        let mut other = tide.raw().await;
        other.query("SET TimeZone = 'America/New_York'").await;
        assert_eq!(values(&other.query(when).await), ["2023-12-31 19:00:00-05"]);
        // An offset in POSIX's form is nothing that RisingWave knows: its default is better than a failure.
        tokyo.query("SET TimeZone = '<+02>-02'").await;
        assert_eq!(values(&tokyo.query(when).await), ["2024-01-01 00:00:00+00"]);
    });
}
