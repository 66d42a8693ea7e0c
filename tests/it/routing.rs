//! Where statements go: discovery, rules, the search path, and what hides what.

use tokio_postgres::NoTls;

use crate::support::tide::{Setup, Tide, open};
use crate::support::wire::{bind, execute, parse, sqlstates, values, whole};
use crate::support::{eventually, run, sql};

fn at(target: &str, reason: &str) -> (String, String) {
    (target.to_owned(), reason.to_owned())
}

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
fn a_rule_sends_a_mirrored_relation_away() {
    run(async {
        let tide = Tide::with(
            "rule",
            "routes: [{ name: goods, relations: [products], to: analytic }]",
        )
        .await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "analytic"
        );
        assert_eq!(sql::last_route(&client).await, at("analytic", "rule"));
        let rows = sql::rows(&client, "SHOW tidegate.last_route").await;
        assert_eq!(rows[0][5].as_deref(), Some("routes[0] goods"));
        sql::exec(&client, "UPDATE products SET side = 'written'").await;
        assert_eq!(sql::last_route(&client).await.0, "oltp");
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "analytic"
        );
    });
}

#[test]
fn the_first_rule_that_matches_wins() {
    run(async {
        let rules = "routes:\n  - { relations: [public.products], to: oltp }\n  - { relations: ['prod*'], to: analytic }";
        let tide = Tide::with("first_rule", rules).await;
        let client = tide.client().await;
        assert_eq!(
            sql::route(&client, "SELECT * FROM products").await,
            at("oltp", "rule")
        );
    });
}

#[test]
fn a_rule_by_shape_sends_aggregates_only() {
    run(async {
        let rule = "routes: [{ relations: [products], shape: aggregate, to: analytic }]";
        let tide = Tide::with("shape", rule).await;
        let client = tide.client().await;
        for (text, side) in [
            ("SELECT side FROM products WHERE id = 1", "oltp"),
            ("SELECT side FROM products", "oltp"),
            ("SELECT max(side) FROM products", "analytic"),
            ("SELECT side FROM products GROUP BY side", "analytic"),
            (
                "SELECT DISTINCT side FROM (SELECT side, count(*) FROM products GROUP BY 1) x",
                "analytic",
            ),
        ] {
            assert_eq!(sql::scalar(&client, text).await, side, "{text}");
        }
        assert_eq!(
            sql::route(
                &client,
                "SELECT count(*) FROM products p JOIN customers USING (id)"
            )
            .await
            .0,
            "oltp"
        );
        assert_eq!(
            sql::route(
                &client,
                "SELECT count(*) FROM products p JOIN orders USING (id)"
            )
            .await
            .0,
            "analytic"
        );
    });
}

#[test]
fn rules_may_depend_on_the_user() {
    run(async {
        let rule = "routes: [{ relations: [products], users: ['bi_*'], to: analytic }]";
        let tide = Tide::with("users", rule).await;
        let (app, anna) = (tide.client().await, tide.client_as("bi_anna").await);
        assert_eq!(sql::scalar(&app, "SELECT side FROM products").await, "oltp");
        assert_eq!(
            sql::scalar(&anna, "SELECT side FROM products").await,
            "analytic"
        );
    });
}

#[test]
fn rules_may_depend_on_the_database() {
    run(async {
        let setup = Setup::new("databases").await;
        let name = setup.sides().database.clone();
        let rules = format!(
            "routes:\n  - {{ relations: [customers], databases: [other], to: oltp }}\n  - {{ relations: [products], \
             databases: ['{name}'], to: analytic }}"
        );
        let tide = setup.more(&rules).start().await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM products").await,
            "analytic"
        );
        assert_eq!(
            sql::route(&client, "SELECT * FROM customers").await,
            at("oltp", "oltp_relation")
        );
    });
}

