//! Prepared statements and their parameters, on either side: names, types, formats, errors.

use tokio_postgres::types::Type;

use super::INT4;
use crate::support::tide::Tide;
use crate::support::wire::{
    bind, bind_in, close, describe, execute, parse, parse_typed, sqlstates, status, tags, values,
    whole,
};
use crate::support::{run, sql};

#[test]
fn unnamed_statements_run_on_either_side() {
    run(async {
        let tide = Tide::start("ext_unnamed").await;
        let mut raw = tide.raw().await;
        for (text, rows) in [
            ("SELECT name FROM customers WHERE id = 1", "Ada"),
            ("SELECT count(*) FROM orders", "100"),
        ] {
            let frames = raw.batch(&[whole(text)]).await;
            assert_eq!(
                (tags(&frames), status(&frames)),
                ("12TDCZ".to_owned(), 'I'),
                "{text}"
            );
            assert_eq!(values(&frames), [rows]);
        }
        assert_eq!(tags(&raw.batch(&[whole("")]).await), "12nIZ");
    });
}

#[test]
fn named_statements_are_used_over_many_syncs() {
    run(async {
        let tide = Tide::start("ext_named").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                parse("one", "SELECT name FROM customers WHERE id = $1"),
                parse("two", "SELECT qty FROM orders WHERE id = $1"),
            ])
            .await;
        assert_eq!(tags(&frames), "11Z");
        for n in 1..=3 {
            let id = n.to_string();
            let frames = raw.batch(&[bind("", "one", &[&id]), execute("", 0)]).await;
            assert_eq!(tags(&frames), "2DCZ");
            let frames = raw.batch(&[bind("", "two", &[&id]), execute("", 0)]).await;
            assert_eq!(
                (tags(&frames), values(&frames)),
                ("2DCZ".to_owned(), vec![id])
            );
        }
        assert_eq!(
            tags(
                &raw.batch(&[close('S', "one"), close('S', "two"), close('S', "none")])
                    .await
            ),
            "333Z"
        );
        for name in ["one", "two"] {
            let frames = raw.batch(&[bind("", name, &["1"]), execute("", 0)]).await;
            assert_eq!(sqlstates(&frames), ["26000"]);
        }
    });
}

#[test]
fn statements_and_portals_are_described() {
    run(async {
        let tide = Tide::start("ext_describe").await;
        let mut raw = tide.raw().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT id, state FROM {table} WHERE id = $1");
            let frames = raw
                .batch(&[
                    parse("s", &text),
                    describe('S', "s"),
                    bind("p", "s", &["1"]),
                    describe('P', "p"),
                ])
                .await;
            assert_eq!(tags(&frames), "1tT2TZ", "{table}");
            assert_eq!(frames[1].body, [&[0, 1][..], &INT4.to_be_bytes()].concat());
            assert_eq!(frames[2].body[..2], [0, 2]);
            assert!(frames[2].body[2..].starts_with(b"id\0"));
            assert_eq!(frames[2].body, frames[4].body);
            assert_eq!(
                tags(&raw.batch(&[describe('S', "s"), close('S', "s")]).await),
                "tT3Z"
            );
        }
        let frames = raw
            .batch(&[
                parse("i", "INSERT INTO notes (body) VALUES ($1)"),
                describe('S', "i"),
            ])
            .await;
        assert_eq!(tags(&frames), "1tnZ");
    });
}

#[test]
fn text_and_binary_parameters_and_results_pass_unchanged() {
    run(async {
        let tide = Tide::start("ext_binary").await;
        let mut raw = tide.raw().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT id, id FROM {table} WHERE id = $1 AND $2::text IS NULL");
            let frames = raw
                .batch(&[
                    parse_typed("", &text, &[INT4, 0]),
                    bind_in("", "", &[1, 0], &[Some(&[0, 0, 0, 2]), None], &[1, 0]),
                    execute("", 0),
                ])
                .await;
            assert_eq!(tags(&frames), "12DCZ");
            assert_eq!(
                frames[2].row(),
                [Some(vec![0, 0, 0, 2]), Some(b"2".to_vec())]
            );
        }
    });
}

