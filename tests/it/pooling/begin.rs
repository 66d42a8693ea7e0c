//! BEGIN is answered at once and sent with the first statement; what is left open is ended.

use super::{narrow, narrow_with, one};
use crate::support::tide::Tide;
use crate::support::wire::{
    bind, completed, execute, parse, sqlstates, status, tags, values, whole,
};
use crate::support::{run, sql};

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
fn a_listener_hears_nothing_within_its_transaction() {
    run(async {
        for mode in ["transaction", "session"] {
            let tide = Tide::with("listening", &format!("pooling: {mode}")).await;
            let (mut listener, mut notifier) = (tide.raw().await, tide.raw().await);
            listener.query("LISTEN news").await;
            listener.query("BEGIN").await;
            notifier.query("NOTIFY news").await;
            // The server keeps it back until the transaction ends, so it must know of that.
            let within = listener.query("SELECT 1").await;
            assert!(!tags(&within).contains('A'), "{mode}");
            let end = listener.query("COMMIT").await;
            let told = if tags(&end).contains('A') {
                true
            } else {
                listener.frame().await.is_some_and(|frame| frame.tag == 'A')
            };
            assert!(told, "{mode}");
        }
    });
}
