//! Does a backend answer?
//!
//! A probe every few seconds, on a connection of its own, says so in `tidegate_backend_up`, `/readyz` and the status page. No statement is
//! routed by it: one whose backend is down finds out by itself, at once. But where a url names several servers, each is
//! probed, and new connections go first to those that are well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::control::Control;
use super::endpoints::Standing;
use crate::limits::{HEALTH_INTERVAL, HEALTH_TIMEOUT};
use crate::server::{BackendHandle, Shared};

/// No probe was made yet.
pub const UNKNOWN: usize = 0;
/// The last probe failed.
pub const DOWN: usize = 1;
/// The last probe succeeded.
pub const UP: usize = 2;

/// Probes all backends for as long as the router lives.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let backends = Arc::clone(&shared.snapshot().backends);
        let mut probes = JoinSet::new();
        for index in 0..backends.len() {
            let backends = Arc::clone(&backends);
            probes.spawn(async move {
                let Some(backend) = backends.get(index) else {
                    return false;
                };
                let before = backend.health.load(Ordering::Relaxed);
                probe(backend).await;
                before != UNKNOWN && before != backend.health.load(Ordering::Relaxed)
            });
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            changed = probes.join_all() => if changed.contains(&true) {
                // What can be read may have changed with it.
                shared.ddl_passed.notify_one();
            },
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
        }
    }
}

/// Probes one backend and takes note.
pub async fn probe(backend: &BackendHandle) {
    let answer = match backend.connector.endpoints().count() {
        0 | 1 => ask(backend).await,
        several => probe_each(backend, several).await,
    };
    let now = if answer.is_ok() { UP } else { DOWN };
    backend.metrics.up.set(if now == UP { 1.0 } else { 0.0 });
    let before = backend.health.swap(now, Ordering::Relaxed);
    let name = backend.connector.name();
    match (before, now, answer) {
        (UP | UNKNOWN, DOWN, Err(why)) => tracing::warn!(backend = name, why, "backend is down"),
        (DOWN, UP, _) => tracing::info!(backend = name, "backend is up again"),
        _ => {}
    }
}

async fn ask(backend: &BackendHandle) -> Result<(), String> {
    let control = Control::connect(&backend.connector, HEALTH_TIMEOUT).await?;
    match backend.dialect.recovery() {
        Some((query, well)) => recovered(&control, query, well).await?,
        None => drop(control.rows("SELECT 1").await?),
    }
    backend.connector.endpoints().answered(0, Standing::Fit);
    Ok(())
}

/// An engine that answers may still be unable to read what it holds.
async fn recovered(control: &Control, query: &str, well: &str) -> Result<(), String> {
    let Ok(rows) = control.rows(query).await else {
        // A version that does not know the question is well if it answers another.
        return control.rows("SELECT 1").await.map(drop);
    };
    let said = rows.first().and_then(|row| row.first()?.as_deref());
    match said {
        Some(said) if said == well => Ok(()),
        said => Err(format!("it recovers ({})", said.unwrap_or("no word of it"))),
    }
}

/// Logs in to each server, and leaves those that are not to be used. What is known of them is taken note of on the way.
async fn probe_each(backend: &BackendHandle, servers: usize) -> Result<(), String> {
    let (connector, pool) = (&backend.connector, &backend.pool);
    let mut answer = Err("it has no endpoint".to_owned());
    for at in 0..servers {
        let login = connector.own_login("tidegate", &[]);
        let attempt = timeout(HEALTH_TIMEOUT, connector.connect_at(at, &login, true)).await;
        let said = match attempt {
            Ok(Ok(mut conn)) => {
                conn.say_goodbye().await;
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(connector.note_silence(at, HEALTH_TIMEOUT)),
        };
        if !pool.is_in_use(at) {
            pool.leave(at).await;
        }
        let up = connector.endpoints().standing(at) != Standing::Down;
        backend.metrics.set_server_up(at, up);
        if answer.is_err() {
            answer = said;
        }
    }
    answer
}
