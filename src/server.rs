//! What do all sessions share?
//!
//! [`Shared`] lives as long as the process; [`Snapshot`] is replaced whole by a reload or a new reading of the catalogs. A session holds
//! one snapshot for the length of a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use metrics::Counter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Connector;
use crate::backend::engine::{Dialect, dialect};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::frontend::auth::Authenticator;
use crate::frontend::cancel::CancelRegistry;
use crate::net::tls::{self, ServerTls};
use crate::pool::{Pool, PoolKey};
use crate::refresh::Wanted;
use crate::routing::RoutingTable;
use crate::session::facts_cache::FactsCache;
use crate::session::fallback::Fallbacks;
use crate::session::pins::PinReason;
use crate::shelf::Shelf;
use crate::telemetry::metrics::{BackendMetrics, Metrics};

/// What lives as long as the process.
pub struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// Facts of statements seen before.
    pub facts: FactsCache,
    /// Statements that the analytic side cannot run.
    pub fallbacks: Fallbacks,
    /// Who may cancel what.
    pub cancels: CancelRegistry,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Sessions under way, by number: user, database and what their last statement was.
    pub sessions: DashMap<u64, SessionInfo>,
    /// Parameter statuses of the default backend as last seen, for clients that log in while it is down.
    pub parameters: ArcSwap<Vec<(String, String)>>,
    /// Nobody may be connected to the default backend's database for a while: who listens there leaves.
    pub hush: Notify,
    /// DDL has passed: the catalogs should be read again.
    pub ddl_passed: Notify,
    /// Materialized views that something was written for.
    pub refreshes: Wanted,
    /// No new clients; sessions end when they are at rest.
    pub drain: CancellationToken,
    /// The grace period is over: sessions end now.
    pub stop: CancellationToken,
    /// The sessions' tasks.
    pub tasks: TaskTracker,
    /// What clients were told at their login.
    pub told: Shelf<Vec<(String, String)>>,
    /// How sessions log in.
    pub logins: Shelf<PoolKey>,
    clients: AtomicUsize,
    next: AtomicU64,
}

/// A session for the status page.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The database user.
    pub user: String,
    /// The database.
    pub database: String,
    /// Why it keeps its connection to the default backend.
    pub pins: Vec<PinReason>,
    /// The process id of that connection.
    pub backend_pid: Option<i32>,
    /// The process id of an analytic connection that it keeps for a cursor.
    pub cursor_pid: Option<i32>,
}

/// One configuration and one reading of the catalogs, compiled.
pub struct Snapshot {
    /// Rules and catalogs.
    pub table: Arc<RoutingTable>,
    /// The backends, by index.
    pub backends: Arc<Vec<BackendHandle>>,
    /// TLS for clients.
    pub tls: Option<ServerTls>,
    /// Who may log in.
    pub auth: Arc<Authenticator>,
    /// Hits of each rule.
    pub rule_hits: Arc<Vec<Counter>>,
}

/// One backend, ready for use.
pub struct BackendHandle {
    /// Dials it.
    pub connector: Connector,
    /// What its engine needs.
    pub dialect: &'static dyn Dialect,
    /// Its metrics.
    pub metrics: BackendMetrics,
    /// Its pool. That of the default backend is not used with `pooling: session`.
    pub pool: Arc<Pool>,
    /// Whether the last health probe succeeded (2), failed (1), or none was made (0).
    pub health: AtomicUsize,
    /// Statements prepared there before this number may be out of date.
    pub plans_before: AtomicU64,
}

