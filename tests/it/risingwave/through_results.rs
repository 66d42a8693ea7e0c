//! Portals that are read piece by piece, and results in the formats that a client has asked for.

use crate::support::run;
use crate::support::tide::Setup;
use crate::support::wire::{
    Frame, Raw, bind, bind_in, close, completed, describe, execute, flush, parse, sync, tags,
    values,
};

use super::anywhere::{Analytic, analytic, anywhere};
use super::through_parameters::bytes;

#[test]
fn an_unnamed_portal_is_read_piece_by_piece() {
    run(async {
        let (tide, analytic) = anywhere("rw_resume").await;
        let mut raw = tide.raw().await;
        let sql = "SELECT id FROM orders ORDER BY id LIMIT $1";
        for within in [false, true] {
            if within {
                raw.query("BEGIN").await;
            }
            raw.send(
                &[
                    parse("", sql),
                    bind("", "", &["5"]),
                    execute("", 2),
                    flush(),
                ]
                .concat(),
            )
            .await;
            assert_eq!(values(&raw.until('s').await), ["1", "2"]);
            raw.send(&[execute("", 2), flush()].concat()).await;
            assert_eq!(values(&raw.until('s').await), ["3", "4"]);
            raw.send(&[execute("", 2), execute("", 2), sync()].concat())
                .await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "DCCZ");
            assert_eq!(
                (values(&frames), completed(&frames)),
                (
                    vec!["5".to_owned()],
                    vec!["SELECT 1".to_owned(), "SELECT 0".to_owned()]
                )
            );
            if within {
                assert_eq!(completed(&raw.query("COMMIT").await), ["COMMIT"]);
            }
            let frames = raw
                .batch(&[parse("", sql), bind("", "", &["5"]), execute("", 2)])
                .await;
            assert_eq!(
                (tags(&frames), values(&frames).len()),
                ("12DDsZ".to_owned(), 2)
            );
        }
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
        assert_ne!(analytic.saw(|_| true), Some(false));
    });
}

#[test]
fn sessions_with_other_settings_do_not_take_a_connection_from_each_other_for_ever() {
    run(async {
        let setup = Setup::new("rw_in_turn").await.pool("{ size: 1 }");
        let (setup, _analytic) = analytic(setup).await;
        let tide = setup.start().await;
        let mut sessions = Vec::new();
        for number in 1..=4 {
            let mut raw = tide.raw().await;
            raw.query(&format!("SET application_name TO 'number {number}'"))
                .await;
            raw.batch(&[parse("s", "SELECT id FROM orders WHERE id = $1")])
                .await;
            sessions.push(raw);
        }
        // Binary rows: the engine is asked first what they are.
        let read = [
            bind_in("", "s", &[], &[Some(b"7")], &[1]),
            execute("", 0),
            sync(),
        ];
        for raw in &mut sessions {
            raw.send(&read.concat()).await;
        }
        for raw in &mut sessions {
            assert_eq!(tags(&raw.until_ready().await), "2DCZ");
        }
    });
}

#[test]
fn a_portals_name_is_free_again_when_its_batch_or_transaction_is_over() {
    run(async {
        let (tide, analytic) = anywhere("rw_portal_names").await;
        let mut raw = tide.raw().await;
        let batch = [
            parse("", "SELECT id FROM orders ORDER BY id LIMIT 3"),
            bind("p", "", &[]),
            describe('P', "p"),
            execute("p", 2),
            sync(),
        ]
        .concat();
        raw.send(&batch.repeat(3)).await;
        for _ in 0..3 {
            assert_eq!(tags(&raw.until_ready().await), "12TDDsZ");
        }
        let mut root = analytic.root().await;
        let before = numbers(&analytic, &mut root).await;
        for end in ["COMMIT", "ROLLBACK"] {
            raw.query("BEGIN").await;
            raw.send(&batch).await;
            assert_eq!(tags(&raw.until_ready().await), "12TDDsZ");
            let frames = raw.batch(&[execute("p", 2), close('P', "p")]).await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                ("DC3Z".to_owned(), vec!["3".to_owned()])
            );
            raw.send(&batch).await;
            assert_eq!(tags(&raw.until_ready().await), "12TDDsZ");
            assert_eq!(completed(&raw.query(end).await), [end]);
        }
        let after = numbers(&analytic, &mut root).await;
        // The router may have opened others meanwhile, to see how the server is.
        let kept = before.iter().all(|session| after.contains(session));
        assert!(kept, "a connection is given up: {before:?} {after:?}");
    });
}

