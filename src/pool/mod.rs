//! Backend connections waiting for work.
//!
//! A pool belongs to one backend. It keeps connections by login, hands them out in order of arrival, within the limits of `router.yaml`,
//! and takes nothing back that is not at rest. An analytic pool has one login, the router's own, and wants a proof that what comes
//! may be done there. See `docs/operations.md` for its limits.

mod desk;
mod home;
mod key;
mod lease;
mod upkeep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use desk::{Desk, Grant, Parkable};
pub use home::Home;
pub use key::PoolKey;
pub use lease::Lease;
use lease::Ticket;

use crate::backend::endpoints::Standing;
use crate::backend::{ConnectError, Connector, ServerConn};
use crate::config::PoolLimits;
use crate::error::ClientError;
use crate::limits::{EVICTION, POOL_LOGINS_MAX};
use crate::routing::Proof;
use crate::telemetry::metrics::BackendMetrics;

/// How long an evicted connection's server may take to close it too.
const GOODBYE_ANSWER: Duration = Duration::from_millis(200);

/// After so long without use the system is asked whether the server has closed a connection: the runtime may not have heard of it yet.
const LONG_IDLE: Duration = Duration::from_millis(20);

/// The name pooled connections of the router's own log in with.
const APPLICATION_NAME: &str = "tidegate";

/// Connections to one backend.
pub struct Pool {
    connector: Connector,
    limits: PoolLimits,
    /// The router's own login: one for each server, where there are several.
    own: Vec<Arc<PoolKey>>,
    /// The router itself logs in, for those who read.
    reads: bool,
    desk: Mutex<Desk<Box<ServerConn>>>,
    /// What fresh logins were told, by key.
    greetings: Mutex<HashMap<Arc<PoolKey>, Arc<Greeting>>>,
    metrics: BackendMetrics,
}

/// What a server tells who logs in.
#[derive(Debug)]
pub struct Greeting {
    /// Parameter statuses by name.
    pub parameters: Vec<(String, String)>,
    /// NoticeResponses, frames and all.
    pub notices: Vec<u8>,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Unavailable {
    /// None became free in time.
    Full(ClientError),
    /// None could be opened.
    Connect(ConnectError),
}

impl Parkable for Box<ServerConn> {
    fn id(&self) -> u64 {
        self.id
    }

    fn is_somebodys_home(&self) -> bool {
        self.home.strong_count() > 0
    }

    fn expires(&self) -> Instant {
        self.expires
    }
}

impl Pool {
    /// An empty pool, and the task that ages its connections for as long as the pool lives. With `own_parameters` the router itself logs in,
    /// for [`Pool::checkout`].
    #[must_use]
    pub fn new(
        connector: Connector,
        limits: PoolLimits,
        own_parameters: Option<&[(&str, &str)]>,
        metrics: BackendMetrics,
    ) -> Arc<Self> {
        let (reads, extra) = (own_parameters.is_some(), own_parameters.unwrap_or_default());
        let key = || PoolKey::new(connector.own_login(APPLICATION_NAME, extra));
        let own = match connector.endpoints().count() {
            0 | 1 => vec![Arc::new(key())],
            several => (0..several).map(|at| Arc::new(key().at(at))).collect(),
        };
        let pool = Arc::new(Self {
            connector,
            limits,
            own,
            reads,
            desk: Mutex::new(Desk::new(limits)),
            greetings: Mutex::default(),
            metrics,
        });
        upkeep::spawn(&pool);
        pool
    }

