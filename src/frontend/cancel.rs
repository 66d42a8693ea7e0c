//! Whose statement does a cancel request mean, and where does it run now?
//!
//! A server that speaks to one client knows what it runs. Here a statement may wait for a connection, or its connection may be made ready
//! for it, when the request comes: so a request is followed up for as long as the client waits for an answer, until it has reached what
//! the client has asked for.
//!
//! Each session has a slot under the process id and key it told its client. The slot points at the backend connection that works for
//! the session. A pooled connection may only be handed on when no cancel request is under way to it, or the request would hit somebody
//! else's statement (PgBouncer #245): [`CancelSlot::release`] says whether one is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep};

use crate::backend::server_conn::CancelTarget;
use crate::backend::{Connector, cancel};
use crate::limits::{CANCEL_TIMEOUT, CANCELS_AT_ONCE};

/// How long until a request that has not reached its statement is sent again; twice that the next time, and so on.
const AGAIN: Duration = Duration::from_millis(20);
/// Up to this.
const AGAIN_MAX: Duration = Duration::from_millis(500);

/// Sessions by what their clients were told.
pub struct CancelRegistry {
    slots: DashMap<(i32, Box<[u8]>), Arc<CancelSlot>>,
    at_once: Arc<Semaphore>,
}

impl Default for CancelRegistry {
    fn default() -> Self {
        Self {
            slots: DashMap::new(),
            at_once: Arc::new(Semaphore::new(CANCELS_AT_ONCE)),
        }
    }
}

/// Where a session's statement runs.
#[derive(Default)]
pub struct CancelSlot {
    /// Which of the client's requests is being worked on, counted from 1 and by what ends in a ReadyForQuery; 0 for none.
    work: AtomicU64,
    state: Mutex<State>,
    given_up: Notify,
    passed_on: Notify,
}

#[derive(Default)]
struct State {
    /// Stays when it points at nothing, as it comes to point at the same backend again.
    connector: Option<Connector>,
    target: Option<Option<Arc<CancelTarget>>>,
    under_way: usize,
    /// How often it was pointed somewhere.
    pointed: u64,
    /// What runs there is not the client's, but makes the connection ready for it.
    makes_ready: bool,
    /// The work that a request is followed up for.
    followed: u64,
    /// A request has reached what it points at.
    reached: bool,
    /// The statement does not run yet: it waits for a connection.
    waits: bool,
    /// It was cancelled while it waited.
    gave_up: bool,
}

impl CancelRegistry {
    /// Adds a session.
    #[must_use]
    pub fn add(&self, pid: i32, key: &[u8]) -> Arc<CancelSlot> {
        let slot = Arc::new(CancelSlot::default());
        self.slots.insert((pid, key.into()), Arc::clone(&slot));
        slot
    }

    /// Removes a session.
    pub fn remove(&self, pid: i32, key: &[u8]) {
        self.slots.remove(&(pid, Box::from(key)));
    }

    /// Passes a client's cancel request on to where its session's statement runs. Unknown keys are ignored, as PostgreSQL does.
    pub async fn cancel(&self, pid: i32, key: &[u8]) {
        let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() else {
            return;
        };
        let slot = self
            .slots
            .get(&(pid, Box::from(key)))
            .map(|slot| Arc::clone(&slot));
        let Some(slot) = slot else { return };
        let work = slot.work.load(Ordering::Acquire);
        let reached = slot.request().await;
        if work != 0 && slot.follows(work) {
            tokio::spawn(async move {
                let _permit = permit;
                slot.follow_up(work, reached).await;
            });
        }
    }
}

impl CancelSlot {
    /// Points at the connection that works for the session now.
    pub fn point(&self, connector: &Connector, target: Option<&Arc<CancelTarget>>) {
        let mut state = self.lock();
        let known = state.connector.as_ref();
        if !known.is_some_and(|known| known.is_same(connector)) {
            state.connector = Some(connector.clone());
        }
        state.target = Some(target.cloned());
        state.pointed += 1;
        state.reached = false;
        state.makes_ready &= target.is_some();
    }

