//! Backends whose url names several servers.

use crate::support::gate::Gate;
use crate::support::postgres::Cluster;
use crate::support::tide::Setup;
use crate::support::{eventually, http, run, sql};

const COUNT: &str = "SELECT count(*) FROM ticks";

/// A server, and one that follows it, both with the table `ticks` in a database of that name.
async fn pair(database: &str) -> (Cluster, Cluster) {
    let primary = Cluster::start("primary");
    let admin = primary.client("postgres").await;
    admin
        .batch_execute(&format!("CREATE DATABASE {database}"))
        .await
        .unwrap();
    let owner = primary.client(database).await;
    owner
        .batch_execute("CREATE TABLE ticks (n int); INSERT INTO ticks VALUES (1), (2)")
        .await
        .unwrap();
    let standby = primary.standby("standby");
    (primary, standby)
}

fn url(servers: &[u16], rest: &str) -> String {
    let hosts: Vec<_> = servers
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    format!(
        "postgres://app@{}/DATABASE?sslmode=disable{rest}",
        hosts.join(",")
    )
}

#[test]
fn readers_are_spread_over_servers_and_each_stays_with_its_own() {
    run(async {
        let setup = Setup::new("spread").await;
        let (primary, standby) = pair(&setup.sides().database).await;
        let gates = [
            Gate::open_to(primary.port()).await,
            Gate::open_to(standby.port()).await,
        ];
        let both = url(&[gates[0].port(), gates[1].port()], "");
        let tide = setup.analytic_url(&both).start().await;
        let seen = |client: usize| {
            let mark = format!("{COUNT} /* {client} */");
            [primary.saw(&mark), standby.saw(&mark)]
        };
        let mut clients = Vec::new();
        for number in 0..4 {
            let client = tide.client().await;
            for _ in 0..3 {
                let read = format!("{COUNT} /* {number} */");
                assert_eq!(sql::scalar(&client, &read).await, "2");
            }
            clients.push(client);
        }
        let places: Vec<_> = (0..4).map(seen).collect();
        // Each statement is logged at its start and with its duration, so the counts are at least three.
        let places: Vec<_> = places
            .iter()
            .map(|[primary, standby]| match (primary, standby) {
                (3.., 0) => 0,
                (0, 3..) => 1,
                both => panic!("a reader changed its server: {both:?} of {places:?}"),
            })
            .collect();
        assert_eq!(places.iter().filter(|place| **place == 0).count(), 2);

        // The server of the first goes away: its reader is served by the other, unharmed.
        gates[places[0]].shut().await;
        assert_eq!(sql::scalar(&clients[0], COUNT).await, "2");
        let metrics = &tide.router.http;
        let down = format!(
            "tidegate_server_up{{backend=\"analytic\",server=\"{}\"}}",
            places[0] + 1
        );
        eventually("the probe sees it", || async {
            http::sample(metrics, &down).await == Some(0.0)
        })
        .await;
        assert_eq!(
            http::sample(metrics, "tidegate_backend_up{backend=\"analytic\"}").await,
            Some(1.0)
        );
        // It comes back: whoever has changed stays where the newer state was seen.
        gates[places[0]].open().await;
        eventually("the probe sees it", || async {
            http::sample(metrics, &down).await == Some(1.0)
        })
        .await;
        let before = seen(7);
        assert_eq!(before, [0, 0]);
        let again = format!("{COUNT} /* 7 */");
        assert_eq!(sql::scalar(&clients[0], &again).await, "2");
        assert_eq!(seen(7)[places[0]], 0);
    });
}

#[test]
fn writes_follow_the_primary_to_a_standby_that_took_its_place() {
    run(async {
        let setup = Setup::new("failover").await;
        let (primary, standby) = pair(&setup.sides().database).await;
        let both = url(
            &[standby.port(), primary.port()],
            "&target_session_attrs=read-write",
        );
        let tide = setup.oltp_url(&both).start().await;
        let client = tide.client().await;
        sql::exec(&client, "SET application_name = 'survivor'").await;
        sql::exec(&client, "INSERT INTO ticks VALUES (3)").await;
        eventually("the standby follows", || async {
            let there = standby.client(&tide.sides.database).await;
            sql::scalar(&there, COUNT).await == "3"
        })
        .await;
        primary.crash();
        standby.promote();
        eventually("writes go on", || async {
            let insert = "INSERT INTO ticks VALUES (4)";
            sql::try_rows(&client, insert).await.is_ok()
        })
        .await;
        assert_eq!(sql::scalar(&client, COUNT).await, "4");
        assert_eq!(
            sql::scalar(&client, "SHOW application_name").await,
            "survivor"
        );
    });
}

#[test]
fn the_minimum_is_kept_open_before_anybody_asks_and_after_it_was_lost() {
    run(async {
        let tide = Setup::new("minimum")
            .await
            .pool("{ size: 4, min: 2 }")
            .start()
            .await;
        let server = tide.sides.analytic().await;
        let pooled = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND application_name = 'tidegate' AND state = 'idle' AND query = ''";
        eventually("the minimum is open", || async {
            sql::scalar(&server, pooled).await == "2"
        })
        .await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'tidegate'";
        sql::rows(&server, kill).await;
        eventually("they are gone", || async {
            sql::scalar(&server, pooled).await == "0"
        })
        .await;
        eventually("the minimum is open again", || async {
            sql::scalar(&server, pooled).await == "2"
        })
        .await;
    });
}
