//! What an operator can write down: all of a server's configuration but its key, its sub-protocols and
//! its hooks.

use std::time::Duration;

use p2p_mux::identity::{Enode, NodeId};

#[cfg(feature = "discovery")]
use crate::discovery::DiscoveryConfig;
use crate::{
    access::Access,
    access::ban::{Banned, Bans},
    access::net_restrict::NetRestrict,
    access::throttle::Inbound,
    dial::{AGAIN, Backoff},
    nat::Nat,
    proxy::Proxy,
    slots::Limits,
    tasks::socket::RECEIVE_BUFFER,
};

/// The settings of a server. The defaults are those of go-ethereum where it has them: a node with
/// these neither listens nor knows anyone.
///
/// With the feature `serde` they can be kept in a file: a field that is not given has its default, one
/// that is not known is an error, and a duration reads `1m 30s`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Settings {
    /// What the node calls itself in its Hello. Default: this crate, its version and the platform.
    pub name: String,
    /// Where to listen, any number of addresses, in the text form `IP:port` or `name:port`; port 0
    /// takes a free one. `:port` is all addresses of IPv4 and IPv6, and so is `[::]:port`, unless
    /// an IPv4 address with that port is listed, too: then it is those of IPv6. The first one is what
    /// the node says of itself. Default: nowhere.
    pub listen: Vec<String>,
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
    /// What those may do who dial us.
    pub inbound: Inbound,
    /// The only networks to talk to. Default: no restriction.
    pub net_restrict: Option<NetRestrict>,
    /// The only nodes that may be peers, static and trusted ones included. Default: all.
    pub allow: Option<Vec<NodeId>>,
    /// Who may never be a peer, static and trusted nodes included. Default: nobody.
    pub bans: Vec<Banned>,
    /// Where the external address comes from. Default: [`Nat::None`].
    pub nat: Nat,
    /// The settings of each connection.
    pub connection: p2p_mux::Config,
    /// The most that all connections together may make the node hold in messages and buffers, in
    /// bytes, with what the allocator needs for it ([`Memory::resident`](p2p_mux::MemoryBudget)); there it
    /// is also said what happens when that is not enough. Handshakes in progress are
    /// not counted, there are few ([`Limits::max_pending`]) and they are small. Default 256 MiB;
    /// less than 128 KiB for each peer is too little.
    pub memory: usize,
    /// How many bytes of each connection wait in the operating system to be read; `None` leaves it
    /// to the system. It bounds how long a small message waits behind what the peer sent before, and
    /// also what a peer far away can send: so many bytes in the time of a round trip. Default
    /// [`RECEIVE_BUFFER`](crate::RECEIVE_BUFFER), 128 KiB, 1.3 MB/s at 100 ms.
    pub receive_buffer: Option<usize>,
    /// What subscribers are told.
    pub events: EventSettings,
}

/// What a server tells those who subscribe to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct EventSettings {
    /// Events kept for a subscriber that falls behind, at least 1; as many messages where they are
    /// on. Default 1024.
    pub buffer: usize,
    /// Whether there is an event for each message of a sub-protocol
    /// ([`Server::messages`](crate::Server::messages)), which costs every message some time. Default
    /// false (geth's `EnableMsgEvents`).
    pub messages: bool,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { buffer: 1024, messages: false }
    }
}

/// The nodes a server knows from the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
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
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Dialling {
    /// Whether to dial at all. Default true (geth's `NoDial` is false).
    pub enabled: bool,
    /// Whether the node looks for peers by itself: whether it dials its boot nodes, and takes part in
    /// discovery where that is configured. Off, it dials only static nodes and keeps no places free
    /// for peers it would find. Default true (geth's `--nodiscover` turns it off).
    pub discover: bool,
    /// The most attempts at a time, at least 1; of these, found nodes get half. Default: as many as
    /// [`Limits::max_pending`], as in go-ethereum.
    pub max_active: Option<usize>,
    /// The longest that resolving the name may take, and the longest that opening the TCP connection
    /// may take, of which each of the node's addresses gets its share. Default 15 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub timeout: Duration,
    /// The waits between attempts at the same static or boot node.
    pub backoff: Backoff,
    /// How long a found node that was tried, or has left, is not dialled again. Default 35 s, as in
    /// go-ethereum: it refuses a second connection from one address within 30 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub again: Duration,
    /// The proxy that every outbound connection goes through, unless there is a
    /// [`NodeDialer`](crate::NodeDialer). Default: none.
    pub proxy: Option<Proxy>,
}

impl Default for Dialling {
    fn default() -> Self {
        Self {
            enabled: true,
            discover: true,
            max_active: None,
            timeout: Duration::from_secs(15),
            backoff: Backoff::default(),
            again: AGAIN,
            proxy: None,
        }
    }
}

