//! What hides a relation of a name: temporary tables, and names of a statement's own.

use crate::support::tide::Tide;
use crate::support::wire::{sqlstates, values, whole};
use crate::support::{run, sql};

#[test]
fn a_temporary_table_hides_an_analytic_relation() {
    run(async {
        let tide = Tide::start("temp").await;
        let client = tide.client().await;
        let count = || sql::scalar(&client, "SELECT count(*) FROM orders");
        assert_eq!(count().await, "100");
        sql::exec(&client, "CREATE TEMP TABLE orders (id int)").await;
        assert_eq!(count().await, "0");
        sql::exec(&client, "INSERT INTO orders VALUES (1)").await;
        assert_eq!(count().await, "1");
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM public.orders").await,
            "100"
        );
        let other = tide.client().await;
        assert_eq!(
            sql::scalar(&other, "SELECT count(*) FROM orders").await,
            "100"
        );
        sql::exec(&client, "DROP TABLE orders").await;
        assert_eq!(count().await, "100");
        sql::exec(&client, "BEGIN; CREATE TEMP TABLE orders (id int)").await;
        assert_eq!(count().await, "0");
        sql::exec(&client, "ROLLBACK").await;
        assert_eq!(count().await, "100");
        sql::exec(
            &client,
            "CREATE TEMP TABLE orders AS SELECT 7 AS id; SELECT 1",
        )
        .await;
        assert_eq!(count().await, "1");
        sql::exec(&client, "DISCARD TEMP").await;
        assert_eq!(count().await, "100");
    });
}

#[test]
fn a_temporary_table_made_where_nobody_looks_hides_it_too() {
    run(async {
        let tide = Tide::start("temp_hidden").await;
        let client = tide.client().await;
        sql::exec(
            &client,
            "DO $$ BEGIN EXECUTE 'CREATE TEMP TABLE orders (id int)'; END $$",
        )
        .await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "0"
        );
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("CREATE TEMP TABLE orders (id int)"),
                whole("SELECT count(*) FROM orders"),
            ])
            .await;
        assert_eq!(values(&frames), ["0"], "{:?}", sqlstates(&frames));
        let frames = raw
            .query("SELECT 1 AS id INTO TEMP daily; SELECT count(*) FROM daily")
            .await;
        assert_eq!(values(&frames), ["1"], "{:?}", sqlstates(&frames));
    });
}

#[test]
fn names_of_a_statements_own_are_no_relations() {
    run(async {
        let tide = Tide::start("ctes").await;
        let client = tide.client().await;
        for (text, target) in [
            (
                "WITH orders AS (SELECT 1 AS id) SELECT count(*) FROM orders",
                "oltp",
            ),
            (
                "WITH orders AS (SELECT * FROM customers) SELECT count(*) FROM orders",
                "oltp",
            ),
            (
                "WITH customers AS (SELECT * FROM orders) SELECT count(*) FROM customers",
                "analytic",
            ),
            (
                "WITH orders AS (SELECT * FROM orders) SELECT count(*) FROM orders",
                "analytic",
            ),
            (
                "WITH RECURSIVE orders AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM orders WHERE n < 3) TABLE orders",
                "oltp",
            ),
            ("SELECT orders.id FROM customers AS orders", "oltp"),
            ("SELECT count(*) FROM (SELECT 1 AS orders) daily", "oltp"),
            ("SELECT 'orders', $$daily$$ FROM customers", "oltp"),
            ("SELECT id AS orders FROM customers", "oltp"),
            (
                "SELECT 1 FROM customers WHERE EXISTS (WITH orders AS (SELECT 1) SELECT 1 FROM orders)",
                "oltp",
            ),
        ] {
            assert_eq!(sql::route(&client, text).await.0, target, "{text}");
            sql::exec(&client, text).await;
        }
    });
}
