//! Unqualified names: looked for along the search path of the session, as it is now.

use tokio_postgres::NoTls;

use crate::support::tide::{Setup, Tide, open};
use crate::support::wire::{bind, execute, parse, values};
use crate::support::{eventually, run, sql};

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
