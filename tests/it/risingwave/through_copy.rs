//! COPY of analytic relations to the client, byte for byte as PostgreSQL's own COPY of the same rows.

use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Frame, Raw, bind, execute, parse, sqlstates, status, tags, values};

use super::anywhere::{Analytic, analytic};

/// A table of odd values, and one with one row for what has no ORDER BY: RisingWave's rows have no order of their own. Each value is
/// written so that both engines read it alike.
const ODD: [&str; 9] = [
    "CREATE TABLE odd (id int PRIMARY KEY, t text, s smallint, l bigint, n numeric, f real, d double precision, \
     b boolean, y date, h time, m timestamp, i interval, j jsonb, x bytea, a int[], \"Q\" text)",
    "CREATE TABLE lone (id int PRIMARY KEY, t text, n numeric, \"Q\" text)",
    "INSERT INTO lone VALUES (1, 'plain', 3.50, 'q')",
    "INSERT INTO odd VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO odd VALUES (3, '', -1, -2, -0.001, '-Infinity', 'NaN', false, '0001-01-01', '00:00:00', '1999-12-31 23:59:59.123456', \
     '-1 days', '\"x\"', '', '{}', '')",
    "INSERT INTO odd VALUES (4, 'tab\there\nnew\rline \\ back \"quote\" ''single'' | pipe', 0, 0, 0.00, '0', '0', true, '2000-01-01', '12:00:00', \
     '2000-01-01 00:00:00', '1 mon', '[]', '\\x5c', '{-1}', '\x08\x0c\x0b')",
    "INSERT INTO odd VALUES (5, '\\N', 0, 0, 1000, '0', '0', true, '2000-01-01', '12:00:00', '2000-01-01 00:00:00', '00:00:00', 'null', '\\x', \
     '{}', '\\.')",
    "INSERT INTO odd VALUES (6, 'žluťoučký kůň 🐎 日本', 0, 0, '12345678901234567890.12345678', '0.1', '0.1', true, '2000-01-01', '12:00:00', \
     '2000-01-01 00:00:00', '00:00:00', '{\"ž\": \"ů\"}', '\\x', '{}', ' lead, trail ')",
    "INSERT INTO odd VALUES (1, 'plain', 1, 2, 3.50, '0.5', '1e100', true, '2024-02-29', '23:59:59.5', '2024-01-02 03:04:05.28423', \
     '1 day 02:03:04', '{\"a\": [1, null]}', '\\x00ff', '{1,NULL,3}', 'q')",
];

/// A router whose analytic side has these tables: RisingWave, or PostgreSQL. PostgreSQL has them in either case.
async fn odd(hint: &str, over_risingwave: bool) -> (Tide, Option<Analytic>) {
    let setup = Setup::new(hint).await;
    let (setup, side) = if over_risingwave {
        let (setup, side) = analytic(setup).await;
        side.make(&ODD).await;
        (setup, Some(side))
    } else {
        (setup, None)
    };
    // The double keeps its tables there.
    if side.as_ref().and_then(Analytic::double).is_none() {
        let postgres = setup.sides().analytic().await;
        postgres.batch_execute(&ODD.join(";")).await.expect("rows");
    }
    (setup.start().await, side)
}

/// A client of the analytic PostgreSQL itself.
async fn direct(tide: &Tide) -> Raw {
    let mut raw = Raw::connect(&format!("127.0.0.1:{}", PAIR.1.port())).await;
    raw.log_in("app", &tide.sides.database).await;
    raw
}

/// All of an answer but what an error says beside its code and message.
fn told(frames: &[Frame]) -> Vec<(char, String)> {
    let told = |frame: &Frame| match frame.tag {
        'E' => {
            let message = frame.field('M').unwrap_or_default();
            (frame.tag, format!("{} {message}", frame.sqlstate()))
        }
        _ => (
            frame.tag,
            format!("{:?}", String::from_utf8_lossy(&frame.body)),
        ),
    };
    frames.iter().map(told).collect()
}

