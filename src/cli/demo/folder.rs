//! Where does the demo keep everything, and who cleans up?
//!
//! A watcher does: a shell whose standard input is a pipe that this process holds. When the pipe closes (at the end, in a panic, or
//! because the process was killed) it stops whatever servers have left their number in the folder, and removes the folder. There is no
//! other way of cleaning up, so the way for accidents is the one that is used every day.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, then stops clusters (a fast shutdown; at once after ten seconds), a RisingWave process
/// (whose command line names the folder: its number may be another's by now) and a container.
const WATCHER: &str = r#"
trap '' HUP INT TERM
cat
tell() {
    for file in "$2"/*/data/postmaster.pid; do
        [ ! -f "$file" ] || kill "-$1" "$(head -n 1 "$file")"
    done
}
tell INT "$1"
if [ -f "$1/process" ] && ps -o args= -p "$(cat "$1/process")" | grep -qF "$1"; then
    kill -KILL "$(cat "$1/process")"
fi
[ ! -f "$1/container" ] || docker rm --force --volumes "$(cat "$1/container")"
n=0
while [ $n -lt 200 ] && ls "$1"/*/data/postmaster.pid; do
    [ $n -ne 100 ] || tell QUIT "$1"
    sleep 0.1
    n=$((n + 1))
done
n=0
until rm -rf "$1" || [ $n -ge 20 ]; do
    sleep 0.1
    n=$((n + 1))
done
"#;

/// A temporary folder that is emptied and removed with all that runs in it.
pub(super) struct Folder {
    path: PathBuf,
    owner: u32,
    watcher: Child,
}

impl Folder {
    /// Makes the folder and starts its watcher.
    pub(super) fn new() -> Result<Self, Vec<String>> {
        let name = format!("tidegate-demo-{:08x}", rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        let fault = |e: std::io::Error| vec![format!("cannot make {}: {e}", path.display())];
        // Others may pass through, as PostgreSQL's user must when this is root; they cannot look around.
        DirBuilder::new().mode(0o711).create(&path).map_err(fault)?;
        let owner = std::fs::metadata(&path).map_err(fault)?.uid();
        let watcher = Command::new("sh")
            .args(["-c", WATCHER, "tidegate-demo-watcher"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for this process, not for the one that cleans up after it.
            .process_group(0)
            .spawn();
        match watcher {
            Ok(watcher) => Ok(Self {
                path,
                owner,
                watcher,
            }),
            Err(e) => {
                let _ = std::fs::remove_dir(&path);
                Err(vec![format!("cannot start sh: {e}")])
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process runs as root, which PostgreSQL refuses to.
    pub(super) fn is_roots(&self) -> bool {
        self.owner == 0
    }

    /// Leaves a note for the watcher: `process` or `container`, and its number or name.
    pub(super) fn note(&self, kind: &str, value: &str) -> Result<(), String> {
        std::fs::write(self.path.join(kind), value)
            .map_err(|e| format!("cannot write to {}: {e}", self.path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}
