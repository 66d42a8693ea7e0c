//! Who plays the analytic side?
//!
//! RISINGWAVE_URL, else a `risingwave` program on PATH, else a running Docker engine, else a second PostgreSQL. The demo says which, and
//! why not the others. Starting RisingWave as a program and with Docker could not be tried where this was written, and the demo says that
//! too when it does so.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::database::Database;
use super::folder::Folder;
use super::postgres::Cluster;
use super::programs::{Running, finish, free_port, last_lines, on_path};
use super::screen::Screen;

/// The variable that names a RisingWave which is there already.
const URL_VARIABLE: &str = "RISINGWAVE_URL";
/// The image of docker-compose.yml.
const IMAGE: &str = "risingwavelabs/risingwave:v2.8.4";
/// Longest time until RisingWave answers.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest time for fetching the image.
const PULL_PATIENCE: Duration = Duration::from_secs(900);
/// Longest time for the Docker engine to say that it is there.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);
const UNTRIED: &str =
    "This way of starting RisingWave has not been tried out by Tidegate's authors.";

/// What the command line may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Choice {
    /// RISINGWAVE_URL, a risingwave program, Docker, else a second PostgreSQL.
    Auto,
    /// A second PostgreSQL.
    Postgres,
}

/// The analytic side, up.
pub(super) struct Analytic {
    /// The word for `engine:`.
    pub(super) engine: &'static str,
    /// What `url:` says; a variable where the address may hold a password.
    pub(super) url: String,
    /// What it is, for people.
    pub(super) shown: String,
    /// Why it is not something better.
    pub(super) because: Vec<String>,
    /// RisingWave, where it is our own process.
    _process: Option<Running>,
}

impl Analytic {
    /// Starts the best there is.
    pub(super) async fn start(
        choice: Choice,
        folder: &Folder,
        programs: &Path,
        screen: &Screen,
    ) -> Result<Self, String> {
        if choice == Choice::Postgres {
            let because = vec!["--analytic postgres was asked for".to_owned()];
            return second_postgres(folder, programs, because).await;
        }
        if std::env::var(URL_VARIABLE).is_ok_and(|url| !url.is_empty()) {
            return Ok(Self {
                engine: "risingwave",
                url: format!("${{{URL_VARIABLE}}}"),
                shown: format!("the RisingWave of {URL_VARIABLE}"),
                because: Vec::new(),
                _process: None,
            });
        }
        let mut because = vec![format!("{URL_VARIABLE} is not set")];
        match on_path("risingwave") {
            None => because.push("there is no risingwave program on PATH".to_owned()),
            Some(program) => {
                screen.step(&format!("Starting {}. {UNTRIED}", program.display()));
                match own_process(folder, &program).await {
                    Ok(started) => return Ok(started),
                    Err(why) => because.push(format!("{} did not start: {why}", program.display())),
                }
            }
        }
        let mut info = Command::new("docker");
        info.arg("info");
        match finish(
            &mut info,
            &folder.path().join("docker.log"),
            ENGINE_PATIENCE,
        )
        .await
        {
            Err(_) => because.push("no Docker engine answers".to_owned()),
            Ok(()) => {
                screen.step(&format!("Starting {IMAGE} with Docker. {UNTRIED}"));
                match container(folder).await {
                    Ok(started) => return Ok(started),
                    Err(why) => because.push(format!("{IMAGE} did not start: {why}")),
                }
            }
        }
        second_postgres(folder, programs, because).await
    }
}

/// A PostgreSQL in RisingWave's place.
async fn second_postgres(
    folder: &Folder,
    programs: &Path,
    because: Vec<String>,
) -> Result<Analytic, String> {
    let cluster = Cluster::start(folder, "analytic", programs).await?;
    Ok(Analytic {
        engine: "postgres",
        url: cluster.url(),
        shown: format!(
            "a second PostgreSQL {} on 127.0.0.1:{}, in RisingWave's place",
            cluster.version, cluster.port
        ),
        because,
        _process: None,
    })
}

/// `risingwave single_node`, with everything in memory.
async fn own_process(folder: &Folder, program: &Path) -> Result<Analytic, String> {
    let port = free_port()?;
    let log = folder.path().join("risingwave.log");
    let mut command = Command::new(program);
    command
        .args(["single_node", "--in-memory"])
        .args(["--listen-addr", &format!("127.0.0.1:{port}")])
        .arg("--store-directory")
        .arg(folder.path().join("risingwave"));
    let mut process = Running::start(&mut command, &log)?;
    folder.note("process", &process.id().to_string())?;
    let shown = format!("{} on 127.0.0.1:{port}", program.display());
    let ended = || process.ended().map(|_| last_lines(&log));
    wait_until_up(port, ended).await?;
    Ok(risingwave(port, shown, Some(process)))
}

/// A container, which the folder's watcher removes.
async fn container(folder: &Folder) -> Result<Analytic, String> {
    let port = free_port()?;
    let log = folder.path().join("docker.log");
    let name = format!("tidegate-demo-{port}");
    let mut pull = Command::new("docker");
    pull.args(["pull", IMAGE]);
    finish(&mut pull, &log, PULL_PATIENCE).await?;
    folder.note("container", &name)?;
    let mut run = Command::new("docker");
    run.args(["run", "--detach", "--name", &name])
        .args(["--publish", &format!("127.0.0.1:{port}:4566")])
        .args([IMAGE, "single_node"]);
    finish(&mut run, &log, PATIENCE).await?;
    wait_until_up(port, || None).await?;
    let shown = format!("{IMAGE} in Docker on 127.0.0.1:{port}");
    Ok(risingwave(port, shown, None))
}

fn risingwave(port: u16, shown: String, process: Option<Running>) -> Analytic {
    Analytic {
        engine: "risingwave",
        url: format!("postgres://root@127.0.0.1:{port}/dev"),
        shown: format!("{shown}. {UNTRIED}"),
        because: Vec::new(),
        _process: process,
    }
}

/// Waits until RisingWave answers a query, or `ended` says why it will not.
async fn wait_until_up(port: u16, mut ended: impl FnMut() -> Option<String>) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let why = match Database::open(port, "root", "dev").await {
            Ok(database) => match database.ask("SELECT 1").await {
                Ok(_) => return Ok(()),
                Err(error) => super::database::words(&error),
            },
            Err(why) => why,
        };
        if let Some(said) = ended() {
            return Err(said);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("no answer within {PATIENCE:?}: {why}"));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
