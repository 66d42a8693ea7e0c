//! Two hundred clients over four connections, and connections that die under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::gate::Gate;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, bind, execute, parse, sqlstates, status, tags, values};
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

const ACCOUNTS: usize = 8;

/// What became of the transfers.
#[derive(Default)]
struct Ledger {
    acknowledged: AtomicUsize,
    broken: AtomicUsize,
    done: AtomicBool,
}

/// Moves money between accounts until told to stop, on a new connection after each that broke.
async fn transfer(tide: Arc<Tide>, ledger: Arc<Ledger>, me: usize) {
    let mut step = 0;
    while !ledger.done.load(Ordering::SeqCst) {
        let mut raw = Raw::connect(&tide.router.address).await;
        if !raw.try_log_in("app", &tide.sides.database).await {
            continue;
        }
        while !ledger.done.load(Ordering::SeqCst) {
            step += 1;
            let (from, to) = (me % ACCOUNTS, (me + step) % ACCOUNTS);
            let text = [
                "BEGIN".to_owned(),
                format!(
                    "UPDATE accounts SET balance = balance - 1 WHERE id = {}",
                    from.min(to)
                ),
                format!(
                    "UPDATE accounts SET balance = balance + 1 WHERE id = {}",
                    from.max(to)
                ),
                format!("INSERT INTO history VALUES ({me}, {step})"),
                "COMMIT".to_owned(),
            ];
            let mut errors = Vec::new();
            let mut committed = false;
            for statement in &text {
                let Some(frames) = raw.try_query(statement).await else {
                    errors.push("closed".to_owned());
                    break;
                };
                committed = statement == "COMMIT" && tags(&frames) == "CZ";
                errors.extend(sqlstates(&frames));
                if !tags(&frames).ends_with('Z') || !errors.is_empty() {
                    break;
                }
            }
            if committed {
                ledger.acknowledged.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let known = |state: &String| {
                matches!(&**state, "57P01" | "08006" | "53300" | "40P01" | "closed")
            };
            assert!(errors.len() == 1 && errors.iter().all(known), "{errors:?}");
            ledger.broken.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
}

async fn weather(hint: &str, gate: Option<&Gate>) {
    let mut setup = narrow(hint).await;
    if let Some(gate) = gate {
        setup = setup.oltp_port(gate.port());
    }
    let tide = Arc::new(setup.start().await);
    let server = tide.sides.oltp().await;
    sql::exec(
        &server,
        "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL DEFAULT 0); \
         CREATE TABLE history (client int, step int, PRIMARY KEY (client, step)); \
         INSERT INTO accounts SELECT generate_series(0, 7)",
    )
    .await;
    let ledger = Arc::new(Ledger::default());
    let mut clients = Vec::new();
    for me in 0..12 {
        clients.push(tokio::spawn(transfer(
            Arc::clone(&tide),
            Arc::clone(&ledger),
            me,
        )));
    }
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE usename = 'app' \
                AND datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%' ORDER BY random() LIMIT 2) victims";
    for _ in 0..25 {
        // Some work is done between two blows.
        let before = ledger.acknowledged.load(Ordering::SeqCst);
        let works = || async { ledger.acknowledged.load(Ordering::SeqCst) > before + 5 };
        eventually("the pool recovers", works).await;
        match gate {
            Some(gate) => {
                gate.shut().await;
                gate.open().await;
            }
            None => sql::exec(&server, kill).await,
        }
    }
    ledger.done.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("a client that is told one error");
    }
    let acknowledged = ledger.acknowledged.load(Ordering::SeqCst);
    let broken = ledger.broken.load(Ordering::SeqCst);
    assert!(broken > 0);
    assert_eq!(
        sql::scalar(&server, "SELECT sum(balance) FROM accounts").await,
        "0"
    );
    let kept: usize = sql::scalar(&server, "SELECT count(*) FROM history")
        .await
        .parse()
        .unwrap();
    // A commit whose answer was lost may be there too.
    assert!(
        (acknowledged..=acknowledged + broken).contains(&kept),
        "{acknowledged} {broken} {kept}"
    );
    // The pool is whole again: as many as it holds get a connection at the same time.
    let mut holders = Vec::new();
    for _ in 0..4 {
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        assert_eq!(one(&mut raw, "SELECT 1").await, "1");
        holders.push(raw);
    }
    drop(holders);
    let idle = || async {
        let text = http::get(&tide.router.http, "/metrics").await.1;
        text.contains("tidegate_pool_connections{backend=\"oltp\",state=\"active\"} 0")
    };
    eventually("all connections are given back", idle).await;
}

#[test]
fn every_acknowledged_commit_is_there_after_backends_were_killed() {
    run(weather("killed", None));
}

#[test]
fn every_acknowledged_commit_is_there_after_connections_were_reset() {
    run(async {
        let gate = Gate::open_to(crate::support::postgres::PAIR.0.port()).await;
        weather("reset", Some(&gate)).await;
    });
}
