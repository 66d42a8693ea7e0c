//! How is a running statement cancelled?
//!
//! By a second connection that carries the key of the first (<https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.9>). The
//! server answers nothing but closes once it has taken note; waiting for that close is what makes it safe to hand
//! the cancelled connection to somebody else afterwards. Where a server gave no key, its engine may know a statement that does the same.

use bytes::BufMut;
use tokio::time::timeout;

use super::connect::Connector;
use super::control::Control;
use super::server_conn::CancelTarget;
use crate::limits::CANCEL_TIMEOUT;
use crate::net::wire::Wire;
use crate::protocol::startup;

/// Sends a cancel request and waits until the server has taken it, for at most [`CANCEL_TIMEOUT`].
pub async fn cancel(connector: &Connector, target: &CancelTarget) {
    let Some(key) = &target.key else {
        return kill(connector, target.pid).await;
    };
    let attempt = async {
        let Ok(stream) = connector.open(&target.endpoint).await else {
            return;
        };
        let mut wire = Wire::new(stream);
        wire.out.put_slice(&startup::encode_cancel(target.pid, key));
        if wire.drain().await.is_ok() {
            let _ = wire.fill().await;
        }
    };
    if timeout(CANCEL_TIMEOUT, attempt).await.is_err() {
        tracing::warn!(
            backend = connector.name(),
            "cancel request was not taken in time"
        );
    }
}

/// Ends what a session runs by SQL, on a connection of the control plane's own.
async fn kill(connector: &Connector, pid: i32) {
    let Some(keyless) = connector.keyless() else {
        return;
    };
    let attempt = async {
        let control = Control::connect(connector, CANCEL_TIMEOUT).await?;
        let sessions = control.rows(keyless.sessions).await?;
        match (keyless.kill)(&sessions, pid) {
            Some(statement) => control.rows(&statement).await.map(drop),
            None => Err("its session is not listed, or not only once".to_owned()),
        }
    };
    let why = match timeout(CANCEL_TIMEOUT, attempt).await {
        Ok(Ok(())) => return,
        Ok(Err(why)) => why,
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        backend = connector.name(),
        why,
        "cannot end a statement by SQL"
    );
}
