//! Asks the running node.

use std::path::{Path, PathBuf};

use jsonrpsee::core::client::Error as ClientError;
use p2p_identity::causes;
use whisper_rpc::client::{AdminClient as _, DebugClient as _, ShhClient as _};

use super::Doctor;
use super::finding::{Finding, error, warning};
use super::peers::{self, State};
use super::{machine, process, versions};
use crate::cli::client::connection::Connection;
use crate::cli::failure::Failure;
use crate::cli::flags::Flags;

/// The running node, or why it cannot be asked.
pub(super) enum Running {
    /// It answers. The path of its socket, if that was used.
    Yes(Box<Connection>, Option<PathBuf>),
    /// Nothing answers at its socket.
    No,
    /// It does not answer as it should.
    Unreachable(Finding),
}

impl Running {
    /// Whether it runs, or it is not known.
    pub(super) fn may_run(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// The enode URLs of its peers, as far as it tells them.
    pub(super) async fn peers(&self) -> Vec<String> {
        let Self::Yes(node, _) = self else { return Vec::new() };
        let peers = node.peers().await.unwrap_or_default();
        peers.into_iter().map(|peer| peer.enode).collect()
    }
}

/// Connects to the node: as the command says, or at its socket.
pub(super) async fn connect(doctor: &Doctor, flags: &Flags, datadir: &Path) -> Running {
    let socket = flags.rpc.ipc_path(datadir);
    let socket = socket.map(|path| path.display().to_string());
    let Some(place) = doctor.rpc.clone().or(socket) else { return Running::No };
    let token = match doctor.token_file.as_deref().or(flags.rpc.token_file()) {
        Some(file) => std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned()),
        None => None,
    };
    match Connection::open(&place, token.as_deref()).await {
        Ok(connection) => {
            let socket = (!place.contains("://")).then(|| PathBuf::from(&place));
            Running::Yes(Box::new(connection), socket)
        }
        Err(Failure::NoNode { source, .. }) if doctor.rpc.is_none() && is_absent(&source) => {
            Running::No
        }
        Err(failure) if doctor.rpc.is_none() => Running::Unreachable(error(
            failure.report(),
            "call the doctor as the user of the node: its socket serves only that user",
        )),
        Err(failure) => Running::Unreachable(error(failure.report(), refused(&failure))),
    }
}

/// Whether nothing listens at the socket.
fn is_absent(error: &ClientError) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    let ClientError::Transport(cause) = error else { return false };
    let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ConnectionRefused | NotFound))
}

/// What to do if a node does not answer.
fn refused(failure: &Failure) -> &'static str {
    match failure.report().contains("401") {
        true => "give the token of the node with rpc.token-file: it refuses this one",
        false => "start the node, or correct --rpc",
    }
}

/// Checks the running node.
pub(super) async fn check(node: Running, flags: &Flags) -> Vec<Finding> {
    let (node, socket) = match node {
        Running::Yes(node, socket) => (node, socket),
        Running::No => {
            let what =
                "the node does not run: only its configuration and this machine were checked";
            return vec![warning(what, "start it, and call the doctor again")];
        }
        Running::Unreachable(finding) => return vec![finding],
    };
    let files = match (socket, machine::needed_files(flags)) {
        (Some(socket), Some(needed)) => process::check(&socket, needed).await,
        _ => None,
    };
    match state(&node).await {
        Ok(state) => {
            let findings = peers::check(&state, now());
            let versions = versions::check(&state.node, &state.peers);
            findings.into_iter().chain(versions).chain(files).collect()
        }
        Err(source) => {
            let failure = Failure::Call(source);
            vec![error(
                format!("the node does not answer: {}", causes(&failure)),
                match failure.report().contains("401") {
                    true => "give the token of the node with rpc.token-file: it refuses this one",
                    false => {
                        "use its socket, which serves all methods, or serve admin and debug (http.api)"
                    }
                },
            )]
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

async fn state(node: &Connection) -> Result<State, ClientError> {
    Ok(State {
        node: node.node_info().await?,
        peers: node.peers().await?,
        dials: node.dial_state().await?,
        whisper: node.info().await?,
        drops: node.drops().await?,
    })
}