impl Snapshot {
    /// Compiles a configuration. Starts pools, so it must run inside the runtime.
    ///
    /// # Errors
    /// One line for each certificate or key that cannot be read.
    pub fn build(
        config: Arc<Config>,
        catalog: Arc<Catalog>,
        generation: u64,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut backends = Vec::new();
        for (index, backend) in config.backends.iter().enumerate() {
            let connector = match Connector::new(index, backend) {
                Ok(connector) => connector,
                Err(why) => {
                    wrong.push(format!("backends.{}: {why}", backend.name));
                    continue;
                }
            };
            let dialect = dialect(backend.engine);
            let of_backend = metrics.backend(&backend.name, backend.url.endpoints.len());
            let analytic = index != config.default;
            let parameters = analytic.then(|| dialect.read_only_parameters());
            let pool = Pool::new(
                connector.clone(),
                backend.pool,
                parameters,
                of_backend.clone(),
            );
            let health = AtomicUsize::new(0);
            backends.push(BackendHandle {
                connector,
                dialect,
                metrics: of_backend,
                pool,
                health,
                plans_before: AtomicU64::new(0),
            });
        }
        let tls = match &config.tls {
            Some(files) => tls::server(&files.cert, &files.key)
                .map_err(|why| wrong.push(why))
                .ok(),
            None => None,
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let certificate = tls.as_ref().map(|tls| Arc::clone(&tls.certificate_pem));
        let auth =
            Authenticator::new(&config.auth, certificate.as_deref()).map_err(|why| vec![why])?;
        let rule_hits = Arc::new(metrics.rules(&config));
        let table = Arc::new(RoutingTable::new(config, catalog, generation));
        Ok(Self {
            table,
            backends: Arc::new(backends),
            tls,
            auth: Arc::new(auth),
            rule_hits,
        })
    }

    /// The same configuration over a new reading of the catalogs.
    #[must_use]
    pub fn with_catalog(&self, catalog: Arc<Catalog>, generation: u64) -> Self {
        let table = RoutingTable::new(Arc::clone(&self.table.config), catalog, generation);
        Self {
            table: Arc::new(table),
            backends: Arc::clone(&self.backends),
            tls: self.tls.clone(),
            auth: Arc::clone(&self.auth),
            rule_hits: Arc::clone(&self.rule_hits),
        }
    }

    /// The default backend.
    #[must_use]
    pub fn oltp(&self) -> Option<&BackendHandle> {
        self.backends.get(self.table.config.default)
    }
}

impl Shared {
    /// Starts with a first snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot, metrics: Arc<Metrics>) -> Arc<Self> {
        let cache_bytes = snapshot.table.config.limits.statement_cache_bytes;
        Arc::new(Self {
            facts: FactsCache::new(cache_bytes, Arc::clone(&metrics)),
            snapshot: ArcSwap::from_pointee(snapshot),
            fallbacks: Fallbacks::default(),
            cancels: CancelRegistry::default(),
            metrics,
            sessions: DashMap::new(),
            parameters: ArcSwap::from_pointee(Vec::new()),
            hush: Notify::new(),
            ddl_passed: Notify::new(),
            refreshes: Wanted::default(),
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            told: Shelf::default(),
            logins: Shelf::default(),
            clients: AtomicUsize::new(0),
            next: AtomicU64::new(1),
        })
    }

    /// The snapshot in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Whether a newer snapshot than `held` is in force.
    #[must_use]
    pub fn is_newer(&self, held: &Snapshot) -> bool {
        self.snapshot.load().table.generation != held.table.generation
    }

    /// Puts a snapshot in force.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        // The list of views may be another.
        self.refreshes.wake();
    }

    /// Whether no other configuration was put in force since `held`.
    #[must_use]
    pub fn snapshot_has_config_of(&self, held: &Snapshot) -> bool {
        Arc::ptr_eq(&self.snapshot.load().table.config, &held.table.config)
    }

    /// Puts a snapshot in force in place of `held`. Whether it did: another one may have come before it.
    pub fn replace_held(&self, held: &Arc<Snapshot>, snapshot: Snapshot) -> bool {
        let before = self.snapshot.compare_and_swap(held, Arc::new(snapshot));
        let replaced = Arc::ptr_eq(&before, held);
        if replaced {
            self.refreshes.wake();
        }
        replaced
    }

    /// The next number of a session or a generation.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a client in, unless there are `max` already.
    pub fn enter(self: &Arc<Self>, max: usize) -> Option<ClientTicket> {
        let entered = self
            .clients
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < max).then_some(n + 1)
            });
        entered.ok()?;
        self.metrics.clients.increment(1.0);
        Some(ClientTicket(Arc::clone(self)))
    }

    /// Clients connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }
}

/// Counts a client out when dropped.
pub struct ClientTicket(Arc<Shared>);

impl Drop for ClientTicket {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::AcqRel);
        self.0.metrics.clients.decrement(1.0);
    }
}