const COPIES: &[&str] = &[
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT",
    "COPY lone TO STDOUT",
    "COPY public.lone (t, \"Q\", id) TO STDOUT",
    "COPY (SELECT * FROM odd WHERE false) TO STDOUT",
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT WITH (FORMAT text, HEADER, NULL 'nil', DELIMITER '|')",
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT WITH (FORMAT csv)",
    "COPY (SELECT t FROM odd ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER true)",
    "COPY (SELECT \"Q\" FROM odd ORDER BY id) TO STDOUT CSV",
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *, NULL '\\N')",
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE (t, \"Q\"), DELIMITER ';', QUOTE '''', ESCAPE '\\')",
    "COPY lone TO STDOUT WITH CSV HEADER QUOTE '|' FORCE QUOTE id NULL AS 'plain'",
    "COPY lone (id, t) TO STDOUT USING DELIMITERS ','",
    "COPY (SELECT id, t FROM odd ORDER BY id) TO STDOUT USING DELIMITERS ','",
    "COPY odd TO STDOUT WOBBLY",
    "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT WITH (ENCODING 'utf8', DELIMITER E'\\x01')",
    // Without arrays, of which RisingWave always says in binary that there may be NULLs in them, and jsonb, which has its spacing.
    "COPY (SELECT id, t, s, l, n, f, d, b, y, h, m, i, x FROM odd ORDER BY id) TO STDOUT WITH (FORMAT binary)",
    "COPY BINARY lone (id, n, \"Q\") TO STDOUT",
    "COPY (SELECT * FROM odd WHERE false) TO STDOUT (FORMAT binary)",
    // What is refused is refused in the same words.
    "COPY odd TO STDOUT WITH (FORMAT json)",
    "COPY odd TO STDOUT WITH (WOBBLE)",
    "COPY odd TO STDOUT WITH (FORMAT csv, FORMAT csv)",
    "COPY odd TO STDOUT WITH (FORMAT binary, HEADER)",
    "COPY odd TO STDOUT WITH (DELIMITER 'ab')",
    "COPY odd TO STDOUT WITH (DELIMITER 'a')",
    "COPY odd TO STDOUT WITH (FORMAT csv, QUOTE ',')",
    "COPY odd TO STDOUT WITH (QUOTE ',')",
    "COPY odd TO STDOUT WITH (FORMAT csv, NULL '\"')",
    "COPY (SELECT id FROM odd) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE (id, id))",
    "COPY (SELECT id FROM odd) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE (nosuch))",
    "COPY (SELECT nosuch FROM odd) TO STDOUT",
    "COPY (SELECT 10 / (id - 1) FROM odd WHERE id = 1) TO STDOUT",
    // A string of statements, and a transaction.
    "COPY (SELECT 1 FROM odd) TO STDOUT; SELECT 2",
    "BEGIN",
    "COPY (SELECT id FROM odd ORDER BY id) TO STDOUT CSV",
    "COPY odd TO STDOUT WITH (WOBBLE)",
    "SELECT 1",
    "ROLLBACK",
];

#[test]
fn a_copy_of_analytic_rows_is_what_postgres_own_copy_is() {
    run(async {
        for over_risingwave in [true, false] {
            let (tide, _analytic) = odd("copy_same", over_risingwave).await;
            let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
            for sql in COPIES {
                let expected = told(&right.query(sql).await);
                let got = told(&routed.query(sql).await);
                assert_eq!(got, expected, "{sql}, over RisingWave: {over_risingwave}");
            }
        }
    });
}

#[test]
fn the_engine_never_sees_the_copy_but_its_query() {
    run(async {
        let (tide, analytic) = odd("rw_copy_seen", true).await;
        let analytic = analytic.expect("an analytic side");
        let mut raw = tide.raw().await;
        let frames = raw.query("COPY odd (id, t) TO STDOUT (FORMAT csv)").await;
        assert_eq!(tags(&frames), "HddddddcCZ");
        let query = r#"SELECT "id", "t" FROM "odd""#;
        assert_ne!(analytic.saw(|sql| sql == query), Some(false));
        let copy = |sql: &str| sql.to_uppercase().starts_with("COPY");
        assert_ne!(analytic.saw(copy), Some(true));
        for sql in [
            "COPY odd FROM STDIN",
            "COPY (DELETE FROM odd RETURNING id) TO STDOUT",
        ] {
            assert_eq!(sqlstates(&raw.query(sql).await), ["25006"], "{sql}");
        }
    });
}

#[test]
fn a_copy_by_the_extended_protocol_is_the_same() {
    run(async {
        for over_risingwave in [true, false] {
            let (tide, _analytic) = odd("copy_extended", over_risingwave).await;
            let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
            for sql in [
                "COPY (SELECT * FROM odd ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
                "COPY lone TO STDOUT (FORMAT csv, HEADER)",
                "COPY odd TO STDOUT (WOBBLE)",
            ] {
                let copy = [parse("", sql), bind("", "", &[]), execute("", 0)];
                for _ in 0..2 {
                    let expected = told(&right.batch(&copy).await);
                    assert_eq!(told(&routed.batch(&copy).await), expected, "{sql}");
                }
            }
            let frames = routed.query("SELECT count(*) FROM odd").await;
            assert_eq!(
                (values(&frames), status(&frames)),
                (vec!["6".to_owned()], 'I')
            );
        }
    });
}

#[test]
fn a_copy_of_many_rows_holds_back_for_a_slow_client_and_ends() {
    run(async {
        let (tide, _analytic) = odd("rw_copy_long", true).await;
        let mut raw = tide.raw().await;
        let sql =
            "COPY (SELECT a.id, b.customer, c.t FROM orders a, orders b, odd c) TO STDOUT CSV";
        let frames = raw.query(sql).await;
        assert_eq!(
            frames.iter().filter(|frame| frame.tag == 'd').count(),
            60_000
        );
        assert_eq!(frames[frames.len() - 2].string(), "COPY 60000");
    });
}
