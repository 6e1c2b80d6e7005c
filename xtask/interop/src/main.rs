//! Clients written by others talk to our node: the devp2p peer and the discovery of ethereumjs, web3's package for
//! Whisper, and web3.py. The chats in the folder `examples/` talk to each other.
//!
//! `cargo xtask interop` runs it, after it has installed the clients and built `whisper-node`. Every wait has a limit;
//! the error names what was waited for.

mod chats;
mod check;
mod connection;
mod dashboard;
mod discovery;
mod node;
mod peer;
mod program;
mod script;
mod terminal;
mod web3;

use std::process::ExitCode;

use check::Failure;
use connection::Dialer;

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
    connection::check(Dialer::Peer).await?;
    println!("our node dials @ethereumjs/devp2p:");
    connection::check(Dialer::Node).await?;
    println!("@ethereumjs/devp2p and our nodes find each other:");
    discovery::check().await?;
    println!("web3 uses whisper-node over HTTP and WebSocket:");
    web3::check_javascript().await?;
    match std::env::var_os("INTEROP_PYTHON") {
        Some(python) => {
            println!("web3.py uses whisper-node over HTTP, WebSocket and IPC:");
            web3::check_python(&python).await?;
            println!("eth-keyfile and eth-account use keys of whisper-node:");
            web3::check_keys(&python).await?;
        }
        None => println!("web3.py: SKIPPED, python3 is not in the PATH"),
    }
    println!("the chats in the folder examples/ talk to each other:");
    chats::check().await?;
    println!("the dashboard shows a node in a browser:");
    dashboard::check().await
}
