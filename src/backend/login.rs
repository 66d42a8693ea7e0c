//! How does the router log in to a backend?
//!
//! Protocol 3.0, answering trust, cleartext, MD5 and SCRAM-SHA-256 requests
//! (<https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.3>). RisingWave sends BackendKeyData before the parameter
//! statuses, and none at all after a password; both are taken as they come.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use pgwire::api::auth::md5pass::hash_md5_password;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use secrecy::ExposeSecret;

use super::connect::{ConnectError, Login, show};
use super::server_conn::{CancelTarget, ServerConn};
use crate::config::Endpoint;
use crate::error::ClientError;
use crate::limits::BACKEND_MESSAGE_BYTES_MAX;
use crate::net::wire::Wire;
use crate::protocol::frame::{Body, HEADER_BYTES};
use crate::protocol::frontend::{put_frame, put_query};
use crate::protocol::sqlstate::INVALID_PASSWORD;
use crate::protocol::{backend, compose, startup};

/// Sends the startup packet and answers until ReadyForQuery.
///
/// # Errors
/// When the server refuses, asks for what is not spoken or known, or breaks the protocol.
pub async fn log_in(
    mut wire: Wire,
    index: usize,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<ServerConn, ConnectError> {
    let broken = |why: String| ConnectError::Unreachable(format!("{}: {why}", show(endpoint)));
    wire.out.put_slice(&startup::encode(&login.parameters));
    let mut conn = ServerConn::new(wire, index);
    let mut scram = None;
    loop {
        conn.wire.drain().await.map_err(|e| broken(e.to_string()))?;
        let frame = next_frame(&mut conn.wire).await.map_err(broken)?;
        let (tag, body) = (
            frame.first().copied(),
            frame.get(HEADER_BYTES..).unwrap_or_default(),
        );
        match tag {
            Some(b'R') if login.password.is_none() && asks_for_password(body) => {
                return Err(no_password(login));
            }
            Some(b'R') => answer(body, login, &mut scram, &mut conn.wire.out).map_err(broken)?,
            Some(b'S') => {
                if let Some((name, value)) = backend::parameter_status(body) {
                    let (name, value) = (
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(value),
                    );
                    conn.note_parameter(&name, &value);
                }
            }
            Some(b'K') => {
                conn.cancel = backend::key_data(body).map(|(pid, key)| {
                    Arc::new(CancelTarget {
                        endpoint: endpoint.clone(),
                        pid,
                        key: Some(key.to_vec()),
                    })
                });
            }
            Some(b'Z') => {
                conn.status = backend::ready_status(body).unwrap_or(b'I');
                return Ok(conn);
            }
            Some(b'E') => {
                let fields = backend::error_fields(body);
                let (code, message) = (fields.code, fields.message);
                return Err(ConnectError::Refused {
                    frame: frame.to_vec(),
                    code,
                    message,
                });
            }
            Some(b'N') => conn.notices.extend_from_slice(&frame),
            _ => return Err(broken("it does not speak PostgreSQL's protocol".to_owned())),
        }
    }
}

/// Asks a connection for its session's number by a query, so that its statements can be ended without a key. One that cannot say is
/// used as it is.
///
/// # Errors
/// When it is lost, or breaks the protocol.
pub async fn ask_own_id(
    conn: &mut ServerConn,
    endpoint: &Endpoint,
    query: &str,
) -> Result<(), ConnectError> {
    let broken = |why: String| ConnectError::Unreachable(format!("{}: {why}", show(endpoint)));
    put_query(&mut conn.wire.out, query.as_bytes());
    conn.wire.drain().await.map_err(|e| broken(e.to_string()))?;
    loop {
        let frame = next_frame(&mut conn.wire).await.map_err(broken)?;
        let body = frame.get(HEADER_BYTES..).unwrap_or_default();
        match frame.first() {
            Some(b'D') => {
                let row = backend::data_row(body).unwrap_or_default();
                let text = row.first().copied().flatten().unwrap_or_default();
                let id = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
                conn.cancel = id.map(|pid| {
                    Arc::new(CancelTarget {
                        endpoint: endpoint.clone(),
                        pid,
                        key: None,
                    })
                });
            }
            Some(b'Z') => return Ok(()),
            _ => {}
        }
    }
}

/// Whether an Authentication message asks for cleartext, MD5 or SASL.
fn asks_for_password(body: &[u8]) -> bool {
    matches!(Body(body).i32(), Some(3 | 5 | 10))
}

/// What a client is told whose password the router does not have: nothing of the server's, which never got to refuse it.
fn no_password(login: &Login) -> ConnectError {
    let user = login.parameters.iter().find(|(name, _)| name == b"user");
    let user = user
        .map(|(_, value)| String::from_utf8_lossy(value))
        .unwrap_or_default();
    let message = format!("password authentication failed for user \"{user}\"");
    let error = ClientError::refused(INVALID_PASSWORD, message.clone())
        .detail("The backend asks for a password, and router.yaml has none for this user.")
        .hint("List the user with its password under auth: users: in router.yaml.")
        .fatal();
    let mut frame = BytesMut::new();
    compose::put_error(&mut frame, &error);
    let (frame, code) = (frame.to_vec(), INVALID_PASSWORD.to_owned());
    ConnectError::Refused {
        frame,
        code,
        message,
    }
}

async fn next_frame(wire: &mut Wire) -> Result<BytesMut, String> {
    loop {
        if let Some(head) = wire.head().map_err(|e| e.to_string())? {
            if head.total > BACKEND_MESSAGE_BYTES_MAX {
                return Err("its message is too long".to_owned());
            }
            if wire.inbox.len() >= head.total {
                return Ok(wire.inbox.split_to(head.total));
            }
        }
        wire.fill()
            .await
            .map_err(|e| format!("connection lost while logging in: {e}"))?;
    }
}

/// Answers one Authentication message.
fn answer(
    body: &[u8],
    login: &Login,
    scram: &mut Option<ScramSha256>,
    out: &mut BytesMut,
) -> Result<(), String> {
    let mut body = Body(body);
    let code = body.i32().ok_or("a short authentication message")?;
    let password = || match &login.password {
        Some(password) => Ok(password.expose_secret().as_bytes()),
        None => Err("the server asks for a password and none is configured".to_owned()),
    };
    match code {
        0 => {}
        3 => put_password(out, password()?),
        5 => {
            let user = login.parameters.iter().find(|(name, _)| name == b"user");
            let user = user
                .map(|(_, value)| String::from_utf8_lossy(value))
                .unwrap_or_default();
            let password = String::from_utf8_lossy(password()?);
            let hash = hash_md5_password(&user, &password, body.bytes(4).ok_or("a short salt")?);
            put_password(out, hash.as_bytes());
        }
        10 => {
            let mut offered = std::iter::from_fn(|| body.cstr().filter(|name| !name.is_empty()));
            if !offered.any(|name| name == SCRAM_SHA_256.as_bytes()) {
                return Err(
                    "the server offers no SASL mechanism but SCRAM-SHA-256 is spoken".into(),
                );
            }
            let exchange = ScramSha256::new(password()?, ChannelBinding::unsupported());
            put_frame(out, b'p', |out| {
                out.put_slice(SCRAM_SHA_256.as_bytes());
                out.put_u8(0);
                out.put_i32(i32::try_from(exchange.message().len()).unwrap_or(0));
                out.put_slice(exchange.message());
            });
            *scram = Some(exchange);
        }
        11 => {
            let exchange = scram.as_mut().ok_or("SASL continues before it began")?;
            exchange.update(body.0).map_err(|e| e.to_string())?;
            put_frame(out, b'p', |out| out.put_slice(exchange.message()));
        }
        12 => {
            let exchange = scram.as_mut().ok_or("SASL ends before it began")?;
            exchange.finish(body.0).map_err(|e| e.to_string())?;
        }
        other => {
            return Err(format!(
                "the server asks for authentication {other}, which is not spoken"
            ));
        }
    }
    Ok(())
}

fn put_password(out: &mut BytesMut, password: &[u8]) {
    put_frame(out, b'p', |out| {
        out.put_slice(password);
        out.put_u8(0);
    });
}
