//! Tries what was made: the package unpacked into an empty folder, the unit, a kill, and an upgrade.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Dist, failed};
use crate::{
    command::Failure,
    process::{self, cargo, program},
    soak::call::call,
    workspace::{Workspace, root},
};

/// Environment variable with an older program, instead of the one of the commit before.
const OLDER: &str = "WHISPER_OLDER_PROGRAM";

/// Maximum time for a node to find a peer.
const PEER_TIMEOUT: Duration = Duration::from_secs(120);

/// Time between two looks at the number of peers.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What the package must contain.
const FILES: &[&str] = &[
    "usr/bin/whisper-node",
    "etc/whisper-node/whisper-node.toml",
    "usr/share/man/man1/whisper-node.1.gz",
    "usr/share/bash-completion/completions/whisper-node",
    "usr/share/zsh/vendor-completions/_whisper-node",
    "usr/share/fish/vendor_completions.d/whisper-node.fish",
];

/// Tries the package. Without cargo-deb or dpkg, the program itself is tried.
pub(super) fn run(workspace: &Workspace, dist: &Dist) -> Result<(), Failure> {
    let scratch = dist.dir.join("scratch");
    fs::create_dir_all(&scratch).map_err(|error| failed(&scratch, &error))?;
    let program = match unpacked(dist, &scratch)? {
        Some(root) => {
            check_unit(&root)?;
            root.join("usr/bin/whisper-node")
        }
        None => dist.program.clone(),
    };
    let older = older(workspace)?;
    upgrade(&older, &program, &scratch.join("data"))?;
    println!(
        "  ok: messages pass between the older program and this one, and the data survives a kill, an upgrade and a downgrade"
    );
    Ok(())
}

/// Unpacks the Debian package, and checks that everything is in it.
fn unpacked(dist: &Dist, scratch: &Path) -> Result<Option<PathBuf>, Failure> {
    let Some(deb) = &dist.deb else { return Ok(None) };
    if !process::works(&mut program("dpkg", scratch, &["--version"])) {
        println!("  SKIPPED: the package is not unpacked, which needs dpkg");
        return Ok(None);
    }
    let root = scratch.join("root");
    process::run(Command::new("dpkg").arg("-x").arg(deb).arg(&root))?;
    let missing: Vec<_> = FILES.iter().filter(|file| !root.join(file).is_file()).collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!("the package lacks {missing:?}")));
    }
    let program = root.join("usr/bin/whisper-node");
    let config = root.join("etc/whisper-node/whisper-node.toml");
    process::run(Command::new(program).args(["config", "check", "--config"]).arg(config))?;
    Ok(Some(root))
}

/// Lets systemd check the unit, with the paths of the unpacked package.
fn check_unit(root: &Path) -> Result<(), Failure> {
    if !process::works(&mut program("systemd-analyze", root, &["--version"])) {
        println!("  SKIPPED: the check of the unit, which needs systemd-analyze");
        return Ok(());
    }
    let found = ["usr/lib/systemd/system", "lib/systemd/system"].map(|folder| root.join(folder));
    let unit = found.iter().map(|folder| folder.join("whisper-node.service"));
    let unit = unit.into_iter().find(|unit| unit.is_file());
    let unit = unit.ok_or_else(|| Failure::new("the package has no unit"))?;
    let text = fs::read_to_string(&unit).map_err(|error| failed(&unit, &error))?;
    let bin = root.join("usr/bin/whisper-node").display().to_string();
    // The package is not installed, so its program and its man page have other paths.
    let text = text.replace("/usr/bin/whisper-node", &bin);
    let text = text.replace("Documentation=man:whisper-node(1)\n", "");
    let copy = root.join("whisper-node.service");
    fs::write(&copy, text).map_err(|error| failed(&copy, &error))?;
    // It succeeds with warnings. Each of them is a fault.
    let warnings = process::warnings(Command::new("systemd-analyze").arg("verify").arg(&copy))?;
    let ours: Vec<&str> = warnings.lines().filter(|line| line.contains("whisper-node")).collect();
    match ours.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!("the unit has faults:\n{}", ours.join("\n")))),
    }
}

/// The program of the last release, or of the commit before, built in a work tree of its own.
fn older(workspace: &Workspace) -> Result<PathBuf, Failure> {
    if let Some(older) = std::env::var_os(OLDER) {
        return Ok(older.into());
    }
    let tree = workspace.target_dir.join("before");
    let name = tree.to_string_lossy().into_owned();
    // What is left of an earlier run.
    process::works(&mut program("git", root(), &["worktree", "remove", "--force", &name]));
    let before = last_release();
    let mut add = program("git", root(), &["worktree", "add", "--detach", &name, &before]);
    process::run(&mut add)?;
    let target = workspace.target_dir.join("before-target");
    let mut build = cargo(&["build", "--package", "whisper-node"]);
    let built = process::run(build.current_dir(&tree).env("CARGO_TARGET_DIR", &target));
    process::run(&mut program("git", root(), &["worktree", "remove", "--force", &name]))?;
    built?;
    Ok(target.join("debug").join("whisper-node"))
}

