//! The configuration of a server.

#[cfg(feature = "discovery")]
mod discovery;
mod node_dialer;
mod node_source;
mod receive_buffer;
mod settings;
#[cfg(feature = "serde")]
mod text;

use std::{fmt, sync::Arc, time::Duration};

use futures_core::Stream;
use p2p_mux::{
    Protocol,
    identity::{Enode, NodeId, OwnNetworks, SecretKey},
    transport::SecPolicy,
};
use p2p_world::{SystemWorld, World};

#[cfg(feature = "discovery")]
pub use self::discovery::DiscoverySettings;
pub(crate) use self::node_dialer::Io;
pub use self::{
    node_dialer::NodeDialer,
    node_source::NodeSource,
    receive_buffer::ReceiveBuffer,
    settings::{
        AccessSettings, ConnectionSettings, DialSettings, EventSettings, NodeSettings,
        ServerSettings,
    },
};
use crate::{
    access::{BanTarget, InboundSettings, NetRestrict},
    dial::Backoff,
    nat::Nat,
    proxy::Proxy,
};

/// The whole configuration of a server. Made by [`Config::new`] and changed by its setters, which take
/// and return it, or through its public fields. The defaults are those of go-ethereum where it has them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The node's key: its identity.
    pub key: SecretKey,
    /// The sub-protocols to run. Default: none; every peer is then refused as useless.
    pub protocols: Vec<Protocol>,
    /// The part that can be kept in a file.
    pub settings: ServerSettings,
    /// The machine to run on. Default: that of the operating system. A simulation gives another one.
    pub world: Arc<dyn World>,
    /// Opens the streams to other nodes. Default: TCP.
    pub node_dialer: Option<NodeDialer>,
    /// Sources of found nodes besides discovery. Default: none.
    pub sources: Vec<NodeSource>,
    /// How gateways are asked for mappings; changed by tests only.
    #[cfg(feature = "nat")]
    pub(crate) gateway: crate::nat::GatewaySettings,
}

impl Config {
    /// A node with this key and all defaults: it does not listen and knows no other node.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self {
            key,
            protocols: Vec::new(),
            settings: ServerSettings::default(),
            world: SystemWorld::shared(),
            node_dialer: None,
            sources: Vec::new(),
            #[cfg(feature = "nat")]
            gateway: crate::nat::GatewaySettings::default(),
        }
    }

    /// Sets everything that can be kept in a file.
    #[must_use]
    pub fn settings(mut self, settings: ServerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the machine to run on.
    #[must_use]
    pub fn world(mut self, world: Arc<dyn World>) -> Self {
        self.world = world;
        self
    }

    /// Sets what opens the streams to other nodes.
    #[must_use]
    pub fn node_dialer(mut self, dialer: NodeDialer) -> Self {
        self.node_dialer = Some(dialer);
        self
    }

    /// Adds a source of found nodes, which `open` makes when the server starts; see
    /// [`Server::add_candidates`](crate::Server::add_candidates).
    #[must_use]
    pub fn candidates<Found>(mut self, open: impl Fn() -> Found + Send + Sync + 'static) -> Self
    where
        Found: Stream<Item = Enode> + Send + 'static,
    {
        self.sources.push(NodeSource::new(open));
        self
    }

    /// Sets the client name that the node sends in its Hello.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Adds an address to listen on: a `SocketAddr`, or a text such as `"0.0.0.0:30303"`,
    /// `"[::]:30303"` or `":30303"`. It is parsed when the server starts; a bad one is a start error.
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

    /// Sets [`DialSettings::enabled`].
    #[must_use]
    pub fn dial(mut self, enabled: bool) -> Self {
        self.settings.dialing.enabled = enabled;
        self
    }

    /// Sets [`DialSettings::discover`].
    #[must_use]
    pub fn discover(mut self, discover: bool) -> Self {
        self.settings.dialing.discover = discover;
        self
    }

    /// Sets [`DialSettings::max_active`].
    #[must_use]
    pub fn max_active_dials(mut self, attempts: usize) -> Self {
        self.settings.dialing.max_active = Some(attempts);
        self
    }

    /// Sets [`DialSettings::timeout`].
    #[must_use]
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.settings.dialing.timeout = timeout;
        self
    }

    /// Sets [`DialSettings::found_cooldown`].
    #[must_use]
    pub fn found_cooldown(mut self, cooldown: Duration) -> Self {
        self.settings.dialing.found_cooldown = cooldown;
        self
    }

    /// Sets [`DialSettings::proxy`].
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.dialing.proxy = Some(proxy);
        self
    }

    /// Sets [`DialSettings::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.dialing.backoff = backoff;
        self
    }

    /// Turns discovery on, with these settings.
    #[cfg(feature = "discovery")]
    #[must_use]
    pub fn discovery(mut self, discovery: DiscoverySettings) -> Self {
        self.settings.discovery = Some(discovery);
        self
    }

    /// Sets the only networks to talk to.
    #[must_use]
    pub fn net_restrict(mut self, networks: NetRestrict) -> Self {
        self.settings.access.net_restrict = Some(networks);
        self
    }

    /// Sets the networks of the operator, besides the private ones.
    #[must_use]
    pub fn own_networks(mut self, networks: OwnNetworks) -> Self {
        self.settings.own_networks = networks;
        self
    }

    /// Sets the limits of inbound connections.
    #[must_use]
    pub fn inbound(mut self, inbound: InboundSettings) -> Self {
        self.settings.inbound = inbound;
        self
    }

    /// Adds a node to the list of allowed nodes; with such a list, no other node may be a peer.
    #[must_use]
    pub fn allow(mut self, id: NodeId) -> Self {
        self.settings.access.allow.get_or_insert_default().push(id);
        self
    }

    /// Bans a node or a network, without an end.
    #[must_use]
    pub fn ban(mut self, target: BanTarget) -> Self {
        self.settings.access.bans.push(target);
        self
    }

    /// Sets where the external address comes from.
    #[must_use]
    pub fn nat(mut self, nat: Nat) -> Self {
        self.settings.nat = nat;
        self
    }

    /// Sets the configuration of each connection.
    #[must_use]
    pub fn connection(mut self, connection: p2p_mux::Config) -> Self {
        self.settings.connection.config = connection;
        self
    }

    /// Sets the memory budget of all connections together, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.settings.connection.memory = bytes;
        self
    }

    /// Sets the receive buffer of each connection in the operating system.
    #[must_use]
    pub fn receive_buffer(mut self, buffer: ReceiveBuffer) -> Self {
        self.settings.connection.receive_buffer = buffer;
        self
    }

    /// Sets when to use `sec/1`.
    #[must_use]
    pub fn sec(mut self, policy: SecPolicy) -> Self {
        self.settings.connection.links.sec = policy;
        self
    }

    /// Sets when to use `sec/1` with this node, in both directions, whatever [`Config::sec`] says.
    #[must_use]
    pub fn sec_with(mut self, id: NodeId, policy: SecPolicy) -> Self {
        self.settings.connection.links.nodes.insert(id, policy);
        self
    }

    /// Sets the number of events that are kept for a slow subscriber.
    #[must_use]
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.settings.events.buffer = events;
        self
    }

    /// Sets [`EventSettings::messages`].
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
