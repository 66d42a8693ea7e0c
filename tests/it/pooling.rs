//! Many clients over few connections: nobody can tell, and nobody sees another's state.

use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Raw, bind, cancel, close, completed, describe, execute, flush, message, parse, query,
    sqlstates, startup, status, sync, tags, values, whole,
};
use crate::support::{eventually, http, run, sql};

/// A router whose OLTP pool holds `size` connections.
async fn narrow(hint: &str, size: usize) -> Tide {
    narrow_with(hint, size, "").await
}

async fn narrow_with(hint: &str, size: usize, yaml: &str) -> Tide {
    let pool = format!("{{ size: {size}, wait: 20s }}");
    Setup::new(hint)
        .await
        .oltp_pool(&pool)
        .more(yaml)
        .start()
        .await
}

async fn raw_with(tide: &Tide, parameters: &[(&str, &str)]) -> Raw {
    let mut raw = Raw::connect(&tide.router.address).await;
    let mut all = vec![("user", "app"), ("database", tide.sides.database.as_str())];
    all.extend(parameters);
    raw.send(&startup(3 << 16, &all)).await;
    raw.welcomed().await;
    raw
}

async fn one(raw: &mut Raw, text: &str) -> String {
    let frames = raw.query(text).await;
    values(&frames)
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("{text}: {frames:?}"))
}

/// The OLTP server's connections of this test's clients.
async fn backends(tide: &Tide) -> String {
    let server = tide.sides.oltp().await;
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND pid <> pg_backend_pid() AND application_name <> 'tidegate discovery' AND backend_type = 'client backend'";
    sql::scalar(&server, asked).await
}

async fn pins(raw: &mut Raw) -> Vec<String> {
    let frames = raw.query("SHOW tidegate.pins").await;
    let rows = frames.iter().filter(|frame| frame.tag == 'D');
    rows.filter_map(|frame| frame.row().pop().flatten())
        .map(|reason| String::from_utf8_lossy(&reason).into_owned())
        .collect()
}

#[test]
fn clients_take_turns_on_one_connection() {
    run(async {
        let tide = narrow("turns", 1).await;
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(tide.raw().await);
        }
        for round in 0..3 {
            for (at, client) in clients.iter_mut().enumerate() {
                let text = format!("INSERT INTO notes (body) VALUES ('{round} {at}')");
                assert_eq!(status(&client.query(&text).await), 'I');
                assert_eq!(status(&client.batch(&[whole("SELECT 1")]).await), 'I');
            }
        }
        assert_eq!(
            one(&mut clients[3], "SELECT count(*) FROM notes").await,
            "30"
        );
        let asked = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database() \
                     AND query LIKE '%count(DISTINCT pid)%'";
        assert_eq!(one(&mut clients[5], asked).await, "1");
    });
}

#[test]
fn a_transaction_keeps_its_connection_and_others_wait_in_order() {
    run(async {
        let tide = narrow("fifo", 1).await;
        let mut holder = tide.raw().await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(tide.raw().await);
        }
        holder.query("BEGIN").await;
        holder
            .query("INSERT INTO notes (body) VALUES ('first')")
            .await;
        for (at, client) in waiting.iter_mut().enumerate() {
            let text = format!("INSERT INTO notes (body) VALUES ('waiter {at}')");
            client.send(&query(&text)).await;
            let queued = || async {
                let text = http::get(&tide.router.http, "/metrics").await.1;
                text.contains(&format!(
                    "tidegate_pool_waiting{{backend=\"oltp\"}} {}",
                    at + 1
                ))
            };
            eventually("it waits", queued).await;
        }
        assert_eq!(status(&holder.query("COMMIT").await), 'I');
        for client in &mut waiting {
            assert_eq!(status(&client.until_ready().await), 'I');
        }
        let frames = holder.query("SELECT body FROM notes ORDER BY id").await;
        assert_eq!(
            values(&frames),
            ["first", "waiter 0", "waiter 1", "waiter 2"]
        );
    });
}

