//! Cancel requests find the statement they are meant for, on either side, and no other.

use tokio_postgres::{Client, NoTls};

use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Raw, Welcome, cancel, query, sqlstates, status, sync, tags, values, whole,
};
use crate::support::{eventually, run, sql, within};

/// Runs for longer than any test.
const SLOW_OLTP: &str = "SELECT pg_sleep(600) /* slow */";
const SLOW_ANALYTIC: &str = "SELECT count(*) AS slow FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g";

async fn log_in(tide: &Tide) -> (Raw, Welcome) {
    let mut raw = Raw::connect(&tide.router.address).await;
    let welcome = raw.log_in("app", &tide.sides.database).await;
    (raw, welcome)
}

/// How many statements of these tests run on a server.
async fn running(server: &Client) -> String {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slow%' \
                 AND datname = current_database() AND pid <> pg_backend_pid()";
    sql::scalar(server, asked).await
}

async fn runs(server: &Client) {
    eventually("the slow statement runs", || async {
        running(server).await == "1"
    })
    .await;
}

#[test]
fn a_statement_on_the_oltp_side_is_cancelled() {
    run(async {
        let tide = Tide::start("cancel_oltp").await;
        let (mut raw, welcome) = log_in(&tide).await;
        let server = tide.sides.oltp().await;
        raw.send(&query(SLOW_OLTP)).await;
        runs(&server).await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57014".to_owned()], 'I')
        );
        assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
    });
}

#[test]
fn a_statement_on_the_analytic_side_is_cancelled() {
    run(async {
        let tide = Tide::start("cancel_analytic").await;
        let (mut raw, welcome) = log_in(&tide).await;
        let server = tide.sides.analytic().await;
        for message in [
            query(SLOW_ANALYTIC),
            [whole(SLOW_ANALYTIC), sync()].concat(),
        ] {
            raw.send(&message).await;
            runs(&server).await;
            cancel(&tide.router.address, welcome.pid, &welcome.key).await;
            let frames = raw.until_ready().await;
            assert_eq!(
                (sqlstates(&frames), status(&frames)),
                (vec!["57014".to_owned()], 'I')
            );
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
        assert_eq!(running(&server).await, "0");
    });
}

#[test]
fn a_cancel_in_a_transaction_reaches_the_side_that_works() {
    run(async {
        let tide = Tide::start("cancel_in_tx").await;
        let (mut raw, welcome) = log_in(&tide).await;
        raw.query("BEGIN").await;
        assert_eq!(status(&raw.query("SELECT count(*) FROM orders").await), 'T');
        raw.send(&query(SLOW_OLTP)).await;
        runs(&tide.sides.oltp().await).await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57014".to_owned()], 'E')
        );
        assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
    });
}

#[test]
fn a_wrong_key_cancels_nothing() {
    run(async {
        let tide = Tide::start("cancel_wrong").await;
        let (mut raw, welcome) = log_in(&tide).await;
        let server = tide.sides.oltp().await;
        raw.send(&query(SLOW_OLTP)).await;
        runs(&server).await;
        let mut wrong = welcome.key.clone();
        wrong[0] ^= 1;
        let long = [&welcome.key[..], b"more"].concat();
        for key in [&wrong, &long] {
            cancel(&tide.router.address, welcome.pid, key).await;
        }
        cancel(&tide.router.address, welcome.pid ^ 1, &welcome.key).await;
        // The wrong ones were taken before this one is sent, so that it is this one that works.
        assert_eq!(running(&server).await, "1");
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        assert_eq!(sqlstates(&raw.until_ready().await), ["57014"]);
    });
}

#[test]
fn a_cancel_leaves_other_sessions_alone() {
    run(async {
        let tide = Tide::start("cancel_others").await;
        let (mut one, first) = log_in(&tide).await;
        let (mut two, second) = log_in(&tide).await;
        let server = tide.sides.oltp().await;
        one.send(&query(SLOW_OLTP)).await;
        two.send(&query(SLOW_OLTP)).await;
        eventually("both run", || async { running(&server).await == "2" }).await;
        cancel(&tide.router.address, first.pid, &first.key).await;
        assert_eq!(sqlstates(&one.until_ready().await), ["57014"]);
        assert_eq!(running(&server).await, "1");
        cancel(&tide.router.address, second.pid, &second.key).await;
        assert_eq!(sqlstates(&two.until_ready().await), ["57014"]);
    });
}

#[test]
fn a_cancel_of_a_session_at_rest_or_gone_does_nothing() {
    run(async {
        let tide = Tide::start("cancel_idle").await;
        let (mut raw, welcome) = log_in(&tide).await;
        raw.query("SELECT count(*) FROM orders").await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        assert_eq!(tags(&raw.query("SELECT 1").await), "TDCZ");
        drop(raw);
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        assert_eq!(sql::scalar(&tide.client().await, "SELECT 1").await, "1");
    });
}

#[test]
fn drivers_cancel_with_their_own_means() {
    run(async {
        let tide = Tide::start("cancel_driver").await;
        let client = tide.client().await;
        let token = client.cancel_token();
        let server = tide.sides.analytic().await;
        let slow = tokio::spawn(async move { sql::try_rows(&client, SLOW_ANALYTIC).await });
        runs(&server).await;
        within("the request", token.cancel_query(NoTls))
            .await
            .unwrap();
        let error = within("the answer", slow).await.unwrap().unwrap_err();
        assert_eq!(sql::db(error).code().code(), "57014");
    });
}

#[test]
fn what_runs_on_the_analytic_side_stops_when_its_client_goes() {
    run(async {
        let tide = Tide::start("client_goes").await;
        let (mut raw, _) = log_in(&tide).await;
        let server = tide.sides.analytic().await;
        raw.send(&query(SLOW_ANALYTIC)).await;
        runs(&server).await;
        drop(raw);
        let stops = || async { running(&server).await == "0" };
        eventually("it stops", stops).await;
    });
}

#[test]
fn a_statement_that_waits_for_a_connection_is_cancelled() {
    run(async {
        let pool = "{ size: 1, wait: 60s }";
        let tide = Setup::new("cancel_queue").await.pool(pool).start().await;
        let (mut holder, _) = log_in(&tide).await;
        holder.query("BEGIN").await;
        holder.query("SELECT count(*) FROM orders").await;
        let (mut raw, welcome) = log_in(&tide).await;
        raw.send(&query("SELECT count(*) FROM orders")).await;
        let metrics = &tide.router.inner.shared.metrics;
        eventually("the statement waits", || async {
            metrics
                .render()
                .contains("tidegate_pool_waiting{backend=\"analytic\"} 1")
        })
        .await;
        cancel(&tide.router.address, welcome.pid, &welcome.key).await;
        let frames = within("the answer", raw.until_ready()).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57014".to_owned()], 'I')
        );
        holder.query("COMMIT").await;
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}
