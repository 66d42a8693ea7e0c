//! Whose statement does a cancel request mean, and where does it run now?
//!
//! Each session has a slot under the process id and key it told its client. The slot points at the backend connection that works for
//! the session. A pooled connection may only be handed on when no cancel request is under way to it, or the request would hit somebody
//! else's statement (PgBouncer #245): [`CancelSlot::release`] says whether one is.

use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::sync::Semaphore;

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
pub struct CancelSlot(Mutex<State>);

#[derive(Default)]
struct State {
    target: Option<(Connector, Arc<CancelTarget>)>,
    under_way: usize,
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
        let Some((connector, target)) = slot.begin() else {
            return;
        };
        cancel::cancel(&connector, &target).await;
        slot.end();
    }
}

impl CancelSlot {
    /// Points at the connection that works for the session now.
    pub fn point(&self, connector: &Connector, target: Option<&Arc<CancelTarget>>) {
        self.lock().target = target.map(|target| (connector.clone(), Arc::clone(target)));
    }

    /// Points at nothing. Returns whether a cancel request is under way to what it pointed at, which must then not be used again.
    #[must_use]
    pub fn release(&self) -> bool {
        let mut state = self.lock();
        state.target = None;
        state.under_way > 0
    }

    fn begin(&self) -> Option<(Connector, Arc<CancelTarget>)> {
        let mut state = self.lock();
        let target = state.target.clone()?;
        state.under_way += 1;
        Some(target)
    }

    fn end(&self) {
        self.lock().under_way -= 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
