//! Clients written by others talk to our node: a devp2p peer and the discovery of ethereumjs, web3's package for
//! Whisper, and web3.py.
//!
//! Run by `cargo xtask interop`, which installs the clients and builds `whisper-node` first. Every wait has a limit, and
//! says what it waited for when that is over.

mod conversation;
mod discovery;
mod node;
mod peer;
mod program;
mod web3;

use std::{error::Error, path::Path, process::ExitCode, time::Duration};

use conversation::Caller;

/// Any failure, as a text for the person at the terminal.
type Failure = Box<dyn Error + Send + Sync>;

/// The longest that anything here may take to happen. Generous: the machine may be building something else.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    match all().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("interop: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn all() -> Result<(), Failure> {
    println!("@ethereumjs/devp2p dials our node:");
    conversation::hold(Caller::Theirs).await?;
    println!("our node dials @ethereumjs/devp2p:");
    conversation::hold(Caller::Ours).await?;
    println!("@ethereumjs/devp2p and our nodes find each other:");
    discovery::hold().await?;
    println!("web3 uses whisper-node over HTTP and WebSocket:");
    web3::javascript().await?;
    match std::env::var_os("INTEROP_PYTHON") {
        Some(python) => {
            println!("web3.py uses whisper-node over HTTP, WebSocket and IPC:");
            web3::python(&python).await
        }
        None => {
            println!("web3.py: SKIPPED, for want of python3");
            Ok(())
        }
    }
}

/// Where the scripts of the clients are.
fn scripts() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Waits for `happening` as long as patience lasts; then says what did not happen.
async fn within<T>(what: &str, happening: impl Future<Output = T>) -> Result<T, Failure> {
    let limit = PATIENCE.as_secs();
    tokio::time::timeout(PATIENCE, happening)
        .await
        .map_err(|_| format!("within {limit} s no sign of: {what}").into())
}

/// Fails with `what` unless the two are equal.
fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Failure> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {expected:?}").into())
    }
}

/// Says that a part of a conversation went well.
fn done(what: &str) {
    println!("  ok: {what}");
}
