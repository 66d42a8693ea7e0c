//! What does the file mean, and does it make sense as a whole?
//!
//! Here texts become durations, addresses, patterns and URLs, names become indices, and what one key
//! demands of another is checked. Problems are collected, never returned early: where a value is
//! wrong a stand-in takes its place, and the stand-in is thrown away with everything else.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{
    AccessMode, Auth, AuthMethod, Backend, BackendUrl, BeginMode, Config, DdlMode, Engine,
    Functions, Limits, Listen, Log, LogFormat, Pattern, PoolLimits, Pooling, Refresh,
    RelationPattern, TargetSessionAttrs, Tls, TlsMode, User,
    address::{is_taken, listen},
    conninfo,
    duration::{self, DURATION_ALLOWED, SIZE_ALLOWED},
    file::{
        AuthKeys, BackendKeys, DatabaseKeys, File, FunctionsKeys, LimitsKeys, LogKeys, OneOrMany,
        PoolKeys, RefreshKeys, TlsKeys,
    },
    nearest::suggest,
    problem::{Place, Report, child},
    routes::{patterns, routes},
};
use crate::sql::is_relation_name;

/// Most backends.
const BACKENDS_MAX: usize = 64;
/// Connections to one backend when `total` is not said: what PostgreSQL's default max_connections leaves room for.
const POOL_TOTAL: usize = 90;
/// Most addresses to listen on.
const LISTEN_MAX: usize = 64;
/// Longest name of a backend; it is a label in metrics.
const NAME_BYTES_MAX: usize = 63;
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MEBIBYTE: usize = 1 << 20;

/// Gives meaning to a file of the right shape. `order` are the backends' names as they come in the
/// file. What is returned is worth something only if no error was reported.
pub(super) fn resolve(file: File, order: &[String], report: &mut Report) -> Config {
    let mut resolver = Resolver { report };
    let listen = resolver.listen(file.listen);
    let http = resolver.http(file.http, &listen);
    let mut keys = file.backends.unwrap_or_default();
    let named: Vec<(String, BackendKeys)> = order
        .iter()
        .filter_map(|name| keys.remove_entry(name))
        .collect();
    let names: Vec<String> = named.iter().map(|(name, _)| name.clone()).collect();
    let default = resolver.default(file.default, &named);
    let backends = named
        .into_iter()
        .enumerate()
        .map(|(index, (name, keys))| resolver.backend(name, keys, default.map(|d| d == index)))
        .collect();
    let auth = resolver.auth(file.auth, &listen);
    let tls = file.tls.map(|keys| resolver.tls(keys));
    let hints = file.hints.map(|list| resolver.globs(Some(list), "hints"));
    let admins = resolver.globs(file.admins, "admins");
    let databases = resolver.databases(file.databases.unwrap_or_default());
    let limits = resolver.limits(file.limits);
    let log = resolver.log(file.log);
    let functions = resolver.functions(file.functions);
    let discover = match file.discover.as_deref() {
        Some("off") | None => None,
        Some(text) => {
            let least = Duration::from_millis(100);
            Some(resolver.time("discover", Some(text.to_owned()), least))
        }
    };
    let shutdown_grace = resolver.time("shutdown_grace", file.shutdown_grace, Duration::ZERO);
    let refresh = resolver.refresh(file.refresh.unwrap_or_default());
    let routes = routes(file.routes.unwrap_or_default(), &names, report);
    Config {
        listen: listen.into_iter().map(|(_, listen)| listen).collect(),
        http,
        backends,
        default: default.unwrap_or(0),
        discover,
        routes,
        pooling: file.pooling.unwrap_or(Pooling::Transaction),
        begin: file.begin.unwrap_or(BeginMode::Deferred),
        databases,
        auth,
        tls,
        hints,
        admins,
        limits,
        log,
        shutdown_grace,
        threads: file.threads,
        functions,
        refresh,
        positions: report.positions.clone(),
    }
}

struct Resolver<'a> {
    report: &'a mut Report,
}

