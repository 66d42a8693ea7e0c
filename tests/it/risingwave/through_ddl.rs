//! Tidegate in front of PostgreSQL and of the double: definitions, refreshes and changes of rows on the analytic side.

use crate::support::postgres::PAIR;
use crate::support::sql::{db, error, exec, last_route, route, rows, scalar, state};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, completed, sqlstates, status, tags};
use crate::support::{eventually, run};

use super::double::{Double, Mischief, Options};

/// What is ruled to the analytic side in these tests.
const RULES: &str = "routes:\n  - relations: [\"shop_*\"]\n    to: analytic";

/// The router with these keys for the analytic backend.
async fn tide(hint: &str, keys: &[&str]) -> (Tide, Double) {
    let setup = Setup::new(hint).await;
    let database = setup.sides().database.clone();
    let options = Options {
        // What is written is seen after a FLUSH, and not before.
        checkpoint: None,
        ..Options::default()
    };
    let double = Double::start(options, PAIR.1.port(), &database).await;
    let setup = setup.risingwave(&double.url("root")).more(RULES);
    let setup = keys.iter().fold(setup, |setup, key| setup.analytic(key));
    (setup.start().await, double)
}

/// The notices and the tags that a string is answered with.
async fn told(tide: &Tide, sql: &str) -> (Vec<String>, Vec<String>) {
    let mut raw = tide.raw().await;
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {frames:?}");
    let notices = frames.iter().filter(|frame| frame.tag == 'N');
    let texts = notices.map(|frame| frame.field('M').unwrap_or_default());
    (texts.collect(), completed(&frames))
}

fn saw(double: &Double, text: &str) -> bool {
    double.seen().iter().any(|sql| sql.contains(text))
}

#[test]
fn a_refresh_of_what_risingwave_keeps_fresh_succeeds_with_a_notice() {
    run(async {
        let (tide, double) = tide("ddl_refresh", &[]).await;
        let made = "CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) AS n FROM orders GROUP BY customer";
        direct(&double, made).await;
        tide.router.reload(&tide.yaml).await;
        let client = tide.client().await;
        eventually("busy is discovered", || async {
            route(&client, "SELECT * FROM busy").await.0 == "analytic"
        })
        .await;
        for sql in [
            "REFRESH MATERIALIZED VIEW busy",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY public.busy",
        ] {
            let (notices, tags) = told(&tide, sql).await;
            assert_eq!(tags, ["REFRESH MATERIALIZED VIEW"]);
            assert_eq!(
                notices,
                ["RisingWave keeps its materialized views fresh by itself: nothing was done"]
            );
            let statement = client.prepare(sql).await.expect("prepared");
            client.execute(&statement, &[]).await.expect("refreshed");
            assert_eq!(
                route(&client, sql).await,
                ("analytic".to_owned(), "local".to_owned())
            );
        }
        assert!(!saw(&double, "REFRESH"));
        assert_eq!(
            state(&client, "REFRESH MATERIALIZED VIEW orders").await,
            "0A000"
        );
        exec(&client, "CREATE MATERIALIZED VIEW own AS SELECT 1 AS one").await;
        exec(&client, "REFRESH MATERIALIZED VIEW own").await;
        assert_eq!(last_route(&client).await.0, "oltp");
    });
}

/// Runs something on the double, past the router.
async fn direct(double: &Double, sql: &str) {
    let mut raw = Raw::connect(&double.address()).await;
    raw.log_in("root", "dev").await;
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {frames:?}");
}

#[test]
fn definitions_are_refused_where_nothing_else_was_asked_for() {
    run(async {
        let (tide, double) = tide("ddl_refuse", &["ddl: refuse"]).await;
        let client = tide.client().await;
        for sql in [
            "CREATE TABLE shop_a (id int)",
            "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM orders",
            "/* tidegate: to=analytic */ CREATE TABLE x (id int)",
        ] {
            let code = state(&client, sql).await;
            assert!(matches!(code.as_str(), "0A000" | "25006"), "{sql}: {code}");
        }
        assert!(!saw(&double, "CREATE"));
    });
}

