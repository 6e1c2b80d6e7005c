//! Libraries for applications against the real program: web3's package for Whisper, and web3.py.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::{Failure, done, program::Program, scripts};

/// The scripts have limits of their own for each step; this is for the case that one hangs altogether.
const WHOLE_SCRIPT: Duration = Duration::from_secs(180);

/// Two nodes: one that an application uses, and another for it to talk with. Its URLs are those of HTTP.
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

/// Lets web3 use the program over HTTP and over WebSocket, and ends it with Ctrl-C.
pub(crate) async fn javascript() -> Result<(), Failure> {
    for transport in ["HTTP", "WebSocket"] {
        let mut nodes = Nodes::start().await?;
        let url = nodes.near.address(transport).await?;
        run("node".as_ref(), &["web3.mjs", &url, &nodes.far_http]).await?;
        nodes.stop().await?;
    }
    done("keys, filters, subscriptions, posts, direct messages, mistakes; Ctrl-C ends the program");
    Ok(())
}

/// The same with web3.py, by the Python that has it.
pub(crate) async fn python(python: &OsStr) -> Result<(), Failure> {
    for (name, transport) in [("http", "HTTP"), ("ws", "WebSocket"), ("ipc", "IPC")] {
        let mut nodes = Nodes::start().await?;
        let address = nodes.near.address(transport).await?;
        run(python, &["whisper.py", name, &address, &nodes.far_http]).await?;
        nodes.stop().await?;
    }
    done("the same over each transport");
    Ok(())
}

async fn run(interpreter: &OsStr, args: &[&str]) -> Result<(), Failure> {
    let script = args.first().copied().unwrap_or_default();
    let mut process = Command::new(interpreter)
        .args(args)
        .current_dir(scripts())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{script} could not be started: {error}"))?;
    let limit = WHOLE_SCRIPT.as_secs();
    let ended = timeout(WHOLE_SCRIPT, process.wait())
        .await
        .map_err(|_| format!("{script} took over {limit} s"))?;
    let status = ended?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{script} ended with {status} (see above)").into())
}
