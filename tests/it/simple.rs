//! The simple query protocol: strings of one statement and of many, on either side and on both.

use crate::support::tide::Tide;
use crate::support::wire::{completed, message, parse, query, sqlstates, status, tags, values};
use crate::support::{run, sql};

#[test]
fn each_statement_goes_to_the_side_that_holds_its_relations() {
    run(async {
        let tide = Tide::start("simple_sides").await;
        let mut raw = tide.raw().await;
        let frames = raw.query("SELECT name FROM customers ORDER BY id").await;
        assert_eq!((tags(&frames), status(&frames)), ("TDDDCZ".to_owned(), 'I'));
        assert_eq!(values(&frames), ["Ada", "Bob", "Cyd"]);
        let frames = raw
            .query("SELECT state, sum(qty) FROM orders GROUP BY 1 ORDER BY 1")
            .await;
        assert_eq!(values(&frames), ["CA", "NY", "TX"]);
        assert_eq!(completed(&frames), ["SELECT 3"]);
        assert!(tide.sides.analytic_saw_text("sum(qty) FROM orders"));
        assert!(!tide.sides.analytic_saw_text("FROM customers"));
    });
}

#[test]
fn an_empty_string_is_answered_as_postgres_does() {
    run(async {
        let tide = Tide::start("simple_empty").await;
        let mut raw = tide.raw().await;
        for text in ["", "   ", ";", " ; ; ", "-- nothing", "/* nothing */"] {
            assert_eq!(tags(&raw.query(text).await), "IZ", "{text:?}");
        }
    });
}

