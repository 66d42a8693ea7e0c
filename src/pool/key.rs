//! Which connections are interchangeable?
//!
//! Two logins with the same user, database and startup parameters: what a client puts into its startup packet is its session's
//! default, to which RESET and DISCARD come back (<https://www.postgresql.org/docs/15/runtime-config-client.html>), so a connection made
//! with other parameters would not do. But for `application_name`, which many programs make different for each process: that one is set
//! on the connection instead, and set again when a statement resets it.

use std::hash::{DefaultHasher, Hash, Hasher};

use secrecy::ExposeSecret;

use crate::backend::connect::Login;

/// Bytes that PostgreSQL keeps of a name, its end included.
const NAME_BYTES: usize = 64;

fn is_plain(byte: u8) -> bool {
    (32..127).contains(&byte)
}

/// A login that connections are kept for.
#[derive(Debug)]
pub struct PoolKey {
    /// How to log in.
    pub login: Login,
    /// The database user.
    pub user: Box<str>,
    /// The database, as the backend knows it.
    pub database: Box<str>,
    /// The `application_name` of the startup packet.
    pub application: Box<str>,
    /// The only server, by its index in the backend's url, that connections may be made to; any that the url asks for where left out.
    pub endpoint: Option<usize>,
    /// What the others must have in common.
    common: Vec<(Vec<u8>, Vec<u8>)>,
    hash: u64,
}

impl PoolKey {
    /// The key of a login.
    #[must_use]
    pub fn new(login: Login) -> Self {
        let text = |wanted: &[u8]| {
            let found = login.parameters.iter().find(|(name, _)| name == wanted);
            let value = found.map(|(_, value)| value.as_slice()).unwrap_or_default();
            Box::from(&*String::from_utf8_lossy(value))
        };
        let (user, database) = (text(b"user"), text(b"database"));
        let application: Box<str> = text(b"application_name");
        // PostgreSQL cuts longer ones and replaces other characters, each version in its own way.
        let plain = application.len() < NAME_BYTES && application.bytes().all(is_plain);
        let mut common = login.parameters.clone();
        common.retain(|(name, _)| !plain || name != b"application_name");
        let mut hasher = DefaultHasher::new();
        common.hash(&mut hasher);
        let hash = hasher.finish();
        Self {
            login,
            user,
            database,
            application,
            endpoint: None,
            common,
            hash,
        }
    }

    /// The key of the same login on one server only.
    #[must_use]
    pub fn at(self, endpoint: usize) -> Self {
        Self {
            endpoint: Some(endpoint),
            ..self
        }
    }

    /// Whether both log in alike, down to the order of the parameters.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let passwords = [self, other].map(|key| {
            let password = key.login.password.as_ref();
            password.map(ExposeSecret::expose_secret)
        });
        self.login.parameters == other.login.parameters
            && self.endpoint == other.endpoint
            && passwords[0] == passwords[1]
    }

    /// Whether both share the limit of one database and user.
    #[must_use]
    pub fn same_group(&self, other: &Self) -> bool {
        self.user == other.user
            && self.database == other.database
            && self.endpoint == other.endpoint
    }
}

impl PartialEq for PoolKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.endpoint == other.endpoint && self.common == other.common
    }
}

impl Eq for PoolKey {}

impl Hash for PoolKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
