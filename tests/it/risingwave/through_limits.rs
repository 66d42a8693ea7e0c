//! LIMIT, OFFSET and FETCH by parameters, of which RisingWave takes none.

use crate::support::run;
use crate::support::wire::{
    bind, bind_in, close, completed, describe, execute, parse, parse_typed, tags, values,
};

use super::anywhere::anywhere;
use super::through_parameters::{array, parameters, told};

#[test]
fn limit_and_offset_take_parameters() {
    run(async {
        let (tide, analytic) = anywhere("rw_limit").await;
        let mut raw = tide.raw().await;
        for (sql, given, seen) in [
            (
                "SELECT id FROM orders ORDER BY id LIMIT $1",
                &["2"][..],
                &["1", "2"][..],
            ),
            (
                "SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2",
                &["2", "3"],
                &["4", "5"],
            ),
            (
                "SELECT id FROM orders ORDER BY id OFFSET $1 LIMIT $2",
                &["97", "9"],
                &["98", "99", "100"],
            ),
            (
                "SELECT id FROM orders WHERE id > $2 ORDER BY id LIMIT $1",
                &["1", "50"],
                &["51"],
            ),
            (
                "SELECT id FROM orders WHERE id > $3 AND qty >= $1 ORDER BY id LIMIT $2",
                &["0", "2", "7"],
                &["8", "9"],
            ),
            (
                "SELECT id FROM orders ORDER BY id OFFSET $1 ROWS FETCH NEXT $2 ROWS ONLY",
                &["1", "2"],
                &["2", "3"],
            ),
            (
                "SELECT id FROM orders ORDER BY id FETCH FIRST ($1::INTEGER) ROWS ONLY",
                &["2"],
                &["1", "2"],
            ),
            (
                "SELECT id FROM orders ORDER BY id LIMIT $1::int",
                &["1"],
                &["1"],
            ),
            (
                "SELECT id FROM orders ORDER BY id LIMIT $1 + 1",
                &["1"],
                &["1", "2"],
            ),
            (
                "SELECT id FROM (SELECT id FROM orders ORDER BY id LIMIT $1) x WHERE id > $2",
                &["3", "1"],
                &["2", "3"],
            ),
            (
                "SELECT id + $1 FROM orders ORDER BY id LIMIT $1",
                &["1"],
                &["2"],
            ),
        ] {
            for name in ["", "s"] {
                let steps = [
                    parse(name, sql),
                    bind("", name, given),
                    describe('P', ""),
                    execute("", 0),
                    close('S', name),
                ];
                let frames = raw.batch(&steps).await;
                assert_eq!(values(&frames), seen, "{sql} {frames:?}");
            }
        }
        assert_ne!(
            analytic.saw(|sql| sql.contains("LIMIT $") || sql.contains("OFFSET $")),
            Some(true)
        );
    });
}

#[test]
fn a_limit_is_described_as_a_bigint_and_is_whatever_each_bind_says() {
    run(async {
        let (tide, _analytic) = anywhere("rw_limit_again").await;
        let mut raw = tide.raw().await;
        let sql = "SELECT id FROM orders WHERE state = $2 ORDER BY id LIMIT $1";
        let frames = raw.batch(&[parse("s", sql), describe('S', "s")]).await;
        assert_eq!(
            (tags(&frames), parameters(&frames)),
            ("1tTZ".to_owned(), vec![20, 25])
        );
        let three = 3_i64.to_be_bytes();
        for (given, formats, rows) in [
            ([Some(&b"2"[..]), Some(&b"CA"[..])], &[][..], 2),
            ([Some(&three), Some(b"CA")], &[1, 0], 3),
            ([Some(b"0"), Some(b"CA")], &[], 0),
            ([None, Some(b"CA")], &[], 33),
            ([Some(b"1"), None], &[], 0),
        ] {
            let steps = [bind_in("", "s", formats, &given, &[1]), execute("", 0)];
            let frames = raw.batch(&steps).await;
            assert_eq!(completed(&frames), [format!("SELECT {rows}")]);
        }
        let frames = raw.batch(&[describe('S', "s")]).await;
        assert_eq!(tags(&frames), "tTZ");
        for (declared, told) in [(21, 21), (23, 23), (20, 20), (0, 20), (705, 20)] {
            let sql = "SELECT id FROM orders LIMIT $1";
            let frames = raw
                .batch(&[parse_typed("", sql, &[declared]), describe('S', "")])
                .await;
            assert_eq!(parameters(&frames), [told]);
        }
    });
}

