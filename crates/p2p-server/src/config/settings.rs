//! The settings of a server: the part of its configuration that can be kept in a file. The key, the
//! sub-protocols and the hooks are not part of it.

use std::time::Duration;

use p2p_mux::identity::{Enode, NodeId, OwnNetworks};

use super::ReceiveBuffer;
use crate::{
    access::{Access, BanTarget, Bans, InboundSettings, LinkSettings, NetRestrict},
    dial::{Backoff, Dialer},
    nat::Nat,
    proxy::Proxy,
    slots::Limits,
};

/// The settings of a server. The defaults are those of go-ethereum where it has them: the node does not
/// listen and knows no other node.
///
/// With the feature `serde` they can be kept in a file: a missing field has its default, an unknown field
/// is an error, and durations are written like `1m 30s`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct ServerSettings {
    /// The client name in the node's Hello. Default: the name and version of this crate, and the platform.
    pub name: String,
    /// Addresses to listen on, in the form `IP:port` or `name:port`; port 0 takes a free one. `:port`
    /// means all IPv4 and IPv6 addresses. So does `[::]:port`, unless an IPv4 address with the same port
    /// is listed too; then it means all IPv6 addresses. The node announces the first address. Default:
    /// none.
    pub listen: Vec<String>,
    /// The nodes known from the start. Default: none.
    pub nodes: NodeSettings,
    /// Maximum numbers of peers and handshakes.
    pub limits: Limits,
    /// How other nodes are dialed.
    pub dialing: DialSettings,
    /// How nodes are found. Default: not at all; only listed nodes are dialed. No effect unless
    /// [`DialSettings::discover`] is on.
    #[cfg(feature = "discovery")]
    pub discovery: Option<super::DiscoverySettings>,
    /// The networks of the operator, besides the private ones: the limits of connections of one address and
    /// of nodes of one subnet do not apply to them. Default: none.
    pub own_networks: OwnNetworks,
    /// The limits of inbound connections.
    pub inbound: InboundSettings,
    /// Which nodes and addresses may be peers. Default: all.
    pub access: AccessSettings,
    /// Where the external address comes from. Default: [`Nat::None`].
    pub nat: Nat,
    /// The connections, and their memory.
    pub connection: ConnectionSettings,
    /// The events for subscribers.
    pub events: EventSettings,
}

/// The nodes that a server knows from the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct NodeSettings {
    /// Static nodes: dialed without end, and admitted beyond [`Limits::max_peers`].
    pub statics: Vec<Enode>,
    /// Trusted nodes: admitted beyond [`Limits::max_peers`], not dialed.
    pub trusted: Vec<Enode>,
    /// Boot nodes: dialed while the node has no peer at all, unless [`DialSettings::discover`] is off.
    pub boot: Vec<Enode>,
}

/// Which nodes and addresses may be peers. These rules apply to static and trusted nodes too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct AccessSettings {
    /// The only networks to talk to. Default: all.
    pub net_restrict: Option<NetRestrict>,
    /// The only nodes that may be peers. Default: all.
    pub allow: Option<Vec<NodeId>>,
    /// Nodes and networks that are banned without an end. Default: none.
    pub bans: Vec<BanTarget>,
}

/// How a server dials other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct DialSettings {
    /// Whether to dial at all. Default true (geth's `NoDial` is false).
    pub enabled: bool,
    /// Whether the node looks for peers by itself: dials its boot nodes, and runs discovery if that is
    /// configured. If off, it dials only static nodes and reserves no slots for found ones. Default true
    /// (geth's `NoDiscovery` is false).
    pub discover: bool,
    /// Maximum number of concurrent attempts, at least 1; half of them may be for found nodes. Default
    /// `None`: [`Limits::max_pending`], as in go-ethereum.
    pub max_active: Option<usize>,
    /// Time limit for resolving the host name, and time limit for opening the TCP connection. The second
    /// is divided among the addresses of the node. Default 15 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub timeout: Duration,
    /// The delays between attempts to reach the same static or boot node.
    pub backoff: Backoff,
    /// For how long a found node is not dialed again after an attempt or a lost connection. Default 35 s,
    /// as in go-ethereum, which refuses a second connection from one address within 30 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub found_cooldown: Duration,
    /// The proxy for all outbound connections, unless there is a [`NodeDialer`](crate::NodeDialer).
    /// Default: none.
    pub proxy: Option<Proxy>,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            discover: true,
            max_active: None,
            timeout: Duration::from_secs(15),
            backoff: Backoff::default(),
            found_cooldown: Dialer::DEFAULT_FOUND_COOLDOWN,
            proxy: None,
        }
    }
}

