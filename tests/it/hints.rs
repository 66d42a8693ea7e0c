//! Asking where a statement goes, and saying where it should go.

use tokio_postgres::SimpleQueryMessage;

use crate::support::tide::Tide;
use crate::support::wire::{
    bind, describe, execute, parse, sqlstates, status, tags, values, whole,
};
use crate::support::{run, sql};

const COLUMNS: [&str; 7] = [
    "statement",
    "kind",
    "reads",
    "writes",
    "target",
    "rule",
    "reason",
];

#[test]
fn explain_route_answers_seven_columns_and_runs_nothing() {
    run(async {
        let tide = Tide::with(
            "explain",
            "routes: [{ name: dash, relations: [orders], to: analytic }]",
        )
        .await;
        let client = tide.client().await;
        let messages = client
            .simple_query("EXPLAIN ROUTE SELECT sum(qty) FROM orders, products")
            .await
            .unwrap();
        let Some(SimpleQueryMessage::Row(row)) = messages
            .iter()
            .find(|m| matches!(m, SimpleQueryMessage::Row(_)))
        else {
            panic!("{messages:?}");
        };
        let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, COLUMNS);
        let got: Vec<Option<&str>> = (0..7).map(|at| row.get(at)).collect();
        assert_eq!(
            got,
            [
                Some("SELECT sum(qty) FROM orders, products"),
                Some("select"),
                Some("public.orders, public.products"),
                Some(""),
                Some("analytic"),
                Some("routes[0] dash"),
                Some("rule"),
            ]
        );
        let rows = sql::rows(
            &client,
            "EXPLAIN ROUTE INSERT INTO notes (body) VALUES ('x')",
        )
        .await;
        assert_eq!(
            (rows[0][1].as_deref(), rows[0][3].as_deref()),
            (Some("insert"), Some("public.notes"))
        );
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM notes").await,
            "0"
        );
        assert!(!tide.sides.analytic_saw_text("sum(qty)"));
    });
}

#[test]
fn explain_route_verbose_tells_every_rule_that_was_tried_who_read_the_statement_and_for_how_long() {
    run(async {
        let tide = Tide::with(
            "explain_verbose",
            "routes: [{ name: night, users: [nobody], relations: [orders], to: oltp }, { name: dash, relations: [orders], to: analytic }]",
        )
        .await;
        let client = tide.client().await;
        let row = client
            .query_one(
                "EXPLAIN ROUTE VERBOSE SELECT * FROM orders WHERE orderid = 1",
                &[],
            )
            .await
            .unwrap();
        let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names[..7], COLUMNS);
        assert_eq!(names[7..], ["parsed_by", "relations", "took_ns"]);
        assert_eq!(row.get::<_, &str>("target"), "analytic");
        assert_eq!(row.get::<_, &str>("parsed_by"), "sqlparser");
        assert_eq!(
            row.get::<_, &str>("relations"),
            "public.orders: analytic, on analytic\n   routes[0] night: none of its users fits \"app\"\n-> routes[1] dash: it lives on \"analytic\""
        );
        assert!(row.get::<_, &str>("took_ns").parse::<u64>().unwrap() > 0);
        assert!(!tide.sides.analytic_saw_text("orderid = 1"));
        let rows = sql::rows(&client, "explain route verbose verbose").await;
        assert_eq!(rows[0][0].as_deref(), Some("verbose"));
    });
}

#[test]
fn explain_route_of_a_refused_statement_has_no_target_and_a_notice() {
    run(async {
        let tide = Tide::start("explain_refused").await;
        let mut raw = tide.raw().await;
        let frames = raw.query("EXPLAIN ROUTE DELETE FROM orders").await;
        assert_eq!(tags(&frames), "TNDCZ");
        assert_eq!(frames[1].field('C').as_deref(), Some("25006"));
        assert!(frames[1].field('H').is_some());
        let row = frames[2].row();
        assert_eq!(
            (row[4].as_deref(), row[6].as_deref()),
            (None, Some(&b"write_on_analytic"[..]))
        );
    });
}

#[test]
fn explain_route_works_over_the_extended_protocol_and_in_transactions() {
    run(async {
        let tide = Tide::start("explain_ext").await;
        let client = tide.client().await;
        let row = client
            .query_one("EXPLAIN ROUTE SELECT * FROM orders", &[])
            .await
            .unwrap();
        let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, COLUMNS);
        assert_eq!(row.get::<_, &str>("target"), "analytic");
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('x')"),
                whole("EXPLAIN ROUTE SELECT 1"),
                whole("SELECT 1"),
            ])
            .await;
        assert_eq!(
            (tags(&frames), status(&frames)),
            ("12nC12TDC12TDCZ".to_owned(), 'T')
        );
        let frames = raw
            .batch(&[
                parse("e", "EXPLAIN ROUTE SELECT 1"),
                describe('S', "e"),
                bind("", "e", &[]),
                execute("", 0),
            ])
            .await;
        assert_eq!(tags(&frames), "1tT2DCZ");
    });
}