#[test]
fn rules_may_depend_on_the_application_which_may_change() {
    run(async {
        let rule = "routes: [{ relations: [products], applications: ['metabase*'], to: analytic }]";
        let tide = Tide::with("applications", rule).await;
        let mut config = tide.config("app");
        let (metabase, _) = open(config.application_name("metabase 0.50"), NoTls)
            .await
            .unwrap();
        assert_eq!(
            sql::scalar(&metabase, "SELECT side FROM products").await,
            "analytic"
        );
        sql::exec(&metabase, "SET application_name = 'psql'").await;
        assert_eq!(
            sql::scalar(&metabase, "SELECT side FROM products").await,
            "oltp"
        );
        let other = tide.client().await;
        assert_eq!(
            sql::scalar(&other, "SELECT side FROM products").await,
            "oltp"
        );
        sql::exec(&other, "SET application_name = 'metabase'").await;
        assert_eq!(
            sql::scalar(&other, "SELECT side FROM products").await,
            "analytic"
        );
    });
}

#[test]
fn without_discovery_the_rules_alone_decide() {
    run(async {
        let rule = "routes: [{ relations: [orders], to: analytic }]";
        let tide = Setup::new("no_discovery")
            .await
            .discover("off")
            .more(rule)
            .start()
            .await;
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        assert_eq!(
            sql::route(&client, "SELECT * FROM daily").await,
            at("oltp", "unknown_relation")
        );
        assert_eq!(sql::state(&client, "DELETE FROM orders").await, "25006");
        assert_eq!(sql::state(&client, "SELECT * FROM daily").await, "42P01");
    });
}

#[test]
fn other_databases_than_the_default_backends_are_plain_postgres() {
    run(async {
        let tide = Tide::start("other_database").await;
        let mut config = tide.config("app");
        let (client, _) = open(config.dbname("postgres"), NoTls).await.unwrap();
        assert_eq!(
            sql::route(&client, "SELECT * FROM orders").await,
            at("oltp", "unknown_relation")
        );
        assert_eq!(sql::state(&client, "SELECT * FROM orders").await, "42P01");
    });
}

/// `ships` is in `public` on the OLTP side and in `lake` on the analytic side.
async fn ships(hint: &str, pool: &str, discover: &str) -> Tide {
    let setup = Setup::new(hint).await.pool(pool).discover(discover);
    let oltp = setup.sides().oltp().await;
    sql::exec(
        &oltp,
        "CREATE TABLE ships AS SELECT 'oltp' AS side; CREATE SCHEMA lake",
    )
    .await;
    sql::exec(
        &oltp,
        "GRANT ALL ON ships TO PUBLIC; GRANT ALL ON SCHEMA lake TO PUBLIC",
    )
    .await;
    let analytic = setup.sides().analytic().await;
    sql::exec(
        &analytic,
        "CREATE SCHEMA lake; CREATE TABLE lake.ships AS SELECT 'analytic' AS side",
    )
    .await;
    sql::exec(
        &analytic,
        "GRANT ALL ON lake.ships TO PUBLIC; GRANT ALL ON SCHEMA lake TO PUBLIC",
    )
    .await;
    setup.start().await
}

#[test]
fn names_are_looked_for_along_the_search_path() {
    run(async {
        let tide = ships("search_path", "{ size: 8 }", "1h").await;
        let client = tide.client().await;
        let home = || sql::route(&client, "SELECT side FROM ships");
        assert_eq!(home().await.0, "oltp");
        sql::exec(&client, "SET search_path = lake, public").await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "SET search_path = public, lake").await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(&client, "SET search_path TO \"lake\"").await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "RESET search_path").await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(&client, "SELECT set_config('search_path', 'lake', false)").await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "DISCARD ALL").await;
        assert_eq!(home().await.0, "oltp");
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM lake.ships").await,
            "analytic"
        );
    });
}

