//! What the catalogs tell of where rows come from: views, foreign tables, copies; and how soon a change of them is heard of.

use super::at;
use crate::support::http;
use crate::support::postgres::PAIR;
use crate::support::program::{self, folder, shown};
use crate::support::tide::{Setup, Tide};
use crate::support::{eventually, run, sql};

/// The `relations` of `EXPLAIN ROUTE VERBOSE`.
async fn told(client: &tokio_postgres::Client, text: &str) -> String {
    let rows = sql::rows(client, &format!("EXPLAIN ROUTE VERBOSE {text}")).await;
    rows[0][8].clone().expect("relations")
}

#[test]
fn a_view_over_a_foreign_table_of_the_analytic_side_is_known_for_what_it_is() {
    run(async {
        let setup = Setup::new("lineage_view").await;
        let oltp = setup.sides().oltp().await;
        let define = format!(
            "CREATE EXTENSION postgres_fdw; \
             CREATE SERVER lake FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'localhost', port '{}', dbname '{}'); \
             CREATE USER MAPPING FOR app SERVER lake OPTIONS (user 'app'); \
             CREATE FOREIGN TABLE far (id int, qty int) SERVER lake OPTIONS (schema_name 'public', table_name 'orders'); \
             CREATE VIEW mixed AS SELECT c.name, f.qty FROM customers c JOIN far f ON f.id = c.id; \
             CREATE VIEW outer_view AS SELECT * FROM mixed",
            PAIR.1.port(),
            setup.sides().database
        );
        oltp.batch_execute(&define).await.unwrap();
        // A role that may read nothing but the catalog knows as much.
        let plain = PAIR.0.url("plain", &setup.sides().database);
        let tide = setup.oltp_url(&plain).start().await;
        let (_, status) = http::get(&tide.router.http, "/api/status").await;
        assert!(status.matches("\"gaps\":[]").count() == 2, "{status}");
        let client = tide.client().await;
        let far = "fetched from public.orders of analytic by lake, proven by its address";
        let lines = told(&client, "SELECT * FROM mixed").await;
        let wanted = format!(
            "public.mixed: oltp, on oltp\n   on oltp: a view over public.customers, public.far ({far})"
        );
        assert_eq!(lines, wanted);
        let lines = told(&client, "SELECT * FROM far").await;
        assert_eq!(
            lines,
            format!("public.far: oltp, on oltp\n   on oltp: {far}")
        );
        let lines = told(&client, "SELECT * FROM outer_view").await;
        assert!(lines.ends_with("a view over public.mixed"), "{lines}");
        let lines = told(&client, "SELECT * FROM daily").await;
        assert!(
            lines.ends_with("on analytic: a view over public.orders"),
            "{lines}"
        );
        assert_eq!(sql::rows(&client, "SELECT * FROM mixed").await.len(), 3);
    });
}

