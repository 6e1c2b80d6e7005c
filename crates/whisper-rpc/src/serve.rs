//! The running JSON-RPC servers, for whoever started them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use p2p_server::Server;

use crate::call::refusal::{Counters, RpcStats};
use crate::config::RpcConfig;
use crate::transport::start_error::RpcError;
use crate::transport::transports::Transports;
use whisper_protocol::Whisper;

/// Serves the node's Whisper and its peers over JSON-RPC, as configured.
///
/// # Errors
/// When a port or a socket cannot be bound, or a CORS origin cannot be a header's value. Nothing is then left
/// listening.
pub async fn serve(
    config: RpcConfig,
    whisper: Whisper,
    server: Server,
) -> Result<RpcServer, RpcError> {
    Transports::start(config, whisper, server).map(RpcServer)
}

/// The running JSON-RPC servers. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct RpcServer(Arc<Transports>);

impl RpcServer {
    /// Where HTTP is served: the port that was taken, where the configured one is 0.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.0.http_addr()
    }

    /// Where WebSocket is served.
    #[must_use]
    pub fn ws_addr(&self) -> Option<SocketAddr> {
        self.0.ws_addr()
    }

    /// The socket at which IPC is served.
    #[must_use]
    pub fn ipc_path(&self) -> Option<PathBuf> {
        self.0.ipc_path()
    }

    /// How often the servers answered, failed and refused.
    #[must_use]
    pub fn stats(&self) -> RpcStats {
        self.0.counters().read()
    }

    /// The same for somebody who has not the servers.
    #[must_use]
    pub fn meter(&self) -> RpcMeter {
        RpcMeter(Arc::clone(self.0.counters()))
    }

    /// Stops listening, gives up what is being sealed, lets other answers finish, and returns after two seconds at
    /// most, however clients behave.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Reads what the JSON-RPC servers count. It does not keep them running.
#[derive(Clone, Debug)]
pub struct RpcMeter(Arc<Counters>);

impl RpcMeter {
    /// As [`RpcServer::stats`].
    #[must_use]
    pub fn stats(&self) -> RpcStats {
        self.0.read()
    }
}
