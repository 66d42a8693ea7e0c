//! Cursors over analytic relations, through the router: on the double and on an analytic PostgreSQL, whose own cursors say what is right.

use std::collections::BTreeSet;

use crate::support::eventually;
use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::sql::{last_route, rows, scalar, state};
use crate::support::tide::Tide;
use crate::support::wire::{
    Frame, Raw, bind, bind_in, close, completed, describe, execute, parse, parse_typed, sqlstates,
    status, tags, values, whole,
};

use super::anywhere::{Analytic, anywhere};
use super::double::Mischief;
use super::through::over_double;

/// A router over each engine; the analytic side lives as long as what stands beside it.
pub async fn both(hint: &str) -> [(Tide, Option<Analytic>); 2] {
    let (over_risingwave, analytic) = anywhere(&format!("{hint}_rw")).await;
    let over_postgres = Tide::start(&format!("{hint}_pg")).await;
    [(over_risingwave, Some(analytic)), (over_postgres, None)]
}

/// A client of the analytic PostgreSQL itself.
pub async fn direct(tide: &Tide) -> Raw {
    let mut raw = Raw::connect(&format!("127.0.0.1:{}", PAIR.1.port())).await;
    raw.log_in("app", &tide.sides.database).await;
    raw
}

/// What a client makes of an answer: all but where columns come from, and details of errors, where RisingWave tells its causes.
pub fn told(frames: &[Frame]) -> Vec<(char, Vec<Option<String>>)> {
    let told = |frame: &Frame| {
        let fields = |names: &str| names.chars().map(|name| frame.field(name)).collect();
        let text = match frame.tag {
            'T' => Vec::new(),
            'E' | 'N' => fields("SVCMH"),
            'D' => frame
                .row()
                .into_iter()
                .map(|value| value.map(|value| format!("{value:?}")))
                .collect(),
            _ => vec![Some(format!("{:?}", frame.body))],
        };
        (frame.tag, text)
    };
    frames.iter().map(told).collect()
}

/// Strings that have the same answers from PostgreSQL and through the router, in one session each.
const SESSIONS: &[&[&str]] = &[
    &[
        "BEGIN",
        "DECLARE c NO SCROLL CURSOR FOR SELECT id, customer FROM orders WHERE id <= 9 ORDER BY id",
        "FETCH c",
        "FETCH NEXT FROM c",
        "FETCH 2 IN c",
        "FETCH FORWARD 2 FROM c",
        "MOVE c",
        "MOVE 0 c",
        "FETCH ALL FROM c",
        "FETCH ALL FROM c",
        "FETCH 0 c",
        "MOVE 0 c",
        "CLOSE c",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM orders WHERE id <= 9 ORDER BY id",
        "FETCH ABSOLUTE 0 c",
        "FETCH ABSOLUTE 3 c",
        "MOVE ABSOLUTE 5 IN c",
        "FETCH RELATIVE 2 c",
        "MOVE RELATIVE 1 c",
        "MOVE FORWARD ALL IN c",
        "FETCH RELATIVE 2 c",
        "FETCH ABSOLUTE 20 c",
        "FETCH LAST c",
        "FETCH c",
        "COMMIT",
        "SELECT 1",
    ],
    &[
        "BEGIN",
        "DECLARE \"C d\" INSENSITIVE NO SCROLL CURSOR WITHOUT HOLD FOR SELECT id FROM orders ORDER BY id",
        "FETCH RELATIVE 200 \"C d\"",
        "FETCH \"C d\"",
        "DECLARE \"C d\" NO SCROLL CURSOR FOR SELECT id FROM orders",
        "FETCH \"C d\"",
        "ROLLBACK",
        "FETCH \"C d\"",
    ],
    &[
        "BEGIN",
        "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id",
        "MOVE 7 c",
        "FETCH BACKWARD 2 FROM c",
        "ROLLBACK",
        "FETCH NEXT FROM c",
        "CLOSE c",
        "DECLARE c CURSOR FOR SELECT id FROM orders",
    ],
    // WITH HOLD, in and outside of transactions.
    &[
        "DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id",
        "FETCH 3 h",
        "BEGIN",
        "FETCH 2 h",
        "ROLLBACK",
        "FETCH 1 h",
        "DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id",
        "BEGIN",
        "DECLARE i NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id DESC",
        "FETCH 1 i",
        "COMMIT",
        "FETCH 1 h",
        "FETCH 1 i",
        "BEGIN",
        "DECLARE j NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders",
        "ROLLBACK",
        "FETCH j",
        "CLOSE h",
        "FETCH h",
        "CLOSE ALL",
        "FETCH i",
    ],
    &[
        "DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id",
        "DISCARD ALL",
        "FETCH h",
        "DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id DESC",
        "FETCH h",
        "SELECT 1 / (id - id) FROM orders WHERE id = 1",
        "FETCH h",
    ],
    // A string is one transaction.
    &[
        "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id; FETCH 2 c; FETCH 1 c",
        "FETCH c",
        "BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id; FETCH 2 c; MOVE 1 c; COMMIT",
        "FETCH c",
        "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id; FETCH -1 c; FETCH 1 c",
    ],
    // What fails is of the cursor or of the statement.
    &[
        "BEGIN",
        "DECLARE c NO SCROLL CURSOR FOR SELECT 10 / (5 - id) FROM orders WHERE id IN (1, 3, 5) ORDER BY id",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT s",
        "DECLARE d NO SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id",
        "ROLLBACK TO s",
        "FETCH d",
        "ROLLBACK",
    ],
];