    /// A connection for a statement that is proven to do what it may. Waits in order of arrival for at most the pool's `wait`. Of several servers
    /// it is the one that `last` says, by its index in the url, while that one answers.
    ///
    /// # Errors
    /// 53300 when the wait is over, 08006 when no server can be reached.
    pub async fn checkout(
        self: &Arc<Self>,
        _proof: Proof,
        last: Option<usize>,
    ) -> Result<Lease, ClientError> {
        let mut unavailable =
            Unavailable::Connect(ConnectError::Unreachable("it has no endpoint".to_owned()));
        for last_resort in self.connector.rounds() {
            let mut tried = Vec::new();
            while let Some((at, key)) = self.choose(last, &tried) {
                match self.check_out(key, None, *last_resort).await {
                    Ok(lease) => return Ok(lease),
                    Err(Unavailable::Connect(error)) if error.another_may_do() => {
                        unavailable = Unavailable::Connect(error);
                        tried.push(at);
                    }
                    Err(unavailable) => return Err(self.client_error(&unavailable)),
                }
            }
        }
        Err(self.client_error(&unavailable))
    }

    fn choose(&self, last: Option<usize>, tried: &[usize]) -> Option<(usize, &Arc<PoolKey>)> {
        let at = match self.own.as_slice() {
            [_] if tried.is_empty() => 0,
            [_] => return None,
            several => {
                let desk = self.lock();
                let busy = |at: usize| several.get(at).map_or(0, |key| desk.busy_for(key));
                self.connector.endpoints().choose(last, tried, busy)?
            }
        };
        Some((at, self.own.get(at)?))
    }

    /// A connection that has logged in as `key` says, `prefer` where it is idle.
    ///
    /// # Errors
    /// When none became free within the pool's `wait`, or the server could not be reached or refused the login.
    pub async fn checkout_as(
        self: &Arc<Self>,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
    ) -> Result<Lease, Unavailable> {
        self.check_out(key, prefer, true).await
    }

    /// The same at once, where one is idle that needs no second look: the common case, without a future.
    #[must_use]
    pub fn checkout_idle(
        self: &Arc<Self>,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
    ) -> Option<Lease> {
        let now = Instant::now();
        let is_good = |conn: &mut Box<ServerConn>| {
            let long_idle = now.saturating_duration_since(conn.parked) > LONG_IDLE;
            conn.expires > now && !(long_idle && conn.wire.has_news()) && conn.wire.is_quiet()
        };
        let conn = self.change(|desk| desk.take_if(key, prefer, is_good))?;
        self.metrics.wait_seconds.record(Duration::ZERO);
        Some(Lease::new(conn, Ticket::new(self, key)))
    }

    async fn check_out(
        self: &Arc<Self>,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
        last_resort: bool,
    ) -> Result<Lease, Unavailable> {
        let asked = Instant::now();
        let mut taken = self.take(key, prefer).await?;
        loop {
            self.metrics.wait_seconds.record(asked.elapsed());
            let grant = taken;
            let ticket = Ticket::new(self, key);
            match grant {
                Grant::Use(mut conn) => {
                    let now = Instant::now();
                    if now.saturating_duration_since(conn.parked) > LONG_IDLE {
                        conn.wire.notice_news().await;
                    }
                    if conn.expires > now && conn.wire.is_quiet() {
                        return Ok(Lease::new(conn, ticket));
                    }
                    // Its end makes room for another.
                    drop(ticket);
                    self.bury(&[conn]).await;
                    taken = self.take(key, prefer).await?;
                }
                Grant::Open(victim) => {
                    if let Some(mut victim) = victim {
                        victim.say_goodbye().await;
                    }
                    let conn = self.open(key, last_resort).await;
                    let conn = conn.map_err(Unavailable::Connect)?;
                    return Ok(Lease::new(conn, ticket));
                }
            }
        }
    }

    /// Closes what is idle in a database, or in all, and waits until the server has noticed: it stands in the way of dropping, copying and
    /// renaming that. What comes back soon after is closed too, as a client may have left the database just before.
    pub async fn evict(self: &Arc<Self>, database: Option<&str>) {
        let now = Instant::now();
        let gone = self.change(|desk| desk.evict(database, now, now + EVICTION));
        for mut conn in gone {
            conn.say_goodbye().await;
            let _ = timeout(GOODBYE_ANSWER, conn.wire.fill()).await;
        }
    }