#[test]
fn a_search_path_that_is_taken_back_is_forgotten() {
    run(async {
        let tide = ships("path_rollback", "{ size: 8 }", "1h").await;
        let client = tide.client().await;
        let home = || sql::route(&client, "SELECT side FROM ships");
        sql::exec(&client, "BEGIN; SET LOCAL search_path = lake").await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "ROLLBACK").await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(&client, "BEGIN; SET search_path = lake").await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "ROLLBACK").await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(
            &client,
            "BEGIN; SELECT set_config('search_path', 'lake', true)",
        )
        .await;
        assert_eq!(home().await.0, "analytic");
        sql::exec(&client, "COMMIT").await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(
            &client,
            "BEGIN; SAVEPOINT a; SET LOCAL search_path = lake; ROLLBACK TO a",
        )
        .await;
        assert_eq!(home().await.0, "oltp");
        sql::exec(&client, "COMMIT; SET search_path = lake").await;
        assert_eq!(home().await.0, "analytic");
    });
}

#[test]
fn unqualified_names_are_read_where_the_search_path_leads() {
    run(async {
        let tide = ships("path_read", "{ size: 1 }", "1s").await;
        // Another relation of the same name, which the analytic side's own default path would find.
        let analytic = tide.sides.analytic().await;
        sql::exec(
            &analytic,
            "CREATE TABLE public.ships AS SELECT 'wrong' AS side",
        )
        .await;
        let client = tide.client().await;
        sql::exec(&client, "SET search_path = lake").await;
        assert_eq!(
            sql::scalar(&client, "SELECT side FROM ships").await,
            "analytic"
        );
        let row = client.query_one("SELECT side FROM ships", &[]).await;
        assert_eq!(row.unwrap().get::<_, &str>(0), "analytic");
        // Over one shared connection, in and out of transactions, prepared and not.
        let mut raw = tide.raw().await;
        let read = [
            parse("", "SELECT side FROM ships"),
            bind("", "", &[]),
            execute("", 0),
        ];
        raw.query("SET tidegate.to = analytic").await;
        for (path, side) in [
            ("lake", "analytic"),
            ("public", "wrong"),
            ("lake, public", "analytic"),
        ] {
            raw.query(&format!("SET search_path = {path}")).await;
            eventually("both are known", || async {
                sql::route(&client, "SELECT * FROM public.ships").await.1 == "mirrored_default"
            })
            .await;
            for _ in 0..2 {
                assert_eq!(
                    values(&raw.query("SELECT side FROM ships").await),
                    [side],
                    "{path}"
                );
                assert_eq!(values(&raw.batch(&read).await), [side], "{path}");
                raw.query("BEGIN").await;
                assert_eq!(values(&raw.batch(&read).await), [side], "{path}");
                assert_eq!(
                    values(&raw.query("SELECT side FROM ships").await),
                    [side],
                    "{path}"
                );
                raw.query("ROLLBACK").await;
            }
        }
    });
}

#[test]
fn a_search_path_of_the_role_or_the_login_counts() {
    run(async {
        let tide = ships("role_path", "{ size: 8 }", "1h").await;
        let server = tide.sides.oltp().await;
        let name = &tide.sides.database;
        sql::exec(
            &server,
            &format!("ALTER ROLE plain IN DATABASE {name} SET search_path = lake"),
        )
        .await;
        let plain = tide.client_as("plain").await;
        assert_eq!(
            sql::route(&plain, "SELECT side FROM ships").await.0,
            "analytic"
        );
        let app = tide.client().await;
        assert_eq!(sql::route(&app, "SELECT side FROM ships").await.0, "oltp");
        let mut config = tide.config("app");
        let (login, _) = open(config.options("-c search_path=lake"), NoTls)
            .await
            .unwrap();
        assert_eq!(
            sql::route(&login, "SELECT side FROM ships").await.0,
            "analytic"
        );
    });
}

#[test]
fn a_schema_of_the_users_name_comes_first() {
    run(async {
        let setup = Setup::new("user_schema").await;
        let analytic = setup.sides().analytic().await;
        sql::exec(
            &analytic,
            "CREATE SCHEMA bi_anna; CREATE TABLE bi_anna.customers (id int)",
        )
        .await;
        let tide = setup.start().await;
        let (app, anna) = (tide.client().await, tide.client_as("bi_anna").await);
        assert_eq!(sql::route(&app, "SELECT * FROM customers").await.0, "oltp");
        assert_eq!(
            sql::route(&anna, "SELECT * FROM customers").await.0,
            "analytic"
        );
    });
}

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
