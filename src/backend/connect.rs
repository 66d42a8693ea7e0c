//! How is a backend reached?
//!
//! Dials the endpoints of a backend's url, those known to be ill last, negotiates TLS as libpq's `sslmode` says, and logs in. Everything
//! is bounded by the url's `connect_timeout`; what goes wrong says which endpoint and why.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::rustls::{self, ClientConfig};

use super::control::Control;
use super::endpoints::{Endpoints, Standing};
use super::engine::{self, Keyless};
use super::login;
use super::server_conn::ServerConn;
use crate::config::{Backend, BackendUrl, Endpoint, SslMode, TargetSessionAttrs};
use crate::error::ClientError;
use crate::limits::HEALTH_TIMEOUT;
use crate::net::stream::{Stream, tune};
use crate::net::tls;
use crate::net::wire::Wire;
use crate::protocol::{sqlstate, startup};

/// For how many seconds the server has been running.
const UPTIME: &str = "SELECT pg_catalog.date_part('epoch', \
    pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.pg_postmaster_start_time())";

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody answered, or not as a PostgreSQL would.
    Unreachable(String),
    /// The server refused the login; its ErrorResponse, frame and all, fit for the client.
    Refused {
        /// The whole frame.
        frame: Vec<u8>,
        /// Its SQLSTATE.
        code: String,
        /// Its message.
        message: String,
    },
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConnectError::Unreachable(why) => f.write_str(why),
            ConnectError::Refused { code, message, .. } => {
                write!(f, "login refused: {message} ({code})")
            }
        }
    }
}

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub struct Login {
    /// Startup parameters in order, `user` and `database` among them.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// The password, if one is known.
    pub password: Option<SecretString>,
}

/// Connects to one backend.
#[derive(Clone)]
pub struct Connector {
    name: Arc<str>,
    index: usize,
    url: Arc<BackendUrl>,
    endpoints: Arc<Endpoints>,
    tls: Option<Arc<ClientConfig>>,
    keyless: Option<Keyless>,
    may_lose_cancels: bool,
}

impl Connector {
    /// Prepares for a backend.
    ///
    /// # Errors
    /// When its root certificates cannot be read.
    pub fn new(index: usize, backend: &Backend) -> Result<Self, String> {
        let tls = match backend.url.sslmode {
            SslMode::Disable => None,
            mode => Some(tls::client(mode, backend.url.sslrootcert.as_deref())?),
        };
        let name = backend.name.as_str().into();
        Ok(Self {
            name,
            index,
            url: Arc::new(backend.url.clone()),
            endpoints: Arc::new(Endpoints::new(backend.url.endpoints.len())),
            tls,
            keyless: engine::dialect(backend.engine).keyless(),
            may_lose_cancels: engine::dialect(backend.engine).may_lose_cancels(),
        })
    }

