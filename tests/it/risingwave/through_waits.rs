//! Tidegate in front of an analytic side that takes long: timeouts and cancels.

use crate::support::eventually;
use crate::support::postgres::PAIR;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{self, Frame, Raw, Welcome, sqlstates, status, tags, values};
use crate::support::{http, run};

use super::anywhere::{analytic, anywhere};
use super::double::Mischief;
use super::through::over_double;
use super::through_failures::the_error;

/// Of one row: where there are more, RisingWave may sleep for each before it counts them.
const SLOW: &str = "SELECT pg_sleep(60) AS slow FROM orders WHERE id = 1";
const TIMEOUT: &str = "canceling statement due to statement timeout";
const BY_USER: &str = "canceling statement due to user request";

/// What the only error says, with the status behind it.
fn said(frames: &[Frame]) -> (String, String, char) {
    let error = the_error(frames);
    let message = error.field('M').unwrap_or_default();
    (error.sqlstate(), message, status(frames))
}

fn told(message: &str, status: char) -> (String, String, char) {
    ("57014".to_owned(), message.to_owned(), status)
}

/// Cancels a statement once the analytic side has got it, and reads the answer.
async fn cancelled(
    tide: &Tide,
    messages: &[u8],
    there: impl AsyncFn() -> bool,
) -> (Raw, Vec<Frame>) {
    let mut raw = Raw::connect(&tide.router.address).await;
    let welcome: Welcome = raw.log_in("app", &tide.sides.database).await;
    raw.send(messages).await;
    eventually("the analytic side has it", || there()).await;
    // It may be a moment between its getting and running it, and a cancel in between meets nothing.
    let answered = tokio::sync::Notify::new();
    let again = async {
        loop {
            wire::cancel(&tide.router.address, welcome.pid, &welcome.key).await;
            let more =
                tokio::time::timeout(std::time::Duration::from_millis(500), answered.notified());
            if more.await.is_ok() {
                return;
            }
        }
    };
    let answer = async {
        let frames = raw.until_ready().await;
        answered.notify_one();
        frames
    };
    let (frames, ()) = tokio::join!(answer, again);
    (raw, frames)
}

