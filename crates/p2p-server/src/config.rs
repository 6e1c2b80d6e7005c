//! What a server is told before it starts.

use std::{fmt, time::Duration};

use p2p_mux::{
    Protocol,
    identity::{Enode, SecretKey},
};

#[cfg(feature = "discovery")]
use crate::discovery::DiscoveryConfig;
use crate::{
    dial::{AGAIN, Backoff},
    nat::Nat,
    restrict::NetRestrict,
    slots::Limits,
    socket::RECEIVE_BUFFER,
};

/// The nodes a server knows from the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nodes {
    /// Dialled for ever, and admitted beyond [`Limits::max_peers`].
    pub statics: Vec<Enode>,
    /// Admitted beyond [`Limits::max_peers`]; not dialled.
    pub trusted: Vec<Enode>,
    /// Dialled while the node has no peer at all, unless [`Dialling::discover`] is off.
    pub boot: Vec<Enode>,
}

/// How a server reaches others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialling {
    /// Whether to dial at all. Default true (geth's `NoDial` is false).
    pub enabled: bool,
    /// Whether the node looks for peers by itself: whether it dials its boot nodes, and takes part in
    /// discovery where that is configured. Off, it dials only static nodes and keeps no places free
    /// for peers it would find. Default true (geth's `--nodiscover` turns it off).
    pub discover: bool,
    /// The longest that resolving the name and opening the TCP connection may take together.
    /// Default 15 s.
    pub timeout: Duration,
    /// The waits between attempts at the same static or boot node.
    pub backoff: Backoff,
    /// How long a found node that was tried, or has left, is not dialled again. Default 35 s, as in
    /// go-ethereum: it refuses a second connection from one address within 30 s.
    pub again: Duration,
}

impl Default for Dialling {
    fn default() -> Self {
        Self {
            enabled: true,
            discover: true,
            timeout: Duration::from_secs(15),
            backoff: Backoff::default(),
            again: AGAIN,
        }
    }
}

/// Room for 50 peers of which some have a large message under way in each direction.
const DEFAULT_MEMORY: usize = 256 << 20;

/// Everything a server is told before it starts. Made by [`Config::new`], refined by the setters,
/// which take and return it; the fields are public for whoever prefers them. The defaults are those
/// of go-ethereum where it has them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The node's key: its identity.
    pub key: SecretKey,
    /// What the node calls itself in its Hello. Default: this crate, its version and the platform.
    pub name: String,
    /// Where to listen, in the text form `IP:port` or `name:port` (a missing host means all
    /// addresses, port 0 a free one). Default: nowhere.
    pub listen: Vec<String>,
    /// The sub-protocols to run. Default: none, and then every peer is refused as useless.
    pub protocols: Vec<Protocol>,
    /// The nodes known from the start. Default: none.
    pub nodes: Nodes,
    /// How many peers and handshakes.
    pub limits: Limits,
    /// How to reach others.
    pub dialling: Dialling,
    /// How to find nodes. Default: not at all, only those that are named are dialled. Has no effect
    /// unless [`Dialling::discover`] is on.
    #[cfg(feature = "discovery")]
    pub discovery: Option<DiscoveryConfig>,
    /// The only networks to talk to. Default: no restriction.
    pub net_restrict: Option<NetRestrict>,
    /// Where the external address comes from. Default: [`Nat::None`].
    pub nat: Nat,
    /// The settings of each connection.
    pub connection: p2p_mux::Config,
    /// The most that all connections together may make the node hold in messages and buffers, in
    /// bytes, with what the allocator needs for it ([`Memory::resident`](p2p_mux::Memory)); there it
    /// is also said what happens when that is not enough. Handshakes in progress are
    /// not counted, there are few ([`Limits::max_pending`]) and they are small. Default 256 MiB;
    /// less than 128 KiB for each peer is too little.
    pub memory: usize,
    /// How many bytes of each connection wait in the operating system to be read; `None` leaves it
    /// to the system. It bounds how long a small message waits behind what the peer sent before, and
    /// also what a peer far away can send: so many bytes in the time of a round trip. Default
    /// [`RECEIVE_BUFFER`](crate::RECEIVE_BUFFER), 128 KiB, 1.3 MB/s at 100 ms.
    pub receive_buffer: Option<usize>,
    /// Events kept for a subscriber that falls behind, at least 1. Default 1024.
    pub event_buffer: usize,
}

