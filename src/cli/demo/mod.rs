//! What does Tidegate do, seen on two real databases?
//!
//! Sets up both sides and a router on free local ports, sends real statements through a real connection, and shows where each went.
//! The tour is a check as well: it fails when a statement did not go where it should. Everything lives in one temporary folder,
//! which a small watcher empties when this process ends, however it ends ([`folder`]).

mod analytic;
mod database;
mod folder;
mod postgres;
mod programs;
mod scrape;
mod screen;
mod stage;
mod stops;
mod tour;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use folder::Folder;
use screen::Screen;
use stage::Stage;

/// The exit code when a signal came before all was shown, as shells give it.
const INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
pub(super) struct Demo {
    /// Run the tour and exit.
    #[arg(long)]
    once: bool,
    /// Leave the tour out: set everything up and stay.
    #[arg(long, conflicts_with = "once")]
    no_tour: bool,
    /// The router's port; the next free one where it is taken, any free one for 0.
    #[arg(long, default_value_t = 6432)]
    port: u16,
    /// The port of metrics, health and the status page; likewise.
    #[arg(long, default_value_t = 6433)]
    http_port: u16,
    /// Who plays the analytic side.
    #[arg(long, value_enum, default_value_t = analytic::Choice::Auto)]
    analytic: analytic::Choice,
    /// Write the addresses to this file, as shell assignments, once everything is up.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

pub(super) fn run(demo: &Demo) -> ExitCode {
    let screen = Screen::new();
    match Folder::new().and_then(|folder| show_in(&folder, demo, &screen)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(INTERRUPTED),
        Err(lines) => {
            super::complain(&lines);
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo in a folder, which outlives everything that lives in it: nobody is left to wonder where the servers have gone.
fn show_in(folder: &Folder, demo: &Demo, screen: &Screen) -> Result<bool, Vec<String>> {
    // The router and what is shown of it wait for each other.
    let runtime = super::runtime(Some(2))?;
    runtime.block_on(show(folder, demo, screen))
}

/// The whole demo; whether all was shown.
async fn show(folder: &Folder, demo: &Demo, screen: &Screen) -> Result<bool, Vec<String>> {
    let mut signals = Signals::new()?;
    let set_up = signals.or(Stage::set_up(demo, folder, screen)).await;
    let Some(stage) = set_up.transpose()? else {
        return Ok(false);
    };
    let toured = match demo.no_tour {
        true => Some(Ok(())),
        false => signals.or(tour::run(&stage, screen)).await,
    };
    if toured == Some(Ok(())) && !demo.once {
        stage.invite(screen);
        if let Some(file) = &demo.env_file {
            stage.write_env(file)?;
        }
        signals.any().await;
        screen.line("\nStopping, and removing the folder.");
    }
    stage.end().await;
    Ok(toured.transpose()?.is_some())
}

/// The signals that end the demo.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> Result<Self, Vec<String>> {
        let on = |kind| {
            signal(kind).map_err(|e: std::io::Error| vec![format!("cannot wait for signals: {e}")])
        };
        let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(on);
        Ok(Self([interrupt?, terminate?, on(SignalKind::hangup())?]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// What `work` brings, or nothing when a signal came first; the work is then dropped.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.any() => None,
        }
    }
}
