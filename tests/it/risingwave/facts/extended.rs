//! Rows 21 to 27, and what the source tells beyond them: Parse, Bind, Describe, Execute, Close.

use crate::support::run;
use crate::support::wire::{
    Frame, Raw, bind, bind_in, close, completed, describe, execute, parse, parse_typed, status,
    sync, tags, values, whole,
};

use super::{done, fresh, read, session, text};

/// The oids of a ParameterDescription.
fn parameters(frames: &[Frame]) -> Vec<u32> {
    let found = frames
        .iter()
        .find(|frame| frame.tag == 't')
        .expect("a ParameterDescription");
    found.body[2..]
        .chunks(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

/// The oids of a RowDescription's columns, which name no table.
fn columns(frames: &[Frame]) -> Vec<u32> {
    let found = frames
        .iter()
        .find(|frame| frame.tag == 'T')
        .expect("a RowDescription");
    let mut rest = &found.body[2..];
    let mut oids = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let fixed = &rest[end + 1..end + 19];
        assert_eq!(fixed[..6], [0; 6]);
        oids.push(u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]));
        rest = &rest[end + 19..];
    }
    oids
}

async fn table(raw: &mut Raw) -> String {
    let table = fresh("t");
    done(
        raw,
        &format!("create table {table} (id int primary key, v varchar not null)"),
    )
    .await;
    table
}

#[test]
fn fact_21_each_message_is_answered_at_once() {
    run(async {
        let mut raw = session().await;
        raw.send(&parse("", "select 1")).await;
        assert_eq!(tags(&raw.until('1').await), "1");
        raw.send(&bind("", "", &[])).await;
        assert_eq!(tags(&raw.until('2').await), "2");
        raw.send(&execute("", 0)).await;
        assert_eq!(tags(&raw.until('C').await), "DC");
        raw.send(&sync()).await;
        assert_eq!(tags(&raw.until_ready().await), "Z");
    });
}

#[test]
fn fact_21_an_error_skips_to_sync_and_what_ran_before_stays() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        let insert = |id: i32| whole(&format!("insert into {table} values ({id}, 'x')"));
        let frames = raw
            .batch(&[insert(1), whole("select * from nosuch"), insert(2)])
            .await;
        assert_eq!((tags(&frames), status(&frames)), ("12nCEZ".to_owned(), 'I'));
        done(&mut raw, "flush").await;
        assert_eq!(
            read(&mut raw, &format!("select id from {table}")).await,
            ["1"]
        );
    });
}

#[test]
fn fact_22_names_of_statements_and_portals_are_taken_once() {
    run(async {
        let mut raw = session().await;
        raw.batch(&[parse("s1", "select 42")]).await;
        let frames = raw.batch(&[parse("s1", "select 43")]).await;
        assert_eq!(
            text(&frames),
            "Failed to prepare the statement\n\nCaused by:\n  Duplicated statement name\n"
        );
        for sql in ["select 1", "discard all", "deallocate all"] {
            done(&mut raw, sql).await;
        }
        assert_eq!(
            values(&raw.batch(&[bind("p", "s1", &[]), execute("p", 0)]).await),
            ["42"]
        );
        assert_eq!(
            text(&raw.batch(&[bind("p", "s1", &[])]).await),
            "Duplicated portal name"
        );
        assert_eq!(
            text(&raw.batch(&[bind("", "nosuch", &[])]).await),
            "Prepare statement nosuch not found"
        );
        assert_eq!(
            text(&raw.batch(&[execute("nosuch", 0)]).await),
            "Portal nosuch not found"
        );
        assert_eq!(
            tags(
                &raw.batch(&[close('S', "nosuch"), close('P', "nosuch")])
                    .await
            ),
            "33Z"
        );
        raw.batch(&[parse("", "select 7")]).await;
        done(&mut raw, "select 1").await;
        assert_eq!(
            values(&raw.batch(&[bind("", "", &[]), execute("", 0)]).await),
            ["7"],
            "a simple query leaves it"
        );
    });
}

