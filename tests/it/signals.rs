//! The router as a process: reloading, and a graceful end.

use tokio_postgres::NoTls;

use crate::support::program::Served;
use crate::support::tide::{Setup, Sides, open};
use crate::support::wire::{Raw, query, sqlstates, tags, values};
use crate::support::{eventually, http, postgres, run, sql};

async fn raw(served: &Served, sides: &Sides) -> Raw {
    let mut raw = Raw::connect(&served.address).await;
    raw.log_in("app", &sides.database).await;
    raw
}

#[test]
fn a_good_file_is_put_in_force_and_a_bad_one_is_not() {
    run(async {
        let setup = Setup::new("reload_signal").await;
        let yaml = setup.yaml();
        let (mut served, sides) = setup.serve().await;
        let client = postgres::connect(served.port(), "app", &sides.database).await;
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "oltp"
        );
        let rule = "routes: [{ relations: [products], to: analytic }]\n";
        std::fs::write(&served.file, format!("{yaml}\n{rule}")).unwrap();
        served.signal("HUP").await;
        served.logs("configuration reloaded").await;
        eventually("the rule is in force", || async {
            sql::scalar(&client, "SELECT side FROM products").await == "analytic"
        })
        .await;
        std::fs::write(&served.file, format!("{yaml}\nrouts: []\n")).unwrap();
        served.signal("HUP").await;
        served.logs("not reloaded").await;
        let log = served.log();
        assert!(
            log.contains("routs") && log.contains("router.yaml:"),
            "{log}"
        );
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "analytic"
        );
        for (result, count) in [("ok", 1.0), ("failed", 1.0)] {
            let name = format!("tidegate_config_reloads_total{{result=\"{result}\"}}");
            assert_eq!(
                http::sample(&served.http, &name).await,
                Some(count),
                "{result}"
            );
        }
        std::fs::remove_file(&served.file).unwrap();
        served.signal("HUP").await;
        eventually("a missing file is no end either", || async {
            let name = "tidegate_config_reloads_total{result=\"failed\"}";
            http::sample(&served.http, name).await == Some(2.0)
        })
        .await;
        assert!(served.runs());
    });
}

#[test]
fn sigterm_lets_running_statements_finish_and_ends_what_is_at_rest() {
    run(async {
        let (mut served, sides) = Setup::new("drain").await.serve().await;
        let mut idle = raw(&served, &sides).await;
        let mut busy = raw(&served, &sides).await;
        let mut open_transaction = raw(&served, &sides).await;
        open_transaction.query("BEGIN").await;
        // It ends when the test lets it.
        let holder = sides.oltp().await;
        sql::exec(&holder, "SELECT pg_advisory_lock(4711)").await;
        busy.send(&query(
            "SELECT 'finished' FROM (SELECT pg_advisory_lock(4711)) x",
        ))
        .await;
        let server = sides.oltp().await;
        eventually("the statement waits", || async {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()";
            sql::scalar(&server, asked).await == "1"
        })
        .await;
        served.signal("TERM").await;
        let told = idle.rest().await;
        assert_eq!(
            (tags(&told), sqlstates(&told)),
            ("E".to_owned(), vec!["57P01".to_owned()])
        );
        assert!(served.runs(), "it waits for what runs");
        eventually("nobody is let in any more", || async {
            tokio::net::TcpStream::connect(&served.address)
                .await
                .is_err()
        })
        .await;
        let frames = open_transaction
            .query("INSERT INTO notes (body) VALUES ('in time')")
            .await;
        assert_eq!(tags(&frames), "CZ", "a transaction may go on");
        assert_eq!(tags(&open_transaction.query("COMMIT").await), "CZ");
        assert_eq!(sqlstates(&open_transaction.rest().await), ["57P01"]);
        sql::exec(&holder, "SELECT pg_advisory_unlock(4711)").await;
        let frames = busy.until_ready().await;
        assert_eq!(values(&frames), ["finished"]);
        assert_eq!(sqlstates(&busy.rest().await), ["57P01"]);
        assert_eq!(served.ends().await, Some(0));
        assert_eq!(
            sql::scalar(&server, "SELECT count(*) FROM notes").await,
            "1"
        );
    });
}

#[test]
fn the_grace_period_ends_what_does_not_finish() {
    run(async {
        let setup = Setup::new("grace").await.more("shutdown_grace: 1s");
        let (mut served, sides) = setup.serve().await;
        let mut busy = raw(&served, &sides).await;
        busy.send(&query("SELECT pg_sleep(600) /* slow */")).await;
        let server = sides.oltp().await;
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slow%' AND state = 'active' \
                       AND datname = current_database() AND pid <> pg_backend_pid()";
        eventually("it runs", || async {
            sql::scalar(&server, running).await == "1"
        })
        .await;
        served.signal("TERM").await;
        assert_eq!(sqlstates(&busy.rest().await), ["57P01"]);
        assert_eq!(served.ends().await, Some(0));
    });
}

#[test]
fn a_second_signal_ends_at_once() {
    run(async {
        let (mut served, sides) = Setup::new("twice").await.serve().await;
        let mut busy = raw(&served, &sides).await;
        busy.query("BEGIN").await;
        served.signal("TERM").await;
        served.logs("draining").await;
        assert!(served.runs());
        served.signal("INT").await;
        assert_eq!(served.ends().await, Some(0));
        busy.rest().await;
    });
}

#[test]
fn the_log_has_one_line_a_session_and_neither_secrets_nor_statements() {
    run(async {
        let auth = "{ method: scram-sha-256, users: { app: { password: 'open sesame' } } }";
        let setup = Setup::new("log")
            .await
            .auth(auth)
            .more("log: { format: json, level: debug }");
        let (mut served, sides) = setup.serve().await;
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(served.port())
            .user("app")
            .dbname(&sides.database);
        for password in ["open sesame", "wrong sesame"] {
            let opened = open(config.password(password), NoTls).await;
            if let Ok((client, _)) = opened {
                sql::exec(&client, "SELECT 'treasure' FROM orders LIMIT 1").await;
                sql::state(&client, "DELETE FROM orders /* treasure */").await;
            }
        }
        served.logs("session finished").await;
        let log = served.log();
        for line in log.lines() {
            assert!(
                serde_json::from_str::<serde_json::Value>(line).is_ok(),
                "{line}"
            );
        }
        assert_eq!(log.matches("session finished").count(), 1, "{log}");
        for secret in ["sesame", "treasure"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    });
}
