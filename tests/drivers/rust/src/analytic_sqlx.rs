//! sqlx over analytic relations: a pool and its cache of statements, every read byte for byte in binary and in text,
//! parameters, streams dropped early, transactions and savepoints, COPY, errors.
use drivers::analytic::{SLOW, shown, statements};
use drivers::{Worker, run, var};
use futures::{StreamExt, TryStreamExt, future::join_all};
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions, PgRow};
use sqlx::{Executor, PgPool, Row, TypeInfo, ValueRef};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn text(row: &PgRow) -> String {
    let values = (0..row.len()).map(|at| {
        let value = row.try_get_raw(at).unwrap();
        let name = value.type_info().name().to_owned();
        let kind = match name.strip_suffix("[]") {
            Some(item) => format!("_{item}"),
            None => name,
        };
        let bytes = (!value.is_null()).then(|| value.as_bytes().unwrap());
        shown(&kind, bytes)
    });
    values.collect::<Vec<_>>().join(", ")
}

/// SQLSTATE alone; the words are the server's own.
fn code(error: sqlx::Error) -> String {
    let told = error.as_database_error().and_then(|error| error.code());
    told.map_or_else(|| error.to_string(), |code| code.into_owned())
}

type Rows = Result<Vec<String>, String>;

async fn rows<'c>(on: impl Executor<'c, Database = sqlx::Postgres>, sql: &str) -> Rows {
    let found = sqlx::query(sql).fetch_all(on).await.map_err(code)?;
    Ok(found.iter().map(text).collect())
}

/// By the simple protocol, as text.
async fn simple(pool: &PgPool, sql: &str) -> Rows {
    let found = pool.fetch_all(sqlx::raw_sql(sql)).await.map_err(code)?;
    Ok(found.iter().map(text).collect())
}

macro_rules! parameter {
    ($w:expr, $pool:expr, $name:literal, $condition:literal, $value:expr) => {
        for _ in 0..2 {
            let sql = concat!(
                "SELECT id, ref FROM events WHERE ",
                $condition,
                " ORDER BY id"
            );
            let found = sqlx::query(sql).bind($value).fetch_all($pool).await;
            let found = found.map_err(code);
            $w.say(
                concat!("parameter ", $name),
                found.map(|rows| rows.iter().map(text).collect::<Vec<_>>()),
            );
        }
    };
}