#[test]
fn a_string_of_oltp_statements_is_one_transaction() {
    run(async {
        let tide = Tide::start("simple_oltp_string").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query(
                "INSERT INTO notes (body) VALUES ('a'); SELECT body FROM notes; DELETE FROM notes",
            )
            .await;
        assert_eq!(tags(&frames), "CTDCCZ");
        assert_eq!(completed(&frames), ["INSERT 0 1", "SELECT 1", "DELETE 1"]);
        let frames = raw
            .query("INSERT INTO notes (body) VALUES ('b'); SELECT 1/0; INSERT INTO notes (body) VALUES ('c')")
            .await;
        assert_eq!((tags(&frames), status(&frames)), ("CEZ".to_owned(), 'I'));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn a_string_over_both_sides_is_answered_in_order_with_one_readiness() {
    run(async {
        let tide = Tide::start("simple_mixed_string").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query(
                "INSERT INTO notes (body) VALUES ('a'); SELECT count(*) FROM orders; SELECT body FROM notes; \
                 SELECT max(id) FROM orders; SELECT 'end'",
            )
            .await;
        assert_eq!(
            (tags(&frames), status(&frames)),
            ("CTDCTDCTDCTDCZ".to_owned(), 'I')
        );
        assert_eq!(values(&frames), ["100", "a", "100", "end"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["1"]
        );
    });
}

#[test]
fn an_error_on_the_analytic_side_rolls_the_oltp_part_back_and_stops_the_string() {
    run(async {
        let tide = Tide::start("simple_analytic_error").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query(
                "INSERT INTO notes (body) VALUES ('lost'); SELECT 1 / (id - id) FROM orders; \
                 INSERT INTO notes (body) VALUES ('never')",
            )
            .await;
        assert_eq!(sqlstates(&frames), ["22012"]);
        assert_eq!(status(&frames), 'I');
        assert_eq!(completed(&frames), ["INSERT 0 1"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        assert!(
            !tide
                .sides
                .oltp_saw()
                .iter()
                .any(|line| line.contains("'never'"))
        );
    });
}

#[test]
fn an_error_on_the_oltp_side_stops_the_string_before_the_analytic_part() {
    run(async {
        let tide = Tide::start("simple_oltp_error").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query(
                "SELECT count(*) FROM orders; SELECT 1/0; SELECT count(*) AS unreached FROM orders",
            )
            .await;
        assert_eq!(sqlstates(&frames), ["22012"]);
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["100".to_owned()], 'I')
        );
        assert!(!tide.sides.analytic_saw_text("unreached"));
    });
}

#[test]
fn a_refused_statement_in_a_string_rolls_the_oltp_part_back() {
    run(async {
        let tide = Tide::start("simple_refused").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query("INSERT INTO notes (body) VALUES ('lost'); DELETE FROM orders; SELECT 1")
            .await;
        assert_eq!(sqlstates(&frames), ["25006"]);
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["INSERT 0 1".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        assert!(!tide.sides.analytic_saw_text("DELETE"));
    });
}

#[test]
fn begin_and_commit_within_a_string_mean_what_they_say() {
    run(async {
        let tide = Tide::start("simple_begin").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query("BEGIN; INSERT INTO notes (body) VALUES ('kept'); SELECT count(*) FROM orders; COMMIT; SELECT 1/0")
            .await;
        assert_eq!(sqlstates(&frames), ["22012"]);
        assert_eq!(status(&frames), 'I');
        assert_eq!(values(&raw.query("SELECT body FROM notes").await), ["kept"]);
        let frames = raw.query("BEGIN; SELECT count(*) FROM orders").await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["100".to_owned()], 'T')
        );
        assert_eq!(
            status(&raw.query("SELECT count(*) FROM orders; COMMIT").await),
            'I'
        );
    });
}

#[test]
fn a_string_sees_the_search_path_that_it_sets_itself() {
    run(async {
        let tide = Tide::start("simple_path").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query("SET search_path = pg_catalog; SELECT count(*) FROM orders")
            .await;
        assert_eq!(sqlstates(&frames), ["42P01"], "{frames:?}");
    });
}

#[test]
fn strings_and_comments_with_semicolons_are_not_torn_apart() {
    run(async {
        let tide = Tide::start("simple_split").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .query("SELECT ';' /* ; */; -- ; SELECT\nSELECT $$a;b$$; SELECT ';', \"id\" FROM orders WHERE id = 1; SELECT E'\\';'")
            .await;
        assert_eq!(
            (values(&frames), tags(&frames)),
            (
                vec![";".into(), "a;b".into(), ";".into(), "';".into()],
                "TDCTDCTDCTDCZ".into()
            )
        );
    });
}

#[test]
fn large_values_and_many_rows_pass_from_either_side() {
    run(async {
        let tide = Tide::start("simple_large").await;
        let mut raw = tide.raw().await;
        for side in ["customers", "orders"] {
            let frames = raw
                .query(&format!(
                    "SELECT repeat('x', 10 * 1024 * 1024) FROM {side} WHERE id = 1"
                ))
                .await;
            assert_eq!(tags(&frames), "TDCZ");
            assert_eq!(frames[1].text().len(), 10 * 1024 * 1024);
            let frames = raw
                .query(&format!(
                    "SELECT n FROM {side}, generate_series(1, 100000) n WHERE id = 1"
                ))
                .await;
            let got = values(&frames);
            assert_eq!(
                (got.len(), got.last().map(String::as_str)),
                (100_000, Some("100000"))
            );
            assert_eq!(completed(&frames), ["SELECT 100000"]);
        }
    });
}

#[test]
fn a_client_that_reads_slowly_gets_everything_and_holds_up_nobody() {
    run(async {
        let tide = Tide::start("slow_reader").await;
        let mut slow = tide.raw().await;
        let text = "SELECT repeat('y', 1000) FROM orders, generate_series(1, 1000)";
        slow.send(&query(text)).await;
        let other = tide.client().await;
        for _ in 0..20 {
            assert_eq!(
                sql::scalar(&other, "SELECT count(*) FROM orders").await,
                "100"
            );
        }
        let frames = slow.until_ready().await;
        assert_eq!(completed(&frames), ["SELECT 100000"]);
    });
}

#[test]
fn a_long_statement_passes_and_a_longer_one_than_allowed_ends_the_connection() {
    run(async {
        let tide = Tide::with("message_limit", "limits: { message: 1MB }").await;
        let mut raw = tide.raw().await;
        let long = "z".repeat(1_000_000);
        let frames = raw.query(&format!("SELECT length('{long}')")).await;
        assert_eq!(values(&frames), ["1000000"]);
        // What is too long to be proven a read is refused rather than sent to the analytic side.
        let text = format!("SELECT length('{long}') FROM orders LIMIT 1");
        assert_eq!(sqlstates(&raw.query(&text).await), ["25006"]);
        let text = format!("SELECT length('{}') FROM orders LIMIT 1", &long[..60_000]);
        assert_eq!(values(&raw.query(&text).await), ["60000"]);
        raw.send(&[&b"Q"[..], &2_000_000u32.to_be_bytes()].concat())
            .await;
        let frames = raw.rest().await;
        assert_eq!(sqlstates(&frames), ["08P01"]);
    });
}

#[test]
fn many_queries_sent_at_once_are_answered_one_by_one() {
    run(async {
        let tide = Tide::start("simple_pipelined").await;
        let mut raw = tide.raw().await;
        let all: Vec<u8> = (0..50)
            .flat_map(|n| match n % 3 {
                0 => query(&format!("SELECT {n}")),
                1 => query(&format!("SELECT {n} FROM orders LIMIT 1")),
                _ => query(&format!("SELECT {n} FROM nowhere")),
            })
            .collect();
        raw.send(&all).await;
        for n in 0..50 {
            let frames = raw.until_ready().await;
            match n % 3 {
                2 => assert_eq!(sqlstates(&frames), ["42P01"], "{n}"),
                _ => assert_eq!(values(&frames), [n.to_string()], "{n}"),
            }
            assert_eq!(status(&frames), 'I');
        }
    });
}

#[test]
fn an_error_in_a_string_over_both_sides_says_where_in_the_string_it_is() {
    run(async {
        let tide = Tide::start("simple_position").await;
        let mut raw = tide.raw().await;
        raw.batch(&[parse("s", "SELECT 1")]).await;
        for text in [
            "SELECT count(*) FROM orders /* ü */; SELECT nothing FROM notes",
            "DEALLOCATE s; SELECT nothing FROM notes",
            "SELECT 1 FROM notes; SELECT nothing FROM orders",
            "SELECT nothing FROM notes; SELECT 1 FROM orders",
        ] {
            let frames = raw.query(text).await;
            let error = frames.iter().find(|frame| frame.tag == 'E').unwrap();
            let before = text.split("nothing").next().unwrap();
            let place = (before.chars().count() + 1).to_string();
            assert_eq!(error.field('P'), Some(place), "{text}");
        }
    });
}

#[test]
fn terminate_ends_the_session_on_both_sides() {
    run(async {
        let tide = Tide::with("terminate", "pooling: session").await;
        let mut raw = tide.raw().await;
        raw.query("SELECT count(*) FROM orders").await;
        raw.send(&message(b'X', b"")).await;
        assert_eq!(raw.rest().await, []);
        let server = tide.sides.oltp().await;
        let gone = || async {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'tidegate control'";
            sql::scalar(&server, asked).await == "0"
        };
        crate::support::eventually("the OLTP connection is closed", gone).await;
    });
}
