//! A failed transaction: what the router must ask the server for is refused as PostgreSQL refuses it, and nobody is cut off.

use super::{narrow, narrow_with, one, pins};
use crate::support::run;
use crate::support::wire::{
    Raw, bind, completed, execute, parse, sqlstates, status, sync, values, whole,
};

/// What needs more of the router than being passed on.
const NEEDY: [&str; 9] = [
    "EXECUTE p",
    "EXECUTE driver",
    "SELECT lastval()",
    "SELECT currval('notes_id_seq')",
    "SELECT name FROM pg_prepared_statements",
    "PREPARE q AS SELECT 1",
    "DEALLOCATE p",
    "SHOW timezone",
    "SELECT pg_backend_pid()",
];

async fn refuses(raw: &mut Raw, text: &str, extended: bool) {
    let frames = if extended {
        raw.batch(&[whole(text)]).await
    } else {
        raw.query(text).await
    };
    assert_eq!(
        (sqlstates(&frames), status(&frames)),
        (vec!["25P02".to_owned()], 'E'),
        "{text}: {frames:?}"
    );
    let error = frames.iter().find(|frame| frame.tag == 'E').unwrap();
    assert_eq!(error.field('V').as_deref(), Some("ERROR"), "{text}");
}

#[test]
fn what_needs_the_servers_word_is_refused_in_a_failed_transaction() {
    run(async {
        let tide = narrow("failed", 2).await;
        let mut anna = tide.raw().await;
        let mut bob = tide.raw().await;
        anna.batch(&[parse("driver", "SELECT 'driver'")]).await;
        // The transaction fails on the server, before it ever got there, or at its first statement.
        for fails in [
            &["INSERT INTO notes (body) VALUES ('x')", "SELECT 1/0"][..],
            &["DELETE FROM orders"],
            &["SELECT * FROM nowhere"],
        ] {
            for text in NEEDY {
                for extended in [false, true] {
                    anna.query("BEGIN").await;
                    for statement in fails {
                        anna.query(statement).await;
                    }
                    refuses(&mut anna, text, extended).await;
                    refuses(&mut anna, text, !extended).await;
                    let frames = anna.batch(&[bind("", "driver", &[])]).await;
                    assert_eq!(sqlstates(&frames), ["25P02"]);
                    assert_eq!(completed(&anna.query("COMMIT").await), ["ROLLBACK"]);
                    assert_eq!(one(&mut anna, "SELECT 1").await, "1");
                }
            }
        }
        // With a statement that SQL has prepared, and one of the driver's that it runs.
        anna.query("PREPARE p AS SELECT 'sql'").await;
        for text in NEEDY {
            anna.query("BEGIN").await;
            anna.query("SELECT 1/0").await;
            refuses(&mut anna, text, false).await;
            refuses(&mut anna, text, true).await;
            assert_eq!(completed(&anna.query("ROLLBACK").await), ["ROLLBACK"]);
            assert_eq!(one(&mut anna, "EXECUTE p").await, "sql");
            assert_eq!(one(&mut anna, "EXECUTE driver").await, "driver");
        }
        anna.query("DISCARD ALL").await;
        one(&mut anna, "SELECT 1").await;
        assert_eq!(pins(&mut bob).await, Vec::<String>::new());
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "0");
    });
}

#[test]
fn commit_and_chain_outside_of_a_transaction_is_an_error_and_no_more() {
    run(async {
        let tide = narrow("chain_alone", 1).await;
        let mut raw = tide.raw().await;
        for text in ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN"] {
            for before in [
                "SELECT count(*) FROM orders",
                "SELECT 1",
                "UPDATE notes SET body = 'x'",
            ] {
                raw.batch(&[parse("", before)]).await;
                let frames = raw
                    .batch(&[
                        whole(before),
                        parse("", text),
                        bind("", "", &[]),
                        execute("", 0),
                        bind("", "unheard of", &[]),
                    ])
                    .await;
                assert_eq!(
                    (sqlstates(&frames), status(&frames)),
                    (vec!["25P01".to_owned()], 'I')
                );
                assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
                assert_eq!(one(&mut raw, "SELECT 1").await, "1");
            }
        }
    });
}

