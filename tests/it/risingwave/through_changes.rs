//! Tidegate in front of PostgreSQL and of RisingWave: changes of rows on the analytic side.

use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::sql::{db, error, exec, last_route, scalar, state};
use crate::support::wire::sqlstates;

use super::through_ddl::{over_double, saw, tide, told};

#[test]
fn single_changes_of_rows_go_to_tables_where_that_is_allowed() {
    run(async {
        let keys = ["ddl: adapt", "access: read_write", "read_own_writes: true"];
        let (tide, analytic) = tide("ddl_writes", &keys).await;
        let client = tide.client().await;
        exec(
            &client,
            "CREATE TABLE shop_a (id bigint PRIMARY KEY, n int)",
        )
        .await;
        exec(
            &client,
            "CREATE MATERIALIZED VIEW shop_m AS SELECT sum(n) AS n FROM shop_a",
        )
        .await;
        exec(&client, "INSERT INTO shop_a VALUES (1, 10), (2, 20)").await;
        assert_eq!(
            last_route(&client).await,
            ("analytic".to_owned(), "rule".to_owned())
        );
        // Seen at once, by the table and by what is made of it, though a double makes nothing visible by itself.
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "2");
        assert_eq!(scalar(&client, "SELECT n FROM shop_m").await, "30");
        let done = client
            .execute(
                "UPDATE shop_a SET n = n + $1 WHERE id = $2",
                &[&5_i32, &1_i64],
            )
            .await;
        assert_eq!(done.expect("updated"), 1);
        let n: i32 = client
            .query_one("SELECT n FROM shop_a WHERE id = $1", &[&1_i64])
            .await
            .expect("a row")
            .get(0);
        assert_eq!(n, 15);
        exec(&client, "DELETE FROM shop_a WHERE id = 2").await;
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "1");
        if let Some(double) = analytic.double() {
            let flushes = double.seen().iter().filter(|sql| *sql == "FLUSH").count();
            assert_eq!(flushes, 3, "{:#?}", double.seen());
        }
        for sql in [
            "INSERT INTO shop_m VALUES (1)",
            "UPDATE shop_m SET n = 1",
            "INSERT INTO shop_a SELECT id, 1 FROM shop_a FOR UPDATE",
            "WITH x AS (DELETE FROM shop_a RETURNING id) SELECT * FROM x",
            "TRUNCATE shop_m",
            "TRUNCATE shop_a, shop_m",
        ] {
            assert_eq!(state(&client, sql).await, "25006", "{sql}");
        }
        assert_eq!(
            state(&client, "INSERT INTO shop_a SELECT id, 1 FROM notes").await,
            "0A000"
        );
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "1");
    });
}

#[test]
fn a_truncation_deletes_every_row_at_once_and_stands_alone() {
    run(async {
        let (tide, analytic) = tide("ddl_truncate", &["ddl: adapt", "access: read_write"]).await;
        let client = tide.client().await;
        for table in ["shop_a", "shop_b"] {
            let made = format!("CREATE TABLE {table} (id bigint PRIMARY KEY)");
            exec(&client, &made).await;
            let filled = format!("INSERT INTO {table} VALUES (1), (2)");
            exec(&client, &filled).await;
        }
        let (notices, tags) = told(&tide, "TRUNCATE shop_a, public.shop_b RESTART IDENTITY").await;
        assert_eq!(
            (notices.len(), tags),
            (1, vec!["TRUNCATE TABLE".to_owned()])
        );
        analytic.make(&[]).await;
        let left = "SELECT (SELECT count(*) FROM shop_a) + (SELECT count(*) FROM shop_b)";
        assert_eq!(scalar(&client, left).await, "0");
        exec(&client, "INSERT INTO shop_a VALUES (3)").await;
        for sql in ["BEGIN; TRUNCATE shop_a", "SELECT 1; TRUNCATE shop_a"] {
            let mut raw = tide.raw().await;
            assert_eq!(sqlstates(&raw.query(sql).await), ["25006"], "{sql}");
        }
        client
            .execute("TRUNCATE shop_a", &[])
            .await
            .expect("by the extended protocol");
        analytic.make(&[]).await;
        assert_eq!(scalar(&client, left).await, "0");
        assert_ne!(saw(&analytic, "TRUNCATE"), Some(true));
    });
}

