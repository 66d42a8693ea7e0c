//! What has the operator asked for?
//!
//! `router.yaml` becomes one immutable, checked [`Config`], or a list of **every** problem in it, each
//! with the line and column it stands at. The file is parsed once into a tree that remembers places,
//! variables are put in, the shape is checked against the schema that also makes the documentation,
//! and only then is meaning given to it. Whoever holds a [`Config`] never has to check again.
//!
//! ```text
//! text ─ tree ─ interpolate ─ check (schema) ─ file (serde) ─ resolve ─▶ Config
//! ```
//!
//! Nothing here opens a socket or reads a clock; the environment and the file system are arguments.

mod address;
mod check;
mod conninfo;
mod docs;
mod duration;
mod file;
mod interpolate;
mod nearest;
mod pattern;
mod problem;
mod resolve;
mod routes;
mod schema;
mod source;
mod tree;
mod url;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

pub use docs::markdown;
pub use pattern::{BadPattern, Pattern, RelationPattern};
pub use problem::{Positions, Problem, Severity};
pub use schema::schema;
pub use source::{load, parse};
pub use url::{BackendUrl, Endpoint, SslMode, TargetSessionAttrs};

/// A checked `router.yaml`. Plain data: cloning it is cheap enough for a reload, never done per
/// statement. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect to; never empty.
    pub listen: Vec<Listen>,
    /// Where metrics, health and the status page are served; always [`Listen::Tcp`].
    pub http: Option<Listen>,
    /// All backends, in the order of the file; never empty.
    pub backends: Vec<Backend>,
    /// The index in `backends` of the OLTP one.
    pub default: usize,
    /// How often both catalogs are read; `None` means that rules alone decide.
    pub discover: Option<Duration>,
    /// The rules, in the order of the file: the first that matches wins.
    pub routes: Vec<Route>,
    /// When a client gives its backend connection back.
    pub pooling: Pooling,
    /// When the OLTP backend hears of a BEGIN.
    pub begin: BeginMode,
    /// What databases are called on the OLTP backend; see [`Config::oltp_database`].
    pub databases: Vec<(Pattern, String)>,
    /// Who may log in.
    pub auth: Auth,
    /// The certificate shown to clients; `None` means no TLS.
    pub tls: Option<Tls>,
    /// Users whose routing hints are honoured; `None` means everybody's.
    pub hints: Option<Vec<Pattern>>,
    /// Users who may read catalogs that show passwords.
    pub admins: Vec<Pattern>,
    /// What one client or all of them together may use.
    pub limits: Limits,
    /// What is written to standard error.
    pub log: Log,
    /// How long a drain waits for running work.
    pub shutdown_grace: Duration,
    /// Threads that serve clients, where the file says how many.
    pub threads: Option<usize>,
    /// What the operator knows of functions the router cannot look into.
    pub functions: Functions,
    /// Materialized views of the default backend that the router refreshes.
    pub refresh: Vec<Refresh>,
    /// Where each key stands in the file, for problems that are only found later.
    pub positions: Positions,
}

impl Config {
    /// The OLTP backend.
    pub fn default_backend(&self) -> &Backend {
        &self.backends[self.default]
    }

    /// What a database is called on the OLTP backend that clients call `name`.
    pub fn oltp_database<'a>(&'a self, name: &'a str) -> &'a str {
        let mapped = self.databases.iter().find(|(known, _)| known.matches(name));
        mapped.map_or(name, |(_, to)| to)
    }

    /// The analytic backends with their indices: all but the default one.
    pub fn analytic(&self) -> impl Iterator<Item = (usize, &Backend)> {
        self.backends
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != self.default)
    }

    /// The index of the backend called `name`.
    pub fn backend_index(&self, name: &str) -> Option<usize> {
        self.backends
            .iter()
            .position(|backend| backend.name == name)
    }

    /// A problem with the key at `path` (`routes[0]`, `routes[0].relations[1]`, `backends.oltp.url`),
    /// with the place in the file where it stands, or where its nearest parent does.
    pub fn locate(&self, path: &str, severity: Severity, message: impl Into<String>) -> Problem {
        self.positions.problem(path, severity, message)
    }

    /// Whether a client of `user` may read catalogs that show passwords.
    pub fn is_admin(&self, user: &str) -> bool {
        self.admins.iter().any(|pattern| pattern.matches(user))
    }

    /// Whether a client of `user` may say where its statements go.
    pub fn allows_hints(&self, user: &str) -> bool {
        self.hints
            .as_ref()
            .is_none_or(|users| users.iter().any(|p| p.matches(user)))
    }
}