    /// What the session works on from now on: number `work` of what the client has asked for, 0 for nothing.
    pub fn works_on(&self, work: u64) {
        self.work.store(work, Ordering::Release);
    }

    /// Whether what runs where it points makes the connection ready. A request waits for the end of that, which must not fail.
    pub fn makes_ready(&self, does: bool) {
        self.lock().makes_ready = does;
    }

    /// Ready when a cancel request has reached what the slot points at, or would have if that had a key. Cancel safe.
    pub async fn reached(&self) {
        while !std::mem::take(&mut self.lock().reached) {
            self.passed_on.notified().await;
        }
    }

    /// Points at nothing. Returns whether a cancel request is under way to what it pointed at, which must then not be used again.
    #[must_use]
    pub fn release(&self) -> bool {
        let mut state = self.lock();
        state.target = None;
        state.makes_ready = false;
        state.under_way > 0
    }

    /// Ready when a cancel request comes while the session waits for a connection. Cancel safe; the wait ends with the guard.
    pub async fn cancelled_in_the_queue(&self) {
        let waiting = Waiting::new(self);
        // What is left of a request that came too late for an earlier wait is not meant for this one.
        while !waiting.0.lock().gave_up {
            waiting.0.given_up.notified().await;
        }
    }

    /// Passes a request on to where the slot points. Returns what it reached: how often the slot had been pointed somewhere, and whether a
    /// request may come again there. `None` where there is nothing to reach now.
    async fn request(&self) -> Option<Reached> {
        let (connector, target, pointed) = self.begin()?;
        if let Some(target) = &target {
            cancel::cancel(&connector, target).await;
        }
        self.end(pointed);
        target.map(|_| Reached {
            pointed,
            may_be_lost: connector.may_lose_cancels(),
        })
    }

    /// Whether a request for this work is to be followed up: one is enough.
    fn follows(&self, work: u64) -> bool {
        std::mem::replace(&mut self.lock().followed, work) != work
    }

    /// Sends a request again until the work it was meant for is done.
    async fn follow_up(&self, work: u64, mut reached: Option<Reached>) {
        let begun = Instant::now();
        let mut pause = AGAIN;
        while begun.elapsed() < CANCEL_TIMEOUT {
            sleep(pause).await;
            pause = (2 * pause).min(AGAIN_MAX);
            if self.work.load(Ordering::Acquire) != work {
                return;
            }
            // PostgreSQL has taken note, and a second request might hit what deals with the first.
            let taken =
                |reached: &Reached| !reached.may_be_lost && reached.pointed == self.lock().pointed;
            if !reached.as_ref().is_some_and(taken) {
                reached = self.request().await.or(reached);
            }
        }
    }

    fn begin(&self) -> Option<(Connector, Option<Arc<CancelTarget>>, u64)> {
        let mut state = self.lock();
        if state.waits {
            state.gave_up = true;
            self.given_up.notify_one();
            return None;
        }
        if state.makes_ready {
            return None;
        }
        let (connector, target) = (state.connector.clone()?, state.target.clone()?);
        state.under_way += 1;
        Some((connector, target, state.pointed))
    }

