//! How does a client log in?
//!
//! Encryption requests, the startup packet, authentication, and the client's own connection to the default backend, whose parameter
//! statuses and process id it is told (<https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.3>). Bytes that arrive before an
//! encryption handshake they should have waited for are refused, or an attacker could slip plain text into a protected
//! session (CVE-2021-23214).

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use secrecy::SecretString;
use tokio::time::timeout;

use super::cancel::CancelSlot;
use crate::backend::connect::{ConnectError, Login};
use crate::config::{Config, Pooling, TlsMode};
use crate::error::ClientError;
use crate::limits::{
    FAREWELL_TIMEOUT, NEGOTIATIONS_MAX, PASSWORD_BYTES_MAX, STARTUP_BYTES_MAX,
    TLS_HANDSHAKE_TIMEOUT,
};
use crate::net::stream::Stream;
use crate::net::wire::Wire;
use crate::pool::{Home, Lease, PoolKey, Unavailable};
use crate::protocol::frame::HEADER_BYTES;

use crate::protocol::sqlstate::{self, INVALID_AUTHORIZATION};
use crate::protocol::startup::{self, MINOR_VERSION_MAX, Startup, StartupPacket};
use crate::protocol::{backend, compose};
use crate::routing::SessionView;
use crate::server::{BackendHandle, Shared, Snapshot};
use crate::session::Start;

/// A client that may begin.
pub struct LoggedIn {
    /// The process id it was told.
    pub pid: i32,
    /// The cancel key it was told.
    pub key: Vec<u8>,
    /// What its session starts with.
    pub start: Start,
}

/// Takes a connection to the point where the session begins. `None` when it ended before: a cancel request, a refused login (the client was
/// told), a peer that left, or a replication connection that has been served.
pub async fn log_in(
    shared: &Arc<Shared>,
    snapshot: Arc<Snapshot>,
    stream: Stream,
) -> Option<LoggedIn> {
    let (mut wire, tls, packet) = match first_packet(&snapshot, stream).await {
        Ok(first) => first,
        Err(refusal) => {
            refuse(refusal).await;
            return None;
        }
    };
    let startup = match packet {
        StartupPacket::Startup(startup) => startup,
        StartupPacket::Cancel { pid, key } => {
            shared.cancels.cancel(pid, &key).await;
            return None;
        }
        StartupPacket::Ssl | StartupPacket::GssEnc => return None,
    };
    match begin(shared, &snapshot, &mut wire, tls, startup).await {
        Ok(begun) => {
            let start = Start {
                shared: Arc::clone(shared),
                snapshot,
                client: wire,
                oltp: begun.oltp.lease,
                key: begun.login,
                number: shared.number(),
                home: Arc::clone(&begun.oltp.home),
                last_conn: begun.oltp.conn,
                told: shared
                    .told
                    .keep(begun.oltp.parameters, |one, two| one == two),
                slot: begun.slot,
                view: begun.view,
            };
            let (pid, key) = (begun.oltp.home.pid(), begun.key);
            Some(LoggedIn { pid, key, start })
        }
        Err(Refused::Here(error)) => {
            refuse(Some((wire, error))).await;
            None
        }
        Err(Refused::ByBackend(frame)) => {
            let fields = backend::error_fields(frame.get(HEADER_BYTES..).unwrap_or_default());
            tracing::info!(
                sqlstate = fields.code,
                why = fields.message,
                "client refused by the backend"
            );
            wire.out.put_slice(&frame);
            let _ = timeout(FAREWELL_TIMEOUT, wire.close()).await;
            None
        }
        Err(Refused::Silently) => None,
    }
}

/// Tells a client that it cannot come in, once it can hear it: after TLS where it asks for that.
pub async fn turn_away(snapshot: &Snapshot, stream: Stream, error: ClientError) {
    if let Ok((wire, ..)) = first_packet(snapshot, stream).await {
        refuse(Some((wire, error))).await;
    }
}

/// What a login has come to.
struct Begun {
    key: Vec<u8>,
    slot: Arc<CancelSlot>,
    oltp: OltpLogin,
    login: Arc<PoolKey>,
    view: SessionView,
}

/// What the default backend said to a login.
struct OltpLogin {
    /// The connection, where the session keeps it.
    lease: Option<Lease>,
    /// Parameter statuses for the client.
    parameters: Vec<(String, String)>,
    /// What else the server says at the login, frames and all.
    notices: Vec<u8>,
    /// The process id for the client. Kept alive by the session, so that the connection that has it is known to be somebody's home.
    home: Arc<Home>,
    /// The connection that has it.
    conn: Option<u64>,
}

/// Why a login ended.
enum Refused {
    Here(ClientError),
    ByBackend(Vec<u8>),
    Silently,
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Refused::Here(error.fatal())
    }
}

