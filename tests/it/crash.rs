//! Servers and connections that die, stall or fall silent under load: every acknowledged commit is there, each client is told once, the
//! pool is whole again at once, and nothing is left on the server.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

use crate::support::gate::Gate;
use crate::support::postgres::{Cluster, PAIR};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, sqlstates, status, tags, values};
use crate::support::{eventually, http, run, sql};

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
                matches!(
                    &**state,
                    "57P01" | "57P02" | "57P03" | "08006" | "53300" | "40P01" | "closed"
                )
            };
            assert!(errors.len() == 1 && errors.iter().all(known), "{errors:?}");
            ledger.broken.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
}

/// What happens to the OLTP server's connections.
enum Blow<'a> {
    /// `pg_terminate_backend`.
    Terminate,
    /// The network cuts them.
    Reset(&'a Gate),
    /// Nothing passes for a while.
    Stall(&'a Gate),
    /// The server's end sends no more, and still takes what is sent to it.
    Hush(&'a Gate),
}

impl Blow<'_> {
    async fn strike(&self, server: &Client) {
        match self {
            Blow::Terminate => {
                let kill = format!(
                    "SELECT count(pg_terminate_backend(pid)) FROM ({VICTIMS} LIMIT 2) victims"
                );
                sql::exec(server, &kill).await;
            }
            Blow::Reset(gate) => {
                gate.shut().await;
                gate.open().await;
            }
            Blow::Stall(gate) => {
                gate.stall(true);
                tokio::time::sleep(STALL).await;
                gate.stall(false);
            }
            Blow::Hush(gate) => gate.hush(),
        }
    }

    fn gate(&self) -> Option<&Gate> {
        match self {
            Blow::Terminate => None,
            Blow::Reset(gate) | Blow::Stall(gate) | Blow::Hush(gate) => Some(gate),
        }
    }
}

/// Long enough for everybody to be waiting.
const STALL: Duration = Duration::from_millis(300);

/// The router's connections to the test's database, in any order.
const VICTIMS: &str = "SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database() \
    AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%' ORDER BY random()";

const TABLES: &str = "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL DEFAULT 0); \
    CREATE TABLE history (client int, step int, PRIMARY KEY (client, step)); \
    INSERT INTO accounts SELECT generate_series(0, 7)";

fn narrow(setup: Setup) -> Setup {
    setup.oltp_pool("{ size: 4, wait: 60s }")
}

/// Clients that transfer, until they are told to stop.
struct Crowd {
    ledger: Arc<Ledger>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    fn of(count: usize, tide: &Arc<Tide>) -> Self {
        let ledger = Arc::new(Ledger::default());
        let clients = (0..count)
            .map(|me| tokio::spawn(transfer(Arc::clone(tide), Arc::clone(&ledger), me)))
            .collect();
        Self { ledger, clients }
    }

    fn acknowledged(&self) -> usize {
        self.ledger.acknowledged.load(Ordering::SeqCst)
    }

    fn broken(&self) -> usize {
        self.ledger.broken.load(Ordering::SeqCst)
    }

    /// Waits until some more work is done.
    async fn works(&self) {
        let before = self.acknowledged();
        let works = || async { self.acknowledged() > before + 5 };
        eventually("the pool recovers", works).await;
    }

    /// Ends the work, and sees that all of it is there.
    async fn settles(mut self, server: &Client) -> usize {
        self.ledger.done.store(true, Ordering::SeqCst);
        for client in self.clients.drain(..) {
            client.await.expect("a client that is told one error");
        }
        let (acknowledged, broken) = (self.acknowledged(), self.broken());
        let sum = sql::scalar(server, "SELECT sum(balance) FROM accounts").await;
        assert_eq!(sum, "0");
        let kept = sql::scalar(server, "SELECT count(*) FROM history").await;
        let kept: usize = kept.parse().unwrap();
        // A commit whose answer was lost may be there too.
        assert!(
            (acknowledged..=acknowledged + broken).contains(&kept),
            "{acknowledged} {broken} {kept}"
        );
        broken
    }
}

/// As many as the pool holds get a connection at the same time.
async fn is_whole(tide: &Tide) {
    let mut holders = Vec::new();
    for _ in 0..4 {
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
        holders.push(raw);
    }
    drop(holders);
    let idle = || async {
        let text = http::get(&tide.router.http, "/metrics").await.1;
        text.contains("tidegate_pool_connections{backend=\"oltp\",state=\"active\"} 0")
    };
    eventually("all connections are given back", idle).await;
}

/// What a direct run would not leave is not left.
async fn nothing_is_left(server: &Client) {
    for asked in [
        "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()",
        "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ] {
        eventually(asked, || async { sql::scalar(server, asked).await == "0" }).await;
    }
}

async fn weather(hint: &str, blow: Blow<'_>, blows: usize) -> usize {
    let mut setup = narrow(Setup::new(hint).await);
    if let Some(gate) = blow.gate() {
        setup = setup.oltp_port(gate.port());
    }
    let tide = Arc::new(setup.start().await);
    let server = tide.sides.oltp().await;
    sql::exec(&server, TABLES).await;
    let crowd = Crowd::of(12, &tide);
    for _ in 0..blows {
        crowd.works().await;
        blow.strike(&server).await;
    }
    crowd.works().await;
    let broken = crowd.settles(&server).await;
    is_whole(&tide).await;
    nothing_is_left(&server).await;
    broken
}

#[test]
fn every_acknowledged_commit_is_there_after_backends_were_killed() {
    run(async { assert!(weather("killed", Blow::Terminate, 25).await > 0) });
}

#[test]
fn every_acknowledged_commit_is_there_after_connections_were_reset() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        assert!(weather("reset", Blow::Reset(&gate), 25).await > 0);
    });
}

