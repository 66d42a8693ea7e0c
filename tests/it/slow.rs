//! Clients that do not read, send a byte at a time, or vanish in the middle of something: nobody else notices.

use crate::support::program::Served;
use crate::support::tide::{Setup, Sides, Tide};
use crate::support::wire::{Raw, flush, message, parse, query, sync, tags, values, whole};
use crate::support::{eventually, http, run, sql};

async fn one(raw: &mut Raw, text: &str) -> String {
    let frames = raw.query(text).await;
    let value = values(&frames).first().cloned();
    value.unwrap_or_else(|| panic!("{text}: {frames:?}"))
}

async fn log_in(served: &Served, sides: &Sides) -> Raw {
    let mut raw = Raw::connect(&served.address).await;
    raw.log_in("app", &sides.database).await;
    raw
}

#[test]
fn a_client_that_stops_reading_costs_little_memory_and_nobody_else_anything() {
    run(async {
        let setup = Setup::new("no_reader").await;
        let setup = setup.oltp_pool("{ size: 6, wait: 10s }");
        let (served, sides) = setup.serve().await;
        let mut other = log_in(&served, &sides).await;
        one(&mut other, "SELECT count(*) FROM orders").await;
        let before = served.megabytes();
        // Far more than any buffer on the way holds, from either side, and as one batch of many statements.
        let rows = "SELECT repeat('x', 1000) FROM generate_series(1, 300000)";
        let of_orders = "SELECT repeat('x', 1000) FROM orders a, orders b, orders c";
        let deaf: [Vec<u8>; 4] = [
            query(rows),
            [whole(rows), sync()].concat(),
            query(of_orders),
            query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 300000)) TO STDOUT"),
        ];
        let mut clients = Vec::new();
        for bytes in &deaf {
            let mut raw = log_in(&served, &sides).await;
            raw.send(bytes).await;
            clients.push(raw);
        }
        let server = sides.oltp().await;
        eventually("the server waits for its readers", || async {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'";
            sql::scalar(&server, asked).await == "3"
        })
        .await;
        for _ in 0..200 {
            assert_eq!(one(&mut other, "SELECT count(*) FROM customers").await, "3");
            assert_eq!(one(&mut other, "SELECT count(*) FROM orders").await, "100");
        }
        let grown = served.megabytes().saturating_sub(before);
        assert!(grown < 64, "{grown} MB for four clients");
        // Who reads after all gets all of it.
        let mut late = clients.remove(0);
        assert_eq!(values(&late.until_ready().await).len(), 300_000);
        drop(clients);
        eventually("the others are gone", || async {
            http::sample(&served.http, "tidegate_clients").await == Some(2.0)
        })
        .await;
        eventually("their statements too", || async {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
            sql::scalar(&server, asked).await == "0"
        })
        .await;
    });
}

async fn narrow(hint: &str, size: usize) -> Tide {
    let setup = Setup::new(hint).await;
    let pool = format!("{{ size: {size}, wait: 10s }}");
    setup.oltp_pool(&pool).start().await
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_holds_nobody_up() {
    run(async {
        // Between transactions it holds no connection, though it never stops sending.
        let tide = narrow("byte_by_byte", 1).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        for (bytes, answer) in [
            (query("SELECT 7"), "TDCZ"),
            ([whole("SELECT 7"), sync()].concat(), "12TDCZ"),
            (query("SET timezone = 'Asia/Tokyo'"), "CSZ"),
        ] {
            let (last, most) = bytes.split_last().unwrap();
            for (at, byte) in most.iter().enumerate() {
                anna.send(&[*byte]).await;
                // A batch that has begun has its connection until its Sync.
                if answer.starts_with('1') && at >= 10 {
                    continue;
                }
                assert_eq!(one(&mut bob, "SELECT 1").await, "1");
            }
            anna.send(&[*last]).await;
            assert_eq!(tags(&anna.until_ready().await), answer);
            assert_eq!(one(&mut bob, "SELECT 1").await, "1");
        }
        // In a transaction and in COPY it has one, and others have others.
        let tide = narrow("byte_by_byte_2", 2).await;
        let (mut anna, mut bob) = (tide.raw().await, tide.raw().await);
        let all = [
            query("BEGIN"),
            query("COPY notes (body) FROM STDIN"),
            message(b'd', b"one\ntwo\n"),
            message(b'c', b""),
            query("COMMIT"),
        ];
        for byte in all.concat() {
            anna.send(&[byte]).await;
            assert_eq!(one(&mut bob, "SELECT 1").await, "1");
        }
        assert_eq!(tags(&anna.until_ready().await), "CZ");
        assert_eq!(tags(&anna.until_ready().await), "GCZ");
        assert_eq!(tags(&anna.until_ready().await), "CZ");
        assert_eq!(one(&mut bob, "SELECT count(*) FROM notes").await, "2");
    });
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_a_message_leaves_nothing() {
    run(async {
        let tide = narrow("vanishes", 1).await;
        let insert = "INSERT INTO notes (body) VALUES ('lost')";
        let begun = [query("BEGIN"), query(insert)].concat();
        let copy = query("COPY notes (body) FROM STDIN");
        let data = message(b'd', b"lost\n");
        let states = [
            ("idle", vec![]),
            ("in a transaction", begun.clone()),
            ("in COPY", [&copy[..], &data].concat()),
            (
                "in COPY in a transaction",
                [&begun[..], &copy, &data].concat(),
            ),
            ("in a batch", whole(insert)),
            (
                "in a batch that was flushed",
                [whole(insert), flush()].concat(),
            ),
            (
                "in a batch in a transaction",
                [&begun[..], &whole(insert)].concat(),
            ),
        ];
        let server = tide.sides.oltp().await;
        for (state, before) in &states {
            for half in [
                &query("SELECT 'never sent'")[..9],
                &sync()[..3],
                &message(b'd', &[b'x'; 500])[..300],
                &parse("", &format!("SELECT '{}'", "x".repeat(100_000)))[..70_000],
            ] {
                for how in ["closes", "finishes", "resets"] {
                    let mut client = tide.raw().await;
                    client.send(&[before, half].concat()).await;
                    match how {
                        "closes" => drop(client),
                        "finishes" => {
                            client.finish().await;
                            client.rest().await;
                        }
                        _ => client.vanish(),
                    }
                    let mut next = tide.raw().await;
                    let frames = next.query("SELECT count(*) FROM notes").await;
                    assert_eq!(values(&frames), ["0"], "{state}, {how}: {frames:?}");
                }
            }
        }
        let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        assert_eq!(sql::scalar(&server, left).await, "0");
        let alone =
            || async { http::sample(&tide.router.http, "tidegate_clients").await == Some(0.0) };
        eventually("all are gone", alone).await;
    });
}
