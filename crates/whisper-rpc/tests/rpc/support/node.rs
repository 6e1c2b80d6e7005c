//! A complete node on loopback: peers, Whisper, and JSON-RPC on free ports.

use std::net::{Ipv4Addr, SocketAddr};

use p2p_identity::{Enode, SecretKey};
use p2p_mux::Protocol;
use p2p_server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use whisper_protocol::{Config, Dialect, Whisper};
use whisper_rpc::{HttpSettings, Namespace, RpcConfig, RpcLimits, RpcServer, WsSettings, serve};

use super::eventually::eventually;
use super::http::Request;
use super::ws::WsClient;

pub struct Node {
    /// The folder of its IPC socket.
    folder: TempDir,
    pub server: Server,
    pub whisper: Whisper,
    pub rpc: RpcServer,
}

/// Any free port of this machine.
pub const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The namespaces of the node with which the exchanges were recorded, on free ports.
pub fn config() -> RpcConfig {
    use Namespace::{Admin, Net, Shh, Web3};
    let api = vec![Admin, Net, Shh, Web3];
    RpcConfig {
        http: Some(HttpSettings { addr: FREE, api: api.clone(), ..HttpSettings::default() }),
        ws: Some(WsSettings { addr: FREE, api, ..WsSettings::default() }),
        // As of the recorded node.
        limits: RpcLimits { request_bytes: Some(512 * 1024), ..RpcLimits::default() },
        ..RpcConfig::default()
    }
}

fn server_config(protocols: Vec<Protocol>) -> p2p_server::Config {
    p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
        .name("whisper-node/v0.1.0/test")
        .listen(FREE)
        .protocols(protocols)
}

impl Node {
    pub async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub async fn start_with(config: RpcConfig) -> Self {
        Self::start_from(config, Config::default()).await
    }

    pub async fn start_from(config: RpcConfig, settings: Config) -> Self {
        let whisper = Whisper::new(settings);
        let protocols = whisper.protocols();
        Self::start_whisper(config, whisper, Vec::from(protocols)).await
    }

    /// A node that speaks only one dialect.
    pub async fn speaking(dialect: Dialect) -> Self {
        let whisper = Whisper::new(Config::default());
        let [new, old] = whisper.protocols();
        let protocol = if dialect == Dialect::V5 { old } else { new };
        Self::start_whisper(config(), whisper, vec![protocol]).await
    }

    /// A node whose peer events include messages.
    pub async fn with_message_events() -> Self {
        let whisper = Whisper::new(Config::default());
        let server = server_config(Vec::from(whisper.protocols())).message_events(true);
        Self::start_on(server, config(), whisper).await
    }

    async fn start_whisper(config: RpcConfig, whisper: Whisper, protocols: Vec<Protocol>) -> Self {
        Self::start_on(server_config(protocols), config, whisper).await
    }

    async fn start_on(server: p2p_server::Config, config: RpcConfig, whisper: Whisper) -> Self {
        let server = Server::start(server).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = RpcConfig { ipc: cfg!(unix).then(|| folder.path().join("ipc")), ..config };
        let rpc = serve(config, whisper.clone(), server.clone()).await.unwrap();
        Self { folder, server, whisper, rpc }
    }

    pub fn http(&self) -> SocketAddr {
        self.rpc.http_addr().unwrap()
    }

    pub fn ws(&self) -> SocketAddr {
        self.rpc.ws_addr().unwrap()
    }

    /// Its enode URL, as another node on this machine dials it.
    pub fn enode(&self) -> Enode {
        Enode::new(self.server.id(), self.server.listen_addr().unwrap())
    }

    /// Calls a method over HTTP. Returns the complete response.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let body = request(method, params);
        let response = Request::json(body).send(self.http()).await;
        assert_eq!(response.status, 200, "{response:?}");
        serde_json::from_str(&response.body).unwrap()
    }

    /// Calls a method that succeeds. Returns its result.
    pub async fn result(&self, method: &str, params: Value) -> Value {
        let response = self.call(method, params).await;
        response.get("result").unwrap_or_else(|| panic!("{method}: {response}")).clone()
    }

    /// A connection to its socket.
    #[cfg(unix)]
    pub async fn connect_ipc(&self) -> super::ipc::IpcClient {
        super::ipc::IpcClient::connect(&self.rpc.ipc_path().unwrap()).await
    }

    /// A WebSocket connection to it.
    pub async fn connect(&self) -> WsClient {
        WsClient::connect(self.ws()).await
    }

    pub async fn stop(self) {
        self.rpc.stop().await;
        self.whisper.stop().await;
        self.server.stop().await;
        self.folder.close().unwrap();
    }
}

/// The text of a request with the id 1.
#[expect(clippy::needless_pass_by_value, reason = "the parameters are written in place")]
pub fn request(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// Waits until this number of calls is in progress.
pub async fn in_progress(node: &Node, calls: u64) {
    let what = format!("{calls} calls in progress");
    eventually(&what, async || (node.rpc.stats().in_progress == calls).then_some(())).await;
}