/// The tag of the last release; without one, the commit before.
fn last_release() -> String {
    let mut describe = program("git", root(), &["describe", "--tags", "--abbrev=0", "HEAD~1"]);
    let tag = process::output(&mut describe).unwrap_or_default();
    match tag.trim() {
        "" => "HEAD~1".to_owned(),
        tag => tag.to_owned(),
    }
}

/// Runs the older program until it has a peer, exchanges messages with it, and stops it: then it saves the nodes that it
/// knows. The new one stays the same node, and finds that peer again, although it is told no node. So it does after it was
/// killed, and so does the older one with the data that the new one has left.
fn upgrade(older: &Path, newer: &Path, data: &Path) -> Result<(), Failure> {
    // It does not dial, so the node must find it.
    let other = Node::start(newer, &data.join("other"), &["--nodial"])?;
    let data = data.join("node");
    let first = Node::start(older, &data, &["--bootnodes", &other.enode])?;
    first.wait_for_peer()?;
    message(&first, &other)?;
    message(&other, &first)?;
    let id = first.stop()?;
    for program in [newer, newer, older] {
        let node = Node::start(program, &data, &[])?;
        node.wait_for_peer()?;
        let now = node.kill()?;
        if now != id {
            return Err(Failure::new(format!("the node was {id}, and is {now}")));
        }
    }
    Ok(())
}

/// Posts a message at one node, and waits for it at the other.
fn message(from: &Node, to: &Node) -> Result<(), Failure> {
    let key =
        |node: &Node| call(&node.http, "shh_generateSymKeyFromPassword", &json!(["swordfish"]));
    let criteria = json!([{ "symKeyID": key(to)?, "topics": ["0x6e657773"] }]);
    let filter = call(&to.http, "shh_newMessageFilter", &criteria)?;
    let post = json!([{
        "symKeyID": key(from)?, "topic": "0x6e657773", "payload": "0x68656c6c6f", "ttl": 60, "powTime": 10,
        "powTarget": 0.2,
    }]);
    call(&from.http, "shh_post", &post)?;
    let deadline = Instant::now() + PEER_TIMEOUT;
    loop {
        let found = call(&to.http, "shh_getFilterMessages", &json!([filter]))?;
        if found.as_array().is_some_and(|messages| !messages.is_empty()) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "a message of {} does not reach {}",
                from.enode, to.enode
            )));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// A running node. It is killed when it is dropped.
struct Node {
    child: Child,
    enode: String,
    /// Address of JSON-RPC over HTTP.
    http: String,
    /// Kept open, because the program prints to it until it ends.
    stdout: BufReader<ChildStdout>,
}

impl Node {
    fn start(program: &Path, data: &Path, more: &[&str]) -> Result<Self, Failure> {
        let not_started = |error: &str| Failure::new(format!("{}: {error}", program.display()));
        let mut command = Command::new(program);
        command.arg("--datadir").arg(data).args(["--addr", "127.0.0.1", "--port", "0"]);
        command.arg("--archive").arg(data.join("archive"));
        command.args(["--netrestrict", "127.0.0.0/8", "--http.port", "0", "--ws.port", "0"]);
        command.args(["--verbosity", "2"]).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&error.to_string()))?;
        let stdout = child.stdout.take().ok_or_else(|| not_started("no output"))?;
        let (enode, http) = (String::new(), String::new());
        let mut node = Self { child, enode, http, stdout: BufReader::new(stdout) };
        // A node that did not start has said why on the terminal.
        node.enode = node.value("enode").ok_or_else(|| not_started("it did not start"))?;
        node.http = node.value("HTTP").ok_or_else(|| not_started("it did not start"))?;
        Ok(node)
    }

    /// The value in the next line of the output, which must begin with this name.
    fn value(&mut self, name: &str) -> Option<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).ok()?;
        let value = line.strip_prefix(name)?.trim();
        Some(value.trim_start_matches("http://").to_owned())
    }

    /// Waits until the node has a peer.
    fn wait_for_peer(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + PEER_TIMEOUT;
        while call(&self.http, "net_peerCount", &json!([]))? == "0x0" {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("{} finds no peer", self.enode)));
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Stops the node by a signal. Returns its public key.
    fn stop(mut self) -> Result<String, Failure> {
        process::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let status = self.child.wait().map_err(|error| Failure::new(error.to_string()))?;
        match status.success() {
            true => Ok(self.id()),
            false => Err(Failure::new(format!("{} ended with {status}", self.enode))),
        }
    }

    /// Kills the node without a warning. Returns its public key.
    fn kill(mut self) -> Result<String, Failure> {
        self.child.kill().map_err(|error| Failure::new(error.to_string()))?;
        Ok(self.id())
    }

    /// Its public key.
    fn id(&self) -> String {
        self.enode.split('@').next().unwrap_or_default().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors are ignored: it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
