//! Pools, and backends that are down, lost, and back again.

use std::time::Instant;

use tokio_postgres::{Client, NoTls};

use crate::support::gate::Gate;
use crate::support::postgres::{Cluster, PAIR};
use crate::support::tide::{Setup, Tide, open};
use crate::support::wire::{query, sqlstates, status, tags, values, whole};
use crate::support::{eventually, http, run, sql};

const SLOW_ANALYTIC: &str = "SELECT count(*) AS slow FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g";

/// The analytic server's connections of the router's pool, by process id.
async fn pooled(server: &Client) -> Vec<String> {
    let asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tidegate' \
                 AND query NOT LIKE 'SELECT 1' AND query NOT LIKE '%pg_catalog%' AND query <> '' ORDER BY 1";
    let rows = sql::rows(server, asked).await;
    rows.into_iter()
        .map(|row| row[0].clone().unwrap_or_default())
        .collect()
}

async fn slow_runs(server: &Client) {
    eventually("the slow statement runs", || async {
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slow%' \
                     AND datname = current_database() AND pid <> pg_backend_pid()";
        sql::scalar(server, asked).await == "1"
    })
    .await;
}

#[test]
fn sessions_share_analytic_connections() {
    run(async {
        let tide = Setup::new("shared").await.pool("{ size: 1 }").start().await;
        let server = tide.sides.analytic().await;
        let mut seen = Vec::new();
        for _ in 0..10 {
            let client = tide.client().await;
            assert_eq!(
                sql::scalar(&client, "SELECT count(*) FROM orders").await,
                "100"
            );
            seen.extend(pooled(&server).await);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
    });
}

#[test]
fn a_full_pool_makes_statements_wait_and_then_refuses_them_by_its_name() {
    run(async {
        let tide = Setup::new("pool_full")
            .await
            .pool("{ size: 1, wait: 300ms }")
            .start()
            .await;
        let mut holder = tide.raw().await;
        holder.query("BEGIN").await;
        assert_eq!(
            values(&holder.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
        let other = tide.client().await;
        let error = sql::error(&other, "SELECT count(*) FROM orders").await;
        assert_eq!(error.code().code(), "53300");
        assert!(error.message().contains("\"analytic\""), "{error:?}");
        let refused = other
            .query("SELECT count(*) FROM orders", &[])
            .await
            .unwrap_err();
        assert_eq!(sql::db(refused).code().code(), "53300");
        assert_eq!(
            sql::scalar(&other, "SELECT count(*) FROM customers").await,
            "3",
            "OLTP goes on"
        );
        holder.query("COMMIT").await;
        assert_eq!(
            sql::scalar(&other, "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}

#[test]
fn a_waiting_statement_gets_the_connection_that_becomes_free() {
    run(async {
        let tide = Setup::new("pool_wait")
            .await
            .pool("{ size: 1, wait: 60s }")
            .start()
            .await;
        let mut holder = tide.raw().await;
        holder.query("BEGIN").await;
        holder.query("SELECT count(*) FROM orders").await;
        let mut waiter = tide.raw().await;
        waiter.send(&query("SELECT max(id) FROM orders")).await;
        let waiting = || async {
            let name = "tidegate_pool_waiting{backend=\"analytic\"}";
            http::sample(&tide.router.http, name).await == Some(1.0)
        };
        eventually("somebody waits", waiting).await;
        holder.query("COMMIT").await;
        assert_eq!(values(&waiter.until_ready().await), ["100"]);
    });
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_nothing_with_it() {
    run(async {
        let tide = Setup::new("pool_leave")
            .await
            .pool("{ size: 1, wait: 60s }")
            .start()
            .await;
        let mut holder = tide.raw().await;
        holder.query("BEGIN").await;
        holder.query("SELECT count(*) FROM orders").await;
        let mut waiter = tide.raw().await;
        waiter.send(&query("SELECT max(id) FROM orders")).await;
        let waiting = || async {
            let name = "tidegate_pool_waiting{backend=\"analytic\"}";
            http::sample(&tide.router.http, name).await == Some(1.0)
        };
        eventually("somebody waits", waiting).await;
        drop(waiter);
        holder.query("COMMIT").await;
        let other = tide.client().await;
        assert_eq!(
            sql::scalar(&other, "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}

#[test]
fn connections_older_than_their_lifetime_are_replaced() {
    run(async {
        let tide = Setup::new("lifetime")
            .await
            .pool("{ size: 1, lifetime: 1s }")
            .start()
            .await;
        let server = tide.sides.analytic().await;
        let client = tide.client().await;
        sql::exec(&client, "SELECT count(*) FROM orders").await;
        let first = pooled(&server).await;
        let replaced = || async {
            sql::exec(&client, "SELECT count(*) FROM orders").await;
            let now = pooled(&server).await;
            now.len() == 1 && now != first
        };
        eventually("another connection is used", replaced).await;
    });
}

#[test]
fn connections_that_nobody_uses_are_closed() {
    run(async {
        let tide = Setup::new("idle")
            .await
            .pool("{ size: 4, idle: 1s }")
            .start()
            .await;
        let server = tide.sides.analytic().await;
        let clients = [tide.client().await, tide.client().await];
        for client in &clients {
            sql::exec(client, "BEGIN; SELECT count(*) FROM orders").await;
        }
        assert_eq!(pooled(&server).await.len(), 2);
        for client in &clients {
            sql::exec(client, "COMMIT").await;
        }
        eventually("they are closed", || async {
            pooled(&server).await.is_empty()
        })
        .await;
        assert_eq!(
            sql::scalar(&clients[0], "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}

#[test]
fn a_pooled_connection_that_died_unused_is_not_noticed_by_anyone() {
    run(async {
        let tide = Setup::new("stale").await.pool("{ size: 1 }").start().await;
        let server = tide.sides.analytic().await;
        let client = tide.client().await;
        for _ in 0..3 {
            sql::exec(&client, "SELECT count(*) FROM orders").await;
            let pid = pooled(&server).await.remove(0);
            sql::exec(
                &server,
                &format!("SELECT pg_terminate_backend({pid}, 10000)"),
            )
            .await;
            assert_eq!(
                sql::scalar(&client, "SELECT count(*) FROM orders").await,
                "100"
            );
        }
    });
}

#[test]
fn an_analytic_backend_that_is_down_at_the_start_harms_nobody_and_is_found_later() {
    run(async {
        let gate = Gate::shut_to(PAIR.1.port());
        let rule = "routes: [{ relations: [orders], to: analytic }]";
        let setup = Setup::new("down_at_start").await.analytic_port(gate.port());
        let tide = setup.more(rule).discover("1s").start().await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM customers").await,
            "3"
        );
        let error = sql::error(&client, "SELECT count(*) FROM orders").await;
        assert_eq!(error.code().code(), "08006");
        assert!(
            error.message().contains("\"analytic\"") && error.hint().is_some(),
            "{error:?}"
        );
        assert!(
            !format!("{error:?}").contains(&gate.port().to_string()),
            "no address is told"
        );
        let refused = client
            .query("SELECT count(*) FROM orders", &[])
            .await
            .unwrap_err();
        assert_eq!(sql::db(refused).code().code(), "08006");
        assert_eq!(
            sql::state(&client, "DELETE FROM orders").await,
            "25006",
            "the guard stands"
        );
        gate.open().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        let found = || async { sql::route(&client, "SELECT * FROM daily").await.0 == "analytic" };
        eventually("its catalog is read", found).await;
    });
}

#[test]
fn an_analytic_backend_lost_while_it_works_ends_one_statement() {
    run(async {
        let gate = Gate::open_to(PAIR.1.port()).await;
        let tide = Setup::new("lost")
            .await
            .analytic_port(gate.port())
            .start()
            .await;
        let server = tide.sides.analytic().await;
        let mut raw = tide.raw().await;
        for bytes in [
            query(SLOW_ANALYTIC),
            [whole(SLOW_ANALYTIC), crate::support::wire::sync()].concat(),
        ] {
            raw.send(&bytes).await;
            slow_runs(&server).await;
            gate.shut().await;
            let frames = raw.until_ready().await;
            let states = sqlstates(&frames);
            assert!(
                states.len() == 1 && (states[0].starts_with("57P") || states[0] == "08006"),
                "{states:?}"
            );
            assert_eq!(status(&frames), 'I');
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM customers").await),
                ["3"]
            );
            assert_eq!(
                sqlstates(&raw.query("SELECT count(*) FROM orders").await),
                ["08006"]
            );
            gate.open().await;
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
            sql::exec(
                &server,
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query LIKE '%slow%' \
                 AND datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        }
    });
}

#[test]
fn an_analytic_backend_lost_in_a_transaction_fails_it() {
    run(async {
        let gate = Gate::open_to(PAIR.1.port()).await;
        let tide = Setup::new("lost_in_tx")
            .await
            .analytic_port(gate.port())
            .start()
            .await;
        let mut raw = tide.raw().await;
        for extended in [false, true] {
            raw.query("BEGIN").await;
            raw.query("INSERT INTO notes (body) VALUES ('lost')").await;
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
            gate.shut().await;
            let frames = match extended {
                true => raw.batch(&[whole("SELECT count(*) FROM orders")]).await,
                false => raw.query("SELECT count(*) FROM orders").await,
            };
            assert_eq!(sqlstates(&frames).len(), 1);
            assert_eq!(status(&frames), 'E');
            assert_eq!(sqlstates(&raw.query("SELECT 1").await), ["25P02"]);
            assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
            gate.open().await;
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn an_analytic_connection_killed_by_an_administrator_ends_one_statement() {
    run(async {
        let tide = Tide::start("killed").await;
        let server = tide.sides.analytic().await;
        let mut raw = tide.raw().await;
        raw.send(&query(SLOW_ANALYTIC)).await;
        slow_runs(&server).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%slow%' \
                    AND datname = current_database() AND pid <> pg_backend_pid()";
        sql::exec(&server, kill).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57P01".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM customers").await),
            ["3"]
        );
    });
}

#[test]
fn an_oltp_connection_killed_by_an_administrator_ends_the_session_with_the_servers_words() {
    run(async {
        let tide = Tide::with("killed_oltp", "pooling: session").await;
        let server = tide.sides.oltp().await;
        for statement in [None, Some("SELECT pg_sleep(600) /* slow */")] {
            let mut raw = crate::support::wire::Raw::connect(&tide.router.address).await;
            let welcome = raw.log_in("app", &tide.sides.database).await;
            if let Some(statement) = statement {
                raw.send(&query(statement)).await;
                slow_runs(&server).await;
            }
            sql::exec(
                &server,
                &format!("SELECT pg_terminate_backend({})", welcome.pid),
            )
            .await;
            let frames = raw.rest().await;
            assert!(tags(&frames).ends_with('E'), "{frames:?}");
            assert_eq!(sqlstates(&frames), ["57P01"]);
            let last = frames.last().and_then(|frame| frame.field('V'));
            assert_eq!(last.as_deref(), Some("FATAL"));
        }
    });
}

#[test]
fn with_the_oltp_side_down_clients_log_in_and_analytic_reads_go_on() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        let tide = Setup::new("oltp_down")
            .await
            .oltp_port(gate.port())
            .start()
            .await;
        let mut before = tide.raw().await;
        before.query("SELECT 1").await;
        gate.shut().await;
        // A session at rest has no connection that could be lost.
        let frames = before.query("SELECT 1").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["08006".to_owned()], 'I')
        );
        let begun = Instant::now();
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        let error = sql::error(&client, "SELECT count(*) FROM customers").await;
        assert_eq!(error.code().code(), "08006");
        assert!(error.message().contains("\"oltp\""), "{error:?}");
        let refused = client
            .query("SELECT count(*) FROM customers", &[])
            .await
            .unwrap_err();
        assert_eq!(sql::db(refused).code().code(), "08006");
        assert_eq!(sql::state(&client, "DELETE FROM orders").await, "25006");
        let row = client
            .query_one("SELECT count(*) FROM orders WHERE id < $1", &[&11])
            .await
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), 10);
        assert!(
            begun.elapsed() < crate::support::PATIENCE,
            "nothing waits for what is down"
        );
        gate.open().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM customers").await,
            "3"
        );
    });
}

#[test]
fn with_the_oltp_side_never_seen_a_login_is_refused_at_once() {
    run(async {
        let gate = Gate::shut_to(PAIR.0.port());
        let tide = Setup::new("never_seen")
            .await
            .oltp_port(gate.port())
            .start()
            .await;
        let refused = open(&tide.config("app"), NoTls).await.map(drop);
        let error = sql::db(refused.unwrap_err());
        assert_eq!((error.code().code(), error.severity()), ("08006", "FATAL"));
        gate.open().await;
        assert_eq!(sql::scalar(&tide.client().await, "SELECT 1").await, "1");
    });
}

#[test]
fn a_server_that_stops_takes_its_clients_along_and_serves_the_next_ones_when_it_is_back() {
    run(async {
        let server = tokio::task::spawn_blocking(|| Cluster::start("own"))
            .await
            .unwrap();
        let url = server.url("app", "postgres");
        let setup = Setup::new("own_server").await.analytic_url(&url);
        let rule = "routes: [{ relations: [harbour], to: analytic }]";
        let tide = setup.more(rule).start().await;
        let direct = server.client("postgres").await;
        sql::exec(&direct, "CREATE TABLE harbour AS SELECT 1 AS n").await;
        let client = tide.client().await;
        assert_eq!(sql::scalar(&client, "SELECT n FROM harbour").await, "1");
        tokio::task::spawn_blocking(move || drop(server))
            .await
            .unwrap();
        assert_eq!(sql::state(&client, "SELECT n FROM harbour").await, "08006");
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM customers").await,
            "3"
        );
    });
}

#[test]
fn a_reload_brings_new_rules_to_sessions_that_are_there() {
    run(async {
        let tide = Tide::start("reload").await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "oltp"
        );
        let yaml = format!(
            "{}\nroutes: [{{ relations: [products], to: analytic }}]",
            tide.yaml
        );
        tide.router.reload(&yaml).await;
        let moved =
            || async { sql::scalar(&client, "SELECT side FROM products").await == "analytic" };
        eventually("the rule is in force", moved).await;
    });
}