/// The connections of a server, and the memory that they may use.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct ConnectionSettings {
    /// The configuration of each connection.
    pub config: p2p_mux::Config,
    /// Memory budget of all connections together, in bytes: messages, buffers and the overhead of the
    /// allocator. See [`MemoryBudget::resident`](p2p_mux::MemoryBudget::resident) for what happens when it is used up.
    /// Handshakes in progress are not counted: they are few ([`Limits::max_pending`]) and small. Default
    /// 256 MiB; less than 128 KiB for each peer is too little.
    pub memory: usize,
    /// Receive buffer of each connection in the operating system. It bounds how long a small message
    /// waits behind earlier ones, and also the throughput from a distant peer: one buffer per round
    /// trip. Default [`ReceiveBuffer::Automatic`].
    pub receive_buffer: ReceiveBuffer,
    /// How connections are encrypted.
    pub links: LinkSettings,
}

impl ConnectionSettings {
    /// The default of [`ConnectionSettings::memory`]: enough for 50 peers, some of them with a large
    /// message in each direction.
    pub const DEFAULT_MEMORY: usize = 256 << 20;
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            config: p2p_mux::Config::default(),
            memory: Self::DEFAULT_MEMORY,
            receive_buffer: ReceiveBuffer::default(),
            links: LinkSettings::default(),
        }
    }
}

/// The events of a server for its subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct EventSettings {
    /// Number of events kept for a slow subscriber, at least 1; the same for messages if they are on.
    /// Default 1024.
    pub buffer: usize,
    /// Whether there is an event for each message of a sub-protocol
    /// ([`Server::messages`](crate::Server::messages)), at some cost for each message. Default false
    /// (geth's `EnableMsgEvents`).
    pub messages: bool,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { buffer: 1024, messages: false }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            name: default_name(),
            listen: Vec::new(),
            nodes: NodeSettings::default(),
            limits: Limits::default(),
            dialing: DialSettings::default(),
            #[cfg(feature = "discovery")]
            discovery: None,
            own_networks: OwnNetworks::default(),
            inbound: InboundSettings::default(),
            access: AccessSettings::default(),
            nat: Nat::None,
            connection: ConnectionSettings::default(),
            events: EventSettings::default(),
        }
    }
}

impl AccessSettings {
    /// The access rules at the start.
    pub(crate) fn rules(&self) -> Access {
        let mut bans = Bans::new();
        self.bans.iter().for_each(|target| bans.ban(*target, None));
        let nodes = self.allow.as_ref().map(|ids| ids.iter().copied().collect());
        Access { networks: self.net_restrict.clone(), nodes, bans }
    }
}

impl ServerSettings {
    /// Whether the node looks for peers by itself.
    pub(crate) fn finds_peers(&self) -> bool {
        let has_source = !self.nodes.boot.is_empty() || self.discovers();
        self.dialing.enabled && self.dialing.discover && has_source
    }

    /// Whether discovery runs.
    #[cfg(feature = "discovery")]
    pub(crate) fn discovers(&self) -> bool {
        self.dialing.discover && self.discovery.is_some()
    }

    /// Whether discovery runs.
    #[cfg(not(feature = "discovery"))]
    pub(crate) const fn discovers(&self) -> bool {
        false
    }

    /// Maximum number of concurrent attempts; 0 if the node does not dial.
    pub(crate) fn max_active(&self) -> usize {
        let max = self.dialing.max_active.unwrap_or(self.limits.max_pending).max(1);
        if self.dialing.enabled { max } else { 0 }
    }
}