#[test]
fn a_cursor_over_analytic_relations_answers_as_postgres_would() {
    run(async {
        for (tide, double) in both("cursors").await {
            for session in SESSIONS {
                let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
                for sql in *session {
                    let expected = told(&right.query(sql).await);
                    let got = told(&routed.query(sql).await);
                    let on = if double.is_some() {
                        "the double"
                    } else {
                        "postgres"
                    };
                    assert_eq!(got, expected, "{sql} over {on}");
                }
            }
        }
    });
}

#[test]
fn a_fetch_may_be_of_very_many_rows_and_a_cursor_read_in_portions_has_them_all() {
    run(async {
        for (tide, _analytic) in both("cursor_many").await {
            let mut raw = tide.raw().await;
            raw.query("BEGIN").await;
            raw.query(
                "DECLARE c CURSOR FOR SELECT a.id * 100 + b.id FROM orders a, orders b ORDER BY 1",
            )
            .await;
            let mut all = Vec::new();
            loop {
                let some = values(&raw.query("FETCH FORWARD 2000 FROM c").await);
                if some.is_empty() {
                    break;
                }
                all.extend(some);
            }
            let expected: Vec<String> = (1..=100)
                .flat_map(|a| (1..=100).map(move |b| (a * 100 + b).to_string()))
                .collect();
            assert_eq!(all, expected);
            raw.query("DECLARE d CURSOR FOR SELECT a.id FROM orders a, orders b")
                .await;
            let frames = raw.query("FETCH 2147483647 FROM d").await;
            assert_eq!(completed(&frames), ["FETCH 10000"]);
            raw.query("COMMIT").await;
        }
    });
}

#[test]
fn cursors_of_both_sides_live_side_by_side_and_share_their_names() {
    run(async {
        for (tide, _analytic) in both("cursor_names").await {
            let mut raw = tide.raw().await;
            raw.query("BEGIN").await;
            raw.query("DECLARE a CURSOR FOR SELECT id FROM orders ORDER BY id")
                .await;
            raw.query("DECLARE o CURSOR FOR SELECT id + 1000 FROM customers ORDER BY id")
                .await;
            assert_eq!(values(&raw.query("FETCH a").await), ["1"]);
            assert_eq!(values(&raw.query("FETCH o").await), ["1001"]);
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
            assert_eq!(values(&raw.query("FETCH 2 a").await), ["2", "3"]);
            assert_eq!(
                values(&raw.query("FETCH PRIOR o").await),
                Vec::<String>::new()
            );
            for taken in [
                "DECLARE o CURSOR FOR SELECT id FROM orders",
                "DECLARE a CURSOR FOR SELECT id FROM customers",
            ] {
                raw.query("SAVEPOINT s").await;
                assert_eq!(sqlstates(&raw.query(taken).await), ["42P03"], "{taken}");
                raw.query("ROLLBACK TO s").await;
            }
            raw.query("CLOSE o").await;
            let again = raw
                .query("DECLARE o CURSOR FOR SELECT id FROM orders")
                .await;
            assert_eq!(completed(&again), ["DECLARE CURSOR"]);
            raw.query("COMMIT").await;
            assert_eq!(sqlstates(&raw.query("FETCH a").await), ["34000"]);
        }
    });
}

