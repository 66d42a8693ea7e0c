//! What does the demo consist of, once it is up?
//!
//! Two servers with their tables, a `router.yaml` that names them, and a router started from that very file, as `tidegate serve` would.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Demo;
use super::analytic::Analytic;
use super::folder::Folder;
use super::postgres::{self, Cluster};
use super::programs::hold_port;
use super::screen::{Screen, Tone};
use crate::backend::Connector;
use crate::backend::control::Control;
use crate::config::{self, Config};
use crate::serve::Router;
use crate::{sql, telemetry};

const OLTP_SQL: &str = include_str!("../../../examples/sql/oltp_app.sql");
const ANALYTIC_SQL: &str = include_str!("../../../examples/sql/analytic_orders.sql");
/// Longest time for one statement that loads data.
const LOAD_PATIENCE: Duration = Duration::from_secs(60);

/// Both sides and the router between them.
pub(super) struct Stage {
    router: Router,
    config: Config,
    file: PathBuf,
    oltp: Cluster,
    analytic: Analytic,
    /// The router's port.
    pub(super) port: u16,
    /// The address of its metrics.
    pub(super) http: String,
}

impl Stage {
    /// Starts everything and loads the tables.
    pub(super) async fn set_up(
        demo: &Demo,
        folder: &Folder,
        screen: &Screen,
    ) -> Result<Self, Vec<String>> {
        let one = |why: String| vec![why];
        let programs = postgres::programs()?;
        screen.step("Setting up two databases …");
        let oltp = Cluster::start(folder, "oltp", &programs)
            .await
            .map_err(one)?;
        let analytic = Analytic::start(demo.analytic, folder, &programs, screen)
            .await
            .map_err(one)?;
        screen.field(
            "OLTP",
            &format!("PostgreSQL {} on 127.0.0.1:{}", oltp.version, oltp.port),
        );
        screen.field("analytic", &analytic.shown);
        if !analytic.because.is_empty() {
            let because = format!("because {}", analytic.because.join(",\n"));
            screen.field("", &screen.paint(Tone::Faint, &because));
        }

        // Held until the router takes them over, so that the two are not the same.
        let (held, port) = hold_port(demo.port).map_err(one)?;
        let (held_http, http_port) = hold_port(demo.http_port).map_err(one)?;
        let file = folder.path().join("router.yaml");
        let text = router_yaml(port, http_port, &oltp, &analytic);
        fs::write(&file, text)
            .map_err(|e| vec![format!("cannot write {}: {e}", file.display())])?;
        let loaded = config::load(&file, &|name| std::env::var(name).ok());
        let config = loaded
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?
            .config;
        telemetry::logging::init(&config.log);
        load_tables(&config, screen).await?;
        drop((held, held_http));
        let router = Router::start(config.clone()).await?;
        let http = format!("127.0.0.1:{http_port}");
        screen.field("Tidegate", &listening(demo, port, &http));
        Ok(Self {
            router,
            config,
            file,
            oltp,
            analytic,
            port,
            http,
        })
    }

    /// How many orders of that number the analytic server has, asked past the router.
    pub(super) async fn orders_with(&self, number: i32) -> Result<u64, String> {
        let query = format!("SELECT count(*) FROM orders WHERE orderid = {number}");
        let control = control(&self.config, "analytic").await?;
        count(&control.rows(&query).await?)
    }

    /// Says how to go on by hand.
    pub(super) fn invite(&self, screen: &Screen) {
        let django = match self.port {
            6432 => "examples/django/run".to_owned(),
            port => format!("TIDEGATE_PORT={port} examples/django/run"),
        };
        screen.line(&format!("\n{}", screen.paint(Tone::Title, "Over to you")));
        screen.field(
            "psql",
            &format!("psql -h 127.0.0.1 -p {} -U app app", self.port),
        );
        screen.field("Django", &format!("{django}   then http://127.0.0.1:8000/"));
        screen.field("metrics", &format!("http://{}/metrics", self.http));
        screen.field("status", &format!("http://{}/", self.http));
        screen.field("router.yaml", &self.file.display().to_string());
        screen.line("\nCtrl-C stops everything and removes it.");
    }

