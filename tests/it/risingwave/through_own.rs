//! What RisingWave has and PostgreSQL has not: SHOW of kinds, DESCRIBE, and settings of its own.

use crate::support::run;
use crate::support::sql::{last_route, route};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, completed, sqlstates, status, tags, values, whole};

use super::anywhere::{Analytic, analytic, anywhere};

/// A router with more of router.yaml, and one analytic connection for all.
async fn with(hint: &str, keys: &[&str], yaml: &str) -> (Tide, Analytic) {
    let mut setup = Setup::new(hint).await.pool("{ size: 1 }").more(yaml);
    for key in keys {
        setup = setup.analytic(key);
    }
    let (setup, analytic) = analytic(setup).await;
    (setup.start().await, analytic)
}

/// The first values of an answer that must be rows.
async fn shown(raw: &mut Raw, sql: &str) -> Vec<String> {
    let frames = raw.query(sql).await;
    assert_eq!(completed(&frames).len(), 1, "{sql}: {frames:?}");
    values(&frames)
}

#[test]
fn kinds_that_postgres_has_not_are_shown_by_the_analytic_side() {
    run(async {
        let (tide, analytic) = anywhere("rw_show").await;
        let mut raw = tide.raw().await;
        let tables = shown(&mut raw, "SHOW TABLES").await;
        assert!(tables.contains(&"public.orders".to_owned()), "{tables:?}");
        let mut root = analytic.root().await;
        root.query("CREATE MATERIALIZED VIEW busy AS SELECT customer FROM orders")
            .await;
        let views = shown(&mut raw, "show materialized views from public like 'b%';").await;
        assert_eq!(views, ["public.busy"]);
        for sql in [
            "SHOW SOURCES",
            "SHOW SINKS",
            "SHOW CLUSTER",
            "SHOW INDEXES FROM orders",
        ] {
            let frames = raw.query(sql).await;
            assert_eq!(completed(&frames), ["SHOW"], "{sql}");
            assert!(tags(&frames).starts_with('T'), "{sql}");
        }
        let columns = shown(&mut raw, "SHOW COLUMNS FROM orders").await;
        assert!(columns.contains(&"customer".to_owned()), "{columns:?}");
        let described = shown(&mut raw, "DESCRIBE public.orders").await;
        assert!(
            described.contains(&"primary key".to_owned()),
            "{described:?}"
        );
        let made = shown(&mut raw, "SHOW CREATE MATERIALIZED VIEW busy").await;
        assert_eq!(made, ["public.busy"]);
        // By the extended protocol, in a string, and in a transaction, whose status stays.
        let frames = raw.batch(&[whole("SHOW TABLES")]).await;
        assert_eq!(values(&frames), tables);
        raw.query("BEGIN").await;
        let frames = raw
            .query("SHOW TABLES; SELECT count(*) FROM customers; DESCRIBE daily")
            .await;
        assert_eq!(status(&frames), 'T');
        assert_eq!(completed(&frames), ["SHOW", "SELECT 1", "DESCRIBE"]);
        raw.query("COMMIT").await;
        let client = tide.client().await;
        let expected = ("analytic".to_owned(), "analytic_only".to_owned());
        assert_eq!(route(&client, "SHOW JOBS").await.1, "secret_on_analytic");
        assert_eq!(route(&client, "DESCRIBE orders").await, expected);
        crate::support::sql::rows(&client, "SHOW TABLES").await;
        assert_eq!(last_route(&client).await, expected);
    });
}