async fn body(w: Worker) -> Result<(), Failure> {
    let options = PgConnectOptions::new()
        .host(&var("PGHOST"))
        .port(var("PGPORT").parse()?)
        .username(&var("PGUSER"))
        .database(&var("PGDATABASE"))
        .application_name(&format!("worker {}", w.n));
    let pool = &PgPoolOptions::new()
        .max_connections(3)
        .connect_with(options)
        .await?;
    w.barrier.wait().await;

    for (name, sql) in statements("reads.sql") {
        w.say(&name, rows(pool, &sql).await?);
        w.say(&format!("{name}, simple"), simple(pool, &sql).await?);
    }
    parameter!(w, pool, "int8", "id = $1", 77_i64);
    parameter!(w, pool, "int4", "device = $1 AND id < 20", 3_i32);
    parameter!(w, pool, "int2", "small = $1", 5_i16);
    parameter!(w, pool, "float8", "reading = $1", 2.125_f64);
    parameter!(w, pool, "float4", "ratio = $1 AND id < 9", 0.25_f32);
    parameter!(w, pool, "numeric as text", "price = $1::numeric", "4.50");
    parameter!(w, pool, "bool", "ok = $1 AND id < 9", true);
    parameter!(w, pool, "text", "kind = $1 AND id < 9", "kind 1");
    parameter!(
        w,
        pool,
        "date as text",
        "day = $1::date AND id < 15",
        "2026-01-02"
    );
    parameter!(w, pool, "bytea", "raw = $1 AND id < 4", vec![0_u8, 255, 39]);
    parameter!(w, pool, "array", "id = ANY($1)", vec![3_i64, 1, 499]);
    parameter!(
        w,
        pool,
        "array of texts",
        "kind = ANY($1) AND id < 5",
        vec!["kind 1", "kind 3"]
    );
    parameter!(
        w,
        pool,
        "cast array",
        "id = ANY($1::bigint[])",
        vec![2_i64, 4]
    );
    parameter!(w, pool, "NULL", "device = $1", None::<i32>);
    let found = sqlx::query("SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2 OFFSET $3");
    let found = found
        .bind(3_i64)
        .bind(4_i64)
        .bind(5_i64)
        .fetch_all(pool)
        .await;
    w.say(
        "limit",
        found.map_err(code)?.iter().map(text).collect::<Vec<_>>(),
    );
    for (name, sql) in statements("errors.sql") {
        w.say(&name, rows(pool, &sql).await);
        w.say(&format!("{name}, simple"), simple(pool, &sql).await);
    }

    // Streams, one of which is left with rows under way.
    let mut stream = sqlx::query("SELECT id, kind FROM events WHERE id > $1 ORDER BY id")
        .bind(10_i64)
        .fetch(pool);
    w.say("streamed", stream.try_next().await?.as_ref().map(text));
    drop(stream);
    let all = sqlx::query("SELECT id FROM events")
        .fetch(pool)
        .count()
        .await;
    w.say("streamed whole", all);
    let one: (i64, String) = sqlx::query_as("SELECT id, kind FROM events WHERE id = $1")
        .bind(9_i64)
        .fetch_one(pool)
        .await?;
    w.say("as a tuple", one);
    w.say(
        "none",
        sqlx::query("SELECT id FROM events WHERE id < 0")
            .fetch_optional(pool)
            .await?
            .is_none(),
    );

    // Transactions: a savepoint within, one that is dropped, isolation by statement.
    for begin in [
        "READ COMMITTED",
        "REPEATABLE READ",
        "SERIALIZABLE READ ONLY",
    ] {
        let mut tx = pool.begin().await?;
        rows(
            &mut *tx,
            &format!("SET TRANSACTION ISOLATION LEVEL {begin}"),
        )
        .await?;
        w.say(
            begin,
            rows(&mut *tx, "SELECT count(*), max(price) FROM events").await?,
        );
        let mut inner = sqlx::Acquire::begin(&mut tx).await?;
        w.say(
            "within",
            rows(&mut *inner, "SELECT 1 / (id - id) FROM events").await,
        );
        inner.rollback().await?;
        w.say(
            "healed",
            rows(&mut *tx, "SELECT count(*) FROM daily").await?,
        );
        tx.commit().await?;
    }
    let mut tx = pool.begin().await?;
    w.say(
        "an error",
        rows(&mut *tx, "SELECT nothing FROM events").await,
    );
    drop(tx); // rolled back with the next statement
    w.say(
        "after a dropped transaction",
        rows(pool, "SELECT count(*) FROM events").await?,
    );
    let parts: Vec<_> = pool
        .copy_out_raw(
            "COPY (SELECT id, kind, device, doc FROM events WHERE id < 11 ORDER BY id) TO STDOUT",
        )
        .await?
        .try_collect()
        .await?;
    w.say("copy", parts.concat().escape_ascii().to_string());
    let mut tx = pool.begin().await?;
    rows(&mut *tx, "SET LOCAL statement_timeout = 200").await?;
    w.say("timeout", rows(&mut *tx, SLOW).await);
    tx.rollback().await?;
    let asked = (0..12_i64).map(|i| async move {
        let sql = "SELECT count(*), $1::int8 FROM events WHERE id <= $1";
        sqlx::query(sql)
            .bind(i)
            .fetch_one(pool)
            .await
            .map(|row| text(&row))
            .map_err(code)
    });
    w.say("many at once", join_all(asked).await);
    pool.close().await;
    Ok(())
}

#[tokio::main]
async fn main() {
    run(body).await
}
