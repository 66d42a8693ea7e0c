//! Reads of mirrored relations that RisingWave cannot run: the default backend does.

use crate::support::run;
use crate::support::sql::{exec, last_route, route, rows, scalar, state};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    bind_in, completed, describe, execute, parse, parse_typed, sqlstates, status, tags, values,
    whole,
};

use super::anywhere::{Analytic, analytic, doubled};
use super::double::{Double, Mischief, Options};

pub const RECURSIVE: &str = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) || side FROM t, products WHERE id = 1 GROUP BY side";

/// `products` is on both sides, and a rule sends all its reads away. With more of router.yaml.
async fn setup(hint: &str, more: &str) -> Setup {
    let rule = "routes: [{ relations: [products], to: analytic }]";
    Setup::new(hint).await.more(rule).more(more)
}

pub async fn tide(hint: &str) -> (Tide, Analytic) {
    let (setup, analytic) = analytic(setup(hint, "").await).await;
    (setup.start().await, analytic)
}

/// The same over the double, which can be told what it cannot run: of a real server it is not known which reads fail
/// as late as that.
pub async fn lacking(hint: &str, more: &str) -> (Tide, Double) {
    let (setup, double) = doubled(setup(hint, more).await, Options::default()).await;
    (setup.start().await, double)
}

fn seen(double: &Double, text: &str) -> usize {
    let all = double.seen();
    all.iter().filter(|sql| sql.contains(text)).count()
}

/// Whether this was tried once, where the analytic side can tell.
pub fn tried_once(analytic: &Analytic, text: &str) -> bool {
    let double = analytic.double();
    double.is_none_or(|double| seen(double, text) == 1)
}

fn stayed() -> (String, String) {
    ("oltp".to_owned(), "mirrored_unsupported".to_owned())
}

#[test]
fn a_read_that_is_not_supported_is_run_on_the_default_backend_and_so_is_its_template() {
    run(async {
        let (tide, analytic) = tide("rw_fallback").await;
        let client = tide.client().await;
        assert_eq!(
            scalar(&client, "SELECT side FROM products WHERE id = 1").await,
            "analytic"
        );
        assert_eq!(scalar(&client, RECURSIVE).await, "3oltp");
        assert_eq!(last_route(&client).await, stayed());
        assert!(tried_once(&analytic, "RECURSIVE"));
        // Another statement of the template is not tried.
        let other = RECURSIVE.replace("n < 3", "n < 5");
        assert_eq!(scalar(&client, &other).await, "5oltp");
        assert_eq!(route(&client, RECURSIVE).await, stayed());
        assert!(tried_once(&analytic, "RECURSIVE"));
        // A syntax error there may be none here.
        assert_eq!(rows(&client, "TABLE products").await.len(), 2);
        assert_eq!(last_route(&client).await, stayed());
        // What is wrong on either side is told by the one that was asked.
        assert_eq!(state(&client, "SELECT nosuch FROM products").await, "42703");
        assert_eq!(last_route(&client).await.0, "analytic");
        assert_eq!(
            scalar(&client, "SELECT side FROM products WHERE id = 2").await,
            "analytic"
        );
    });
}

#[test]
fn the_same_by_the_extended_protocol_in_pipelines_and_for_prepared_statements() {
    run(async {
        let (tide, analytic) = tide("rw_fallback_ext").await;
        let client = tide.client().await;
        let prepared = client.prepare(RECURSIVE).await.unwrap();
        for _ in 0..2 {
            let row = client.query_one(&prepared, &[]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "3oltp");
        }
        assert_eq!(last_route(&client).await, stayed());
        assert!(tried_once(&analytic, "RECURSIVE"));
        let mut raw = tide.raw().await;
        let reads = "SELECT side FROM products WHERE id = 1";
        let frames = raw
            .batch(&[whole(reads), whole("TABLE products"), whole(reads)])
            .await;
        assert_eq!(tags(&frames), "12TDC12TDDC12TDCZ");
        assert_eq!(status(&frames), 'I');
        let sides: Vec<String> = values(&frames);
        assert_eq!(
            (&*sides[0], sides.last().map(|s| &**s)),
            ("analytic", Some("analytic"))
        );
        // An error that is one everywhere ends the batch, and the session goes on.
        let frames = raw
            .batch(&[whole("SELECT nosuch FROM products"), whole(reads)])
            .await;
        assert_eq!(tags(&frames), "EZ");
        assert_eq!(values(&raw.batch(&[whole(reads)]).await), ["analytic"]);
    });
}

#[test]
fn a_fallback_in_a_string_or_a_transaction_leaves_it_as_it_was() {
    run(async {
        let (tide, _analytic) = tide("rw_fallback_tx").await;
        let client = tide.client().await;
        exec(&client, "BEGIN").await;
        assert_eq!(scalar(&client, RECURSIVE).await, "3oltp");
        exec(&client, "INSERT INTO notes (body) VALUES ('kept')").await;
        exec(&client, "COMMIT").await;
        assert_eq!(scalar(&client, "SELECT body FROM notes").await, "kept");
        let mut raw = tide.raw().await;
        let text = "SELECT 1; TABLE products; SELECT side FROM products WHERE id = 1";
        let frames = raw.query(text).await;
        assert_eq!(tags(&frames), "TDCTDDCTDCZ");
        assert_eq!(completed(&frames), ["SELECT 1", "SELECT 2", "SELECT 1"]);
    });
}

