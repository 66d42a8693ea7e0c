//! When a connection goes back to the pool: after a client that vanished, a cancel request, a COPY.

use super::{narrow, one, pins};
use crate::support::postgres::Cluster;
use crate::support::tide::Setup;
use crate::support::wire::{
    Raw, cancel, completed, flush, function_call, message, parse, query, sqlstates, status, sync,
    tags, values, whole,
};
use crate::support::{eventually, http, run, sql};

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
fn half_a_message_holds_no_connection() {
    run(async {
        let tide = narrow("half", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let long = format!("SELECT length('{}')", "x".repeat(100_000));
        let beginnings = [
            (query("SELECT 7"), 3),
            (query("SELECT 7"), 8),
            (query(&long), 60_000),
            ([whole("SELECT 7"), sync()].concat(), 1),
            ([whole("SELECT 7"), sync()].concat(), 9),
            ([whole(&long), sync()].concat(), 50_000),
        ];
        let first = [query("SELECT 1"), [whole("SELECT 1"), sync()].concat()];
        for (message, sent) in &beginnings {
            for first in &first {
                for at_once in [true, false] {
                    let begun = &message[..*sent];
                    if at_once {
                        anna.send(&[first, begun].concat()).await;
                        assert_eq!(status(&anna.until_ready().await), 'I');
                    } else {
                        anna.send(first).await;
                        assert_eq!(status(&anna.until_ready().await), 'I');
                        anna.send(begun).await;
                    }
                    assert_eq!(one(&mut bob, "SELECT 2").await, "2", "{sent}");
                    anna.send(&message[*sent..]).await;
                    let frames = anna.until_ready().await;
                    assert!(
                        ["7", "100000"].contains(&&*values(&frames)[0]),
                        "{frames:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_cancel_request_that_comes_too_late_ties_and_hits_nobody() {
    run(async {
        let tide = narrow("late_cancel", 1).await;
        let mut anna = Raw::connect(&tide.router.address).await;
        let welcome = anna.log_in("app", &tide.sides.database).await;
        let mut bob = tide.raw().await;
        for round in 0..30 {
            let seconds = format!("{}ms", 100_001 + round);
            let set = format!("SET statement_timeout = '{seconds}'");
            let message = if round % 2 == 0 {
                query(&set)
            } else {
                [whole(&set), sync()].concat()
            };
            anna.send(&message).await;
            let frames = anna.until_ready().await;
            assert_eq!(sqlstates(&frames), Vec::<String>::new());
            // What the router asks behind the client's back may run now.
            cancel(&tide.router.address, welcome.pid, &welcome.key).await;
            assert_eq!(one(&mut bob, "SHOW statement_timeout").await, "0");
            assert_eq!(pins(&mut bob).await, Vec::<String>::new());
            assert_eq!(one(&mut anna, "SHOW statement_timeout").await, seconds);
        }
    });
}

#[test]
fn a_function_call_gives_the_connection_back() {
    run(async {
        let tide = narrow("function_call", 1).await;
        let mut direct = tide.direct().await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let int4pl = function_call(177, &[&5i32.to_be_bytes(), &7i32.to_be_bytes()]);
        let too_few = function_call(177, &[&5i32.to_be_bytes()]);
        let nowhere = function_call(999_999, &[]);
        for call in [&int4pl, &too_few, &nowhere] {
            direct.send(call).await;
            anna.send(call).await;
            let answer = anna.until_ready().await;
            assert_eq!(answer, direct.until_ready().await);
            assert_eq!(status(&answer), 'I');
            assert_eq!(one(&mut bob, "SELECT 2").await, "2");
        }
        // Within a transaction it is the transaction's.
        for raw in [&mut direct, &mut anna] {
            raw.query("BEGIN").await;
            raw.send(&int4pl).await;
            let frames = raw.until_ready().await;
            assert_eq!((tags(&frames), status(&frames)), ("VZ".to_owned(), 'T'));
            raw.send(&nowhere).await;
            assert_eq!(status(&raw.until_ready().await), 'E');
            raw.send(&int4pl).await;
            assert_eq!(sqlstates(&raw.until_ready().await), ["25P02"]);
            assert_eq!(completed(&raw.query("COMMIT").await), ["ROLLBACK"]);
        }
        assert_eq!(one(&mut bob, "SELECT 2").await, "2");
    });
}

#[test]
fn a_function_call_behind_a_failed_statement_is_skipped_to_sync() {
    run(async {
        let tide = narrow("call_skipped", 1).await;
        let int4pl = function_call(177, &[&5i32.to_be_bytes(), &7i32.to_be_bytes()]);
        let batch = [whole("SELECT 1/0"), int4pl, sync(), query("SELECT 1")].concat();
        let (mut anna, mut direct) = (tide.raw().await, tide.direct().await);
        for raw in [&mut anna, &mut direct] {
            raw.send(&batch).await;
        }
        for _ in 0..2 {
            let expected = direct.until_ready().await;
            assert_eq!(tags(&anna.until_ready().await), tags(&expected));
        }
    });
}

#[test]
fn a_client_that_leaves_behind_a_skipped_function_call_gives_its_connection_back() {
    run(async {
        let tide = narrow("call_left", 1).await;
        let mut anna = tide.raw().await;
        let call = function_call(177, &[]);
        let rest = [sync(), query("SELECT 1"), query("SELECT 2")].concat();
        anna.send(&[whole("SELECT 1/0"), call, rest].concat()).await;
        anna.until('E').await;
        drop(anna);
        assert_eq!(one(&mut tide.raw().await, "SELECT 1").await, "1");
    });
}

#[test]
fn what_was_sent_before_a_goodbye_is_done_and_answered() {
    run(async {
        let tide = narrow("goodbye", 1).await;
        for (raw, who) in [
            (&mut tide.direct().await, "PostgreSQL"),
            (&mut tide.raw().await, "Tidegate"),
        ] {
            let insert = query("INSERT INTO notes (body) VALUES ('kept')");
            let slow = query("SELECT pg_sleep(0.05)");
            raw.send(&[slow, insert, message(b'X', b"")].concat()).await;
            assert_eq!(tags(&raw.rest().await), "TDCZCZ", "{who}");
        }
        let mut other = tide.raw().await;
        assert_eq!(one(&mut other, "SELECT count(*) FROM notes").await, "2");
    });
}

#[test]
fn an_administrator_ends_a_session_at_rest_by_the_process_id_it_was_told() {
    run(async {
        let tide = narrow("terminated", 3).await;
        let server = tide.sides.oltp().await;
        let mut other = tide.raw().await;
        // The second has begun a transaction that the server has not heard of yet.
        for begin in ["SELECT 1", "BEGIN"] {
            let mut raw = Raw::connect(&tide.router.address).await;
            let welcome = raw.log_in("app", &tide.sides.database).await;
            raw.query(begin).await;
            let kill = format!("SELECT pg_terminate_backend({})", welcome.pid);
            assert_eq!(sql::scalar(&server, &kill).await, "t");
            if begin == "BEGIN" {
                raw.send(&query("SELECT 2")).await;
            }
            let told = raw.rest().await;
            assert_eq!(sqlstates(&told), ["57P01"], "{told:?}");
            assert!(!tags(&told).contains('D'));
        }
        assert_eq!(one(&mut other, "SELECT 3").await, "3");
    });
}

#[test]
fn a_restart_of_the_server_ends_no_session_at_rest() {
    run(async {
        let setup = Setup::new("restarted").await;
        let cluster = Cluster::start("restarted");
        let admin = cluster.client("postgres").await;
        let database = &setup.sides().database;
        sql::exec(&admin, &format!("CREATE DATABASE {database}")).await;
        let url = cluster.url("app", "DATABASE");
        let tide = setup.oltp_url(&url).start().await;
        let mut raw = tide.raw().await;
        let pid = one(
            &mut raw,
            "SELECT pg_backend_pid() WHERE pg_backend_pid() > 0",
        )
        .await;
        raw.query("DISCARD ALL").await;
        // At rest: what the router asks after that is answered too.
        let active = "tidegate_pool_connections{backend=\"oltp\",state=\"active\"}";
        eventually("the connection is given back", || async {
            http::sample(&tide.router.http, active).await == Some(0.0)
        })
        .await;
        cluster.restart();
        eventually("statements run again", || async {
            let mut fresh = Raw::connect(&tide.router.address).await;
            fresh.try_log_in("app", &tide.sides.database).await
        })
        .await;
        assert_ne!(one(&mut raw, "SELECT pg_backend_pid()").await, pid);
    });
}
