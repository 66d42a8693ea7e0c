//! Two hundred clients over four connections.

use crate::support::tide::Setup;
use crate::support::wire::{Raw, bind, execute, parse, sqlstates, status, values};
use crate::support::{eventually, http, run, sql};

const CLIENTS: usize = 200;
const ROUNDS: usize = 6;
const ZONES: [&str; 4] = [
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/Lima",
    "Africa/Cairo",
];

async fn narrow(hint: &str) -> Setup {
    let setup = Setup::new(hint).await;
    setup.oltp_pool("{ size: 4, wait: 60s }")
}

async fn one(raw: &mut Raw, text: &str) -> String {
    let frames = raw.query(text).await;
    let value = values(&frames).first().cloned();
    value.unwrap_or_else(|| panic!("{text}: {frames:?}"))
}

/// What one client of many does, and what it must find. Pins are held for a moment only.
async fn live(mut raw: Raw, me: usize) {
    let zone = ZONES[me % ZONES.len()];
    raw.query(&format!("SET timezone = '{zone}'; SET app.me = '{me}'"))
        .await;
    raw.batch(&[parse("mine", &format!("SELECT 'prepared by {me}'"))])
        .await;
    for round in 0..ROUNDS {
        assert_eq!(one(&mut raw, "SHOW timezone").await, zone);
        assert_eq!(
            one(&mut raw, "SELECT current_setting('app.me')").await,
            me.to_string()
        );
        let frames = raw.batch(&[bind("", "mine", &[]), execute("", 0)]).await;
        assert_eq!(values(&frames), [format!("prepared by {me}")]);
        match (me + round) % 6 {
            0 => {
                raw.query(&format!("CREATE TEMP TABLE own AS SELECT {me} AS me"))
                    .await;
                assert_eq!(one(&mut raw, "SELECT me FROM own").await, me.to_string());
                raw.query("DROP TABLE own").await;
            }
            1 => {
                let frames = raw.query(&format!("BEGIN; DECLARE c CURSOR FOR SELECT {me} UNION ALL SELECT -1; SET LOCAL app.me = 'local'")).await;
                assert_eq!(status(&frames), 'T');
                assert_eq!(one(&mut raw, "FETCH 1 FROM c").await, me.to_string());
                assert_eq!(
                    one(&mut raw, "SELECT current_setting('app.me')").await,
                    "local"
                );
                raw.query(if round % 2 == 0 { "COMMIT" } else { "ROLLBACK" })
                    .await;
            }
            2 => {
                assert_eq!(
                    one(&mut raw, &format!("SELECT pg_try_advisory_lock({me})")).await,
                    "t"
                );
                assert_eq!(
                    one(&mut raw, &format!("SELECT pg_advisory_unlock({me})")).await,
                    "t"
                );
            }
            3 => {
                raw.query(&format!("PREPARE own AS SELECT {me}")).await;
                assert_eq!(one(&mut raw, "EXECUTE own").await, me.to_string());
                raw.query("DEALLOCATE own").await;
            }
            4 => {
                raw.query(&format!("BEGIN; INSERT INTO notes (body) VALUES ('{me}')"))
                    .await;
                assert_eq!(
                    one(&mut raw, "SELECT body FROM notes WHERE id = lastval()").await,
                    me.to_string()
                );
                assert_eq!(sqlstates(&raw.query("SELECT 1/0").await), ["22012"]);
                assert_eq!(status(&raw.query("COMMIT").await), 'I');
            }
            _ => {
                let own = format!("DECLARE held CURSOR WITH HOLD FOR SELECT {me}");
                raw.query(&own).await;
                assert_eq!(one(&mut raw, "FETCH held").await, me.to_string());
                raw.query("CLOSE held").await;
                assert_eq!(one(&mut raw, "SELECT count(*) FROM orders").await, "100");
            }
        }
    }
}

#[test]
fn two_hundred_clients_over_four_connections_never_see_each_other() {
    run(async {
        let tide = narrow("crowd").await.start().await;
        let mut clients = Vec::new();
        for me in 0..CLIENTS {
            clients.push(tokio::spawn(live(tide.raw().await, me)));
        }
        for client in clients {
            client.await.expect("a client that sees its own state only");
        }
        let server = tide.sides.oltp().await;
        assert_eq!(
            sql::scalar(&server, "SELECT count(*) FROM notes").await,
            "0"
        );
        let nobody = || async {
            let text = http::get(&tide.router.http, "/metrics").await.1;
            let mut pinned = text
                .lines()
                .filter(|line| line.starts_with("tidegate_pinned_sessions{"));
            pinned.all(|line| line.ends_with(" 0"))
        };
        eventually("nobody is pinned any more", nobody).await;
    });
}
