//! Many of everything: statements, parameters, rows.

use crate::support::tide::Tide;
use crate::support::wire::{bind, execute, parse, sqlstates, tags, values};
use crate::support::{run, sql, within};

#[test]
fn statements_on_the_analytic_side_are_shared_by_text_and_never_by_name() {
    run(async {
        let tide = Tide::with("ext_shared", "# one analytic connection for all").await;
        let mut one = tide.raw().await;
        let mut two = tide.raw().await;
        one.batch(&[parse("s", "SELECT 'one' FROM orders LIMIT 1")])
            .await;
        two.batch(&[parse("s", "SELECT 'two' FROM orders LIMIT 1")])
            .await;
        for _ in 0..3 {
            assert_eq!(
                values(&one.batch(&[bind("", "s", &[]), execute("", 0)]).await),
                ["one"]
            );
            assert_eq!(
                values(&two.batch(&[bind("", "s", &[]), execute("", 0)]).await),
                ["two"]
            );
        }
        drop(one);
        let frames = two
            .batch(&[bind("", "tidegate_1", &[]), execute("", 0)])
            .await;
        assert_eq!(
            sqlstates(&frames),
            ["26000"],
            "the router's own names are not a client's"
        );
    });
}

#[test]
fn large_parameters_pass_to_either_side() {
    run(async {
        let tide = Tide::start("ext_large").await;
        let client = tide.client().await;
        let large = "v".repeat(10 * 1024 * 1024);
        for table in ["customers", "orders"] {
            let text = format!("SELECT $1::text FROM {table} WHERE id = 1");
            let row = within("a large value", client.query_one(&text, &[&large]))
                .await
                .unwrap();
            assert!(row.get::<_, String>(0) == large, "{table}");
        }
        let written = client
            .execute("INSERT INTO notes (body) VALUES ($1)", &[&large])
            .await;
        assert_eq!(written.unwrap(), 1);
    });
}

#[test]
fn many_rows_pass_from_either_side() {
    run(async {
        let tide = Tide::start("ext_rows").await;
        let client = tide.client().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT n FROM {table}, generate_series(1, 100000) n WHERE id = $1");
            let rows = within("many rows", client.query(&text, &[&1]))
                .await
                .unwrap();
            assert_eq!(rows.len(), 100_000);
            assert_eq!(rows.last().unwrap().get::<_, i32>(0), 100_000);
        }
    });
}

#[test]
fn a_driver_may_use_many_statements_at_once() {
    run(async {
        let tide = Tide::start("ext_concurrent").await;
        let client = tide.client().await;
        let one = client.query_one("SELECT count(*) FROM orders", &[]);
        let two = client.query_one("SELECT count(*) FROM customers", &[]);
        let three = client.execute("DELETE FROM orders", &[]);
        let four = client.query_one("SELECT max(id) FROM orders WHERE id < $1", &[&50]);
        let (one, two, three, four) =
            within("all", async { tokio::join!(one, two, three, four) }).await;
        assert_eq!(one.unwrap().get::<_, i64>(0), 100);
        assert_eq!(two.unwrap().get::<_, i64>(0), 3);
        assert_eq!(sql::db(three.unwrap_err()).code().code(), "25006");
        assert_eq!(four.unwrap().get::<_, i32>(0), 49);
    });
}

#[test]
fn more_statements_than_the_analytic_connection_keeps_can_be_used() {
    run(async {
        let tide = Tide::start("ext_evict").await;
        let mut raw = tide.raw().await;
        let name = |n: usize| format!("s{n}");
        for n in 0..230 {
            let text = format!("SELECT {n} FROM orders LIMIT 1");
            let frames = raw
                .batch(&[
                    parse(&name(n), &text),
                    bind("", &name(n), &[]),
                    execute("", 0),
                ])
                .await;
            assert_eq!(values(&frames), [n.to_string()]);
        }
        for n in [0, 1, 229, 100, 0] {
            let frames = raw.batch(&[bind("", &name(n), &[]), execute("", 0)]).await;
            assert_eq!(
                (values(&frames), tags(&frames)),
                (vec![n.to_string()], "2DCZ".to_owned())
            );
        }
    });
}