#[test]
fn what_postgres_can_show_or_must_refuse_stays_with_it() {
    run(async {
        let (tide, analytic) = anywhere("rw_show_oltp").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        for sql in [
            "SHOW server_version",
            "SHOW search_path",
            "SHOW nosuch",
            "SHOW CREATE TABLE customers",
            "DESCRIBE customers",
            "SHOW COLUMNS FROM customers",
            "SET rw_streaming_parallelism = 2",
            "SET nosuch = 1",
        ] {
            let (ours, theirs) = (routed.query(sql).await, direct.query(sql).await);
            assert_eq!(
                (tags(&ours), values(&ours)),
                (tags(&theirs), values(&theirs)),
                "{sql}"
            );
            assert_eq!(sqlstates(&ours), sqlstates(&theirs), "{sql}");
        }
        let other = |sql: &str| sql.contains("customers") || sql.contains("nosuch");
        assert_ne!(analytic.saw(other), Some(true));
        // A hint is obeyed.
        let frames = routed.query("/* tidegate: to=oltp */ SHOW TABLES").await;
        assert_eq!(sqlstates(&frames), ["42704"]);
    });
}

#[test]
fn what_shows_passwords_is_for_admins() {
    run(async {
        let secrets = [
            "SHOW CREATE TABLE orders",
            "SHOW CREATE SOURCE orders",
            "SHOW CREATE CONNECTION c",
            "SHOW CONNECTIONS",
            "SHOW JOBS",
            "SHOW PROCESSLIST",
            "SHOW PARAMETERS",
        ];
        let (tide, analytic) = anywhere("rw_show_secrets").await;
        let mut raw = tide.raw().await;
        for sql in secrets {
            let frames = raw.query(sql).await;
            assert_eq!(sqlstates(&frames), ["42501"], "{sql}");
            let batch = raw.batch(&[whole(sql)]).await;
            assert_eq!(sqlstates(&batch), ["42501"], "{sql}");
        }
        assert_ne!(analytic.saw(|sql| sql.contains("SHOW")), Some(true));
        let (tide, _analytic) = with("rw_show_admin", &[], "admins: [app]").await;
        let mut raw = tide.raw().await;
        let made = shown(&mut raw, "SHOW CREATE TABLE orders").await;
        assert_eq!(made, ["public.orders"]);
        shown(&mut raw, "SHOW CONNECTIONS").await;
    });
}

#[test]
fn a_setting_of_risingwaves_own_is_the_sessions_and_nobody_elses() {
    run(async {
        let (tide, analytic) = with("rw_own_setting", &[], "").await;
        let (mut one, mut other) = (tide.raw().await, tide.raw().await);
        let name = "streaming_parallelism";
        assert_eq!(shown(&mut one, &format!("SHOW {name}")).await, ["default"]);
        let set = one.query("SET streaming_parallelism TO 4").await;
        assert_eq!(
            (tags(&set), completed(&set)),
            ("CZ".to_owned(), vec!["SET".to_owned()])
        );
        let set = one.batch(&[whole("SET query_mode = 'local'")]).await;
        assert_eq!(completed(&set), ["SET"]);
        // Whatever the shared connection is used for in between.
        for _ in 0..2 {
            assert_eq!(shown(&mut one, &format!("SHOW {name}")).await, ["4"]);
            assert_eq!(shown(&mut one, "SHOW query_mode").await, ["local"]);
            assert_eq!(
                shown(&mut other, &format!("SHOW {name}")).await,
                ["default"]
            );
            assert_eq!(shown(&mut other, "SHOW query_mode").await, ["auto"]);
            let frames = other.query("SELECT count(*) FROM orders").await;
            assert_eq!(values(&frames), ["100"]);
        }
        one.query("SELECT count(*) FROM orders").await;
        assert_eq!(
            completed(&one.query("RESET streaming_parallelism").await),
            ["RESET"]
        );
        assert_eq!(shown(&mut one, &format!("SHOW {name}")).await, ["default"]);
        assert_eq!(shown(&mut one, "SHOW query_mode").await, ["local"]);
        assert_eq!(
            completed(&one.query("SET query_mode TO DEFAULT").await),
            ["SET"]
        );
        assert_eq!(shown(&mut one, "SHOW query_mode").await, ["auto"]);
        for forget in ["DISCARD ALL", "RESET ALL"] {
            one.query("SET background_ddl = on").await;
            assert_eq!(shown(&mut one, "SHOW background_ddl").await, ["true"]);
            one.query(forget).await;
            assert_eq!(
                shown(&mut one, "SHOW background_ddl").await,
                ["false"],
                "{forget}"
            );
        }
        one.query("SET background_ddl = on").await;
        drop(one);
        assert_eq!(shown(&mut other, "SHOW background_ddl").await, ["false"]);
        assert_ne!(
            analytic.saw(|sql| sql.contains("SET background_ddl TO DEFAULT")),
            Some(false)
        );
    });
}

