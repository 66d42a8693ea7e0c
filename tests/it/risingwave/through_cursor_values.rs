//! Parameters of cursors over analytic relations, and what the rows of FETCH and COPY look like: on the double as on PostgreSQL.

use crate::support::run;
use crate::support::wire::{
    Frame, bind, bind_in, completed, describe, execute, parse, parse_typed, sqlstates, status,
    tags, values, whole,
};

use super::anywhere::anywhere;
use super::through_cursors::{both, direct, told};
use super::through_parameters::{UUID, array, bytes, parameters};

/// DECLARE as psycopg sends it, with its parameters beside it.
fn declare(query: &str, types: &[u32], formats: &[u16], given: &[Option<&[u8]>]) -> Vec<u8> {
    let sql = format!("DECLARE c NO SCROLL CURSOR WITH HOLD FOR {query}");
    [
        parse_typed("", &sql, types),
        describe('S', ""),
        bind_in("", "", formats, given, &[]),
        describe('P', ""),
        execute("", 0),
    ]
    .concat()
}

fn fetch(format: u16) -> Vec<u8> {
    [
        parse("", "FETCH FORWARD 5 FROM c"),
        bind_in("", "", &[], &[], &[format]),
        describe('P', ""),
        execute("", 0),
    ]
    .concat()
}

#[test]
fn a_cursor_takes_the_parameters_that_a_statement_takes() {
    run(async {
        let states = array(25, &[b"CA", b"NY"]);
        let numbers = array(23, &[&3_i32.to_be_bytes(), &7_i32.to_be_bytes()]);
        let two = 2_i64.to_be_bytes();
        let uuid = UUID.to_uppercase();
        type Case<'a> = (&'a str, &'a [u32], &'a [u16], &'a [Option<&'a [u8]>]);
        let cases: [Case<'_>; 8] = [
            (
                "SELECT id, state FROM orders WHERE state = ANY($1) ORDER BY id LIMIT 4",
                &[1009],
                &[1],
                &[Some(&states)],
            ),
            (
                "SELECT id FROM orders WHERE id = ANY($1) ORDER BY id",
                &[1007],
                &[1],
                &[Some(&numbers)],
            ),
            // Types that are left open, or that RisingWave has not.
            (
                "SELECT id FROM orders WHERE id = ANY($1) ORDER BY id",
                &[],
                &[1],
                &[Some(&numbers)],
            ),
            (
                "SELECT id FROM orders WHERE state = $1 ORDER BY id LIMIT 2",
                &[705],
                &[],
                &[Some(b"CA")],
            ),
            (
                "SELECT id FROM orders WHERE state = $1 ORDER BY id LIMIT 2",
                &[19],
                &[],
                &[Some(b"CA")],
            ),
            (
                "SELECT $1::uuid FROM orders LIMIT 1",
                &[2950],
                &[],
                &[Some(uuid.as_bytes())],
            ),
            (
                "SELECT id FROM orders WHERE state = $2 ORDER BY id LIMIT $1 OFFSET $3",
                &[],
                &[1, 0, 1],
                &[Some(&two), Some(b"CA"), Some(&two)],
            ),
            (
                "SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT $2",
                &[23, 20],
                &[0],
                &[Some(b"90"), None],
            ),
        ];
        for (tide, _analytic) in both("cursor_parameters").await {
            let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
            for (query, types, formats, given) in cases {
                for format in [0, 1] {
                    for within in [false, true] {
                        let batches = [
                            declare(query, types, formats, given),
                            fetch(format),
                            fetch(format),
                            whole("CLOSE c"),
                        ];
                        for raw in [&mut routed, &mut right] {
                            raw.query(if within { "BEGIN" } else { "SELECT 1" }).await;
                        }
                        for batch in batches {
                            let batch = std::slice::from_ref(&batch);
                            let expected = without_uuid(&right.batch(batch).await);
                            let got = without_uuid(&routed.batch(batch).await);
                            assert_eq!(got, expected, "{query} {format}");
                        }
                        for raw in [&mut routed, &mut right] {
                            raw.query(if within { "COMMIT" } else { "SELECT 1" }).await;
                        }
                    }
                }
            }
        }
    });
}

/// What a client makes of an answer, where RisingWave has a uuid as the text that PostgreSQL shows.
fn without_uuid(frames: &[Frame]) -> String {
    let uuid = UUID.replace('-', "");
    let bytes: Vec<u8> = (0..16)
        .map(|at| u8::from_str_radix(&uuid[2 * at..2 * at + 2], 16).expect("hex"))
        .collect();
    let binary = format!("{:?}", format!("{bytes:?}"));
    let text = format!("{:?}", format!("{:?}", UUID.as_bytes()));
    format!("{:?}", told(frames)).replace(&binary, &text)
}

