//! Tidegate in front of PostgreSQL and of RisingWave: definitions and refreshes on the analytic side.

use crate::support::sql::{db, error, exec, last_route, route, rows, scalar, state};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{completed, sqlstates, status, tags};
use crate::support::{eventually, run};

use super::anywhere::{Analytic, analytic_with, doubled};
use super::double::{Double, Mischief, Options};

/// What is ruled to the analytic side in these tests.
const RULES: &str = "routes:\n  - relations: [\"shop_*\"]\n    to: analytic";

/// With these keys for the analytic backend.
async fn setup(hint: &str, keys: &[&str]) -> Setup {
    let setup = Setup::new(hint).await.more(RULES);
    keys.iter().fold(setup, |setup, key| setup.analytic(key))
}

pub async fn tide(hint: &str, keys: &[&str]) -> (Tide, Analytic) {
    let options = Options {
        // What is written is seen after a FLUSH, and by a double not before.
        checkpoint: None,
        ..Options::default()
    };
    let (setup, analytic) = analytic_with(setup(hint, keys).await, options).await;
    (setup.start().await, analytic)
}

/// The same over the double: a real server cannot be made to fail, or to mirror what the test has.
pub async fn over_double(hint: &str, keys: &[&str]) -> (Tide, Double) {
    let (setup, double) = doubled(setup(hint, keys).await, Options::default()).await;
    (setup.start().await, double)
}

/// The notices and the tags that a string is answered with.
pub async fn told(tide: &Tide, sql: &str) -> (Vec<String>, Vec<String>) {
    let mut raw = tide.raw().await;
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {frames:?}");
    let notices = frames.iter().filter(|frame| frame.tag == 'N');
    let texts = notices.map(|frame| frame.field('M').unwrap_or_default());
    (texts.collect(), completed(&frames))
}

/// Whether it was sent this text; `None` where it cannot tell.
pub fn saw(analytic: &Analytic, text: &str) -> Option<bool> {
    analytic.saw(|sql| sql.contains(text))
}

#[test]
fn a_refresh_of_what_risingwave_keeps_fresh_succeeds_with_a_notice() {
    run(async {
        let (tide, analytic) = tide("ddl_refresh", &[]).await;
        let made = "CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) AS n FROM orders GROUP BY customer";
        analytic.make(&[made]).await;
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
        assert_ne!(saw(&analytic, "REFRESH"), Some(true));
        assert_eq!(
            state(&client, "REFRESH MATERIALIZED VIEW orders").await,
            "0A000"
        );
        exec(&client, "CREATE MATERIALIZED VIEW own AS SELECT 1 AS one").await;
        exec(&client, "REFRESH MATERIALIZED VIEW own").await;
        assert_eq!(last_route(&client).await.0, "oltp");
    });
}

#[test]
fn definitions_are_refused_where_nothing_else_was_asked_for() {
    run(async {
        let (tide, analytic) = tide("ddl_refuse", &["ddl: refuse"]).await;
        let client = tide.client().await;
        for sql in [
            "CREATE TABLE shop_a (id int)",
            "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM orders",
            "/* tidegate: to=analytic */ CREATE TABLE x (id int)",
        ] {
            let code = state(&client, sql).await;
            assert!(matches!(code.as_str(), "0A000" | "25006"), "{sql}: {code}");
        }
        assert_ne!(saw(&analytic, "CREATE"), Some(true));
    });
}

#[test]
fn statements_of_risingwaves_own_are_forwarded_by_rule_or_hint() {
    run(async {
        let (tide, analytic) = tide("ddl_forward", &["ddl: forward"]).await;
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
                "CREATE SINK sk FROM m WITH (connector = 'blackhole', type = 'append-only', force_append_only = 'true')",
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
            // A real server has secrets only with a licence for as many cores as it has.
            if tag == "CREATE SECRET" && analytic.double().is_none() {
                continue;
            }
            let (_, tags) = told(&tide, sql).await;
            assert_eq!(tags, [tag], "{sql}");
            let text = sql.trim_start_matches("/* tidegate: to=analytic */ ");
            assert_ne!(saw(&analytic, text), Some(false), "{sql}");
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
        let (tide, _analytic) = tide("ddl_mixed", &["ddl: adapt"]).await;
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
        let (tide, analytic) = tide("ddl_adapt", &["ddl: adapt"]).await;
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
        let columns = r#""slug" varchar NOT NULL, "price" numeric NOT NULL"#;
        assert_ne!(saw(&analytic, columns), Some(false));
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
            assert_ne!(saw(&analytic, sent), Some(false), "{sql}");
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
        let dropped = r#"DROP TABLE "shop_item" CASCADE"#;
        assert_ne!(saw(&analytic, dropped), Some(false));
    });
}

#[test]
fn an_atomic_migration_defines_at_once_and_keeps_its_transaction_in_postgres() {
    run(async {
        let (tide, _analytic) = tide("ddl_atomic", &["ddl: adapt"]).await;
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
        let (tide, analytic) = tide("ddl_string", &["ddl: adapt"]).await;
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
        let altered = "ALTER TABLE shop_a ADD COLUMN b_id bigint";
        assert_ne!(saw(&analytic, altered), Some(false));
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
        let (tide, _analytic) = tide("ddl_extended", &["ddl: adapt"]).await;
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
fn a_definition_whose_server_is_lost_or_silent_fails_once_and_the_session_goes_on() {
    run(async {
        let (tide, double) = over_double("ddl_lost", &["ddl: adapt"]).await;
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