#[test]
fn such_a_setting_is_undone_with_its_transaction() {
    run(async {
        let (tide, _analytic) = with("rw_own_rollback", &[], "").await;
        let mut raw = tide.raw().await;
        let name = "SHOW streaming_parallelism";
        for (inside, end, after) in [
            ("SET streaming_parallelism = 2", "ROLLBACK", "default"),
            ("SET LOCAL streaming_parallelism = 2", "COMMIT", "default"),
            ("SET streaming_parallelism = 2", "COMMIT", "2"),
            ("SET LOCAL streaming_parallelism = 3", "ROLLBACK", "2"),
            ("RESET streaming_parallelism", "ROLLBACK", "2"),
            ("RESET ALL", "ROLLBACK", "2"),
            ("RESET streaming_parallelism", "COMMIT", "default"),
        ] {
            for begin in ["BEGIN", "BEGIN; SELECT count(*) FROM customers"] {
                let before = shown(&mut raw, name).await;
                raw.query(begin).await;
                let frames = raw.query(inside).await;
                assert_eq!(
                    (sqlstates(&frames).len(), status(&frames)),
                    (0, 'T'),
                    "{inside}"
                );
                if inside.starts_with("SET") {
                    let value = inside.rsplit(' ').next();
                    assert_eq!(
                        shown(&mut raw, name).await[0].as_str(),
                        value.unwrap_or_default()
                    );
                }
                assert_eq!(completed(&raw.query(end).await), [end]);
                assert_eq!(
                    shown(&mut raw, name).await,
                    [after],
                    "{inside} {end} {before:?}"
                );
                if end == "COMMIT" {
                    break;
                }
            }
        }
        let frames = raw.query("SET LOCAL streaming_parallelism = 3").await;
        assert_eq!(tags(&frames), "NCZ");
        assert_eq!(shown(&mut raw, name).await, ["default"]);
        // A savepoint keeps what was set before it.
        let set = |value: i32| format!("SET streaming_parallelism = {value}");
        raw.query("BEGIN").await;
        raw.query(&set(2)).await;
        raw.query("SAVEPOINT s").await;
        raw.query(&set(3)).await;
        raw.query("ROLLBACK TO s").await;
        assert_eq!(shown(&mut raw, name).await, ["2"]);
        raw.query("COMMIT").await;
        assert_eq!(shown(&mut raw, name).await, ["2"]);
        // A savepoint outside of a transaction is an error, and none of a later one.
        assert_eq!(sqlstates(&raw.query("SAVEPOINT s").await), ["25P01"]);
        raw.query("BEGIN").await;
        raw.query(&set(3)).await;
        assert_eq!(sqlstates(&raw.query("ROLLBACK TO s").await), ["3B001"]);
        raw.query("ROLLBACK").await;
        // What a transaction has set ends with it where another follows at once.
        raw.query("BEGIN").await;
        raw.query(&set(3)).await;
        raw.query("ROLLBACK AND CHAIN").await;
        assert_eq!(shown(&mut raw, name).await, ["2"]);
        raw.query("COMMIT").await;
        // A string is a transaction of its own.
        let local = format!("SET LOCAL streaming_parallelism = 4; {name}");
        let frames = raw.query(&local).await;
        assert_eq!(
            (tags(&frames).as_str(), values(&frames)),
            ("CTDCZ", vec!["4".to_owned()])
        );
        assert_eq!(shown(&mut raw, name).await, ["2"]);
        let frames = raw.query(&format!("{}; SELECT 1 / 0", set(5))).await;
        assert_eq!(sqlstates(&frames), ["22012"]);
        assert_eq!(shown(&mut raw, name).await, ["2"]);
        raw.query(&format!("{}; SELECT 1", set(6))).await;
        assert_eq!(shown(&mut raw, name).await, ["6"]);
    });
}