#[test]
fn a_driver_prepares_queries_and_streams() {
    run(async {
        let tide = Tide::start("ext_driver").await;
        let client = tide.client().await;
        let order = client
            .prepare("SELECT id, price, state FROM orders WHERE id = $1")
            .await
            .unwrap();
        assert_eq!(order.params(), [Type::INT4]);
        assert_eq!(order.columns()[1].type_(), &Type::FLOAT8);
        let customer = client
            .prepare_typed("SELECT name FROM customers WHERE id = $1", &[Type::INT4])
            .await
            .unwrap();
        for id in 1..=20 {
            let row = client.query_one(&order, &[&id]).await.unwrap();
            assert_eq!(
                (row.get::<_, i32>(0), row.get::<_, f64>(1)),
                (id, f64::from(id) * 1.5)
            );
            let row = client.query_opt(&customer, &[&id]).await.unwrap();
            assert_eq!(row.is_some(), id <= 3);
        }
        let inserted = client
            .execute("INSERT INTO notes (body) VALUES ($1)", &[&"x"])
            .await
            .unwrap();
        assert_eq!(inserted, 1);
        let refused = client
            .execute("DELETE FROM orders WHERE id = $1", &[&1])
            .await
            .unwrap_err();
        assert_eq!(sql::db(refused).code().code(), "25006");
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}

#[test]
fn a_name_in_use_cannot_be_prepared_again() {
    run(async {
        let tide = Tide::start("ext_duplicate").await;
        let mut raw = tide.raw().await;
        for (first, second) in [
            ("SELECT 1 FROM customers", "SELECT 2 FROM customers"),
            ("SELECT 1 FROM orders", "SELECT 2 FROM orders"),
            (
                "SELECT 1 FROM customers LIMIT 1",
                "SELECT 2 FROM orders LIMIT 1",
            ),
            (
                "SELECT 1 FROM orders LIMIT 1",
                "SELECT 2 FROM customers LIMIT 1",
            ),
            ("SHOW tidegate.to", "SELECT 2 FROM customers"),
        ] {
            assert_eq!(
                tags(&raw.batch(&[parse("s", first)]).await),
                "1Z",
                "{first}"
            );
            let frames = raw.batch(&[parse("s", second)]).await;
            assert_eq!(sqlstates(&frames), ["42P05"], "{first} then {second}");
            let frames = raw.batch(&[bind("", "s", &[]), execute("", 1)]).await;
            assert_eq!(
                tags(&frames).replace('s', "C"),
                "2DCZ",
                "{first} is still there"
            );
            let first_value = values(&frames);
            assert!(
                first_value == ["1"] || first_value == ["auto"],
                "{first_value:?}"
            );
            assert_eq!(tags(&raw.batch(&[close('S', "s")]).await), "3Z");
        }
    });
}

#[test]
fn two_statements_cannot_be_prepared_as_one() {
    run(async {
        let tide = Tide::start("ext_two").await;
        let mut raw = tide.raw().await;
        for text in [
            "SELECT 1; SELECT 2",
            "SELECT count(*) FROM orders; SELECT 1",
            "SELECT 1; DELETE FROM orders",
            "SELECT count(*) FROM orders; DELETE FROM orders",
        ] {
            let frames = raw.batch(&[whole(text)]).await;
            assert_eq!(tags(&frames), "EZ", "{text}");
            assert!(
                ["42601", "25006"].contains(&&*frames[0].sqlstate()),
                "{text}"
            );
        }
        assert!(!tide.sides.analytic_saw_text("DELETE"));
    });
}

#[test]
fn a_parse_error_is_the_servers_own() {
    run(async {
        let tide = Tide::start("ext_parse_error").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[parse("s", "SELEC 1"), bind("", "s", &[])])
            .await;
        assert_eq!(
            (tags(&frames), sqlstates(&frames)),
            ("EZ".to_owned(), vec!["42601".to_owned()])
        );
        let frames = raw.batch(&[parse("s", "SELECT nothing FROM orders")]).await;
        assert_eq!(sqlstates(&frames), ["42703"]);
        assert_eq!(
            tags(
                &raw.batch(&[
                    parse("s", "SELECT id FROM orders LIMIT 1"),
                    bind("", "s", &[]),
                    execute("", 0)
                ])
                .await
            ),
            "12DCZ"
        );
    });
}

#[test]
fn a_statement_prepared_before_a_relation_moved_is_routed_anew() {
    run(async {
        let tide = Tide::start("ext_moves").await;
        let mut raw = tide.raw().await;
        assert_eq!(
            tags(
                &raw.batch(&[parse("s", "SELECT side FROM products ORDER BY 1 LIMIT 1")])
                    .await
            ),
            "1Z"
        );
        let run = [bind("", "s", &[]), execute("", 0)];
        assert_eq!(values(&raw.batch(&run).await), ["oltp"]);
        raw.query("SET tidegate.to = analytic").await;
        assert_eq!(values(&raw.batch(&run).await), ["analytic"]);
        assert_eq!(tags(&raw.batch(&[describe('S', "s")]).await), "tTZ");
        raw.query("RESET tidegate.to").await;
        assert_eq!(values(&raw.batch(&run).await), ["oltp"]);
    });
}
