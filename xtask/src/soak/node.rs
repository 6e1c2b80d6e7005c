//! A node as a process.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{command::Failure, soak::usage::Usage};

/// What a node does in the soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It runs all the time, and stores all envelopes.
    Archive,
    /// It runs all the time.
    Steady,
    /// It comes and goes.
    Churning,
}

/// A running node. It is killed when it is dropped.
pub(super) struct Node {
    program: PathBuf,
    dir: PathBuf,
    role: Role,
    /// The enode URLs of nodes that it dials.
    known: Vec<String>,
    process: Process,
}

/// The process of a node, and the addresses that it printed.
struct Process {
    child: Child,
    /// Kept open, because the program prints to it until it ends.
    _stdout: BufReader<ChildStdout>,
    enode: String,
    http: String,
}

impl Node {
    /// Starts a node and waits for its addresses.
    pub(super) fn start(
        program: &Path,
        dir: &Path,
        role: Role,
        known: Vec<String>,
    ) -> Result<Self, Failure> {
        fs::create_dir_all(dir).map_err(|error| failed(dir, &error.to_string()))?;
        let process = Process::start(program, dir, role, &known)?;
        Ok(Self { program: program.to_owned(), dir: dir.to_owned(), role, known, process })
    }

    /// Stops the node by a signal, or kills it, and starts it again.
    pub(super) fn restart(&mut self, is_kill: bool) -> Result<(), Failure> {
        let signal = if is_kill { "-KILL" } else { "-TERM" };
        let process = self.process.child.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return Err(failed(&self.dir, "it had ended before it was stopped"));
        }
        let ended = self.process.child.wait();
        let ended = ended.map_err(|error| failed(&self.dir, &error.to_string()))?;
        if !is_kill && !ended.success() {
            return Err(failed(&self.dir, &format!("it ended with {ended} on a signal")));
        }
        self.process = Process::start(&self.program, &self.dir, self.role, &self.known)?;
        Ok(())
    }

    /// What the node uses now. An error if it has ended.
    pub(super) fn usage(&mut self) -> Result<Usage, Failure> {
        if let Ok(Some(status)) = self.process.child.try_wait() {
            return Err(failed(&self.dir, &format!("it ended with {status}")));
        }
        let usage = Usage::of(self.process.child.id(), &self.dir.join("data"));
        usage.map_err(|error| failed(&self.dir, &error.to_string()))
    }

    /// The first line about a panic in its log.
    pub(super) fn panic(&self) -> Option<String> {
        let log = fs::read_to_string(self.dir.join("log")).ok()?;
        log.lines().find(|line| line.contains("panicked")).map(str::to_owned)
    }

    pub(super) fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn enode(&self) -> &str {
        &self.process.enode
    }

    /// Address of JSON-RPC over HTTP.
    pub(super) fn http(&self) -> &str {
        &self.process.http
    }

    /// Socket of JSON-RPC over IPC.
    pub(super) fn ipc(&self) -> PathBuf {
        self.dir.join("data").join("whisper-node.ipc")
    }

    /// The address for peers.
    pub(super) fn peer_addr(&self) -> &str {
        self.process.enode.split(['@', '?']).nth(1).unwrap_or_default()
    }
}

impl Process {
    fn start(program: &Path, dir: &Path, role: Role, known: &[String]) -> Result<Self, Failure> {
        let log = File::options().append(true).create(true).open(dir.join("log"));
        let log = log.map_err(|error| failed(dir, &error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("--datadir").arg(dir.join("data")).args(ARGS);
        if !known.is_empty() {
            let known = known.join(",");
            command.args(["--bootnodes", &known, "--staticnodes", &known]);
        }
        if role == Role::Archive {
            let archive = dir.join("data").join("archive");
            command.args(["--archive.size", "4", "--archive"]).arg(archive);
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| failed(dir, &error.to_string()))?;
        let stdout = child.stdout.take().ok_or_else(|| failed(dir, "it has no output"))?;
        // From here on the process is killed if something fails.
        let empty = String::new;
        let stdout = BufReader::new(stdout);
        let mut process = Self { child, _stdout: stdout, enode: empty(), http: empty() };
        for field in ["enode", "HTTP"] {
            let mut line = String::new();
            let _ = process._stdout.read_line(&mut line);
            let value = line.strip_prefix(field).map(str::trim);
            let value = value.ok_or_else(|| failed(dir, "it did not start, see its log"))?;
            match field {
                "enode" => process.enode = value.to_owned(),
                _ => process.http = value.trim_start_matches("http://").to_owned(),
            }
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors are ignored: it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The flags of every node: free ports of this machine, and no node elsewhere.
const ARGS: &[&str] = &[
    "--addr",
    "127.0.0.1",
    "--port",
    "0",
    "--http.port",
    "0",
    "--http.api",
    "admin,debug,net,shh,web3",
    "--ws.port",
    "0",
    "--metrics",
    "--metrics.port",
    "0",
    "--netrestrict",
    "127.0.0.0/8",
    "--discovery.v5",
    "--discovery.v5port",
    "0",
    "--throttle",
    "0",
    "--shh.pow",
    "0.001",
];

fn failed(dir: &Path, reason: &str) -> Failure {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    Failure::new(format!("{name}: {reason}"))
}
