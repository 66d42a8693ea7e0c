//! What do the backends of a router.yaml hold, for a command that asks once?

use std::sync::Arc;

use super::runtime;
use crate::catalog::{Catalog, discovery};
use crate::config::Config;
use crate::server::Snapshot;
use crate::telemetry::metrics::Metrics;

/// Reads every backend's catalog; offline, and with `discover: off`, nothing is known of any.
///
/// # Errors
/// One line for each backend that cannot be read.
pub(super) fn read(config: &Arc<Config>, offline: bool) -> Result<Catalog, Vec<String>> {
    let unknown = Catalog::unknown(config.backends.len());
    if offline || config.discover.is_none() {
        return Ok(unknown);
    }
    runtime(None)?.block_on(async {
        let snapshot = Snapshot::build(
            Arc::clone(config),
            Arc::new(unknown.clone()),
            0,
            &Metrics::new(),
        )?;
        let (catalog, failed) = discovery::read_all(&snapshot, &unknown).await;
        if failed.is_empty() {
            return Ok(catalog);
        }
        let line = |(index, why): (usize, String)| {
            let name = snapshot.table.backend_name(index);
            format!("backend \"{name}\" cannot be read: {why}; --offline routes by rules alone")
        };
        Err(failed.into_iter().map(line).collect())
    })
}
