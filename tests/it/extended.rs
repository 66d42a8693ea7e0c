//! The extended protocol: statements, portals, pipelines, on either side and on both.

use tokio_postgres::types::Type;

use crate::support::tide::Tide;
use crate::support::wire::{
    Frame, bind, bind_in, close, completed, describe, execute, flush, parse, parse_typed, query,
    sqlstates, status, sync, tags, values, whole,
};
use crate::support::{run, sql, within};

const INT4: u32 = 23;

fn count(frames: &[Frame], tag: char) -> usize {
    frames.iter().filter(|frame| frame.tag == tag).count()
}

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
fn portals_are_read_in_portions_on_the_oltp_side() {
    run(async {
        let tide = Tide::start("ext_limit_oltp").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        portions(&mut raw, "customers", 3).await;
        assert_eq!(status(&raw.query("COMMIT").await), 'I');
    });
}

#[test]
fn portals_are_read_in_portions_on_the_analytic_side() {
    run(async {
        let tide = Tide::start("ext_limit_analytic").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        portions(&mut raw, "orders", 100).await;
        assert_eq!(status(&raw.query("COMMIT").await), 'I');
        let frames = raw.batch(&[execute("p", 1)]).await;
        assert_eq!(
            sqlstates(&frames),
            ["34000"],
            "the portal went with its transaction"
        );
    });
}

#[test]
fn a_portal_opened_in_the_batch_of_its_begin_lives_as_long_as_the_transaction() {
    run(async {
        let tide = Tide::start("ext_begin_batch").await;
        let mut raw = tide.raw().await;
        // As JDBC with a fetch size does it: BEGIN and the first portion in one batch.
        for table in ["orders", "customers"] {
            let text = format!("SELECT id FROM {table} ORDER BY id");
            let frames = raw
                .batch(&[
                    parse("", "BEGIN"),
                    bind("", "", &[]),
                    execute("", 0),
                    parse("s1", &text),
                    bind("c1", "s1", &[]),
                    execute("c1", 1),
                ])
                .await;
            let told = (tags(&frames), status(&frames));
            assert_eq!(told, ("12C12DsZ".to_owned(), 'T'), "{table}");
            assert_eq!(values(&raw.batch(&[whole("SELECT 7")]).await), ["7"]);
            let frames = raw.batch(&[execute("c1", 1)]).await;
            assert_eq!(values(&frames), ["2"], "{table}");
            raw.batch(&[close('S', "s1")]).await;
            assert_eq!(status(&raw.query("COMMIT").await), 'I');
        }
    });
}

/// Reads a table through a portal, in one batch and over Syncs.
async fn portions(raw: &mut crate::support::wire::Raw, table: &str, rows: usize) {
    let text = format!("SELECT id FROM {table} ORDER BY id");
    let frames = raw
        .batch(&[
            parse("", &text),
            bind("p", "", &[]),
            execute("p", 1),
            execute("p", 1),
        ])
        .await;
    assert_eq!(
        (tags(&frames), status(&frames)),
        ("12DsDsZ".to_owned(), 'T')
    );
    assert_eq!(values(&frames), ["1", "2"]);
    // Something on the other side does not disturb it.
    let other = if table == "orders" {
        "customers"
    } else {
        "orders"
    };
    assert_eq!(
        values(
            &raw.batch(&[whole(&format!("SELECT min(id) FROM {other}"))])
                .await
        ),
        ["1"]
    );
    let frames = raw.batch(&[execute("p", 1)]).await;
    assert_eq!(
        (tags(&frames), values(&frames)),
        ("DsZ".to_owned(), vec!["3".to_owned()])
    );
    let frames = raw.batch(&[execute("p", 0)]).await;
    assert_eq!((count(&frames, 'D'), count(&frames, 'C')), (rows - 3, 1));
    assert_eq!(tags(&raw.batch(&[close('P', "p")]).await), "3Z");
    let frames = raw.batch(&[execute("p", 1)]).await;
    assert_eq!(
        (sqlstates(&frames), status(&frames)),
        (vec!["34000".to_owned()], 'E')
    );
    raw.query("ROLLBACK").await;
    raw.query("BEGIN").await;
    raw.batch(&[parse("", &text), bind("p", "", &[]), execute("p", 1)])
        .await;
}

#[test]
fn portals_end_with_sync_outside_of_a_transaction() {
    run(async {
        let tide = Tide::start("ext_portal_sync").await;
        let mut raw = tide.raw().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT id FROM {table}");
            let frames = raw
                .batch(&[parse("", &text), bind("p", "", &[]), execute("p", 1)])
                .await;
            assert_eq!(tags(&frames), "12DsZ");
            let frames = raw.batch(&[execute("p", 1)]).await;
            assert_eq!(sqlstates(&frames), ["34000"], "{table}");
        }
    });
}