async fn refuse(refusal: Option<(Wire, ClientError)>) {
    if let Some((mut wire, error)) = refusal {
        tracing::info!(
            sqlstate = error.sqlstate,
            why = error.message,
            "client refused"
        );
        compose::put_error(&mut wire.out, &error.fatal());
        let _ = timeout(FAREWELL_TIMEOUT, wire.close()).await;
    }
}

/// Reads packets until one is no encryption request. The error is told to the client where there is one to tell.
async fn first_packet(
    snapshot: &Snapshot,
    stream: Stream,
) -> Result<(Wire, bool, StartupPacket), Option<(Wire, ClientError)>> {
    let mut wire = Wire::new(stream);
    let mut tls = false;
    for _ in 0..=NEGOTIATIONS_MAX {
        let packet = match startup_packet(&mut wire).await {
            Ok(Some(packet)) => packet,
            Ok(None) => return Err(None),
            Err(error) => return Err(Some((wire, error))),
        };
        match packet {
            StartupPacket::Ssl | StartupPacket::GssEnc if !wire.inbox.is_empty() => {
                let message = "received unencrypted data after an encryption request";
                let detail =
                    "This could be a client defect, or somebody between client and router.";
                return Err(Some((wire, ClientError::protocol(message).detail(detail))));
            }
            StartupPacket::Ssl if snapshot.tls.is_some() && !tls => {
                wire = start_tls(snapshot, wire).await.ok_or(None)?;
                tls = true;
            }
            StartupPacket::Ssl | StartupPacket::GssEnc => {
                wire.out.put_u8(b'N');
                wire.drain().await.map_err(|_| None)?;
            }
            packet => {
                let cancels = matches!(packet, StartupPacket::Cancel { .. });
                let required = snapshot
                    .table
                    .config
                    .tls
                    .as_ref()
                    .is_some_and(|t| t.mode == TlsMode::Require);
                if required && !tls && !cancels && !wire.is_unix() {
                    let error = ClientError::refused(INVALID_AUTHORIZATION, "TLS is required")
                        .hint("Connect with sslmode=require or stronger.");
                    return Err(Some((wire, error)));
                }
                return Ok((wire, tls, packet));
            }
        }
    }
    Err(Some((
        wire,
        ClientError::protocol("too many encryption requests"),
    )))
}

async fn start_tls(snapshot: &Snapshot, mut wire: Wire) -> Option<Wire> {
    let tls = snapshot.tls.as_ref()?;
    wire.out.put_u8(b'S');
    wire.drain().await.ok()?;
    let Stream::Tcp(socket) = wire.into_stream()? else {
        return None;
    };
    let shaken = timeout(TLS_HANDSHAKE_TIMEOUT, tls.acceptor.accept(socket)).await;
    Some(Wire::new(Stream::TlsServer(Box::new(shaken.ok()?.ok()?))))
}

/// One packet of the startup phase: a length and a body. `None` when the peer left before it was whole.
async fn startup_packet(wire: &mut Wire) -> Result<Option<StartupPacket>, ClientError> {
    loop {
        if let Some(length) = wire.inbox.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if !(8..=STARTUP_BYTES_MAX).contains(&length) {
                return Err(ClientError::protocol("invalid length of startup packet"));
            }
            if wire.inbox.len() >= length {
                let mut packet = wire.inbox.split_to(length);
                packet.advance(4);
                return startup::decode(&packet)
                    .map(Some)
                    .map_err(|bad| ClientError::protocol(bad.to_string()));
            }
        }
        if wire.fill().await.is_err() {
            return Ok(None);
        }
    }
}