/// Room for 50 peers of which some have a large message under way in each direction.
const DEFAULT_MEMORY: usize = 256 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: default_name(),
            listen: Vec::new(),
            nodes: Nodes::default(),
            limits: Limits::default(),
            dialling: Dialling::default(),
            #[cfg(feature = "discovery")]
            discovery: None,
            inbound: Inbound::default(),
            net_restrict: None,
            allow: None,
            bans: Vec::new(),
            nat: Nat::None,
            connection: p2p_mux::Config::default(),
            memory: DEFAULT_MEMORY,
            receive_buffer: Some(RECEIVE_BUFFER),
            events: EventSettings::default(),
        }
    }
}

impl Settings {
    /// The rules at the start.
    pub(crate) fn access(&self) -> Access {
        let mut bans = Bans::new();
        self.bans.iter().for_each(|banned| bans.ban(*banned, None));
        let nodes = self.allow.as_ref().map(|ids| ids.iter().copied().collect());
        Access { networks: self.net_restrict.clone(), nodes, bans }
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

    /// How many attempts may run at a time; 0 where none may.
    pub(crate) fn max_active(&self) -> usize {
        let most = self.dialling.max_active.unwrap_or(self.limits.max_pending).max(1);
        if self.dialling.enabled { most } else { 0 }
    }
}

fn default_name() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("p2p-server/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"))
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    #[test]
    fn the_defaults_come_back_from_a_file_and_an_empty_one_is_the_defaults() {
        let written = to_value(Settings::default()).unwrap();
        assert_eq!(from_value::<Settings>(written).unwrap(), Settings::default());
        assert_eq!(from_value::<Settings>(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn what_an_operator_writes_is_what_is_set() {
        let id = p2p_mux::identity::SecretKey::from_bytes(&[1; 32]).unwrap().id();
        let url = format!("enode://{id}@db-0.db.svc:30303");
        let read: Settings = from_value(json!({
            "listen": ["0.0.0.0:30303", "[::]:30303"],
            "nodes": { "statics": [url] },
            "limits": { "max_peers": 7 },
            "dialling": { "proxy": "socks5://a:b@[::1]:9", "timeout": "2s", "backoff": { "cap": "1m 30s" } },
            "inbound": { "throttle": "1m", "max_pending_per_ip": 5 },
            "net_restrict": "10.0.0.0/8,fd00::/8",
            "allow": [id],
            "bans": [id, "10.9.0.0/16"],
            "nat": "extip:203.0.113.7",
            "connection": { "stall_limit": "250ms" },
        }))
        .unwrap();
        assert_eq!(read.nodes.statics[0].to_string(), url);
        assert_eq!((read.limits.max_peers, read.limits.dial_ratio), (7, 3));
        assert_eq!(read.dialling.timeout, Duration::from_secs(2));
        assert_eq!(read.inbound.throttle, Some(Duration::from_secs(60)));
        assert_eq!((read.allow.as_deref(), read.bans[0]), (Some(&[id][..]), Banned::Node(id)));
        assert_eq!(read.dialling.backoff.cap, Duration::from_secs(90));
        assert_eq!(read.connection.stall_limit, Duration::from_millis(250));
        assert_eq!(read.nat.to_string(), "extip:203.0.113.7");
        assert_eq!(from_value::<Settings>(to_value(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn a_word_that_means_nothing_is_an_error_wherever_it_stands() {
        let refused = |value: Value| from_value::<Settings>(value).unwrap_err().to_string();
        for value in [
            json!({ "max_peers": 1 }),
            json!({ "nodes": { "static": [] } }),
            json!({ "limits": { "maxpeers": 1 } }),
            json!({ "dialling": { "proxy_": "" } }),
            json!({ "dialling": { "backoff": { "max": "1s" } } }),
            json!({ "connection": { "ping": "1s" } }),
        ] {
            assert!(refused(value.clone()).starts_with("unknown field"), "{value}");
        }
        assert!(refused(json!({ "nat": "stun" })).contains("unknown NAT mechanism"));
        assert!(refused(json!({ "net_restrict": "10.0.0.1/33" })).contains("CIDR"));
        assert!(refused(json!({ "dialling": { "timeout": 15 } })).contains("duration"));
    }

    #[cfg(all(feature = "discv5", feature = "dns", feature = "store"))]
    #[test]
    fn so_do_those_of_discovery() {
        let settings =
            Settings { discovery: Some(DiscoveryConfig::default()), ..Settings::default() };
        let written = to_value(&settings).unwrap();
        assert_eq!(from_value::<Settings>(written).unwrap(), settings);
        let list =
            "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@nodes.example.org";
        let read: DiscoveryConfig = from_value(json!({
            "config": { "network": 7, "reply_timeout": "1s", "limits": { "burst": 9 } },
            "lists": [list],
            "reading": { "root_interval": "1h" },
            "servers": { "at": ["127.0.0.1:53"] },
            "store": "/var/lib/node/nodes",
        }))
        .unwrap();
        assert_eq!((read.lists[0].to_string().as_str(), read.config.limits.burst), (list, 9));
        assert_eq!(from_value::<DiscoveryConfig>(to_value(&read).unwrap()).unwrap(), read);
        let unknown = from_value::<DiscoveryConfig>(json!({ "v6": true })).unwrap_err();
        assert!(unknown.to_string().starts_with("unknown field"));
    }
}