const UNLUCKY: &str = "SELECT id, side FROM products AS unlucky WHERE id = $1 ORDER BY id";

#[test]
fn a_read_that_turns_out_to_be_too_much_when_it_is_executed_is_run_on_the_default_backend() {
    run(async {
        for binary in [0, 1] {
            let (tide, double) = lacking("rw_fallback_execute", "").await;
            double.misbehave("unlucky", Mischief::Lacks);
            let mut raw = tide.raw().await;
            let two = 2_i32.to_be_bytes();
            let given: &[u8] = if binary == 1 { &two } else { b"2" };
            let steps = |name: &str, types: &[u32]| {
                [
                    parse_typed(name, UNLUCKY, types),
                    describe('S', name),
                    bind_in("", name, &[binary], &[Some(given)], &[binary]),
                    describe('P', ""),
                    execute("", 0),
                ]
                .concat()
            };
            // Other reads of the same batch go where they belong.
            let read = whole("SELECT side FROM products WHERE id = 1");
            let frames = raw.batch(&[steps("", &[]), read.clone()]).await;
            assert_eq!(tags(&frames), "1tT2TDC12TDCZ", "{frames:?}");
            let rows: Vec<_> = frames
                .iter()
                .filter(|f| f.tag == 'D')
                .map(|f| f.row())
                .collect();
            assert_eq!(rows[0][0].as_deref(), Some(given));
            assert_eq!(rows[0][1].as_deref(), Some(&b"oltp"[..]));
            assert_eq!(rows[1][0].as_deref(), Some(&b"analytic"[..]));
            assert_eq!(status(&frames), 'I');
            assert_eq!(seen(&double, "unlucky"), 1);
            // From then on it is parsed there at once.
            let frames = raw.batch(&[steps("s", &[23])]).await;
            assert_eq!(tags(&frames), "1tT2TDCZ");
            assert_eq!(seen(&double, "unlucky"), 1);
            let frames = raw.query("SHOW tidegate.last_route").await;
            let told = frames.iter().find(|f| f.tag == 'D').map(|f| f.row());
            let reason = told.and_then(|row| row[6].clone());
            assert_eq!(reason.as_deref(), Some(&b"mirrored_unsupported"[..]));
        }
    });
}

#[test]
fn what_failed_in_a_transaction_is_run_in_it_and_what_gave_rows_is_not_run_again() {
    run(async {
        let (tide, double) = lacking("rw_fallback_rows", "").await;
        double.misbehave("unlucky", Mischief::Lacks);
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let sql = "SELECT side FROM products AS unlucky WHERE id = 1";
        let frames = raw.batch(&[whole(sql)]).await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["oltp".to_owned()], 'T')
        );
        assert_eq!(completed(&raw.query("COMMIT").await), ["COMMIT"]);
        double.misbehave("unlucky", Mischief::LacksBehindRow);
        for within in [false, true] {
            raw.query(if within { "BEGIN" } else { "SELECT 1" }).await;
            let sql = format!("SELECT id FROM products AS unlucky WHERE id = 1 AND {within}");
            let steps = [
                parse("", &sql),
                bind_in("", "", &[], &[], &[]),
                execute("", 0),
            ];
            let frames = raw.batch(&steps).await;
            assert_eq!(tags(&frames), "12DEZ", "{frames:?}");
            assert_eq!(sqlstates(&frames), ["0A000"]);
            assert_eq!(status(&frames), if within { 'E' } else { 'I' });
            raw.query("ROLLBACK").await;
        }
        double.behave();
        let frames = raw
            .batch(&[whole("SELECT side FROM products WHERE id = 2")])
            .await;
        assert_eq!(values(&frames), ["analytic"]);
    });
}

#[test]
fn rows_that_would_be_of_other_types_than_the_client_was_told_are_not_given() {
    run(async {
        let (tide, double) = lacking("rw_fallback_types", "").await;
        let oltp = tide.sides.oltp().await;
        oltp.batch_execute("ALTER TABLE products ALTER id TYPE bigint")
            .await
            .expect("altered");
        double.misbehave("unlucky", Mischief::Lacks);
        let mut raw = tide.raw().await;
        let sql = "SELECT id FROM products AS unlucky";
        for (format, expected) in [(1, "1T2EZ"), (0, "1T2DDCZ")] {
            let sql = format!("{sql} WHERE id + {format} > 0 AND price > {format}");
            let sql = sql.replace("price >", if format == 1 { "price >=" } else { "price >" });
            let steps = [
                parse("", &sql),
                describe('S', ""),
                bind_in("", "", &[], &[], &[format]),
                execute("", 0),
            ];
            let frames = raw.batch(&steps).await;
            let told: String = tags(&frames).chars().filter(|tag| *tag != 't').collect();
            assert_eq!(told, expected, "{frames:?}");
        }
    });
}