/// From the startup packet to the first ReadyForQuery.
async fn begin(
    shared: &Arc<Shared>,
    snapshot: &Arc<Snapshot>,
    wire: &mut Wire,
    tls: bool,
    startup: Startup,
) -> Result<Begun, Refused> {
    let user = text(startup.parameter("user"));
    if user.is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(ClientError::refused(INVALID_AUTHORIZATION, message).into());
    }
    let database = Some(text(startup.parameter("database"))).filter(|d| !d.is_empty());
    let database = database.unwrap_or_else(|| user.clone());
    if startup.minor > MINOR_VERSION_MAX || !startup.protocol_options.is_empty() {
        let minor = startup.minor.min(MINOR_VERSION_MAX);
        compose::put_negotiate_version(&mut wire.out, minor, &startup.protocol_options);
    }
    authenticate(snapshot, wire, &user, tls).await?;
    let config = &snapshot.table.config;
    let login = oltp_login(config, &startup, &user, config.oltp_database(&database));
    if is_replication(&startup) {
        replicate(shared, snapshot, wire, &login).await?;
        return Err(Refused::Silently);
    }
    let login = shared.logins.keep(PoolKey::new(login), PoolKey::is_same);
    let oltp = match config.pooling {
        Pooling::Session => own_connection(shared, snapshot, &login.login).await?,
        Pooling::Transaction => pooled_connection(shared, snapshot, &login).await?,
    };
    compose::put_authentication_ok(&mut wire.out);
    wire.out.extend_from_slice(&oltp.notices);
    for (name, value) in &oltp.parameters {
        compose::put_parameter_status(&mut wire.out, name, value);
    }
    let long = startup.minor >= MINOR_VERSION_MAX;
    let key: Vec<u8> = if long {
        rand::random::<[u8; 32]>().to_vec()
    } else {
        rand::random::<[u8; 4]>().to_vec()
    };
    let slot = shared.cancels.add(oltp.home.pid(), &key);
    compose::put_key_data(&mut wire.out, oltp.home.pid(), &key);
    compose::put_ready(&mut wire.out, b'I');
    let application = text(startup.parameter("application_name"));
    let view = SessionView::new(&user, &database, &application);
    Ok(Begun {
        key,
        slot,
        oltp,
        login,
        view,
    })
}