#[test]
fn every_acknowledged_commit_is_there_after_the_server_fell_silent_on_half_closed_connections() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        assert!(weather("hushed", Blow::Hush(&gate), 25).await > 0);
    });
}

#[test]
fn a_network_that_stalls_is_noticed_by_the_time_it_takes_alone() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        assert_eq!(weather("stalled", Blow::Stall(&gate), 10).await, 0);
    });
}

#[test]
fn a_server_process_that_is_shot_costs_each_client_one_error() {
    run(async {
        let cluster = Cluster::start("shot");
        let setup = narrow(Setup::new("shot").await).oltp_port(cluster.port());
        let database = setup.sides().database.clone();
        let admin = cluster.client("postgres").await;
        // All processes end with the one that is shot, and memory with them: what is acknowledged is on disk only if it was waited for.
        for make in [
            format!("CREATE DATABASE {database} OWNER app"),
            format!("ALTER DATABASE {database} SET synchronous_commit = on"),
        ] {
            sql::exec(&admin, &make).await;
        }
        sql::exec(&cluster.client(&database).await, TABLES).await;
        let tide = Arc::new(setup.start().await);
        let crowd = Crowd::of(12, &tide);
        for _ in 0..3 {
            crowd.works().await;
            let server = cluster.client(&database).await;
            let victim = sql::scalar(&server, &format!("{VICTIMS} LIMIT 1")).await;
            let shot = Command::new("kill").args(["-9", &victim]).status();
            assert!(shot.unwrap().success());
            eventually("the server has noticed", || async { server.is_closed() }).await;
            let accepts = || async { cluster.accepts(&database).await };
            eventually("the server is back", accepts).await;
            let back = Instant::now();
            crowd.works().await;
            let took = back.elapsed();
            assert!(took < Duration::from_secs(1), "{took:?}");
        }
        let server = cluster.client(&database).await;
        assert!(crowd.settles(&server).await > 0);
        is_whole(&tide).await;
        nothing_is_left(&server).await;
    });
}

#[test]
fn with_the_analytic_side_dead_the_other_shows_no_error() {
    run(async {
        let gate = Gate::open_to(PAIR.1.port()).await;
        let setup = narrow(Setup::new("half_dead").await).analytic_port(gate.port());
        let tide = Arc::new(setup.start().await);
        let server = tide.sides.oltp().await;
        sql::exec(&server, TABLES).await;
        let mut reader = tide.raw().await;
        let orders = "SELECT count(*) FROM orders";
        assert_eq!(values(&reader.query(orders).await), ["100"]);
        let crowd = Crowd::of(8, &tide);
        crowd.works().await;
        for _ in 0..3 {
            gate.shut().await;
            for _ in 0..10 {
                crowd.works().await;
                let frames = reader.query(orders).await;
                assert_eq!(sqlstates(&frames), ["08006"], "{frames:?}");
                assert_eq!(status(&frames), 'I');
            }
            // Who logs in meanwhile is let in.
            assert_eq!(values(&tide.raw().await.query("SELECT 1").await), ["1"]);
            gate.open().await;
            let back = || async { sqlstates(&tide.raw().await.query(orders).await).is_empty() };
            eventually("the analytic side is back", back).await;
        }
        assert_eq!(crowd.settles(&server).await, 0);
        is_whole(&tide).await;
        nothing_is_left(&server).await;
    });
}
