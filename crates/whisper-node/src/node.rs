//! A whole node: Whisper, the network, JSON-RPC and the metrics.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use p2p_server::p2p_discovery::NetworkId;
use p2p_server::{Events, NamedNodes, Server, StartError};
use p2p_world::World;
use whisper_protocol::{Config, TraceSettings, Whisper};
use whisper_rpc::{RpcConfig, RpcError, RpcServer};
use whisper_store::{EncryptedStore, StoreSecret};

use crate::archive::{self, ArchiveConfig, ArchiveOpenError, OpenArchive};
use crate::files::KeptFiles;
use crate::metrics::{self, MetricsError, MetricsServer, Sources};
use crate::store::{self, StoreConfig, StoreOpenError};

/// The configuration of a node. Only the node key, in [`p2p_server::Config::new`], has no default.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The network. The node adds the protocols of Whisper.
    pub server: p2p_server::Config,
    /// Whisper.
    pub whisper: Config,
    /// Where and how JSON-RPC is served.
    pub rpc: RpcConfig,
    /// Address at which the metrics are served. Default: `None`, they are not served.
    pub metrics: Option<SocketAddr>,
    /// The archive. Default: `None`, envelopes are not stored.
    pub archive: Option<ArchiveConfig>,
    /// Where keys, filters and waiting messages of JSON-RPC clients are kept. Default: `None`, they are in memory only.
    pub store: Option<StoreConfig>,
    /// Whether the node speaks `archive/1`, with which nodes read each other's archives. Default: true.
    pub archive_protocol: bool,
    /// Whether the node speaks `trace/1`, with which nodes ask each other what happened to an envelope. It answers only nodes that
    /// the operator has named, as allowed or as trusted, and that are in the same network. Default: true.
    pub trace_protocol: bool,
}

impl NodeConfig {
    /// A configuration with this network and the defaults of everything else.
    #[must_use]
    pub fn new(server: p2p_server::Config) -> Self {
        Self {
            server,
            whisper: Config::default(),
            rpc: RpcConfig::default(),
            metrics: None,
            archive: None,
            store: None,
            archive_protocol: true,
            trace_protocol: true,
        }
    }
}

/// A running node. [`Node::stop`] stops it and waits for the end. A dropped node stops in the background.
#[derive(Debug)]
pub struct Node {
    /// Whisper: keys, filters and messages.
    pub whisper: Whisper,
    /// The peers.
    pub server: Server,
    /// The events of peers since the start. [`Server::events`] returns further receivers.
    pub events: Events,
    rpc: RpcServer,
    metrics: Option<MetricsServer>,
    archive: Option<OpenArchive>,
    store: Option<EncryptedStore>,
    files: KeptFiles,
    world: Arc<dyn World>,
}

/// Maximum time to wait for the end of the archive. What was admitted is on the disk before.
const ARCHIVE_STOP: Duration = Duration::from_secs(2);

/// Why a node did not start. All parts that had started are stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The network did not start.
    #[error(transparent)]
    Server(#[from] StartError),
    /// JSON-RPC did not start.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The metrics server did not start.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveOpenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreOpenError),
}

