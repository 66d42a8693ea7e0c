//! Who gets the connection next: turns, a fair line, a deadline, and those who leave it.

use super::{narrow, one};
use crate::support::tide::Setup;
use crate::support::wire::{
    Raw, cancel, completed, query, sqlstates, status, sync, tags, values, whole,
};
use crate::support::{eventually, http, run};

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
fn a_prepared_statement_whose_path_cannot_be_asked_for_is_refused() {
    run(async {
        let setup = Setup::new("full_path").await;
        let tide = setup
            .oltp_pool("{ size: 1, wait: 200ms }")
            .pool("{ size: 1 }")
            .start()
            .await;
        let mut holder = tide.raw().await;
        let mut other = tide.raw().await;
        holder.query("BEGIN").await;
        holder.query("SELECT 1").await;
        let read = "SELECT count(*) FROM orders";
        let frames = other.batch(&[whole(read)]).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["53300".to_owned()], 'I')
        );
        holder.query("COMMIT").await;
        let frames = other.batch(&[whole(read)]).await;
        assert_eq!(values(&frames), ["100"]);
    });
}

#[test]
fn a_cancel_is_not_lost_where_a_connection_comes_free_at_the_same_time() {
    run(async {
        let tide = narrow("cancel_both", 1).await;
        let address = &tide.router.address;
        let (mut first, mut second) = (Raw::connect(address).await, Raw::connect(address).await);
        let one = first.log_in("app", &tide.sides.database).await;
        let two = second.log_in("app", &tide.sides.database).await;
        for round in 0..20 {
            let sql = format!("SELECT pg_sleep(60) AS round_{round}");
            first.send(&query(&sql)).await;
            let runs = || async { tide.sides.oltp_saw().iter().any(|saw| saw.contains(&sql)) };
            eventually("the first runs", runs).await;
            second.send(&query("SELECT pg_sleep(60)")).await;
            let line = "tidegate_pool_waiting{backend=\"oltp\"} 1\n";
            let waits = || async {
                http::get(&tide.router.http, "/metrics")
                    .await
                    .1
                    .contains(line)
            };
            eventually("the second waits", waits).await;
            tokio::join!(
                cancel(address, one.pid, &one.key),
                cancel(address, two.pid, &two.key)
            );
            for raw in [&mut first, &mut second] {
                assert_eq!(sqlstates(&raw.until_ready().await), ["57014"]);
            }
        }
    });
}

#[test]
fn an_error_of_the_routers_own_is_told_before_what_follows_gets_a_connection() {
    run(async {
        let tide = narrow("told_first", 1).await;
        let (mut holder, mut anna) = (tide.raw().await, tide.raw().await);
        let refused = "DELETE FROM orders";
        // From here on the session knows its search path.
        assert_eq!(sqlstates(&anna.query(refused).await), ["25006"]);
        for (first, then) in [
            (query(refused), query("SELECT 1")),
            ([whole(refused), sync()].concat(), query("SELECT 1")),
            (
                [whole(refused), sync()].concat(),
                [whole("SELECT 1"), sync()].concat(),
            ),
            (query(refused), [whole("SELECT 1"), sync()].concat()),
        ] {
            holder.query("BEGIN").await;
            one(&mut holder, "SELECT 1").await;
            anna.send(&[&first[..], &then].concat()).await;
            let frames = anna.until_ready().await;
            assert_eq!(sqlstates(&frames), ["25006"]);
            assert_eq!(status(&frames), 'I');
            assert_eq!(status(&holder.query("COMMIT").await), 'I');
            assert_eq!(values(&anna.until_ready().await), ["1"]);
        }
        // Nor does an error wait for the Sync of its batch.
        anna.send(&whole(refused)).await;
        assert_eq!(anna.until('E').await.pop().unwrap().sqlstate(), "25006");
        assert_eq!(tags(&anna.batch(&[]).await), "Z");
        // An answer of the other side does not wait either.
        holder.query("BEGIN").await;
        one(&mut holder, "SELECT 1").await;
        let orders = [whole("SELECT count(*) FROM orders"), sync()].concat();
        anna.send(&[orders, query("SELECT 1")].concat()).await;
        assert_eq!(values(&anna.until_ready().await), ["100"]);
        holder.query("COMMIT").await;
        assert_eq!(values(&anna.until_ready().await), ["1"]);
    });
}