#[test]
fn a_value_that_it_does_not_take_is_refused_at_once_and_fails_a_transaction() {
    run(async {
        let (tide, _analytic) = with("rw_own_wrong", &[], "").await;
        let mut raw = tide.raw().await;
        raw.query("SET background_ddl = on").await;
        for begin in ["SELECT 1", "BEGIN"] {
            raw.query(begin).await;
            let frames = raw.query("SET background_ddl = 'maybe'").await;
            assert_eq!(sqlstates(&frames), ["22023"]);
            raw.query("ROLLBACK").await;
            assert_eq!(shown(&mut raw, "SHOW background_ddl").await, ["true"]);
            let frames = raw.query("SELECT count(*) FROM orders").await;
            assert_eq!(values(&frames), ["100"]);
        }
    });
}

#[test]
fn a_definition_is_made_under_the_settings_of_its_session() {
    run(async {
        let (tide, analytic) = with("rw_own_ddl", &["ddl: forward"], "").await;
        let mut raw = tide.raw().await;
        raw.query("SET background_ddl = true").await;
        let frames = raw
            .query("CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) AS n FROM orders GROUP BY customer")
            .await;
        assert_eq!(completed(&frames), ["CREATE MATERIALIZED VIEW"]);
        if let Some(double) = analytic.double() {
            let seen = double.seen();
            let at = |text: &str| seen.iter().rposition(|sql| sql.contains(text));
            assert!(at("SET background_ddl TO true") < at("CREATE MATERIALIZED VIEW busy"));
        }
        assert_eq!(values(&raw.query("SELECT sum(n) FROM busy").await), ["100"]);
    });
}

#[test]
fn a_query_that_asks_for_a_setting_gets_the_sessions_value_or_is_refused() {
    run(async {
        let (tide, analytic) = anywhere("rw_current_setting").await;
        let mut raw = tide.raw().await;
        raw.query("SET TimeZone = 'Asia/Tokyo'; SET app.tenant = 'seven'")
            .await;
        let asked = "SELECT current_setting('TimeZone'), count(*) FROM orders";
        assert_eq!(shown(&mut raw, asked).await, ["Asia/Tokyo"]);
        for sql in [
            "SELECT count(*) FROM orders WHERE state = current_setting('app.tenant')",
            "SELECT count(*) FROM orders WHERE state = current_setting('app.tenant', true)",
            "SELECT current_setting('Date' || 'Style') FROM orders",
            "COPY (SELECT current_setting('app.tenant') FROM orders) TO STDOUT",
            "DECLARE c CURSOR WITH HOLD FOR SELECT current_setting('app.tenant') FROM orders",
        ] {
            assert_eq!(sqlstates(&raw.query(sql).await), ["0A000"], "{sql}");
            assert_eq!(
                sqlstates(&raw.batch(&[whole(sql)]).await),
                ["0A000"],
                "{sql}"
            );
        }
        let set = "SELECT set_config('app.tenant', 'eight', false), count(*) FROM orders";
        assert_eq!(sqlstates(&raw.query(set).await), ["25006"]);
        assert_ne!(analytic.saw(|sql| sql.contains("app.tenant")), Some(true));
        // As it is on PostgreSQL, where no analytic relation is named.
        assert_eq!(
            shown(&mut raw, "SELECT current_setting('app.tenant')").await,
            ["seven"]
        );
    });
}
