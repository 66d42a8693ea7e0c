//! GROUP BY a table's key alone, as Django writes it: PostgreSQL knows that the other columns depend on it, and RisingWave does not.

use crate::support::run;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{bind, close, execute, parse, sqlstates, tags, values, whole};

use super::anywhere::{Analytic, analytic};

const GROUPED: &str = r#"SELECT "shop_a"."name", COUNT("shop_b"."id") AS "n" FROM "shop_a" LEFT OUTER JOIN "shop_b" ON ("shop_a"."id" = "shop_b"."a_id") GROUP BY "shop_a"."id" ORDER BY "shop_a"."name" ASC"#;

async fn shops(hint: &str) -> (Tide, Analytic) {
    let setup = Setup::new(hint).await.discover("1s");
    let (setup, analytic) = analytic(setup).await;
    analytic
        .make(&[
            "CREATE TABLE shop_a (id int PRIMARY KEY, name varchar)",
            "CREATE TABLE shop_b (id int PRIMARY KEY, a_id int)",
            "INSERT INTO shop_a VALUES (1, 'one'), (2, 'two')",
            "INSERT INTO shop_b VALUES (1, 2), (2, 2)",
        ])
        .await;
    (setup.start().await, analytic)
}

#[test]
fn columns_that_depend_on_the_key_may_be_selected() {
    run(async {
        let (tide, analytic) = shops("rw_groups").await;
        let refused = analytic.root().await.query(GROUPED).await;
        assert_eq!(tags(&refused), "EZ", "by itself");
        let mut raw = tide.raw().await;
        assert_eq!(values(&raw.query(GROUPED).await), ["one", "two"]);
        assert_eq!(values(&raw.batch(&[whole(GROUPED)]).await), ["one", "two"]);
        let limited = format!("{GROUPED} LIMIT $1");
        for _ in 0..2 {
            let steps = [
                parse("s", &limited),
                bind("", "s", &["1"]),
                execute("", 0),
                close('S', "s"),
            ];
            assert_eq!(values(&raw.batch(&steps).await), ["one"]);
        }
        let several = format!("SELECT 1; {GROUPED}; SELECT count(*) FROM orders");
        assert_eq!(
            values(&raw.query(&several).await),
            ["1", "one", "two", "100"]
        );
        raw.query("BEGIN").await;
        raw.query(&format!("DECLARE c CURSOR FOR {GROUPED}")).await;
        assert_eq!(values(&raw.query("FETCH ALL FROM c").await), ["one", "two"]);
        raw.query("COMMIT").await;
        let copied = raw.query(&format!("COPY ({GROUPED}) TO STDOUT")).await;
        let lines = copied.iter().filter(|frame| frame.tag == 'd');
        let lines: Vec<_> = lines.map(|frame| &frame.body[..]).collect();
        assert_eq!(lines, [b"one\t0\n", b"two\t2\n"]);
        // What does not depend on a key is an error as in PostgreSQL.
        let wrong = "SELECT shop_b.id FROM shop_b GROUP BY shop_b.a_id";
        assert_eq!(sqlstates(&raw.query(wrong).await), ["42803"]);
        assert_eq!(sqlstates(&raw.batch(&[whole(wrong)]).await), ["42803"]);
    });
}

#[test]
fn a_read_of_mirrored_relations_that_names_too_few_columns_is_run_in_postgres() {
    run(async {
        let rule = "routes: [{ relations: [products], to: analytic }]";
        let setup = Setup::new("rw_groups_mirrored").await.more(rule);
        // Bare names are not looked for.
        let (setup, _analytic) = analytic(setup).await;
        let tide = setup.start().await;
        let mut raw = tide.raw().await;
        raw.query("ALTER TABLE products ADD PRIMARY KEY (id)").await;
        let sql = "SELECT side, count(*) FROM products GROUP BY id ORDER BY id";
        let read = values(&raw.query(sql).await);
        assert_eq!(read, ["oltp", "oltp"]);
    });
}
