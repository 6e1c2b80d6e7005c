//! What a server is told before it starts.

pub(crate) mod node_dialer;
pub(crate) mod settings;
#[cfg(feature = "serde")]
mod text;

use std::{fmt, time::Duration};

use futures_core::Stream;
use p2p_mux::{
    Protocol,
    identity::{Enode, NodeId, SecretKey},
};

#[cfg(feature = "discovery")]
use crate::discovery::DiscoveryConfig;
use crate::{
    access::ban::Banned, access::net_restrict::NetRestrict, access::throttle::Inbound,
    config::node_dialer::NodeDialer, config::settings::Settings, dial::Backoff, nat::Nat,
    proxy::Proxy, tasks::candidates::Source,
};

/// Everything a server is told before it starts. Made by [`Config::new`], refined by the setters,
/// which take and return it; the fields are public for whoever prefers them. The defaults are those
/// of go-ethereum where it has them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The node's key: its identity.
    pub key: SecretKey,
    /// The sub-protocols to run. Default: none, and then every peer is refused as useless.
    pub protocols: Vec<Protocol>,
    /// All that can be kept in a file.
    pub settings: Settings,
    /// Opens the streams to other nodes. Default: TCP.
    pub node_dialer: Option<NodeDialer>,
    /// Where found nodes come from, beside discovery. Default: from nowhere.
    pub sources: Vec<Source>,
    /// How gateways are dealt with.
    #[cfg(feature = "nat")]
    pub(crate) terms: crate::nat::Terms,
}

impl Config {
    /// A node with this key and all defaults: it neither listens nor knows anyone.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self {
            key,
            protocols: Vec::new(),
            settings: Settings::default(),
            node_dialer: None,
            sources: Vec::new(),
            #[cfg(feature = "nat")]
            terms: crate::nat::Terms::default(),
        }
    }

    /// Sets all that can be kept in a file at once.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Opens the streams to other nodes in this way.
    #[must_use]
    pub fn node_dialer(mut self, dialer: NodeDialer) -> Self {
        self.node_dialer = Some(dialer);
        self
    }

    /// Dials nodes from this source, too, which `open` makes when the server starts; see
    /// [`Server::add_candidates`](crate::Server::add_candidates).
    #[must_use]
    pub fn candidates<Found>(mut self, open: impl Fn() -> Found + Send + Sync + 'static) -> Self
    where
        Found: Stream<Item = Enode> + Send + 'static,
    {
        self.sources.push(Source::new(open));
        self
    }

    /// Sets what the node calls itself.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Adds an address to listen on: a `SocketAddr`, or text such as `"0.0.0.0:30303"`,
    /// `"[::]:30303"`, `":30303"`. It is read when the server starts, so a bad one is an error
    /// there.
    #[must_use]
    pub fn listen(mut self, addr: impl fmt::Display) -> Self {
        self.settings.listen.push(addr.to_string());
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

    /// Sets [`Limits::max_peers`](crate::Limits::max_peers).
    #[must_use]
    pub fn max_peers(mut self, peers: usize) -> Self {
        self.settings.limits.max_peers = peers;
        self
    }

    /// Sets [`Limits::max_pending`](crate::Limits::max_pending).
    #[must_use]
    pub fn max_pending(mut self, handshakes: usize) -> Self {
        self.settings.limits.max_pending = handshakes;
        self
    }

    /// Sets [`Limits::dial_ratio`](crate::Limits::dial_ratio).
    #[must_use]
    pub fn dial_ratio(mut self, ratio: usize) -> Self {
        self.settings.limits.dial_ratio = ratio;
        self
    }

    /// Adds a static node.
    #[must_use]
    pub fn static_node(mut self, enode: Enode) -> Self {
        self.settings.nodes.statics.push(enode);
        self
    }

    /// Adds a trusted node.
    #[must_use]
    pub fn trusted_node(mut self, enode: Enode) -> Self {
        self.settings.nodes.trusted.push(enode);
        self
    }

    /// Adds a boot node.
    #[must_use]
    pub fn boot_node(mut self, enode: Enode) -> Self {
        self.settings.nodes.boot.push(enode);
        self
    }

    /// Sets [`Dialling::enabled`](crate::Dialling::enabled).
    #[must_use]
    pub fn dial(mut self, enabled: bool) -> Self {
        self.settings.dialling.enabled = enabled;
        self
    }

    /// Sets [`Dialling::discover`](crate::Dialling::discover).
    #[must_use]
    pub fn discover(mut self, discover: bool) -> Self {
        self.settings.dialling.discover = discover;
        self
    }

    /// Sets [`Dialling::max_active`](crate::Dialling::max_active).
    #[must_use]
    pub fn max_active_dials(mut self, attempts: usize) -> Self {
        self.settings.dialling.max_active = Some(attempts);
        self
    }

    /// Sets [`Dialling::timeout`](crate::Dialling::timeout).
    #[must_use]
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.settings.dialling.timeout = timeout;
        self
    }

    /// Sets [`Dialling::again`](crate::Dialling::again).
    #[must_use]
    pub fn dial_again(mut self, after: Duration) -> Self {
        self.settings.dialling.again = after;
        self
    }

    /// Sets [`Dialling::proxy`](crate::Dialling::proxy).
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.dialling.proxy = Some(proxy);
        self
    }

    /// Sets [`Dialling::backoff`](crate::Dialling::backoff).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.dialling.backoff = backoff;
        self
    }

    /// Finds nodes, and can be found.
    #[cfg(feature = "discovery")]
    #[must_use]
    pub fn discovery(mut self, discovery: DiscoveryConfig) -> Self {
        self.settings.discovery = Some(discovery);
        self
    }

    /// Talks only to addresses in these networks.
    #[must_use]
    pub fn net_restrict(mut self, networks: NetRestrict) -> Self {
        self.settings.net_restrict = Some(networks);
        self
    }

    /// Sets what those may do who dial us.
    #[must_use]
    pub fn inbound(mut self, inbound: Inbound) -> Self {
        self.settings.inbound = inbound;
        self
    }

    /// Adds a node to the only ones that may be peers.
    #[must_use]
    pub fn allow(mut self, id: NodeId) -> Self {
        self.settings.allow.get_or_insert_default().push(id);
        self
    }

    /// Bans a node or a network for ever.
    #[must_use]
    pub fn ban(mut self, banned: Banned) -> Self {
        self.settings.bans.push(banned);
        self
    }

    /// Sets where the external address comes from.
    #[must_use]
    pub fn nat(mut self, nat: Nat) -> Self {
        self.settings.nat = nat;
        self
    }

    /// Sets the settings of each connection.
    #[must_use]
    pub fn connection(mut self, connection: p2p_mux::Config) -> Self {
        self.settings.connection = connection;
        self
    }

    /// Sets the most that all connections together may hold, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.settings.memory = bytes;
        self
    }

    /// Sets how many bytes of each connection wait in the operating system to be read.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: Option<usize>) -> Self {
        self.settings.receive_buffer = bytes;
        self
    }

    /// Sets how many events are kept for a subscriber that falls behind.
    #[must_use]
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.settings.events.buffer = events;
        self
    }

    /// Sets whether there is an event for each message
    /// ([`EventSettings::messages`](crate::EventSettings::messages)).
    #[must_use]
    pub fn message_events(mut self, messages: bool) -> Self {
        self.settings.events.messages = messages;
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("id", &self.key.id())
            .field("settings", &self.settings)
            .field("node_dialer", &self.node_dialer)
            .finish_non_exhaustive()
    }
}
