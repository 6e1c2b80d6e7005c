//! Libraries for applications use the program `whisper-node`: web3's package for Whisper, and web3.py.

use std::ffi::OsStr;

use crate::{
    check::{Failure, passed},
    program::{self, Program},
    script,
};

/// Two nodes: one that the application uses over the transport to check, and one that it uses over HTTP.
struct Nodes {
    near: Program,
    far: Program,
    far_http: String,
}

impl Nodes {
    async fn start() -> Result<Self, Failure> {
        Self::start_with(&[]).await
    }

    /// The first one has these flags.
    async fn start_with(flags: &[&str]) -> Result<Self, Failure> {
        let (near, mut far) = (Program::start_with(flags)?, Program::start()?);
        let far_http = far.address("HTTP").await?;
        Ok(Self { near, far, far_http })
    }

    async fn stop(self) -> Result<(), Failure> {
        self.near.interrupt().await?;
        self.far.interrupt().await
    }
}

/// web3 uses the program over HTTP and over WebSocket; Ctrl-C ends the program.
pub(crate) async fn check_javascript() -> Result<(), Failure> {
    for transport in ["HTTP", "WebSocket"] {
        let mut nodes = Nodes::start().await?;
        let url = nodes.near.address(transport).await?;
        script::run("node".as_ref(), &["web3.mjs", &url, &nodes.far_http]).await?;
        nodes.stop().await?;
    }
    check_team().await?;
    passed(
        "keys, filters, subscriptions, posts, direct messages, mistakes; Ctrl-C ends the program",
    );
    Ok(())
}

/// web3 with a token, as one team of two. It administers the node, since the script uses `admin` to connect the nodes.
async fn check_team() -> Result<(), Failure> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("teams.toml");
    let file = file.to_str().ok_or("a folder whose name is no text")?;
    let token = program::run(&["team", "add", "weather", "--teams", file]).await?;
    program::run(&["team", "add", "alarms", "--teams", file]).await?;
    let text = std::fs::read_to_string(file)?;
    std::fs::write(file, text.replace("[team.weather]", "[team.weather]\nadmin = true"))?;
    for transport in ["HTTP", "WebSocket"] {
        let mut nodes = Nodes::start_with(&["--teams", file]).await?;
        let url = nodes.near.address(transport).await?;
        script::run("node".as_ref(), &["web3.mjs", &url, &nodes.far_http, &token]).await?;
        nodes.stop().await?;
    }
    Ok(())
}

/// Python's `eth-keyfile` and `eth-account` read the keystore files and signatures of the program, and the other way round.
pub(crate) async fn check_keys(python: &OsStr) -> Result<(), Failure> {
    let program = program::binary()?;
    let program = program.to_str().ok_or("a path that is no text")?;
    script::run(python, &["keys.py", program]).await?;
    passed("keystore files with scrypt and PBKDF2, signatures");
    Ok(())
}

/// web3.py does the same over HTTP, WebSocket and IPC. `python` is an interpreter that has it.
pub(crate) async fn check_python(python: &OsStr) -> Result<(), Failure> {
    for (name, transport) in [("http", "HTTP"), ("ws", "WebSocket"), ("ipc", "IPC")] {
        let mut nodes = Nodes::start().await?;
        let address = nodes.near.address(transport).await?;
        script::run(python, &["whisper.py", name, &address, &nodes.far_http]).await?;
        nodes.stop().await?;
    }
    passed("the same over each transport");
    Ok(())
}