#[test]
fn a_scroll_cursor_and_a_cursor_over_both_sides_are_refused() {
    run(async {
        let (tide, _analytic) = anywhere("rw_scroll").await;
        let client = tide.client().await;
        for sql in [
            "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1 FROM orders, customers",
        ] {
            assert_eq!(state(&client, sql).await, "0A000", "{sql}");
        }
        let sql = "DECLARE c CURSOR WITH HOLD FOR SELECT 1 FROM orders FOR UPDATE";
        assert_eq!(state(&client, sql).await, "25006");
        assert_eq!(state(&client, "FETCH c").await, "34000");
    });
}

#[test]
fn a_held_cursor_keeps_an_analytic_connection_and_no_other_and_says_so() {
    run(async {
        for (tide, _analytic) in both("cursor_pins").await {
            let client = tide.client().await;
            let declare = "DECLARE h CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id";
            for _ in 0..2 {
                rows(&client, declare).await;
                assert_eq!(rows(&client, "FETCH 2 h").await.len(), 2);
                assert_eq!(last_route(&client).await.0, "analytic");
                let pins = rows(&client, "SHOW tidegate.pins").await;
                let reasons: Vec<_> = pins.iter().map(|row| row[4].as_deref()).collect();
                assert_eq!(reasons, [Some("analytic_cursor")]);
                rows(&client, "CLOSE h").await;
                assert!(rows(&client, "SHOW tidegate.pins").await.is_empty());
            }
            // What a cursor was on goes back to the pool.
            let mut pids = BTreeSet::new();
            for _ in 0..12 {
                rows(&client, declare).await;
                assert_eq!(scalar(&client, "FETCH h").await, "1");
                let pins = rows(&client, "SHOW tidegate.pins").await;
                pids.insert(pins[0][3].clone().expect("a process id"));
                rows(&client, "CLOSE h; SELECT count(*) FROM orders").await;
            }
            assert!(pids.len() < 3, "{pids:?}");
            rows(&client, declare).await;
            drop(client);
            let other = tide.client().await;
            eventually("the session is gone", || async {
                rows(&other, "SHOW tidegate.pins").await.is_empty()
            })
            .await;
        }
    });
}

#[test]
fn a_held_cursor_goes_on_while_other_reads_come_and_fail() {
    run(async {
        for (tide, _analytic) in both("cursor_beside").await {
            let mut raw = tide.raw().await;
            raw.query("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id")
                .await;
            for turn in 0..3 {
                let expected: Vec<String> = (1..=4).map(|n| (turn * 4 + n).to_string()).collect();
                assert_eq!(values(&raw.query("FETCH 4 h").await), expected);
                assert_eq!(
                    values(&raw.query("SELECT count(*) FROM orders").await),
                    ["100"]
                );
                assert_eq!(
                    values(&raw.query("SELECT name FROM customers WHERE id = 1").await),
                    ["Ada"]
                );
                let failed = raw.query("SELECT id / (id - id) FROM orders").await;
                assert_eq!(sqlstates(&failed), ["22012"]);
                raw.query("BEGIN").await;
                raw.batch(&[
                    parse("", "SELECT id FROM orders ORDER BY id"),
                    bind("p", "", &[]),
                    execute("p", 1),
                ])
                .await;
                raw.query("MOVE 0 h").await;
                assert_eq!(values(&raw.batch(&[execute("p", 1)]).await), ["2"]);
                let failed = raw.query("SELECT id / (id - id) FROM orders").await;
                assert_eq!(
                    (sqlstates(&failed), status(&failed)),
                    (vec!["22012".to_owned()], 'E')
                );
                raw.query("ROLLBACK").await;
            }
        }
    });
}

