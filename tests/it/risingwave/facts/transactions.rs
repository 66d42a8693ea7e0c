//! Rows 10 to 16: transactions that are none, READ ONLY ones that are, and when a write can be seen.

use crate::support::run;
use crate::support::wire::{Raw, status, tags, values};

use super::{done, fresh, read, refused, session, syntax_error, text};

async fn table(raw: &mut Raw) -> String {
    let table = fresh("t");
    done(
        raw,
        &format!("create table {table} (id int primary key, v varchar)"),
    )
    .await;
    table
}

#[test]
fn fact_10_begin_starts_nothing_and_rollback_undoes_nothing() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        for begin in [
            "begin",
            "start transaction",
            "begin read write",
            "begin work",
        ] {
            let frames = raw.query(begin).await;
            assert_eq!(
                (tags(&frames), status(&frames)),
                ("NCZ".to_owned(), 'I'),
                "{begin}"
            );
            assert!(text(&frames).starts_with("Read-write transaction is not supported yet."));
        }
        done(
            &mut raw,
            &format!("insert into {table} values (1, 'stays')"),
        )
        .await;
        let frames = raw.query("rollback").await;
        assert_eq!(
            (tags(&frames), text(&frames).as_str()),
            ("NCZ".to_owned(), "there is no transaction in progress")
        );
        done(&mut raw, "flush").await;
        assert_eq!(
            read(&mut raw, &format!("select v from {table}")).await,
            ["stays"]
        );
    });
}

#[test]
fn fact_11_a_read_only_transaction_is_one_snapshot_and_takes_no_write() {
    run(async {
        let (mut raw, mut other) = (session().await, session().await);
        let table = table(&mut raw).await;
        let frames = raw.query("begin read only").await;
        assert_eq!((tags(&frames), status(&frames)), ("CZ".to_owned(), 'T'));
        let count = format!("select count(*) from {table}");
        assert_eq!(read(&mut raw, &count).await, ["0"]);
        done(
            &mut other,
            &format!("insert into {table} values (1, 'new')"),
        )
        .await;
        done(&mut other, "flush").await;
        assert_eq!(read(&mut other, &count).await, ["1"]);
        assert_eq!(read(&mut raw, &count).await, ["0"]);
        for sql in [
            format!("insert into {table} values (2)"),
            format!("create table {table}_x (id int)"),
        ] {
            let (code, text) = refused(&mut raw, &sql).await;
            assert_eq!(code, "XX000");
            assert!(
                text.contains("Permission denied: cannot execute in a read-only transaction"),
                "{text}"
            );
        }
        assert_eq!(status(&raw.query("flush").await), 'T');
        assert_eq!(tags(&raw.query("begin").await), "NCZ");
        let frames = raw.query("commit").await;
        assert_eq!((tags(&frames), status(&frames)), ("CZ".to_owned(), 'I'));
        assert_eq!(read(&mut raw, &count).await, ["1"]);
    });
}

#[test]
fn fact_12_no_transaction_ever_fails() {
    run(async {
        let mut raw = session().await;
        done(&mut raw, "start transaction read only").await;
        assert_eq!(status(&raw.query("select * from nosuch").await), 'T');
        let frames = raw.query("select 3").await;
        assert_eq!(
            (values(&frames), status(&frames)),
            (vec!["3".to_owned()], 'T')
        );
        assert_eq!(status(&raw.query("rollback").await), 'I');
    });
}

#[test]
fn fact_13_what_it_knows_of_transactions_is_little() {
    run(async {
        let mut raw = session().await;
        for (sql, found) in [
            ("end", "found: end"),
            ("savepoint s1", "found: savepoint"),
            ("release savepoint s1", "found: release"),
            ("rollback to savepoint s1", "found: to"),
            ("prepare transaction 'x'", "found: 'x'"),
            ("commit prepared 'x'", "found: prepared"),
            ("begin deferrable", "found: deferrable"),
            ("abort transaction", "found: transaction"),
        ] {
            syntax_error(&mut raw, sql, found).await;
        }
        assert!(
            refused(&mut raw, "commit and chain")
                .await
                .1
                .contains("Feature is not yet implemented: COMMIT AND CHAIN")
        );
        assert_eq!(
            tags(
                &raw.query("set transaction isolation level serializable")
                    .await
            ),
            "NCZ"
        );
        assert_eq!(
            tags(&raw.query("begin isolation level serializable").await),
            "NNCZ"
        );
        done(&mut raw, "set local timezone = 'Europe/Berlin'").await;
        done(&mut raw, "commit").await;
        assert_eq!(
            read(&mut raw, "show timezone").await,
            ["Europe/Berlin"],
            "SET LOCAL leaks"
        );
    });
}

#[test]
fn fact_15_a_write_is_seen_after_flush_and_by_implicit_flush_at_once() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        done(&mut raw, &format!("insert into {table} values (1, 'a')")).await;
        done(&mut raw, "flush").await;
        let ids = format!("select id from {table} order by id");
        assert_eq!(read(&mut raw, &ids).await, ["1"]);
        done(&mut raw, "set implicit_flush = true").await;
        done(&mut raw, &format!("insert into {table} values (2, 'b')")).await;
        assert_eq!(read(&mut raw, &ids).await, ["1", "2"]);
        assert_eq!(read(&mut raw, "show rw_implicit_flush").await, ["true"]);
    });
}

#[test]
fn fact_16_a_row_with_the_same_key_takes_the_others_place() {
    run(async {
        let mut raw = session().await;
        let table = table(&mut raw).await;
        done(&mut raw, "set implicit_flush = true").await;
        for sql in [
            "insert into T values (1, 'old')",
            "insert into T values (1, 'new')",
        ] {
            assert_eq!(
                done(&mut raw, &sql.replace('T', &table)).await,
                ["INSERT 0 1"]
            );
        }
        assert_eq!(
            read(&mut raw, &format!("select v from {table}")).await,
            ["new"]
        );
        let sql = format!("insert into {table} (v) values ('a'), ('b'), ('c')");
        assert_eq!(done(&mut raw, &sql).await, ["INSERT 0 3"]);
        assert_eq!(
            read(&mut raw, &format!("select v from {table} where id is null")).await,
            ["c"]
        );
        let kept = fresh("t");
        done(
            &mut raw,
            &format!("create table {kept} (id int primary key, v int) on conflict ignore"),
        )
        .await;
        done(&mut raw, &format!("insert into {kept} values (1, 1)")).await;
        done(&mut raw, &format!("insert into {kept} values (1, 2)")).await;
        assert_eq!(
            read(&mut raw, &format!("select v from {kept}")).await,
            ["1"]
        );
    });
}