#[test]
fn flush_brings_answers_before_sync() {
    run(async {
        let tide = Tide::start("ext_flush").await;
        let mut raw = tide.raw().await;
        for text in [
            "SELECT name FROM customers WHERE id = 1",
            "SELECT count(*) FROM orders",
        ] {
            raw.send(&[parse("", text), describe('S', ""), flush()].concat())
                .await;
            assert_eq!(tags(&raw.until('T').await), "1tT");
            raw.send(&[bind("", "", &[]), flush()].concat()).await;
            assert_eq!(tags(&raw.until('2').await), "2");
            raw.send(&[execute("", 0), flush()].concat()).await;
            assert_eq!(tags(&raw.until('C').await), "DC");
            raw.send(&sync()).await;
            assert_eq!(tags(&raw.until_ready().await), "Z");
        }
    });
}

#[test]
fn a_pipeline_over_both_sides_is_answered_in_order() {
    run(async {
        let tide = Tide::start("ext_pipeline").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('a') RETURNING 'one'"),
                whole("SELECT 'two' FROM orders LIMIT 1"),
                whole("SELECT 'three' FROM notes"),
                whole("SELECT 'four' FROM orders LIMIT 1"),
                whole("SELECT 'five'"),
            ])
            .await;
        assert_eq!(tags(&frames), "12TDC".repeat(5) + "Z");
        assert_eq!(values(&frames), ["one", "two", "three", "four", "five"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["1"]
        );
    });
}

#[test]
fn many_batches_sent_at_once_are_answered_in_order() {
    run(async {
        let tide = Tide::start("ext_batches").await;
        let mut raw = tide.raw().await;
        let all: Vec<u8> = (0..60)
            .flat_map(|n| {
                let text = match n % 3 {
                    0 => format!("SELECT {n} FROM customers LIMIT 1"),
                    1 => format!("SELECT {n} FROM orders LIMIT 1"),
                    _ => format!("SELECT {n} / 0 FROM orders"),
                };
                [whole(&text), sync()].concat()
            })
            .collect();
        raw.send(&all).await;
        for n in 0..60 {
            let frames = raw.until_ready().await;
            match n % 3 {
                2 => assert_eq!(sqlstates(&frames), ["22012"], "{n}"),
                _ => assert_eq!(values(&frames), [n.to_string()], "{n}"),
            }
            assert_eq!(status(&frames), 'I', "{n}");
        }
    });
}

