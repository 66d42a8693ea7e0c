//! Where is a backend, and as whom does the router log in there?
//!
//! The terms are libpq's, since that is what people have at hand; they are read in
//! [`conninfo`](super::conninfo).

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

/// How long one connection attempt may take when the URL does not say.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a backend is reached: a libpq URL or connection string, read. `Debug` hides the password.
#[derive(Debug, Clone)]
pub struct BackendUrl {
    /// Servers to try, in order; never empty.
    pub endpoints: Vec<Endpoint>,
    /// The user the router logs in as.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// The database; the user's name when left out.
    pub database: String,
    /// How much TLS is asked for.
    pub sslmode: SslMode,
    /// PEM file with the certificates to trust; the system's when left out.
    pub sslrootcert: Option<PathBuf>,
    /// How long one connection attempt may take.
    pub connect_timeout: Duration,
    /// Which of several servers will do.
    pub target_session_attrs: TargetSessionAttrs,
}

/// One server of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A host name or IP address (without brackets) and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The directory of a Unix socket, and the port that is part of its name.
    Unix(PathBuf, u16),
}

/// How much TLS is asked for, as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server insists.
    Allow,
    /// When the server can.
    #[default]
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// Always, with a certificate of a trusted authority.
    VerifyCa,
    /// Always, with a certificate of a trusted authority for this host.
    VerifyFull,
}

/// Which of several servers will do, as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TargetSessionAttrs {
    /// The first that answers.
    #[default]
    Any,
    /// One that takes writes.
    ReadWrite,
    /// One that takes no writes.
    ReadOnly,
    /// One that is not a standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or else the first that answers.
    PreferStandby,
}

impl SslMode {
    pub(super) const WORDS: [(&str, SslMode); 6] = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];

    /// The word in the URL.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }
}

impl TargetSessionAttrs {
    pub(super) const WORDS: [(&str, TargetSessionAttrs); 6] = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("read-only", TargetSessionAttrs::ReadOnly),
        ("primary", TargetSessionAttrs::Primary),
        ("standby", TargetSessionAttrs::Standby),
        ("prefer-standby", TargetSessionAttrs::PreferStandby),
    ];

    /// The word in the URL.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }
}

impl BackendUrl {
    /// Stands where no URL could be read, until the problems are shown.
    pub(super) fn stand_in() -> Self {
        Self {
            endpoints: Vec::new(),
            user: None,
            password: None,
            database: String::new(),
            sslmode: SslMode::Prefer,
            sslrootcert: None,
            connect_timeout: CONNECT_TIMEOUT,
            target_session_attrs: TargetSessionAttrs::Any,
        }
    }
}
