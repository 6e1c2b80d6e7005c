//! The servers: one port for HTTP, one for WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, Methods, PingConfig, ServerBuilder, ServerConfig, ServerConfigBuilder,
    ServerHandle,
};
use p2p_server::Server;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

use super::admin::Admin;
use super::calls::{CallsLayer, Served};
use super::config::{HttpConfig, Limits, RpcConfig, WsConfig};
use super::cors::cors;
use super::gate::GateLayer;
use super::guard::GuardLayer;
use super::modules::Modules;
use super::namespace::Namespace;
use super::net::Net;
use super::origins::Origins;
use super::refusal::{Counters, RpcStats};
use super::shh::Shh;
use super::start_error::{RpcError, Transport};
use super::subscription_id::RandomId;
use super::vhosts::VirtualHosts;
use super::{admin, debug, modules, net, shh, web3};
use crate::Whisper;

/// How long [`RpcServer::stop`] waits for answers in progress.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Serves the node's Whisper and its peers over JSON-RPC, as configured.
///
/// # Errors
/// When a port cannot be bound, or a CORS origin cannot be a header's value. Nothing is then left listening.
pub async fn serve(
    config: RpcConfig,
    whisper: Whisper,
    server: Server,
) -> Result<RpcServer, RpcError> {
    let stop = CancellationToken::new();
    let node = Node { whisper, server, config, stop };
    let counters = Arc::<Counters>::default();
    let http = match &node.config.http {
        Some(http) => Some(node.serve_http(http, &counters).await?),
        None => None,
    };
    let ws = match &node.config.ws {
        Some(ws) => Some(node.serve_ws(ws, &counters).await?),
        None => None,
    };
    Ok(RpcServer { http, ws, counters, stop: node.stop })
}

/// The running JSON-RPC servers. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct RpcServer {
    http: Option<Listening>,
    ws: Option<Listening>,
    counters: Arc<Counters>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Listening {
    addr: SocketAddr,
    handle: ServerHandle,
}

impl RpcServer {
    /// Where HTTP is served: the port that was taken, where the configured one is 0.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|listening| listening.addr)
    }

    /// Where WebSocket is served.
    #[must_use]
    pub fn ws_addr(&self) -> Option<SocketAddr> {
        self.ws.as_ref().map(|listening| listening.addr)
    }

    /// How often the servers answered, failed and refused.
    #[must_use]
    pub fn stats(&self) -> RpcStats {
        self.counters.read()
    }

    /// The same for somebody who has not the servers.
    #[must_use]
    pub fn meter(&self) -> RpcMeter {
        RpcMeter(Arc::clone(&self.counters))
    }

    /// Stops listening, gives up what is being sealed, lets other answers finish, and returns after two seconds at
    /// most, however clients behave.
    pub async fn stop(self) {
        self.stop.cancel();
        let handles = [self.http.as_ref(), self.ws.as_ref()].into_iter().flatten();
        let stopped = handles.map(|listening| {
            // An error says that it has stopped already.
            let _ = listening.handle.stop();
            listening.handle.clone().stopped()
        });
        let all = futures_util::future::join_all(stopped);
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            tracing::warn!("JSON-RPC clients did not finish in time and are dropped");
        }
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.stop.cancel();
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

/// What the methods are about.
struct Node {
    whisper: Whisper,
    server: Server,
    config: RpcConfig,
    stop: CancellationToken,
}

impl Node {
    /// The methods of the given namespaces. A transport that is yet to come takes the same.
    fn methods(&self, api: &[Namespace]) -> Result<Methods, RpcError> {
        let mut methods = Methods::new();
        for namespace in Namespace::ALL {
            if namespace != Namespace::Rpc && !api.contains(&namespace) {
                continue;
            }
            let module = match namespace {
                Namespace::Admin => admin::api().install(self.admin())?,
                Namespace::Debug => debug::api().install(self.whisper.clone())?,
                Namespace::Net => net::api().install(self.net())?,
                Namespace::Rpc => modules::api().install(Modules::new(api))?,
                Namespace::Shh => shh::api().install(self.shh())?,
                Namespace::Web3 => web3::api().install(self.server.clone())?,
            };
            methods.merge(module)?;
        }
        Ok(methods)
    }

    fn admin(&self) -> Admin {
        Admin::new(self.server.clone(), &self.config.datadir)
    }

    fn net(&self) -> Net {
        Net { server: self.server.clone(), network_id: self.config.network_id }
    }

    fn shh(&self) -> Shh {
        Shh { whisper: self.whisper.clone(), stop: self.stop.clone() }
    }

    /// What is around every call of a transport.
    fn calls(&self, methods: &Methods, push: bool, counters: &Arc<Counters>) -> CallsLayer {
        CallsLayer(Arc::new(Served {
            methods: methods.clone(),
            push,
            response_limit: usize::try_from(self.config.limits.response).unwrap_or(usize::MAX),
            counters: Arc::clone(counters),
        }))
    }

    async fn serve_http(
        &self,
        config: &HttpConfig,
        counters: &Arc<Counters>,
    ) -> Result<Listening, RpcError> {
        let limits = &self.config.limits;
        let methods = self.methods(&config.api)?;
        let vhosts = VirtualHosts::new(&config.vhosts);
        let http = ServiceBuilder::new()
            .layer(GuardLayer::new(vhosts, Arc::clone(counters)))
            .layer(cors(&config.cors)?)
            .layer(GateLayer::new(limits.request, Arc::clone(counters)));
        let rpc = RpcServiceBuilder::new().layer(self.calls(&methods, false, counters));
        let bound = ServerBuilder::with_config(bounds(limits).http_only().build())
            .set_http_middleware(http)
            .set_rpc_middleware(rpc)
            .build(config.addr)
            .await;
        let failed = |error| RpcError::bind(Transport::Http, config.addr, error);
        let server = bound.map_err(failed)?;
        let addr = server.local_addr().map_err(failed)?;
        Ok(Listening { addr, handle: server.start(methods) })
    }

    async fn serve_ws(
        &self,
        config: &WsConfig,
        counters: &Arc<Counters>,
    ) -> Result<Listening, RpcError> {
        let methods = self.methods(&config.api)?;
        let origins = Origins::new(&config.origins);
        let http = ServiceBuilder::new().layer(GuardLayer::new(origins, Arc::clone(counters)));
        let rpc = RpcServiceBuilder::new().layer(self.calls(&methods, true, counters));
        let bounds = bounds(&self.config.limits).ws_only();
        let bound = ServerBuilder::with_config(bounds.enable_ws_ping(PingConfig::new()).build())
            .set_http_middleware(http)
            .set_rpc_middleware(rpc)
            .build(config.addr)
            .await;
        let failed = |error| RpcError::bind(Transport::Ws, config.addr, error);
        let server = bound.map_err(failed)?;
        let addr = server.local_addr().map_err(failed)?;
        Ok(Listening { addr, handle: server.start(methods) })
    }
}

fn bounds(limits: &Limits) -> ServerConfigBuilder {
    ServerConfig::builder()
        .max_request_body_size(limits.request)
        .max_response_body_size(limits.response)
        .max_connections(limits.connections)
        .max_subscriptions_per_connection(limits.subscriptions)
        // `jsonrpsee` asserts that there is room for one.
        .set_message_buffer_capacity(limits.outbox.max(1))
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_id_provider(RandomId)
}