#[test]
fn a_cursor_whose_parameters_do_not_fit_is_refused_as_by_postgres() {
    run(async {
        let (tide, analytic) = anywhere("rw_cursor_bad").await;
        let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
        let query = "SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
        for (types, formats, given) in [
            (&[][..], &[][..], &[Some(&b"1"[..])][..]),
            (&[], &[], &[Some(b"1"), Some(b"1"), Some(b"1")]),
            (&[], &[], &[Some(b"1"), Some(b"x")]),
            (&[], &[], &[Some(b"1"), Some(b"-1")]),
            (&[], &[], &[Some(b"\xff"), Some(b"1")]),
            (&[], &[7], &[Some(b"1"), Some(b"1")]),
        ] {
            for raw in [&mut routed, &mut right] {
                raw.query("BEGIN").await;
            }
            let batch = declare(query, types, formats, given);
            // PostgreSQL notices some of them when the first row is fetched.
            let batch = [batch, fetch(0)];
            let (ours, theirs) = (routed.batch(&batch).await, right.batch(&batch).await);
            assert_eq!(sqlstates(&ours), sqlstates(&theirs), "{given:?}");
            assert_eq!((status(&ours), status(&theirs)), ('E', 'E'));
            for raw in [&mut routed, &mut right] {
                raw.query("ROLLBACK").await;
            }
        }
        for sql in [
            "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders WHERE id > $1",
            "COPY (SELECT id FROM orders WHERE id > $1) TO STDOUT",
        ] {
            let (ours, theirs) = (routed.query(sql).await, right.query(sql).await);
            assert_eq!(told(&ours), told(&theirs), "{sql}");
        }
        let panics = |sql: &str| sql.contains("> $1") && !sql.contains("LIMIT");
        assert_ne!(analytic.saw(panics), Some(true));
        assert_eq!(sqlstates(&routed.query("FETCH c").await), ["34000"]);
        assert_eq!(
            values(&routed.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn the_parameters_of_a_cursor_are_told_as_those_of_its_query() {
    run(async {
        let (tide, _analytic) = anywhere("rw_cursor_types").await;
        let mut raw = tide.raw().await;
        let sql = "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders WHERE state = $1 AND id < $2 LIMIT $3";
        let frames = raw
            .batch(&[parse_typed("", sql, &[114]), describe('S', "")])
            .await;
        assert_eq!(
            (tags(&frames), parameters(&frames)),
            ("1tnZ".to_owned(), vec![114, 23, 20])
        );
    });
}

const VALUES: &str = "SELECT id, '2024-01-02 03:04:00+00'::timestamptz, '{\"a\": 1, \"b\": [1, \"x y\"]}'::jsonb, \
     ARRAY['2024-01-02 03:04:00+00'::timestamptz, NULL], 1.50::numeric, 'x'::bytea FROM orders ORDER BY id";

#[test]
fn rows_of_a_cursor_look_as_postgres_gives_them() {
    run(async {
        for (tide, _analytic) in both("cursor_values").await {
            let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
            for raw in [&mut routed, &mut right] {
                raw.query("SET TimeZone = 'Europe/Prague'").await;
                raw.query("BEGIN").await;
            }
            let plain = format!("DECLARE t NO SCROLL CURSOR FOR {VALUES}");
            let binary = format!("DECLARE b BINARY NO SCROLL CURSOR FOR {VALUES}");
            for sql in [
                plain.as_str(),
                &binary,
                "FETCH 2 t",
                "FETCH 2 b",
                "MOVE 3 t",
                "MOVE 3 b",
                "FETCH RELATIVE 2 t",
                "FETCH RELATIVE 2 b",
                "COMMIT",
            ] {
                let (ours, theirs) = (routed.query(sql).await, right.query(sql).await);
                assert_eq!(told(&ours), told(&theirs), "{sql}");
            }
            for format in [0, 1] {
                for batch in [declare(VALUES, &[], &[], &[]), fetch(format), fetch(format)] {
                    let batch = std::slice::from_ref(&batch);
                    let (ours, theirs) = (routed.batch(batch).await, right.batch(batch).await);
                    assert_eq!(told(&ours), told(&theirs), "{format}");
                }
                let closed = routed.query("CLOSE c").await;
                assert_eq!(completed(&closed), ["CLOSE CURSOR"]);
                right.query("CLOSE c").await;
            }
        }
    });
}

#[test]
fn a_portal_that_sql_fetches_from_gives_rows_as_postgres_does() {
    run(async {
        let (tide, _analytic) = anywhere("rw_portal_values").await;
        let mut raw = tide.raw().await;
        raw.query("SET TimeZone = 'UTC'").await;
        raw.query("BEGIN").await;
        let open = [
            parse("", VALUES),
            bind("p", "", &[]),
            describe('P', "p"),
            execute("p", 1),
        ];
        let first = bytes(&raw.batch(&open).await);
        raw.query("MOVE 2 p").await;
        let second = bytes(&raw.query("FETCH 1 FROM p").await);
        assert_eq!(second[0][1..], first[0][1..]);
        assert_eq!(second[0][0].as_deref(), Some(&b"4"[..]));
        assert_eq!(
            second[0][1].as_deref(),
            Some(&b"2024-01-02 03:04:00+00"[..])
        );
    });
}

#[test]
fn binary_copy_looks_as_postgres_gives_it() {
    run(async {
        let (tide, _analytic) = anywhere("rw_copy_values").await;
        let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
        let query = "SELECT id, '2024-01-02 03:04:00+00'::timestamptz, '{\"a\": 1, \"b\": [1, \"x y\"]}'::jsonb FROM orders ORDER BY id";
        for options in ["(FORMAT binary)", "(FORMAT csv)", ""] {
            let sql = format!("COPY ({query}) TO STDOUT {options}");
            let (ours, theirs) = (routed.query(&sql).await, right.query(&sql).await);
            assert_eq!(told(&ours), told(&theirs), "{sql}");
            let batch = [whole(&sql)];
            let (ours, theirs) = (routed.batch(&batch).await, right.batch(&batch).await);
            assert_eq!(told(&ours), told(&theirs), "{sql}");
        }
        routed.query("BEGIN").await;
        let sql = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        assert_eq!(completed(&routed.query(&sql).await), ["COPY 100"]);
        assert_eq!(status(&routed.query("COMMIT").await), 'I');
    });
}