#[test]
fn statements_of_risingwaves_own_are_forwarded_by_rule_or_hint() {
    run(async {
        let (tide, double) = tide("ddl_forward", &["ddl: forward"]).await;
        let client = tide.client().await;
        for (sql, tag) in [
            (
                "CREATE TABLE shop_a (id int PRIMARY KEY, n int)",
                "CREATE TABLE",
            ),
            (
                "CREATE SOURCE shop_s (a int) WITH (connector = 'datagen') FORMAT PLAIN ENCODE JSON",
                "CREATE SOURCE",
            ),
            (
                "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM orders",
                "CREATE MATERIALIZED VIEW",
            ),
            ("CREATE VIEW v AS SELECT n FROM m", "CREATE VIEW"),
            ("CREATE INDEX shop_i ON shop_a (n)", "CREATE INDEX"),
            (
                "CREATE SINK sk FROM m WITH (connector = 'blackhole')",
                "CREATE SINK",
            ),
            (
                "CREATE SUBSCRIPTION sub FROM m WITH (retention = '1D')",
                "CREATE SUBSCRIPTION",
            ),
            (
                "/* tidegate: to=analytic */ CREATE SECRET sec WITH (backend = 'meta') AS 'x'",
                "CREATE SECRET",
            ),
            ("/* tidegate: to=analytic */ FLUSH", "FLUSH"),
            ("/* tidegate: to=analytic */ WAIT", "WAIT"),
            (
                "ALTER MATERIALIZED VIEW m RENAME TO m2",
                "ALTER MATERIALIZED VIEW",
            ),
            ("DROP INDEX shop_i", "DROP INDEX"),
            ("DROP TABLE shop_a", "DROP TABLE"),
        ] {
            let (_, tags) = told(&tide, sql).await;
            assert_eq!(tags, [tag], "{sql}");
            let text = sql.trim_start_matches("/* tidegate: to=analytic */ ");
            assert!(saw(&double, text), "{sql}");
        }
        // What was made is read there at once.
        assert_eq!(scalar(&client, "SELECT n FROM m2").await, "100");
        for sql in [
            "CREATE TABLE shop_b (id int REFERENCES customers (id))",
            "CREATE TABLE shop_b (id int UNIQUE)",
            "ALTER TABLE orders ADD CONSTRAINT c CHECK (qty > 0)",
            "CREATE UNIQUE INDEX shop_u ON orders (qty)",
        ] {
            assert_eq!(
                route(&client, sql).await.1,
                "constraint_on_analytic",
                "{sql}"
            );
            assert_eq!(state(&client, sql).await, "0A000", "{sql}");
        }
        // RisingWave's own refusals are told in PostgreSQL's words.
        assert_eq!(
            state(&client, "CREATE TABLE shop_b (id serial)").await,
            "0A000"
        );
        assert_eq!(state(&client, "DROP TABLE shop_nosuch").await, "42P01");
    });
}

#[test]
fn a_definition_over_both_sides_is_refused() {
    run(async {
        let (tide, _double) = tide("ddl_mixed", &["ddl: adapt"]).await;
        let client = tide.client().await;
        for sql in [
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM orders JOIN notes USING (id)",
            "CREATE TABLE shop_x AS SELECT * FROM notes",
            "DROP TABLE orders, notes",
        ] {
            assert_eq!(route(&client, sql).await.1, "mixed_backends", "{sql}");
            assert_eq!(state(&client, sql).await, "0A000", "{sql}");
        }
        // A copy in PostgreSQL of what is there is no business of RisingWave's.
        assert_eq!(
            state(&client, "CREATE TABLE copied AS SELECT * FROM orders").await,
            "0A000"
        );
        assert_eq!(
            state(&client, "CREATE TEMP TABLE t AS SELECT * FROM orders").await,
            "0A000"
        );
        // Nor can PostgreSQL keep a key that leads there.
        let key = "ALTER TABLE notes ADD FOREIGN KEY (id) REFERENCES orders (id)";
        assert_eq!(route(&client, key).await.1, "constraint_on_analytic");
    });
}

