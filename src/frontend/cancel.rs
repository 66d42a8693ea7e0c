//! Whose statement does a cancel request mean, and where does it run now?
//!
//! Each session has a slot under the process id and key it told its client. The slot points at the backend connection that works for
//! the session. A pooled connection may only be handed on when no cancel request is under way to it, or the request would hit somebody
//! else's statement (PgBouncer #245): [`CancelSlot::release`] says whether one is.

use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::sync::{Notify, Semaphore};

use crate::backend::server_conn::CancelTarget;
use crate::backend::{Connector, cancel};
use crate::limits::CANCELS_AT_ONCE;

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
        let Ok(_permit) = Arc::clone(&self.at_once).try_acquire_owned() else {
            return;
        };
        let slot = self
            .slots
            .get(&(pid, Box::from(key)))
            .map(|slot| Arc::clone(&slot));
        let Some(slot) = slot else { return };
        let Some((connector, target, pointed)) = slot.begin() else {
            return;
        };
        if let Some(target) = target {
            cancel::cancel(&connector, &target).await;
        }
        slot.end(pointed);
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

    fn begin(&self) -> Option<(Connector, Option<Arc<CancelTarget>>, u64)> {
        let mut state = self.lock();
        if state.waits {
            state.gave_up = true;
            self.given_up.notify_one();
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
