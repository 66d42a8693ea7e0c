//! What would another router.yaml change for the statements that are run today?
//!
//! A query log is routed by the file in force and by the one that is to replace it. Where a statement would newly be refused, or one that may
//! write would run elsewhere, the exit code is 1, so that a pipeline stops before the file is put in force.

mod compare;
mod csvlog;
mod lines;
mod log;
mod message;
mod report;
mod stderr_log;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::{BAD_USE, catalogs, complain, load, print};
use crate::admin::question::Asker;
use compare::{Replay, World};
use log::{Entry, Format, Log};

/// The exit code where a change is dangerous.
const RISKY: u8 = 1;

#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0, nothing dangerous would change; 1, a statement would newly be refused, or one that \
                        may write would run elsewhere; 2, a file cannot be used or the log holds no statement."
)]
pub(super) struct Arguments {
    /// The query log: one statement a line, or PostgreSQL's csv or plain log; `-` reads standard input.
    file: PathBuf,
    /// The configuration file in force.
    #[arg(long, default_value = "router.yaml", env = "TIDEGATE_CONFIG")]
    from: PathBuf,
    /// The configuration file that is to replace it.
    #[arg(long)]
    to: PathBuf,
    /// The form of the log.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Do not connect to the backends: rules alone decide.
    #[arg(long)]
    offline: bool,
    /// Print one JSON object a line: the changes, then a summary.
    #[arg(long)]
    json: bool,
    /// The database user of statements whose user the log does not tell [default: the default backend's].
    #[arg(long)]
    user: Option<String>,
    /// Their database, where the log does not tell it [default: the default backend's].
    #[arg(long)]
    database: Option<String>,
    /// Their `application_name`, where the log does not tell it.
    #[arg(long, default_value = "")]
    application: String,
    /// The `search_path` of every session.
    #[arg(long, default_value = crate::admin::question::DEFAULT_SEARCH_PATH)]
    search_path: String,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let replayed = open(arguments).map_err(|why| vec![why]).and_then(|log| {
        let (from, to) = (
            world(&arguments.from, arguments.offline)?,
            world(&arguments.to, arguments.offline)?,
        );
        let asker = Asker {
            user: arguments.user.clone(),
            database: arguments.database.clone(),
            application: arguments.application.clone(),
            search_path: Some(arguments.search_path.clone()),
        };
        read(log, Replay::new(from, to, asker))
            .map_err(|why| vec![format!("{}: {why}", arguments.file.display())])
    });
    let replay = match replayed {
        Ok(replay) => replay,
        Err(lines) => {
            complain(&lines);
            return ExitCode::from(BAD_USE);
        }
    };
    print(&if arguments.json {
        report::json(&replay)
    } else {
        report::text(&replay)
    });
    if replay.summary.statements == 0 {
        // A log in a form that is not known would otherwise pass as one in which nothing changes.
        let file = arguments.file.display();
        complain(&[format!(
            "{file}: no statement found; allowed: one statement a line, or PostgreSQL's csv or plain log with log_statement \
             or log_min_duration_statement"
        )]);
        return ExitCode::from(BAD_USE);
    }
    if replay.summary.risky > 0 {
        return ExitCode::from(RISKY);
    }
    ExitCode::SUCCESS
}

fn open(arguments: &Arguments) -> Result<Log, String> {
    let file: Box<dyn Read> = if arguments.file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(&arguments.file).map_err(|why| unopened(arguments, &why))?)
    };
    Log::open(file, arguments.format).map_err(|why| unopened(arguments, &why))
}

fn unopened(arguments: &Arguments, why: &std::io::Error) -> String {
    format!("{}: cannot be read: {why}", arguments.file.display())
}

/// A file and the catalogs of its backends. Its problems have been printed where it has any.
fn world(path: &Path, offline: bool) -> Result<World, Vec<String>> {
    let loaded = load(path).ok_or_else(Vec::new)?;
    let config = Arc::new(loaded.config);
    let catalog = catalogs::read(&config, offline).map_err(|lines| {
        let line = |line| format!("{}: {line}", path.display());
        lines.into_iter().map(line).collect::<Vec<_>>()
    })?;
    Ok(World::new(config, catalog))
}

fn read(mut log: Log, mut replay: Replay) -> std::io::Result<Replay> {
    while let Some(entry) = log.next()? {
        match entry {
            Entry::Statement(logged) => replay.add(&logged),
            Entry::Other => replay.summary.other_messages += 1,
            Entry::Unreadable(line) => replay.unreadable(line),
        }
    }
    Ok(replay)
}
