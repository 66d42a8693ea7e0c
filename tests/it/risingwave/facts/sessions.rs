//! Rows 17 to 20, 29, 30 and 35: settings, what resets them, strings of statements, cancels, cursors.

use crate::support::run;
use crate::support::wire::{cancel, query, tags, values};

use super::{SUBJECT, done, read, refused, session, session_with_key, syntax_error, text};

#[test]
fn fact_17_discard_all_resets_nothing_and_set_to_default_does() {
    run(async {
        let mut raw = session().await;
        done(&mut raw, "set timezone = 'Europe/Berlin'").await;
        done(&mut raw, "declare k cursor for select 1").await;
        assert_eq!(done(&mut raw, "discard all").await, ["DISCARD"]);
        assert_eq!(read(&mut raw, "show timezone").await, ["Europe/Berlin"]);
        assert_eq!(read(&mut raw, "fetch 1 from k").await, ["1"]);
        done(&mut raw, "set timezone to default").await;
        assert_eq!(read(&mut raw, "show timezone").await, ["UTC"]);
        done(&mut raw, "close all").await;
    });
}

#[test]
fn fact_17_there_is_no_reset_and_nothing_of_what_poolers_send() {
    run(async {
        let mut raw = session().await;
        for (sql, found) in [
            ("reset all", "found: reset"),
            ("reset statement_timeout", "found: reset"),
            ("unlisten *", "found: unlisten"),
            ("listen ch", "found: listen"),
            ("notify ch", "found: notify"),
            ("lock table x", "found: lock"),
            ("set role none", "found: none"),
            ("set session authorization default", "found: default"),
            ("discard plans", "expected ALL, found: plans"),
        ] {
            syntax_error(&mut raw, sql, found).await;
        }
        let (_, text) = refused(&mut raw, "select pg_advisory_unlock_all()").await;
        assert!(
            text.contains("function pg_advisory_unlock_all() does not exist"),
            "{text}"
        );
        let pool = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";
        syntax_error(&mut raw, pool, "found: UNLISTEN\nLINE 3: UNLISTEN *;").await;
    });
}

#[test]
fn fact_17_prepare_and_deallocate_do_nothing_and_execute_is_refused() {
    run(async {
        let mut raw = session().await;
        for sql in ["prepare p1 as select 1", "deallocate p1", "deallocate all"] {
            let frames = raw.query(sql).await;
            assert_eq!(tags(&frames), "NCZ");
            assert!(
                text(&frames).contains("is not supported yet.\nFor compatibility"),
                "{}",
                text(&frames)
            );
        }
        assert!(
            refused(&mut raw, "execute p1")
                .await
                .1
                .contains("Feature is not yet implemented: Unhandled statement: EXECUTE p1")
        );
    });
}

#[test]
fn fact_18_the_list_of_settings_is_closed() {
    run(async {
        let mut raw = session().await;
        let unknown = [
            "default_transaction_isolation",
            "default_transaction_read_only",
            "transaction_read_only",
            "work_mem",
            "jit",
            "synchronous_commit",
            "is_superuser",
            "max_connections",
            "search_paths",
        ];
        for name in unknown {
            for sql in [
                format!("set {name} = off"),
                format!("show {name}"),
                format!("select current_setting('{name}')"),
            ] {
                let (code, text) = refused(&mut raw, &sql).await;
                assert_eq!(code, "XX000");
                assert!(
                    text.contains(&format!("Unrecognized config entry `{name}`")),
                    "{sql}: {text}"
                );
            }
        }
        syntax_error(
            &mut raw,
            "set my.custom = 'x'",
            "expected '=' or 'TO' after config parameter, found: .",
        )
        .await;
        syntax_error(&mut raw, "set names 'UTF8'", "found: 'UTF8'").await;
        for sql in [
            "set lock_timeout = 1000",
            "set extra_float_digits = 3",
            "set datestyle = 'German'",
            "set row_security = off",
        ] {
            assert_eq!(done(&mut raw, sql).await, ["SET_VARIABLE"]);
        }
        assert!(
            refused(&mut raw, "set client_encoding to 'LATIN1'")
                .await
                .1
                .contains("Only support 'UTF8' for CLIENT_ENCODING")
        );
        assert!(
            refused(&mut raw, "set timezone = 'Nowhere/Land'")
                .await
                .1
                .contains("Not a valid timezone")
        );
    });
}

#[test]
fn fact_18_a_statement_timeout_needs_its_unit() {
    run(async {
        let mut raw = session().await;
        for sql in [
            "set statement_timeout = 5000",
            "select set_config('statement_timeout', '7', false)",
        ] {
            assert!(
                refused(&mut raw, sql)
                    .await
                    .1
                    .contains("time unit is required: ms s min h d")
            );
        }
        done(&mut raw, "set statement_timeout = '5s'").await;
        assert_eq!(read(&mut raw, "show statement_timeout").await, ["5000ms"]);
        done(&mut raw, "set statement_timeout = 0").await;
        assert_eq!(
            read(&mut raw, "select current_setting('statement_timeout')").await,
            ["0ms"]
        );
    });
}

#[test]
fn fact_18_no_setting_is_reported() {
    run(async {
        let mut raw = session().await;
        for sql in [
            "set application_name = 'x'",
            "set timezone = 'Europe/Berlin'",
            "set datestyle = 'ISO, MDY'",
        ] {
            assert_eq!(tags(&raw.query(sql).await), "CZ");
        }
    });
}