const DJANGO: &str = r#"CREATE TABLE "shop_item" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "name" varchar(100) NOT NULL, "slug" varchar(50) NOT NULL UNIQUE, "price" numeric(10, 2) NOT NULL, "qty" integer NOT NULL CHECK ("qty" >= 0), "uid" uuid NOT NULL, "data" jsonb NOT NULL, "made" timestamp with time zone NOT NULL)"#;

#[test]
fn a_migration_is_adapted_and_each_thing_left_out_is_told() {
    run(async {
        let (tide, double) = tide("ddl_adapt", &["ddl: adapt"]).await;
        let client = tide.client().await;
        let (notices, tags) = told(&tide, DJANGO).await;
        assert_eq!(tags, ["CREATE TABLE"]);
        assert_eq!(notices.len(), 7, "{notices:#?}");
        assert!(
            notices
                .iter()
                .any(|n| n.contains("varchar(100) becomes varchar")),
            "{notices:#?}"
        );
        assert!(saw(
            &double,
            r#""slug" varchar NOT NULL, "price" numeric NOT NULL"#
        ));
        for (sql, sent, count) in [
            (
                r#"ALTER TABLE "shop_item" ADD CONSTRAINT "fk" FOREIGN KEY ("id") REFERENCES "customers" ("id") DEFERRABLE INITIALLY DEFERRED"#,
                "",
                1,
            ),
            (
                r#"CREATE INDEX "shop_item_slug_like" ON "shop_item" ("slug" varchar_pattern_ops)"#,
                r#"CREATE INDEX "shop_item_slug_like" ON "shop_item" ("slug") INCLUDE ("slug")"#,
                1,
            ),
            (
                r#"ALTER TABLE "shop_item" ADD COLUMN "a" integer DEFAULT 0 NOT NULL, ADD COLUMN IF NOT EXISTS "b" varchar(3)"#,
                r#"ALTER TABLE "shop_item" ADD COLUMN "b" varchar"#,
                1,
            ),
            (
                r#"ALTER TABLE "shop_item" ALTER COLUMN "a" DROP DEFAULT"#,
                "",
                1,
            ),
            (
                r#"ALTER TABLE IF EXISTS "shop_gone" ADD COLUMN "a" integer"#,
                r#"ALTER TABLE "shop_gone""#,
                1,
            ),
            (
                r#"DROP TABLE IF EXISTS "shop_gone", "shop_too""#,
                r#"DROP TABLE IF EXISTS "shop_too""#,
                2,
            ),
            (r#"VACUUM ANALYZE "shop_item""#, "", 1),
        ] {
            let (notices, tags) = told(&tide, sql).await;
            assert_eq!(tags.len(), 1, "{sql}");
            assert_eq!(notices.len(), count, "{sql}: {notices:#?}");
            assert!(
                sent.is_empty() || saw(&double, sent),
                "{sql}: {:#?}",
                double.seen()
            );
        }
        // Dropped by its name alone, it is found where it was made.
        exec(&client, r#"DROP INDEX "shop_item_slug_like""#).await;
        assert_eq!(last_route(&client).await.0, "analytic");
        assert_eq!(
            scalar(&client, "SELECT count(a) + count(b) FROM shop_item").await,
            "0"
        );
        let refused = error(
            &client,
            r#"ALTER TABLE "shop_item" RENAME COLUMN "a" TO "c""#,
        )
        .await;
        assert_eq!(refused.code().code(), "0A000");
        assert!(refused.message().contains("RENAME COLUMN"), "{refused}");
        assert_eq!(
            state(&client, r#"ALTER TABLE "shop_nosuch" ADD COLUMN "a" int"#).await,
            "42P01"
        );
        exec(&client, r#"DROP TABLE "shop_item" CASCADE"#).await;
        assert!(saw(&double, r#"DROP TABLE "shop_item" CASCADE"#));
    });
}

#[test]
fn an_atomic_migration_defines_at_once_and_keeps_its_transaction_in_postgres() {
    run(async {
        let (tide, _double) = tide("ddl_atomic", &["ddl: adapt"]).await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        let mut warned = 0;
        for sql in [
            "CREATE TABLE kept (app text)",
            "CREATE TABLE shop_a (id bigint PRIMARY KEY, n varchar(3))",
            "CREATE INDEX shop_a_n ON shop_a (n)",
            "INSERT INTO kept VALUES ('shop')",
        ] {
            let frames = raw.query(sql).await;
            assert_eq!(status(&frames), 'T', "{sql}: {frames:?}");
            let texts = frames.iter().filter(|frame| frame.tag == 'N');
            let undone = texts.filter(|frame| {
                frame
                    .field('M')
                    .is_some_and(|text| text.contains("ROLLBACK will not undo"))
            });
            warned += undone.count();
        }
        assert_eq!(warned, 1, "told once a transaction");
        raw.query("ROLLBACK").await;
        let client = tide.client().await;
        assert_eq!(state(&client, "SELECT * FROM kept").await, "42P01");
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "0");
        // A transaction that is to read only defines nothing there either.
        for begin in ["BEGIN READ ONLY", "BEGIN; SET TRANSACTION READ ONLY"] {
            raw.query(begin).await;
            let frames = raw.query("CREATE TABLE shop_b (id int)").await;
            assert_eq!(sqlstates(&frames), ["25006"], "{begin}");
            raw.query("ROLLBACK").await;
        }
        raw.query("SET default_transaction_read_only = on").await;
        assert_eq!(sqlstates(&raw.query("DROP TABLE shop_a").await), ["25006"]);
        raw.query("RESET default_transaction_read_only").await;
        // What fails there fails the transaction here.
        raw.query("BEGIN").await;
        raw.query("CREATE TABLE kept (app text)").await;
        let frames = raw.query("CREATE TABLE shop_a (id int)").await;
        assert_eq!((tags(&frames).as_str(), status(&frames)), ("NEZ", 'E'));
        raw.query("COMMIT").await;
        assert_eq!(state(&client, "SELECT * FROM kept").await, "42P01");
    });
}

#[test]
fn a_string_of_definitions_for_both_sides_runs_in_order() {
    run(async {
        let (tide, double) = tide("ddl_string", &["ddl: adapt"]).await;
        let sql = "CREATE TABLE first (id int); CREATE TABLE shop_a (id bigserial PRIMARY KEY); \
                   ALTER TABLE shop_a ADD COLUMN b_id bigint NULL CONSTRAINT shop_fk REFERENCES first (id) DEFERRABLE INITIALLY DEFERRED; \
                   SET CONSTRAINTS \"shop_fk\" IMMEDIATE; INSERT INTO first VALUES (1)";
        let (_, done) = told(&tide, sql).await;
        assert_eq!(
            done,
            [
                "CREATE TABLE",
                "CREATE TABLE",
                "ALTER TABLE",
                "SET CONSTRAINTS",
                "INSERT 0 1"
            ]
        );
        assert!(saw(&double, "ALTER TABLE shop_a ADD COLUMN b_id bigint"));
        let mut raw = tide.raw().await;
        let frames = raw.query("CREATE TABLE shop_b (id int); ALTER TABLE shop_b RENAME COLUMN id TO x; CREATE TABLE second (id int)").await;
        assert_eq!(tags(&frames), "NCEZ", "{frames:?}");
        let client = tide.client().await;
        assert_eq!(state(&client, "SELECT * FROM second").await, "42P01");
    });
}

#[test]
fn the_extended_protocol_defines_too() {
    run(async {
        let (tide, _double) = tide("ddl_extended", &["ddl: adapt"]).await;
        let client = tide.client().await;
        let define = async |sql: &str| {
            let statement = client.prepare(sql).await?;
            client.execute(&statement, &[]).await
        };
        let made = define("CREATE TABLE shop_a (id bigserial PRIMARY KEY, n int)").await;
        assert_eq!(made.expect("made"), 0);
        define("ALTER TABLE shop_a ADD COLUMN x varchar(9), ADD COLUMN y int")
            .await
            .expect("altered");
        let found = rows(&client, "SELECT x, y FROM shop_a").await;
        assert!(found.is_empty());
        let error = db(define("CREATE TABLE shop_a (id int)")
            .await
            .expect_err("it is there"));
        assert_eq!(error.code().code(), "42P07");
        assert_eq!(scalar(&client, "SELECT count(*) FROM shop_a").await, "0");
    });
}

#[test]
fn single_changes_of_rows_go_to_tables_where_that_is_allowed() {
    run(async {
        let keys = ["ddl: adapt", "access: read_write", "read_own_writes: true"];
        let (tide, double) = tide("ddl_writes", &keys).await;
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
        // Seen at once, by the table and by what is made of it, though the double makes nothing visible by itself.
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
        let flushes = double.seen().iter().filter(|sql| *sql == "FLUSH").count();
        assert_eq!(flushes, 3, "{:#?}", double.seen());
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
        let (tide, double) = tide("ddl_truncate", &["ddl: adapt", "access: read_write"]).await;
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
        direct(&double, "FLUSH").await;
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
        direct(&double, "FLUSH").await;
        assert_eq!(scalar(&client, left).await, "0");
        assert!(!saw(&double, "TRUNCATE"));
    });
}

#[test]
fn changes_of_rows_that_a_rollback_would_not_undo_are_refused() {
    run(async {
        let (tide, double) = tide("ddl_write_alone", &["ddl: forward", "access: read_write"]).await;
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
        assert!(!saw(&double, "7, 7"), "{:#?}", double.seen());
    });
}

#[test]
fn a_mirror_of_a_postgres_table_takes_no_writes() {
    run(async {
        let keys = ["ddl: forward", "access: read_write"];
        let (tide, double) = tide("ddl_mirror", &keys).await;
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
        assert!(!saw(&double, "DELETE FROM shop_mirror"));
    });
}

#[test]
fn what_another_lexer_may_read_as_another_statement_changes_nothing() {
    run(async {
        let keys = ["ddl: forward", "access: read_write"];
        let (tide, double) = tide("ddl_lexers", &keys).await;
        let client = tide.client().await;
        exec(
            &client,
            "CREATE TABLE shop_a (id int PRIMARY KEY, t varchar)",
        )
        .await;
        // Discovery may read the catalog at any time.
        let changes = || {
            let all = double.seen();
            let other = all.iter().filter(|sql| !sql.starts_with("SELECT"));
            other.count()
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
        assert_eq!(changes(), seen, "{:#?}", double.seen());
    });
}

#[test]
fn a_definition_whose_server_is_lost_or_silent_fails_once_and_the_session_goes_on() {
    run(async {
        let (tide, double) = tide("ddl_lost", &["ddl: adapt"]).await;
        let mut raw = tide.raw().await;
        double.misbehave("shop_lost", Mischief::CloseAtOnce);
        let two = "ALTER TABLE shop_lost ADD COLUMN a int, ADD COLUMN b int";
        let frames = raw.query(two).await;
        assert_eq!((tags(&frames).as_str(), status(&frames)), ("EZ", 'I'));
        assert_eq!(sqlstates(&frames), ["57P01"]);
        let detail = frames[0].field('D').unwrap_or_default();
        assert!(detail.contains("may or may not have been done"), "{detail}");
        raw.query("SET statement_timeout = '300ms'").await;
        double.misbehave("shop_silent", Mischief::Silence);
        let frames = raw.query("CREATE TABLE shop_silent (id int)").await;
        assert_eq!(sqlstates(&frames), ["57014"]);
        double.behave();
        // In a transaction the transaction fails with it.
        raw.query("BEGIN").await;
        double.misbehave("shop_lost", Mischief::CloseAtOnce);
        let frames = raw.query("DROP TABLE shop_lost").await;
        assert_eq!((tags(&frames).as_str(), status(&frames)), ("NEZ", 'E'));
        raw.query("ROLLBACK").await;
        double.behave();
        let frames = raw.query("CREATE TABLE shop_a (id int)").await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["CREATE TABLE".to_owned()], 'I')
        );
    });
}
