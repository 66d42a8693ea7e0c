//! How does the router itself ask a backend something?
//!
//! With `tokio-postgres`, on connections of the control plane's own: catalogs and health never compete with clients for a pool. Only simple
//! queries are used, since RisingWave cannot answer the type look-ups that others cause.

use std::future::poll_fn;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::config::SslMode as PgSslMode;
use tokio_postgres::{AsyncMessage, Connection, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Connector;
use crate::config::{Endpoint, SslMode};

/// A connection for questions.
pub struct Control {
    client: tokio_postgres::Client,
    limit: Duration,
}

/// A connection that is told something.
pub struct Listener {
    /// Kept open for as long as anybody listens.
    _control: Control,
    told: mpsc::Receiver<()>,
}

impl Listener {
    /// Connects with the url's user and listens to a channel.
    ///
    /// # Errors
    /// One line without secrets.
    pub async fn connect(
        connector: &Connector,
        limit: Duration,
        channel: &str,
    ) -> Result<Self, String> {
        // One notification that waits stands for any number of them.
        let (tell, told) = mpsc::channel(1);
        let control = Control::open(connector, limit, Some(tell)).await?;
        control.rows(&format!("LISTEN {channel}")).await?;
        let _control = control;
        Ok(Self { _control, told })
    }

    /// Waits for a notification; `None` when the connection is lost.
    pub async fn heard(&mut self) -> Option<()> {
        self.told.recv().await
    }
}

impl Control {
    /// Connects with the url's user.
    ///
    /// # Errors
    /// One line without secrets.
    pub async fn connect(connector: &Connector, limit: Duration) -> Result<Self, String> {
        Self::open(connector, limit, None).await
    }

    async fn open(
        connector: &Connector,
        limit: Duration,
        tell: Option<mpsc::Sender<()>>,
    ) -> Result<Self, String> {
        let url = connector.url();
        let config = login(connector);
        let opened = timeout(
            limit.max(url.connect_timeout),
            open(&config, connector, tell),
        )
        .await;
        let client = opened.map_err(|_| format!("no answer within {limit:?}"))??;
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

/// How the router logs in with the url's user.
fn login(connector: &Connector) -> tokio_postgres::Config {
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
        .application_name("tidegate control")
        .connect_timeout(url.connect_timeout)
        .ssl_mode(match url.sslmode {
            SslMode::Disable | SslMode::Allow => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            _ => PgSslMode::Require,
        });
    if let Some(password) = &url.password {
        config.password(password.expose_secret());
    }
    config
}

async fn open(
    config: &tokio_postgres::Config,
    connector: &Connector,
    tell: Option<mpsc::Sender<()>>,
) -> Result<tokio_postgres::Client, String> {
    match connector.tls() {
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls.as_ref().clone());
            let (client, connection) = config.connect(tls).await.map_err(|e| explain(&e))?;
            tokio::spawn(drive(connection, tell));
            Ok(client)
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(|e| explain(&e))?;
            tokio::spawn(drive(connection, tell));
            Ok(client)
        }
    }
}

/// Moves a connection's bytes until it ends, and tells of notifications.
async fn drive<T>(mut connection: Connection<Socket, T>, tell: Option<mpsc::Sender<()>>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let (AsyncMessage::Notification(_), Some(tell)) = (message, &tell) {
            let _ = tell.try_send(());
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