/// A process id for a client that logs in while the default backend is down.
fn own_pid() -> i32 {
    i32::try_from(rand::random::<u32>() >> 2)
        .unwrap_or(1)
        .max(1)
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

async fn authenticate(
    snapshot: &Snapshot,
    wire: &mut Wire,
    user: &str,
    tls: bool,
) -> Result<(), Refused> {
    let Some(mut exchange) = snapshot.auth.begin(user, tls, &mut wire.out)? else {
        return Ok(());
    };
    loop {
        wire.drain().await.map_err(|_| Refused::Silently)?;
        let message = password_message(wire).await?;
        let body = message.get(HEADER_BYTES..).unwrap_or_default();
        if exchange.answer(body, &mut wire.out)? {
            return Ok(());
        }
    }
}

async fn password_message(wire: &mut Wire) -> Result<BytesMut, Refused> {
    loop {
        let head = wire
            .head()
            .map_err(|bad| ClientError::protocol(bad.to_string()))?;
        if let Some(head) = head {
            if head.tag != b'p' || head.total > PASSWORD_BYTES_MAX {
                let message = format!("expected password response, got message type {}", head.tag);
                return Err(ClientError::protocol(message).into());
            }
            if wire.inbox.len() >= head.total {
                return Ok(wire.inbox.split_to(head.total));
            }
        }
        wire.fill().await.map_err(|_| Refused::Silently)?;
    }
}

/// The client's login as the default backend gets it: its own user, database and parameters, and the password that the configuration knows for
/// that user.
fn oltp_login(config: &Config, startup: &Startup, user: &str, database: &str) -> Login {
    let url = &config.default_backend().url;
    let mut parameters = startup.parameters.clone();
    parameters.retain(|(name, _)| name != b"database");
    parameters.push((b"database".to_vec(), database.as_bytes().to_vec()));
    let own: Option<SecretString> = url
        .password
        .clone()
        .filter(|_| url.user.as_deref() == Some(user));
    let listed = || {
        config
            .auth
            .users
            .get(user)
            .and_then(|user| user.password.clone())
    };
    Login {
        parameters,
        password: own.or_else(listed),
    }
}

/// The session's own connection, which it keeps.
async fn own_connection(
    shared: &Shared,
    snapshot: &Snapshot,
    login: &Login,
) -> Result<OltpLogin, Refused> {
    let Some(conn) = connect_oltp(shared, snapshot, login).await? else {
        return Ok(while_down(shared));
    };
    Ok(OltpLogin {
        parameters: conn.parameters.clone(),
        notices: conn.notices.clone(),
        home: home(shared, conn.cancel.as_ref().map_or_else(own_pid, |c| c.pid)),
        conn: Some(conn.id),
        lease: Some(Lease::owned(conn)),
    })
}

/// A look at a pooled connection with this login, which is given back at once. The client is told its process id, and comes back to it
/// while it can. Where the pool is full and the login is known to be good, none is waited for.
async fn pooled_connection(
    shared: &Shared,
    snapshot: &Snapshot,
    login: &Arc<PoolKey>,
) -> Result<OltpLogin, Refused> {
    let Some(backend) = snapshot.oltp() else {
        return Ok(while_down(shared));
    };
    let known = backend
        .pool
        .greeting_of(login)
        .filter(|_| backend.pool.is_open_for(login) && backend.pool.is_full_for(login));
    if let Some(greeting) = known {
        return Ok(OltpLogin {
            lease: None,
            parameters: named_after(&greeting.parameters, login),
            notices: greeting.notices.clone(),
            home: home(shared, own_pid()),
            conn: None,
        });
    }
    let mut lease = match backend.pool.checkout_as(login, None).await {
        Ok(lease) => lease,
        Err(Unavailable::Full(error)) => return Err(error.into()),
        Err(Unavailable::Connect(error)) => {
            failed_login(shared, backend, error)?;
            return Ok(while_down(shared));
        }
    };
    let greeting = backend.pool.greeting_of(login);
    let conn = lease.conn_mut();
    let (parameters, notices) = greeting.map_or_else(
        || (conn.parameters.clone(), conn.notices.clone()),
        |known| (named_after(&known.parameters, login), known.notices.clone()),
    );
    remember(shared, &parameters);
    let free = conn.home.strong_count() == 0;
    let target = conn.cancel.as_ref().filter(|_| free);
    let home = home(shared, target.map_or_else(own_pid, |c| c.pid));
    let id = conn.id;
    if free {
        conn.home = Arc::downgrade(&home);
    }
    lease.give_back(false);
    Ok(OltpLogin {
        lease: None,
        parameters,
        notices,
        home,
        conn: Some(id),
    })
}

fn home(shared: &Shared, pid: i32) -> Arc<Home> {
    Arc::new(Home::new(pid, &shared.drain))
}

/// The parameter statuses of a login that differs from another one in its `application_name` only.
fn named_after(parameters: &[(String, String)], login: &PoolKey) -> Vec<(String, String)> {
    let mut parameters = parameters.to_vec();
    for (name, value) in &mut parameters {
        if name == "application_name" {
            *value = login.application.to_string();
        }
    }
    parameters
}

/// What a client gets that logs in while the default backend is down, once its parameters have been seen: analytic reads go on.
fn while_down(shared: &Shared) -> OltpLogin {
    OltpLogin {
        lease: None,
        parameters: shared.parameters.load().to_vec(),
        notices: Vec::new(),
        home: home(shared, own_pid()),
        conn: None,
    }
}

fn remember(shared: &Shared, parameters: &[(String, String)]) {
    if shared.parameters.load().is_empty() {
        shared.parameters.store(Arc::new(parameters.to_vec()));
    }
}

async fn connect_oltp(
    shared: &Shared,
    snapshot: &Snapshot,
    login: &Login,
) -> Result<Option<crate::backend::ServerConn>, Refused> {
    let Some(backend) = snapshot.oltp() else {
        return Ok(None);
    };
    match backend.connector.connect(login).await {
        Ok(conn) => {
            remember(shared, &conn.parameters);
            Ok(Some(conn))
        }
        Err(error) => {
            tracing::warn!(backend = backend.connector.name(), %error, "cannot connect");
            failed_login(shared, backend, error)?;
            Ok(None)
        }
    }
}

/// Whether a client may log in though the default backend could not be logged in to.
fn failed_login(
    shared: &Shared,
    backend: &BackendHandle,
    error: ConnectError,
) -> Result<(), Refused> {
    match error {
        ConnectError::Refused { frame, code, .. } if code != sqlstate::CANNOT_CONNECT_NOW => {
            Err(Refused::ByBackend(frame))
        }
        error if shared.parameters.load().is_empty() => {
            Err(backend.connector.client_error(&error).into())
        }
        _ => Ok(()),
    }
}

fn is_replication(startup: &Startup) -> bool {
    let value = text(startup.parameter("replication")).to_ascii_lowercase();
    !matches!(
        value.as_str(),
        "" | "false" | "off" | "no" | "0" | "f" | "n"
    )
}

/// A replication connection is passed straight through, on a connection of its own.
async fn replicate(
    shared: &Shared,
    snapshot: &Snapshot,
    wire: &mut Wire,
    login: &Login,
) -> Result<(), Refused> {
    let Some(mut conn) = connect_oltp(shared, snapshot, login).await? else {
        return Ok(());
    };
    compose::put_authentication_ok(&mut wire.out);
    wire.out.extend_from_slice(&conn.notices);
    for (name, value) in &conn.parameters {
        compose::put_parameter_status(&mut wire.out, name, value);
    }
    let target = conn.cancel.clone();
    let (pid, key) = (
        target.as_ref().map_or_else(own_pid, |c| c.pid),
        rand::random::<[u8; 4]>(),
    );
    let slot = shared.cancels.add(pid, &key);
    if let Some(backend) = snapshot.oltp() {
        slot.point(&backend.connector, target.as_ref());
    }
    compose::put_key_data(&mut wire.out, pid, &key);
    compose::put_ready(&mut wire.out, b'I');
    crate::net::wire::relay(wire, &mut conn.wire).await;
    let _ = slot.release();
    shared.cancels.remove(pid, &key);
    Ok(())
}
