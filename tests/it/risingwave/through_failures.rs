//! Tidegate in front of an analytic side that fails in the middle of things, or changes behind its back.

use bytes::BytesMut;

use crate::support::eventually;
use crate::support::gate::Gate;
use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::sql::route;
use crate::support::tide::Setup;
use crate::support::wire::{self, Frame, Raw, bind, close, execute, parse, status, tags, values};

use super::anywhere::{analytic, anywhere};
use super::double::{LONG_ROW, Mischief};
use super::through::over_double;

/// The single error among some frames.
pub fn the_error(frames: &[Frame]) -> &Frame {
    let mut errors = frames.iter().filter(|frame| frame.tag == 'E');
    let only = errors
        .next()
        .unwrap_or_else(|| panic!("no error: {frames:?}"));
    assert_eq!(errors.next(), None, "{frames:?}");
    only
}

/// All bytes up to the end of the connection.
async fn bytes(raw: &mut Raw) -> BytesMut {
    let mut all = BytesMut::new();
    while let Some(byte) = raw.byte().await {
        all.extend_from_slice(&[byte as u8]);
    }
    all
}

#[test]
fn a_long_row_that_breaks_off_closes_the_client_and_nothing_is_written_into_it() {
    run(async {
        let (tide, double) = over_double("rw_half_row").await;
        double.misbehave("unlucky", Mischief::CloseInLongRow);
        let mut raw = tide.raw().await;
        raw.send(&wire::query("SELECT id AS unlucky FROM orders LIMIT 1"))
            .await;
        assert_eq!(raw.frame().await.expect("columns").tag, 'T');
        let row = bytes(&mut raw).await;
        assert_eq!(row.first(), Some(&b'D'));
        assert!(row.len() < LONG_ROW as usize, "{}", row.len());
        assert!(row[5..].iter().all(|byte| *byte == b'x'));
        let mut raw = tide.raw().await;
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM orders").await),
            ["100"]
        );
    });
}

#[test]
fn a_long_row_of_the_oltp_side_that_breaks_off_closes_the_client_without_a_word() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        let setup = Setup::new("half_row_oltp").await.oltp_port(gate.port());
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        raw.send(&wire::query("SELECT repeat('x', 60000000)")).await;
        assert_eq!(raw.frame().await.expect("columns").tag, 'T');
        assert_eq!(raw.byte().await, Some('D'));
        gate.shut().await;
        let rest = bytes(&mut raw).await;
        assert!(rest.len() < 60_000_000, "{}", rest.len());
        // Length of the message, number of columns, length of the value.
        assert!(rest.iter().skip(10).all(|byte| *byte == b'x'));
    });
}

#[test]
fn an_alter_costs_a_prepared_read_one_error_and_no_other_client_any() {
    run(async {
        let (tide, analytic) = anywhere("rw_alter").await;
        let mut first = tide.raw().await;
        let read = [
            parse("s", "SELECT count(*), max(id) FROM orders"),
            bind("", "s", &[]),
            execute("", 0),
        ];
        let again = [bind("", "s", &[]), execute("", 0)];
        assert_eq!(tags(&first.batch(&read).await), "12DCZ");
        let altered = "ALTER TABLE orders ADD COLUMN later int";
        analytic.make(&[altered]).await;
        let failed = first.batch(&again).await;
        assert_eq!(tags(&failed), "2EZ");
        for _ in 0..2 {
            assert_eq!(tags(&first.batch(&again).await), "2DCZ");
            let mut other = tide.raw().await;
            assert_eq!(tags(&other.batch(&read).await), "12DCZ");
        }
    });
}

#[test]
fn what_was_prepared_before_an_alter_that_discovery_has_seen_is_prepared_anew() {
    run(async {
        let setup = Setup::new("rw_alter_seen").await.discover("100ms");
        let (setup, analytic) = analytic(setup).await;
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        let read = [
            parse("s", "SELECT count(*) FROM orders"),
            bind("", "s", &[]),
            execute("", 0),
            close('S', "none"),
        ];
        assert_eq!(tags(&raw.batch(&read).await), "12DC3Z");
        let changes = [
            "ALTER TABLE orders ADD COLUMN later int",
            "CREATE MATERIALIZED VIEW busy AS SELECT count(*) AS n FROM orders",
        ];
        analytic.make(&changes).await;
        let client = tide.client().await;
        eventually("discovery has seen the new view", || async {
            route(&client, "SELECT * FROM busy").await.0 == "analytic"
        })
        .await;
        let again = [bind("", "s", &[]), execute("", 0)];
        assert_eq!(tags(&raw.batch(&again).await), "2DCZ");
    });
}

#[test]
fn where_the_analytic_side_panics_the_client_gets_one_error_and_goes_on() {
    run(async {
        let (tide, double) = over_double("rw_panic").await;
        let mut raw = tide.raw().await;
        double.misbehave("unlucky", Mischief::Panic);
        let sql = "SELECT id AS unlucky FROM orders";
        for extended in [false, true] {
            let frames = if extended {
                raw.batch(&[wire::whole(sql)]).await
            } else {
                raw.query(sql).await
            };
            let seen = if extended { "12TEZ" } else { "EZ" };
            assert_eq!((tags(&frames).as_str(), status(&frames)), (seen, 'I'));
            let message = the_error(&frames).field('M').expect("a message");
            assert!(message.starts_with("Panicked when") && !message.contains('\n'));
            assert_eq!(
                values(&raw.query("SELECT count(*) FROM orders").await),
                ["100"]
            );
        }
    });
}

#[test]
fn an_idle_session_routes_its_first_statement_after_a_reload_by_the_new_catalog() {
    run(async {
        let (tide, analytic) = anywhere("rw_idle").await;
        let mut raw = tide.raw().await;
        assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
        let made = "CREATE MATERIALIZED VIEW busy AS SELECT count(*) AS n FROM orders";
        analytic.make(&[made]).await;
        tide.router.reload(&tide.yaml).await;
        let frames = raw.query("SELECT n FROM busy").await;
        assert_eq!(tags(&frames), "TDCZ", "{frames:?}");
        // The other way round: what is not there any more is asked of the OLTP side, in the extended protocol too.
        analytic.make(&["DROP MATERIALIZED VIEW busy"]).await;
        tide.router.reload(&tide.yaml).await;
        let frames = raw.batch(&[wire::whole("SELECT n FROM busy")]).await;
        let message = the_error(&frames).field('M').expect("a message");
        assert_eq!(message, "relation \"busy\" does not exist");
        assert!(
            the_error(&frames).field('F').is_some(),
            "not PostgreSQL's own"
        );
    });
}
