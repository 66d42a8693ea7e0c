//! What may stand in `router.yaml`?
//!
//! These structs are the file, one to one. Each key has one doc comment, which becomes the JSON
//! Schema, docs/config.md and the text of errors, and one `default`, which the schema shows and
//! [`check`](super::check) fills in. Every field is an `Option` all the same: a key with a wrong
//! value is left out, so that the rest of the file can still be checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    AccessMode, AuthMethod, BeginMode, DdlMode, Engine, LogFormat, Pooling, ShapeRule, TlsMode,
};

/// router.yaml: where Tidegate listens, which servers stand behind it, and which statements go where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Where clients connect to: `host:port`, `unix:/path`, or a list of them. Port 0 means any free one.
    #[schemars(extend("default" = "127.0.0.1:6432", "examples" = ["0.0.0.0:6432", ["127.0.0.1:6432", "unix:/run/tidegate/.s.PGSQL.6432"]]))]
    pub(super) listen: Option<OneOrMany>,
    /// Where metrics, health and the status page are served, as `host:port`; off when left out.
    #[schemars(extend("examples" = ["127.0.0.1:6433"]))]
    pub(super) http: Option<String>,
    /// The servers that statements are sent to, by name: one OLTP server, which `default` names, and any number of analytic ones.
    #[schemars(required)]
    pub(super) backends: Option<BTreeMap<String, BackendKeys>>,
    /// The name of the OLTP backend, where everything goes that no rule and no catalog claims. May be left out when there is only one backend.
    #[schemars(extend("examples" = ["oltp"]))]
    pub(super) default: Option<String>,
    /// How often the catalogs of all backends are read to learn which relations live where; `off` leaves it to the rules alone.
    #[schemars(extend("default" = "30s", "examples" = ["30s", "off"], "x-allowed" = "a duration such as 30s, or off"))]
    pub(super) discover: Option<String>,
    /// The rules, of which the first that matches wins. A rule without conditions matches every statement.
    #[schemars(extend("default" = []))]
    pub(super) routes: Option<Vec<RouteKeys>>,
    /// When a client gives its backend connection back.
    #[schemars(extend("default" = "transaction"))]
    pub(super) pooling: Option<Pooling>,
    /// When the OLTP backend hears of a BEGIN: `deferred` answers it at once and sends it with the transaction's first statement there, `eager` sends it at once.
    #[schemars(extend("default" = "deferred"))]
    pub(super) begin: Option<BeginMode>,
    /// What databases are called on the OLTP backend, by what clients call them; the first that matches counts. A name that none matches stays as it is.
    #[schemars(extend("default" = []))]
    pub(super) databases: Option<Vec<DatabaseKeys>>,
    /// Who may log in. May be left out only when every `listen` address is on this machine; then everybody is let in.
    pub(super) auth: Option<AuthKeys>,
    /// The certificate shown to clients; no TLS when left out.
    pub(super) tls: Option<TlsKeys>,
    /// Users (globs) whose routing hints are honoured; everybody's when left out, nobody's with an empty list.
    #[schemars(extend("examples" = [["bi_*", "admin"]]))]
    pub(super) hints: Option<Vec<String>>,
    /// Users (globs) who may read the catalogs of RisingWave that show passwords, such as `rw_catalog.rw_sources`; nobody when left out.
    #[schemars(extend("examples" = [["dba", "admin_*"]]))]
    pub(super) admins: Option<Vec<String>>,
    /// What one client, or all of them together, may use.
    #[schemars(extend("default" = {}))]
    pub(super) limits: Option<LimitsKeys>,
    /// What is written to standard error.
    #[schemars(extend("default" = {}))]
    pub(super) log: Option<LogKeys>,
    /// How long running work may go on after SIGTERM, before the connections are closed.
    #[schemars(extend("default" = "30s", "x-format" = "duration"))]
    pub(super) shutdown_grace: Option<String>,
    /// Threads that serve clients; half of the processor's cores, rounded up, when left out. More are of use where the machine is the router's alone.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) threads: Option<usize>,
    /// What is known of user-defined functions. One that is named nowhere is taken to write.
    #[schemars(extend("default" = {}))]
    pub(super) functions: Option<FunctionsKeys>,
    /// Materialized views of the OLTP backend that Tidegate refreshes.
    #[schemars(extend("default" = []))]
    pub(super) refresh: Option<Vec<RefreshKeys>>,
}

