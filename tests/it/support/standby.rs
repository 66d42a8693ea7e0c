//! A standby: a server that follows another one, and can take its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::postgres::{Account, Cluster, program};

impl Cluster {
    /// Starts a server that follows this one.
    pub fn standby(&self, name: &str) -> Self {
        let account = Account::of_server();
        let folder = Self::folder(&account, name);
        let copied = account
            .command(&program("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-U", "app", "--checkpoint=fast"])
            .args(["--no-sync", "-R", "-X", "stream"])
            .args(["-p", &self.port().to_string(), "-D"])
            .arg(folder.join("data"))
            .output()
            .expect("pg_basebackup runs");
        let said = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup: {said}");
        Self::serve(&account, folder)
    }

    /// Makes a standby a server of its own, which takes writes.
    pub fn promote(&self) {
        self.control(&["promote", "--wait"]);
    }

    /// Stops the server as a crash would.
    pub fn crash(&self) {
        self.control(&["stop", "--mode=immediate"]);
    }

    /// Stops the server politely and starts it again, on the same port.
    pub fn restart(&self) {
        self.control(&["restart", "--wait", "--mode=fast"]);
    }

    fn control(&self, arguments: &[&str]) {
        let account = Account::of_server();
        let done = account
            .command(&program("pg_ctl"))
            .args(arguments)
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(self.log())
            .stdout(Stdio::null())
            .status()
            .expect("pg_ctl runs");
        assert!(done.success(), "pg_ctl {arguments:?}");
    }

    /// Everything that was sent to the server so far and has this text in it.
    pub fn saw(&self, text: &str) -> usize {
        fs::read_to_string(self.log())
            .expect("the log")
            .matches(text)
            .count()
    }

    fn log(&self) -> PathBuf {
        self.data().with_file_name("log")
    }

    fn data(&self) -> PathBuf {
        Path::new(&self.certificate()).with_file_name("")
    }
}