#[test]
fn an_analytic_error_in_a_pipeline_skips_to_sync_and_undoes_the_oltp_part() {
    run(async {
        let tide = Tide::start("ext_error_analytic").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("SELECT 1 / (id - id) FROM orders"),
                whole("INSERT INTO notes (body) VALUES ('never')"),
                whole("SELECT count(*) FROM orders"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22012".to_owned()], 'I')
        );
        assert_eq!(completed(&frames), ["INSERT 0 1"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn an_oltp_error_in_a_pipeline_skips_to_sync() {
    run(async {
        let tide = Tide::start("ext_error_oltp").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("SELECT count(*) FROM orders"),
                whole("SELECT 1/0"),
                whole("SELECT count(*) AS unreached FROM orders"),
                parse("never", "SELECT 1"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["22012".to_owned()], 'I')
        );
        assert_eq!(values(&frames), ["100"]);
        assert!(!tide.sides.analytic_saw_text("unreached"));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        let frames = raw.batch(&[bind("", "never", &[])]).await;
        assert_eq!(sqlstates(&frames), ["26000"]);
    });
}

#[test]
fn a_refused_statement_in_a_pipeline_skips_to_sync_and_undoes_the_oltp_part() {
    run(async {
        let tide = Tide::start("ext_error_refused").await;
        let mut raw = tide.raw().await;
        let frames = raw
            .batch(&[
                whole("INSERT INTO notes (body) VALUES ('lost')"),
                whole("DELETE FROM orders"),
                whole("INSERT INTO notes (body) VALUES ('never')"),
            ])
            .await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["25006".to_owned()], 'I')
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
        let frames = raw
            .batch(&[whole("INSERT INTO notes (body) VALUES ('kept')")])
            .await;
        assert_eq!(completed(&frames), ["INSERT 0 1"]);
        assert_eq!(values(&raw.query("SELECT body FROM notes").await), ["kept"]);
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

#[test]
fn statements_on_the_analytic_side_are_shared_by_text_and_never_by_name() {
    run(async {
        let tide = Tide::with("ext_shared", "# one analytic connection for all").await;
        let mut one = tide.raw().await;
        let mut two = tide.raw().await;
        one.batch(&[parse("s", "SELECT 'one' FROM orders LIMIT 1")])
            .await;
        two.batch(&[parse("s", "SELECT 'two' FROM orders LIMIT 1")])
            .await;
        for _ in 0..3 {
            assert_eq!(
                values(&one.batch(&[bind("", "s", &[]), execute("", 0)]).await),
                ["one"]
            );
            assert_eq!(
                values(&two.batch(&[bind("", "s", &[]), execute("", 0)]).await),
                ["two"]
            );
        }
        drop(one);
        let frames = two
            .batch(&[bind("", "tidegate_1", &[]), execute("", 0)])
            .await;
        assert_eq!(
            sqlstates(&frames),
            ["26000"],
            "the router's own names are not a client's"
        );
    });
}

#[test]
fn a_query_in_the_middle_of_a_batch_ends_it() {
    run(async {
        let tide = Tide::start("ext_query_inside").await;
        let mut raw = tide.raw().await;
        for text in [
            "SELECT name FROM customers WHERE id = 1",
            "SELECT count(*) FROM orders",
        ] {
            raw.send(&[whole(text), query("SELECT 'q'")].concat()).await;
            let frames = raw.until_ready().await;
            assert_eq!(tags(&frames), "12TDCTDCZ", "{text}");
            assert_eq!(status(&frames), 'I');
            assert_eq!(tags(&raw.batch(&[]).await), "Z");
        }
    });
}

#[test]
fn a_sync_alone_is_answered_always() {
    run(async {
        let tide = Tide::start("ext_sync").await;
        let mut raw = tide.raw().await;
        assert_eq!(tags(&raw.batch(&[]).await), "Z");
        raw.send(&[sync(), sync(), sync()].concat()).await;
        for _ in 0..3 {
            assert_eq!(tags(&raw.until_ready().await), "Z");
        }
        raw.query("BEGIN").await;
        assert_eq!(status(&raw.batch(&[]).await), 'T');
        raw.query("SELECT 1/0").await;
        assert_eq!(status(&raw.batch(&[]).await), 'E');
    });
}

#[test]
fn large_parameters_pass_to_either_side() {
    run(async {
        let tide = Tide::start("ext_large").await;
        let client = tide.client().await;
        let large = "v".repeat(10 * 1024 * 1024);
        for table in ["customers", "orders"] {
            let text = format!("SELECT $1::text FROM {table} WHERE id = 1");
            let row = within("a large value", client.query_one(&text, &[&large]))
                .await
                .unwrap();
            assert!(row.get::<_, String>(0) == large, "{table}");
        }
        let written = client
            .execute("INSERT INTO notes (body) VALUES ($1)", &[&large])
            .await;
        assert_eq!(written.unwrap(), 1);
    });
}

#[test]
fn many_rows_pass_from_either_side() {
    run(async {
        let tide = Tide::start("ext_rows").await;
        let client = tide.client().await;
        for table in ["customers", "orders"] {
            let text = format!("SELECT n FROM {table}, generate_series(1, 100000) n WHERE id = $1");
            let rows = within("many rows", client.query(&text, &[&1]))
                .await
                .unwrap();
            assert_eq!(rows.len(), 100_000);
            assert_eq!(rows.last().unwrap().get::<_, i32>(0), 100_000);
        }
    });
}

#[test]
fn a_driver_may_use_many_statements_at_once() {
    run(async {
        let tide = Tide::start("ext_concurrent").await;
        let client = tide.client().await;
        let one = client.query_one("SELECT count(*) FROM orders", &[]);
        let two = client.query_one("SELECT count(*) FROM customers", &[]);
        let three = client.execute("DELETE FROM orders", &[]);
        let four = client.query_one("SELECT max(id) FROM orders WHERE id < $1", &[&50]);
        let (one, two, three, four) =
            within("all", async { tokio::join!(one, two, three, four) }).await;
        assert_eq!(one.unwrap().get::<_, i64>(0), 100);
        assert_eq!(two.unwrap().get::<_, i64>(0), 3);
        assert_eq!(sql::db(three.unwrap_err()).code().code(), "25006");
        assert_eq!(four.unwrap().get::<_, i32>(0), 49);
    });
}

#[test]
fn more_statements_than_the_analytic_connection_keeps_can_be_used() {
    run(async {
        let tide = Tide::start("ext_evict").await;
        let mut raw = tide.raw().await;
        let name = |n: usize| format!("s{n}");
        for n in 0..230 {
            let text = format!("SELECT {n} FROM orders LIMIT 1");
            let frames = raw
                .batch(&[
                    parse(&name(n), &text),
                    bind("", &name(n), &[]),
                    execute("", 0),
                ])
                .await;
            assert_eq!(values(&frames), [n.to_string()]);
        }
        for n in [0, 1, 229, 100, 0] {
            let frames = raw.batch(&[bind("", &name(n), &[]), execute("", 0)]).await;
            assert_eq!(
                (values(&frames), tags(&frames)),
                (vec![n.to_string()], "2DCZ".to_owned())
            );
        }
    });
}
