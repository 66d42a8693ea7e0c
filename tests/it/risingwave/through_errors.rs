//! What a client of Tidegate is told when RisingWave refuses: PostgreSQL's codes, one line, and the causes in the detail.

use crate::support::run;
use crate::support::wire;

use super::anywhere::anywhere;
use super::through_failures::the_error;

#[test]
fn errors_have_postgres_codes_and_one_line_by_both_protocols() {
    run(async {
        let (tide, _analytic) = anywhere("rw_errors").await;
        let mut raw = tide.raw().await;
        for (sql, code, message) in [
            (
                "SELECT nosuch FROM orders",
                "42703",
                "column \"nosuch\" does not exist",
            ),
            (
                "SELECT id / (id - id) FROM orders",
                "22012",
                "division by zero",
            ),
            (
                "SELECT 'x'::int FROM orders",
                "22P02",
                "invalid input syntax for type integer: \"x\"",
            ),
            (
                "SELECT id::uuid FROM orders",
                "0A000",
                "unsupported data type: UUID",
            ),
            ("TABLE orders", "42601", "syntax error at or near \"TABLE\""),
        ] {
            for extended in [false, true] {
                let frames = if extended {
                    raw.batch(&[wire::whole(sql)]).await
                } else {
                    raw.query(sql).await
                };
                let error = the_error(&frames);
                assert_eq!(
                    (error.sqlstate(), error.field('M').unwrap_or_default()),
                    (code.to_owned(), message.to_owned()),
                    "{sql}"
                );
                for severity in ['S', 'V'] {
                    assert_eq!(error.field(severity).as_deref(), Some("ERROR"), "{sql}");
                }
                let detail = error.field('D').expect("the causes");
                assert!(detail.starts_with("Failed to "), "{detail}");
                assert_eq!(wire::status(&frames), 'I');
            }
        }
    });
}

#[test]
fn a_relation_that_is_gone_since_it_was_discovered_is_an_undefined_table() {
    run(async {
        let (tide, analytic) = anywhere("rw_gone").await;
        let mut root = analytic.root().await;
        let made = "CREATE MATERIALIZED VIEW busy AS SELECT count(*) AS n FROM orders";
        assert_eq!(wire::tags(&root.query(made).await), "CZ");
        tide.router.reload(&tide.yaml).await;
        let mut raw = tide.raw().await;
        let frames = raw.query("SELECT n FROM busy").await;
        assert_eq!(wire::tags(&frames), "TDCZ");
        let gone = "DROP MATERIALIZED VIEW busy";
        assert_eq!(wire::tags(&root.query(gone).await), "CZ");
        let frames = raw.query("SELECT n FROM busy").await;
        let error = the_error(&frames);
        assert_eq!(
            (error.sqlstate(), error.field('M').unwrap_or_default()),
            (
                "42P01".to_owned(),
                "relation \"busy\" does not exist".to_owned()
            )
        );
    });
}
