//! Short ways to ask something through tokio-postgres.

use tokio_postgres::error::DbError;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::within;

/// A row as text.
pub type Row = Vec<Option<String>>;

/// The rows of a string of statements over the simple protocol.
pub async fn try_rows(client: &Client, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    let messages = within(sql, client.simple_query(sql)).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|at| row.get(at).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    });
    Ok(rows.collect())
}

/// The rows of statements that must succeed.
pub async fn rows(client: &Client, sql: &str) -> Vec<Row> {
    match try_rows(client, sql).await {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

/// Runs statements that must succeed.
pub async fn exec(client: &Client, sql: &str) {
    let _ = rows(client, sql).await;
}

/// The first column of the first row; `NULL` for a null.
pub async fn scalar(client: &Client, sql: &str) -> String {
    let rows = rows(client, sql).await;
    let value = rows.first().and_then(|row| row.first());
    let value = value.unwrap_or_else(|| panic!("{sql}: no row"));
    value.clone().unwrap_or_else(|| "NULL".to_owned())
}

/// The error of statements that must fail.
pub async fn error(client: &Client, sql: &str) -> DbError {
    match try_rows(client, sql).await {
        Ok(rows) => panic!("{sql} should fail, but answers {rows:?}"),
        Err(error) => db(error),
    }
}

/// The SQLSTATE of statements that must fail.
pub async fn state(client: &Client, sql: &str) -> String {
    error(client, sql).await.code().code().to_owned()
}

/// The server's or router's error in an error.
pub fn db(error: tokio_postgres::Error) -> DbError {
    match error.as_db_error() {
        Some(db) => db.clone(),
        None => panic!("no error of a server: {error:?}"),
    }
}

/// Where the last statement of this session went, and why: target and reason.
pub async fn last_route(client: &Client) -> (String, String) {
    let rows = rows(client, "SHOW tidegate.last_route").await;
    let row = rows.first().expect("a last route");
    let text = |at: usize| row[at].clone().unwrap_or_default();
    (text(4), text(6))
}

/// Where a statement would go, and why: target (empty when refused) and reason.
pub async fn route(client: &Client, sql: &str) -> (String, String) {
    let rows = rows(client, &format!("EXPLAIN ROUTE {sql}")).await;
    let row = rows.first().expect("a route");
    let text = |at: usize| row[at].clone().unwrap_or_default();
    (text(4), text(6))
}