#[test]
fn changes_of_rows_that_a_rollback_would_not_undo_are_refused() {
    run(async {
        let (tide, analytic) =
            tide("ddl_write_alone", &["ddl: forward", "access: read_write"]).await;
        let client = tide.client().await;
        exec(
            &client,
            "CREATE TABLE shop_a (id bigint PRIMARY KEY, n int)",
        )
        .await;
        for sql in [
            "BEGIN; INSERT INTO shop_a VALUES (7, 7); COMMIT",
            "INSERT INTO shop_a VALUES (7, 7); INSERT INTO shop_a VALUES (8, 8)",
            "INSERT INTO notes VALUES (70, 'x'); INSERT INTO shop_a VALUES (7, 7)",
        ] {
            let refused = error(&client, sql).await;
            assert_eq!(refused.code().code(), "25006", "{sql}");
            assert!(
                refused
                    .hint()
                    .is_some_and(|hint| hint.contains("outside of a transaction"))
            );
            let _ = client.simple_query("ROLLBACK").await;
        }
        assert_ne!(saw(&analytic, "7, 7"), Some(true));
        analytic.make(&[]).await;
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "0");
    });
}

#[test]
fn a_mirror_of_a_postgres_table_takes_no_writes() {
    run(async {
        let keys = ["ddl: forward", "access: read_write"];
        // A real server would have to reach this PostgreSQL and read its log.
        let (tide, double) = over_double("ddl_mirror", &keys).await;
        let client = tide.client().await;
        let source = format!(
            "CREATE SOURCE shop_src WITH (connector = 'postgres-cdc', hostname = '127.0.0.1', port = '{}', username = 'app', password = 'x', \
             database.name = '{}', schema.name = 'public')",
            PAIR.0.port(),
            tide.sides.database
        );
        exec(&client, &source).await;
        exec(
            &client,
            "CREATE TABLE shop_mirror (*) FROM shop_src TABLE 'public.customers'",
        )
        .await;
        assert_eq!(last_route(&client).await.0, "analytic");
        assert_eq!(state(&client, "DELETE FROM shop_mirror").await, "25006");
        let deleted = |sql: &String| sql.contains("DELETE FROM shop_mirror");
        assert!(!double.seen().iter().any(deleted));
    });
}

#[test]
fn what_another_lexer_may_read_as_another_statement_changes_nothing() {
    run(async {
        let keys = ["ddl: forward", "access: read_write"];
        let (tide, analytic) = tide("ddl_lexers", &keys).await;
        let client = tide.client().await;
        exec(
            &client,
            "CREATE TABLE shop_a (id int PRIMARY KEY, t varchar)",
        )
        .await;
        // Discovery may read the catalog at any time.
        let changes = || {
            let all = analytic.double()?.seen();
            Some(all.iter().filter(|sql| !sql.starts_with("SELECT")).count())
        };
        let seen = changes();
        for sql in [
            "CREATE TABLE shop_b (id int) /* /* */ ; DROP TABLE shop_a; */",
            r"INSERT INTO shop_a VALUES (1, E'\'; DROP TABLE shop_a; --')",
            r"INSERT INTO shop_a VALUES (1, U&'\0041')",
        ] {
            assert_eq!(state(&client, sql).await, "0A000", "{sql}");
            let prepared = client.prepare(sql).await;
            if let Ok(statement) = prepared {
                let ran = client.execute(&statement, &[]).await;
                assert_eq!(db(ran.expect_err(sql)).code().code(), "0A000");
            }
        }
        assert_eq!(changes(), seen);
        analytic.make(&[]).await;
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "0");
    });
}