#[test]
fn fact_23_parameter_types_are_inferred_and_some_are_refused() {
    run(async {
        let mut raw = session().await;
        for (sql, given, told) in [
            ("select $1", &[][..], 1043),
            ("select $1", &[25], 1043),
            ("select $1", &[23], 23),
            ("select $1 + 1", &[], 23),
            ("select $1::int8", &[0], 20),
            ("select 1 = any($1)", &[], 1007),
        ] {
            let frames = raw
                .batch(&[parse_typed("", sql, given), describe('S', "")])
                .await;
            assert_eq!(parameters(&frames), [told], "{sql} {given:?}");
        }
        for oid in [705, 114, 2950, 1042, 19, 26, 869] {
            let frames = raw.batch(&[parse_typed("", "select $1", &[oid])]).await;
            let told =
                format!("Failed to prepare the statement\n\nCaused by:\n  Unsupported oid {oid}\n");
            assert_eq!(text(&frames), told);
        }
        let frames = raw.batch(&[parse("", "select 1 limit $1")]).await;
        assert!(
            text(&frames).contains("found non-const expression"),
            "{}",
            text(&frames)
        );
        let frames = raw
            .batch(&[
                parse("", "select $1::int"),
                bind("", "", &["1", "2"]),
                execute("", 0),
            ])
            .await;
        assert_eq!(values(&frames), ["1"], "one too many is taken");
    });
}

#[test]
fn source_parameters_stand_in_no_clause_of_rows_and_are_numbered_without_gaps() {
    run(async {
        let mut raw = session().await;
        for sql in [
            "select 1 limit $1 + 1",
            "select 1 limit ($1)",
            "select 1 limit $1::int offset 2",
            "select 1 offset $1",
            "select 1 offset 1 + 1",
            "select 1 fetch first $1 rows only",
            "select $1::int, $3::int",
        ] {
            let frames = raw.batch(&[parse("", sql)]).await;
            assert_eq!(tags(&frames), "EZ", "{sql}");
        }
        let frames = raw.batch(&[parse("", "select 1 limit all")]).await;
        assert_eq!(tags(&frames), "1Z");
    });
}

#[test]
fn fact_23_parameters_are_looked_at_when_they_are_bound() {
    run(async {
        let mut raw = session().await;
        let statement = || parse("", "select $1::int");
        let frames = raw.batch(&[statement(), bind("", "", &["x"])]).await;
        assert_eq!(
            (tags(&frames), text(&frames).as_str()),
            ("1EZ".to_owned(), "invalid digit found in string")
        );
        let frames = raw
            .batch(&[statement(), bind_in("", "", &[1], &[Some(b"\0\x01")], &[])])
            .await;
        assert_eq!(text(&frames), "failed to fill whole buffer");
        let frames = raw
            .batch(&[
                parse("", "select $1::varchar"),
                bind_in("", "", &[], &[Some(b"\xff")], &[]),
            ])
            .await;
        assert_eq!(
            text(&frames),
            "invalid utf-8 sequence of 1 bytes from index 0"
        );
        let frames = raw
            .batch(&[statement(), bind_in("", "", &[], &[Some(b"1")], &[5])])
            .await;
        assert_eq!(text(&frames), "Unknown format code: 5");
    });
}

#[test]
fn fact_24_text_is_varchar_and_columns_belong_to_no_table() {
    run(async {
        let mut raw = session().await;
        let sql = "select 1::smallint, 1, 1::bigint, 1.5::real, 1.5::float8, 1.5::numeric, true, 'x'::text, 'x'::varchar, '\\x01'::bytea, \
                   '2024-01-02'::date, '01:02:03'::time, '2024-01-02'::timestamp, '2024-01-02'::timestamptz, interval '1 day', \
                   '{}'::jsonb, array[1], array['a'], row(1, 2)";
        let frames = raw.query(sql).await;
        let oids = [
            21, 23, 20, 700, 701, 1700, 16, 1043, 1043, 17, 1082, 1083, 1114, 1184, 1186, 3802,
            1007, 1015, 2249,
        ];
        assert_eq!(columns(&frames), oids);
    });
}

