//! A failed transaction: what the router must ask the server for is refused as PostgreSQL refuses it, and nobody is cut off.

use super::{narrow, one, pins};
use crate::support::run;
use crate::support::wire::{Raw, bind, completed, parse, sqlstates, status, whole};

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