/// The numbers of the analytic side's sessions.
async fn numbers(analytic: &Analytic, root: &mut Raw) -> Vec<String> {
    let rows = analytic.sessions(root).await;
    rows.into_iter().map(|row| row[1].clone()).collect()
}

#[test]
fn results_look_as_postgres_gives_them() {
    run(async {
        let (tide, _analytic) = anywhere("rw_results").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        let columns = "'2024-01-02 03:04:05.5+00'::timestamptz, '{\"a\": 1, \"b\": [1, \"x y\"]}'::jsonb, 7::int8, 1.50::numeric, \
                       '2024-01-02'::date, '1 day 02:00:00'::interval, true, ARRAY['2024-01-02 03:04:00+00'::timestamptz, NULL]";
        for formats in [
            &[][..],
            &[0],
            &[1],
            &[1, 0, 1, 0, 1, 0, 1, 0],
            &[0, 1, 0, 1, 0, 1, 0, 1],
        ] {
            for described in [false, true] {
                let steps = |table: &str| {
                    let sql = format!("SELECT {columns} FROM {table} LIMIT 1");
                    let mut steps = vec![parse("", &sql)];
                    if described {
                        steps.push(describe('S', ""));
                    }
                    steps.extend([
                        bind_in("", "", &[], &[], formats),
                        describe('P', ""),
                        execute("", 0),
                    ]);
                    steps
                };
                let theirs = direct.batch(&steps("customers")).await;
                let ours = routed.batch(&steps("orders")).await;
                assert_eq!((tags(&ours), bytes(&ours)), (tags(&theirs), bytes(&theirs)));
                assert_eq!(column_formats(&ours), column_formats(&theirs));
            }
        }
        let ours = routed
            .query(&format!("SELECT {columns} FROM orders LIMIT 2"))
            .await;
        let theirs = direct
            .query(&format!("SELECT {columns} FROM customers LIMIT 2"))
            .await;
        assert_eq!(bytes(&ours), bytes(&theirs));
        routed.query("SET TimeZone = 'Asia/Kolkata'").await;
        let frames = routed
            .query("SELECT '2024-01-02 03:04:05+00'::timestamptz FROM orders LIMIT 1")
            .await;
        assert_eq!(values(&frames), ["2024-01-02 08:34:05+05:30"]);
    });
}

#[test]
fn arrays_in_binary_are_those_of_postgres() {
    run(async {
        let (tide, _analytic) = anywhere("rw_arrays").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        for array in [
            "ARRAY[1, NULL, -3]",
            "ARRAY[ARRAY[1, 2], ARRAY[3, NULL]]",
            "ARRAY[ARRAY[ARRAY[1], ARRAY[2]], ARRAY[ARRAY[3], ARRAY[4]]]",
            "ARRAY['a'::varchar, NULL, '', 'NULL', 'b c', 'd,e', '\"', '{f}', 'žluť']",
            "ARRAY[ARRAY['a b'::varchar], ARRAY['\"c\"']]",
            "'{}'::int[]",
            "ARRAY[1.50, -12345.678, 0.00, 10000, NULL]",
            "ARRAY[true, false]",
            "ARRAY[0.1::float8, '1e100'::float8]",
            "ARRAY[1::smallint]",
            "ARRAY[1::bigint]",
            "ARRAY[0.5::real]",
            "ARRAY['2024-02-29'::date]",
            "ARRAY['23:59:59.5'::time]",
            "ARRAY['2024-01-02 03:04:05.6'::timestamp, NULL]",
            "ARRAY['2024-01-02 03:04:05+05:30'::timestamptz]",
            "ARRAY[interval '1 day' + interval '2 hours']",
            "ARRAY['\\x00ff'::bytea]",
            "ARRAY['{\"a\": [1, 2]}'::jsonb]",
        ] {
            let read = |table: &str| {
                [
                    parse("", &format!("SELECT {array} FROM {table} WHERE id = 1")),
                    bind_in("", "", &[], &[], &[1]),
                    describe('P', ""),
                    execute("", 0),
                ]
            };
            let ours = routed.batch(&read("orders")).await;
            let theirs = direct.batch(&read("customers")).await;
            assert_eq!(tags(&ours), "12TDCZ", "{array}: {ours:?}");
            assert_eq!(bytes(&ours), bytes(&theirs), "{array}");
            assert_eq!(column_formats(&ours), [1]);
        }
    });
}

