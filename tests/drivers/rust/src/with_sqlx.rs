//! sqlx: pools with a cache of prepared statements, transactions and savepoints, streams, PgListener, COPY, advisory
//! locks by its own helper, migrations' lock, session state.
use std::time::Duration;

use drivers::{ORDERS, STATE, Worker, run, schema, settings, var};
use futures::{StreamExt, TryStreamExt, future::join_all};
use sqlx::postgres::{
    PgAdvisoryLock, PgConnectOptions, PgConnection, PgListener, PgPoolOptions, PgRow,
};
use sqlx::{Column, Connection, Executor, Row, Statement, TypeInfo, ValueRef};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn options(n: i32) -> PgConnectOptions {
    PgConnectOptions::new()
        .host(&var("PGHOST"))
        .port(var("PGPORT").parse().unwrap())
        .username(&var("PGUSER"))
        .database(&var("PGDATABASE"))
        .options([
            ("search_path", format!("w{n},public")),
            ("app.user_id", format!("start{n}")),
        ])
        .application_name(&format!("start {n}"))
}

/// A row as text, whatever of these types its columns have.
fn text(row: &PgRow) -> String {
    let columns = (0..row.len()).map(|i| {
        let value = row.try_get_raw(i).unwrap();
        if value.is_null() {
            return "NULL".into();
        }
        match value.type_info().name() {
            "INT4" => row.get::<i32, _>(i).to_string(),
            "INT8" => row.get::<i64, _>(i).to_string(),
            "FLOAT8" => row.get::<f64, _>(i).to_string(),
            "BOOL" => row.get::<bool, _>(i).to_string(),
            _ => row.get_unchecked::<String, _>(i),
        }
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn code(error: sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!("{} {}", error.code().unwrap_or_default(), error.message()),
        None => error.to_string(),
    }
}

async fn rows<'c>(
    on: impl Executor<'c, Database = sqlx::Postgres>,
    sql: &str,
) -> Result<Vec<String>, String> {
    Ok(sqlx::query(sql)
        .fetch_all(on)
        .await
        .map_err(code)?
        .iter()
        .map(text)
        .collect())
}

async fn body(w: Worker) -> Result<(), Failure> {
    let n = w.n;
    let mut conn = PgConnection::connect_with(&options(n)).await?;
    conn.execute(schema(n).as_str()).await?;
    conn.execute(
        format!("CREATE TABLE t{n} (id serial PRIMARY KEY, v text UNIQUE, f float8)").as_str(),
    )
    .await?;
    w.say("startup options", rows(&mut conn, STATE).await?);

    for sql in settings(n) {
        rows(&mut conn, &sql).await?;
    }
    w.barrier.wait().await;
    for i in 0..5 {
        w.say("settings", rows(&mut conn, STATE).await?);
        w.say("who", rows(&mut conn, "SELECT * FROM who").await?);
        w.say(
            "bound",
            sqlx::query("SELECT *, $1::int FROM who")
                .bind(i)
                .fetch_all(&mut conn)
                .await?
                .iter()
                .map(text)
                .collect::<Vec<_>>(),
        );
        w.say("orders", rows(&mut conn, ORDERS).await?);
        w.say(
            "order",
            sqlx::query("SELECT qty FROM orders WHERE orderid = $1")
                .bind(i)
                .fetch_all(&mut conn)
                .await?
                .iter()
                .map(text)
                .collect::<Vec<_>>(),
        );
    }
    w.barrier.wait().await;
    conn.execute("RESET ROLE; RESET ALL").await?;
    w.say("reset", rows(&mut conn, STATE).await?);

    // Transactions: nested ones are savepoints, a dropped one is rolled back with the next statement.
    let mut tx = conn.begin().await?;
    rows(
        &mut *tx,
        &format!("INSERT INTO t{n} (v) SELECT 'v' || i FROM generate_series(1, 60) i"),
    )
    .await?;
    rows(&mut *tx, "SET LOCAL app.user_id = 'local'").await?;
    w.say("in transaction", rows(&mut *tx, STATE).await?);
    w.say(
        "sequence",
        rows(
            &mut *tx,
            &format!("SELECT lastval(), currval('t{n}_id_seq')"),
        )
        .await?,
    );
    let mut inner = tx.begin().await?;
    w.say(
        "inner",
        rows(&mut *inner, &format!("INSERT INTO t{n} (v) VALUES ('v1')")).await,
    );
    inner.rollback().await?;
    w.say("orders in transaction", rows(&mut *tx, ORDERS).await?);
    tx.commit().await?;
    {
        let mut tx = conn
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await?;
        w.say(
            "isolation",
            rows(&mut *tx, "SHOW transaction_isolation").await?,
        );
        rows(&mut *tx, &format!("DELETE FROM t{n}")).await?;
    }
    w.say(
        "dropped",
        (
            rows(&mut conn, &format!("SELECT count(*) FROM t{n}")).await?,
            rows(&mut conn, STATE).await?,
        ),
    );

    // Streams; one is dropped with rows under way.
    {
        let mut stream = sqlx::query("SELECT i FROM generate_series(1, 3000) i").fetch(&mut conn);
        w.say("stream", text(&stream.try_next().await?.unwrap()));
    }
    w.say("after it", rows(&mut conn, "SELECT * FROM who").await?);
    let parts: Vec<_> = sqlx::raw_sql("SELECT 1; SELECT * FROM who; SELECT 1/0; SELECT 2")
        .fetch_many(&mut conn)
        .collect()
        .await;
    w.say(
        "several",
        parts
            .into_iter()
            .map(|part| {
                part.map(|part| part.right().map(|row| text(&row)))
                    .map_err(code)
            })
            .collect::<Vec<_>>(),
    );

    // Prepared statements: cached, over DDL, evicted from a cache of two.
    w.say(
        "described",
        conn.prepare(&format!("SELECT * FROM t{n}"))
            .await?
            .columns()
            .iter()
            .map(|column| format!("{} {}", column.name(), column.type_info().name()))
            .collect::<Vec<_>>(),
    );
    for _ in 0..2 {
        rows(&mut conn, &format!("SELECT * FROM t{n} WHERE id = 1")).await?;
    }
    rows(&mut conn, &format!("ALTER TABLE t{n} ADD COLUMN more int")).await?;
    w.say(
        "over DDL",
        rows(&mut conn, &format!("SELECT * FROM t{n} WHERE id = 1")).await,
    );
    conn.clear_cached_statements().await?;
    w.say(
        "over DDL, again",
        rows(&mut conn, &format!("SELECT * FROM t{n} WHERE id = 1")).await,
    );
    rows(
        &mut conn,
        &format!("CREATE TYPE mood AS ENUM ('w{n}', 'x')"),
    )
    .await?;
    w.say(
        "types",
        rows(&mut conn, "SELECT 'x'::mood::text, 'x'::mood IS NULL").await?,
    );
    let mut small = PgConnection::connect_with(&options(n).statement_cache_capacity(2)).await?;
    for i in 0..9 {
        w.say(
            "small cache",
            rows(&mut small, &format!("SELECT {}, * FROM who", i % 4)).await?,
        );
    }
    small.close().await?;

    // COPY, temporary tables, advisory locks.
    let mut copy = conn
        .copy_in_raw(&format!("COPY t{n} (v) FROM STDIN"))
        .await?;
    copy.send(
        (0..300)
            .map(|i| format!("copied {i}\n"))
            .collect::<String>()
            .as_bytes(),
    )
    .await?;
    w.say("copy in", copy.finish().await?);
    let copy = conn
        .copy_in_raw(&format!("COPY t{n} (v) FROM STDIN"))
        .await?;
    copy.abort("given up").await?;
    let out: Vec<_> = conn
        .copy_out_raw(&format!(
            "COPY (SELECT v FROM t{n} WHERE v LIKE 'copied 1%') TO STDOUT"
        ))
        .await?
        .try_collect()
        .await?;
    w.say("copy out", out.iter().map(|part| part.len()).sum::<usize>());
    rows(
        &mut conn,
        &format!(
            "CREATE TEMP TABLE scratch AS SELECT {}",
            if n % 2 == 1 {
                format!("{n} AS v")
            } else {
                format!("'w{n}'::text AS v, 1 AS u")
            }
        ),
    )
    .await?;
    w.say(
        "temporary",
        (
            rows(&mut conn, "SELECT * FROM scratch").await?,
            rows(&mut conn, "SELECT * FROM scratch").await?,
        ),
    );
    rows(&mut conn, "DROP TABLE scratch").await?;
    {
        let lock = PgAdvisoryLock::new(format!("worker {n}"));
        let mut guard = lock.acquire(&mut conn).await?;
        w.say("locked", rows(guard.as_mut(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()").await?);
        guard.release_now().await?;
    }
    w.say(
        "unlocked",
        rows(
            &mut conn,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        )
        .await?,
    );
    conn.close().await?;

    // A pool with more connections than Tidegate has.
    w.barrier.wait().await;
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(40))
        .connect_with(options(n))
        .await?;
    let found = join_all((0..24).map(|i| {
        let pool = pool.clone();
        async move {
            if i % 3 > 0 {
                return rows(&pool, "SELECT * FROM who").await;
            }
            let mut tx = pool.begin().await.map_err(code)?;
            rows(
                &mut *tx,
                &format!("SELECT set_config('app.user_id', '{i}', true)"),
            )
            .await?;
            let found = rows(
                &mut *tx,
                "SELECT current_setting('app.user_id'), * FROM who",
            )
            .await;
            if i % 2 == 0 {
                tx.commit().await
            } else {
                tx.rollback().await
            }
            .map_err(code)?;
            found
        }
    }))
    .await;
    for one in found {
        w.say("pool", one?);
    }

    // A listener has a connection of the pool for itself.
    {
        let _mine = w.alone.lock().await;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(&format!("ch{n}")).await?;
        sqlx::query("SELECT pg_notify($1, 'while idle')")
            .bind(format!("ch{n}"))
            .execute(&pool)
            .await?;
        let note = tokio::time::timeout(Duration::from_secs(20), listener.recv()).await??;
        w.say("notified", (note.channel(), note.payload()));
        listener.unlisten_all().await?;
        drop(listener);
    }
    w.say("after it", rows(&pool, STATE).await?);
    pool.close().await;
    Ok(())
}

#[tokio::main]
async fn main() {
    run(body).await
}