#[test]
fn what_a_batch_did_not_come_to_is_not_there_for_the_next_one_either() {
    run(async {
        for mode in ["", "pooling: session"] {
            let tide = narrow_with("skipped_in_one_go", 1, mode).await;
            let mut raw = tide.raw().await;
            raw.batch(&[parse("b", "BEGIN"), parse("s", "SELECT 1")])
                .await;
            // All of it is sent before the first answer is there.
            let failing = [
                execute("", 0),
                parse("n", "SELECT 2"),
                bind("", "b", &[]),
                sync(),
            ];
            let after = [parse("m", "SELECT 2"), bind("", "n", &[]), sync()];
            let well = [bind("", "b", &[]), bind("", "m", &[]), sync()];
            raw.send(&[failing.concat(), after.concat(), well.concat()].concat())
                .await;
            assert_eq!(sqlstates(&raw.until_ready().await), ["34000"]);
            assert_eq!(sqlstates(&raw.until_ready().await), ["26000"], "{mode}");
            let frames = raw.until_ready().await;
            assert_eq!(sqlstates(&frames), [""; 0], "{mode}");
            let frames = raw.batch(&[bind("", "m", &[]), execute("", 0)]).await;
            assert_eq!(values(&frames), ["2"], "{mode}");
        }
    });
}

#[test]
fn names_that_are_taken_are_so_for_every_way_to_take_them() {
    run(async {
        for mode in ["", "pooling: session"] {
            let tide = narrow_with("taken_names", 1, mode).await;
            let mut raw = tide.raw().await;
            raw.batch(&[parse("s", "SELECT 1"), parse("b", "BEGIN")])
                .await;
            let own = [
                parse("", "PREPARE s AS SELECT 2"),
                bind("", "", &[]),
                execute("", 0),
            ];
            assert_eq!(sqlstates(&raw.batch(&own).await), ["42P05"], "{mode}");
            let frames = raw.batch(&[bind("p", "b", &[]), bind("p", "b", &[])]).await;
            assert_eq!(sqlstates(&frames), ["42P03"], "{mode}");
            let frames = raw
                .batch(&[bind("p", "b", &[]), execute("p", 0), bind("p", "s", &[])])
                .await;
            assert_eq!(
                (sqlstates(&frames), status(&frames)),
                (vec!["42P03".to_owned()], 'E')
            );
            raw.query("ROLLBACK").await;
            // With the transaction its portals end, also where the next one begins at once.
            raw.batch(&[bind("p", "b", &[]), execute("p", 0)]).await;
            let chained = [
                parse("", "COMMIT AND CHAIN"),
                bind("", "", &[]),
                execute("", 0),
                bind("p", "s", &[]),
                execute("p", 0),
            ];
            let frames = raw.batch(&chained).await;
            assert_eq!(
                (values(&frames), status(&frames)),
                (vec!["1".to_owned()], 'T')
            );
            assert_eq!(sqlstates(&raw.query("SELECT nothing").await), ["42703"]);
            // A failed transaction looks at nothing else.
            assert_eq!(
                sqlstates(&raw.batch(&[parse("b", "SELECT 1")]).await),
                ["25P02"]
            );
            assert_eq!(
                sqlstates(&raw.batch(&[parse("b", "ROLLBACK")]).await),
                ["42P05"]
            );
            let frames = raw.batch(&[bind("", "b", &["1"])]).await;
            assert_eq!(sqlstates(&frames), ["08P01"], "{mode}");
            assert_eq!(status(&raw.query("ROLLBACK").await), 'I');
            assert_eq!(
                status(&raw.batch(&[bind("", "b", &[]), execute("", 0)]).await),
                'T'
            );
        }
    });
}

#[test]
fn a_deallocate_that_a_failed_transaction_does_not_take_takes_nothing_away() {
    run(async {
        for mode in ["", "pooling: session"] {
            let tide = narrow_with("kept_name", 1, mode).await;
            let mut raw = tide.raw().await;
            raw.batch(&[parse("s", "SELECT 7")]).await;
            raw.query("BEGIN").await;
            raw.query("SELECT nothing").await;
            assert_eq!(sqlstates(&raw.query("DEALLOCATE s").await), ["25P02"]);
            raw.query("ROLLBACK").await;
            let frames = raw.batch(&[bind("", "s", &[]), execute("", 0)]).await;
            assert_eq!(values(&frames), ["7"], "{mode}");
            raw.query("BEGIN; SELECT nothing").await;
            let frames = raw.query("ROLLBACK; DEALLOCATE s").await;
            assert_eq!(completed(&frames), ["ROLLBACK", "DEALLOCATE"], "{mode}");
            assert_eq!(
                sqlstates(&raw.batch(&[bind("", "s", &[])]).await),
                ["26000"]
            );
        }
    });
}

#[test]
fn a_name_that_sql_has_prepared_is_taken_for_what_the_router_answers_itself() {
    run(async {
        let tide = narrow("sql_prepared", 1).await;
        let mut raw = tide.raw().await;
        raw.query("PREPARE x AS SELECT 1").await;
        for text in ["BEGIN", "COMMIT", "ROLLBACK"] {
            let frames = raw.batch(&[parse("x", text)]).await;
            assert_eq!(sqlstates(&frames), ["42P05"], "{text}");
        }
        assert_eq!(values(&raw.query("EXECUTE x").await), ["1"]);
    });
}
