//! Configuration of the JSON-RPC servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use p2p_world::{SystemWorld, World};

use crate::audit::AuditSink;
use crate::namespace::Namespace;
use crate::namespace::reload::Reloader;
use crate::team::Teams;
use crate::team::keeper::TeamKeeper;
use crate::transport::error::RpcError;
use crate::transport::tls::Tls;
use crate::transport::token::Token;
use crate::web_name::WebSetting;

/// Configuration of the JSON-RPC servers. By default, HTTP and WebSocket are served on loopback, and IPC is not served.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// JSON-RPC over HTTP; `None`: not served.
    pub http: Option<HttpSettings>,
    /// JSON-RPC over WebSocket; `None`: not served.
    pub ws: Option<WsSettings>,
    /// Path of the Unix socket for JSON-RPC over IPC. It serves all namespaces, and only the user that runs the node
    /// can connect. Default: `None`, not served. On systems without Unix sockets it cannot be served.
    pub ipc: Option<PathBuf>,
    /// What clients of HTTP and WebSocket must send. Default: [`RpcAccess::Open`].
    pub access: RpcAccess,
    /// The certificate for HTTP and WebSocket. Default: `None`, no encryption.
    pub tls: Option<Tls>,
    /// Whether clients may read the keys that the node stores, with `shh_getPrivateKey` and `shh_getSymKey`. It applies
    /// to all transports. Default: true.
    pub key_export: bool,
    /// Limits on requests and connections.
    pub limits: RpcLimits,
    /// The answer of `admin_datadir`. Default: the current directory.
    pub datadir: PathBuf,
    /// The answer of `net_version`. Default: 1, as in go-ethereum.
    pub network_id: u64,
    /// Reads the configuration again, for `admin_reload`. Default: `None`, the method answers with an error.
    pub reload: Option<Reloader>,
    /// Gets what administrators do, what is refused to teams, and how teams change. Default: `None`.
    pub audit: Option<AuditSink>,
    /// The machine that the node runs on: the UNIX clock of the methods, and names of hosts in their arguments. The servers
    /// themselves always use that of the operating system. Default: that of the operating system.
    pub world: Arc<dyn World>,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            http: Some(HttpSettings::default()),
            ws: Some(WsSettings::default()),
            ipc: None,
            access: RpcAccess::Open,
            tls: None,
            key_export: true,
            limits: RpcLimits::default(),
            datadir: PathBuf::from("."),
            network_id: 1,
            reload: None,
            audit: None,
            world: SystemWorld::shared(),
        }
    }
}

/// What clients of HTTP and WebSocket must send, and what they may do then.
#[derive(Clone, Debug, Default)]
pub enum RpcAccess {
    /// Nothing. All clients may do everything.
    #[default]
    Open,
    /// This token. Then they may do everything.
    Token(Token),
    /// A token of a team. What one team makes does not exist for another.
    Teams(TeamsSettings),
}

/// The teams whose clients share a node.
#[derive(Clone, Debug, Default)]
pub struct TeamsSettings {
    /// The teams.
    pub teams: Teams,
    /// Keeps the changes of teams that administrators make. Default: `None`, they last until the servers stop.
    pub keeper: Option<TeamKeeper>,
}

impl RpcAccess {
    /// The token, if all clients have the same.
    pub(crate) fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            Self::Open | Self::Teams(_) => None,
        }
    }

    /// The teams, if there are any.
    #[must_use]
    pub fn teams(&self) -> Option<&TeamsSettings> {
        match self {
            Self::Teams(teams) => Some(teams),
            Self::Open | Self::Token(_) => None,
        }
    }
}

