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

    /// Types a text, and Enter.
    fn type_line(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).unwrap().status.success());
        self.send("Enter");
    }

    /// Waits for the end of the program: the session ends with it.
    fn wait_for_end(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.tmux(&["has-session"]).unwrap().status.success() {
            assert!(Instant::now() < deadline, "it does not end");
        }
    }

    fn send(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).unwrap().status.success());
    }

    /// Waits until the screen has a text; `None` at the end of the program.
    fn wait_for(&self, text: &str) -> Option<String> {
        self.wait_for_all(&[text])
    }

    /// Waits until the screen has all texts; `None` at the end of the program.
    fn wait_for_all(&self, texts: &[&str]) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let shown = self.tmux(&["capture-pane", "-p"]).unwrap();
            if !shown.status.success() {
                return None;
            }
            let shown = String::from_utf8(shown.stdout).unwrap();
            if texts.iter().all(|text| shown.contains(text)) {
                return Some(shown);
            }
            assert!(Instant::now() < deadline, "no {texts:?} in {shown}");
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
        assert!(shown.contains("peers: 1, envelopes in the pool: 0"), "{shown}");
        terminal.send("C-c");
        terminal.wait_for_end();
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

/// The command of a chat. Its terminal is used by a shell before and after it.
fn chat(name: &str, datadir: &str) -> String {
    let chat = format!("{PROGRAM} chat --name {name} --topic news --pow 0 --datadir {datadir}");
    format!("WHISPER_PASSWORD=swordfish sh -c '{chat}; echo ended $?; stty -a; cat'")
}

#[test]
fn two_chats_on_two_nodes_talk_to_each_other_and_to_clients() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let start = |index: usize, more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("--datadir").arg(dirs[index].path()).args(["--addr", "127.0.0.1"]);
        command.args(["--port", "0", "--http=false", "--ws=false", "--nodiscover"]);
        Running::start(command.args(["--shh.pow", "0", "--verbosity", "1"]).args(more))
    };
    let archive = dirs[0].path().join("archive").display().to_string();
    let mut node = start(0, &["--archive", &archive]);
    let enode = node.value("enode");
    let mut peer = start(1, &["--staticnodes", &enode]);
    peer.value("enode");
    let datadir = |index: usize| dirs[index].path().display().to_string();
    let Some(alice) = Terminal::run("alice", &chat("alice", &datadir(0))) else { return };
    alice.wait_for("1 peer ").unwrap();
    alice.wait_for("with what archives have").unwrap();
    let bob = Terminal::run("bob", &chat("bob", &datadir(1))).unwrap();
    bob.wait_for("topic 0x").unwrap();

    alice.type_line("hello, bob");
    bob.wait_for("alice  hello, bob").unwrap();
    alice.wait_for("hello, bob ✓").unwrap();
    alice.wait_for("sent 1, delivered 1, not delivered 0").unwrap();
    bob.type_line("hi: all is well");
    alice.wait_for("bob  hi: all is well").unwrap();

    // The page of the node and other clients have the same format.
    let mut command = Command::new(PROGRAM);
    command.args(["send", "carol: from a script", "--topic", "news", "--pow", "0", "--datadir"]);
    let sent = command.arg(dirs[1].path()).env("WHISPER_PASSWORD", "swordfish").output().unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    alice.wait_for("carol  from a script").unwrap();

    // In another size everything is still there.
    alice.tmux(&["resize-window", "-x", "44", "-y", "9"]).unwrap();
    let narrow = alice.wait_for_all(&["carol  from a script", "alice>"]).unwrap();
    assert!(narrow.lines().count() <= 9, "{narrow}");
    alice.tmux(&["resize-window", "-x", "120", "-y", "40"]).unwrap();

    // The terminal is as it was: what is typed is shown, and lines are lines.
    for (terminal, key) in [(&alice, "Escape"), (&bob, "C-c")] {
        terminal.send(key);
        let after = terminal.wait_for("ended 0").unwrap();
        assert!(!after.contains("hello, bob"), "the chat is gone from the screen: {after}");
        let settings = terminal.wait_for("min = ").unwrap();
        for setting in [" echo ", " icanon ", " isig "] {
            let settings = settings.replace(['\n', ';'], " ");
            assert!(settings.contains(setting), "{setting} in {settings}");
        }
    }
    // Who comes later reads what was said.
    let dave = Terminal::run("dave", &chat("dave", &datadir(0))).unwrap();
    dave.wait_for("bob  hi: all is well").unwrap();
    // A node that ends is said, and the terminal is as it was.
    assert!(node.signal("-TERM").1);
    dave.wait_for("the node has closed the connection").unwrap();
    dave.wait_for("ended 1").unwrap();
}

#[test]
fn a_chat_without_a_terminal_or_with_a_wrong_name_says_so() {
    let run = |words: &[&str]| {
        let output = Command::new(PROGRAM).arg("chat").args(words).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = run(&["--name", "alice", "--topic", "news"]);
    assert!(error.contains("the chat needs a terminal"), "{error}");
    let error = run(&["--name", "a:b", "--topic", "news"]);
    assert!(error.contains("a name has no colon"), "{error}");
}
