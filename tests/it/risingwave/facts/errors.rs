//! Rows 6 to 9 and 28, 31: fields and codes of errors, what ends the connection, command tags, texts of values.

use crate::support::run;
use crate::support::wire::{bind, execute, message, parse, query, sync, tags};

use super::{done, ends, fresh, read, refused, session, text};

#[test]
fn fact_06_an_error_has_severity_code_and_a_text_of_several_lines() {
    run(async {
        let mut raw = session().await;
        let frames = raw.query("select 1/0").await;
        let error = frames
            .iter()
            .find(|frame| frame.tag == 'E')
            .expect("an error");
        let fields: String = error
            .body
            .split(|byte| *byte == 0)
            .filter_map(|f| f.first())
            .map(|b| char::from(*b))
            .collect();
        assert_eq!(fields, "SCM");
        let causes = "Caused by these errors (recent errors listed first):\n  1: Expr error\n  2: error while evaluating expression \
                      `general_div('1', '0')`\n  3: Division by zero\n";
        assert_eq!(
            text(&frames),
            format!("Failed to run the query\n\n{causes}")
        );
        let frames = raw.batch(&[parse("", "selec")]).await;
        assert!(
            text(&frames)
                .starts_with("Failed to prepare the statement\n\nCaused by:\n  sql parser error: ")
        );
        let zero = [
            parse("", "select 1/$1::int"),
            bind("", "", &["0"]),
            execute("", 0),
        ];
        let frames = raw.batch(&zero).await;
        assert!(text(&frames).starts_with("Failed to execute the statement\n\n"));
    });
}

#[test]
fn fact_07_nearly_every_code_is_xx000() {
    run(async {
        let mut raw = session().await;
        let table = fresh("t");
        done(
            &mut raw,
            &format!("create table {table} (id int primary key, v varchar not null)"),
        )
        .await;
        let codes = [
            ("selec 1", "XX000"),
            ("select nosuch from TABLE", "XX000"),
            ("select nosuchfn(1)", "XX000"),
            ("select 1/0", "XX000"),
            ("select 'a'::int", "XX000"),
            ("insert into TABLE (id) values (1)", "XX000"),
            ("select * from nosuch", "42704"),
            ("drop table nosuch", "42704"),
            ("drop view nosuch", "42704"),
            ("drop materialized view nosuch", "42704"),
            ("drop user nosuch", "42704"),
            ("create table TABLE (id int)", "42710"),
        ];
        for (sql, code) in codes {
            let sql = sql.replace("TABLE", &table);
            assert_eq!(refused(&mut raw, &sql).await.0, code, "{sql}");
        }
    });
}

#[test]
fn fact_08_a_parameter_that_is_missing_panics_and_the_connection_is_closed() {
    run(async {
        let mut raw = session().await;
        raw.send(
            &[
                parse("", "select $1::int"),
                bind("", "", &[]),
                execute("", 0),
                sync(),
            ]
            .concat(),
        )
        .await;
        let frames = raw.rest().await;
        assert_eq!(tags(&frames), "1E");
        let said = frames[1].field('M').unwrap_or_default();
        assert!(said.starts_with("Panicked when handling the request: index out of bounds: the len is 0 but the index is 0\nThis is a bug."), "{said}");
        let mut raw = session().await;
        raw.send(&query("select $1")).await;
        assert_eq!(tags(&raw.rest().await), "E");
    });
}

#[test]
fn fact_08_messages_it_does_not_know_are_hung_up_on() {
    run(async {
        for tag in [b'F', b'd', b'f', b'?'] {
            let mut raw = session().await;
            raw.send(&message(tag, b"\0\0\0\0")).await;
            assert!(ends(&mut raw).await, "{}", char::from(tag));
        }
    });
}

#[test]
fn fact_08_a_query_that_is_no_text_is_met_with_silence() {
    run(async {
        let mut raw = session().await;
        raw.send(&message(b'Q', b"select '\xff'\0")).await;
        raw.send(&message(b'Q', b"select 1")).await;
        assert_eq!(
            read(&mut raw, "select 2").await,
            ["2"],
            "the next answer is the next query's"
        );
    });
}

#[test]
fn fact_09_command_tags_have_underscores() {
    run(async {
        let mut raw = session().await;
        let (t, v, m) = (fresh("t"), fresh("v"), fresh("m"));
        let tags = [
            (
                "create table $t (id int primary key, v varchar)",
                "CREATE_TABLE",
            ),
            ("create index $t_i on $t (v)", "CREATE_INDEX"),
            ("create view $v as select * from $t", "CREATE_VIEW"),
            (
                "create materialized view $m as select count(*) from $t",
                "CREATE_MATERIALIZED_VIEW",
            ),
            ("alter table $t add column w int", "ALTER_TABLE"),
            ("insert into $t values (1, 'a'), (2, 'b')", "INSERT 0 2"),
            ("flush", "FLUSH"),
            ("update $t set v = 'c' where id = 1", "UPDATE 1"),
            ("delete from $t where id = 2", "DELETE 1"),
            ("select 1", "SELECT 1"),
            ("values (1), (2)", "SELECT 2"),
            ("set timezone = 'UTC'", "SET_VARIABLE"),
            ("show timezone", "SHOW_VARIABLE"),
            ("show tables", "SHOW_COMMAND"),
            ("describe $t", "DESCRIBE"),
            ("explain select 1", "EXPLAIN"),
            ("begin", "BEGIN"),
            ("commit", "COMMIT"),
            ("rollback", "ROLLBACK"),
            ("abort", "ABORT"),
            ("start transaction", "START_TRANSACTION"),
            ("set transaction read only", "SET_TRANSACTION"),
            ("discard all", "DISCARD"),
            ("declare c cursor for select 1", "DECLARE_CURSOR"),
            ("fetch next from c", "FETCH_CURSOR"),
            ("close c", "CLOSE_CURSOR"),
            ("wait", "WAIT"),
            ("use dev", "USE"),
            ("comment on table $t is 'x'", "COMMENT"),
            ("drop materialized view $m", "DROP_MATERIALIZED_VIEW"),
            ("drop view $v", "DROP_VIEW"),
            ("drop table $t", "DROP_TABLE"),
        ];
        for (sql, tag) in tags {
            let sql = sql.replace("$t", &t).replace("$v", &v).replace("$m", &m);
            assert_eq!(done(&mut raw, &sql).await, [tag], "{sql}");
        }
    });
}

#[test]
fn fact_28_values_have_texts_of_their_own() {
    run(async {
        let mut raw = session().await;
        assert_eq!(
            read(&mut raw, "select '2024-01-02 03:04:05+00'::timestamptz").await,
            ["2024-01-02 03:04:05+00:00"]
        );
        assert_eq!(read(&mut raw, "select true").await, ["t"]);
        assert_eq!(read(&mut raw, "select 1.50::numeric").await, ["1.50"]);
        assert_eq!(
            read(&mut raw, "select '{\"a\":1}'::jsonb").await,
            ["{\"a\": 1}"]
        );
    });
}

#[test]
fn fact_31_columns_are_told_before_the_first_row_fails() {
    run(async {
        let mut raw = session().await;
        let frames = raw
            .query("select 1/(x - 1) from generate_series(1, 3) t(x)")
            .await;
        assert_eq!(tags(&frames), "TEZ");
    });
}