/// Settings of JSON-RPC over HTTP.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address to listen on. Port 0: any free port. Default: 127.0.0.1:8545.
    pub addr: SocketAddr,
    /// The served namespaces. `rpc` is always served. Default: `net`, `shh`, `web3`.
    pub api: Vec<Namespace>,
    /// The origins whose web pages may read answers (CORS), each `scheme://host[:port]`; `*`: any origin. Default: none.
    pub cors: Vec<String>,
    /// The accepted names in the `Host` header; `*`: any name. IP addresses are always accepted, because only a name
    /// can be rebound by a hostile DNS server. Default: `localhost`.
    pub vhosts: Vec<String>,
    /// Whether the chat page is served at `/`: an application in a browser, which calls JSON-RPC at the same address. Default: false.
    pub chat: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            api: Namespace::DEFAULT.to_vec(),
            cors: Vec::new(),
            vhosts: vec!["localhost".to_owned()],
            chat: false,
        }
    }
}

impl HttpSettings {
    /// Checks the virtual hosts. The origins are checked where the headers for CORS are made.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        WebSetting::VirtualHosts.check_all(&self.vhosts)
    }
}

/// Settings of JSON-RPC over WebSocket.
#[derive(Clone, Debug)]
pub struct WsSettings {
    /// The address to listen on. Port 0: any free port. Default: 127.0.0.1:8546.
    pub addr: SocketAddr,
    /// The served namespaces. `rpc` is always served. Default: `net`, `shh`, `web3`.
    pub api: Vec<Namespace>,
    /// The origins whose web pages may connect, each `[scheme://]host[:port]`. A missing part matches anything; `*`
    /// matches any origin. Default: empty, which allows pages from this machine only. Programs, which send no `Origin`
    /// header, can always connect.
    pub origins: Vec<String>,
}

impl Default for WsSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8546)),
            api: Namespace::DEFAULT.to_vec(),
            origins: Vec::new(),
        }
    }
}

impl WsSettings {
    /// Checks the origins.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        WebSetting::WsOrigins.check_all(&self.origins)
    }
}

/// Limits on requests and connections. They apply to each transport separately, except for `memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// Maximum size of a request, batch or not, in bytes. Default: `None`, enough to post the largest message that the
    /// node admits at the time: twice its size and 64 KiB. On a connection that carries several requests, the time is
    /// when it is made.
    pub request_bytes: Option<u32>,
    /// Maximum size of a response, in bytes. A larger one is replaced by an error. Default: 32 MiB.
    pub response_bytes: u32,
    /// Maximum number of calls in a batch. Default: 1000.
    pub batch_calls: u32,
    /// Maximum number of connections, idle ones included. When it is reached, the oldest connection without a valid
    /// request is closed for a new one; without such a connection the new one is closed. Both are counted. Default: 256.
    pub connections: u32,
    /// Maximum number of requests of one connection that are answered concurrently, over WebSocket and IPC. When it is
    /// reached, nothing more is read from the connection. Default: 64.
    pub concurrent_requests: u32,
    /// Maximum number of subscriptions of one connection. Default: 256.
    pub subscriptions: u32,
    /// Number of unread bytes of one connection from which on its answers wait, its subscriptions drop messages by their
    /// own rules, and nothing more is read from it. Over WebSocket and IPC. Default: 4 MiB.
    pub unread_bytes: u32,
    /// Maximum memory of the clients of all transports together, in bytes: requests, and answers and notifications that
    /// they have not read. When it is exceeded, the client that occupies most is disconnected, which is counted.
    /// Default: 256 MiB.
    pub memory: usize,
    /// Maximum time that a client may take for one step: the head of a request (including the idle time before it), the
    /// body, reading what it is sent, answering a ping, the TLS handshake. Then the connection is closed. Default: 30
    /// seconds, as in go-ethereum.
    pub step_time: Duration,
    /// Maximum time until the first byte of a new connection, over TCP. Default: 10
    /// seconds.
    pub first_byte_time: Duration,
    /// Maximum time for the proof of work of a post. A post that asks for more is refused. Default: 60 seconds.
    pub pow_time: Duration,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            request_bytes: None,
            response_bytes: 32 * 1024 * 1024,
            batch_calls: 1000,
            connections: 256,
            concurrent_requests: 64,
            subscriptions: 256,
            unread_bytes: 4 << 20,
            memory: 256 << 20,
            step_time: Duration::from_secs(30),
            first_byte_time: Duration::from_secs(10),
            pow_time: Duration::from_secs(60),
        }
    }
}
