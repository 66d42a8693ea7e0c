//! How does a PostgreSQL of our own come up?
//!
//! `initdb` into the demo's folder and `pg_ctl start`, on a free port of loopback, without sockets elsewhere and without fsync: the data
//! is thrown away. PostgreSQL refuses to run as root, so root hands it to the user `postgres`.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::database::{self, Database};
use super::folder::Folder;
use super::programs::{finish, free_port, is_program, last_lines};

/// The programs that are needed.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
/// Longest time for making a cluster, and for starting it.
const PATIENCE: Duration = Duration::from_secs(90);
/// The user that root hands a cluster to.
const SERVER_USER: &str = "postgres";

/// The folder with PostgreSQL's server programs: on PATH, where pg_config says, or where Debian puts them.
pub(super) fn programs() -> Result<PathBuf, Vec<String>> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let asked = Command::new("pg_config").arg("--bindir").output().ok();
    let told = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).trim().into());
    std::env::split_paths(&on_path)
        .chain(told)
        .chain(debian_folders())
        .find(|folder| PROGRAMS.iter().all(|name| is_program(&folder.join(name))))
        .ok_or_else(|| {
            vec![
                "PostgreSQL's server programs (initdb, pg_ctl, postgres) were not found on PATH, by pg_config \
                 or in /usr/lib/postgresql/*/bin."
                    .to_owned(),
                "  Debian, Ubuntu:  sudo apt-get install postgresql".to_owned(),
                "  macOS:           brew install postgresql@17".to_owned(),
            ]
        })
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let mut versions: Vec<PathBuf> = entries
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let number = |path: &PathBuf| -> u32 {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.parse().unwrap_or(0)
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions
        .into_iter()
        .map(|version| version.join("bin"))
        .collect()
}

/// A running cluster with a role and a database `app`.
pub(super) struct Cluster {
    pub(super) port: u16,
    /// The server's version, as it says itself.
    pub(super) version: String,
}

impl Cluster {
    /// Makes and starts a cluster. The folder's watcher stops it.
    pub(super) async fn start(
        folder: &Folder,
        name: &str,
        programs: &Path,
    ) -> Result<Self, String> {
        let home = folder.path().join(name);
        let fault = |e: std::io::Error| format!("cannot make {}: {e}", home.display());
        std::fs::create_dir(&home).map_err(fault)?;
        if folder.is_roots() {
            let (user, group) = server_user()?;
            chown(&home, Some(user), Some(group)).map_err(fault)?;
        }
        let data = home.join("data");
        let mut initdb = server_command(folder, programs.join("initdb"))?;
        initdb.arg("--pgdata").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        finish(&mut initdb, &log(folder, name, "initdb"), PATIENCE)
            .await
            .map_err(|why| format!("initdb failed:\n  {why}"))?;
        let port = start_server(folder, name, programs, &home).await?;
        let version = set_up(port).await.map_err(|why| format!("{name}: {why}"))?;
        Ok(Self { port, version })
    }

    /// The cluster's address.
    pub(super) fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/app", self.port)
    }
}

/// Starts the server on a free port; another program may take the port in between, so it is tried again.
async fn start_server(
    folder: &Folder,
    name: &str,
    programs: &Path,
    home: &Path,
) -> Result<u16, String> {
    let own_log = home.join("server.log");
    let mut why = String::new();
    for _ in 0..3 {
        let port = free_port()?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
             -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB"
        );
        let mut start = server_command(folder, programs.join("pg_ctl"))?;
        start
            .arg("--pgdata")
            .arg(home.join("data"))
            .arg("--log")
            .arg(&own_log)
            .args(["--options", &options, "--wait", "--silent", "start"]);
        match finish(&mut start, &log(folder, name, "pg_ctl"), PATIENCE).await {
            Ok(()) => return Ok(port),
            Err(said) => {
                why = format!(
                    "the server did not start:\n  {said}\n  {}",
                    last_lines(&own_log)
                )
            }
        }
    }
    Err(why)
}

/// The role and the database that applications use.
async fn set_up(port: u16) -> Result<String, String> {
    let database = Database::open(port, "postgres", "postgres").await?;
    for statement in ["CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app"] {
        database
            .ask(statement)
            .await
            .map_err(|e| database::words(&e))?;
    }
    let answer = database.ask("SHOW server_version").await;
    let version = answer
        .map_err(|e| database::words(&e))?
        .first_value()
        .to_owned();
    // Debian adds the package's version in brackets.
    Ok(version
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// A command that PostgreSQL's user runs where root started the demo.
fn server_command(folder: &Folder, program: PathBuf) -> Result<Command, String> {
    let mut command = Command::new(program);
    if folder.is_roots() {
        let (user, group) = server_user()?;
        command.uid(user).gid(group);
    }
    Ok(command)
}

/// The numbers of the user `postgres` and its group.
fn server_user() -> Result<(u32, u32), String> {
    let ask = |flag: &str| {
        let answer = Command::new("id").args([flag, SERVER_USER]).output().ok()?;
        String::from_utf8_lossy(&answer.stdout).trim().parse().ok()
    };
    ask("-u").zip(ask("-g")).ok_or_else(|| {
        format!(
            "PostgreSQL does not run as root, and there is no user {SERVER_USER} to run it as.\n  \
             useradd --system {SERVER_USER}, or start the demo as another user"
        )
    })
}

fn log(folder: &Folder, name: &str, program: &str) -> PathBuf {
    folder.path().join(format!("{name}-{program}.log"))
}