#[test]
fn a_cursor_is_declared_described_and_fetched_by_the_extended_protocol() {
    run(async {
        for (tide, _analytic) in both("cursor_extended").await {
            // As psycopg has it: parameters in DECLARE, Describe of a portal with the cursor's name, FETCH in text or binary.
            let (mut routed, mut right) = (tide.raw().await, direct(&tide).await);
            let declare = |name: &str, hold: &str| {
                let sql = format!(
                    "DECLARE {name} NO SCROLL CURSOR {hold} FOR SELECT id FROM orders WHERE id > $1 ORDER BY id"
                );
                let four = 4_i32.to_be_bytes();
                [
                    parse_typed("", &sql, &[23]),
                    bind_in("", "", &[1], &[Some(&four)], &[1]),
                    describe('P', ""),
                    execute("", 0),
                ]
                .concat()
            };
            let fetch = |sql: &str, format: u16| {
                [
                    parse("", sql),
                    describe('S', ""),
                    bind_in("", "", &[], &[], &[format]),
                    describe('P', ""),
                    execute("", 0),
                ]
                .concat()
            };
            for hold in ["", "WITH HOLD"] {
                for format in [0, 1] {
                    let batches = [
                        declare("c", hold),
                        describe('P', "c"),
                        fetch("FETCH 2 FROM c", format),
                        fetch("MOVE 2 FROM c", format),
                        fetch("FETCH RELATIVE 3 FROM c", format),
                        fetch("FETCH FORWARD ALL FROM c", format),
                        whole("CLOSE c"),
                        [declare("d", hold), fetch("FETCH 2 FROM d", format)].concat(),
                        [
                            whole("FETCH d"),
                            whole("SELECT count(*) FROM orders"),
                            whole("FETCH d"),
                        ]
                        .concat(),
                        close('P', "d"),
                    ];
                    for raw in [&mut routed, &mut right] {
                        raw.query("BEGIN").await;
                    }
                    for (at, batch) in batches.iter().enumerate() {
                        // Through the router a cursor has one format; PostgreSQL's may change it.
                        if at == 8 && format == 1 {
                            continue;
                        }
                        let batch = std::slice::from_ref(batch);
                        let expected = told(&right.batch(batch).await);
                        assert_eq!(told(&routed.batch(batch).await), expected, "{hold} {at}");
                    }
                    for raw in [&mut routed, &mut right] {
                        assert_eq!(status(&raw.query("COMMIT").await), 'I');
                    }
                }
            }
        }
    });
}

#[test]
fn a_portal_of_the_clients_own_is_moved_by_sql() {
    run(async {
        for (tide, _analytic) in both("cursor_adopted").await {
            let mut raw = tide.raw().await;
            raw.query("BEGIN").await;
            // As asyncpg's Cursor.forward() does.
            let open = [
                parse("", "SELECT id FROM orders WHERE id <= 9 ORDER BY id"),
                bind("p", "", &[]),
            ];
            raw.batch(&open).await;
            assert_eq!(completed(&raw.query("MOVE FORWARD 2 p").await), ["MOVE 2"]);
            assert_eq!(values(&raw.batch(&[execute("p", 2)]).await), ["3", "4"]);
            assert_eq!(completed(&raw.query("MOVE RELATIVE 3 p").await), ["MOVE 1"]);
            assert_eq!(values(&raw.batch(&[execute("p", 1)]).await), ["8"]);
            assert_eq!(completed(&raw.query("MOVE ALL p").await), ["MOVE 1"]);
            assert_eq!(tags(&raw.batch(&[execute("p", 1)]).await), "CZ");
            assert_eq!(completed(&raw.query("MOVE p").await), ["MOVE 0"]);
            raw.batch(&[close('P', "p")]).await;
            raw.batch(&open).await;
            assert_eq!(completed(&raw.query("MOVE p").await), ["MOVE 1"]);
            raw.query("COMMIT").await;
            assert_eq!(sqlstates(&raw.query("MOVE p").await), ["34000"]);
        }
    });
}