#[test]
fn a_statement_timeout_of_the_session_ends_analytic_reads() {
    run(async {
        let (tide, _analytic) = anywhere("rw_timeout").await;
        let mut raw = tide.raw().await;
        // Time enough for a count, also where other tests keep a server busy.
        assert_eq!(tags(&raw.query("SET statement_timeout = 1000").await), "CZ");
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
        assert_eq!(said(&raw.query(SLOW).await), told(TIMEOUT, 'I'));
        assert_eq!(
            said(&raw.batch(&[wire::whole(SLOW)]).await),
            told(TIMEOUT, 'I')
        );
        let string = format!("SELECT count(*) FROM orders; {SLOW}; SELECT 3 FROM orders");
        let frames = raw.query(&string).await;
        assert_eq!(said(&frames), told(TIMEOUT, 'I'));
        assert_eq!(values(&frames), ["100"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM public.orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_local_timeout_ends_with_its_transaction_and_fails_it() {
    run(async {
        let (tide, analytic) = anywhere("rw_local_timeout").await;
        let mut raw = tide.raw().await;
        for sql in ["BEGIN", "SET LOCAL statement_timeout = '200ms'"] {
            raw.query(sql).await;
        }
        assert_eq!(said(&raw.query(SLOW).await), told(TIMEOUT, 'E'));
        assert_eq!(sqlstates(&raw.query("SELECT 1").await), ["25P02"]);
        assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
        let half_a_second = "SELECT id, pg_sleep(0.5) FROM orders WHERE id = 1";
        assert_eq!(values(&raw.query(half_a_second).await), ["1"]);
        assert_ne!(analytic.saw(|sql| sql.contains("0.5")), Some(false));
    });
}

#[test]
fn a_timeout_that_postgres_has_for_the_user_counts_from_the_first_read() {
    run(async {
        let (setup, _analytic) = analytic(Setup::new("rw_role_timeout").await).await;
        let database = &setup.sides().database;
        let default = format!("ALTER DATABASE {database} SET statement_timeout = '300ms'");
        let admin = PAIR.0.client("postgres").await;
        admin.batch_execute(&default).await.expect("a default");
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        assert_eq!(said(&raw.query(SLOW).await), told(TIMEOUT, 'I'));
    });
}

#[test]
fn an_analytic_side_that_says_nothing_is_waited_for_no_longer_than_the_timeout() {
    run(async {
        let (tide, double) = over_double("rw_silent_timeout").await;
        double.misbehave("unlucky", Mischief::Silence);
        let mut raw = tide.raw().await;
        raw.query("SET statement_timeout = '200ms'").await;
        let sql = "SELECT id AS unlucky FROM orders";
        assert_eq!(said(&raw.query(sql).await), told(TIMEOUT, 'I'));
        assert_eq!(
            said(&raw.batch(&[wire::whole(sql)]).await),
            told(TIMEOUT, 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_cancel_is_answered_in_postgres_words() {
    run(async {
        let (tide, analytic) = anywhere("rw_cancel").await;
        for messages in [
            wire::query(SLOW),
            [wire::whole(SLOW), wire::sync()].concat(),
        ] {
            let there = async || analytic.runs("slow").await;
            let (mut raw, frames) = cancelled(&tide, &messages, there).await;
            assert_eq!(said(&frames), told(BY_USER, 'I'));
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
    });
}

#[test]
fn a_cancel_is_not_lost_where_a_connection_comes_free_at_the_same_time() {
    run(async {
        let setup = Setup::new("rw_cancel_both").await.pool("{ size: 1 }");
        let (setup, analytic) = analytic(setup).await;
        let tide = setup.start().await;
        let address = &tide.router.address;
        let (mut first, mut second) = (Raw::connect(address).await, Raw::connect(address).await);
        let one = first.log_in("app", &tide.sides.database).await;
        let two = second.log_in("app", &tide.sides.database).await;
        for round in 0..20 {
            let simple = wire::query(SLOW);
            let extended = [wire::whole(SLOW), wire::sync()].concat();
            let messages = if round % 2 == 0 { simple } else { extended };
            first.send(&messages).await;
            eventually("the first runs", || analytic.runs("slow")).await;
            second.send(&messages).await;
            let line = "tidegate_pool_waiting{backend=\"analytic\"} 1\n";
            let waits = || async {
                http::get(&tide.router.http, "/metrics")
                    .await
                    .1
                    .contains(line)
            };
            eventually("the second waits", waits).await;
            tokio::join!(
                wire::cancel(address, one.pid, &one.key),
                wire::cancel(address, two.pid, &two.key)
            );
            for raw in [&mut first, &mut second] {
                assert_eq!(said(&raw.until_ready().await), told(BY_USER, 'I'));
            }
        }
    });
}

#[test]
fn a_client_that_vanishes_while_the_analytic_side_works_frees_its_connection() {
    run(async {
        let setup = Setup::new("rw_vanished").await.pool("{ size: 1 }");
        let (setup, analytic) = analytic(setup).await;
        let tide = setup.start().await;
        let mut other = tide.raw().await;
        for (begin, messages) in [
            ("", wire::query(SLOW)),
            ("", [wire::whole(SLOW), wire::sync()].concat()),
            ("BEGIN", wire::query(SLOW)),
            ("BEGIN", [wire::whole(SLOW), wire::sync()].concat()),
            (
                "BEGIN; INSERT INTO notes (body) VALUES ('lost')",
                wire::query(SLOW),
            ),
            ("BEGIN ISOLATION LEVEL REPEATABLE READ", wire::query(SLOW)),
        ] {
            let mut client = tide.raw().await;
            client.query(begin).await;
            client.send(&messages).await;
            eventually("it runs", || analytic.runs("slow")).await;
            // An end without a reset, as of a client that had read all there was.
            client.finish().await;
            eventually("it was ended", || async { !analytic.runs("slow").await }).await;
            let orders = other.query("SELECT count(*) FROM orders").await;
            assert_eq!(values(&orders), ["100"], "{begin}");
            let notes = other.query("SELECT count(*) FROM notes").await;
            assert_eq!(values(&notes), ["0"], "{begin}");
        }
    });
}

#[test]
fn a_cancel_works_where_the_login_with_a_password_gives_no_key() {
    run(async {
        let (setup, analytic) = analytic(Setup::new("rw_cancel_no_key").await).await;
        let setup = setup.risingwave(&analytic.url_with_password().await);
        let tide = setup.start().await;
        let there = async || analytic.runs("slow").await;
        let (mut raw, frames) = cancelled(&tide, &wire::query(SLOW), there).await;
        assert_eq!(said(&frames), told(BY_USER, 'I'));
        assert_ne!(analytic.saw(|sql| sql.starts_with("KILL ")), Some(false));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_cancel_that_the_analytic_side_does_not_heed_is_answered_all_the_same() {
    run(async {
        let (tide, double) = over_double("rw_cancel_deaf").await;
        double.misbehave("slow", Mischief::Silence);
        let sql = "SELECT id AS slow FROM orders";
        let there = async || double.seen().iter().any(|seen| seen == sql);
        let (mut raw, frames) = cancelled(&tide, &wire::query(sql), there).await;
        assert_eq!(said(&frames), told(BY_USER, 'I'));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}