    /// Writes the addresses for scripts. The file appears whole or not at all, so a script may wait for it.
    pub(super) fn write_env(&self, file: &Path) -> Result<(), Vec<String>> {
        let analytic_url = match std::env::var("RISINGWAVE_URL") {
            Ok(url) if self.analytic.url.starts_with('$') => url,
            _ => self.analytic.url.clone(),
        };
        let mut text = String::new();
        for (name, value) in [
            ("TIDEGATE_HOST", "127.0.0.1"),
            ("TIDEGATE_PORT", &self.port.to_string()),
            ("TIDEGATE_HTTP_URL", &format!("http://{}", self.http)),
            ("OLTP_URL", &self.oltp.url()),
            ("ANALYTIC_URL", &analytic_url),
        ] {
            let _ = writeln!(text, "{name}='{}'", value.replace('\'', r"'\''"));
        }
        let beside = file.with_extension("partial");
        // For the owner only: the analytic address may hold a password.
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside);
        opened
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&beside, file))
            .map_err(|e| vec![format!("cannot write {}: {e}", file.display())])
    }

    /// Says goodbye to the clients.
    pub(super) async fn end(self) {
        self.router.drain().await;
    }
}

/// The configuration, with one rule and the rest left to discovery.
fn router_yaml(port: u16, http_port: u16, oltp: &Cluster, analytic: &Analytic) -> String {
    format!(
        "# Written by `tidegate demo`.\n\
         listen: 127.0.0.1:{port}\n\
         http: 127.0.0.1:{http_port}\n\
         backends:\n  \
           oltp:\n    \
             engine: postgres\n    \
             url: {}\n  \
           analytic:\n    \
             engine: {}\n    \
             url: {}\n\
         default: oltp\n\
         discover: 5s\n\
         routes:\n  \
           - name: orders\n    \
             relations: [orders]\n    \
             to: analytic\n\
         log: {{ level: warn }}\n\
         shutdown_grace: 1s\n",
        oltp.url(),
        analytic.engine,
        analytic.url
    )
}

/// A connection to a backend, past the router.
async fn control(config: &Config, name: &str) -> Result<Control, String> {
    let index = config.backend_index(name);
    let (index, backend) = index
        .and_then(|index| Some((index, config.backends.get(index)?)))
        .ok_or_else(|| format!("no backend \"{name}\""))?;
    let connector = Connector::new(index, backend)?;
    Control::connect(&connector, LOAD_PATIENCE).await
}

/// Runs the examples' SQL on both sides. It can be repeated, so a RisingWave that has the orders keeps them.
async fn load_tables(config: &Config, screen: &Screen) -> Result<(), Vec<String>> {
    let mut shown = Vec::new();
    for (name, script, table) in [
        ("oltp", OLTP_SQL, "customers"),
        ("analytic", ANALYTIC_SQL, "orders"),
    ] {
        let rows = load(config, name, script, table).await;
        let rows =
            rows.map_err(|why| vec![format!("cannot load {table} into \"{name}\": {why}")])?;
        shown.push(format!("{table} ({rows} rows) into {name}"));
    }
    screen.field("loaded", &shown.join(", "));
    Ok(())
}

async fn load(config: &Config, name: &str, script: &str, table: &str) -> Result<u64, String> {
    let control = control(config, name).await?;
    for range in sql::split(script.as_bytes()) {
        control.rows(script.get(range).unwrap_or_default()).await?;
    }
    let index = config.backend_index(name);
    let engine = index
        .and_then(|index| config.backends.get(index))
        .map(|backend| backend.engine);
    if engine == Some(config::Engine::Risingwave) {
        // Otherwise the rows are seen at the next checkpoint only.
        control.rows("FLUSH").await?;
    }
    count(
        &control
            .rows(&format!("SELECT count(*) FROM {table}"))
            .await?,
    )
}

/// The number that a count(*) brought.
fn count(rows: &[Vec<Option<String>>]) -> Result<u64, String> {
    let value = rows.first().and_then(|row| row.first()).cloned().flatten();
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| "count(*) brought no number".to_owned())
}

/// Where the router listens, and why not where it was asked to.
fn listening(demo: &Demo, port: u16, http: &str) -> String {
    let mut text = format!("127.0.0.1:{port}, metrics and status on http://{http}/");
    let http_port = http
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    for (wanted, got) in [(demo.port, Some(port)), (demo.http_port, http_port)] {
        if wanted != 0 && got != Some(wanted) {
            let _ = write!(text, "\nport {wanted} is taken by another program");
        }
    }
    text
}