    fn end(&self, pointed: u64) {
        let mut state = self.lock();
        state.under_way -= 1;
        if state.pointed == pointed && state.target.is_some() {
            state.reached = true;
            self.passed_on.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request has reached.
struct Reached {
    pointed: u64,
    /// The engine forgets a request that comes before it has begun with the statement.
    may_be_lost: bool,
}

/// A session that waits for a connection, for as long as this lives.
struct Waiting<'a>(&'a CancelSlot);

impl<'a> Waiting<'a> {
    fn new(slot: &'a CancelSlot) -> Self {
        let mut state = slot.lock();
        state.waits = true;
        state.gave_up = false;
        drop(state);
        Self(slot)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waits = false;
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const KEY: &[u8] = &[1, 2, 3, 4];
    const SOON: Duration = Duration::from_secs(10);

    /// A server that takes cancel requests and nothing else, a session's slot, and what points at the server.
    struct Scene {
        server: TcpListener,
        registry: CancelRegistry,
        slot: Arc<CancelSlot>,
        connector: Connector,
        target: Arc<CancelTarget>,
    }

    impl Scene {
        async fn of(engine: &str) -> Self {
            let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = server.local_addr().expect("an address").port();
            let yaml = format!(
                "listen: 127.0.0.1:0\ndefault: one\nbackends:\n  one:\n    engine: postgres\n    url: postgres://app@127.0.0.1:{port}/app\n  \
                 two:\n    engine: {engine}\n    url: postgres://app@127.0.0.1:{port}/app?sslmode=disable\n"
            );
            let nothing = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
            let loaded = crate::config::parse("router.yaml", &yaml, &|_| None, &nothing);
            let backend = &loaded.expect("a configuration").config.backends[1];
            let target = CancelTarget {
                endpoint: backend.url.endpoints[0].clone(),
                pid: 7,
                key: Some(KEY.to_vec()),
            };
            let registry = CancelRegistry::default();
            Self {
                slot: registry.add(7, KEY),
                server,
                registry,
                connector: Connector::new(1, backend).expect("a connector"),
                target: Arc::new(target),
            }
        }

        fn point(&self) {
            self.slot.point(&self.connector, Some(&self.target));
        }

        /// Takes the next request.
        async fn take(&self) {
            let (mut stream, _) = self.server.accept().await.expect("a request");
            let mut packet = [0; 16];
            stream.read_exact(&mut packet).await.expect("a packet");
            assert!(packet.ends_with(KEY), "{packet:?}");
        }

        async fn takes_soon(&self) -> bool {
            timeout(SOON, self.take()).await.is_ok()
        }

        /// Whether all requests are done with and the server has got none of them.
        async fn has_got_none(&self) -> bool {
            let all = self.registry.at_once.acquire_many(CANCELS_AT_ONCE as u32);
            let over = timeout(SOON, all).await.is_ok();
            over && timeout(Duration::ZERO, self.server.accept()).await.is_err()
        }
    }

    #[tokio::test]
    async fn a_request_that_comes_before_there_is_a_connection_reaches_it() {
        let scene = Scene::of("postgres").await;
        scene.slot.works_on(1);
        scene.registry.cancel(7, KEY).await;
        scene.point();
        assert!(scene.takes_soon().await);
    }

    #[tokio::test]
    async fn a_request_whose_wait_ended_with_a_connection_all_the_same_reaches_it() {
        let scene = Scene::of("postgres").await;
        scene.slot.works_on(1);
        let waiting = Waiting::new(&scene.slot);
        scene.registry.cancel(7, KEY).await;
        drop(waiting);
        scene.point();
        assert!(scene.takes_soon().await);
    }

    #[tokio::test]
    async fn what_makes_a_connection_ready_is_not_hit_and_what_follows_is() {
        let scene = Scene::of("postgres").await;
        scene.slot.works_on(1);
        scene.point();
        scene.slot.makes_ready(true);
        // Were it sent, this would wait for the server, which does not look before it is over.
        let began = Instant::now();
        scene.registry.cancel(7, KEY).await;
        assert!(began.elapsed() < CANCEL_TIMEOUT);
        let early = timeout(2 * AGAIN, scene.server.accept()).await;
        assert!(early.is_err());
        scene.slot.makes_ready(false);
        assert!(scene.takes_soon().await);
    }

    #[tokio::test]
    async fn a_request_ends_with_the_work_that_it_was_meant_for() {
        let scene = Scene::of("postgres").await;
        scene.slot.works_on(1);
        scene.registry.cancel(7, KEY).await;
        scene.slot.works_on(2);
        scene.point();
        assert!(scene.has_got_none().await);
    }

    #[tokio::test]
    async fn an_engine_that_may_lose_a_request_gets_it_again() {
        let scene = Scene::of("risingwave").await;
        scene.slot.works_on(1);
        scene.point();
        let (first, ()) = tokio::join!(scene.takes_soon(), scene.registry.cancel(7, KEY));
        assert!(first && scene.takes_soon().await);
    }
}
