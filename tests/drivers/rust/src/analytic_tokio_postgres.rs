//! tokio-postgres over analytic relations, all in binary and prepared: every read byte for byte, parameters of every type,
//! pipelines, portals read in turns, streams left early, COPY, transactions, cancel.
use std::error::Error;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use drivers::analytic::{SLOW, shown, statements};
use drivers::{Worker, run, var};
use futures::{TryStreamExt, future::join_all};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, IsolationLevel, NoTls, Row, SimpleQueryMessage};

type Failure = Box<dyn Error + Send + Sync>;

/// A value of whatever type, as it came.
struct Raw(String);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(shown(kind.name(), Some(raw))))
    }

    fn from_sql_null(kind: &Type) -> Result<Self, Failure> {
        Ok(Self(shown(kind.name(), None)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A parameter of whatever type, in the bytes of its binary form.
#[derive(Debug)]
struct Binary(Vec<u8>);

impl ToSql for Binary {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn text(row: &Row) -> String {
    let values = (0..row.len()).map(|at| row.get::<_, Raw>(at).0);
    values.collect::<Vec<_>>().join(", ")
}

/// SQLSTATE alone; the words are the server's own.
fn code(error: &tokio_postgres::Error) -> String {
    error.code().map_or_else(
        || {
            error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        },
        |code| code.code().to_owned(),
    )
}

type Rows = Result<Vec<String>, String>;

async fn rows(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Rows {
    let found = client.query(sql, values).await;
    found
        .map(|rows| rows.iter().map(text).collect())
        .map_err(|error| code(&error))
}

async fn simple(client: &Client, sql: &str) -> Rows {
    let found = client
        .simple_query(sql)
        .await
        .map_err(|error| code(&error))?;
    let shown = found.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).unwrap_or("NULL"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        SimpleQueryMessage::CommandComplete(count) => Some(format!("[{count}]")),
        _ => None,
    });
    Ok(shown.collect())
}

async fn body(w: Worker) -> Result<(), Failure> {
    let mut config = Config::new();
    config
        .host(var("PGHOST"))
        .port(var("PGPORT").parse()?)
        .user(var("PGUSER"))
        .dbname(var("PGDATABASE"))
        .application_name(format!("worker {}", w.n));
    let (mut client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    w.barrier.wait().await;

    for (name, sql) in statements("reads.sql") {
        w.say(&name, rows(&client, &sql, &[]).await?);
        w.say(&format!("{name}, simple"), simple(&client, &sql).await?);
        let prepared = client.prepare(&sql).await?;
        let columns = prepared.columns().iter().map(|column| column.name());
        w.say(&format!("{name}, columns"), columns.collect::<Vec<_>>());
    }
    parameters(&w, &client).await;
    for (name, sql) in statements("errors.sql") {
        w.say(&name, rows(&client, &sql, &[]).await);
        w.say(&format!("{name}, simple"), simple(&client, &sql).await);
    }
    let asked: Vec<i64> = (0..40).collect();
    let shared = &client;
    let piped = join_all(asked.iter().map(|i| async move {
        let values: [&(dyn ToSql + Sync); 1] = [i];
        match i % 5 {
            3 => rows(shared, "SELECT nothing FROM events WHERE id = $1", &values).await,
            4 => rows(shared, "SELECT $1::int8", &values).await,
            _ => {
                rows(
                    shared,
                    "SELECT id, kind, price FROM events WHERE id = $1",
                    &values,
                )
                .await
            }
        }
    }));
    w.say("pipelined", piped.await);
    transactions(&w, &mut client).await?;

    // Streams and COPY.
    let mut stream = Box::pin(
        client
            .query_raw("SELECT id, kind FROM events ORDER BY id", Vec::<i32>::new())
            .await?,
    );
    w.say(
        "stream left early",
        stream.try_next().await?.as_ref().map(text),
    );
    drop(stream);
    for options in ["", "(FORMAT csv, HEADER)", "(FORMAT binary)"] {
        let sql = format!(
            "COPY (SELECT id, kind, device, price, ok, seen FROM events WHERE id < 11 ORDER BY id) TO STDOUT {options}"
        );
        let parts: Vec<_> = client.copy_out(&sql).await?.try_collect().await?;
        w.say(
            &format!("copy {options}"),
            parts.concat().escape_ascii().to_string(),
        );
    }

    // Cancel and timeouts.
    let cancel = client.cancel_token();
    let (slow, _) = tokio::join!(rows(&client, SLOW, &[]), async {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        cancel.cancel_query(NoTls).await
    });
    w.say("cancel", slow);
    client.batch_execute("SET statement_timeout = 200").await?;
    w.say("timeout", rows(&client, SLOW, &[]).await);
    client.batch_execute("RESET statement_timeout").await?;
    w.say(
        "afterwards",
        rows(&client, "SELECT count(*) FROM events", &[]).await?,
    );
    Ok(())
}

async fn parameters(w: &Worker, client: &Client) {
    let days = |count: i32| Binary(count.to_be_bytes().to_vec());
    let micros = |count: i64| Binary(count.to_be_bytes().to_vec());
    let numeric = |digits: &[i16]| {
        Binary(
            digits
                .iter()
                .flat_map(|digit| digit.to_be_bytes())
                .collect(),
        )
    };
    let early = 9_497 * 86_400_000_000 + 5 * 3_600_000_000; // 2026-01-01 05:00
    let given: [(&str, &str, Box<dyn ToSql + Sync + Send>); 24] = [
        ("int8", "id = $1", Box::new(77_i64)),
        ("int4", "device = $1 AND id < 20", Box::new(3_i32)),
        ("int2", "small = $1", Box::new(5_i16)),
        ("float8", "reading = $1", Box::new(2.125_f64)),
        ("float4", "ratio = $1 AND id < 9", Box::new(0.25_f32)),
        (
            "numeric",
            "price = $1",
            Box::new(numeric(&[2, 0, 0, 2, 4, 5000])),
        ),
        ("bool", "ok = $1 AND id < 9", Box::new(true)),
        ("text", "kind = $1 AND id < 9", Box::new("kind 1")),
        ("date", "day = $1 AND id < 15", Box::new(days(9_498))),
        ("timestamp", "at < $1", Box::new(micros(early))),
        ("timestamptz", "seen < $1", Box::new(micros(early))),
        ("time", "hour = $1", Box::new(micros(480_000_000))),
        (
            "bytea",
            "raw = $1 AND id < 4",
            Box::new(vec![0_u8, 255, 39]),
        ),
        (
            "jsonb",
            "doc -> 'tags' = $1 AND id < 9",
            Box::new(Binary(b"\x01[\"a\", 1]".to_vec())),
        ),
        ("array", "id = ANY($1)", Box::new(vec![3_i64, 1, 499])),
        (
            "array of texts",
            "kind = ANY($1) AND id < 5",
            Box::new(vec!["kind 1", "kind 3"]),
        ),
        (
            "cast array",
            "id = ANY($1::bigint[])",
            Box::new(vec![2_i64, 4]),
        ),
        (
            "array with NULL",
            "id = ANY($1)",
            Box::new(vec![Some(2_i64), None]),
        ),
        ("empty array", "id = ANY($1)", Box::new(Vec::<i64>::new())),
        ("NULL", "device = $1", Box::new(None::<i32>)),
        ("cast", "id = $1::int", Box::new(12_i32)),
        (
            "cast text",
            "kind = $1::text AND id < 9",
            Box::new("kind 2"),
        ),
        ("limit", "id > 0 ORDER BY id LIMIT $1", Box::new(2_i64)),
        ("offset", "id > 495 ORDER BY id OFFSET $1", Box::new(2_i64)),
    ];
    for (name, condition, value) in &given {
        let order = if condition.contains("ORDER BY") {
            ""
        } else {
            " ORDER BY id"
        };
        let sql = format!("SELECT id, ref FROM events WHERE {condition}{order}");
        let found = rows(client, &sql, &[value.as_ref()]).await;
        w.say(&format!("parameter {name}"), found);
    }
}

async fn transactions(w: &Worker, client: &mut Client) -> Result<(), Failure> {
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ] {
        for read_only in [true, false] {
            let started = client
                .build_transaction()
                .isolation_level(level)
                .read_only(read_only)
                .start();
            let mut tx = started.await?;
            w.say(
                "counted",
                rows(tx.client(), "SELECT count(*), max(price) FROM events", &[]).await?,
            );
            let inner = tx.savepoint("a").await?;
            w.say(
                "within",
                rows(inner.client(), "SELECT 1 / (id - id) FROM events", &[]).await,
            );
            w.say(
                "aborted",
                rows(inner.client(), "SELECT count(*) FROM events", &[]).await,
            );
            inner.rollback().await?;
            w.say(
                "healed",
                rows(
                    tx.client(),
                    "SELECT count(*) FROM daily WHERE events > $1",
                    &[&1_i64],
                )
                .await,
            );
            tx.commit().await?;
        }
    }
    let tx = client.transaction().await?;
    let one = tx
        .bind("SELECT id, kind FROM events ORDER BY id", &[])
        .await?;
    let two = tx
        .bind(
            "SELECT name FROM devices WHERE id >= $1 ORDER BY id",
            &[&2_i32],
        )
        .await?;
    for _ in 0..3 {
        let (a, b) = (
            tx.query_portal(&one, 3).await?,
            tx.query_portal(&two, 2).await?,
        );
        let shown = |rows: &[Row]| rows.iter().map(text).collect::<Vec<_>>();
        w.say("portals", (shown(&a), shown(&b)));
        w.say(
            "between",
            rows(tx.client(), "SELECT count(*) FROM events", &[]).await?,
        );
    }
    tx.commit().await?;
    Ok(())
}

#[tokio::main]
async fn main() {
    run(body).await
}
