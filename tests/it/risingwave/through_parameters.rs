//! Parameters: what drivers send, and RisingWave takes in fewer forms than PostgreSQL. LIMIT is in [`super::through_limits`].

use bytes::BufMut;

use crate::support::run;
use crate::support::wire::{
    Frame, bind, bind_in, close, completed, describe, execute, message, parse, parse_typed,
    sqlstates, status, sync, tags, values,
};

use super::anywhere::anywhere;
use super::through_failures::the_error;

/// The oids of a ParameterDescription.
pub fn parameters(frames: &[Frame]) -> Vec<u32> {
    let found = frames.iter().find(|frame| frame.tag == 't');
    found.expect("a ParameterDescription").body[2..]
        .chunks(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

/// SQLSTATE and message of the only error among some frames.
pub fn told(frames: &[Frame]) -> (String, String) {
    let error = the_error(frames);
    (error.sqlstate(), error.field('M').unwrap_or_default())
}

/// The values of all rows in binary.
pub fn bytes(frames: &[Frame]) -> Vec<Vec<Option<Vec<u8>>>> {
    let rows = frames.iter().filter(|frame| frame.tag == 'D');
    rows.map(Frame::row).collect()
}

/// A binary array of one dimension.
pub fn array(element: u32, values: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i32(1);
    out.put_i32(0);
    out.put_u32(element);
    out.put_i32(i32::try_from(values.len()).expect("few"));
    out.put_i32(1);
    for value in values {
        out.put_i32(i32::try_from(value.len()).expect("short"));
        out.put_slice(value);
    }
    out
}

pub const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

const COUNT_BY_STATE: &str = "SELECT count(*) FROM orders WHERE state = $1";

#[test]
fn what_is_wrong_with_a_bind_is_said_as_by_postgres_and_costs_no_connection() {
    run(async {
        let (tide, analytic) = anywhere("rw_bad_bind").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        let there = COUNT_BY_STATE;
        let here = "SELECT count(*) FROM customers WHERE state = $1";
        let too_short = message(b'B', b"\0s\0\0\0\0\x01\0\0\0\x09CA");
        let bad: [Vec<u8>; 8] = [
            bind("", "s", &[]),
            bind("", "s", &["CA", "NY"]),
            bind_in("", "s", &[0, 0], &[Some(b"CA")], &[]),
            bind_in("", "s", &[], &[Some(b"C\xc3\x28")], &[]),
            bind_in("", "s", &[], &[Some(b"C\0A")], &[]),
            bind_in("", "s", &[1], &[Some(b"\xff")], &[]),
            too_short,
            bind_in("", "s", &[7], &[Some(b"CA")], &[]),
        ];
        for bad in bad {
            let steps = |sql: &str| [parse("s", sql), bad.clone(), execute("", 0)];
            let theirs = direct.batch(&steps(here)).await;
            let ours = routed.batch(&steps(there)).await;
            assert_eq!(told(&ours), told(&theirs));
            assert_eq!(tags(&ours), tags(&theirs));
            for raw in [&mut routed, &mut direct] {
                let frames = raw.batch(&[close('S', "s")]).await;
                assert_eq!(tags(&frames), "3Z");
            }
            assert_eq!(
                values(&routed.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
        assert_ne!(analytic.saw(|_| true), Some(false));
    });
}

#[test]
fn a_parameter_in_a_string_is_an_error_and_no_more() {
    run(async {
        let (tide, analytic) = anywhere("rw_no_parameter").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        for (ours, theirs) in [
            (
                "SELECT id FROM orders WHERE id = $2",
                "SELECT id FROM customers WHERE id = $2",
            ),
            (
                "SELECT 1; SELECT id FROM orders LIMIT $1",
                "SELECT 1; SELECT id FROM customers LIMIT $1",
            ),
        ] {
            let (ours, theirs) = (routed.query(ours).await, direct.query(theirs).await);
            assert_eq!((told(&ours), tags(&ours)), (told(&theirs), tags(&theirs)));
        }
        assert_eq!(
            values(
                &routed
                    .query("SELECT count(*) FROM orders WHERE state <> '$1'")
                    .await
            ),
            ["100"]
        );
        assert_ne!(analytic.saw(|sql| sql.contains(" $")), Some(true));
    });
}

#[test]
fn a_uuid_is_found_by_whatever_form_the_client_has_for_it() {
    run(async {
        let (tide, _analytic) = anywhere("rw_uuid").await;
        let mut raw = tide.raw().await;
        let sql = "SELECT $1 FROM orders LIMIT 1";
        for form in [
            UUID.to_uppercase(),
            UUID.replace('-', ""),
            format!("{{{UUID}}}"),
        ] {
            let steps = [
                parse_typed("", sql, &[2950]),
                bind("", "", &[&form]),
                execute("", 0),
            ];
            assert_eq!(values(&raw.batch(&steps).await), [UUID]);
        }
        let steps = [
            parse_typed("", sql, &[2950]),
            bind("", "", &["no such"]),
            execute("", 0),
        ];
        assert_eq!(
            told(&raw.batch(&steps).await),
            (
                "22P02".to_owned(),
                "invalid input syntax for type uuid: \"no such\"".to_owned()
            )
        );
    });
}

#[test]
fn a_bind_that_fails_fails_the_transaction_as_any_error_does() {
    run(async {
        let (tide, _analytic) = anywhere("rw_bad_bind_in_transaction").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let frames = raw
            .batch(&[parse("", COUNT_BY_STATE), bind("", "", &[]), execute("", 0)])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["08P01".to_owned()], 'E')
        );
        assert_eq!(completed(&raw.query("COMMIT").await), ["ROLLBACK"]);
    });
}

#[test]
fn types_that_parse_refuses_there_are_taken_and_told_as_they_were_declared() {
    run(async {
        let (tide, _analytic) = anywhere("rw_refused_types").await;
        let mut raw = tide.raw().await;
        for (oid, shown) in [
            (0, 25),
            (25, 25),
            (1043, 1043),
            (705, 25),
            (114, 114),
            (2950, 2950),
            (1042, 1042),
            (19, 19),
            (26, 26),
            (869, 869),
        ] {
            let frames = raw
                .batch(&[
                    parse_typed("", COUNT_BY_STATE, &[oid]),
                    describe('S', ""),
                    bind("", "", &[if oid == 2950 { UUID } else { "CA" }]),
                    execute("", 0),
                ])
                .await;
            assert_eq!(tags(&frames), "1tT2DCZ", "{oid}");
            let count = if oid == 2950 { "0" } else { "33" };
            assert_eq!(
                (parameters(&frames), values(&frames)),
                (vec![shown], vec![count.to_owned()])
            );
        }
    });
}

#[test]
fn binary_values_of_types_that_it_has_not_arrive_as_text() {
    run(async {
        let (tide, _analytic) = anywhere("rw_binary").await;
        let mut raw = tide.raw().await;
        let uuid = u128::from_str_radix(&UUID.replace('-', ""), 16).expect("a number");
        for (oid, sent, text) in [
            (2950, &uuid.to_be_bytes()[..], UUID),
            (1042, b"CA", "CA"),
            (19, b"CA", "CA"),
            (705, b"CA", "CA"),
            (869, b"\x02\x08\0\x04\x0a\0\0\x01", "10.0.0.1/8"),
            (26, &7_u32.to_be_bytes(), "7"),
            (1266, b"\0\0\0\0\0\0\0\0\0\0\0\0", "00:00:00+00"),
            (
                2951,
                &array(2950, &[&uuid.to_be_bytes()]),
                &format!("{{{UUID}}}"),
            ),
            (50_000, b"an enum's", "an enum's"),
        ] {
            let sql = "SELECT $1 FROM orders LIMIT 1";
            let steps = [
                parse_typed("", sql, &[oid]),
                bind_in("", "", &[1], &[Some(sent)], &[]),
                execute("", 0),
            ];
            let frames = raw.batch(&steps).await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                ("12DCZ".to_owned(), vec![text.to_owned()]),
                "{oid}"
            );
        }
        // Its cast is one to a type that it has not; the client is told what it has written.
        for (sql, oid, sent) in [
            (
                "SELECT $1::uuid FROM orders LIMIT 1",
                2950,
                &uuid.to_be_bytes()[..],
            ),
            (
                "SELECT id FROM orders WHERE state = ANY(CAST($1 AS uuid[]))",
                2951,
                &array(2950, &[]),
            ),
            ("SELECT $1::json FROM orders LIMIT 1", 114, b"{}"),
        ] {
            let steps = [
                parse("", sql),
                describe('S', ""),
                bind_in("", "", &[1], &[Some(sent)], &[]),
                execute("", 0),
            ];
            let frames = raw.batch(&steps).await;
            assert_eq!(parameters(&frames), [oid], "{sql}");
            assert_eq!(tags(&frames).replace('D', ""), "1tT2CZ", "{sql}");
        }
        // It has no types of a size either.
        for (sql, sent, text) in [
            (
                "SELECT $1::NUMERIC(12, 2) FROM orders LIMIT 1",
                "1.005",
                "1.01",
            ),
            (
                "SELECT CAST($1 AS numeric(3)) FROM orders LIMIT 1",
                "1.5",
                "2",
            ),
            ("SELECT $1::varchar(3) FROM orders LIMIT 1", "abcdef", "abc"),
        ] {
            let frames = raw
                .batch(&[parse("", sql), bind("", "", &[sent]), execute("", 0)])
                .await;
            assert_eq!(values(&frames), [text], "{sql}");
        }
        // What means nothing here is refused, not guessed at.
        let frames = raw
            .batch(&[
                parse_typed("", "SELECT $1 FROM orders", &[2950]),
                bind_in("", "", &[1], &[Some(b"short")], &[]),
            ])
            .await;
        assert_eq!(
            told(&frames),
            (
                "22P03".to_owned(),
                "incorrect binary data format in bind parameter 1".to_owned()
            )
        );
        let frames = raw
            .batch(&[
                parse_typed("", "SELECT $1 FROM orders", &[790]),
                bind_in("", "", &[1], &[Some(&[0; 8])], &[]),
            ])
            .await;
        assert_eq!(sqlstates(&frames), ["0A000"]);
    });
}

#[test]
fn any_takes_binary_arrays_whether_their_type_is_declared_or_not() {
    run(async {
        let (tide, analytic) = anywhere("rw_any").await;
        let mut raw = tide.raw().await;
        let (one, five) = (1_i32.to_be_bytes(), 5_i32.to_be_bytes());
        let ids = array(23, &[&one, &five]);
        let states = array(25, &[b"CA", b"a \"quoted\" one"]);
        let by_id = "SELECT id FROM orders WHERE id = ANY($1) ORDER BY id";
        let by_state = "SELECT count(*) FROM orders WHERE state = ANY($1)";
        for declared in [&[][..], &[0]] {
            // Nobody has described it: the router asks by itself, and the client does not see the answer.
            let steps = [
                parse_typed("", by_id, declared),
                bind_in("", "", &[1], &[Some(&ids)], &[]),
                execute("", 0),
            ];
            let frames = raw.batch(&steps).await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                ("12DDCZ".to_owned(), vec!["1".to_owned(), "5".to_owned()])
            );
        }
        for (sql, oid, sent, seen) in [
            (by_id, 1007, &ids, vec!["1", "5"]),
            (by_state, 1009, &states, vec!["33"]),
        ] {
            for declared in [&[][..], &[oid]] {
                let steps = [
                    parse_typed("", sql, declared),
                    describe('S', ""),
                    bind_in("", "", &[1], &[Some(sent)], &[]),
                    execute("", 0),
                ];
                let frames = raw.batch(&steps).await;
                assert_eq!(
                    (parameters(&frames), values(&frames)),
                    (vec![oid], seen.iter().map(|s| (*s).to_owned()).collect()),
                    "{sql}"
                );
            }
        }
        let text = [
            parse_typed("", by_id, &[1007]),
            bind("", "", &["{1,5}"]),
            execute("", 0),
        ];
        assert_eq!(values(&raw.batch(&text).await), ["1", "5"]);
        // The text goes there as it is.
        assert_ne!(analytic.saw(|sql| sql == by_id), Some(false));
    });
}

#[test]
fn a_long_bind_is_adapted_as_a_short_one() {
    run(async {
        let (tide, _analytic) = anywhere("rw_long_bind").await;
        let mut raw = tide.raw().await;
        let numbers: Vec<[u8; 4]> = (1..=40_000_i32).map(i32::to_be_bytes).collect();
        let numbers: Vec<&[u8]> = numbers.iter().map(|number| &number[..]).collect();
        let ids = array(23, &numbers);
        let sql = "SELECT id FROM orders WHERE id = ANY($1) ORDER BY id LIMIT $2";
        let steps = [
            parse_typed("", sql, &[1007]),
            bind_in("", "", &[1, 0], &[Some(&ids), Some(b"3")], &[]),
            execute("", 2),
            execute("", 2),
        ];
        for _ in 0..2 {
            let all = [steps.concat(), sync()].concat();
            let (first, rest) = all.split_at(30_000);
            raw.send(first).await;
            raw.send(rest).await;
            let frames = raw.until_ready().await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                (
                    "12DDsDCZ".to_owned(),
                    ["1", "2", "3"].map(str::to_owned).into()
                )
            );
        }
        assert_eq!(
            values(&raw.query("SELECT name FROM customers WHERE id = 1").await),
            ["Ada"]
        );
    });
}
