//! Has somebody said that the catalog changed?
//!
//! DDL that is run directly on the default backend is seen at the next `discover:` interval, or at once where an event trigger sends
//! `NOTIFY tidegate_ddl` (docs/routing.md has it). One connection of the control plane listens; where the server does
//! not allow that (a standby, another pooler in between), the interval remains. It leaves for `DROP DATABASE` and the like, as idle connections do.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::control::Listener;
use crate::limits::{DISCOVERY_TIMEOUT, HEALTH_INTERVAL};
use crate::server::{Shared, Snapshot};

/// The channel.
pub const CHANNEL: &str = "tidegate_ddl";
/// How long after a lost connection it is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Listens for as long as the router lives.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let snapshot = shared.snapshot();
        let lost = async {
            if snapshot.table.config.discover.is_some() {
                listen(&shared, &snapshot).await;
            }
            tokio::time::sleep(RETRY).await;
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = lost => {}
        }
    }
}

/// Until the connection is lost or another configuration is in force.
async fn listen(shared: &Shared, snapshot: &Snapshot) {
    let Some(backend) = snapshot.oltp() else {
        return;
    };
    let listening = Listener::connect(&backend.connector, DISCOVERY_TIMEOUT, CHANNEL).await;
    let mut listener = match listening {
        Ok(listener) => listener,
        Err(why) => {
            tracing::debug!(why, "cannot listen for changes of the catalog");
            return;
        }
    };
    // What changed while nobody listened was not heard.
    shared.ddl_passed.notify_one();
    loop {
        tokio::select! {
            heard = listener.heard() => match heard {
                Some(()) => shared.ddl_passed.notify_one(),
                None => return,
            },
            () = shared.hush.notified() => return,
            () = tokio::time::sleep(HEALTH_INTERVAL) => {
                let now = shared.snapshot();
                if !Arc::ptr_eq(&now.table.config, &snapshot.table.config) {
                    return;
                }
            }
        }
    }
}
