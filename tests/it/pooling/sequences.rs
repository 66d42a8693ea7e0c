//! `currval()` and `lastval()`: never an older value, never another session's.

use super::{narrow, one, pins};
use crate::support::run;
use crate::support::wire::{query, sqlstates, status, values, whole};

#[test]
fn last_values_of_sequences_are_the_sessions_own() {
    run(async {
        let tide = narrow("sequences", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        anna.query("CREATE SEQUENCE a; CREATE SEQUENCE b START 500")
            .await;
        assert_eq!(one(&mut anna, "SELECT nextval('a')").await, "1");
        // Nobody is given another's.
        let frames = bob.query("SELECT lastval()").await;
        assert_eq!(sqlstates(&frames), ["55000"]);
        for _ in 0..2 {
            bob.query("BEGIN").await;
            let mine = one(&mut bob, "SELECT nextval('b')").await;
            assert_eq!(one(&mut bob, "SELECT currval('b')").await, mine);
            bob.query("COMMIT").await;
        }
        assert_eq!(pins(&mut anna).await, Vec::<String>::new());
        // One who asks after the transaction keeps the connection from then on until it has asked.
        let _ = anna.query("SELECT lastval()").await;
        let mine = one(&mut anna, "SELECT nextval('a')").await;
        bob.send(&query("SELECT nextval('b')")).await;
        assert_eq!(one(&mut anna, "SELECT lastval()").await, mine);
        assert_eq!(status(&bob.until_ready().await), 'I');
    });
}

#[test]
fn a_last_value_is_neither_older_nor_another_sessions() {
    run(async {
        let tide = narrow("last_values", 2).await;
        let mut others = [tide.raw().await, tide.raw().await];
        others[0]
            .query("CREATE SEQUENCE a; CREATE SEQUENCE b START 100000")
            .await;
        for round in 0..24 {
            let mut anna = tide.raw().await;
            let mut mine = String::new();
            // By turns another client is in a transaction on one of the two connections, so that anna gets the other.
            for (at, held) in [0, 1, 0, 1].into_iter().enumerate() {
                others[held].query("BEGIN").await;
                one(&mut others[held], "SELECT nextval('b')").await;
                if (at + round) % 3 != 2 {
                    mine = one(&mut anna, "SELECT nextval('a')").await;
                }
                others[held].query("COMMIT").await;
                let free = 1 - held;
                one(&mut others[free], "SELECT nextval('b')").await;
            }
            for asked in ["SELECT lastval()", "SELECT currval('a')"] {
                let frames = if round % 2 == 0 {
                    anna.query(asked).await
                } else {
                    anna.batch(&[whole(asked)]).await
                };
                if values(&frames).is_empty() {
                    assert_eq!(sqlstates(&frames), ["55000"], "{asked}");
                } else {
                    assert_eq!(values(&frames), [mine.as_str()], "{asked} in round {round}");
                }
            }
            let frames = anna.query("SELECT currval('b')").await;
            assert_eq!(sqlstates(&frames), ["55000"], "{frames:?}");
            drop(anna);
        }
    });
}
