//! Reads of mirrored relations that RisingWave cannot run: the default backend does.

use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::sql::{exec, last_route, route, rows, scalar, state};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{completed, status, tags, values, whole};

use super::double::{Double, Options};

const RECURSIVE: &str = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) || side FROM t, products WHERE id = 1 GROUP BY side";

/// `products` is on both sides, and a rule sends all its reads away.
async fn tide(hint: &str) -> (Tide, Double) {
    let setup = Setup::new(hint)
        .await
        .more("routes: [{ relations: [products], to: analytic }]");
    let database = setup.sides().database.clone();
    let double = Double::start(Options::default(), PAIR.1.port(), &database).await;
    let tide = setup.risingwave(&double.url("root")).start().await;
    (tide, double)
}

fn seen(double: &Double, text: &str) -> usize {
    double
        .seen()
        .iter()
        .filter(|sql| sql.contains(text))
        .count()
}

fn stayed() -> (String, String) {
    ("oltp".to_owned(), "mirrored_unsupported".to_owned())
}

#[test]
fn a_read_that_is_not_supported_is_run_on_the_default_backend_and_so_is_its_template() {
    run(async {
        let (tide, double) = tide("rw_fallback").await;
        let client = tide.client().await;
        assert_eq!(
            scalar(&client, "SELECT side FROM products WHERE id = 1").await,
            "analytic"
        );
        assert_eq!(scalar(&client, RECURSIVE).await, "3oltp");
        assert_eq!(last_route(&client).await, stayed());
        assert_eq!(seen(&double, "RECURSIVE"), 1);
        // Another statement of the template is not tried.
        let other = RECURSIVE.replace("n < 3", "n < 5");
        assert_eq!(scalar(&client, &other).await, "5oltp");
        assert_eq!(route(&client, RECURSIVE).await, stayed());
        assert_eq!(seen(&double, "RECURSIVE"), 1);
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
        let (tide, double) = tide("rw_fallback_ext").await;
        let client = tide.client().await;
        let prepared = client.prepare(RECURSIVE).await.unwrap();
        for _ in 0..2 {
            let row = client.query_one(&prepared, &[]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "3oltp");
        }
        assert_eq!(last_route(&client).await, stayed());
        assert_eq!(seen(&double, "RECURSIVE"), 1);
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
        let (tide, _double) = tide("rw_fallback_tx").await;
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
