//! What is served, where, to whom, and how much of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::namespace::Namespace;
use crate::transport::tls::Tls;
use crate::transport::token::Token;

/// Everything the JSON-RPC servers need to know. The default serves HTTP and WebSocket on loopback, and no IPC.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// JSON-RPC over HTTP; `None` does not serve it.
    pub http: Option<HttpConfig>,
    /// JSON-RPC over WebSocket; `None` does not serve it.
    pub ws: Option<WsConfig>,
    /// JSON-RPC over a Unix socket, where there are such: its path (`--ipcpath`). All namespaces are served to
    /// whoever is the node's user, and nobody else can connect. Default: `None`, which does not serve it.
    pub ipc: Option<PathBuf>,
    /// What clients of HTTP and WebSocket have to show (`--rpc.token-file`). Default: nothing.
    pub token: Option<Token>,
    /// The certificate that HTTP and WebSocket are served with (`--rpc.tls-cert`, `--rpc.tls-key`). Default: none,
    /// which serves them in the clear.
    pub tls: Option<Tls>,
    /// Whether clients may read the keys that the node holds: `shh_getPrivateKey` and `shh_getSymKey`. Default: true;
    /// `--shh.no-key-export` says false, over every transport.
    pub key_export: bool,
    /// Bounds on what one request or connection may cost.
    pub limits: Limits,
    /// What `admin_datadir` answers. Default: the current directory.
    pub datadir: PathBuf,
    /// What `net_version` answers. Default: 1, as go-ethereum.
    pub network_id: u64,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            http: Some(HttpConfig::default()),
            ws: Some(WsConfig::default()),
            ipc: None,
            token: None,
            tls: None,
            key_export: true,
            limits: Limits::default(),
            datadir: PathBuf::from("."),
            network_id: 1,
        }
    }
}

/// JSON-RPC over HTTP.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen (`--http.addr`, `--http.port`). Default: 127.0.0.1:8545. Port 0 takes any free one.
    pub addr: SocketAddr,
    /// The namespaces served (`--http.api`). Default: `shh`, `net`, `web3`. `rpc` is always served.
    pub api: Vec<Namespace>,
    /// Origins of web pages that may read the answers (`--http.corsdomain`); `*` is any. Default: none.
    pub cors: Vec<String>,
    /// Names in the `Host` header that are answered (`--http.vhosts`); `*` is any. Default: `localhost`.
    /// IP addresses always are: only a name can be rebound by a hostile DNS server.
    pub vhosts: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            api: Namespace::DEFAULT.to_vec(),
            cors: Vec::new(),
            vhosts: vec!["localhost".to_owned()],
        }
    }
}

/// JSON-RPC over WebSocket.
#[derive(Clone, Debug)]
pub struct WsConfig {
    /// Where to listen (`--ws.addr`, `--ws.port`). Default: 127.0.0.1:8546. Port 0 takes any free one.
    pub addr: SocketAddr,
    /// The namespaces served (`--ws.api`). Default: `shh`, `net`, `web3`. `rpc` is always served.
    pub api: Vec<Namespace>,
    /// Origins of web pages that may connect (`--ws.origins`), each `[scheme://]host[:port]`; what is left out may
    /// be anything, and `*` is any origin. Default: empty, which is pages from this machine only.
    /// Programs, which send no `Origin` header, may always connect.
    pub origins: Vec<String>,
}

impl Default for WsConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8546)),
            api: Namespace::DEFAULT.to_vec(),
            origins: Vec::new(),
        }
    }
}

/// Bounds on what one request or connection may cost, for each transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request, batch or not. Default: 512 KiB, go-ethereum's.
    pub request: u32,
    /// Bytes of one response. Default: 32 MiB. A larger one becomes an error.
    pub response: u32,
    /// Calls in one batch. Default: 1000.
    pub batch: u32,
    /// Connections at one time, idle ones included. Default: 256. More are hung up on, and counted.
    pub connections: u32,
    /// Requests of one connection that are answered side by side, over WebSocket and IPC. Default: 64. While they are
    /// so many, no more is read.
    pub pipelined: u32,
    /// Subscriptions of one connection. Default: 256.
    pub subscriptions: u32,
    /// Messages that wait for the client of one connection to read. Default: 64. While they are this many, answers
    /// wait and subscriptions hold back, and each then drops by its own rule.
    pub outbox: u32,
    /// How long a client may take over one step: sending the head of a request (the time before it included), sending
    /// its body, taking what it is sent, answering a ping. Default: 30 seconds, as go-ethereum. Then it is hung up on.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: 512 * 1024,
            response: 32 * 1024 * 1024,
            batch: 1000,
            connections: 256,
            pipelined: 64,
            subscriptions: 256,
            outbox: 64,
            patience: Duration::from_secs(30),
        }
    }
}
