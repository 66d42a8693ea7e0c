//! Backend connections waiting for work.
//!
//! A pool belongs to one analytic backend and one login. It hands out the connection used last (the others can age), makes
//! statements wait in order of arrival, and takes nothing back that is not at rest. See `docs/operations.md` for its limits.

mod lease;
mod upkeep;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking::Idle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use lease::Lease;

use crate::backend::{ConnectError, Connector, ServerConn};
use crate::config::PoolLimits;
use crate::error::ClientError;
use crate::routing::ReadProof;
use crate::telemetry::metrics::BackendMetrics;

mod parking;

/// The name pooled connections log in with.
const APPLICATION_NAME: &str = "tidegate";

/// Connections to one analytic backend.
pub struct Pool {
    connector: Connector,
    limits: PoolLimits,
    read_only: &'static [(&'static str, &'static str)],
    permits: Arc<Semaphore>,
    idle: Idle,
    metrics: BackendMetrics,
}

impl Pool {
    /// An empty pool, and the task that ages its connections for as long as the pool lives.
    #[must_use]
    pub fn new(
        connector: Connector,
        limits: PoolLimits,
        read_only: &'static [(&'static str, &'static str)],
        metrics: BackendMetrics,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(limits.size));
        let pool = Self {
            connector,
            limits,
            read_only,
            permits,
            idle: Idle::default(),
            metrics,
        };
        let pool = Arc::new(pool);
        upkeep::spawn(&pool);
        pool
    }

    /// A connection for a statement that is proven to only read. Waits in order of arrival for at most the pool's `wait`.
    ///
    /// # Errors
    /// 53300 when the wait is over, 08006 when the backend cannot be reached.
    pub async fn checkout(self: &Arc<Self>, _proof: ReadProof) -> Result<Lease, ClientError> {
        let asked = Instant::now();
        self.metrics.waiting.increment(1.0);
        let permit = timeout(self.limits.wait, Arc::clone(&self.permits).acquire_owned()).await;
        self.metrics.waiting.decrement(1.0);
        self.metrics.wait_seconds.record(asked.elapsed());
        let Ok(Ok(permit)) = permit else {
            return Err(self.full());
        };
        while let Some(mut conn) = self.idle.take() {
            self.metrics.idle.decrement(1.0);
            if self.is_fresh(&conn) && is_quiet(&mut conn) {
                return Ok(Lease::new(conn, permit, Arc::clone(self)));
            }
        }
        let login = self.connector.own_login(APPLICATION_NAME, self.read_only);
        let conn = self
            .connector
            .connect(&login)
            .await
            .map_err(|error| self.unreachable(&error))?;
        Ok(Lease::new(Box::new(conn), permit, Arc::clone(self)))
    }

    /// The connector, for cancel requests.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    fn give_back(&self, conn: Box<ServerConn>) {
        if self.is_fresh(&conn) {
            self.metrics.idle.increment(1.0);
            self.idle.put(conn);
        }
    }

    fn is_fresh(&self, conn: &ServerConn) -> bool {
        conn.born.elapsed() < self.limits.lifetime
    }

    fn full(&self) -> ClientError {
        let (name, size, wait) = (self.connector.name(), self.limits.size, self.limits.wait);
        ClientError::full(format!(
            "no connection to backend \"{name}\" became free within {wait:?}"
        ))
        .detail(format!(
            "Its pool holds {size} connections, all of them busy."
        ))
        .hint("Try again, or raise the pool's size or wait in router.yaml.")
    }

    fn unreachable(&self, error: &ConnectError) -> ClientError {
        tracing::warn!(backend = self.connector.name(), %error, "cannot connect");
        self.connector.client_error(error)
    }
}

/// Whether an idle connection is still open and has said nothing on its own.
fn is_quiet(conn: &mut ServerConn) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    matches!(conn.wire.poll_fill(&mut cx), Poll::Pending) && conn.wire.inbox.is_empty()
}