/// A materialized view in the database of the OLTP backend's url, refreshed as the url's user, which must own it. With neither `every` nor `after_writes` it never is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshKeys {
    /// Its name, `name` or `schema.name`, as SQL writes it.
    #[schemars(required, extend("examples" = ["popular_posts"]))]
    pub(super) view: Option<String>,
    /// How often it is refreshed at least.
    #[schemars(extend("x-format" = "duration", "examples" = ["5m"]))]
    pub(super) every: Option<String>,
    /// Whether it can be read meanwhile (`REFRESH MATERIALIZED VIEW CONCURRENTLY`), which takes a unique index.
    #[schemars(extend("default" = false))]
    pub(super) concurrently: Option<bool>,
    /// Relations, as globs: once a transaction that wrote to one of them through this router has ended, the view is refreshed.
    #[schemars(extend("examples" = [["posts", "app.*"]]))]
    pub(super) after_writes: Option<Vec<String>>,
    /// How much time is left between two refreshes after writes.
    #[schemars(extend("default" = "30s", "x-format" = "duration"))]
    pub(super) at_most_every: Option<String>,
}

/// One value, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// A server that statements are sent to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendKeys {
    /// What the server runs.
    #[schemars(required)]
    pub(super) engine: Option<Engine>,
    /// A libpq URL or connection string: `postgres://user@host:port/database?sslmode=verify-full`. Parameters: sslmode, sslrootcert, connect_timeout, target_session_attrs, host, port. Several hosts may be given, separated by commas: see "Several servers" in docs/operations.md.
    #[schemars(required, extend("x-secret" = true, "examples" = ["postgres://app@127.0.0.1:5432/app", "postgres://app@db1,db2:5433/app?sslmode=verify-full&target_session_attrs=read-write"]))]
    pub(super) url: Option<String>,
    /// The password of the URL's user: `${VAR}`, `file:/run/secrets/x`, or the text itself.
    #[schemars(extend("x-secret" = true, "x-format" = "secret", "examples" = ["${OLTP_PASSWORD}", "file:/run/secrets/oltp"]))]
    pub(super) password: Option<String>,
    /// Whether writes may be sent there. The default backend is always read_write; all others are read_only when left out. With read_write, for RisingWave, single INSERT, UPDATE and DELETE of tables that mirror no other go there, outside of transactions.
    pub(super) access: Option<AccessMode>,
    /// What happens to DDL for the relations of an analytic backend; refuse when left out. Others are for RisingWave alone. On the default backend the key must be left out, as DDL is always sent there.
    pub(super) ddl: Option<DdlMode>,
    /// Whether a session's analytic reads see what it has written to RisingWave before (`access: read_write`): a FLUSH is sent before the first of them. It waits for a checkpoint.
    #[schemars(extend("default" = false))]
    pub(super) read_own_writes: Option<bool>,
    /// How many connections are kept to it, and for how long.
    #[schemars(extend("default" = {}))]
    pub(super) pool: Option<PoolKeys>,
}

/// A database by another name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseKeys {
    /// The database as clients name it, as a glob.
    #[schemars(required, extend("examples" = ["shop_*"]))]
    pub(super) name: Option<String>,
    /// The database as the OLTP backend knows it.
    #[schemars(required, extend("examples" = ["shop"]))]
    pub(super) to: Option<String>,
}

/// How many connections are kept, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolKeys {
    /// Most connections for one database and user at a time; further statements wait in order of arrival.
    #[schemars(range(min = 1, max = 10000), extend("default" = 20))]
    pub(super) size: Option<usize>,
    /// Most connections to the backend at a time, over all databases and users; 90, or `size` where that is more, when left out. Keep it below the server's max_connections.
    #[schemars(range(min = 1, max = 10000))]
    pub(super) total: Option<usize>,
    /// Most connections of one user at a time, over all databases; as many as `total` when left out.
    #[schemars(range(min = 1, max = 10000))]
    pub(super) per_user: Option<usize>,
    /// Connections for each database and user in use that are kept however long they are unused, and replaced when they are lost; on analytic backends they are opened before anybody asks.
    #[schemars(range(min = 0, max = 10000), extend("default" = 0))]
    pub(super) min: Option<usize>,
    /// How long a statement waits for a connection before it is refused with SQLSTATE 53300.
    #[schemars(extend("default" = "5s", "x-format" = "duration"))]
    pub(super) wait: Option<String>,
    /// Age at which a connection is closed and replaced.
    #[schemars(extend("default" = "1h", "x-format" = "duration"))]
    pub(super) lifetime: Option<String>,
    /// How long a connection is kept unused.
    #[schemars(extend("default" = "10m", "x-format" = "duration"))]
    pub(super) idle: Option<String>,
}

