//! What does the router know of one connection to a backend?

use std::sync::Arc;
use std::time::Instant;

use crate::config::Endpoint;
use crate::net::wire::Wire;
use crate::session::prepared::PreparedSet;

/// Where a cancel request for a connection must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelTarget {
    /// The server.
    pub endpoint: Endpoint,
    /// The backend's process id.
    pub pid: i32,
    /// Its key.
    pub key: Vec<u8>,
}

/// A logged-in connection to a backend.
#[derive(Debug)]
pub struct ServerConn {
    /// The socket and its buffers.
    pub wire: Wire,
    /// The backend's index in the configuration.
    pub backend: usize,
    /// Parameter statuses as last reported, in the order of their first report.
    pub parameters: Vec<(String, String)>,
    /// How to cancel what it runs; `None` where the server gave no key.
    pub cancel: Option<Arc<CancelTarget>>,
    /// The status byte of its last ReadyForQuery.
    pub status: u8,
    /// Bytes still to come of a message that is passed on in pieces.
    pub passing: usize,
    /// Statements prepared on it by the router.
    pub prepared: PreparedSet,
    /// The statements that set what is set on it now by the router; `None` where that is not known.
    pub settings: Option<String>,
    /// When it was made.
    pub born: Instant,
}

impl ServerConn {
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