#[test]
fn one_who_waits_too_long_is_told_which_pool_is_full() {
    run(async {
        let setup = Setup::new("full")
            .await
            .oltp_pool("{ size: 1, wait: 200ms }");
        let tide = setup.start().await;
        let mut holder = tide.raw().await;
        let mut other = tide.raw().await;
        holder.query("BEGIN").await;
        holder.query("SELECT 1").await;
        let frames = other.query("SELECT 1").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["53300".to_owned()], 'I')
        );
        let error = frames.first().unwrap();
        assert!(error.field('M').unwrap().contains("\"oltp\""), "{error:?}");
        let detail = error.field('D').unwrap();
        assert!(
            detail.contains(&tide.sides.database) && detail.contains("1 connections"),
            "{detail}"
        );
        // A transaction that could not get one has failed.
        assert_eq!(status(&other.query("BEGIN").await), 'T');
        let frames = other.query("SELECT 1").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["53300".to_owned()], 'E')
        );
        assert_eq!(completed(&other.query("COMMIT").await), ["ROLLBACK"]);
        holder.query("COMMIT").await;
        assert_eq!(one(&mut other, "SELECT 1").await, "1");
    });
}

#[test]
fn one_who_waits_can_cancel_or_leave() {
    run(async {
        let tide = narrow("leave_queue", 1).await;
        let mut holder = tide.raw().await;
        holder.query("BEGIN").await;
        holder.query("SELECT 1").await;
        let mut canceller = Raw::connect(&tide.router.address).await;
        let welcome = canceller.log_in("app", &tide.sides.database).await;
        canceller.send(&query("SELECT 1")).await;
        let waits = |count: usize| {
            let http = tide.router.http.clone();
            move || {
                let http = http.clone();
                async move {
                    let text = http::get(&http, "/metrics").await.1;
                    text.contains(&format!(
                        "tidegate_pool_waiting{{backend=\"oltp\"}} {count}"
                    ))
                }
            }
        };
        eventually("it waits", waits(1)).await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        let frames = canceller.until_ready().await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57014".to_owned()], 'I')
        );
        eventually("it waits no more", waits(0)).await;
        holder.query("COMMIT").await;
        assert_eq!(one(&mut canceller, "SELECT 2").await, "2");
    });
}

