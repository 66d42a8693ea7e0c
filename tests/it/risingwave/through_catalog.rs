//! What RisingWave tells of its relations: which PostgreSQL table one mirrors, and whether its rows are all there.
//!
//! Over the double alone: a real server would have to reach the test's PostgreSQL and read its log, and is not told when it is ready.

use crate::support::http::sample;
use crate::support::postgres::PAIR;
use crate::support::sql::{error, exec, last_route, route, rows, scalar};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, tags};
use crate::support::{eventually, run};

use super::anywhere::doubled;
use super::double::{Double, Options};

/// A router in front of a double that mirrors `customers` as itself and as `clients`, with a materialized view over that.
/// `copied`: whether the first copies are done when the router first looks.
async fn mirrored(hint: &str, more: &str, copied: bool) -> (Tide, Double) {
    let setup = Setup::new(hint).await.discover("1s").more(more);
    let (setup, double) = doubled(setup, Options::default()).await;
    let database = &setup.sides().database;
    let mut raw = Raw::connect(&double.address()).await;
    raw.log_in("root", "dev").await;
    let source = format!(
        "create source pg_src with (connector = 'postgres-cdc', hostname = '127.0.0.1', port = '{}', username = 'app', password = 'hush hush', \
         database.name = '{database}', schema.name = 'public', slot.name = 'slot_{database}')",
        PAIR.0.port()
    );
    let oltp = setup.sides().oltp().await;
    let slot =
        format!("SELECT pg_create_logical_replication_slot('slot_{database}', 'pgoutput', true)");
    oltp.batch_execute(&slot).await.expect("a slot");
    for text in [
        &source,
        "create table customers (*) from pg_src table 'public.customers'",
        "create table clients (*) from pg_src table 'public.customers'",
        "create materialized view client_count as select count(*) as n from clients",
    ] {
        assert_eq!(tags(&raw.query(text).await), "CZ", "{text}");
    }
    for name in ["customers", "clients"] {
        double.readiness(name, "Created", copied).await;
    }
    // The slot must not keep the database from being dropped.
    let drop = format!("SELECT pg_drop_replication_slot('slot_{database}')");
    let tide = setup.start().await;
    oltp.batch_execute(&drop).await.expect("no slot");
    (tide, double)
}

#[test]
fn a_mirrored_table_is_known_by_its_definition_and_its_slot_whatever_its_name() {
    run(async {
        let (tide, _double) = mirrored("rw_proof", "", true).await;
        let client = tide.client().await;
        let told = rows(&client, "EXPLAIN ROUTE VERBOSE SELECT * FROM clients").await;
        let told = told[0][8].clone().unwrap();
        assert!(
            told.contains("copied from public.customers of oltp by pg_src, proven by"),
            "{told}"
        );
        let refused = error(&client, "DELETE FROM clients").await;
        assert_eq!(refused.code().code(), "25006");
        assert_eq!(
            refused.hint(),
            Some(
                "Write to \"public.customers\" in \"oltp\", which it is a copy of; the analytic side only answers reads."
            )
        );
        assert_eq!(scalar(&client, "SELECT n FROM client_count").await, "3");
    });
}

#[test]
fn a_mirrored_table_is_read_once_its_first_copy_is_done_and_a_view_once_it_is_filled() {
    run(async {
        let rule = "routes: [{ relations: [customers], shape: aggregate, to: analytic }]";
        let (tide, double) = mirrored("rw_ready", rule, false).await;
        let client = tide.client().await;
        let text = "SELECT count(*) FROM customers";
        assert_eq!(route(&client, text).await.1, "mirrored_not_ready");
        let of_copy = route(&client, "SELECT * FROM clients").await;
        assert_eq!(of_copy.1, "not_ready_on_analytic");
        assert_eq!(scalar(&client, text).await, "3");
        assert_eq!(last_route(&client).await.0, "oltp");
        let refused = error(&client, "SELECT n FROM client_count").await;
        assert_eq!(refused.code().code(), "55000");
        let not_ready = sample(
            &tide.router.http,
            "tidegate_catalog_not_ready{backend=\"analytic\"}",
        );
        assert_eq!(not_ready.await, Some(3.0));
        double.readiness("customers", "Created", true).await;
        double.readiness("clients", "Created", true).await;
        eventually("the copies are done", || async {
            route(&client, text).await.1 == "rule"
                && route(&client, "SELECT n FROM client_count").await.1 == "analytic_relation"
        })
        .await;
        double.readiness("client_count", "Creating", true).await;
        eventually("the view is being filled", || async {
            route(&client, "SELECT n FROM client_count").await.1 == "not_ready_on_analytic"
        })
        .await;
        let backends = rows(&client, "SHOW tidegate.backends").await;
        // What was copied once is not asked for again: only the view is not ready.
        assert_eq!(
            backends[1][5].as_deref(),
            Some("public.client_count: it is being filled")
        );
    });
}

#[test]
fn nothing_is_read_from_a_cluster_that_recovers() {
    run(async {
        let rule = "routes: [{ relations: [customers], shape: aggregate, to: analytic }]";
        let (tide, double) = mirrored("rw_recovery", rule, true).await;
        let client = tide.client().await;
        exec(&client, "SELECT n FROM client_count").await;
        double.recovery("RECOVERING").await;
        eventually("the recovery is known", || async {
            route(&client, "SELECT n FROM client_count").await.1 == "not_ready_on_analytic"
        })
        .await;
        let refused = error(&client, "SELECT n FROM client_count").await;
        assert_eq!(
            refused.message(),
            "analytic relation \"public.client_count\" is not ready: it recovers (RECOVERING)"
        );
        assert_eq!(scalar(&client, "SELECT count(*) FROM customers").await, "3");
        assert_eq!(
            last_route(&client).await,
            ("oltp".to_owned(), "mirrored_not_ready".to_owned())
        );
        double.recovery("RUNNING").await;
        eventually("the cluster is back", || async {
            route(&client, "SELECT n FROM client_count").await.1 == "analytic_relation"
        })
        .await;
        assert_eq!(scalar(&client, "SELECT n FROM client_count").await, "3");
    });
}
