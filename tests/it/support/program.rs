//! The `tidegate` program, and others, as processes.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::{eventually, within};

/// `tidegate serve` as a process; killed when dropped.
pub struct Served {
    child: Child,
    log: Arc<Mutex<String>>,
    /// router.yaml.
    pub file: PathBuf,
    /// Where clients connect to.
    pub address: String,
    /// Where metrics and health are.
    pub http: String,
    _folder: tempfile::TempDir,
}

impl Served {
    /// Starts it and waits until it listens.
    pub async fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("router.yaml");
        std::fs::write(&file, yaml).expect("router.yaml");
        let mut child = tidegate()
            .args(["serve", "-c"])
            .arg(&file)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("tidegate starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let sink = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut sink = sink.lock().expect("the log");
                sink.push_str(&line);
                sink.push('\n');
            }
        });
        let mut served = Self {
            child,
            log,
            file,
            address: String::new(),
            http: String::new(),
            _folder: folder,
        };
        served.logs("metrics and health").await;
        let log = served.log();
        served.address = address_in(&log, "listening");
        served.http = address_in(&log, "metrics and health");
        served
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Waits until it has logged a text.
    pub async fn logs(&mut self, text: &str) {
        let log = Arc::clone(&self.log);
        let seen = || async { log.lock().expect("the log").contains(text) };
        eventually(&format!("the log says {text:?}"), seen).await;
    }

    /// Sends it a signal.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .await;
        assert!(sent.expect("kill runs").success());
    }

    /// The memory it holds, in megabytes.
    pub fn megabytes(&self) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .expect("its memory");
        let kilobytes = line.split_whitespace().nth(1).expect("a number");
        kilobytes.parse::<u64>().expect("a number") / 1024
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end and returns its exit code.
    pub async fn ends(&mut self) -> Option<i32> {
        let status = within("the end of tidegate", self.child.wait()).await;
        status.expect("a status").code()
    }

    /// The port clients connect to.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next().expect("a port");
        port.parse().expect("a port")
    }
}

/// The address in the line of a log, text or JSON, that says `what`.
fn address_in(log: &str, what: &str) -> String {
    let line = log
        .lines()
        .find(|line| line.contains(what))
        .expect("a line");
    let at = line.rfind("127.0.0.1:").expect("an address");
    let end = line[at..].find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    line[at..end.map_or(line.len(), |end| at + end)].to_owned()
}

/// The program under test.
pub fn tidegate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.kill_on_drop(true).env_remove("TIDEGATE_CONFIG");
    command
}

/// Runs `tidegate` with arguments to its end.
pub async fn run(arguments: &[&str]) -> Finished {
    finish(tidegate().args(arguments), b"").await
}

/// Runs `tidegate` with arguments and standard input to its end.
pub async fn run_with(arguments: &[&str], input: &[u8]) -> Finished {
    finish(tidegate().args(arguments), input).await
}

/// Runs psql to its end. It stops at nothing, so that what follows an error is seen too.
pub async fn psql(port: u16, user: &str, database: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(super::postgres::client_program("psql"));
    command
        .args([
            "-X",
            "-A",
            "-t",
            "-w",
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ])
        .args(["-U", user, "-d", database])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent");
    finish(&mut command, b"").await
}

async fn finish(command: &mut Command, input: &[u8]) -> Finished {
    let what = format!("{:?}", command.as_std());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_vec();
    tokio::spawn(async move {
        let _ = stdin.write_all(&input).await;
    });
    let output = within(&what, child.wait_with_output()).await;
    Finished::from(output.expect("an output"))
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A folder with files in it.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// A path as text.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}