/// A rule. Every condition that is written must hold; one that is left out always does.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteKeys {
    /// What the rule is called in metrics, logs and `EXPLAIN ROUTE`.
    #[schemars(extend("examples" = ["dashboards"]))]
    pub(super) name: Option<String>,
    /// The relations it speaks of: `name` (in any schema) or `schema.name`, as globs. Case counts, and text in double quotes stands for itself.
    #[schemars(extend("examples" = [["orders", "analytics.*", "public.\"Weird.Name\""]]))]
    pub(super) relations: Option<Vec<String>>,
    /// The database users it applies to, as globs.
    #[schemars(extend("examples" = [["bi_*"]]))]
    pub(super) users: Option<Vec<String>>,
    /// The databases it applies to, as the client names them, as globs.
    #[schemars(extend("examples" = [["app"]]))]
    pub(super) databases: Option<Vec<String>>,
    /// The `application_name`s it applies to, as globs.
    #[schemars(extend("examples" = [["metabase*"]]))]
    pub(super) applications: Option<Vec<String>>,
    /// Which kind of reading it applies to.
    #[schemars(extend("default" = "any"))]
    pub(super) shape: Option<ShapeRule>,
    /// The name of the backend that the statements go to.
    #[schemars(required, extend("examples" = ["analytic"]))]
    pub(super) to: Option<String>,
}

/// Who may log in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthKeys {
    /// How clients prove who they are.
    #[schemars(extend("default" = "scram-sha-256"))]
    pub(super) method: Option<AuthMethod>,
    /// The users who may log in, by name. With `trust`, an empty mapping lets everybody in.
    #[schemars(extend("default" = {}))]
    pub(super) users: Option<BTreeMap<String, UserKeys>>,
}

/// A user who may log in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserKeys {
    /// The user's password: `${VAR}`, `file:/run/secrets/x`, or the text itself.
    #[schemars(extend("x-secret" = true, "x-format" = "secret", "examples" = ["${APP_PASSWORD}"]))]
    pub(super) password: Option<String>,
}

/// The certificate shown to clients.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsKeys {
    /// PEM file with the certificate chain.
    #[schemars(required, extend("examples" = ["/etc/tidegate/server.crt"]))]
    pub(super) cert: Option<String>,
    /// PEM file with the private key.
    #[schemars(required, extend("examples" = ["/etc/tidegate/server.key"]))]
    pub(super) key: Option<String>,
    /// Whether clients must use TLS.
    #[schemars(extend("default" = "allow"))]
    pub(super) mode: Option<TlsMode>,
}

/// What one client, or all of them together, may use.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsKeys {
    /// Most clients at a time; the next one is refused with SQLSTATE 53300.
    #[schemars(range(min = 1, max = 1000000), extend("default" = 10000))]
    pub(super) clients: Option<usize>,
    /// How long a client may take to log in.
    #[schemars(extend("default" = "60s", "x-format" = "duration"))]
    pub(super) login_timeout: Option<String>,
    /// Longest single message taken from a client.
    #[schemars(extend("default" = "64MB", "x-format" = "size"))]
    pub(super) message: Option<String>,
    /// How long a client may leave a transaction open without a word before it is closed with SQLSTATE 25P03; `off` for any time.
    #[schemars(extend("default" = "off", "examples" = ["10m", "off"], "x-allowed" = "a duration such as 10m, or off"))]
    pub(super) idle_in_transaction: Option<String>,
    /// Most prepared statements one client may hold.
    #[schemars(range(min = 1, max = 1000000), extend("default" = 10000))]
    pub(super) prepared_statements: Option<usize>,
    /// Memory for what is known of statement texts, shared by all clients.
    #[schemars(extend("default" = "64MB", "x-format" = "size"))]
    pub(super) statement_cache: Option<String>,
}

/// What is written to standard error.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogKeys {
    /// In which form.
    #[schemars(extend("default" = "text"))]
    pub(super) format: Option<LogFormat>,
    /// How much: error, warn, info, debug or trace, or `target=level` directives separated by commas.
    #[schemars(extend("default" = "info", "examples" = ["info", "warn,tidegate::pool=debug"]))]
    pub(super) level: Option<String>,
    /// Whether the text of statements may appear in it. It may hold personal data.
    #[schemars(extend("default" = false))]
    pub(super) sql: Option<bool>,
}

/// What is known of user-defined functions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionsKeys {
    /// Functions that only read, as globs. A wrong name here lets writes pass for reads.
    #[schemars(extend("default" = [], "examples" = [["fiscal_year", "geo_*"]]))]
    pub(super) reads: Option<Vec<String>>,
    /// Functions that write or have other effects, as globs; stronger than `reads`.
    #[schemars(extend("default" = [], "examples" = [["enqueue_*"]]))]
    pub(super) writes: Option<Vec<String>>,
}
