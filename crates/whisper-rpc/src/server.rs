//! The running JSON-RPC servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use p2p_server::Server;
use tokio_util::sync::CancellationToken;
use whisper_protocol::Whisper;

use crate::call::stats::RpcStats;
use crate::config::{HttpSettings, RpcConfig, TeamsSettings, WsSettings};
use crate::meter::RpcMeter;
use crate::namespace::context::Context;
use crate::team::accounts::Accounts;
use crate::team::change::{HeldTeams, TeamEditor};
use crate::transport::error::RpcError;
use crate::transport::transports::Transports;

/// Starts the JSON-RPC servers of a node, given by its Whisper and its peers. If Whisper [keeps](whisper_protocol::ApplicationStore::keep) its state, clients find what
/// they had before.
///
/// # Errors
///
/// A port or a socket cannot be bound, a virtual host or an origin is invalid, or the state cannot be read. Then nothing is left running.
pub async fn serve(
    config: RpcConfig,
    whisper: Whisper,
    server: Server,
) -> Result<RpcServer, RpcError> {
    config.http.as_ref().map_or(Ok(()), HttpSettings::check)?;
    config.ws.as_ref().map_or(Ok(()), WsSettings::check)?;
    let stop = CancellationToken::new();
    let (key_export, network_id) = (config.key_export, config.network_id);
    let (max_pow_time, reload) = (config.limits.pow_time, config.reload.clone());
    let (datadir, stopped, world) = (config.datadir.clone(), stop.clone(), config.world.clone());
    let (teams, keeper) = match config.access.teams().cloned() {
        Some(TeamsSettings { teams, keeper }) => (Some(teams), keeper),
        None => (None, None),
    };
    let states = match whisper.state().store() {
        Some(store) => store.load().await?,
        None => Vec::new(),
    };
    let accounts = Arc::new(Accounts::new(whisper.clone(), world.clone(), teams, states));
    let audit = config.audit.clone();
    let editor = Arc::new(TeamEditor::new(Arc::clone(&accounts), keeper, audit));
    let of_methods = Arc::clone(&editor);
    let transports = Transports::start(config, accounts, stop, |transports| {
        let transports = transports.clone();
        let context = Context {
            whisper,
            server,
            transports,
            stop: stopped,
            key_export,
            max_pow_time,
            datadir,
            network_id,
            reload,
            editor: of_methods,
            world,
        };
        Box::new(move |api| context.served(api))
    });
    transports.map(|transports| RpcServer { transports, editor })
}

/// The running JSON-RPC servers. Dropping it stops them in the background.
#[derive(Debug)]
pub struct RpcServer {
    transports: Arc<Transports>,
    editor: Arc<TeamEditor>,
}

impl RpcServer {
    /// The address of HTTP, with the actual port if the configured one was 0.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.transports.http_addr()
    }

    /// The address of WebSocket, with the actual port if the configured one was 0.
    #[must_use]
    pub fn ws_addr(&self) -> Option<SocketAddr> {
        self.transports.ws_addr()
    }

    /// The path of the IPC socket.
    #[must_use]
    pub fn ipc_path(&self) -> Option<PathBuf> {
        self.transports.ipc_path()
    }

    /// Counters of the servers.
    #[must_use]
    pub fn stats(&self) -> RpcStats {
        self.transports.counters().read()
    }

    /// Holds the teams, so that they can be read and replaced while no other change is made. It waits for a change in
    /// progress, which may wait for a disk.
    ///
    /// What a change is based on, such as a file, must be read after this returns: what an administrator changed over
    /// JSON-RPC before is in that file then, and cannot be undone by mistake.
    pub async fn hold_teams(&self) -> HeldTeams {
        self.editor.hold().await
    }

    /// A handle that only reads the counters.
    #[must_use]
    pub fn meter(&self) -> RpcMeter {
        let transports = &self.transports;
        RpcMeter::new(Arc::clone(transports.counters()), Arc::clone(transports.accounts()))
    }

    /// Stops listening, cancels proofs of work, and finishes the other answers. It takes at most two seconds, whatever
    /// clients do.
    pub async fn stop(self) {
        self.transports.stop().await;
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.transports.cancel();
    }
}