    /// Whether the other is a copy of this one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoints, &other.endpoints)
    }

    /// Connects to the first endpoint that answers as the url asks, and logs in.
    ///
    /// # Errors
    /// When no endpoint could be reached in time, or the server refused the login.
    pub async fn connect(&self, login: &Login) -> Result<ServerConn, ConnectError> {
        let mut last = ConnectError::Unreachable("it has no endpoint".to_owned());
        for last_resort in self.rounds() {
            for at in self.endpoints.order() {
                match self.connect_at(at, login, *last_resort).await {
                    Err(error) if error.another_may_do() => last = error,
                    done => return done,
                }
            }
        }
        Err(last)
    }

    /// Whether the first attempt and the last is the last resort.
    #[must_use]
    pub fn rounds(&self) -> &'static [bool] {
        match self.url.target_session_attrs {
            TargetSessionAttrs::PreferStandby => &[false, true],
            _ => &[true],
        }
    }

    /// Connects to one endpoint, by its index in the url, and logs in. What `target_session_attrs` only prefers not to use is used as the
    /// `last_resort`.
    ///
    /// # Errors
    /// When it could not be reached in time, lately neither, is not what the url asks for, or refused the login.
    pub async fn connect_at(
        &self,
        at: usize,
        login: &Login,
        last_resort: bool,
    ) -> Result<ServerConn, ConnectError> {
        let Some(endpoint) = self.url.endpoints.get(at) else {
            return Err(ConnectError::Unreachable("no such endpoint".to_owned()));
        };
        let begun = Instant::now();
        if let Some(why) = self.endpoints.paused(at, begun) {
            return Err(ConnectError::Unreachable(why));
        }
        let attempt = timeout(self.url.connect_timeout, self.log_in(endpoint, login)).await;
        let answer = attempt.unwrap_or_else(|_| {
            Err(ConnectError::Unreachable(format!(
                "no answer from {} within {:?}",
                show(endpoint),
                self.url.connect_timeout
            )))
        });
        let wanted = self.url.target_session_attrs;
        match answer {
            Ok(mut conn) => {
                conn.endpoint = at;
                let standing = standing_of(&conn, wanted);
                self.say(at, self.endpoints.answered(at, standing), standing, "");
                let will_do = last_resort && wanted == TargetSessionAttrs::PreferStandby;
                if standing == Standing::Fit || will_do {
                    return Ok(conn);
                }
                Err(ConnectError::Unreachable(format!(
                    "{} is not what target_session_attrs={} asks for",
                    show(endpoint),
                    wanted.as_str()
                )))
            }
            Err(error) => {
                // Who refuses one login may take the next.
                if error.another_may_do() {
                    let (why, now) = (error.to_string(), Instant::now());
                    let before = self.endpoints.failed(at, &why, now - begun, now);
                    self.say(at, before, Standing::Down, &why);
                }
                Err(error)
            }
        }
    }

    /// A server did not answer a probe in that time. Returns how to say so.
    #[must_use]
    pub fn note_silence(&self, at: usize, after: Duration) -> String {
        let endpoint = self.url.endpoints.get(at).map(show).unwrap_or_default();
        let why = format!("no answer from {endpoint} within {after:?}");
        let before = self.endpoints.failed(at, &why, after, Instant::now());
        self.say(at, before, Standing::Down, &why);
        why
    }

    /// Tells the log what has become of one of several servers.
    fn say(&self, at: usize, before: Standing, now: Standing, why: &str) {
        let Some(endpoint) = self.url.endpoints.get(at) else {
            return;
        };
        if before == now || self.url.endpoints.len() == 1 {
            return;
        }
        let (backend, server) = (self.name(), show(endpoint));
        match now {
            Standing::Fit => tracing::info!(backend, server, "server is in use again"),
            Standing::Unfit => tracing::info!(
                backend,
                server,
                "server is not what target_session_attrs asks for"
            ),
            Standing::Down => tracing::warn!(backend, server, why, "server is down"),
        }
    }

    /// What is known of the servers that the url names.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// When the server was started, a moment later at most. `None` where it does not say.
    pub async fn started(&self) -> Option<Instant> {
        let asked = Instant::now();
        let control = Control::connect(self, HEALTH_TIMEOUT).await.ok()?;
        let rows = control.rows(UPTIME).await.ok()?;
        let uptime = rows.first()?.first()?.as_deref()?.parse().ok()?;
        asked.checked_sub(Duration::try_from_secs_f64(uptime).ok()?)
    }

    /// Opens a socket to an endpoint, with TLS as the url asks, and says nothing on it yet.
    ///
    /// # Errors
    /// When it cannot be reached, or will not speak TLS as the url asks.
    pub async fn open(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        let fail = |e: io::Error| {
            ConnectError::Unreachable(format!("cannot connect to {}: {e}", show(endpoint)))
        };
        match endpoint {
            Endpoint::Unix(directory, port) => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                Ok(Stream::Unix(UnixStream::connect(path).await.map_err(fail)?))
            }
            Endpoint::Tcp { host, port } => {
                let socket = TcpStream::connect((host.as_str(), *port))
                    .await
                    .map_err(fail)?;
                tune(&socket).map_err(fail)?;
                self.negotiate(socket, host).await.map_err(fail)
            }
        }
    }

    async fn negotiate(&self, mut socket: TcpStream, host: &str) -> io::Result<Stream> {
        let Some(config) = self.tls.clone() else {
            return Ok(Stream::Tcp(socket));
        };
        if self.url.sslmode == SslMode::Allow {
            return Ok(Stream::Tcp(socket));
        }
        socket.write_all(&startup::encode_ssl_request()).await?;
        match socket.read_u8().await? {
            b'S' => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let connector = tokio_rustls::TlsConnector::from(config);
                let stream = connector.connect(name, socket).await?;
                Ok(Stream::TlsClient(Box::new(stream)))
            }
            b'N' if self.url.sslmode == SslMode::Prefer => Ok(Stream::Tcp(socket)),
            b'N' => Err(io::Error::other(
                "the server does not support TLS, which sslmode asks for",
            )),
            _ => Err(io::Error::other(
                "the server's answer to SSLRequest is neither S nor N",
            )),
        }
    }

    async fn log_in(&self, endpoint: &Endpoint, login: &Login) -> Result<ServerConn, ConnectError> {
        let wire = Wire::new(self.open(endpoint).await?);
        let mut conn = login::log_in(wire, self.index, endpoint, login).await?;
        if let Some(keyless) = self.keyless.filter(|_| conn.cancel.is_none()) {
            login::ask_own_id(&mut conn, endpoint, keyless.own_id).await?;
        }
        Ok(conn)
    }

    /// How statements of logins without a cancel key are ended, if they can be.
    #[must_use]
    pub fn keyless(&self) -> Option<Keyless> {
        self.keyless
    }

    /// Whether the engine forgets a cancel request that comes before it has begun with the statement.
    #[must_use]
    pub fn may_lose_cancels(&self) -> bool {
        self.may_lose_cancels
    }

    /// The url's user and password, for logins that are the router's own.
    #[must_use]
    pub fn own_login(&self, application: &str, extra: &[(&str, &str)]) -> Login {
        let user = self
            .url
            .user
            .clone()
            .unwrap_or_else(|| "postgres".to_owned());
        let mut parameters = vec![
            (b"user".to_vec(), user.into_bytes()),
            (b"database".to_vec(), self.url.database.clone().into_bytes()),
        ];
        for (name, value) in extra {
            parameters.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        // RisingWave hangs up on an empty last value, so the name comes last and is never empty.
        parameters.push((
            b"application_name".to_vec(),
            application.as_bytes().to_vec(),
        ));
        Login {
            parameters,
            password: self.url.password.clone(),
        }
    }

    /// The backend's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The backend's url.
    #[must_use]
    pub fn url(&self) -> &BackendUrl {
        &self.url
    }

    /// TLS settings, for the control plane.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    /// How an error of this backend is told to a client: by its name, not by its address.
    #[must_use]
    pub fn client_error(&self, error: &ConnectError) -> ClientError {
        let message = format!("backend \"{}\" cannot be reached", self.name);
        match error {
            ConnectError::Unreachable(_) => ClientError::unreachable(message)
                .hint("Nothing was run. Try again; the other backend is not affected."),
            ConnectError::Refused {
                message: why, code, ..
            } => ClientError::unreachable(message)
                .detail(format!("It refused the login: {why} ({code})."))
                .hint("Check the backend's user and password in router.yaml."),
        }
    }
}

