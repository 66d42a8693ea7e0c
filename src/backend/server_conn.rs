//! What does the router know of one connection to a backend?

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::config::Endpoint;
use crate::net::wire::Wire;
use crate::pool::Home;
use crate::protocol::frame::{self, HEADER_BYTES};
use crate::protocol::{backend, frontend, sqlstate};
use crate::session::prepared::PreparedSet;
use crate::session::settings::Settings;

/// How long a Terminate may take to be written.
const GOODBYE: Duration = Duration::from_millis(100);

/// Where a cancel request for a connection must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelTarget {
    /// The server.
    pub endpoint: Endpoint,
    /// The backend's process id.
    pub pid: i32,
    /// Its key; `None` where the server gave none, and SQL does it.
    pub key: Option<Vec<u8>>,
}

/// A logged-in connection to a backend.
#[derive(Debug)]
pub struct ServerConn {
    /// Its number; no other connection of this process ever has it.
    pub id: u64,
    /// The socket and its buffers.
    pub wire: Wire,
    /// The backend's index in the configuration.
    pub backend: usize,
    /// The server's index in the backend's url.
    pub endpoint: usize,
    /// Parameter statuses as last reported, in the order of their first report.
    pub parameters: Vec<(String, String)>,
    /// The NoticeResponses of its login, frames and all.
    pub notices: Vec<u8>,
    /// How to cancel what it runs; `None` where the server gave no key and SQL does not do it either.
    pub cancel: Option<Arc<CancelTarget>>,
    /// The status byte of its last ReadyForQuery.
    pub status: u8,
    /// Bytes still to come of a message that is passed on in pieces.
    pub passing: usize,
    /// Statements prepared on it by the router.
    pub prepared: PreparedSet,
    /// The statements that set what is set on it now by the router; `None` where that is not known.
    pub settings: Option<String>,
    /// Settings of the engine's own that differ from their defaults on it.
    pub own_settings: BTreeSet<&'static str>,
    /// What the session that used it last has set on it, beyond its startup parameters.
    pub applied: Arc<Settings>,
    /// The `application_name` it logged in with.
    pub application: Box<str>,
    /// The session whose sequences' last values it remembers, and how often that had moved one by then.
    pub sequences_of: (u64, u64),
    /// A session ran code on it that may have left settings which nobody can list.
    pub opaque_of: u64,
    /// Names of statements on it that no client has, to be closed at the next rest.
    pub debris: Vec<Box<[u8]>>,
    /// Alive as long as the client that was told its process id.
    pub home: Weak<Home>,
    /// When it was given back last.
    pub parked: Instant,
    /// When it was made.
    pub born: Instant,
    /// When it is to be closed and replaced.
    pub expires: Instant,
}

/// The next connection's number.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl ServerConn {
    /// A connection that has yet to log in.
    #[must_use]
    pub fn new(wire: Wire, backend: usize) -> Self {
        let born = Instant::now();
        Self {
            id: number(),
            wire,
            backend,
            endpoint: 0,
            parameters: Vec::new(),
            notices: Vec::new(),
            cancel: None,
            status: b'I',
            passing: 0,
            prepared: PreparedSet::default(),
            settings: None,
            own_settings: BTreeSet::new(),
            applied: Arc::default(),
            application: Box::default(),
            sequences_of: (0, 0),
            opaque_of: 0,
            debris: Vec::new(),
            home: Weak::new(),
            parked: born,
            born,
            // A pool says when.
            expires: born,
        }
    }

    /// Ends an idle connection politely, for at most [`GOODBYE`].
    pub async fn say_goodbye(&mut self) {
        frontend::put_terminate(&mut self.wire.out);
        let _ = timeout(GOODBYE, self.wire.close()).await;
    }

    /// Whether it was ended by an administrator while nobody used it, so far as what has been read of it says.
    #[must_use]
    pub fn was_terminated(&self) -> bool {
        let mut rest = &self.wire.inbox[..];
        while let Ok(Some(head)) = frame::head(rest) {
            let Some(message) = rest.get(..head.total) else {
                return false;
            };
            let body = message.get(HEADER_BYTES..).unwrap_or_default();
            if head.tag == b'E' && backend::error_fields(body).code == sqlstate::ADMIN_SHUTDOWN {
                return true;
            }
            rest = rest.get(head.total..).unwrap_or_default();
        }
        false
    }

    /// Takes note of a ParameterStatus. Returns whether the value is new.
    pub fn note_parameter(&mut self, name: &str, value: &str) -> bool {
        match self.parameters.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) if old == value => false,
            Some((_, old)) => {
                value.clone_into(old);
                true
            }
            None => {
                self.parameters.push((name.to_owned(), value.to_owned()));
                true
            }
        }
    }
}
