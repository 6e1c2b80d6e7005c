//! Tries what was made: the package unpacked into an empty folder, the unit, a kill, and an upgrade.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::{Dist, failed, make};
use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

/// Environment variable with an older program, instead of the one of the commit before.
const OLDER: &str = "WHISPER_OLDER_PROGRAM";

/// What the package must contain.
const FILES: &[&str] = &[
    "usr/bin/whisper-node",
    "etc/whisper-node/whisper-node.toml",
    "usr/share/man/man1/whisper-node.1.gz",
    "usr/share/bash-completion/completions/whisper-node",
    "usr/share/zsh/vendor-completions/_whisper-node",
    "usr/share/fish/vendor_completions.d/whisper-node.fish",
];

/// Makes the packages and tries them. Without cargo-deb or dpkg, the program itself is tried.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let dist = make(workspace, true)?;
    let scratch = dist.dir.join("scratch");
    fs::create_dir_all(&scratch).map_err(|error| failed(&scratch, &error))?;
    let program = match unpacked(&dist, &scratch)? {
        Some(root) => {
            check_unit(&root)?;
            root.join("usr/bin/whisper-node")
        }
        None => workspace.target_dir.join("release").join("whisper-node"),
    };
    let older = older(workspace)?;
    upgrade(&older, &program, &scratch.join("data"))?;
    println!("  ok: it keeps its key and its nodes over a kill and an upgrade");
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

/// The program of the commit before, built in a work tree of its own.
fn older(workspace: &Workspace) -> Result<PathBuf, Failure> {
    if let Some(older) = std::env::var_os(OLDER) {
        return Ok(older.into());
    }
    let tree = workspace.target_dir.join("before");
    let name = tree.to_string_lossy().into_owned();
    // What is left of an earlier run.
    process::works(&mut program("git", root(), &["worktree", "remove", "--force", &name]));
    let mut add = program("git", root(), &["worktree", "add", "--detach", &name, "HEAD~1"]);
    process::run(&mut add)?;
    let target = workspace.target_dir.join("before-target");
    let mut build = cargo(&["build", "--package", "whisper-node"]);
    let built = process::run(build.current_dir(&tree).env("CARGO_TARGET_DIR", &target));
    process::run(&mut program("git", root(), &["worktree", "remove", "--force", &name]))?;
    built?;
    Ok(target.join("debug").join("whisper-node"))
}

/// Runs the older program and kills it, then the new one twice. The node stays the same, and keeps the nodes that it knew.
fn upgrade(older: &Path, newer: &Path, data: &Path) -> Result<(), Failure> {
    let nodes = data.join("nodes");
    let first = Node::start(older, data)?.kill()?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let known = size(&nodes);
    let upgraded = Node::start(newer, data)?.kill()?;
    let again = Node::start(newer, data)?.kill()?;
    if [&upgraded, &again].into_iter().any(|id| *id != first) {
        return Err(Failure::new(format!("the node was {first}, then {upgraded} and {again}")));
    }
    let aside = fs::read_dir(data).map_err(|error| failed(data, &error))?;
    let names =
        aside.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let damaged: Vec<String> = names.filter(|name| name.contains("damaged")).collect();
    if !damaged.is_empty() || size(&nodes) < known {
        return Err(Failure::new(format!("the nodes were lost: {damaged:?}")));
    }
    Ok(())
}

/// A running node. It is killed when it is dropped.
struct Node {
    child: Child,
    /// Its public key.
    id: String,
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    fn start(program: &Path, data: &Path) -> Result<Self, Failure> {
        let not_started = |error: String| Failure::new(format!("{}: {error}", program.display()));
        let mut command = Command::new(program);
        command.arg("--datadir").arg(data).args(["--addr", "127.0.0.1", "--port", "0"]);
        command.args(["--http.port", "0", "--ws.port", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(error.to_string()))?;
        let stdout = child.stdout.take().ok_or_else(|| not_started("no output".to_owned()))?;
        let mut node = Self { child, id: String::new(), _stdout: BufReader::new(stdout) };
        let mut line = String::new();
        // A node that did not start has said why on the terminal.
        let _ = node._stdout.read_line(&mut line);
        let enode = line.strip_prefix("enode").map(str::trim).unwrap_or_default();
        match enode.split_once('@') {
            Some((id, _)) => id.clone_into(&mut node.id),
            None => return Err(not_started("it did not start".to_owned())),
        }
        Ok(node)
    }

    /// Kills the node without a warning. Returns its public key.
    fn kill(mut self) -> Result<String, Failure> {
        self.child.kill().map_err(|error| Failure::new(error.to_string()))?;
        Ok(std::mem::take(&mut self.id))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors are ignored: it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
