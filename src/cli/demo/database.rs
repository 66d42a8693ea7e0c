//! How does the demo ask a server something?
//!
//! As an ordinary client with tokio-postgres, by simple queries, which is what psql sends. Every value comes as text.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Longest time for one statement.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Database(Client);

/// What a statement brought.
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
    /// Rows that the command says it touched.
    pub(super) count: u64,
}

impl Answer {
    /// The first column of the first row.
    pub(super) fn first_value(&self) -> &str {
        self.rows
            .first()
            .and_then(|row| row.first())
            .and_then(Option::as_deref)
            .unwrap_or_default()
    }

    /// A column of the first row by its name.
    pub(super) fn value(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.rows.first()?.get(at)?.as_deref()
    }
}

impl Database {
    /// Connects to a port of loopback.
    pub(super) async fn open(port: u16, user: &str, database: &str) -> Result<Self, String> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user(user)
            .dbname(database)
            .application_name("tidegate demo")
            .connect_timeout(PATIENCE);
        let (client, connection) = config.connect(NoTls).await.map_err(|e| words(&e))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self(client))
    }

    /// Runs one statement.
    pub(super) async fn ask(&self, statement: &str) -> Result<Answer, tokio_postgres::Error> {
        let messages = self.0.simple_query(statement).await?;
        let mut answer = Answer {
            columns: Vec::new(),
            rows: Vec::new(),
            count: 0,
        };
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    answer.columns = columns
                        .iter()
                        .map(|column| column.name().to_owned())
                        .collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                    answer.rows.push(values.collect());
                }
                SimpleQueryMessage::CommandComplete(count) => answer.count = count,
                _ => {}
            }
        }
        Ok(answer)
    }
}

/// An error on one line.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(db), _) => format!("{} ({})", db.message(), db.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