fn default_name() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("p2p-server/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"))
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use p2p_mux::transport::SecPolicy;
    use serde_json::{Value, from_value, json, to_value};

    use super::*;
    #[cfg(all(feature = "discv5", feature = "dns", feature = "store"))]
    use crate::config::DiscoverySettings;

    #[test]
    fn defaults_can_be_written_and_read_and_an_empty_file_means_defaults() {
        let written = to_value(ServerSettings::default()).unwrap();
        assert_eq!(from_value::<ServerSettings>(written).unwrap(), ServerSettings::default());
        assert_eq!(from_value::<ServerSettings>(json!({})).unwrap(), ServerSettings::default());
    }

    #[test]
    fn every_part_can_be_read_from_a_file() {
        let id = p2p_mux::identity::SecretKey::from_bytes(&[1; 32]).unwrap().id();
        let url = format!("enode://{id}@db-0.db.svc:30303");
        let read: ServerSettings = from_value(json!({
            "listen": ["0.0.0.0:30303", "[::]:30303"],
            "nodes": { "statics": [url] },
            "limits": { "max_peers": 7 },
            "dialing": { "proxy": "socks5://a:b@[::1]:9", "timeout": "2s", "backoff": { "cap": "1m 30s" } },
            "own_networks": "44.10.20.0/24",
            "inbound": { "throttle": "1m", "max_pending_per_ip": 5 },
            "access": {
                "net_restrict": "10.0.0.0/8,fd00::/8",
                "allow": [id],
                "bans": [id, "10.9.0.0/16"],
            },
            "nat": "extip:203.0.113.7",
            "connection": {
                "config": { "stall_limit": "250ms" },
                "links": { "sec": "require", "nodes": { id.to_string(): "off" } },
            },
        }))
        .unwrap();
        assert_eq!(read.nodes.statics[0].to_string(), url);
        assert_eq!((read.limits.max_peers, read.limits.dial_ratio), (7, 3));
        assert_eq!(read.dialing.timeout, Duration::from_secs(2));
        assert!(read.own_networks.contains([44, 10, 20, 1].into()));
        assert_eq!(read.inbound.throttle, Some(Duration::from_secs(60)));
        assert_eq!(
            (read.access.allow.as_deref(), read.access.bans[0]),
            (Some(&[id][..]), BanTarget::Node(id))
        );
        assert_eq!(read.dialing.backoff.cap, Duration::from_secs(90));
        assert_eq!(read.connection.config.stall_limit, Duration::from_millis(250));
        let links = &read.connection.links;
        assert_eq!((links.sec, links.nodes[&id]), (SecPolicy::Require, SecPolicy::Off));
        assert_eq!(read.nat.to_string(), "extip:203.0.113.7");
        assert_eq!(from_value::<ServerSettings>(to_value(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn an_unknown_field_is_an_error_at_every_level() {
        let refused = |value: Value| from_value::<ServerSettings>(value).unwrap_err().to_string();
        for value in [
            json!({ "max_peers": 1 }),
            json!({ "nodes": { "static": [] } }),
            json!({ "limits": { "maxpeers": 1 } }),
            json!({ "dialing": { "proxy_": "" } }),
            json!({ "dialing": { "backoff": { "max": "1s" } } }),
            json!({ "connection": { "ping": "1s" } }),
        ] {
            assert!(refused(value.clone()).starts_with("unknown field"), "{value}");
        }
        assert!(refused(json!({ "nat": "stun" })).contains("unknown NAT mechanism"));
        assert!(refused(json!({ "access": { "net_restrict": "10.0.0.1/33" } })).contains("CIDR"));
        assert!(refused(json!({ "dialing": { "timeout": 15 } })).contains("duration"));
    }

    #[cfg(all(feature = "discv5", feature = "dns", feature = "store"))]
    #[test]
    fn discovery_settings_can_be_written_and_read() {
        let settings = ServerSettings {
            discovery: Some(DiscoverySettings::default()),
            ..ServerSettings::default()
        };
        let written = to_value(&settings).unwrap();
        assert_eq!(from_value::<ServerSettings>(written).unwrap(), settings);
        let list =
            "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@nodes.example.org";
        let read: DiscoverySettings = from_value(json!({
            "config": { "network": 7, "reply_timeout": "1s", "limits": { "burst": 9 } },
            "lists": [list],
            "reading": { "root_interval": "1h" },
            "servers": { "at": ["127.0.0.1:53"] },
            "store": "/var/lib/node/nodes",
        }))
        .unwrap();
        assert_eq!((read.lists[0].to_string().as_str(), read.config.limits.burst), (list, 9));
        assert_eq!(from_value::<DiscoverySettings>(to_value(&read).unwrap()).unwrap(), read);
        let unknown = from_value::<DiscoverySettings>(json!({ "v6": true })).unwrap_err();
        assert!(unknown.to_string().starts_with("unknown field"));
    }
}