#[test]
fn the_last_route_is_remembered() {
    run(async {
        let tide = Tide::start("last_route").await;
        let client = tide.client().await;
        assert_eq!(
            sql::rows(&client, "SHOW tidegate.last_route").await.len(),
            0
        );
        sql::exec(&client, "SELECT count(*) FROM orders").await;
        let rows = sql::rows(&client, "SHOW tidegate.last_route").await;
        let row: Vec<&str> = rows[0]
            .iter()
            .map(|v| v.as_deref().unwrap_or("NULL"))
            .collect();
        assert_eq!(
            row,
            [
                "SELECT count(*) FROM orders",
                "select",
                "public.orders",
                "",
                "analytic",
                "NULL",
                "analytic_relation"
            ]
        );
        assert_eq!(
            sql::last_route(&client).await.0,
            "analytic",
            "asking changes nothing"
        );
        sql::state(&client, "DELETE FROM orders").await;
        assert_eq!(
            sql::last_route(&client).await,
            (String::new(), "write_on_analytic".to_owned())
        );
        client
            .query_one("SELECT count(*) FROM customers WHERE id = $1", &[&1])
            .await
            .unwrap();
        assert_eq!(
            sql::last_route(&client).await,
            ("oltp".to_owned(), "oltp_relation".to_owned())
        );
        let other = tide.client().await;
        assert_eq!(sql::rows(&other, "SHOW tidegate.last_route").await.len(), 0);
    });
}

#[test]
fn a_client_may_say_where_reads_go() {
    run(async {
        let tide = Tide::start("set_to").await;
        let client = tide.client().await;
        let side = || sql::scalar(&client, "SELECT side FROM products");
        assert_eq!(sql::scalar(&client, "SHOW tidegate.to").await, "auto");
        for (value, expected) in [
            ("analytic", "analytic"),
            ("oltp", "oltp"),
            ("'analytic'", "analytic"),
            ("auto", "oltp"),
            ("ANALYTIC", "analytic"),
            ("DEFAULT", "oltp"),
        ] {
            sql::exec(&client, &format!("SET tidegate.to = {value}")).await;
            assert_eq!(side().await, expected, "{value}");
        }
        sql::exec(&client, "SET tidegate.to TO analytic").await;
        assert_eq!(sql::scalar(&client, "SHOW tidegate.to").await, "analytic");
        assert_eq!(sql::last_route(&client).await.0, "oltp");
        sql::exec(&client, "RESET tidegate.to").await;
        assert_eq!(side().await, "oltp");
        sql::exec(&client, "SET tidegate.to = analytic").await;
        sql::exec(&client, "DISCARD ALL").await;
        assert_eq!(side().await, "oltp");
    });
}

#[test]
fn a_backend_may_be_named() {
    run(async {
        let setup = crate::support::tide::Setup::new("set_name").await;
        let yaml = setup.yaml().replace("  analytic:", "  warehouse:");
        let router = crate::support::router::Router::start(&yaml).await;
        let client =
            crate::support::postgres::connect(router.port(), "app", &setup.sides().database).await;
        for value in ["warehouse", "analytic"] {
            sql::exec(&client, &format!("SET tidegate.to = {value}")).await;
            assert_eq!(
                sql::scalar(&client, "SELECT side FROM products").await,
                "analytic"
            );
            assert_eq!(
                sql::last_route(&client).await,
                ("warehouse".to_owned(), "hint".to_owned())
            );
        }
    });
}

#[test]
fn what_cannot_be_set_is_an_error() {
    run(async {
        let tide = Tide::start("set_bad").await;
        let client = tide.client().await;
        let error = sql::error(&client, "SET tidegate.to = nowhere").await;
        assert_eq!(error.code().code(), "22023");
        assert!(error.hint().unwrap().contains("analytic"), "{error:?}");
        assert_eq!(
            sql::state(&client, "SET tidegate.colour = 'red'").await,
            "42704"
        );
        assert_eq!(sql::state(&client, "SHOW tidegate.colour").await, "42704");
        assert_eq!(sql::scalar(&client, "SHOW tidegate.to").await, "auto");
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let frames = raw.query("SET tidegate.to = nowhere").await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22023".to_owned()], 'E')
        );
        let frames = raw.batch(&[whole("SELECT 1")]).await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25P02".to_owned()], 'E')
        );
    });
}

