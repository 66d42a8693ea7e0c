//! tokio-postgres: statements prepared and pipelined, portals read in parts, transactions and savepoints, COPY text and
//! binary, notifications, cancel, types looked up in the catalog, session state.
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use drivers::{ORDERS, STATE, Worker, run, schema, settings, var};
use futures::{SinkExt, StreamExt, TryStreamExt, future::join_all, pin_mut, stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{
    AsyncMessage, Client, Config, IsolationLevel, NoTls, Row, SimpleQueryMessage,
};

type Failure = Box<dyn Error + Send + Sync>;

async fn connect(options: &str) -> Result<(Client, UnboundedReceiver<String>), Failure> {
    let mut config = Config::new();
    config
        .host(var("PGHOST"))
        .port(var("PGPORT").parse()?)
        .user(var("PGUSER"))
        .dbname(var("PGDATABASE"))
        .options(options);
    let (client, mut connection) = config.connect(NoTls).await?;
    let (heard, hear) = unbounded_channel();
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            let _ = heard.send(match message {
                AsyncMessage::Notification(note) => {
                    format!("{} {}", note.channel(), note.payload())
                }
                AsyncMessage::Notice(notice) => {
                    format!("{} {}", notice.severity(), notice.message())
                }
                _ => continue,
            });
        }
    });
    Ok((client, hear))
}

/// A row as text, whatever of these types its columns have.
fn text(row: &Row) -> String {
    let columns = (0..row.len()).map(|i| match *row.columns()[i].type_() {
        Type::INT4 => format!("{:?}", row.get::<_, Option<i32>>(i)),
        Type::INT8 => format!("{:?}", row.get::<_, Option<i64>>(i)),
        Type::FLOAT8 => format!("{:?}", row.get::<_, Option<f64>>(i)),
        Type::BOOL => format!("{:?}", row.get::<_, Option<bool>>(i)),
        _ => format!("{:?}", row.get::<_, Option<String>>(i)),
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn code(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |error| format!("{} {}", error.code().code(), error.message()),
    )
}

async fn rows(
    client: &Client,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<String>, String> {
    Ok(client
        .query(sql, values)
        .await
        .map_err(|error| code(&error))?
        .iter()
        .map(text)
        .collect())
}

async fn simple(client: &Client, sql: &str) -> Result<Vec<String>, String> {
    let found = client
        .simple_query(sql)
        .await
        .map_err(|error| code(&error))?;
    Ok(found
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|i| row.get(i).unwrap_or("NULL"))
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            SimpleQueryMessage::CommandComplete(count) => Some(format!("[{count}]")),
            _ => None,
        })
        .collect())
}

