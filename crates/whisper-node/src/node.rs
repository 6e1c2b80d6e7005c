//! A whole node: Whisper, the peers it is spoken with, and JSON-RPC in front of it.

use std::net::SocketAddr;

use p2p_server::{Events, Server, StartError};

use whisper_protocol::{Config, Whisper};
use whisper_rpc::{RpcConfig, RpcError, RpcServer};

use crate::metrics::{self, MetricsError, MetricsServer, Sources};

/// What a node is made of. Each part has a default of its own; only the key must be given, in
/// [`p2p_server::Config::new`].
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The network. "shh" is added to its protocols when the node starts.
    pub server: p2p_server::Config,
    /// Whisper itself.
    pub whisper: Config,
    /// Where JSON-RPC is served.
    pub rpc: RpcConfig,
    /// Where the metrics are served for Prometheus; `None`, the default, does not serve them.
    pub metrics: Option<SocketAddr>,
}

impl NodeConfig {
    /// A node with this network and the defaults of everything else.
    #[must_use]
    pub fn new(server: p2p_server::Config) -> Self {
        Self { server, whisper: Config::default(), rpc: RpcConfig::default(), metrics: None }
    }
}

/// A running node. [`Node::stop`] ends it in good order; dropping it ends it too, in the background.
#[derive(Debug)]
pub struct Node {
    /// Whisper: keys, filters, messages.
    pub whisper: Whisper,
    /// The peers.
    pub server: Server,
    /// What has happened to the peers, from the start. More can be had from [`Server::events`].
    pub events: Events,
    rpc: RpcServer,
    metrics: Option<MetricsServer>,
}

/// Why a node did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The network.
    #[error(transparent)]
    Server(#[from] StartError),
    /// JSON-RPC.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl Node {
    /// Starts Whisper, then the network, then JSON-RPC and the metrics. Must be called within a tokio runtime with its
    /// IO and time drivers on.
    ///
    /// # Errors
    ///
    /// A port that is taken, an address that is none, a NAT mechanism that is not there yet; what was started before
    /// is stopped again.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let whisper = Whisper::new(config.whisper);
        let server = match Server::start(config.server.protocols(whisper.protocols())).await {
            Ok(server) => server,
            Err(error) => {
                whisper.stop().await;
                return Err(error.into());
            }
        };
        let events = server.events();
        match serve(config.rpc, config.metrics, &whisper, &server).await {
            Ok((rpc, metrics)) => Ok(Self { whisper, server, events, rpc, metrics }),
            Err(error) => {
                server.stop().await;
                whisper.stop().await;
                Err(error)
            }
        }
    }

    /// Where the metrics are served, if they are.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::addr)
    }

    /// The JSON-RPC servers: where they listen, what they counted.
    #[must_use]
    pub fn rpc(&self) -> &RpcServer {
        &self.rpc
    }

    /// Stops answering clients and talking to peers, both at once: each has a limit of its own (2 s and 2.25 s), which
    /// no client and no peer can stretch.
    pub async fn stop(self) {
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        tokio::join!(self.rpc.stop(), self.server.stop());
        self.whisper.stop().await;
    }
}

/// What others may ask of the node, over HTTP and WebSocket.
async fn serve(
    rpc: RpcConfig,
    metrics: Option<SocketAddr>,
    whisper: &Whisper,
    server: &Server,
) -> Result<(RpcServer, Option<MetricsServer>), NodeError> {
    let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await?;
    let Some(address) = metrics else { return Ok((rpc, None)) };
    let sources = Sources { whisper: whisper.clone(), server: server.clone(), rpc: rpc.meter() };
    match metrics::serve(address, sources).await {
        Ok(metrics) => Ok((rpc, Some(metrics))),
        Err(error) => {
            rpc.stop().await;
            Err(error.into())
        }
    }
}