/// What [`load`] and [`parse`] return for a file without errors.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed but surely not meant.
    pub warnings: Vec<Problem>,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Listen {
    /// A host name or IP address (without brackets) and a port; port 0 means any free one.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Whether only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Listen::Unix(_) => true,
            Listen::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Listen::Tcp { host, port } => write!(f, "{host}:{port}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A server that statements are sent to.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Its key under `backends`.
    pub name: String,
    /// What it runs.
    pub engine: Engine,
    /// How it is reached, the password included.
    pub url: BackendUrl,
    /// Whether writes may go there.
    pub access: AccessMode,
    /// What happens to DDL for its relations. On the default backend always [`DdlMode::Forward`].
    pub ddl: DdlMode,
    /// Whether a session's reads see what it has written there before.
    pub read_own_writes: bool,
    /// How many connections, and for how long.
    pub pool: PoolLimits,
}

/// A materialized view that the router refreshes.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// Its name as SQL writes it.
    pub view: String,
    /// How often at least.
    pub every: Option<Duration>,
    /// Whether it can be read meanwhile.
    pub concurrently: bool,
    /// Relations after whose changes it is refreshed.
    pub after_writes: Vec<RelationPattern>,
    /// How much time is left between two refreshes after writes.
    pub at_most_every: Duration,
}

/// What a backend runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// RisingWave.
    Risingwave,
}

impl Engine {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::Risingwave => "risingwave",
        }
    }
}

/// Whether a backend may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// Nothing but statements proven to read.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// What happens to DDL for a backend's relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DdlMode {
    /// It is refused.
    Refuse,
    /// It is rewritten to what the engine can do.
    Adapt,
    /// It is sent as it is.
    Forward,
}

/// How many connections a pool holds, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolLimits {
    /// Most connections for one database and user at a time.
    pub size: usize,
    /// Most connections to the backend at a time.
    pub total: usize,
    /// Most connections of one user at a time, over all databases.
    pub per_user: usize,
    /// Idle connections that are kept however long they are unused.
    pub min: usize,
    /// How long a statement waits for one.
    pub wait: Duration,
    /// Age at which one is closed and replaced.
    pub lifetime: Duration,
    /// How long one is kept unused.
    pub idle: Duration,
}

/// A rule: which statements go to which backend. An empty list matches everything.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Relations it speaks of.
    pub relations: Vec<RelationPattern>,
    /// Database users it applies to.
    pub users: Vec<Pattern>,
    /// Databases (as the client names them) it applies to.
    pub databases: Vec<Pattern>,
    /// `application_name`s it applies to.
    pub applications: Vec<Pattern>,
    /// Which kind of reading it applies to.
    pub shape: ShapeRule,
    /// The index in [`Config::backends`] of where they go.
    pub to: usize,
}

impl Route {
    /// How the rule is called everywhere a person reads it: `routes[0] dashboards`, or `routes[0]`.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("routes[{}] {name}", self.index),
            None => format!("routes[{}]", self.index),
        }
    }
}

/// Which kind of reading a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeRule {
    /// Every kind.
    Any,
    /// Statements that aggregate.
    Aggregate,
    /// Statements that look up single rows.
    Point,
}

/// When the OLTP backend hears of a BEGIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeginMode {
    /// With the first statement that it runs in the transaction.
    Deferred,
    /// At once.
    Eager,
}

/// When a client gives its backend connection back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// At the end of each transaction.
    Transaction,
    /// When it disconnects.
    Session,
}

/// Who may log in.
#[derive(Debug, Clone)]
pub struct Auth {
    /// How clients prove who they are.
    pub method: AuthMethod,
    /// The users; with [`AuthMethod::Trust`] an empty map lets everybody in.
    pub users: BTreeMap<String, User>,
}

/// How clients prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// SCRAM-SHA-256 with the passwords of the file.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// Not at all.
    Trust,
}

/// A user who may log in.
#[derive(Debug, Clone)]
pub struct User {
    /// The password; always there with [`AuthMethod::ScramSha256`].
    pub password: Option<SecretString>,
}

/// The certificate shown to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Whether clients must use it.
    pub mode: TlsMode,
}

/// Whether clients must use TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// They may.
    Allow,
    /// They must.
    Require,
}

/// What one client or all of them together may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most clients at a time.
    pub clients: usize,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
    /// Longest single message taken from a client, in bytes.
    pub message_bytes: usize,
    /// How long a client may leave a transaction open without a word; `None` for any time.
    pub idle_in_transaction: Option<Duration>,
    /// Most prepared statements one client may hold.
    pub prepared_statements: usize,
    /// Memory for what is known of statement texts, in bytes.
    pub statement_cache_bytes: usize,
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// How much: a level, or `target=level` directives separated by commas.
    pub level: String,
    /// Whether SQL text may appear in it.
    pub sql: bool,
}

/// In which form the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the operator knows of functions the router cannot look into.
#[derive(Debug, Clone, Default)]
pub struct Functions {
    /// Functions that only read.
    pub reads: Vec<Pattern>,
    /// Functions that write or have other effects; stronger than `reads`.
    pub writes: Vec<Pattern>,
}
