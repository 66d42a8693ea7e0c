//! How are the backends?
//!
//! One value behind the status page, `/api/status` and `SHOW tidegate.backends`. It holds no address and no password.

use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::backend::health;
use crate::server::{BackendHandle, Snapshot};

/// One backend at one moment.
#[derive(Debug, Serialize)]
pub struct BackendStatus {
    /// Its name in router.yaml.
    pub name: String,
    /// Its engine.
    pub engine: &'static str,
    /// Whether it is the default one.
    pub default: bool,
    /// What the last probe said: `up`, `down` or `unknown`.
    pub health: &'static str,
    /// Relations in its catalog, if that was read.
    pub relations: Option<usize>,
    /// Relations that cannot be read yet, and why.
    pub not_ready: Vec<String>,
    /// What of its catalog could not be read, and why.
    pub gaps: Vec<String>,
}

impl BackendStatus {
    /// All backends, in the order of router.yaml.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let backends = snapshot.backends.iter().enumerate();
        backends
            .map(|(index, at)| Self::of(index, at, snapshot))
            .collect()
    }

    fn of(index: usize, backend: &BackendHandle, snapshot: &Snapshot) -> Self {
        let table = &snapshot.table;
        let catalog = table.catalog.backend(index);
        let configured = table.config.backends.get(index);
        Self {
            name: backend.connector.name().to_owned(),
            engine: configured.map_or("?", |backend| backend.engine.as_str()),
            default: index == table.config.default,
            health: match backend.health.load(Ordering::Relaxed) {
                health::UP => "up",
                health::DOWN => "down",
                _ => "unknown",
            },
            relations: catalog.map(crate::catalog::BackendCatalog::len),
            not_ready: catalog
                .map(|known| known.list_unready())
                .unwrap_or_default(),
            gaps: catalog.map(|known| known.gaps.clone()).unwrap_or_default(),
        }
    }

    /// `default` or `analytic`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        if self.default { "default" } else { "analytic" }
    }

    /// What is not ready, a line each, and how many lines more there would be.
    #[must_use]
    pub fn shown_unready(&self, most: usize) -> String {
        let mut lines: Vec<String> = self.not_ready.iter().take(most).cloned().collect();
        if self.not_ready.len() > most {
            lines.push(format!("and {} more", self.not_ready.len() - most));
        }
        lines.join("\n")
    }
}
