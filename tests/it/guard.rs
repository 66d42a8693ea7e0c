//! No write reaches the analytic side: every form that is known to us, over real sockets, against a server that would do it.

use crate::support::corpus;
use crate::support::tide::Tide;
use crate::support::wire::{Raw, bind, describe, execute, message, parse, query, sync};
use crate::support::{run, sql};

/// What an analytic relation is made of, and what it holds.
const STATE: &str = "SELECT
    (SELECT string_agg(o::text, ';' ORDER BY id) FROM orders o),
    (SELECT string_agg(relname::text || relkind::text || relowner::text || coalesce(relacl::text, ''), ';' ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(attname::text || atttypid::text || attnotnull::text, ';' ORDER BY attrelid, attnum) FROM pg_attribute
        WHERE attrelid = 'orders'::regclass),
    (SELECT string_agg(conname::text, ';' ORDER BY conname) FROM pg_constraint),
    (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_rewrite),
    (SELECT count(*) FROM pg_description WHERE objoid = 'orders'::regclass), (SELECT count(*) FROM pg_namespace),
    (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_prepared_xacts),
    (SELECT last_value FROM s), (SELECT count(*) FROM pg_largeobject_metadata)";

/// What the forms of the corpus call, all of it able to harm.
const WEAPONS: &str = "
    CREATE SEQUENCE s;
    CREATE FUNCTION my_writer() RETURNS int LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
    CREATE FUNCTION my_writer(int) RETURNS int LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
    CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
    CREATE PROCEDURE delete_orders() LANGUAGE sql AS 'DELETE FROM orders';
    CREATE PROCEDURE delete_orders(int, text) LANGUAGE sql AS 'DELETE FROM orders'";

/// Words that nothing but a write, a lock or an effect has.
const WRITING_WORDS: &[&str] = &[
    "insert",
    "update",
    "delete",
    "merge",
    "truncate",
    "into",
    "share",
    "create",
    "alter",
    "drop",
    "lock",
    "grant",
    "revoke",
    "comment",
    "vacuum",
    "analyze",
    "analyse",
    "reindex",
    "cluster",
    "refresh",
    "prepare",
    "declare",
    "do",
    "call",
    "nextval",
    "setval",
    "my_writer",
    "notify",
    "import",
    "security",
    "listen",
    "program",
    "checkpoint",
];

/// What became of a statement.
#[derive(Debug, PartialEq)]
enum Fate {
    /// By the router or, failing that, by PostgreSQL with the same codes.
    Refused,
    /// It was answered, or failed, on a backend.
    Ran,
}

/// One statement on a connection of its own, so that what it does to a session does not matter to the next.
async fn fate(tide: &Tide, before: Option<&str>, bytes: &[u8]) -> Fate {
    let mut raw = Raw::connect(&tide.router.address).await;
    raw.log_in("app", &tide.sides.database).await;
    if let Some(before) = before {
        raw.query(before).await;
    }
    raw.send(bytes).await;
    let mut fate = Fate::Ran;
    while let Some(frame) = raw.frame().await {
        match frame.tag {
            'E' if ["25006", "0A000"].contains(&&*frame.sqlstate()) => fate = Fate::Refused,
            'E' if ["08", "53", "57"].contains(&&frame.sqlstate()[..2]) => {
                panic!("the connection failed: {frame:?}")
            }
            'G' => raw.send(&message(b'f', b"no data\0")).await,
            'Z' => break,
            _ => {}
        }
    }
    fate
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The statements in a server's log, without what stands before and after each.
fn statements(log: &[String]) -> Vec<String> {
    let kinds = ["statement: ", "execute ", "parse ", "bind ", "STATEMENT: "];
    let text = |line: &String| {
        let kind = kinds.iter().find(|kind| line.contains(*kind))?;
        let rest = line.split_once(kind)?.1;
        let rest = match kind.trim_end().ends_with(':') {
            true => rest,
            false => rest.split_once(": ")?.1,
        };
        Some(words(rest))
    };
    log.iter().filter_map(text).collect()
}

fn extended(text: &str) -> Vec<u8> {
    [
        parse("", text),
        bind("", "", &[]),
        describe('P', ""),
        execute("", 0),
        sync(),
    ]
    .concat()
}

#[test]
fn no_write_form_reaches_the_analytic_side() {
    run(async {
        let forms = corpus::writes();
        assert!(forms.len() >= 120, "{}", forms.len());
        let tide = Tide::start("guard").await;
        let server = tide.sides.analytic().await;
        sql::exec(&server, WEAPONS).await;
        let state = sql::rows(&server, STATE).await;
        let set_up = tide.sides.analytic_saw().len();
        let mut ran = Vec::new();
        let mut refused = 0;
        for form in &forms {
            let hinted = format!("/* tidegate: to=analytic */ {form}");
            for (before, text, bytes) in [
                (None, form, query(form)),
                (None, form, extended(form)),
                (Some("SET tidegate.to = analytic"), form, query(form)),
                (None, &hinted, query(&hinted)),
                (Some("BEGIN"), form, query(form)),
            ] {
                match fate(&tide, before, &bytes).await {
                    Fate::Refused => refused += 1,
                    Fate::Ran => ran.push(words(text)),
                }
            }
        }
        assert!(refused >= 4 * 120, "{refused}");
        // What ran, ran on the OLTP side.
        let log = statements(&tide.sides.oltp_saw());
        for text in &ran {
            let text = text.trim_end_matches(';');
            let there = text.starts_with("--") || log.iter().any(|seen| seen.contains(text));
            assert!(there, "neither refused nor run on the OLTP side: {text}");
        }
        // A read through the router, so that whatever was sent to the analytic side is in its log by now.
        let client = tide.client().await;
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        let log = statements(&tide.sides.analytic_saw()[set_up..]);
        assert!(log.iter().any(|seen| seen == "SELECT count(*) FROM orders"));
        for seen in &log {
            let lower = seen.to_lowercase();
            let mut tokens = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
            let bad = tokens.find(|token| WRITING_WORDS.contains(token));
            assert_eq!(bad, None, "the analytic side was sent: {seen}");
        }
        for form in &forms {
            let form = words(form);
            assert!(!log.contains(&form), "the analytic side was sent: {form}");
        }
        assert_eq!(sql::rows(&server, STATE).await, state);
    });
}

#[test]
fn a_refusal_names_the_relation_where_it_lives_and_a_way_out() {
    run(async {
        let tide = Tide::with(
            "refusal",
            "routes: [{ name: dash, relations: [orders], to: analytic }]",
        )
        .await;
        let client = tide.client().await;
        for (text, state) in [
            ("INSERT INTO orders VALUES (1)", "25006"),
            ("UPDATE orders SET qty = 1", "25006"),
            (
                "MERGE INTO orders USING customers c ON true WHEN MATCHED THEN DELETE",
                "25006",
            ),
            ("TRUNCATE customers, orders", "25006"),
            ("COPY orders FROM STDIN", "25006"),
            ("SELECT * FROM orders FOR NO KEY UPDATE", "25006"),
            ("SELECT * FROM orders FOR KEY SHARE", "25006"),
            (
                "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x",
                "25006",
            ),
            ("SELECT * INTO archive FROM orders", "25006"),
            ("EXPLAIN ANALYZE DELETE FROM orders", "25006"),
            ("PREPARE p AS DELETE FROM orders", "25006"),
            ("LOCK TABLE orders", "25006"),
            (
                "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id)",
                "0A000",
            ),
            (
                "ALTER TABLE customers ADD FOREIGN KEY (id) REFERENCES orders (id)",
                "0A000",
            ),
            (
                "CREATE TABLE lines (id int REFERENCES orders (id))",
                "0A000",
            ),
            ("ALTER TABLE orders ADD UNIQUE (state)", "0A000"),
            ("ALTER TABLE orders ADD CHECK (qty > 0)", "0A000"),
            (
                "ALTER TABLE orders ADD EXCLUDE USING gist (state WITH =)",
                "0A000",
            ),
            ("ALTER TABLE orders ALTER COLUMN qty SET NOT NULL", "0A000"),
            ("CREATE UNIQUE INDEX ON orders (id)", "0A000"),
            (
                "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()",
                "0A000",
            ),
            ("DROP TABLE orders", "0A000"),
            ("CREATE VIEW v AS SELECT * FROM orders", "0A000"),
        ] {
            let error = sql::error(&client, text).await;
            assert_eq!(error.code().code(), state, "{text}: {error:?}");
            assert_eq!(error.severity(), "ERROR");
            assert!(error.message().contains("orders"), "{text}: {error:?}");
            let detail = error
                .detail()
                .unwrap_or_else(|| panic!("{text}: no detail"));
            for piece in ["\"public.orders\"", "\"analytic\"", "routes[0] dash"] {
                assert!(detail.contains(piece), "{text}: {detail}");
            }
            assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{text}");
        }
        for text in [
            "DO $$ BEGIN DELETE FROM orders; END $$",
            "CALL delete_orders()",
        ] {
            let state = sql::state(&client, text).await;
            assert!(
                ["25006", "42P01", "42883"].contains(&&*state),
                "{text}: {state}"
            );
        }
    });
}

#[test]
fn what_is_harmless_is_not_refused() {
    run(async {
        let tide = Tide::start("harmless").await;
        let client = tide.client().await;
        for text in [
            "EXPLAIN SELECT * FROM orders",
            "EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) FROM orders",
            "SELECT 'DELETE FROM orders' AS update FROM orders LIMIT 1",
            "SELECT o.id, row_number() OVER (PARTITION BY state ORDER BY qty) FROM orders o",
            "SELECT state, percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM orders GROUP BY state",
            "WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM daily) SELECT * FROM a JOIN b USING (state)",
            "SELECT * FROM orders o CROSS JOIN LATERAL (SELECT o.id + 1) x",
            "SELECT date_trunc('day', now()), coalesce(state, ''), id::text FROM orders LIMIT 1",
            "TABLE daily",
            "VALUES ((SELECT count(*) FROM orders))",
            "SELECT * FROM orders TABLESAMPLE system (50)",
            "SELECT count(*) FROM orders GROUP BY ROLLUP (state, qty)",
        ] {
            sql::exec(&client, text).await;
            assert_eq!(sql::last_route(&client).await.0, "analytic", "{text}");
        }
    });
}

#[test]
fn what_orms_and_bi_tools_send_is_always_answered() {
    run(async {
        let tide = Tide::start("orm").await;
        for text in corpus::orm() {
            for bytes in [query(&text), extended(&text)] {
                let mut raw = tide.raw().await;
                raw.send(&bytes).await;
                while let Some(frame) = raw.frame().await {
                    match frame.tag {
                        'G' => raw.send(&message(b'f', b"no data\0")).await,
                        'Z' => break,
                        _ => {}
                    }
                }
                raw.query("ROLLBACK").await;
                let frames = raw.query("SELECT 1").await;
                assert_eq!(crate::support::wire::values(&frames), ["1"], "{text}");
            }
        }
        let server = tide.sides.analytic().await;
        assert_eq!(
            sql::scalar(&server, "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}
