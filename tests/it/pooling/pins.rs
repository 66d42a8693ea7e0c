//! What ties a session to its connection, and for how long.

use super::{narrow, one, pins};
use crate::support::tide::Setup;
use crate::support::wire::{Raw, completed, sqlstates, status};
use crate::support::{eventually, http, run, sql};

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

#[test]
fn a_string_too_long_to_judge_keeps_its_connection() {
    run(async {
        let tide = narrow("long_string", 2).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let text = format!(
            "{}SET timezone = 'Asia/Tokyo'; SET app.me = 'anna'",
            "SELECT;".repeat(100_001)
        );
        let frames = anna.query(&text).await;
        assert_eq!(completed(&frames).len(), 100_003);
        assert_eq!((sqlstates(&frames), status(&frames)), (vec![], 'I'));
        for _ in 0..3 {
            assert_ne!(one(&mut bob, "SHOW timezone").await, "Asia/Tokyo");
            let asked = "SELECT coalesce(current_setting('app.me', true), '')";
            assert_eq!(one(&mut bob, asked).await, "");
            assert_eq!(one(&mut anna, asked).await, "anna");
            assert_eq!(one(&mut anna, "SHOW timezone").await, "Asia/Tokyo");
        }
        assert_eq!(pins(&mut bob).await, ["code"]);
        anna.query("DISCARD ALL").await;
        assert_ne!(one(&mut anna, "SHOW timezone").await, "Asia/Tokyo");
        assert_eq!(pins(&mut bob).await, Vec::<String>::new());
    });
}