#[test]
fn a_cursor_does_not_change_its_format_once_rows_have_come() {
    run(async {
        let (tide, _analytic) = anywhere("rw_cursor_format").await;
        let mut raw = tide.raw().await;
        raw.query("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM orders ORDER BY id")
            .await;
        let binary = [
            parse("", "FETCH h"),
            bind_in("", "", &[], &[], &[1]),
            execute("", 0),
        ];
        let frames = raw.batch(&binary).await;
        assert_eq!(tags(&frames), "12DCZ");
        assert_eq!(frames[2].row(), [Some(vec![0, 0, 0, 1])]);
        assert_eq!(sqlstates(&raw.batch(&[whole("FETCH h")]).await), ["0A000"]);
        assert_eq!(tags(&raw.batch(&binary).await), "12DCZ");
    });
}

#[test]
fn a_declaration_that_fails_leaves_no_cursor_and_fails_its_transaction() {
    run(async {
        for (tide, _analytic) in both("cursor_fails").await {
            let mut raw = tide.raw().await;
            let bad = "DECLARE c CURSOR WITH HOLD FOR SELECT nosuch FROM orders";
            for extended in [false, true] {
                let frames = if extended {
                    raw.batch(&[whole(bad)]).await
                } else {
                    raw.query(bad).await
                };
                assert_eq!(
                    (sqlstates(&frames), status(&frames)),
                    (vec!["42703".to_owned()], 'I')
                );
                assert_eq!(sqlstates(&raw.query("FETCH c").await), ["34000"]);
                raw.query("BEGIN").await;
                let frames = if extended {
                    raw.batch(&[whole(bad)]).await
                } else {
                    raw.query(bad).await
                };
                assert_eq!(
                    (sqlstates(&frames), status(&frames)),
                    (vec!["42703".to_owned()], 'E')
                );
                assert_eq!(sqlstates(&raw.query("FETCH c").await), ["25P02"]);
                raw.query("ROLLBACK").await;
            }
            let good = "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders";
            assert_eq!(completed(&raw.query(good).await), ["DECLARE CURSOR"]);
        }
    });
}

#[test]
fn a_cursor_outlives_a_savepoint_that_was_made_after_it() {
    run(async {
        let (tide, _analytic) = anywhere("rw_cursor_savepoint").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM orders ORDER BY id; SAVEPOINT s")
            .await;
        assert_eq!(values(&raw.query("FETCH c").await), ["1"]);
        raw.query("SELECT id / (id - id) FROM orders").await;
        raw.query("ROLLBACK TO s").await;
        assert_eq!(values(&raw.query("FETCH c").await), ["2"]);
    });
}

#[test]
fn the_bounds_of_a_cursor_are_told() {
    run(async {
        let (tide, _analytic) = anywhere("rw_cursor_bounds").await;
        let mut raw = tide.raw().await;
        let declare =
            "DECLARE h CURSOR WITH HOLD FOR SELECT id FROM orders WHERE state <> $1 ORDER BY id";
        let long = "x".repeat(20_000);
        for (value, outcome) in [(long.as_str(), "54000"), ("x", "")] {
            let batch = [parse("", declare), bind("", "", &[value]), execute("", 0)];
            let frames = raw.batch(&batch).await;
            assert_eq!(sqlstates(&frames).concat(), outcome);
        }
        // A row limit of the protocol beside FETCH's own number.
        let fetch = |limit| {
            [
                parse("", "FETCH 3 h"),
                bind("", "", &[]),
                execute("", limit),
            ]
        };
        assert_eq!(tags(&raw.batch(&fetch(4)).await), "12DDDCZ");
        assert_eq!(sqlstates(&raw.batch(&fetch(2)).await), ["0A000"]);
        assert_eq!(values(&raw.batch(&fetch(0)).await), ["4", "5", "6"]);
    });
}

#[test]
fn a_lost_connection_takes_only_its_cursor_along() {
    run(async {
        let (tide, double) = over_double("rw_cursor_lost").await;
        let mut raw = tide.raw().await;
        raw.query("DECLARE h CURSOR WITH HOLD FOR SELECT id AS unlucky FROM orders ORDER BY id")
            .await;
        double.misbehave("unlucky", Mischief::CloseAtOnce);
        let frames = raw.query("FETCH h").await;
        double.behave();
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57P01".to_owned()], 'I')
        );
        assert_eq!(sqlstates(&raw.query("FETCH h").await), ["34000"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}
