//! Reads of mirrored relations that RisingWave cannot run, where the client has a connection of its own, and as COPY.

use crate::support::run;
use crate::support::wire::{
    bind, bind_in, completed, describe, execute, flush, parse, parse_typed, sqlstates, status,
    sync, tags, values, whole,
};

use super::double::Mischief;
use super::through_fallback::{RECURSIVE, lacking, tide, tried_once};

const UNLUCKY: &str = "SELECT id, side FROM products AS unlucky WHERE id >= $1 ORDER BY id";

#[test]
fn a_session_with_a_connection_of_its_own_falls_back_too() {
    run(async {
        let (tide, double) = lacking("rw_fallback_session", "pooling: session").await;
        double.misbehave("unlucky", Mischief::Lacks);
        let mut raw = tide.raw().await;
        assert_eq!(values(&raw.query(RECURSIVE).await), ["3oltp"]);
        assert_eq!(values(&raw.batch(&[whole(RECURSIVE)]).await), ["3oltp"]);
        for name in ["", "s"] {
            // Each of these is a template that has not failed yet.
            let sql = format!("{UNLUCKY}, '{name}' || side");
            let one = 1_i32.to_be_bytes();
            let first = [
                parse_typed(name, &sql, &[23]),
                describe('S', name),
                bind_in("p", name, &[1], &[Some(&one)], &[1]),
                // Another statement of that name does not take the portal's place.
                parse("", "SELECT 'other'"),
                execute("p", 1),
                flush(),
            ];
            raw.send(&first.concat()).await;
            let frames = raw.until('s').await;
            assert_eq!(tags(&frames), "1tT21Ds", "{frames:?}");
            let row = frames.iter().find(|frame| frame.tag == 'D').unwrap().row();
            assert_eq!(row[1].as_deref(), Some(&b"oltp"[..]));
            let rest = [
                execute("p", 0),
                bind_in("", "", &[], &[], &[]),
                execute("", 0),
                sync(),
            ];
            raw.send(&rest.concat()).await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "DC2DCZ", "{frames:?}");
            assert_eq!(frames[3].row()[0].as_deref(), Some(&b"other"[..]));
            assert_eq!(status(&frames), 'I');
        }
        // One that fails in PostgreSQL too is not in the way of the next.
        for divisor in ["0", "1"] {
            let sql =
                format!("SELECT side FROM products AS unlucky WHERE id = $1::int / {divisor}");
            let read = [parse("", &sql), bind("", "", &["1"]), execute("", 0)];
            let frames = raw.batch(&read).await;
            if divisor == "0" {
                assert_eq!(sqlstates(&frames), ["22012"], "{frames:?}");
            } else {
                assert_eq!(values(&frames), ["oltp"], "{frames:?}");
            }
        }
    });
}

#[test]
fn a_copy_falls_back_too() {
    run(async {
        let (tide, analytic) = tide("rw_fallback_cursor").await;
        for extended in [false, true] {
            let mut raw = tide.raw().await;
            let mut send = async |sql: &str| match extended {
                true => raw.batch(&[whole(sql)]).await,
                false => raw.query(sql).await,
            };
            let copied = send(&format!("COPY ({RECURSIVE}) TO STDOUT")).await;
            let data = copied.iter().find(|frame| frame.tag == 'd');
            let data = data.unwrap_or_else(|| panic!("{copied:?}"));
            assert_eq!(data.body, b"3oltp\n"[..]);
            // What it understands is read there.
            let copied = send("COPY (SELECT side FROM products WHERE id = 1) TO STDOUT").await;
            assert!(copied.iter().any(|frame| frame.body == b"analytic\n"[..]));
            // Cursors of mirrored relations are not sent away.
            send("BEGIN").await;
            send(&format!("DECLARE c CURSOR FOR {RECURSIVE}")).await;
            assert_eq!(values(&send("FETCH ALL FROM c").await), ["3oltp"]);
            assert_eq!(completed(&send("COMMIT").await), ["COMMIT"]);
            // What is wrong on either side is an error, once.
            let wrong = send("COPY (SELECT nosuch FROM products) TO STDOUT").await;
            assert_eq!(tags(&wrong), "EZ", "{wrong:?}");
        }
        // What failed in one protocol is not tried in the other.
        assert!(tried_once(&analytic, "max(n)"));
    });
}
