//! How does the router itself ask a backend something?
//!
//! With `tokio-postgres`, on connections of the control plane's own: catalogs and health never compete with clients for a pool. Only simple
//! queries are used, since RisingWave cannot answer the type look-ups that others cause.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_postgres::config::SslMode as PgSslMode;
use tokio_postgres::{NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Connector;
use crate::config::{Endpoint, SslMode};

/// A connection for questions.
pub struct Control {
    client: tokio_postgres::Client,
    limit: Duration,
}

impl Control {
    /// Connects with the url's user.
    ///
    /// # Errors
    /// One line without secrets.
    pub async fn connect(connector: &Connector, limit: Duration) -> Result<Self, String> {
        let url = connector.url();
        let mut config = tokio_postgres::Config::new();
        let order = connector.endpoints().order();
        for endpoint in order.into_iter().filter_map(|at| url.endpoints.get(at)) {
            match endpoint {
                Endpoint::Tcp { host, port } => config.host(host).port(*port),
                Endpoint::Unix(directory, port) => config.host_path(directory).port(*port),
            };
        }
        config
            .user(url.user.as_deref().unwrap_or("postgres"))
            .dbname(&url.database)
            .application_name("tidegate")
            .connect_timeout(url.connect_timeout)
            .ssl_mode(match url.sslmode {
                SslMode::Disable | SslMode::Allow => PgSslMode::Disable,
                SslMode::Prefer => PgSslMode::Prefer,
                _ => PgSslMode::Require,
            });
        if let Some(password) = &url.password {
            config.password(password.expose_secret());
        }
        let client = timeout(limit.max(url.connect_timeout), open(&config, connector)).await;
        let client = client.map_err(|_| format!("no answer within {limit:?}"))??;
        Ok(Self { client, limit })
    }

    /// Runs a query and returns its rows as text.
    ///
    /// # Errors
    /// The server's message, or that there was no answer in time.
    pub async fn rows(&self, query: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let answer = timeout(self.limit, self.client.simple_query(query)).await;
        let messages = answer
            .map_err(|_| format!("no answer within {:?}", self.limit))?
            .map_err(|error| explain(&error))?;
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
}

async fn open(
    config: &tokio_postgres::Config,
    connector: &Connector,
) -> Result<tokio_postgres::Client, String> {
    match connector.tls() {
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls.as_ref().clone());
            let (client, connection) = config.connect(tls).await.map_err(|e| explain(&e))?;
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(|e| explain(&e))?;
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        }
    }
}

/// An error with its cause, on one line.
fn explain(error: &tokio_postgres::Error) -> String {
    let cause = match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    cause.lines().next().unwrap_or_default().to_owned()
}
