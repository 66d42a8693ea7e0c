//! What does `tidegate serve` set up, and how does it end?
//!
//! Builds everything from a checked configuration, listens, and waits: SIGHUP reloads the file, SIGTERM or SIGINT drains (a second one ends at
//! once). See `docs/operations.md`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::backend::health;
use crate::catalog::{Catalog, discovery, notify};
use crate::config::{self, Config, Listen};
use crate::frontend::listener::Listener;
use crate::refresh;
use crate::server::{Shared, Snapshot};
use crate::telemetry::metrics::Metrics;

/// How long the last farewells may take after the grace period.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running router.
pub struct Router {
    /// What its sessions share.
    pub shared: Arc<Shared>,
    /// The addresses clients connect to, as bound.
    pub addresses: Vec<String>,
    /// The address of metrics and health, as bound.
    pub http: Option<String>,
    finished: CancellationToken,
}

impl Router {
    /// Starts a router in the current runtime.
    ///
    /// # Errors
    /// One line for each address that cannot be bound and each file that cannot be read.
    pub async fn start(config: Config) -> Result<Self, Vec<String>> {
        let config = Arc::new(config);
        let metrics = Metrics::new();
        let unknown = Arc::new(Catalog::unknown(config.backends.len()));
        let snapshot = Snapshot::build(Arc::clone(&config), unknown, 0, &metrics)?;
        let shared = Shared::new(snapshot, metrics);
        let (listeners, http) = bind(&config).await?;
        let addresses = listeners.iter().map(Listener::shown).collect();
        let http_address = http.as_ref().map(Listener::shown);
        discovery::refresh(&shared).await;
        tokio::spawn(discovery::run(Arc::clone(&shared)));
        tokio::spawn(notify::run(Arc::clone(&shared)));
        tokio::spawn(health::run(Arc::clone(&shared)));
        tokio::spawn(refresh::run(Arc::clone(&shared)));
        if let Some(Listener::Tcp(listener)) = http {
            tokio::spawn(admin::http::run(Arc::clone(&shared), listener));
        }
        for listener in listeners {
            tokio::spawn(listener.run(Arc::clone(&shared)));
        }
        Ok(Self {
            shared,
            addresses,
            http: http_address,
            finished: CancellationToken::new(),
        })
    }

    /// Takes no new clients, lets sessions come to rest for at most the grace period, then ends them.
    pub async fn drain(&self) {
        let grace = self.shared.snapshot().table.config.shutdown_grace;
        tracing::info!(clients = self.shared.clients(), ?grace, "draining");
        self.shared.drain.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(grace, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                clients = self.shared.clients(),
                "grace period is over, closing what is left"
            );
        }
        self.shared.stop.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, self.shared.tasks.wait()).await;
        self.finished.cancel();
    }

    /// Puts another configuration in force. What it listens on stays as it is.
    ///
    /// # Errors
    /// One line for each file that cannot be read; the old configuration stays.
    pub async fn reload(&self, config: Config) -> Result<(), Vec<String>> {
        let old = self.shared.snapshot();
        let config = Arc::new(config);
        if config.listen != old.table.config.listen || config.http != old.table.config.http {
            tracing::warn!("listen and http take effect at the next start only");
        }
        if config.threads != old.table.config.threads {
            tracing::warn!("threads takes effect at the next start only");
        }
        let unknown = Catalog::unknown(config.backends.len());
        let fresh = Snapshot::build(
            config,
            Arc::new(unknown),
            self.shared.number(),
            &self.shared.metrics,
        )?;
        // Read the catalogs first: until they are known nothing may be routed by them.
        let before = known_before(&old, &fresh);
        let catalog = match fresh.table.config.discover {
            Some(_) => discovery::read_all(&fresh, &before).await.0,
            None => before,
        };
        let snapshot = fresh.with_catalog(Arc::new(catalog), self.shared.number());
        self.shared.replace(snapshot);
        // What a session has made since that reading began is not in it.
        self.shared.ddl_passed.notify_one();
        Ok(())
    }
}

/// What was known of backends that keep their name and url.
fn known_before(old: &Snapshot, fresh: &Snapshot) -> Catalog {
    let known = |backend: &config::Backend| {
        let index = old.table.config.backend_index(&backend.name)?;
        let before = &old.table.config.backends.get(index)?.url;
        let same =
            before.endpoints == backend.url.endpoints && before.database == backend.url.database;
        old.table.catalog.backend(index).filter(|_| same).cloned()
    };
    let backends = fresh.table.config.backends.iter().map(known);
    Catalog {
        backends: backends.collect(),
    }
}

async fn bind(config: &Config) -> Result<(Vec<Listener>, Option<Listener>), Vec<String>> {
    let (mut listeners, mut wrong) = (Vec::new(), Vec::new());
    for listen in &config.listen {
        match Listener::bind(listen).await {
            Ok(listener) => listeners.push(listener),
            Err(why) => wrong.push(why),
        }
    }
    let http = match &config.http {
        Some(listen @ Listen::Tcp { .. }) => Listener::bind(listen)
            .await
            .map_err(|why| wrong.push(why))
            .ok(),
        _ => None,
    };
    if wrong.is_empty() {
        Ok((listeners, http))
    } else {
        Err(wrong)
    }
}

/// Runs a router until a signal ends it.
///
/// # Errors
/// What kept it from starting.
pub async fn run(path: PathBuf, config: Config) -> Result<(), Vec<String>> {
    let router = Router::start(config).await?;
    for address in &router.addresses {
        tracing::info!(%address, "listening");
    }
    if let Some(address) = &router.http {
        tracing::info!(%address, "metrics and health");
    }
    let fault = |e: std::io::Error| vec![format!("cannot wait for signals: {e}")];
    let mut hangup = signal(SignalKind::hangup()).map_err(fault)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(&router, &path).await,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tokio::select! {
        () = router.drain() => {}
        _ = terminate.recv() => tracing::warn!("second signal, ending at once"),
        _ = interrupt.recv() => tracing::warn!("second signal, ending at once"),
    }
    Ok(())
}

/// Reads the file again. A bad one changes nothing.
async fn reload(router: &Router, path: &std::path::Path) {
    let metrics = &router.shared.metrics;
    let lines = match config::load(path, &|name| std::env::var(name).ok()) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            match router.reload(loaded.config).await {
                Ok(()) => {
                    metrics.reloads_ok.increment(1);
                    tracing::info!(file = %path.display(), "configuration reloaded");
                    return;
                }
                Err(lines) => lines,
            }
        }
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    metrics.reloads_failed.increment(1);
    for line in lines {
        tracing::error!("{line}");
    }
    tracing::error!(file = %path.display(), "configuration not reloaded, the old one stays in force");
}
