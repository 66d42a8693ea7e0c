//! The command line: one file for each command.

mod catalogs;
mod check;
mod demo;
mod explain;
mod replay;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded};
use crate::{serve, telemetry};

/// The exit code for a configuration or command line that cannot be used.
const BAD_USE: u8 = 2;

#[derive(Parser)]
#[command(
    name = "tidegate",
    version,
    about = "PostgreSQL-wire query router: OLTP statements to PostgreSQL, analytic reads to RisingWave"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the router in the foreground. SIGHUP reloads the file, SIGTERM drains.
    Serve {
        #[command(flatten)]
        file: File,
    },
    /// Check router.yaml, and unless offline the backends, and list every problem.
    Check {
        #[command(flatten)]
        file: File,
        /// Do not connect to the backends.
        #[arg(long)]
        offline: bool,
    },
    /// Show how statements would be routed, and why.
    Explain(explain::Explain),
    /// Show what another router.yaml would change for the statements of a query log.
    Replay(replay::Arguments),
    /// Print the JSON Schema of router.yaml.
    Schema,
    /// Set up two databases and a router on free local ports, and show what it does.
    Demo(demo::Demo),
    /// Print the version.
    Version,
    /// Print docs/config.md, made from the schema.
    #[command(hide = true)]
    ConfigDocs,
}

#[derive(clap::Args, Clone)]
struct File {
    /// The configuration file.
    #[arg(
        short = 'c',
        long = "config",
        default_value = "router.yaml",
        env = "TIDEGATE_CONFIG"
    )]
    path: PathBuf,
}

/// Runs the command line.
#[must_use]
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { file } => serve(&file.path),
        Command::Check { file, offline } => check::run(&file.path, offline),
        Command::Explain(explain) => explain::run(&explain),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Schema => {
            print(&(serde_json::to_string_pretty(&config::schema()).unwrap_or_default() + "\n"))
        }
        Command::Demo(demo) => demo::run(&demo),
        Command::Version => print(&format!("tidegate {}\n", env!("CARGO_PKG_VERSION"))),
        Command::ConfigDocs => print(&config::markdown()),
    }
}

fn serve(path: &Path) -> ExitCode {
    let Some(loaded) = load(path) else {
        return ExitCode::from(BAD_USE);
    };
    telemetry::logging::init(&loaded.config.log);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let threads = loaded.config.threads;
    let served = runtime(threads)
        .and_then(|runtime| runtime.block_on(serve::run(path.to_owned(), loaded.config)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(lines) => {
            complain(&lines);
            ExitCode::from(BAD_USE)
        }
    }
}

/// Reads the file; prints its problems where it has any.
fn load(path: &Path) -> Option<Loaded> {
    match config::load(path, &|name| std::env::var(name).ok()) {
        Ok(loaded) => Some(loaded),
        Err(problems) => {
            complain(&problems);
            None
        }
    }
}

fn complain<T: ToString>(lines: &[T]) {
    let mut err = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(err, "{}", line.to_string());
    }
}

/// Writes to standard output; a reader that has gone is no error.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

/// The runtime that clients are served in. As a thread costs when it is woken for what another could do, and the servers and their clients
/// want processors too, there are no more than half as many (docs/decisions/0009).
fn runtime(threads: Option<usize>) -> Result<tokio::runtime::Runtime, Vec<String>> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match threads.unwrap_or_else(|| cores().div_ceil(2)) {
        // With nobody to share the work with, none of what that takes.
        1 => tokio::runtime::Builder::new_current_thread(),
        several => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(several);
            builder
        }
    };
    builder
        .enable_all()
        .build()
        .map_err(|e| vec![format!("cannot start the runtime: {e}")])
}