impl Resolver<'_> {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        self.report.error(path, message);
    }

    fn time(&mut self, path: &str, text: Option<String>, least: Duration) -> Duration {
        let Some(text) = text else { return least };
        let Some(time) = duration::duration(&text) else {
            let may_be_off = matches!(path, "discover" | "limits.idle_in_transaction");
            let off = if may_be_off { ", or off" } else { "" };
            self.error(
                path,
                format!("not a duration; allowed: {DURATION_ALLOWED}{off}"),
            );
            return least;
        };
        if time < least {
            let least = duration::show(least);
            self.error(path, format!("too short; allowed: {least} or more"));
        }
        time
    }

    fn size(&mut self, path: &str, text: Option<String>, least: usize, most: usize) -> usize {
        let Some(text) = text else { return least };
        let Some(size) = duration::bytes(&text) else {
            self.error(path, format!("not a size; allowed: {SIZE_ALLOWED}"));
            return least;
        };
        if !(least..=most).contains(&size) {
            let (least, most) = (least / MEBIBYTE, most / MEBIBYTE);
            self.error(
                path,
                format!("out of range; allowed: {least}MB to {most}MB"),
            );
        }
        size
    }

    fn globs(&mut self, list: Option<Vec<String>>, path: &str) -> Vec<Pattern> {
        patterns(list, path, Pattern::new, self.report)
    }

    /// The addresses with their paths.
    fn listen(&mut self, keys: Option<OneOrMany>) -> Vec<(String, Listen)> {
        let texts = match keys {
            None => Vec::new(),
            Some(OneOrMany::One(text)) => vec![("listen".to_owned(), text)],
            Some(OneOrMany::Many(texts)) => texts
                .into_iter()
                .enumerate()
                .map(|(at, text)| (format!("listen[{at}]"), text))
                .collect(),
        };
        if texts.is_empty() || texts.len() > LISTEN_MAX {
            self.error("listen", format!("allowed: 1 to {LISTEN_MAX} addresses"));
        }
        let mut all: Vec<(String, Listen)> = Vec::new();
        for (path, text) in texts {
            match listen(&text) {
                Err(message) => self.error(&path, message),
                Ok(listen) if is_taken(&listen, &all) => {
                    self.error(&path, "the same address twice; allowed: each once");
                }
                Ok(listen) => all.push((path, listen)),
            }
        }
        all
    }

    fn http(&mut self, text: Option<String>, taken: &[(String, Listen)]) -> Option<Listen> {
        match listen(&text?) {
            Ok(Listen::Unix(_)) => self.error("http", "a Unix socket; allowed: host:port"),
            Ok(http) if is_taken(&http, taken) => {
                self.error(
                    "http",
                    "the same address as in listen; allowed: another port",
                );
            }
            Ok(http) => return Some(http),
            Err(_) => self.error(
                "http",
                "not an address; allowed: host:port, such as 127.0.0.1:6433",
            ),
        }
        None
    }

    /// The index of the default backend.
    fn default(
        &mut self,
        name: Option<String>,
        backends: &[(String, BackendKeys)],
    ) -> Option<usize> {
        let names: Vec<&str> = backends.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            self.error("backends", "no backend; allowed: at least one");
            return None;
        }
        if names.len() > BACKENDS_MAX {
            self.error("backends", format!("too many; allowed: {BACKENDS_MAX}"));
        }
        let written = name.is_some();
        let index = match name {
            Some(name) => names.iter().position(|known| *known == name).or_else(|| {
                let near = suggest(&name, names.iter().copied());
                let message = format!("no such backend{near}; allowed: {}", names.join(", "));
                self.error("default", message);
                None
            }),
            None if names.len() == 1 => Some(0),
            None => {
                let message = format!(
                    "is missing, with more than one backend; allowed: {}",
                    names.join(", ")
                );
                self.error("default", message);
                None
            }
        }?;
        let (name, keys) = &backends[index];
        if keys.engine == Some(Engine::Risingwave) {
            let message = format!(
                "the default backend {name} is not PostgreSQL; allowed: a backend with engine: postgres"
            );
            let engine = child(&child("backends", name), "engine");
            self.error(if written { "default" } else { &engine }, message);
        }
        Some(index)
    }

    /// `default` tells whether it is the default backend, where that is known.
    fn backend(&mut self, name: String, keys: BackendKeys, default: Option<bool>) -> Backend {
        let path = child("backends", &name);
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            let message = format!(
                "not a name for a backend; allowed: 1 to {NAME_BYTES_MAX} letters, digits, _ and -"
            );
            self.error(&path, message);
        } else if name == "auto" {
            self.error(
                &path,
                "auto is what a hint says to mean no backend; allowed: another name",
            );
        }
        let is_default = default == Some(true);
        self.modes(&path, &keys, default);
        Backend {
            engine: keys.engine.unwrap_or(Engine::Postgres),
            url: self.url(&path, keys.url, keys.password, is_default),
            access: if is_default {
                AccessMode::ReadWrite
            } else {
                keys.access.unwrap_or(AccessMode::ReadOnly)
            },
            ddl: if is_default {
                DdlMode::Forward
            } else {
                keys.ddl.unwrap_or(DdlMode::Refuse)
            },
            read_own_writes: keys.read_own_writes.unwrap_or(false),
            pool: self.pool(&child(&path, "pool"), keys.pool),
            name,
        }
    }

    fn refresh(&mut self, list: Vec<RefreshKeys>) -> Vec<Refresh> {
        let second = Duration::from_secs(1);
        let mut all = Vec::with_capacity(list.len());
        for (at, keys) in list.into_iter().enumerate() {
            let path = format!("refresh[{at}]");
            let view = keys.view.unwrap_or_default();
            if !is_relation_name(view.as_bytes()) {
                let message =
                    "not a relation's name; allowed: name, schema.name, parts in double quotes";
                self.error(&child(&path, "view"), message);
            }
            if keys.every.is_none() && keys.after_writes.is_none() {
                let message = "it is never refreshed: give it every, after_writes, or both";
                self.report.warn(&path, message);
            }
            let every = keys
                .every
                .map(|every| self.time(&child(&path, "every"), Some(every), second));
            let at_most = keys.at_most_every.unwrap_or_else(|| "30s".to_owned());
            let at_most_every = self.time(&child(&path, "at_most_every"), Some(at_most), second);
            let patterns_at = child(&path, "after_writes");
            let after_writes = patterns(
                keys.after_writes,
                &patterns_at,
                RelationPattern::new,
                self.report,
            );
            all.push(Refresh {
                view,
                every,
                concurrently: keys.concurrently.unwrap_or(false),
                after_writes,
                at_most_every,
            });
        }
        all
    }

    /// Which modes there are for which backend.
    fn modes(&mut self, path: &str, keys: &BackendKeys, default: Option<bool>) {
        let (access, ddl) = (child(path, "access"), child(path, "ddl"));
        let other = keys.engine == Some(Engine::Postgres);
        match (default, keys.access) {
            (Some(true), Some(AccessMode::ReadOnly)) => {
                self.error(&access, "the default backend takes the writes; allowed: read_write");
            }
            (Some(false), Some(AccessMode::ReadWrite)) if other => self.error(
                &access,
                "writes to an analytic PostgreSQL are not available in this version; allowed: read_only",
            ),
            _ => {}
        }
        match (default, keys.ddl) {
            (Some(true), Some(_)) => self.error(
                &ddl,
                "on the default backend it is not available in this version: DDL is always sent \
                 there; allowed: leave the key out",
            ),
            (_, Some(DdlMode::Adapt | DdlMode::Forward)) if other => {
                let message = "on an analytic PostgreSQL it is not available in this version; allowed: refuse";
                self.error(&ddl, message);
            }
            _ => {}
        }
        if keys.read_own_writes == Some(true) && keys.access != Some(AccessMode::ReadWrite) {
            let message = "nothing is written there; allowed with access: read_write";
            self.error(&child(path, "read_own_writes"), message);
        }
    }

    fn url(
        &mut self,
        path: &str,
        text: Option<String>,
        password: Option<String>,
        is_default: bool,
    ) -> BackendUrl {
        let url_path = child(path, "url");
        let stand_in = BackendUrl::stand_in();
        let mut url = match text.as_deref().map(conninfo::read) {
            None => return stand_in,
            Some(Ok(url)) => url,
            Some(Err(problems)) => {
                let place = self.report.positions.locate(&url_path);
                let place = place.map(|(line, col)| Place { line, col });
                for message in problems {
                    self.report.error_at(place, &url_path, message);
                }
                return stand_in;
            }
        };
        if let Some(password) = password {
            if url.password.is_some() {
                let message = "the URL has a password too; allowed: one of them";
                self.error(&child(path, "password"), message);
            }
            if password.contains('\0') {
                self.error(&child(path, "password"), "a NUL character; allowed: text");
            }
            url.password = Some(SecretString::from(password));
        }
        if is_default
            && url.endpoints.len() > 1
            && url.target_session_attrs == TargetSessionAttrs::Any
        {
            let message = "several hosts for the default backend, any of which may be written to; add \
                           target_session_attrs=read-write, so that a standby is passed over";
            self.report.warn(&url_path, message);
        }
        url
    }

    fn pool(&mut self, path: &str, keys: Option<PoolKeys>) -> PoolLimits {
        let keys = keys.unwrap_or(PoolKeys {
            size: None,
            total: None,
            per_user: None,
            min: None,
            wait: None,
            lifetime: None,
            idle: None,
        });
        let size = keys.size.unwrap_or(1);
        let total = keys.total.unwrap_or(size.max(POOL_TOTAL));
        let per_user = keys.per_user.unwrap_or(total);
        let min = keys.min.unwrap_or(0);
        if total < size {
            let message = format!("{total} is less than size; allowed: {size} or more");
            self.error(&child(path, "total"), message);
        }
        for (key, value, most) in [("per_user", per_user, total), ("min", min, size)] {
            if value > most {
                self.error(
                    &child(path, key),
                    format!("{value} is too many; allowed: {most} or less"),
                );
            }
        }
        PoolLimits {
            size,
            total,
            per_user,
            min,
            wait: self.time(&child(path, "wait"), keys.wait, MILLISECOND),
            lifetime: self.time(&child(path, "lifetime"), keys.lifetime, SECOND),
            idle: self.time(&child(path, "idle"), keys.idle, MILLISECOND),
        }
    }

    fn databases(&mut self, keys: Vec<DatabaseKeys>) -> Vec<(Pattern, String)> {
        let mut mapped = Vec::new();
        for (index, keys) in keys.into_iter().enumerate() {
            let path = format!("databases[{index}]");
            let to = keys.to.unwrap_or_default();
            if to.is_empty() || to.len() > NAME_BYTES_MAX {
                let message =
                    format!("not a database's name; allowed: 1 to {NAME_BYTES_MAX} bytes");
                self.error(&child(&path, "to"), message);
            }
            let name = child(&path, "name");
            let pattern = self.globs(keys.name.map(|name| vec![name]), &name).pop();
            mapped.extend(pattern.map(|pattern| (pattern, to)));
        }
        mapped
    }

    fn auth(&mut self, keys: Option<AuthKeys>, listen: &[(String, Listen)]) -> Auth {
        let open = listen.iter().find(|(_, listen)| !listen.is_local());
        let Some(keys) = keys else {
            if let Some((path, address)) = open {
                let place = self.report.positions.locate(path);
                let message = format!(
                    "is missing, though {address} can be reached from other machines; allowed: \
                     auth: {{ method: scram-sha-256, users: {{ app: {{ password: ${{APP_PASSWORD}} }} }} }}, \
                     or listen on 127.0.0.1 only"
                );
                if !self.report.is_bad("auth") {
                    let place = place.map(|(line, col)| Place { line, col });
                    self.report.error_at(place, "auth", message);
                }
            }
            return Auth {
                method: AuthMethod::Trust,
                users: BTreeMap::new(),
            };
        };
        let method = keys.method.unwrap_or(AuthMethod::ScramSha256);
        let users = keys.users.unwrap_or_default();
        let wants_passwords =
            method == AuthMethod::ScramSha256 && !self.report.is_bad("auth.method");
        if wants_passwords && users.is_empty() {
            let message = "no users, so nobody could log in; allowed: \
                           users: { app: { password: \"${APP_PASSWORD}\" } }";
            self.error("auth.users", message);
        }
        if let (AuthMethod::Trust, Some((_, address))) = (method, open) {
            let message = format!(
                "anybody who reaches {address} gets in without a password; write scram-sha-256, \
                 or listen on 127.0.0.1 only"
            );
            self.report.warn("auth.method", message);
        }
        let mut all = BTreeMap::new();
        for (name, keys) in users {
            let path = child("auth.users", &name);
            if name.is_empty() || name.contains(|c: char| c.is_control()) {
                self.error(&path, "not a user name; allowed: text on one line");
            }
            let missing = keys.password.is_none() && !self.report.is_bad(&child(&path, "password"));
            if wants_passwords && missing {
                let message =
                    "no password; allowed: { password: ${VAR} }, { password: file:/path }";
                self.error(&path, message);
            }
            all.insert(
                name,
                User {
                    password: keys.password.map(SecretString::from),
                },
            );
        }
        Auth { method, users: all }
    }

    fn tls(&mut self, keys: TlsKeys) -> Tls {
        let mut file = |text: Option<String>, path| {
            if text.as_deref() == Some("") {
                self.error(path, "an empty path; allowed: the path of a PEM file");
            }
            PathBuf::from(text.unwrap_or_default())
        };
        Tls {
            cert: file(keys.cert, "tls.cert"),
            key: file(keys.key, "tls.key"),
            mode: keys.mode.unwrap_or(TlsMode::Allow),
        }
    }

    fn limits(&mut self, keys: Option<LimitsKeys>) -> Limits {
        let Some(keys) = keys else {
            return Limits::stand_in();
        };
        let gibibyte = 1024 * MEBIBYTE;
        Limits {
            clients: keys.clients.unwrap_or(1),
            login_timeout: self.time("limits.login_timeout", keys.login_timeout, MILLISECOND),
            message_bytes: self.size("limits.message", keys.message, MEBIBYTE, gibibyte),
            idle_in_transaction: keys
                .idle_in_transaction
                .filter(|text| text != "off")
                .map(|text| self.time("limits.idle_in_transaction", Some(text), MILLISECOND)),
            prepared_statements: keys.prepared_statements.unwrap_or(1),
            statement_cache_bytes: self.size(
                "limits.statement_cache",
                keys.statement_cache,
                MEBIBYTE,
                gibibyte.saturating_mul(64),
            ),
        }
    }

    fn log(&mut self, keys: Option<LogKeys>) -> Log {
        let keys = keys.unwrap_or(LogKeys {
            format: None,
            level: None,
            sql: None,
        });
        let level = keys.level.unwrap_or_default();
        const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
        let is_directive = |text: &str| match text.split_once('=') {
            None => LEVELS.contains(&text),
            Some((target, level)) => {
                let name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
                !target.is_empty() && target.bytes().all(name) && LEVELS.contains(&level)
            }
        };
        if !level.is_empty() && !level.split(',').map(str::trim).all(is_directive) {
            let message = format!(
                "not a log level; allowed: {}, or target=level separated by commas",
                LEVELS.join(", ")
            );
            self.error("log.level", message);
        } else if level.is_empty() {
            self.error(
                "log.level",
                format!("is empty; allowed: {}", LEVELS.join(", ")),
            );
        }
        Log {
            format: keys.format.unwrap_or(LogFormat::Text),
            level,
            sql: keys.sql.unwrap_or(false),
        }
    }

    fn functions(&mut self, keys: Option<FunctionsKeys>) -> Functions {
        let Some(keys) = keys else {
            return Functions::default();
        };
        Functions {
            reads: self.globs(keys.reads, "functions.reads"),
            writes: self.globs(keys.writes, "functions.writes"),
        }
    }
}

impl Limits {
    fn stand_in() -> Self {
        Self {
            clients: 1,
            login_timeout: SECOND,
            idle_in_transaction: None,
            message_bytes: MEBIBYTE,
            prepared_statements: 1,
            statement_cache_bytes: MEBIBYTE,
        }
    }
}