impl ConnectError {
    /// Whether another server of the backend may let in whom this one did not, as libpq sees it.
    #[must_use]
    pub fn another_may_do(&self) -> bool {
        match self {
            ConnectError::Unreachable(_) => true,
            ConnectError::Refused { code, .. } => code == sqlstate::CANNOT_CONNECT_NOW,
        }
    }
}

/// Whether a server is of the kind that `target_session_attrs` asks for, by the parameters that PostgreSQL reports from version 14 on. A
/// server that does not report them is taken for a primary that can be written to.
fn standing_of(conn: &ServerConn, wanted: TargetSessionAttrs) -> Standing {
    let on = |name| {
        conn.parameters
            .iter()
            .any(|(known, value)| known == name && value == "on")
    };
    let (standby, read_only) = (on("in_hot_standby"), on("default_transaction_read_only"));
    let fit = match wanted {
        TargetSessionAttrs::Any => true,
        TargetSessionAttrs::ReadWrite => !standby && !read_only,
        TargetSessionAttrs::ReadOnly => standby || read_only,
        TargetSessionAttrs::Primary => !standby,
        TargetSessionAttrs::Standby | TargetSessionAttrs::PreferStandby => standby,
    };
    if fit { Standing::Fit } else { Standing::Unfit }
}

/// An endpoint for logs.
#[must_use]
pub fn show(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(directory, port) => format!("{}/.s.PGSQL.{port}", directory.display()),
    }
}