    /// What [`Pool::evict`] was for is done: connections are kept again.
    pub fn readmit(&self, database: Option<&str>) {
        self.change(|desk| desk.readmit(database));
    }

    /// Closes what is idle on a server that is not to be used any more. What is in use there is closed when it comes back.
    pub async fn leave(self: &Arc<Self>, endpoint: usize) {
        let gone = self.change(|desk| desk.dismiss(|conn| conn.endpoint == endpoint));
        for mut conn in gone {
            conn.say_goodbye().await;
        }
    }

    /// The server has ended connections while they were idle. Where an administrator did so, the clients whose homes they were are to end
    /// too. A restart of the server goes unnoticed.
    async fn bury(&self, dead: &[Box<ServerConn>]) {
        let terminated = dead.iter().filter(|conn| conn.was_terminated());
        let homes: Vec<_> = terminated
            .filter_map(|conn| Some((conn.home.upgrade()?, conn.born)))
            .collect();
        if homes.is_empty() {
            return;
        }
        let Some(started) = self.connector.started().await else {
            return;
        };
        for (home, _) in homes.iter().filter(|(_, born)| *born > started) {
            home.terminate();
        }
    }

    /// Opens what the minimum lacks, for logins that are in use and the router's own.
    async fn fill_up(self: &Arc<Self>) {
        loop {
            let own = if self.reads { self.own.as_slice() } else { &[] };
            let well = |key: &PoolKey| {
                let endpoints = self.connector.endpoints();
                let at = key.endpoint.or_else(|| endpoints.order().first().copied());
                at.is_some_and(|at| endpoints.standing(at) != Standing::Down)
            };
            let Some(key) = self.change(|desk| desk.short(own, well)) else {
                return;
            };
            let ticket = Ticket::new(self, &key);
            match self.open(&key, true).await {
                Ok(conn) => Lease::new(conn, ticket).give_back(false),
                Err(_) => return,
            }
        }
    }

    /// Whether connections to a server are kept: not where another one should be used instead.
    #[must_use]
    pub fn is_in_use(&self, endpoint: usize) -> bool {
        let endpoints = self.connector.endpoints();
        self.own.len() < 2
            || endpoints.standing(endpoint) == Standing::Fit
            || self.connector.rounds().len() > 1
    }

    /// Whether somebody is logged in with this key, so that another login needs not be tried.
    #[must_use]
    pub fn is_open_for(&self, key: &Arc<PoolKey>) -> bool {
        self.lock().open_for(key) > 0
    }

    /// Whether a client who logs in would have to wait for a connection of its own.
    #[must_use]
    pub fn is_full_for(&self, key: &Arc<PoolKey>) -> bool {
        self.lock().is_full_for(key)
    }

    /// What a fresh login with this key was told, if there was one not long ago.
    #[must_use]
    pub fn greeting_of(&self, key: &Arc<PoolKey>) -> Option<Arc<Greeting>> {
        let known = self
            .greetings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(Arc::clone)
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.lock().waiting() > 0
    }

    /// The connector, for cancel requests.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// What a client is told who asked for a statement to be run.
    #[must_use]
    pub fn client_error(&self, unavailable: &Unavailable) -> ClientError {
        match unavailable {
            Unavailable::Full(error) => error.clone(),
            Unavailable::Connect(error) => self.connector.client_error(error),
        }
    }

    async fn take(
        self: &Arc<Self>,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
    ) -> Result<Grant<Box<ServerConn>>, Unavailable> {
        let asked =
            self.change(|desk| desk.ask(key, prefer).ok_or_else(|| desk.queue(key, prefer)));
        let (number, granted) = match asked {
            Ok(grant) => return Ok(grant),
            Err(queued) => queued,
        };
        let mut waiting = Waiting {
            pool: self,
            key,
            number,
            granted: Some(granted),
        };
        let granted = match waiting.granted.as_mut() {
            Some(granted) => timeout(self.limits.wait, granted).await,
            None => return Err(self.full(key)),
        };
        match granted {
            Ok(Ok(grant)) => {
                waiting.granted = None;
                Ok(grant)
            }
            _ => Err(self.full(key)),
        }
    }

