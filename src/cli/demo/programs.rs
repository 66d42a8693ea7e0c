//! How are other programs run?
//!
//! To their end, within a limit, with what they say kept in a file for the case that they fail. Dropping the future kills the program.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of a failed program's output that are shown.
const LINES_SHOWN: usize = 6;

/// A running program, killed when dropped.
pub(super) struct Running(Child);

impl Running {
    /// Starts a program whose output goes to the file `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let fault = |e: std::io::Error| format!("cannot run {name}: {e}");
        let out = File::create(log).map_err(fault)?;
        let err = out.try_clone().map_err(fault)?;
        let child = command
            .current_dir("/")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn();
        child.map(Self).map_err(fault)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended, and then whether well.
    pub(super) fn ended(&mut self) -> Option<bool> {
        match self.0.try_wait() {
            Ok(status) => status.map(|status| status.success()),
            Err(_) => Some(false),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end; an error shows the last lines it wrote.
pub(super) async fn finish(
    command: &mut Command,
    log: &Path,
    limit: Duration,
) -> Result<(), String> {
    let begun = Instant::now();
    let mut running = Running::start(command, log)?;
    loop {
        match running.ended() {
            Some(true) => return Ok(()),
            Some(false) => return Err(last_lines(log)),
            None if begun.elapsed() > limit => return Err(format!("not done within {limit:?}")),
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The end of a log.
pub(super) fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LINES_SHOWN);
    lines.get(from..).unwrap_or_default().join("\n  ")
}

/// Where a program is on PATH.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|place| is_program(place))
}

/// Whether a file can be run.
pub(super) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A port that is free on loopback, held until dropped: the wanted one or the next free one after it, any for 0.
pub(super) fn hold_port(wanted: u16) -> Result<(TcpListener, u16), String> {
    let mut last = String::new();
    for port in wanted..=wanted.saturating_add(100) {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|held| held.local_addr().map(|at| (held, at.port())));
        match held {
            Ok(held) => return Ok(held),
            Err(e) => last = e.to_string(),
        }
    }
    Err(format!("no free port from {wanted} on: {last}"))
}

/// A port that is free on loopback now.
pub(super) fn free_port() -> Result<u16, String> {
    hold_port(0).map(|(_, port)| port)
}