async fn body(w: Worker) -> Result<(), Failure> {
    let n = w.n;
    let (mut client, mut hear) = connect(&format!(
        "-c search_path=w{n},public -c app.user_id=start{n}"
    ))
    .await?;
    client.batch_execute(&schema(n)).await?;
    client
        .batch_execute(&format!(
            "CREATE TABLE t{n} (id serial PRIMARY KEY, v text UNIQUE, f float8)"
        ))
        .await?;
    w.say("startup options", rows(&client, STATE, &[]).await?);

    for sql in settings(n) {
        client.batch_execute(&sql).await?;
    }
    w.barrier.wait().await;
    let who = client.prepare("SELECT * FROM who").await?;
    for i in 0..5_i32 {
        w.say(
            "settings",
            (
                rows(&client, STATE, &[]).await?,
                simple(&client, STATE).await?,
            ),
        );
        w.say(
            "who",
            client
                .query(&who, &[])
                .await?
                .iter()
                .map(text)
                .collect::<Vec<_>>(),
        );
        w.say(
            "who, again",
            rows(&client, "SELECT *, $1::int FROM who", &[&i]).await?,
        );
        w.say(
            "orders",
            (
                rows(&client, ORDERS, &[]).await?,
                rows(&client, "SELECT qty FROM orders WHERE orderid = $1", &[&i]).await?,
            ),
        );
    }
    w.barrier.wait().await;
    client.batch_execute("RESET ROLE; RESET ALL").await?;
    w.say("reset", rows(&client, STATE, &[]).await?);

    // Pipelines: all of these are under way at once, one fails in the middle.
    let insert = client
        .prepare_typed(
            &format!("INSERT INTO t{n} (v, f) VALUES ($1, $2)"),
            &[Type::TEXT, Type::FLOAT8],
        )
        .await?;
    let names: Vec<String> = (0..50).map(|i| format!("v{}", i % 48)).collect();
    let done = join_all(
        names
            .iter()
            .map(|name| client.execute_raw(&insert, [name as &(dyn ToSql + Sync), &1.5_f64])),
    )
    .await;
    w.say(
        "pipelined inserts",
        done.iter()
            .map(|one| one.as_ref().map_err(code))
            .filter(|one| *one != Ok(&1))
            .collect::<Vec<_>>(),
    );
    let mixed = join_all(
        [
            "SELECT * FROM who",
            ORDERS,
            "SELECT 1/0",
            "SELECT qty FROM orders WHERE orderid = 5",
            "SELECT 2",
            STATE,
        ]
        .map(|sql| rows(&client, sql, &[])),
    )
    .await;
    w.say("pipelined queries", mixed);

    // Transactions.
    let tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await?;
    tx.batch_execute(&format!(
        "SET LOCAL app.user_id = 'local'; INSERT INTO t{n} (v) VALUES ('tx')"
    ))
    .await?;
    w.say("in transaction", rows(tx.client(), STATE, &[]).await?);
    w.say("sequence", rows(tx.client(), &format!("SELECT lastval() = currval('t{n}_id_seq'), current_setting('transaction_isolation')"), &[]).await?);
    w.say(
        "orders in transaction",
        rows(tx.client(), ORDERS, &[]).await?,
    );
    tx.commit().await?;
    let mut tx = client.transaction().await?;
    let inner = tx.savepoint("same_name").await?;
    w.say(
        "inner",
        inner
            .execute(&insert, &[&"tx", &0.0_f64])
            .await
            .map_err(|error| code(&error)),
    );
    inner.rollback().await?;
    tx.execute(&insert, &[&"after", &0.0_f64]).await?;
    drop(tx); // rolled back
    w.say(
        "after",
        (
            rows(&client, "SELECT count(*) FROM t", &[]).await,
            rows(&client, &format!("SELECT count(*) FROM t{n}"), &[]).await?,
            rows(&client, STATE, &[]).await?,
        ),
    );

    // Portals: two at once, read in turns, with other statements in between.
    let tx = client.transaction().await?;
    let one = tx
        .bind(&format!("SELECT id FROM t{n} ORDER BY id"), &[])
        .await?;
    let two = tx
        .bind("SELECT i FROM generate_series(1, $1) i", &[&20])
        .await?;
    for _ in 0..4 {
        let (a, b) = (
            tx.query_portal(&one, 3).await?,
            tx.query_portal(&two, 7).await?,
        );
        w.say(
            "portals",
            (
                a.iter().map(text).collect::<Vec<_>>(),
                b.iter().map(text).collect::<Vec<_>>(),
            ),
        );
        w.say(
            "between",
            (
                rows(tx.client(), "SELECT * FROM who", &[]).await?,
                rows(tx.client(), ORDERS, &[]).await?,
            ),
        );
    }
    tx.commit().await?;
    let mut raw = Box::pin(
        client
            .query_raw(
                "SELECT i FROM generate_series(1, 5000) i",
                Vec::<i32>::new(),
            )
            .await?,
    );
    w.say("stream left early", text(&raw.try_next().await?.unwrap()));
    drop(raw);

    // COPY.
    let sink = client.copy_in(&format!("COPY t{n} (v) FROM STDIN")).await?;
    pin_mut!(sink);
    for i in 0..200 {
        sink.send(Bytes::from(format!("copied {i}\n"))).await?;
    }
    w.say("copy in", sink.finish().await?);
    let sink = client
        .copy_in(&format!("COPY t{n} (v, f) FROM STDIN (FORMAT binary)"))
        .await?;
    let writer = BinaryCopyInWriter::new(sink, &[Type::TEXT, Type::FLOAT8]);
    pin_mut!(writer);
    for i in 0..100 {
        writer
            .as_mut()
            .write(&[&format!("binary {i}"), &f64::from(i)])
            .await?;
    }
    w.say("binary copy in", writer.finish().await?);
    {
        let given_up = client
            .copy_in::<_, Bytes>(&format!("COPY t{n} (v) FROM STDIN"))
            .await?;
        drop(given_up); // CopyFail
    }
    let out = client.copy_out(&format!("COPY (SELECT v, f FROM t{n} WHERE v LIKE 'binary 9%' ORDER BY f) TO STDOUT (FORMAT binary)")).await?;
    let found: Vec<_> = BinaryCopyOutStream::new(out, &[Type::TEXT, Type::FLOAT8])
        .map_ok(|row| (row.get::<String>(0), row.get::<f64>(1)))
        .try_collect()
        .await?;
    w.say("copy out", found.last());

    // Prepared statements over DDL, types from the catalog.
    let star = client
        .prepare(&format!("SELECT * FROM t{n} WHERE id = 1"))
        .await?;
    client.query(&star, &[]).await?;
    client
        .batch_execute(&format!("ALTER TABLE t{n} ADD COLUMN more int"))
        .await?;
    w.say(
        "over DDL",
        client
            .query(&star, &[])
            .await
            .map(|rows| rows.len())
            .map_err(|error| code(&error)),
    );
    client.batch_execute(&format!("CREATE TYPE mood AS ENUM ('w{n}'); CREATE TYPE pair AS (a int, m mood); CREATE DOMAIN few AS int")).await?;
    let typed = client
        .prepare("SELECT $1::mood, $2::pair, $3::mood[], $4::few")
        .await?;
    w.say(
        "types",
        typed
            .params()
            .iter()
            .map(|kind| format!("{} {:?}", kind.name(), kind.schema()))
            .collect::<Vec<_>>(),
    );
    drop(typed); // Close, in its own time
    client.batch_execute("DEALLOCATE ALL").await?;
    let gone = client.query(&star, &[]).await.map(|rows| rows.len());
    w.say(
        "deallocated",
        gone.map_err(|error| error.code().map(|code| code.code().to_owned())),
    ); // the message has a number counted over all

    // Temporary tables, advisory locks, SQL PREPARE, several statements.
    client
        .batch_execute(&format!(
            "CREATE TEMP TABLE scratch AS SELECT {}",
            if n % 2 == 1 {
                format!("{n} AS v")
            } else {
                format!("'w{n}' AS v, 1 AS u")
            }
        ))
        .await?;
    w.say(
        "temporary",
        (
            rows(&client, "SELECT * FROM scratch", &[]).await?,
            rows(&client, "SELECT * FROM scratch", &[]).await?,
        ),
    );
    client.batch_execute("DROP TABLE scratch").await?;
    let locks =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    w.say(
        "locked",
        simple(&client, &format!("SELECT pg_advisory_lock({n}); {locks}")).await?,
    );
    w.say(
        "unlocked",
        (
            rows(&client, "SELECT pg_advisory_unlock($1)", &[&i64::from(n)]).await?,
            rows(&client, locks, &[]).await?,
        ),
    );
    client
        .batch_execute(&format!("PREPARE p AS SELECT {n}"))
        .await?;
    w.say(
        "prepared",
        (
            simple(&client, "EXECUTE p").await,
            simple(&client, "DEALLOCATE p; EXECUTE p").await,
        ),
    );
    w.say(
        "several",
        simple(
            &client,
            &format!(
                "SELECT 1; INSERT INTO t{n} (v) VALUES ('several'); SELECT * FROM who; {ORDERS}"
            ),
        )
        .await,
    );
    w.say(
        "several with an error",
        simple(
            &client,
            &format!("INSERT INTO t{n} (v) VALUES ('undone'); SELECT 1/0; SELECT 2"),
        )
        .await,
    );
    w.say(
        "undone",
        rows(
            &client,
            &format!("SELECT count(*) FROM t{n} WHERE v = 'undone'"),
            &[],
        )
        .await?,
    );

    // Notifications and notices.
    client
        .batch_execute(&format!("LISTEN ch{n}; NOTIFY ch{n}, 'self'"))
        .await?;
    w.say(
        "notified",
        tokio::time::timeout(Duration::from_secs(20), hear.recv()).await?,
    );
    client.batch_execute("UNLISTEN *").await?;
    {
        let _mine = w.alone.lock().await;
        client.batch_execute(&format!("LISTEN ch{n}")).await?;
        let (other, _) = connect("").await?;
        other
            .batch_execute(&format!("NOTIFY ch{n}, 'while idle'"))
            .await?;
        w.say(
            "notified",
            tokio::time::timeout(Duration::from_secs(20), hear.recv()).await?,
        );
        client.batch_execute("UNLISTEN *").await?;
    }
    client
        .batch_execute("DO $$BEGIN RAISE WARNING 'warned'; END$$")
        .await?;
    w.say(
        "notice",
        tokio::time::timeout(Duration::from_secs(20), hear.recv()).await?,
    );

    // Cancel.
    let token = client.cancel_token();
    let tx = client.transaction().await?;
    tx.batch_execute("SELECT 1").await?;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(NoTls).await
    });
    w.say("cancel", simple(tx.client(), "SELECT pg_sleep(30)").await);
    w.say("aborted", rows(tx.client(), "SELECT 1", &[]).await);
    tx.rollback().await?;

    // Left within a transaction: the task that waits for the answer is dropped, then the connection.
    let (left, _) = connect(&format!("-c search_path=w{n}")).await?;
    left.batch_execute(&format!(
        "BEGIN; INSERT INTO t{n} (v) VALUES ('left'); SET app.user_id = 'left'"
    ))
    .await?;
    drop(left);
    w.say(
        "left",
        (
            rows(
                &client,
                &format!("SELECT count(*) FROM t{n} WHERE v = 'left'"),
                &[],
            )
            .await?,
            rows(&client, STATE, &[]).await?,
        ),
    );
    Ok(())
}

#[tokio::main]
async fn main() {
    run(body).await
}