    async fn open(
        &self,
        key: &Arc<PoolKey>,
        last_resort: bool,
    ) -> Result<Box<ServerConn>, ConnectError> {
        let (connector, login) = (&self.connector, &key.login);
        let opened = match key.endpoint {
            Some(at) => connector.connect_at(at, login, last_resort).await,
            None => connector.connect(login).await,
        };
        let mut conn = opened.inspect_err(
            |error| tracing::warn!(backend = self.connector.name(), %error, "cannot connect"),
        )?;
        let jitter = 0.9 + 0.2 * rand::random::<f64>();
        self.note_greeting(key, &conn);
        key.application.clone_into(&mut conn.application);
        conn.expires = conn.born + self.limits.lifetime.mul_f64(jitter);
        Ok(Box::new(conn))
    }

    fn note_greeting(&self, key: &Arc<PoolKey>, conn: &ServerConn) {
        let greeting = Greeting {
            parameters: conn.parameters.clone(),
            notices: conn.notices.clone(),
        };
        let mut known = self
            .greetings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= POOL_LOGINS_MAX {
            known.clear();
        }
        known.insert(Arc::clone(key), Arc::new(greeting));
    }

    fn park(&self, key: Arc<PoolKey>, mut conn: Box<ServerConn>) {
        if !self.is_in_use(conn.endpoint) {
            drop(conn);
            self.closed(&key);
            return;
        }
        let now = Instant::now();
        conn.parked = now;
        drop(self.change(|desk| desk.park(key, conn, now)));
    }

    fn closed(&self, key: &Arc<PoolKey>) {
        self.change(|desk| desk.closed(key));
    }

    /// Does something at the desk and brings the gauges up to date.
    fn change<T>(&self, act: impl FnOnce(&mut Desk<Box<ServerConn>>) -> T) -> T {
        let mut desk = self.lock();
        let before = (desk.counts(), desk.waiting());
        let done = act(&mut desk);
        let after = (desk.counts(), desk.waiting());
        drop(desk);
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let moved = |from: usize, to: usize| to as f64 - from as f64;
        let gauges = [
            (&self.metrics.idle, before.0.0, after.0.0),
            (&self.metrics.active, before.0.1, after.0.1),
            (&self.metrics.waiting, before.1, after.1),
        ];
        for (gauge, from, to) in gauges {
            if from != to {
                gauge.increment(moved(from, to));
            }
        }
        done
    }

    fn full(&self, key: &PoolKey) -> Unavailable {
        let (name, limits) = (self.connector.name(), &self.limits);
        let error = ClientError::full(format!(
            "no connection to backend \"{name}\" became free within {:?}",
            limits.wait
        ))
        .detail(format!(
            "Its pool for database \"{}\" and user \"{}\" holds {} connections ({} in all), all of them busy.",
            key.database, key.user, limits.size, limits.total
        ))
        .hint("Try again, or raise the pool's size or wait in router.yaml.");
        Unavailable::Full(error)
    }

    fn lock(&self) -> MutexGuard<'_, Desk<Box<ServerConn>>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let now = Instant::now();
        self.change(|desk| drop(desk.evict(None, now, now)));
    }
}

/// A place in the queue. Given up before its turn, it lets the next one have what was granted meanwhile.
struct Waiting<'a> {
    pool: &'a Arc<Pool>,
    key: &'a Arc<PoolKey>,
    number: u64,
    granted: Option<oneshot::Receiver<Grant<Box<ServerConn>>>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(mut granted) = self.granted.take() else {
            return;
        };
        if self.pool.change(|desk| desk.leave(self.number)) {
            return;
        }
        match granted.try_recv() {
            Ok(Grant::Use(conn)) => self.pool.park(Arc::clone(self.key), conn),
            Ok(Grant::Open(_)) => self.pool.closed(self.key),
            Err(_) => {}
        }
    }
}