#[test]
fn intervals_look_as_the_session_wants_them() {
    run(async {
        let (tide, analytic) = anywhere("rw_intervals").await;
        let mut raw = tide.raw().await;
        let whole = "interval '3 days' + interval '4 hours' + interval '5 minutes 6 seconds'";
        let all = [
            "interval '0 seconds'",
            "interval '14 months'",
            whole,
            "interval '1 year' - interval '3 days' - interval '6 seconds' * 1.5",
            "interval '1 day' * -1 + interval '1 second'",
            "interval '100 hours'",
            "array[interval '1 day' + interval '2 seconds', null, interval '14 months']",
        ];
        for style in ["postgres", "iso_8601", "sql_standard", "postgres_verbose"] {
            raw.query(&format!("SET intervalstyle = {style}")).await;
            for text in all {
                let own = values(&raw.query(&format!("SELECT {text}")).await);
                let there = format!("SELECT {text} FROM orders WHERE id = 1");
                let frames = raw.query(&there).await;
                assert_eq!(values(&frames), own, "{style}: {text}");
                let routed = raw.query(&format!("EXPLAIN ROUTE {there}")).await;
                let names = |frame: &Frame| frame.body.windows(8).any(|part| part == b"analytic");
                assert!(routed.iter().any(names), "{routed:?}");
                for described in [true, false] {
                    let mut all = vec![parse("", &there), bind("", "", &[])];
                    all.extend(described.then(|| describe('P', "")));
                    all.push(execute("", 0));
                    assert_eq!(values(&raw.batch(&all).await), own, "{style}: {text}");
                }
                raw.query(&format!("BEGIN; DECLARE c CURSOR FOR {there}"))
                    .await;
                let frames = raw.query("FETCH ALL FROM c").await;
                assert_eq!(values(&frames), own, "{style}: {text}");
                raw.query("COMMIT").await;
                let copied = raw.query(&format!("COPY ({there}) TO STDOUT")).await;
                let line = copied.iter().find(|frame| frame.tag == 'd').unwrap();
                assert_eq!(line.body, format!("{}\n", own[0]).as_bytes(), "{style}");
                // In binary there are no styles.
                let binary = [
                    parse("", &there),
                    bind_in("", "", &[], &[], &[1]),
                    execute("", 0),
                ];
                let frames = raw.batch(&binary).await;
                let row = frames.iter().find(|frame| frame.tag == 'D').unwrap();
                let length = if text.starts_with("array") { 64 } else { 16 };
                assert_eq!(row.body.len(), 2 + 4 + length, "{style}: {text}");
            }
        }
        drop(analytic);
    });
}

/// The formats of the last RowDescription.
fn column_formats(frames: &[Frame]) -> Vec<u8> {
    let found = frames.iter().rfind(|frame| frame.tag == 'T');
    let mut rest = &found.expect("a RowDescription").body[2..];
    let mut formats = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        formats.push(rest[end + 18]);
        rest = &rest[end + 19..];
    }
    formats
}