#[test]
fn fact_19_show_takes_everything_to_the_end_for_a_name() {
    run(async {
        let mut raw = session().await;
        let (_, text) = refused(&mut raw, "show application_name; show timezone").await;
        assert!(
            text.contains("Unrecognized config entry `application_name show timezone`"),
            "{text}"
        );
    });
}

#[test]
fn fact_20_a_string_is_read_whole_and_runs_up_to_its_first_error() {
    run(async {
        let mut raw = session().await;
        assert_eq!(tags(&raw.query("select 1; selec 2; select 3").await), "EZ");
        assert_eq!(
            tags(&raw.query("select 1; select from; select 3").await),
            "EZ"
        );
        assert_eq!(
            tags(&raw.query("select 1; select 1/0; select 3").await),
            "TDCEZ"
        );
        for sql in ["", ";", ";;", "   ", "-- comment"] {
            assert_eq!(tags(&raw.query(sql).await), "IZ", "{sql:?}");
        }
    });
}

#[test]
fn fact_29_a_cancel_by_the_right_key_ends_what_runs() {
    run(async {
        let (mut raw, welcome) = session_with_key().await;
        raw.send(&query("select pg_sleep(60)")).await;
        assert_eq!(raw.frame().await.expect("columns").tag, 'T');
        cancel(&SUBJECT.address, welcome.pid, &999_999_i32.to_be_bytes()).await;
        cancel(&SUBJECT.address, welcome.pid, &welcome.key).await;
        let frames = raw.until_ready().await;
        assert_eq!(tags(&frames), "EZ");
        assert_eq!(frames[0].sqlstate(), "XX000");
        assert!(
            text(&frames).contains("Task aborted: cancelled"),
            "{}",
            text(&frames)
        );
        assert_eq!(read(&mut raw, "select 1").await, ["1"]);
    });
}

#[test]
fn fact_29_a_cancel_that_comes_as_a_statement_ends_leaves_nothing_behind() {
    run(async {
        let (mut raw, welcome) = session_with_key().await;
        let send = || cancel(&SUBJECT.address, welcome.pid, &welcome.key);
        for _ in 0..60 {
            raw.send(&query("select count(*) from generate_series(1, 20000)"))
                .await;
            let cancels = async { tokio::join!(send(), send(), send(), send()) };
            let (frames, _) = tokio::join!(raw.until_ready(), cancels);
            assert!(matches!(&*tags(&frames), "TDCZ" | "EZ" | "TEZ"));
            assert_eq!(read(&mut raw, "select 1").await, ["1"]);
        }
    });
}

#[test]
fn fact_29_kill_does_the_same_from_sql() {
    run(async {
        let (mut raw, welcome) = session_with_key().await;
        let mut other = session().await;
        raw.send(&query("select pg_sleep(60)")).await;
        assert_eq!(raw.frame().await.expect("columns").tag, 'T');
        assert_eq!(
            done(&mut other, &format!("kill '1:{}'", welcome.pid)).await,
            ["KILL"]
        );
        assert!(text(&raw.until_ready().await).contains("Task aborted: cancelled"));
        assert!(
            refused(&mut other, "kill '9:9'")
                .await
                .1
                .contains("worker 9 not found")
        );
        assert_eq!(read(&mut other, "select pg_cancel_backend(1)").await, ["f"]);
    });
}

#[test]
fn fact_30_a_statement_timeout_ends_what_waits() {
    run(async {
        let mut raw = session().await;
        done(&mut raw, "set statement_timeout = '1s'").await;
        let frames = raw.query("select pg_sleep(20)").await;
        assert_eq!(tags(&frames), "TEZ");
        assert!(
            text(&frames).contains("Query cancelled: timeout after 1 seconds"),
            "{}",
            text(&frames)
        );
    });
}

#[test]
fn fact_35_cursors_live_outside_of_transactions_and_know_few_words() {
    run(async {
        let mut raw = session().await;
        done(
            &mut raw,
            "declare c cursor for select * from generate_series(1, 3)",
        )
        .await;
        assert_eq!(read(&mut raw, "fetch 2 from c").await, ["1", "2"]);
        let frames = raw.query("fetch next from c").await;
        assert_eq!(
            (values(&frames), tags(&frames)),
            (vec!["3".to_owned()], "TDCZ".to_owned())
        );
        assert_eq!(tags(&raw.query("fetch next from c").await), "TCZ");
        for (sql, found) in [
            ("fetch all from c", "invalid number"),
            ("fetch forward 2 from c", "invalid number"),
            ("move 1 from c", "found: move"),
            (
                "declare d cursor with hold for select 1",
                "expected FOR, found: with",
            ),
            (
                "declare d no scroll cursor for select 1",
                "expected CURSOR, found: no",
            ),
            (
                "declare d binary cursor for select 1",
                "expected CURSOR, found: binary",
            ),
        ] {
            syntax_error(&mut raw, sql, found).await;
        }
        done(&mut raw, "close c").await;
        assert!(
            refused(&mut raw, "fetch 1 from c")
                .await
                .1
                .contains("Cannot find cursor `c`")
        );
        let (_, text) = refused(&mut raw, "select 1 from pg_catalog.pg_cursors").await;
        assert!(
            text.contains(
                "pg_catalog.pg_cursors is not supported, please use `SHOW` commands for now."
            ),
            "{text}"
        );
    });
}
