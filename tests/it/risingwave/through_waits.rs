//! Tidegate in front of an analytic side that takes long: timeouts and cancels.

use crate::support::eventually;
use crate::support::run;
use crate::support::tide::Tide;
use crate::support::wire::{self, Frame, Raw, Welcome, sqlstates, status, tags, values};

use super::anywhere::anywhere;
use super::double::{Double, Mischief, Options};
use super::through::tide;
use super::through_failures::{risingwave_with_password, the_error};

const SLOW: &str = "SELECT pg_sleep(60) AS slow FROM orders LIMIT 1";
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

/// Cancels a statement once the double has got it, and reads the answer.
async fn cancelled(tide: &Tide, double: &Double, messages: &[u8]) -> (Raw, Vec<Frame>) {
    let mut raw = Raw::connect(&tide.router.address).await;
    let welcome: Welcome = raw.log_in("app", &tide.sides.database).await;
    let before = double.seen().len();
    raw.send(messages).await;
    eventually("the double has it", || async {
        double.seen()[before..]
            .iter()
            .any(|sql| sql.contains("slow"))
    })
    .await;
    // It may be a moment between the double's seeing and running it, and a cancel in between meets nothing.
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
        assert_eq!(tags(&raw.query("SET statement_timeout = 300").await), "CZ");
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
        let (tide, double) = tide("rw_local_timeout", Options::default()).await;
        let mut raw = tide.raw().await;
        for sql in ["BEGIN", "SET LOCAL statement_timeout = '200ms'"] {
            raw.query(sql).await;
        }
        assert_eq!(said(&raw.query(SLOW).await), told(TIMEOUT, 'E'));
        assert_eq!(sqlstates(&raw.query("SELECT 1").await), ["25P02"]);
        assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
        let half_a_second = "SELECT pg_sleep(0.5) IS NULL FROM orders LIMIT 1";
        assert_eq!(values(&raw.query(half_a_second).await), ["f"]);
        assert!(double.seen().iter().any(|sql| sql.contains("0.5")));
    });
}

#[test]
fn a_timeout_that_postgres_has_for_the_user_counts_from_the_first_read() {
    run(async {
        let setup = crate::support::tide::Setup::new("rw_role_timeout").await;
        let database = setup.sides().database.clone();
        let port = crate::support::postgres::PAIR.1.port();
        let double = Double::start(Options::default(), port, &database).await;
        let admin = crate::support::postgres::PAIR.0.client("postgres").await;
        admin
            .batch_execute(&format!(
                "ALTER DATABASE {database} SET statement_timeout = '300ms'"
            ))
            .await
            .expect("a default");
        let tide = setup.risingwave(&double.url("root")).start().await;
        let mut raw = tide.raw().await;
        assert_eq!(said(&raw.query(SLOW).await), told(TIMEOUT, 'I'));
    });
}

#[test]
fn an_analytic_side_that_says_nothing_is_waited_for_no_longer_than_the_timeout() {
    run(async {
        let (tide, double) = tide("rw_silent_timeout", Options::default()).await;
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
        let (tide, double) = tide("rw_cancel", Options::default()).await;
        for messages in [
            wire::query(SLOW),
            [wire::whole(SLOW), wire::sync()].concat(),
        ] {
            let (mut raw, frames) = cancelled(&tide, &double, &messages).await;
            assert_eq!(said(&frames), told(BY_USER, 'I'));
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
    });
}

#[test]
fn a_cancel_works_where_the_login_with_a_password_gives_no_key() {
    run(async {
        let (tide, double) = risingwave_with_password("rw_cancel_no_key").await;
        let (mut raw, frames) = cancelled(&tide, &double, &wire::query(SLOW)).await;
        assert_eq!(said(&frames), told(BY_USER, 'I'));
        assert!(
            double.seen().iter().any(|sql| sql.starts_with("KILL ")),
            "{:?}",
            double.seen()
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_cancel_that_the_analytic_side_does_not_heed_is_answered_all_the_same() {
    run(async {
        let (tide, double) = tide("rw_cancel_deaf", Options::default()).await;
        double.misbehave("slow", Mischief::Silence);
        let sql = "SELECT id AS slow FROM orders";
        let (mut raw, frames) = cancelled(&tide, &double, &wire::query(sql)).await;
        assert_eq!(said(&frames), told(BY_USER, 'I'));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}
