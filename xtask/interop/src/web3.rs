//! Libraries for applications use the program `whisper-node`: web3's package for Whisper, and web3.py.

use std::ffi::OsStr;

use crate::{
    check::{Failure, passed},
    program::Program,
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
        let (near, mut far) = (Program::start()?, Program::start()?);
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
    passed(
        "keys, filters, subscriptions, posts, direct messages, mistakes; Ctrl-C ends the program",
    );
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
