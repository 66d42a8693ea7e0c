//! Whose fault is it, what may the client see, and may it try again?
//!
//! [`ClientError`] is the only kind of error that is ever written to a client's socket: its text is made for
//! the person at the other end and holds no address, secret or statement of anyone else.

use crate::protocol::sqlstate;

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client asked for what cannot be done.
    Client,
    /// A backend failed.
    Backend,
    /// The router's limits or state.
    Router,
    /// `router.yaml`.
    Configuration,
}

/// Whether the same statement may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing was run.
    Safe,
    /// It may have been run.
    Unsafe,
    /// It will fail again.
    Useless,
}

/// How an error ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement.
    Error,
    /// The connection.
    Fatal,
}

impl Severity {
    /// PostgreSQL's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ClientError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether to try again.
    pub retry: Retry,
    /// How it ends.
    pub severity: Severity,
    /// One of [`sqlstate`].
    pub sqlstate: &'static str,
    /// One line.
    pub message: String,
    /// What exactly is wrong.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// The function of PostgreSQL's source that raises it there, for drivers that go by it.
    pub routine: Option<&'static str>,
}

impl ClientError {
    fn new(fault: Fault, retry: Retry, sqlstate: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            fault,
            retry,
            severity: Severity::Error,
            sqlstate,
            message,
            detail: None,
            hint: None,
            routine: None,
        }
    }

    /// A statement that must not run where it would have to.
    pub fn refused(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self::new(Fault::Client, Retry::Useless, sqlstate, message)
    }

    /// Bytes that break the protocol; the connection is closed after it.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(
            Fault::Client,
            Retry::Useless,
            sqlstate::PROTOCOL_VIOLATION,
            message,
        )
        .fatal()
    }

    /// A client that has left a transaction open for too long; PostgreSQL's own words.
    #[must_use]
    pub fn idle_in_transaction() -> Self {
        Self::new(
            Fault::Client,
            Retry::Safe,
            sqlstate::IDLE_IN_TRANSACTION_TIMEOUT,
            "terminating connection due to idle-in-transaction timeout",
        )
        .fatal()
    }

    /// A backend that cannot be reached, or was lost between statements.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(
            Fault::Backend,
            Retry::Safe,
            sqlstate::CONNECTION_FAILURE,
            message,
        )
    }

    /// A backend lost while a statement ran.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(
            Fault::Backend,
            Retry::Unsafe,
            sqlstate::ADMIN_SHUTDOWN,
            message,
        )
    }

    /// A backend that did not keep to the protocol, and is left.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(
            Fault::Backend,
            Retry::Unsafe,
            sqlstate::PROTOCOL_VIOLATION,
            message,
        )
    }

    /// A limit of the router.
    pub fn full(message: impl Into<String>) -> Self {
        Self::new(
            Fault::Router,
            Retry::Safe,
            sqlstate::TOO_MANY_CONNECTIONS,
            message,
        )
    }

    /// The client has cancelled a statement that was not sent anywhere yet.
    #[must_use]
    pub fn cancelled() -> Self {
        let message = "canceling statement due to user request";
        Self::new(
            Fault::Client,
            Retry::Safe,
            sqlstate::QUERY_CANCELED,
            message,
        )
    }

    /// A statement has run for longer than the session's `statement_timeout`; PostgreSQL's own words.
    #[must_use]
    pub fn timed_out() -> Self {
        let message = "canceling statement due to statement timeout";
        Self::new(
            Fault::Client,
            Retry::Safe,
            sqlstate::QUERY_CANCELED,
            message,
        )
    }

    /// The router ends.
    #[must_use]
    pub fn shutdown() -> Self {
        let message = "terminating connection due to administrator command";
        Self::new(
            Fault::Router,
            Retry::Safe,
            sqlstate::ADMIN_SHUTDOWN,
            message,
        )
        .fatal()
    }

    /// Makes the error end the connection.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.severity = Severity::Fatal;
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the function that raises it in PostgreSQL.
    #[must_use]
    pub fn routine(mut self, routine: &'static str) -> Self {
        self.routine = Some(routine);
        self
    }
}
