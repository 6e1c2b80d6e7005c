//! Programs in a terminal, driven by tmux as a person would.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::running::{PROGRAM, Running};

/// A terminal. Its server ends with it.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs a command; `None` if there is no tmux.
    fn run(name: &str, command: &str) -> Option<Self> {
        let socket = format!("whisper-{name}-{}", std::process::id());
        let terminal = Self { socket };
        let started = terminal.tmux(&["new-session", "-d", "-x", "120", "-y", "40", command]);
        match started {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(terminal)
            }
            Err(_) => {
                eprintln!("SKIPPED: tmux is not in the PATH");
                None
            }
        }
    }

    fn tmux(&self, words: &[&str]) -> std::io::Result<Output> {
        Command::new("tmux").args(["-f", "/dev/null", "-L", &self.socket]).args(words).output()
    }

    fn send(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).unwrap().status.success());
    }

    /// Waits until the screen has a text; `None` at the end of the program.
    fn wait_for(&self, text: &str) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let shown = self.tmux(&["capture-pane", "-p"]).unwrap();
            if !shown.status.success() {
                return None;
            }
            let shown = String::from_utf8(shown.stdout).unwrap();
            if shown.contains(text) {
                return Some(shown);
            }
            assert!(Instant::now() < deadline, "no {text:?} in {shown}");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.tmux(&["kill-server"]);
    }
}

#[test]
fn top_shows_a_node_until_ctrl_c() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let start = |index: usize, more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("--datadir").arg(dirs[index].path()).args(["--addr", "127.0.0.1"]);
        command.args(["--port", "0", "--http=false", "--ws=false", "--nodiscover"]);
        Running::start(command.args(["--verbosity", "1"]).args(more))
    };
    let mut node = start(0, &["--identity", "watched"]);
    let enode = node.value("enode");
    let mut peer = start(1, &["--identity", "near", "--staticnodes", &enode]);
    peer.value("enode");
    let datadir = dirs[0].path().display().to_string();
    if let Some(terminal) = Terminal::run("top", &format!("{PROGRAM} top --datadir {datadir}")) {
        let shown = terminal.wait_for("WhisperNode/near").unwrap();
        assert!(shown.starts_with("WhisperNode/watched"), "{shown}");
        assert!(shown.contains("1 peers, 0 envelopes in the pool"), "{shown}");
        terminal.send("C-c");
        // The session ends with the program.
        let deadline = Instant::now() + Duration::from_secs(30);
        while terminal.tmux(&["has-session"]).unwrap().status.success() {
            assert!(Instant::now() < deadline, "it does not end");
        }
    }
    let mut command = Command::new(PROGRAM);
    command.args(["top", "--json", "--count", "1", "--datadir", &datadir]);
    let output = command.output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["peers"].as_array().unwrap().len(), 1);
    let mut command = Command::new(PROGRAM);
    let nowhere = command.args(["top", "--rpc", "/nowhere"]).output().unwrap();
    assert!(!nowhere.status.success());
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("no node answers at /nowhere"));
}
