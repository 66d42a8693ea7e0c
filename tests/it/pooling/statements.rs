//! Prepared statements of many clients on one connection: each has its own.

use super::{backends, narrow, one, pins};
use crate::support::wire::{
    bind, bind_in, close, completed, describe, execute, parse, sqlstates, tags, values, whole,
};
use crate::support::{eventually, run};

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
fn statements_of_a_driver_go_on_unpinned_after_sql_prepared_and_deallocated_one() {
    run(async {
        let tide = narrow("sql_prepared", 2).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let mut watcher = tide.raw().await;
        anna.batch(&[parse("mine", "SELECT 'mine'")]).await;
        for (round, extended) in [false, true, false].into_iter().enumerate() {
            for text in ["PREPARE p AS SELECT 'sql'", "EXECUTE p", "DEALLOCATE p"] {
                let frames = if extended {
                    anna.batch(&[whole(text)]).await
                } else {
                    anna.query(text).await
                };
                assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{text}");
                let now = pins(&mut watcher).await;
                assert!(now.iter().all(|reason| reason == "prepared_statement"));
            }
            let other = format!("other{round}");
            for name in ["mine", &other] {
                if name != "mine" {
                    let text = format!("SELECT '{name}'");
                    assert_eq!(tags(&anna.batch(&[parse(name, &text)]).await), "1Z");
                }
                let frames = anna.batch(&[bind("", name, &[]), execute("", 0)]).await;
                assert_eq!(values(&frames), [name]);
                assert_eq!(pins(&mut watcher).await, Vec::<String>::new(), "{name}");
            }
        }
        // One of the driver's own that SQL takes away is gone, as on a direct connection.
        assert_eq!(sqlstates(&anna.query("DEALLOCATE other1").await), [""; 0]);
        let frames = anna.batch(&[bind("", "other1", &[])]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
        let frames = anna.batch(&[bind("", "other2", &[]), execute("", 0)]).await;
        assert_eq!(values(&frames), ["other2"]);
        assert_eq!(pins(&mut watcher).await, Vec::<String>::new());
        assert_eq!(one(&mut bob, "SELECT 1").await, "1");
    });
}

#[test]
fn a_constant_is_read_as_the_sessions_settings_say() {
    run(async {
        let tide = narrow("constants", 1).await;
        let mut clients = [
            (tide.raw().await, tide.direct().await),
            (tide.raw().await, tide.direct().await),
        ];
        let settings = [
            "SET datestyle = 'ISO, MDY'; SET timezone = 'UTC'; SET standard_conforming_strings = on",
            "SET datestyle = 'ISO, DMY'; SET timezone = 'Asia/Tokyo'; SET standard_conforming_strings = off; \
             SET escape_string_warning = off",
        ];
        let texts = [
            "SELECT '01/02/2024'::date",
            "SELECT extract(epoch FROM '2024-01-02 12:00'::timestamptz)",
            r"SELECT length('a\\b')",
        ];
        for ((routed, direct), settings) in clients.iter_mut().zip(settings) {
            for raw in [routed, direct] {
                raw.query(settings).await;
            }
        }
        for round in 0..3 {
            for (at, text) in texts.iter().enumerate() {
                for (routed, direct) in &mut clients {
                    let name = format!("s{at}");
                    let mut batch = Vec::new();
                    if round == 0 {
                        batch.push(parse(&name, text));
                    }
                    batch.extend([bind("", &name, &[]), execute("", 0), whole(text)]);
                    let expected = direct.batch(&batch).await;
                    assert_eq!(values(&expected).len(), 2);
                    assert_eq!(routed.batch(&batch).await, expected, "{text}");
                }
            }
        }
        // What was prepared before a setting changed is what it was.
        for (routed, direct) in &mut clients {
            let change = "SET datestyle = 'ISO, YMD'; SET timezone = 'America/Lima'";
            let expected = direct.query(change).await;
            assert_eq!(routed.query(change).await, expected);
        }
        for (at, text) in texts.iter().enumerate() {
            for (routed, direct) in &mut clients {
                let batch = [bind("", &format!("s{at}"), &[]), execute("", 0)];
                let expected = direct.batch(&batch).await;
                assert_eq!(routed.batch(&batch).await, expected, "{text}");
            }
        }
    });
}

#[test]
fn types_of_parameters_stay_what_the_client_was_told() {
    run(async {
        let tide = narrow("types_stay", 2).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let mut direct = tide.direct().await;
        let make = |table: &str| format!("CREATE TABLE {table} (a int)");
        anna.query(&format!("{}; {}", make("routed"), make("plain")))
            .await;
        let insert = |table: &str| format!("INSERT INTO {table} VALUES ($1)");
        let mut told = Vec::new();
        for (raw, table) in [(&mut anna, "routed"), (&mut direct, "plain")] {
            let batch = [parse("s", &insert(table)), describe('S', "s")];
            told.push(raw.batch(&batch).await);
            let batch = [
                bind_in("", "s", &[1], &[Some(&41i32.to_be_bytes())], &[]),
                execute("", 0),
            ];
            assert_eq!(completed(&raw.batch(&batch).await), ["INSERT 0 1"]);
        }
        assert_eq!(told[0], told[1]);
        bob.query("ALTER TABLE routed ALTER a TYPE bigint; ALTER TABLE plain ALTER a TYPE bigint")
            .await;
        let batch = [
            describe('S', "s"),
            bind_in("", "s", &[1], &[Some(&42i32.to_be_bytes())], &[]),
            execute("", 0),
        ];
        let expected = direct.batch(&batch).await;
        assert_eq!(completed(&expected), ["INSERT 0 1"], "{expected:?}");
        // On the same connection, on each of both while another client has one, and on new ones.
        assert_eq!(anna.batch(&batch).await, expected);
        let mut others = [tide.raw().await, bob];
        for other in &mut others {
            other.query("BEGIN").await;
            one(other, "SELECT 1").await;
            assert_eq!(anna.batch(&batch).await, expected);
            other.query("COMMIT").await;
        }
        // Nobody may be connected to a database that is copied, so what is idle is closed.
        let copy = format!("CREATE DATABASE never TEMPLATE {}", tide.sides.database);
        assert_eq!(sqlstates(&others[1].query(&copy).await), ["55006"]);
        // The direct one stays, and that of who asked.
        eventually("they are gone", || async { backends(&tide).await == "2" }).await;
        assert_eq!(anna.batch(&batch).await, expected);
        let rows = anna
            .query("SELECT string_agg(a::text, ' ' ORDER BY a) FROM routed")
            .await;
        assert_eq!(values(&rows), ["41 42 42 42 42"]);
    });
}

#[test]
fn a_client_that_lists_its_statements_finds_its_own_and_loses_none() {
    run(async {
        let tide = narrow("listed", 2).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let mut direct = tide.direct().await;
        bob.batch(&[parse("b1", "SELECT 'b1'"), parse("a1", "SELECT 'bobs'")])
            .await;
        let prepared = [
            parse("a1", "SELECT 'a1'"),
            parse("a2", "SELECT 'a2' || $1"),
            parse("", "SELECT 'unnamed'"),
        ];
        let lists = "SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name";
        let catalog = "SELECT count(*) FROM pg_catalog.pg_prepared_statements WHERE name LIKE 'a%'";
        for raw in [&mut direct, &mut anna] {
            raw.batch(&prepared).await;
        }
        for _ in 0..2 {
            for asked in [lists, catalog] {
                assert_eq!(anna.query(asked).await, direct.query(asked).await);
                let batch = [whole(asked)];
                assert_eq!(anna.batch(&batch).await, direct.batch(&batch).await);
            }
            for (name, parameters) in [("a1", &[][..]), ("a2", &["x"])] {
                let batch = [bind("", name, parameters), execute("", 0)];
                let expected = direct.batch(&batch).await;
                assert_eq!(anna.batch(&batch).await, expected, "{name}");
            }
            for (name, value) in [("a1", "bobs"), ("b1", "b1")] {
                let frames = bob.batch(&[bind("", name, &[]), execute("", 0)]).await;
                assert_eq!(values(&frames), [value]);
            }
        }
        for raw in [&mut direct, &mut anna] {
            raw.batch(&[close('S', "a1")]).await;
            raw.query("PREPARE sql AS SELECT 1").await;
        }
        assert_eq!(anna.query(lists).await, direct.query(lists).await);
        anna.query("DEALLOCATE ALL").await;
        assert_eq!(values(&anna.query(lists).await), Vec::<String>::new());
        one(&mut anna, "SELECT 1").await;
        assert_eq!(pins(&mut bob).await, Vec::<String>::new());
    });
}
