//! What discovery knows of the two sides, and when it learns of what is new.

use super::at;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::whole;
use crate::support::{eventually, run, sql};

#[test]
fn discovery_alone_routes_by_where_relations_live() {
    run(async {
        let tide = Tide::start("discovery").await;
        let client = tide.client().await;
        for (text, target, reason) in [
            ("SELECT * FROM customers", "oltp", "oltp_relation"),
            ("SELECT * FROM public.customers", "oltp", "oltp_relation"),
            ("SELECT * FROM orders", "analytic", "analytic_relation"),
            (
                "SELECT * FROM public.orders",
                "analytic",
                "analytic_relation",
            ),
            ("SELECT * FROM \"orders\"", "analytic", "analytic_relation"),
            ("SELECT * FROM ORDERS", "analytic", "analytic_relation"),
            ("SELECT * FROM \"ORDERS\"", "oltp", "unknown_relation"),
            ("SELECT * FROM daily", "analytic", "analytic_relation"),
            ("TABLE orders", "analytic", "analytic_relation"),
            ("SELECT * FROM products", "oltp", "mirrored_default"),
            (
                "SELECT * FROM orders JOIN products USING (id)",
                "analytic",
                "analytic_relation",
            ),
            (
                "SELECT * FROM customers JOIN products USING (id)",
                "oltp",
                "mirrored_default",
            ),
            ("SELECT 1", "oltp", "no_relations"),
            ("SELECT * FROM nowhere", "oltp", "unknown_relation"),
            ("SELECT * FROM elsewhere.orders", "oltp", "unknown_relation"),
            ("SELECT * FROM pg_class", "oltp", "system_catalog"),
            (
                "SELECT * FROM information_schema.tables",
                "oltp",
                "system_catalog",
            ),
            ("INSERT INTO customers VALUES (9, 'x')", "oltp", "write"),
            ("INSERT INTO products VALUES (9, 1)", "oltp", "write"),
            ("CREATE TABLE t (id int)", "oltp", "ddl"),
            ("BEGIN", "oltp", "transaction_control"),
            ("SET work_mem = '8MB'", "oltp", "session"),
            ("DELETE FROM orders", "", "write_on_analytic"),
            ("SELECT * FROM orders FOR SHARE", "", "lock_on_analytic"),
            (
                "ALTER TABLE orders ADD CHECK (id > 0)",
                "",
                "constraint_on_analytic",
            ),
            ("DROP TABLE orders", "", "ddl_on_analytic"),
            ("SELECT * FROM orders, customers", "", "mixed_backends"),
            (
                "SELECT pg_notify('a', 'b') FROM orders",
                "",
                "function_on_analytic",
            ),
        ] {
            assert_eq!(
                sql::route(&client, text).await,
                at(target, reason),
                "{text}"
            );
        }
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM customers WHERE id = 9").await,
            "0"
        );
    });
}

#[test]
fn a_statement_over_both_sides_is_refused_and_says_which_lives_where() {
    run(async {
        let tide = Tide::with(
            "mixed",
            "routes: [{ name: dash, relations: [orders], to: analytic }]",
        )
        .await;
        let client = tide.client().await;
        for text in [
            "SELECT * FROM orders o JOIN customers c ON c.id = o.customer",
            "SELECT * FROM customers WHERE id IN (SELECT customer FROM orders)",
            "SELECT (SELECT count(*) FROM customers) FROM orders",
            "SELECT id FROM customers UNION SELECT id FROM orders",
            "WITH x AS (SELECT * FROM customers) SELECT * FROM x, orders",
            "INSERT INTO notes (body) SELECT state FROM orders JOIN customers USING (state)",
        ] {
            let error = sql::error(&client, text).await;
            assert_eq!(error.code().code(), "0A000", "{text}");
            let detail = error.detail().expect("a detail");
            for piece in [
                "\"public.orders\"",
                "\"analytic\"",
                "\"oltp\"",
                "routes[0] dash",
            ] {
                assert!(detail.contains(piece), "{text}: {detail}");
            }
            assert!(
                detail.contains("\"public.customers\"") || text.starts_with("INSERT"),
                "{text}: {detail}"
            );
            assert!(error.hint().is_some());
        }
        assert_eq!(
            sql::state(&client, "SELECT * FROM orders, pg_class").await,
            "0A000"
        );
        assert!(
            tide.sides
                .analytic_saw()
                .iter()
                .all(|line| !line.contains("customers"))
        );
    });
}

#[test]
fn relations_made_through_the_router_are_known_soon() {
    run(async {
        let tide = Tide::start("ddl").await;
        let client = tide.client().await;
        let reason = |text: &'static str| sql::route(&client, text);
        assert_eq!(reason("SELECT * FROM fresh").await.1, "unknown_relation");
        sql::exec(&client, "CREATE TABLE fresh (id int)").await;
        eventually("the table is known", || async {
            reason("SELECT * FROM fresh").await.1 == "oltp_relation"
        })
        .await;
        sql::exec(&client, "ALTER TABLE fresh RENAME TO stale").await;
        eventually("it is known to be gone", || async {
            reason("SELECT * FROM fresh").await.1 == "unknown_relation"
        })
        .await;
        // What was made on the analytic side meanwhile is read along.
        sql::exec(&tide.sides.analytic().await, "CREATE TABLE weekly (id int)").await;
        sql::exec(&client, "DROP TABLE stale").await;
        eventually("both are read", || async {
            reason("SELECT * FROM weekly").await.1 == "analytic_relation"
        })
        .await;
        let mut raw = tide.raw().await;
        raw.batch(&[whole("CREATE TABLE by_extended (id int)")])
            .await;
        eventually("also over the extended protocol", || async {
            reason("SELECT * FROM by_extended").await.1 == "oltp_relation"
        })
        .await;
    });
}

#[test]
fn relations_made_elsewhere_are_known_after_the_interval() {
    run(async {
        let tide = Setup::new("interval").await.discover("1s").start().await;
        let client = tide.client().await;
        sql::exec(
            &tide.sides.analytic().await,
            "CREATE TABLE monthly AS SELECT 12 AS n",
        )
        .await;
        let known = || async { sql::route(&client, "SELECT n FROM monthly").await.0 == "analytic" };
        eventually("the table is known", known).await;
        assert_eq!(sql::scalar(&client, "SELECT n FROM monthly").await, "12");
    });
}

#[test]
fn user_functions_run_on_the_analytic_side_only_when_they_are_known_to_read() {
    run(async {
        let setup = Setup::new("functions").await;
        let make = "CREATE FUNCTION fiscal(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 + 1';
                    CREATE FUNCTION enqueue(int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1';
                    CREATE FUNCTION listed(int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1'";
        sql::exec(&setup.sides().analytic().await, make).await;
        let tide = setup.more("functions: { reads: [listed] }").start().await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT fiscal(id) FROM orders WHERE id = 1").await,
            "2"
        );
        assert_eq!(
            sql::scalar(&client, "SELECT listed(id) FROM orders WHERE id = 1").await,
            "1"
        );
        let error = sql::error(&client, "SELECT enqueue(id) FROM orders").await;
        assert_eq!(error.code().code(), "25006");
        assert!(error.hint().unwrap().contains("functions"), "{error:?}");
    });
}