#[test]
fn a_hint_never_makes_an_unsafe_statement_reach_the_analytic_side() {
    run(async {
        let tide = Tide::start("hint_unsafe").await;
        let client = tide.client().await;
        sql::exec(&client, "SET tidegate.to = analytic").await;
        for (text, state) in [
            ("DELETE FROM products", "25006"),
            ("INSERT INTO orders VALUES (1000)", "25006"),
            ("SELECT * FROM products FOR UPDATE", "25006"),
            ("SELECT nextval('s') FROM products", "25006"),
            ("SELECT my_function()", "25006"),
            ("CREATE TABLE t (id int)", "25006"),
            ("CALL p()", "25006"),
            ("DO $$ BEGIN END $$", "25006"),
            ("SELECT * FROM customers", "0A000"),
            ("SELECT * FROM nowhere", "0A000"),
        ] {
            assert_eq!(sql::state(&client, text).await, state, "{text}");
            let hinted = format!("/* tidegate: to=analytic */ {text}");
            sql::exec(&client, "SET tidegate.to = auto").await;
            assert_eq!(sql::state(&client, &hinted).await, state, "{hinted}");
            sql::exec(&client, "SET tidegate.to = analytic").await;
        }
        assert_eq!(
            sql::scalar(
                &client,
                "SELECT count(*) FROM pg_class WHERE relname = 'customers'"
            )
            .await,
            "1"
        );
        sql::exec(&client, "SET tidegate.to = oltp").await;
        assert_eq!(
            sql::state(&client, "SELECT * FROM orders").await,
            "42P01",
            "OLTP has none"
        );
        let bad = [
            "DELETE",
            "INSERT INTO orders",
            "FOR UPDATE",
            "nextval('s')",
            "my_function",
            "CREATE TABLE t ",
        ];
        for text in bad {
            assert!(!tide.sides.analytic_saw_text(text), "{text}");
        }
    });
}

#[test]
fn a_comment_in_front_is_a_hint_for_one_statement() {
    run(async {
        let tide = Tide::start("comment").await;
        let client = tide.client().await;
        for (text, side) in [
            (
                "/* tidegate: to=analytic */ SELECT side FROM products",
                "analytic",
            ),
            (
                "/*tidegate:to=analytic*/SELECT side FROM products",
                "analytic",
            ),
            ("SELECT side FROM products", "oltp"),
            (
                "SELECT side FROM products /* tidegate: to=analytic */",
                "oltp",
            ),
            ("/* to=analytic */ SELECT side FROM products", "oltp"),
            ("/* tidegate: to=auto */ SELECT side FROM products", "oltp"),
        ] {
            assert_eq!(sql::scalar(&client, text).await, side, "{text}");
            let rows = client.query(text, &[]).await.unwrap();
            assert_eq!(rows[0].get::<_, &str>(0), side, "{text}");
        }
        sql::exec(&client, "SET tidegate.to = analytic").await;
        assert_eq!(
            sql::scalar(&client, "/* tidegate: to=oltp */ SELECT side FROM products").await,
            "oltp"
        );
        let error = sql::error(&client, "/* tidegate: to=moon */ SELECT 1").await;
        assert_eq!(error.code().code(), "22023");
        let mut raw = tide.raw().await;
        let frames = raw
            .query("/* tidegate: to=analytic */ SELECT side FROM products LIMIT 1; SELECT side FROM products LIMIT 1")
            .await;
        assert_eq!(values(&frames), ["analytic", "oltp"]);
    });
}

#[test]
fn hints_are_for_those_who_are_allowed_them() {
    run(async {
        let tide = Tide::with("hint_users", "hints: ['bi_*']").await;
        let app = tide.client().await;
        assert_eq!(
            sql::state(&app, "SET tidegate.to = analytic").await,
            "42501"
        );
        assert_eq!(
            sql::scalar(
                &app,
                "/* tidegate: to=analytic */ SELECT side FROM products"
            )
            .await,
            "oltp"
        );
        sql::exec(&app, "SET tidegate.to = auto").await;
        let anna = tide.client_as("bi_anna").await;
        sql::exec(&anna, "SET tidegate.to = analytic").await;
        assert_eq!(
            sql::scalar(&anna, "SELECT side FROM products").await,
            "analytic"
        );
        let nobody = Tide::with("hint_nobody", "hints: []").await;
        assert_eq!(
            sql::state(&nobody.client().await, "SET tidegate.to = oltp").await,
            "42501"
        );
    });
}