#[test]
fn settings_follow_their_session() {
    run(async {
        let tide = narrow("settings", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let frames = anna.query("SET timezone = 'Asia/Tokyo'").await;
        assert_eq!(tags(&frames), "CSZ", "{frames:?}");
        anna.query(
            "SET app.me = 'anna'; SET search_path = pg_catalog; SET statement_timeout = '77s'",
        )
        .await;
        anna.query("SELECT set_config('app.via', 'function', false)")
            .await;
        let frames = bob.query("SHOW timezone").await;
        assert!(!tags(&frames).contains('S'), "{frames:?}");
        assert_ne!(values(&frames), ["Asia/Tokyo"]);
        assert_eq!(one(&mut bob, "SHOW statement_timeout").await, "0");
        assert_eq!(one(&mut bob, "SHOW search_path").await, "\"$user\", public");
        assert_ne!(
            one(
                &mut bob,
                "SELECT coalesce(current_setting('app.me', true), '')"
            )
            .await,
            "anna"
        );
        bob.query(
            "BEGIN; SET timezone = 'UTC'; SET app.me = 'bob'; ROLLBACK; SET datestyle = 'German'",
        )
        .await;
        let frames = anna.query("SHOW timezone").await;
        assert_eq!(
            (values(&frames), tags(&frames)),
            (vec!["Asia/Tokyo".to_owned()], "TDCZ".to_owned())
        );
        for (name, value) in [
            ("app.me", "anna"),
            ("app.via", "function"),
            ("search_path", "pg_catalog"),
            ("statement_timeout", "77s"),
            ("datestyle", "ISO, MDY"),
        ] {
            assert_eq!(one(&mut anna, &format!("SHOW {name}")).await, value);
        }
        let frames = anna.query("RESET ALL").await;
        assert_eq!(tags(&frames), "CSZ", "{frames:?}");
        one(&mut bob, "SELECT 1").await;
        assert_eq!(one(&mut anna, "SHOW statement_timeout").await, "0");
        assert_eq!(one(&mut bob, "SHOW datestyle").await, "German, DMY");
    });
}

#[test]
fn startup_parameters_are_the_defaults_to_come_back_to() {
    run(async {
        let tide = narrow("startup_defaults", 1).await;
        let options = "-c statement_timeout=33s -c search_path=pg_catalog,public";
        let mut anna = raw_with(
            &tide,
            &[
                ("options", options),
                ("TimeZone", "Asia/Tokyo"),
                ("application_name", "anna"),
            ],
        )
        .await;
        let mut bob = raw_with(&tide, &[("application_name", "bob")]).await;
        for statement in ["RESET ALL", "DISCARD ALL"] {
            anna.query(
                "SET statement_timeout = 0; SET timezone = 'UTC'; SET application_name = 'x'",
            )
            .await;
            assert_eq!(one(&mut bob, "SHOW application_name").await, "bob");
            assert_eq!(one(&mut bob, "SHOW statement_timeout").await, "0");
            let frames = anna.query(statement).await;
            let told: Vec<String> = frames
                .iter()
                .filter(|f| f.tag == 'S')
                .map(|f| String::from_utf8_lossy(&f.body).into_owned())
                .collect();
            assert!(
                told.iter().any(|t| t == "application_name\0anna\0"),
                "{told:?}"
            );
            assert!(
                told.iter().any(|t| t == "TimeZone\0Asia/Tokyo\0"),
                "{told:?}"
            );
            bob.query("RESET ALL").await;
            for (name, value) in [
                ("statement_timeout", "33s"),
                ("timezone", "Asia/Tokyo"),
                ("search_path", "pg_catalog,public"),
                ("application_name", "anna"),
            ] {
                assert_eq!(
                    one(&mut anna, &format!("SHOW {name}")).await,
                    value,
                    "{statement}"
                );
            }
        }
    });
}

#[test]
fn an_application_name_belongs_to_its_session_on_a_shared_connection() {
    run(async {
        let tide = narrow("names", 1).await;
        let mut anna = raw_with(&tide, &[("application_name", "anna")]).await;
        let mut bob = raw_with(&tide, &[("application_name", "bob's")]).await;
        for _ in 0..2 {
            let asked =
                "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()";
            let frames = bob.query(asked).await;
            assert_eq!(
                (values(&frames), tags(&frames)),
                (vec!["bob's".to_owned()], "TDCZ".to_owned())
            );
            assert_eq!(one(&mut anna, asked).await, "anna");
            bob.query("SET application_name = 'other'").await;
            one(&mut anna, "SELECT 1").await;
            assert_eq!(one(&mut bob, asked).await, "other");
            let frames = bob.query("RESET application_name").await;
            assert_eq!(tags(&frames), "CSZ", "{frames:?}");
        }
        assert_eq!(backends(&tide).await, "1");
    });
}

#[test]
fn a_role_travels_and_is_put_down() {
    run(async {
        let tide = narrow("roles", 1).await;
        let server = tide.sides.oltp().await;
        let role = format!("role_{}", tide.sides.database);
        sql::exec(&server, &format!("CREATE ROLE {role}")).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.query(&format!("SET ROLE {role}")).await;
        assert_eq!(one(&mut bob, "SELECT current_user").await, "app");
        assert_eq!(one(&mut anna, "SELECT current_user").await, role);
        bob.query("SELECT 1").await;
        anna.query("RESET ROLE").await;
        assert_eq!(one(&mut bob, "SELECT current_user").await, "app");
        assert_eq!(one(&mut anna, "SELECT current_user").await, "app");
        drop((anna, bob));
        sql::exec(&server, &format!("DROP ROLE {role}")).await;
    });
}

#[test]
fn statements_of_one_name_are_each_clients_own() {
    run(async {
        let tide = narrow("same_name", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        for (client, text) in [
            (&mut anna, "SELECT 'anna ' || $1"),
            (&mut bob, "SELECT 'bob ' || $1"),
        ] {
            assert_eq!(tags(&client.batch(&[parse("s", text)]).await), "1Z");
            assert_eq!(tags(&client.batch(&[parse("", text)]).await), "1Z");
        }
        for _ in 0..3 {
            for (client, name) in [(&mut anna, "anna"), (&mut bob, "bob")] {
                for statement in ["s", ""] {
                    let frames = client
                        .batch(&[bind("", statement, &["x"]), execute("", 0)])
                        .await;
                    assert_eq!(values(&frames), [format!("{name} x")]);
                    let frames = client.batch(&[describe('S', statement)]).await;
                    assert_eq!(tags(&frames), "tTZ");
                }
            }
        }
        // Errors name the statement as the client knows it.
        let frames = anna.batch(&[bind("", "s", &["x", "y"])]).await;
        assert!(
            frames[0].field('M').unwrap().contains("\"s\" requires 1"),
            "{frames:?}"
        );
        let frames = anna.batch(&[parse("s", "SELECT 1")]).await;
        assert_eq!(
            frames[0].field('M').unwrap(),
            "prepared statement \"s\" already exists"
        );
        assert_eq!(tags(&anna.batch(&[close('S', "s")]).await), "3Z");
        let frames = anna.batch(&[bind("", "s", &["x"])]).await;
        assert_eq!(
            frames[0].field('M').unwrap(),
            "prepared statement \"s\" does not exist"
        );
        let frames = anna.batch(&[bind("", "tidegate_1", &["x"])]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
        let frames = bob.batch(&[bind("", "s", &["x"]), execute("", 0)]).await;
        assert_eq!(values(&frames), ["bob x"]);
        assert_eq!(
            completed(&bob.query("DEALLOCATE ALL").await),
            ["DEALLOCATE ALL"]
        );
        assert_eq!(
            sqlstates(&bob.batch(&[bind("", "s", &["x"])]).await),
            ["26000"]
        );
    });
}

#[test]
fn an_unnamed_statement_of_another_client_is_not_met() {
    run(async {
        let tide = narrow("unnamed", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.batch(&[parse("", "SELECT 'secret'")]).await;
        let frames = bob.batch(&[bind("", "", &[]), execute("", 0)]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
        assert_eq!(
            frames[0].field('M').unwrap(),
            "unnamed prepared statement does not exist"
        );
        let frames = anna.batch(&[bind("", "", &[]), execute("", 0)]).await;
        assert_eq!(values(&frames), ["secret"]);
    });
}

#[test]
fn a_statement_prepared_before_ddl_is_not_given_rows_of_another_shape() {
    run(async {
        let tide = narrow("stale", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.query("CREATE TABLE shapes (a int); INSERT INTO shapes VALUES (1)")
            .await;
        let text = "SELECT * FROM shapes";
        assert_eq!(
            tags(&anna.batch(&[parse("s", text), describe('S', "s")]).await),
            "1tTZ"
        );
        bob.query("ALTER TABLE shapes ADD b text DEFAULT 'new'")
            .await;
        // Whoever prepares now gets what is there now, whatever the connection has prepared before.
        let frames = bob
            .batch(&[
                parse("s", text),
                bind("", "s", &[]),
                describe('P', ""),
                execute("", 0),
            ])
            .await;
        assert_eq!(tags(&frames), "12TDCZ", "{frames:?}");
        // Who was told of one column is not given two.
        for _ in 0..2 {
            let frames = anna.batch(&[bind("", "s", &[]), execute("", 0)]).await;
            assert_eq!(sqlstates(&frames), ["0A000"], "{frames:?}");
            assert_eq!(
                frames[0].field('M').unwrap(),
                "cached plan must not change result type"
            );
            assert_eq!(frames[0].field('R').unwrap(), "RevalidateCachedQuery");
        }
        let again = [
            close('S', "s"),
            parse("s", text),
            bind("", "s", &[]),
            execute("", 0),
        ];
        assert_eq!(tags(&anna.batch(&again).await), "312DCZ");
    });
}

#[test]
fn what_cannot_be_carried_pins_until_it_is_gone() {
    run(async {
        let tide = narrow("pins", 2).await;
        let mut client = tide.raw().await;
        let mut watcher = tide.raw().await;
        for (makes, takes, reason) in [
            (
                "CREATE TEMP TABLE mine (a int)",
                "DROP TABLE mine",
                "temporary_relation",
            ),
            (
                "SELECT 1 AS a INTO TEMP mine",
                "DISCARD TEMP",
                "temporary_relation",
            ),
            (
                "CREATE TABLE pg_temp.mine (a int)",
                "DISCARD ALL",
                "temporary_relation",
            ),
            (
                "SET search_path = pg_temp; CREATE TABLE mine (a int)",
                "DROP TABLE mine; RESET search_path",
                "temporary_relation",
            ),
            (
                "SELECT pg_advisory_lock(7)",
                "SELECT pg_advisory_unlock(7)",
                "advisory_lock",
            ),
            (
                "SELECT pg_try_advisory_lock(7)",
                "SELECT pg_advisory_unlock_all()",
                "advisory_lock",
            ),
            ("LISTEN news", "UNLISTEN *", "listen"),
            (
                "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT",
                "CLOSE c",
                "held_cursor",
            ),
            (
                "PREPARE p AS SELECT 1",
                "DEALLOCATE p",
                "prepared_statement",
            ),
            (
                "PREPARE p AS SELECT 1",
                "DEALLOCATE ALL",
                "prepared_statement",
            ),
            (
                "DO $$ BEGIN CREATE TEMP TABLE mine (a int); END $$",
                "DROP TABLE mine",
                "temporary_relation",
            ),
            ("SELECT pg_backend_pid()", "DISCARD ALL", "process_id"),
            (
                "DO $$ BEGIN PERFORM set_config('app.x', 'y', false); END $$",
                "DISCARD ALL",
                "code",
            ),
            (
                "SET SESSION AUTHORIZATION postgres",
                "RESET SESSION AUTHORIZATION",
                "session_authorization",
            ),
            (
                "PREPARE p AS SELECT 1; LISTEN a",
                "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; DEALLOCATE ALL",
                "listen",
            ),
        ] {
            let frames = client.query(makes).await;
            assert_eq!(
                sqlstates(&frames),
                Vec::<String>::new(),
                "{makes}: {frames:?}"
            );
            eventually("it is pinned", || async {
                let mut raw = tide.raw().await;
                pins(&mut raw).await.contains(&reason.to_owned())
            })
            .await;
            let metric = format!("tidegate_pinned_sessions{{reason=\"{reason}\"}} 1");
            let text = http::get(&tide.router.http, "/metrics").await.1;
            assert!(text.contains(&metric), "{makes}: {metric}");
            let frames = client.query(takes).await;
            assert_eq!(
                sqlstates(&frames),
                Vec::<String>::new(),
                "{takes}: {frames:?}"
            );
            one(&mut client, "SELECT 1").await;
            assert_eq!(
                pins(&mut watcher).await,
                Vec::<String>::new(),
                "{makes} and then {takes}"
            );
        }
        // What leaves nothing behind does not pin.
        for text in [
            "BEGIN; CREATE TEMP TABLE mine (a int) ON COMMIT DROP; COMMIT",
            "BEGIN; SELECT pg_advisory_xact_lock(1); COMMIT",
            "BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH c; COMMIT",
            "BEGIN; LISTEN x; ROLLBACK",
            "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()",
            "SET timezone = 'UTC'; SELECT set_config('app.a', 'b', false)",
            "INSERT INTO notes (body) VALUES ('x')",
            "DO $$ BEGIN PERFORM 1; END $$",
        ] {
            client.query(text).await;
            one(&mut client, "SELECT 1").await;
            assert_eq!(pins(&mut watcher).await, Vec::<String>::new(), "{text}");
        }
    });
}

#[test]
fn a_listener_is_told_while_it_is_idle() {
    run(async {
        let tide = narrow("idle_listener", 3).await;
        let (mut listener, mut other) = (tide.raw().await, tide.raw().await);
        listener.query("LISTEN news").await;
        other.query("NOTIFY news, 'extra'").await;
        let frame = listener.frame().await.unwrap();
        assert_eq!(frame.tag, 'A');
        assert!(String::from_utf8_lossy(&frame.body).contains("extra"));
        // The process id that a client is told is that of the connection it listens on.
        let mut told = Raw::connect(&tide.router.address).await;
        drop(other);
        let welcome = told.log_in("app", &tide.sides.database).await;
        let pid = one(&mut told, "SELECT pg_backend_pid()").await;
        assert_eq!(pid, welcome.pid.to_string());
    });
}

#[test]
fn last_values_of_sequences_are_the_sessions_own() {
    run(async {
        let tide = narrow("sequences", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.query("CREATE SEQUENCE a; CREATE SEQUENCE b START 500")
            .await;
        assert_eq!(one(&mut anna, "SELECT nextval('a')").await, "1");
        // Nobody is given another's.
        let frames = bob.query("SELECT lastval()").await;
        assert_eq!(sqlstates(&frames), ["55000"]);
        for _ in 0..2 {
            bob.query("BEGIN").await;
            let mine = one(&mut bob, "SELECT nextval('b')").await;
            assert_eq!(one(&mut bob, "SELECT currval('b')").await, mine);
            bob.query("COMMIT").await;
        }
        assert_eq!(pins(&mut anna).await, Vec::<String>::new());
        // One who asks after the transaction keeps the connection from then on until it has asked.
        let _ = anna.query("SELECT lastval()").await;
        let mine = one(&mut anna, "SELECT nextval('a')").await;
        bob.send(&query("SELECT nextval('b')")).await;
        assert_eq!(one(&mut anna, "SELECT lastval()").await, mine);
        assert_eq!(status(&bob.until_ready().await), 'I');
    });
}

#[test]
fn begin_is_answered_at_once_and_sent_with_the_first_statement() {
    run(async {
        let tide = narrow("deferred", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        for begin in [
            "BEGIN",
            "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
            "begin work",
        ] {
            let frames = anna.query(begin).await;
            let tag = if begin.starts_with('S') {
                "START TRANSACTION"
            } else {
                "BEGIN"
            };
            assert_eq!(
                (completed(&frames), status(&frames)),
                (vec![tag.to_owned()], 'T')
            );
            // It holds nothing.
            assert_eq!(one(&mut bob, "SELECT 1").await, "1");
            let frames = anna.query("SELECT count(*) FROM orders").await;
            assert_eq!(
                (values(&frames), status(&frames)),
                (vec!["100".to_owned()], 'T')
            );
            assert_eq!(one(&mut bob, "SELECT 2").await, "2");
            if begin == "begin work" {
                anna.query("INSERT INTO notes (body) VALUES ('kept')").await;
            }
            let frames = anna.query("COMMIT").await;
            assert_eq!(
                (completed(&frames), status(&frames)),
                (vec!["COMMIT".to_owned()], 'I')
            );
        }
        anna.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await;
        assert_eq!(
            one(&mut anna, "SHOW transaction_isolation").await,
            "repeatable read"
        );
        assert_eq!(sqlstates(&anna.query("DELETE FROM notes").await), ["25006"]);
        assert_eq!(completed(&anna.query("END").await), ["ROLLBACK"]);
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "1");
        // A failed read on the other side fails it, though the server never heard of it.
        anna.query("BEGIN").await;
        assert_eq!(status(&anna.query("DELETE FROM orders").await), 'E');
        let frames = anna.query("SELECT 1").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25P02".to_owned()], 'E')
        );
        assert_eq!(completed(&anna.query("COMMIT").await), ["ROLLBACK"]);
        let saw = tide.sides.oltp_saw();
        let begun = saw
            .iter()
            .filter(|line| line.contains("SERIALIZABLE"))
            .count();
        assert_eq!(begun, 0, "{saw:?}");
    });
}

#[test]
fn begin_in_the_extended_protocol_is_deferred_too() {
    run(async {
        let tide = narrow("deferred_extended", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        assert_eq!(tags(&anna.batch(&[whole("BEGIN")]).await), "12nCZ");
        assert_eq!(one(&mut bob, "SELECT 1").await, "1");
        let frames = anna
            .batch(&[whole("INSERT INTO notes (body) VALUES ('x')")])
            .await;
        assert_eq!((tags(&frames), status(&frames)), ("12nCZ".to_owned(), 'T'));
        assert_eq!(status(&anna.batch(&[whole("ROLLBACK")]).await), 'I');
        // As JDBC sends it: BEGIN and the first statement in one batch.
        let frames = anna
            .batch(&[
                whole("BEGIN"),
                whole("INSERT INTO notes (body) VALUES ('y')"),
            ])
            .await;
        assert_eq!(
            (tags(&frames), status(&frames)),
            ("12nC12nCZ".to_owned(), 'T')
        );
        assert_eq!(status(&anna.batch(&[whole("COMMIT")]).await), 'I');
        // Behind a statement that fails it is not run.
        let frames = anna.batch(&[whole("SELECT 1/0"), whole("BEGIN")]).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22012".to_owned()], 'I')
        );
        // Behind one that does not, it is.
        let frames = anna
            .batch(&[whole("SELECT 1"), whole("BEGIN"), whole("SELECT 2")])
            .await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (
                vec![
                    "SELECT 1".to_owned(),
                    "BEGIN".to_owned(),
                    "SELECT 1".to_owned()
                ],
                'T'
            )
        );
        assert_eq!(completed(&anna.batch(&[whole("COMMIT")]).await), ["COMMIT"]);
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "1");
        // A prepared COMMIT is good for both kinds of transaction.
        anna.batch(&[parse("c", "COMMIT"), parse("b", "BEGIN")])
            .await;
        for statement in ["SELECT 1", "INSERT INTO notes (body) VALUES ('z')"] {
            assert_eq!(
                status(&anna.batch(&[bind("", "b", &[]), execute("", 0)]).await),
                'T'
            );
            anna.query(statement).await;
            assert_eq!(
                status(&anna.batch(&[bind("", "c", &[]), execute("", 0)]).await),
                'I'
            );
        }
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "2");
    });
}

#[test]
fn an_eager_begin_reaches_the_server_at_once() {
    run(async {
        let tide = narrow_with("eager", 2, "begin: eager").await;
        let mut client = tide.raw().await;
        client.query("BEGIN").await;
        let server = tide.sides.oltp().await;
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
        assert_eq!(sql::scalar(&server, asked).await, "1");
        assert_eq!(completed(&client.query("COMMIT").await), ["COMMIT"]);
    });
}

#[test]
fn a_transaction_left_open_too_long_is_ended() {
    run(async {
        let tide = narrow_with("idle_in_tx", 1, "limits: { idle_in_transaction: 300ms }").await;
        let mut client = tide.raw().await;
        client.query("BEGIN").await;
        client
            .query("INSERT INTO notes (body) VALUES ('forgotten')")
            .await;
        let frames = client.rest().await;
        assert_eq!(sqlstates(&frames), ["25P03"]);
        let mut other = tide.raw().await;
        assert_eq!(one(&mut other, "SELECT count(*) FROM notes").await, "0");
    });
}

#[test]
fn databases_go_by_the_clients_name_or_are_mapped() {
    run(async {
        let setup = Setup::new("mapped").await;
        let database = setup.sides().database.clone();
        let tide = setup
            .more(&format!(
                "databases: [{{ name: 'shop_*', to: {database} }}]"
            ))
            .start()
            .await;
        let mut raw = Raw::connect(&tide.router.address).await;
        raw.log_in("app", "shop_eu").await;
        assert_eq!(one(&mut raw, "SELECT current_database()").await, database);
        // As a test runner does it: made, used, left, and dropped, with idle connections in between.
        let fresh = format!("{database}_test");
        for _ in 0..3 {
            let frames = raw.query(&format!("CREATE DATABASE {fresh}")).await;
            assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{frames:?}");
            let mut tester = Raw::connect(&tide.router.address).await;
            tester.log_in("app", &fresh).await;
            tester.query("CREATE TABLE t (a int)").await;
            tester.send(&message(b'X', b"")).await;
            drop(tester);
            let copied = raw
                .query(&format!("CREATE DATABASE {fresh}_2 TEMPLATE {fresh}"))
                .await;
            assert_eq!(sqlstates(&copied), Vec::<String>::new(), "{copied:?}");
            for name in [format!("{fresh}_2"), fresh.clone()] {
                let frames = raw.query(&format!("DROP DATABASE {name}")).await;
                assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{frames:?}");
            }
        }
        let mut gone = Raw::connect(&tide.router.address).await;
        gone.send(&startup(3 << 16, &[("user", "app"), ("database", &fresh)]))
            .await;
        assert_eq!(sqlstates(&gone.rest().await), ["3D000"]);
    });
}

#[test]
fn a_client_that_vanishes_in_a_transaction_leaves_no_trace() {
    run(async {
        let tide = narrow("vanished", 1).await;
        for _ in 0..3 {
            let mut client = tide.raw().await;
            client.query("BEGIN").await;
            client
                .query("INSERT INTO notes (body) VALUES ('lost')")
                .await;
            drop(client);
            let mut client = tide.raw().await;
            client.query("SET timezone = 'Asia/Tokyo'").await;
            client
                .send(
                    &[
                        query("SELECT pg_sleep(0.01)"),
                        parse("s", "SELECT 1"),
                        flush(),
                    ]
                    .concat(),
                )
                .await;
            drop(client);
        }
        let mut other = tide.raw().await;
        assert_eq!(one(&mut other, "SELECT count(*) FROM notes").await, "0");
        assert_ne!(one(&mut other, "SHOW timezone").await, "Asia/Tokyo");
    });
}

#[test]
fn a_cancel_request_reaches_the_statement_where_it_runs_now() {
    run(async {
        let tide = narrow("cancel_pooled", 2).await;
        let mut first = Raw::connect(&tide.router.address).await;
        let welcome = first.log_in("app", &tide.sides.database).await;
        let mut second = tide.raw().await;
        // Both have been on both connections.
        for client in [&mut first, &mut second] {
            client.query("SELECT 1").await;
        }
        first.send(&query("SELECT pg_sleep(600) /* first */")).await;
        second.send(&query("SELECT pg_sleep(1) /* second */")).await;
        let server = tide.sides.oltp().await;
        eventually("both run", || async {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%/*%' AND datname = current_database() AND pid <> pg_backend_pid()";
            sql::scalar(&server, asked).await == "2"
        })
        .await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        assert_eq!(sqlstates(&first.until_ready().await), ["57014"]);
        assert_eq!(sqlstates(&second.until_ready().await), Vec::<String>::new());
        // Too late for anything: nobody is hit.
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        for _ in 0..20 {
            assert_eq!(one(&mut second, "SELECT 1").await, "1");
            assert_eq!(one(&mut first, "SELECT 1").await, "1");
        }
    });
}

#[test]
fn copy_and_its_failures_give_the_connection_back() {
    run(async {
        let tide = narrow("copy_pooled", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        for extended in [false, true] {
            for ends_well in [true, false] {
                let text = "COPY notes (body) FROM STDIN";
                if extended {
                    anna.send(&[whole(text), sync()].concat()).await;
                } else {
                    anna.send(&query(text)).await;
                }
                anna.until('G').await;
                anna.send(&message(b'd', b"copied\n")).await;
                anna.send(&if ends_well {
                    message(b'c', b"")
                } else {
                    message(b'f', b"no\0")
                })
                .await;
                if extended {
                    anna.send(&sync()).await;
                }
                assert_eq!(status(&anna.until_ready().await), 'I');
                one(&mut bob, "SELECT 1").await;
            }
        }
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "2");
        let frames = bob.query("COPY notes (body) TO STDOUT").await;
        assert_eq!(tags(&frames), "HddcCZ");
    });
}

#[test]
fn what_functions_and_triggers_leave_is_not_met_by_others() {
    run(async {
        let setup = Setup::new("left_by_code").await;
        let server = setup.sides().oltp().await;
        sql::exec(
            &server,
            "CREATE FUNCTION set_tenant(text) RETURNS text LANGUAGE plpgsql AS \
               $$ BEGIN RETURN set_config('app.tenant', $1, false); END $$; \
             CREATE FUNCTION local_tenant(text) RETURNS text LANGUAGE plpgsql AS \
               $$ BEGIN RETURN set_config('app.tenant', $1, true); END $$; \
             CREATE FUNCTION on_note() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN PERFORM set_config('app.tenant', 'trigger', false); PERFORM pg_advisory_lock(9); RETURN new; END $$; \
             CREATE TABLE watched (id int); \
             CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION on_note()",
        )
        .await;
        let tide = setup.oltp_pool("{ size: 2, wait: 20s }").start().await;
        let mut other = tide.raw().await;
        for (text, value) in [
            ("SELECT set_tenant('mine')", "mine"),
            ("INSERT INTO watched VALUES (1)", "trigger"),
        ] {
            let mut client = tide.raw().await;
            assert_eq!(sqlstates(&client.query(text).await), Vec::<String>::new());
            for _ in 0..4 {
                let asked = "SELECT coalesce(current_setting('app.tenant', true), '')";
                assert_eq!(one(&mut client, asked).await, value, "{text}");
                assert_eq!(one(&mut other, asked).await, "", "{text}");
                let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
                assert_eq!(one(&mut other, locks).await, "0", "{text}");
            }
            assert!(
                pins(&mut other).await.contains(&"code".to_owned()),
                "{text}"
            );
        }
        let nobody = || async { pins(&mut tide.raw().await).await.is_empty() };
        eventually("those sessions are gone", nobody).await;
        let mut client = tide.raw().await;
        client.query("SELECT local_tenant('x')").await;
        one(&mut client, "SELECT 1").await;
        assert_eq!(pins(&mut client).await, Vec::<String>::new());
    });
}