impl Node {
    /// Starts Whisper, then the network, then JSON-RPC and the metrics server. Must be called within a tokio runtime
    /// with IO and time enabled.
    ///
    /// # Errors
    ///
    /// A part did not start, for example because its port is taken. The parts that had started are stopped.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let world = Arc::clone(&config.whisper.world);
        let whisper = Whisper::new(config.whisper);
        let store = match config.store {
            None => None,
            Some(config) => match store::start(&world, config, &whisper).await {
                Ok(store) => Some(store),
                Err(error) => {
                    whisper.stop().await;
                    return Err(error.into());
                }
            },
        };
        let archive = match config.archive {
            None => None,
            Some(config) => match archive::start(&world, config, &whisper).await {
                Ok(archive) => Some(archive),
                Err(error) => {
                    whisper.stop().await;
                    return Err(error.into());
                }
            },
        };
        let mut network = config.server.protocols(whisper.protocols());
        if let Some(lazy) = whisper.lazy_protocol() {
            network = network.protocol(lazy);
        }
        if config.archive_protocol {
            let id = network.key.id();
            network = network.protocol(whisper.archive_protocol(id));
        }
        let named = Arc::new(OnceLock::new());
        if config.trace_protocol {
            let settings = trace_settings(&network, &named);
            network = network.protocol(whisper.trace_protocol(settings));
        }
        let server = match Server::start(network).await {
            Ok(server) => server,
            Err(error) => {
                whisper.stop().await;
                return Err(error.into());
            }
        };
        named.get_or_init(|| server.named_nodes());
        let events = server.events();
        let files = KeptFiles::of(&server, archive.as_ref(), store.as_ref());
        match serve(config.rpc, config.metrics, &whisper, &server, &files, &world).await {
            Ok((rpc, metrics)) => {
                Ok(Self { whisper, server, events, rpc, metrics, archive, store, files, world })
            }
            Err(error) => {
                server.stop().await;
                whisper.stop().await;
                Err(error)
            }
        }
    }

    /// Address of the metrics server, if it runs.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::addr)
    }

    /// The JSON-RPC servers, with their addresses and counters.
    #[must_use]
    pub fn rpc(&self) -> &RpcServer {
        &self.rpc
    }

    /// What the metrics server shows.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            whisper: self.whisper.clone(),
            server: self.server.clone(),
            rpc: self.rpc.meter(),
            files: self.files.clone(),
            world: Arc::clone(&self.world),
        }
    }

    /// Replaces the metrics server. Returns the one that ran before.
    pub(crate) fn replace_metrics(&mut self, new: Option<MetricsServer>) -> Option<MetricsServer> {
        std::mem::replace(&mut self.metrics, new)
    }

    /// From now on this secret opens the store, and the one before does not. Without effect if there is no store.
    ///
    /// # Errors
    ///
    /// If that cannot be written. Then the secret before is still the right one.
    pub async fn change_store_secret(&self, secret: StoreSecret) -> Result<(), StoreOpenError> {
        match &self.store {
            Some(store) => store::change_secret(&self.world, store, secret).await,
            None => Ok(()),
        }
    }

    /// Stops all parts and waits for their end. JSON-RPC takes at most 2 s and the network at most 2.25 s, in parallel,
    /// whatever clients and peers do.
    pub async fn stop(self) {
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        tokio::join!(self.rpc.stop(), self.server.stop());
        self.whisper.stop().await;
        if let Some(archive) = self.archive {
            // Another part of the program may still use it.
            let _ = tokio::time::timeout(ARCHIVE_STOP, archive.close()).await;
        }
    }
}

/// Who may trace envelopes: nodes that the operator has named, in the same network. `named` is set when the server has started.
fn trace_settings(
    network: &p2p_server::Config,
    named: &Arc<OnceLock<NamedNodes>>,
) -> TraceSettings {
    let discovery = network.settings.discovery.as_ref();
    let number = discovery.and_then(|discovery| discovery.config.network);
    let named = Arc::clone(named);
    TraceSettings {
        own: network.key.id(),
        network: number.map_or(0, |NetworkId(number)| number),
        may_trace: Arc::new(move |id| named.get().is_some_and(|named| named.contains(id))),
    }
}

/// Starts JSON-RPC and the metrics server.
async fn serve(
    rpc: RpcConfig,
    metrics: Option<SocketAddr>,
    whisper: &Whisper,
    server: &Server,
    files: &KeptFiles,
    world: &Arc<dyn World>,
) -> Result<(RpcServer, Option<MetricsServer>), NodeError> {
    let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await?;
    let Some(address) = metrics else { return Ok((rpc, None)) };
    let (whisper, server, world) = (whisper.clone(), server.clone(), Arc::clone(world));
    let sources = Sources { whisper, server, rpc: rpc.meter(), files: files.clone(), world };
    match metrics::serve(address, sources).await {
        Ok(metrics) => Ok((rpc, Some(metrics))),
        Err(error) => {
            rpc.stop().await;
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use p2p_server::StartError;
    use whisper_rpc::{RpcError, Transport};

    use super::*;

    /// The variants with a cause; a new variant must be added to the match.
    #[test]
    fn errors_do_not_repeat_their_cause() {
        let address = "127.0.0.1:6060".parse().unwrap();
        let source = || io::Error::from(io::ErrorKind::PermissionDenied);
        for error in [
            NodeError::Server(StartError::Listen { addr: address, source: source() }),
            NodeError::Rpc(RpcError::Bind {
                transport: Transport::Http,
                address,
                source: source(),
            }),
            NodeError::Metrics(MetricsError { address, source: source() }),
        ] {
            match error {
                // `node-store`, `whisper-archive` and `whisper-store` test these.
                NodeError::Archive(_) | NodeError::Store(_) => {}
                NodeError::Server(_) | NodeError::Rpc(_) | NodeError::Metrics(_) => {}
            }
            let text = error.to_string();
            let cause = error.source().unwrap().to_string();
            assert!(!text.contains(&cause), "{text}: {cause}");
        }
    }
}