#[test]
fn fact_25_values_go_both_ways_in_binary_but_arrays_only_one() {
    run(async {
        let mut raw = session().await;
        let frames = raw
            .batch(&[
                parse_typed("", "select $1", &[23]),
                bind_in("", "", &[1], &[Some(&7_i32.to_be_bytes())], &[1]),
                execute("", 0),
            ])
            .await;
        assert_eq!(frames[2].row(), [Some(7_i32.to_be_bytes().to_vec())]);
        let frames = raw
            .batch(&[
                parse("", "select array[1, 2]"),
                bind_in("", "", &[], &[], &[1]),
                execute("", 0),
            ])
            .await;
        let array = frames[2].row()[0].clone().expect("an array");
        let binary = raw
            .batch(&[
                parse_typed("", "select $1", &[1007]),
                bind_in("", "", &[1], &[Some(&array)], &[]),
            ])
            .await;
        assert_eq!(tags(&binary), "1EZ");
        let text = raw
            .batch(&[
                parse_typed("", "select $1", &[1007]),
                bind("", "", &["{1,2}"]),
                execute("", 0),
            ])
            .await;
        assert_eq!(values(&text), ["{1,2}"]);
        let frames = raw
            .batch(&[
                parse("", "select 1, 2"),
                bind_in("", "", &[], &[], &[1, 0, 0]),
                execute("", 0),
            ])
            .await;
        assert!(
            super::text(&frames)
                .contains("format codes length 3 is not 0, 1 or equal to actual length 2")
        );
    });
}

#[test]
fn fact_26_portals_outlive_sync_and_begin_again_after_their_end() {
    run(async {
        let mut raw = session().await;
        let series = parse("", "select * from generate_series(1, 3)");
        let frames = raw
            .batch(&[series, bind("p", "", &[]), execute("p", 2)])
            .await;
        assert_eq!(tags(&frames), "12DDsZ");
        let frames = raw.batch(&[execute("p", 2)]).await;
        assert_eq!(
            (tags(&frames), completed(&frames)),
            ("DCZ".to_owned(), vec!["SELECT 1".to_owned()])
        );
        assert_eq!(values(&raw.batch(&[execute("p", 2)]).await), ["1", "2"]);
        let frames = raw
            .batch(&[
                parse("", "select * from generate_series(1, 2)"),
                bind("q", "", &[]),
                execute("q", 2),
                execute("q", 2),
            ])
            .await;
        assert_eq!(
            tags(&frames),
            "12DDsCZ",
            "exactly as many rows as asked for suspend it"
        );
    });
}

#[test]
fn fact_27_a_statement_over_an_altered_table_has_to_be_parsed_again() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        raw.batch(&[parse("s", &format!("select * from {table}"))])
            .await;
        done(&mut raw, &format!("alter table {table} add column w int")).await;
        let frames = raw.batch(&[bind("", "s", &[]), execute("", 0)]).await;
        assert_eq!(tags(&frames), "2EZ");
        assert!(
            text(&frames).contains("Streaming vnode mapping not found for fragment"),
            "{}",
            text(&frames)
        );
    });
}

#[test]
fn source_a_change_of_rows_that_fails_while_it_runs_is_ready_twice() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        let insert = parse("", &format!("insert into {table} values ($1, $2)"));
        raw.send(
            &[
                insert,
                bind_in("", "", &[], &[Some(b"1"), None], &[]),
                execute("", 0),
                sync(),
            ]
            .concat(),
        )
        .await;
        assert_eq!(tags(&raw.until_ready().await), "12EZ");
        assert_eq!(tags(&raw.until_ready().await), "Z");
        assert_eq!(read(&mut raw, "select 1").await, ["1"]);
    });
}

#[test]
fn source_an_unnamed_portal_that_was_suspended_is_never_resumed() {
    run(async {
        let mut raw = session().await;
        let series = parse("", "select * from generate_series(1, 3)");
        raw.send(
            &[
                series,
                bind("", "", &[]),
                execute("", 1),
                execute("", 1),
                sync(),
            ]
            .concat(),
        )
        .await;
        assert_eq!(tags(&raw.rest().await), "12DsE");
    });
}

#[test]
fn source_nested_arrays_have_no_binary_form() {
    run(async {
        let mut raw = session().await;
        for (sql, format, wanted) in [
            ("select array[array[1, 2], array[3, null]]", 0, true),
            ("select array[array[1, 2], array[3, null]]", 1, false),
            ("select array[1, null]", 1, true),
        ] {
            let read = [
                parse("", sql),
                bind_in("", "", &[], &[], &[format]),
                execute("", 0),
            ];
            let tags = tags(&raw.batch(&read).await);
            assert_eq!(!tags.contains('E'), wanted, "{sql} {format}: {tags}");
        }
    });
}