impl Config {
    /// A node with this key and all defaults: it neither listens nor knows anyone.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self {
            key,
            name: default_name(),
            listen: Vec::new(),
            protocols: Vec::new(),
            nodes: Nodes::default(),
            limits: Limits::default(),
            dialling: Dialling::default(),
            #[cfg(feature = "discovery")]
            discovery: None,
            net_restrict: None,
            nat: Nat::None,
            connection: p2p_mux::Config::default(),
            memory: DEFAULT_MEMORY,
            receive_buffer: Some(RECEIVE_BUFFER),
            event_buffer: 1024,
        }
    }

    /// Sets what the node calls itself.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an address to listen on: a `SocketAddr`, or text such as `"0.0.0.0:30303"`,
    /// `"[::]:30303"`, `":30303"`. It is read when the server starts, so a bad one is an error
    /// there.
    #[must_use]
    pub fn listen(mut self, addr: impl fmt::Display) -> Self {
        self.listen.push(addr.to_string());
        self
    }

    /// Adds a sub-protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocols.push(protocol);
        self
    }

    /// Adds several sub-protocols, such as all versions of one.
    #[must_use]
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = Protocol>) -> Self {
        self.protocols.extend(protocols);
        self
    }

    /// Sets [`Limits::max_peers`].
    #[must_use]
    pub fn max_peers(mut self, peers: usize) -> Self {
        self.limits.max_peers = peers;
        self
    }

    /// Sets [`Limits::max_pending`].
    #[must_use]
    pub fn max_pending(mut self, handshakes: usize) -> Self {
        self.limits.max_pending = handshakes;
        self
    }

    /// Sets [`Limits::dial_ratio`].
    #[must_use]
    pub fn dial_ratio(mut self, ratio: usize) -> Self {
        self.limits.dial_ratio = ratio;
        self
    }

    /// Adds a static node.
    #[must_use]
    pub fn static_node(mut self, enode: Enode) -> Self {
        self.nodes.statics.push(enode);
        self
    }

    /// Adds a trusted node.
    #[must_use]
    pub fn trusted_node(mut self, enode: Enode) -> Self {
        self.nodes.trusted.push(enode);
        self
    }

    /// Adds a boot node.
    #[must_use]
    pub fn boot_node(mut self, enode: Enode) -> Self {
        self.nodes.boot.push(enode);
        self
    }

    /// Sets [`Dialling::enabled`].
    #[must_use]
    pub fn dial(mut self, enabled: bool) -> Self {
        self.dialling.enabled = enabled;
        self
    }

    /// Sets [`Dialling::discover`].
    #[must_use]
    pub fn discover(mut self, discover: bool) -> Self {
        self.dialling.discover = discover;
        self
    }

    /// Sets [`Dialling::timeout`].
    #[must_use]
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dialling.timeout = timeout;
        self
    }

    /// Sets [`Dialling::again`].
    #[must_use]
    pub fn dial_again(mut self, after: Duration) -> Self {
        self.dialling.again = after;
        self
    }

    /// Sets [`Dialling::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.dialling.backoff = backoff;
        self
    }

    /// Finds nodes, and can be found.
    #[cfg(feature = "discovery")]
    #[must_use]
    pub fn discovery(mut self, discovery: DiscoveryConfig) -> Self {
        self.discovery = Some(discovery);
        self
    }

    /// Talks only to addresses in these networks.
    #[must_use]
    pub fn net_restrict(mut self, networks: NetRestrict) -> Self {
        self.net_restrict = Some(networks);
        self
    }

    /// Sets where the external address comes from.
    #[must_use]
    pub fn nat(mut self, nat: Nat) -> Self {
        self.nat = nat;
        self
    }

    /// Sets the settings of each connection.
    #[must_use]
    pub fn connection(mut self, connection: p2p_mux::Config) -> Self {
        self.connection = connection;
        self
    }

    /// Sets the most that all connections together may hold, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many bytes of each connection wait in the operating system to be read.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: Option<usize>) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Sets how many events are kept for a subscriber that falls behind.
    #[must_use]
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.event_buffer = events;
        self
    }

    /// Whether the node looks for peers by itself.
    pub(crate) fn finds_peers(&self) -> bool {
        let knows_where = !self.nodes.boot.is_empty() || self.discovers();
        self.dialling.enabled && self.dialling.discover && knows_where
    }

    /// Whether discovery runs.
    #[cfg(feature = "discovery")]
    pub(crate) fn discovers(&self) -> bool {
        self.dialling.discover && self.discovery.is_some()
    }

    /// Whether discovery runs.
    #[cfg(not(feature = "discovery"))]
    pub(crate) const fn discovers(&self) -> bool {
        false
    }
}

fn default_name() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("p2p-server/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("id", &self.key.id())
            .field("name", &self.name)
            .field("listen", &self.listen)
            .field("nodes", &self.nodes)
            .field("limits", &self.limits)
            .field("dialling", &self.dialling)
            .field("net_restrict", &self.net_restrict)
            .field("nat", &self.nat)
            .finish_non_exhaustive()
    }
}