#[test]
fn a_limit_that_is_none_has_postgres_error() {
    run(async {
        let (tide, _analytic) = anywhere("rw_limit_errors").await;
        let (mut routed, mut direct) = (tide.raw().await, tide.sides.direct().await);
        for (clause, oid, value) in [
            ("LIMIT $1", 0, "-1"),
            ("OFFSET $1", 0, "-1"),
            ("FETCH FIRST $1 ROWS ONLY", 0, "-1"),
            ("LIMIT $1", 0, "x"),
            ("LIMIT $1", 0, ""),
            ("LIMIT $1", 0, "1; DROP TABLE orders"),
            ("LIMIT $1", 0, "1.5"),
            ("OFFSET $1", 23, "one"),
            ("LIMIT $1", 23, "3000000000"),
            ("LIMIT $1", 0, "9999999999999999999"),
            ("LIMIT $1", 701, "1e19"),
            ("LIMIT $1", 1700, "x"),
            ("OFFSET $1", 1700, "-0.5"),
        ] {
            let steps = |table: &str| {
                let sql = format!("SELECT id FROM {table} {clause}");
                [
                    parse_typed("", &sql, &[oid]),
                    bind("", "", &[value]),
                    execute("", 0),
                ]
            };
            let theirs = direct.batch(&steps("customers")).await;
            let ours = routed.batch(&steps("orders")).await;
            assert_eq!(told(&ours), told(&theirs), "{clause} {value}");
        }
        assert_eq!(
            values(&routed.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn drivers_that_prepare_get_limits_and_arrays() {
    run(async {
        let (tide, _analytic) = anywhere("rw_tokio").await;
        let client = tide.client().await;
        let sql = "SELECT id FROM orders WHERE id = ANY($1) AND state = ANY($2) ORDER BY id LIMIT $3 OFFSET $4";
        let statement = client.prepare(sql).await.expect("prepared");
        let ids: Vec<i32> = (1..=30).collect();
        let states = ["CA", "NY"];
        for (limit, offset, seen) in [(2_i64, 0_i64, [1, 3]), (2, 2, [4, 6])] {
            let rows = client
                .query(&statement, &[&ids, &&states[..], &limit, &offset])
                .await
                .expect("rows");
            let found: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(found, seen);
        }
        let none: Option<i64> = None;
        let rows = client
            .query(&statement, &[&ids, &&states[..], &none, &none])
            .await;
        assert_eq!(rows.expect("rows").len(), 20);
        let row = client
            .query_one("SELECT count(*) FROM orders WHERE state = $1", &[&"CA"])
            .await;
        assert_eq!(row.expect("a row").get::<_, i64>(0), 33);
    });
}

#[test]
fn statements_of_both_sides_are_bound_in_one_pipeline() {
    run(async {
        let (tide, _analytic) = anywhere("rw_mixed").await;
        let mut raw = tide.raw().await;
        let id = array(23, &[&2_i32.to_be_bytes()]);
        let piece = |table: &str| {
            let sql = format!("SELECT id FROM {table} WHERE id = ANY($1) LIMIT $2");
            [
                parse("", &sql),
                bind_in("", "", &[1, 0], &[Some(&id), Some(b"1")], &[]),
                execute("", 0),
            ]
            .concat()
        };
        let steps = [piece("orders"), piece("customers"), piece("orders")];
        let frames = raw.batch(&steps).await;
        assert_eq!(
            (tags(&frames), values(&frames)),
            ("12DC12DC12DCZ".to_owned(), vec!["2".to_owned(); 3])
        );
    });
}
