//! Rules: which one wins, and what they may depend on.

use tokio_postgres::NoTls;

use super::at;
use crate::support::tide::{Setup, Tide, open};
use crate::support::{run, sql};

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
