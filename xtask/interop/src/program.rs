//! The program `whisper-node`, started as an operator starts it.

use std::{path::PathBuf, process::Stdio};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::check::{Failure, within};

/// The namespaces that an application and its operator need.
const API: &str = "admin,net,shh,web3";

/// `whisper-node run` with its own data directory and free ports. Dropping it kills the process.
pub(crate) struct Program {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _datadir: TempDir,
}

impl Program {
    pub(crate) fn start() -> Result<Self, Failure> {
        Self::start_with(&[])
    }

    /// Like [`start`](Self::start), with further flags.
    pub(crate) fn start_with(flags: &[&str]) -> Result<Self, Failure> {
        let datadir = TempDir::new()?;
        let binary = binary()?;
        let mut process = Command::new(&binary)
            .args(["run", "--addr", "127.0.0.1", "--port", "0", "--nodiscover"])
            .args(["--http.port", "0", "--http.api", API, "--ws.port", "0", "--ws.api", API])
            .args(["--metrics", "--metrics.port", "0", "--verbosity", "2", "--datadir"])
            .arg(datadir.path())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} could not be started: {error}", binary.display()))?;
        let stdout = process.stdout.take().ok_or("the program has no stdout")?;
        Ok(Self { process, lines: BufReader::new(stdout).lines(), _datadir: datadir })
    }

    /// What the program prints with these arguments.
    pub(crate) async fn output(args: [&str; 5]) -> Result<String, Failure> {
        let output = Command::new(binary()?).args(args).output().await?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(format!("whisper-node {args:?}: {error}").into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The address of a transport as the program prints it: `HTTP`, `WebSocket`, `IPC` or `metrics`. Addresses must be asked for in
    /// that order.
    pub(crate) async fn address(&mut self, of: &str) -> Result<String, Failure> {
        within(&format!("the address of {of} from whisper-node"), self.find(of)).await?
    }

    async fn find(&mut self, of: &str) -> Result<String, Failure> {
        while let Some(line) = self.lines.next_line().await? {
            if let Some(address) = line.strip_prefix(of) {
                return Ok(address.trim().to_owned());
            }
        }
        Err(format!("whisper-node ended before it printed the address of {of}").into())
    }

    /// Interrupts the program as Ctrl-C does, and waits until it has ended without an error.
    pub(crate) async fn interrupt(mut self) -> Result<(), Failure> {
        let id = self.process.id().ok_or("whisper-node ended before it was interrupted")?;
        let sent = Command::new("kill").args(["-INT", &id.to_string()]).status().await?;
        if !sent.success() {
            return Err(format!("kill ended with {sent}").into());
        }
        let status = within("whisper-node ends after Ctrl-C", self.process.wait()).await??;
        if status.success() {
            Ok(())
        } else {
            Err(format!("after Ctrl-C whisper-node ended with {status}").into())
        }
    }
}

/// Runs a command of the program. Returns what it prints.
pub(crate) async fn run(arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(binary()?).args(arguments).stdin(Stdio::null()).output().await?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

/// The path of the program. It is in the folder of this one.
pub(crate) fn binary() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()?;
    let binary = here.with_file_name(format!("whisper-node{}", std::env::consts::EXE_SUFFIX));
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("{} does not exist; `cargo xtask interop` builds it", binary.display()).into())
}
