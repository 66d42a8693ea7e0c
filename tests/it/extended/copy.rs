//! COPY by Execute, and what a client may send behind it before any Sync. PostgreSQL itself says what is answered.

use crate::support::run;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Raw, bind, execute, flush, message, parse, query, status, sync, tags, values, whole,
};

async fn both(hint: &str, pooling: &str) -> (Tide, Raw, Raw) {
    let setup = Setup::new(hint).await.more(pooling);
    let tide = setup.oltp_pool("{ size: 1, wait: 20s }").start().await;
    let (routed, direct) = (tide.raw().await, tide.direct().await);
    (tide, routed, direct)
}

fn begin_copy(text: &str) -> Vec<u8> {
    [parse("", text), bind("", "", &[]), execute("", 0)].concat()
}

/// Data, and then one way to end it.
fn data(end: &[u8]) -> Vec<u8> {
    [&message(b'd', b"one\n")[..], end].concat()
}

#[test]
fn a_query_may_follow_a_copy_before_its_sync() {
    run(async {
        for pooling in ["pooling: transaction", "pooling: session"] {
            let (_tide, mut routed, mut direct) = both("copy_query", pooling).await;
            let out = begin_copy("COPY (SELECT 1) TO STDOUT");
            let into = begin_copy("COPY notes (body) FROM STDIN");
            let done = data(&message(b'c', b""));
            let fails = data(&message(b'f', b"no\0"));
            let select = query("SELECT 7");
            for (bytes, readies) in [
                ([&out[..], &select, &sync()].concat(), 2),
                ([&out[..], &flush(), &select, &sync()].concat(), 2),
                ([&out[..], &out, &select, &select, &sync()].concat(), 3),
                ([&into[..], &done, &select, &sync()].concat(), 2),
                (
                    [&into[..], &done, &into, &done, &select, &sync()].concat(),
                    2,
                ),
                // A Sync and a Flush within the data count for nothing; after a failure all is skipped to the next Sync.
                (
                    [&into[..], &sync(), &flush(), &done, &select, &sync()].concat(),
                    2,
                ),
                ([&into[..], &fails, &select, &sync()].concat(), 1),
            ] {
                for raw in [&mut routed, &mut direct] {
                    raw.send(&bytes).await;
                }
                for _ in 0..readies {
                    let expected = direct.until_ready().await;
                    assert_eq!(routed.until_ready().await, expected, "{pooling}");
                }
                for raw in [&mut routed, &mut direct] {
                    assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
                }
            }
        }
    });
}

#[test]
fn a_read_of_the_other_side_may_follow_a_copy_before_its_sync() {
    run(async {
        for pooling in ["pooling: transaction", "pooling: session"] {
            let (tide, mut raw, _) = both("copy_analytic", pooling).await;
            let orders = whole("SELECT count(*) FROM orders");
            let out = begin_copy("COPY (SELECT 1) TO STDOUT");
            raw.send(&[&out[..], &orders, &sync()].concat()).await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "12HdcC12TDCZ", "{pooling}");
            assert_eq!(values(&frames), ["100"]);
            let into = begin_copy("COPY notes (body) FROM STDIN");
            let done = data(&message(b'c', b""));
            raw.send(&[&into[..], &done, &orders, &sync()].concat())
                .await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "12GC12TDCZ", "{pooling}");
            assert_eq!(
                (values(&frames), status(&frames)),
                (vec!["100".to_owned()], 'I')
            );
            // The data comes when the client was asked for it.
            raw.send(&into).await;
            raw.until('G').await;
            raw.send(&[&done[..], &orders, &sync()].concat()).await;
            assert_eq!(tags(&raw.until_ready().await), "C12TDCZ", "{pooling}");
            let mut other = tide.raw().await;
            if pooling.ends_with("transaction") {
                let frames = other.query("SELECT count(*) FROM notes").await;
                assert_eq!(values(&frames), ["2"]);
            }
        }
    });
}
