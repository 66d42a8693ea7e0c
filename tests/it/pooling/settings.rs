//! Settings, roles and startup parameters go where their session goes, and nowhere else.

use super::{backends, narrow, one, pins, raw_with};
use crate::support::tide::Setup;
use crate::support::wire::{sqlstates, tags, values, whole};
use crate::support::{run, sql};

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
fn a_function_in_quotes_is_seen_to_set() {
    run(async {
        let tide = narrow("quoted", 2).await;
        let mut bob = tide.raw().await;
        for call in [
            r#""set_config""#,
            r#"pg_catalog."set_config""#,
            r#""pg_catalog" . "set_config""#,
            r#"U&"set\005fconfig""#,
            r#"PG_CATALOG.Set_Config"#,
        ] {
            for extended in [false, true] {
                let mut anna = tide.raw().await;
                for (name, value) in [("statement_timeout", "77s"), ("app.me", "anna")] {
                    let text = format!("select {call}('{name}', '{value}', false)");
                    let frames = if extended {
                        anna.batch(&[whole(&text)]).await
                    } else {
                        anna.query(&text).await
                    };
                    assert_eq!(values(&frames), [value], "{text}");
                }
                for _ in 0..3 {
                    assert_eq!(one(&mut bob, "SHOW statement_timeout").await, "0", "{call}");
                    let asked = "SELECT coalesce(current_setting('app.me', true), '')";
                    assert_eq!(one(&mut bob, asked).await, "", "{call}");
                    assert_eq!(one(&mut anna, asked).await, "anna", "{call}");
                    assert_eq!(
                        one(&mut anna, "SHOW statement_timeout").await,
                        "77s",
                        "{call}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_copy_before_a_reset_in_one_string_leaves_each_session_its_name() {
    run(async {
        let tide = narrow("copy_reset", 1).await;
        let mut anna = raw_with(&tide, &[("application_name", "anna")]).await;
        let mut bob = raw_with(&tide, &[("application_name", "bob")]).await;
        for text in [
            "COPY (SELECT 1) TO STDOUT; RESET ALL",
            "COPY (SELECT 1) TO STDOUT; DISCARD PLANS; RESET application_name",
            "SELECT 1; RESET ALL",
            "COPY (SELECT 1) TO STDOUT; RESET ALL; COPY (SELECT 2) TO STDOUT",
        ] {
            for _ in 0..2 {
                for (client, name) in [(&mut anna, "anna"), (&mut bob, "bob")] {
                    let frames = client.query(text).await;
                    assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{text}");
                    let told = frames.iter().filter(|frame| frame.tag == 'S');
                    assert_eq!(told.count(), 0, "{text}: its own view has not changed");
                    assert_eq!(one(client, "SHOW application_name").await, name, "{text}");
                }
            }
        }
    });
}

#[test]
fn operators_and_functions_of_users_do_not_mislead_the_router() {
    run(async {
        let setup = Setup::new("misled").await;
        let server = setup.sides().oltp().await;
        let mut evil = "CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO PUBLIC; SET search_path = evil, pg_catalog; \
             CREATE FUNCTION never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION never(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION never(\"char\", \"char\") RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION never(int, int) RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION never(bool) RETURNS bool LANGUAGE sql AS 'SELECT false'; \
             CREATE FUNCTION set_config(text, text, bool) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$; \
             CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$; \
             CREATE FUNCTION current_setting(text, bool) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$; \
             CREATE FUNCTION concat(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$; \
             CREATE FUNCTION pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
             CREATE FUNCTION format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$; \
             CREATE VIEW pg_settings AS SELECT * FROM pg_catalog.pg_settings WHERE false; \
             CREATE VIEW pg_locks AS SELECT * FROM pg_catalog.pg_locks WHERE false; \
             CREATE VIEW pg_cursors AS SELECT * FROM pg_catalog.pg_cursors WHERE false; \
             CREATE VIEW pg_prepared_statements AS SELECT * FROM pg_catalog.pg_prepared_statements WHERE false; \
             CREATE VIEW pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false; "
            .to_owned();
        for kind in ["text", "name", "\"char\"", "oid", "int"] {
            for operator in ["=", "<>", "~", "~*", "!~", "~~", "<", ">", "||"] {
                let result = format!(
                    "CREATE OPERATOR evil.{operator} (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = evil.never); "
                );
                evil.push_str(&result);
            }
        }
        sql::exec(&server, &evil).await;
        let tide = setup.oltp_pool("{ size: 2, wait: 20s }").start().await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.query("SET search_path = evil, pg_catalog").await;
        anna.query("SET statement_timeout = '77s'").await;
        anna.query("SET timezone = 'Asia/Tokyo'; SET app.me = 'anna'")
            .await;
        for _ in 0..3 {
            assert_eq!(one(&mut bob, "SHOW statement_timeout").await, "0");
            assert_eq!(one(&mut bob, "SHOW search_path").await, "\"$user\", public");
            for (name, value) in [
                ("search_path", "evil, pg_catalog"),
                ("statement_timeout", "77s"),
                ("timezone", "Asia/Tokyo"),
                ("app.me", "anna"),
            ] {
                assert_eq!(one(&mut anna, &format!("SHOW {name}")).await, value);
            }
        }
        // What pins is seen as well, and that it is gone.
        for (makes, takes, reason) in [
            ("LISTEN news", "UNLISTEN *", "listen"),
            (
                "SELECT pg_advisory_lock(7)",
                "SELECT pg_advisory_unlock_all()",
                "advisory_lock",
            ),
            (
                "CREATE TEMP TABLE mine (a int)",
                "DROP TABLE mine",
                "temporary_relation",
            ),
            (
                "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT",
                "CLOSE c",
                "held_cursor",
            ),
        ] {
            let frames = anna.query(makes).await;
            assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{makes}");
            one(&mut anna, "SHOW timezone").await;
            assert_eq!(pins(&mut bob).await, [reason], "{makes}");
            anna.query(takes).await;
            one(&mut anna, "SHOW timezone").await;
            assert_eq!(pins(&mut bob).await, Vec::<String>::new(), "{takes}");
        }
    });
}