#[test]
fn a_copy_by_subscription_is_proven_by_its_slot_and_read_once_its_first_copy_is_done() {
    run(async {
        let setup = Setup::new("lineage_copy")
            .await
            .discover("1s")
            .more("routes: [{ relations: [parts], to: analytic }]");
        let (oltp, analytic) = (setup.sides().oltp().await, setup.sides().analytic().await);
        let database = setup.sides().database.clone();
        let table = "CREATE TABLE parts (id int PRIMARY KEY, name text); CREATE VIEW part_names AS SELECT name FROM parts";
        oltp.batch_execute(table).await.unwrap();
        analytic.batch_execute(table).await.unwrap();
        let rows = "INSERT INTO parts VALUES (1, 'bolt'); CREATE PUBLICATION parts_out FOR TABLE parts; DROP VIEW part_names";
        oltp.batch_execute(rows).await.unwrap();
        let slot = format!("slot_{database}");
        let port = PAIR.0.port();
        let subscribe = format!(
            "CREATE SUBSCRIPTION {database} CONNECTION 'host=127.0.0.1 port={port} user=app dbname={database}' \
             PUBLICATION parts_out WITH (slot_name = '{slot}', create_slot = false, enabled = false)"
        );
        let make = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        oltp.batch_execute(&make).await.unwrap();
        analytic.batch_execute(&subscribe).await.unwrap();
        let tide = setup.start().await;
        let client = tide.client().await;
        // Not a row is there yet: the mirrored table stays, what only the analytic side has is refused.
        let text = "SELECT name FROM parts";
        assert_eq!(
            sql::route(&client, text).await,
            at("oltp", "mirrored_not_ready")
        );
        assert_eq!(sql::scalar(&client, text).await, "bolt");
        let error = sql::error(&client, "SELECT * FROM part_names").await;
        assert_eq!(error.code().code(), "55000");
        assert_eq!(
            error.message(),
            "analytic relation \"public.part_names\" is not ready: it reads public.parts, which is not ready"
        );
        assert!(error.hint().unwrap().contains("SHOW tidegate.backends"));
        let backends = sql::rows(&client, "SHOW tidegate.backends").await;
        assert_eq!(
            backends[1][5].as_deref(),
            Some(
                "public.part_names: it reads public.parts, which is not ready\npublic.parts: its first copy is not done"
            )
        );
        let lines = told(&client, text).await;
        let origin = format!(
            "on analytic: copied from public.parts of oltp by {database}, proven by its replication slot"
        );
        assert!(lines.contains(&origin), "{lines}");
        assert!(
            lines.contains("on analytic: not ready, its first copy is not done"),
            "{lines}"
        );

        let enable = format!("ALTER SUBSCRIPTION {database} ENABLE");
        analytic.batch_execute(&enable).await.unwrap();
        eventually("the copy is read", || async {
            sql::route(&client, text).await == at("analytic", "rule")
        })
        .await;
        assert_eq!(
            sql::scalar(&client, "SELECT * FROM part_names").await,
            "bolt"
        );
        let drop = format!("DROP SUBSCRIPTION {database}");
        analytic.batch_execute(&drop).await.unwrap();
    });
}

#[test]
fn check_tells_how_a_relation_is_no_copy_of_its_namesake() {
    run(async {
        let setup = Setup::new("lineage_check")
            .await
            .more("routes: [{ relations: [products, customers], shape: aggregate, to: analytic }]");
        let analytic = setup.sides().analytic().await;
        let define = format!(
            "ALTER TABLE products DROP COLUMN price; \
             CREATE EXTENSION postgres_fdw; \
             CREATE SERVER oltp_server FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{}', dbname '{}'); \
             CREATE FOREIGN TABLE customers (id int) SERVER oltp_server OPTIONS (table_name 'notes')",
            PAIR.0.port(),
            setup.sides().database
        );
        analytic.batch_execute(&define).await.unwrap();
        let folder = folder(&[("router.yaml", &setup.yaml())]);
        let path = shown(&folder.path().join("router.yaml"));
        let said = program::run(&["check", "-c", &path]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        for wanted in [
            "routes[0].relations[0]: warning: on \"analytic\" \"public.products\" lacks columns that it has on \"oltp\": price",
            "routes[0].relations[1]: warning: on \"analytic\" \"public.customers\" is a copy of \"public.notes\" of \"oltp\", not of its namesake on \"oltp\"",
        ] {
            assert!(said.err.contains(wanted), "{wanted}: {}", said.err);
        }
    });
}

#[test]
fn ddl_that_an_event_trigger_tells_of_is_discovered_at_once() {
    run(async {
        let setup = Setup::new("lineage_notify").await;
        let oltp = setup.sides().oltp().await;
        oltp.batch_execute(include_str!("../../../examples/sql/notify_ddl.sql"))
            .await
            .unwrap();
        let tide: Tide = setup.start().await;
        let client = tide.client().await;
        let text = "SELECT * FROM fresh";
        assert_eq!(
            sql::route(&client, text).await,
            at("oltp", "unknown_relation")
        );
        // Past the router, whose interval is an hour.
        oltp.batch_execute("CREATE TABLE fresh (id int)")
            .await
            .unwrap();
        eventually("the new table is known", || async {
            sql::route(&client, text).await == at("oltp", "oltp_relation")
        })
        .await;
        oltp.batch_execute("DROP TABLE fresh").await.unwrap();
        eventually("the table is forgotten", || async {
            sql::route(&client, text).await == at("oltp", "unknown_relation")
        })
        .await;
    });
}
