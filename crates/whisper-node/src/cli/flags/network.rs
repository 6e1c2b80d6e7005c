//! The flags about the network and the peers.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr as _;

use clap::{ArgAction, Args};
use p2p_identity::{Enode, OwnNetworks, Record};
use p2p_server::p2p_discovery::dns::Link;
use p2p_server::{Nat, NetRestrict, Proxy, ProxyUrlError, ServerSettings};

use super::key::KeyFlags;
use super::list::{List, list};
use super::node_url::{boot_node, static_node};
use super::peer_access::PeerAccessFlags;

/// Identity, addresses, limits, and how other nodes are found.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkFlags {
    /// TCP port for peers; 0: any free port
    #[arg(long, value_name = "PORT", default_value_t = 30303)]
    pub(crate) port: u16,

    /// Addresses to listen on for peers, IPv4 or IPv6, comma-separated. Discovery uses the first one
    #[arg(long, value_name = "IP", value_parser = list(IpAddr::from_str), default_value = "0.0.0.0")]
    pub(crate) addr: Vec<List<IpAddr>>,

    #[command(flatten)]
    pub(crate) key: KeyFlags,

    /// A word that is added to the node's name, which peers see
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Option<String>,

    /// Maximum number of peers
    #[arg(long, value_name = "N", default_value_t = ServerSettings::default().limits.max_peers)]
    pub(crate) maxpeers: usize,

    /// Maximum number of unfinished handshakes
    #[arg(long, value_name = "N", default_value_t = ServerSettings::default().limits.max_pending)]
    pub(crate) maxpendpeers: usize,

    /// Maximum memory for messages and buffers of all peers together, in megabytes. If it is reached,
    /// the peer that uses the most is disconnected
    #[arg(long, value_name = "MB", default_value_t = default_memory(), value_parser = clap::value_parser!(u32).range(1..))]
    memory: u32,

    /// Also report each message to subscribers of peerEvents. This takes time for every message
    #[arg(long)]
    pub(crate) msgevents: bool,

    /// External address and port mapping: none | extip:IP | any | upnp | pmp[:IP]
    ///
    /// none: the address that the node listens on, or the one that peers see. extip: this address; the
    /// ports are forwarded already. any, upnp, pmp: the node asks the router of the local network to
    /// forward the ports, by UPnP, by NAT-PMP or PCP (IP: the router; default: the default gateway),
    /// or by whichever answers first. Behind a home router, use --nat any. The mappings are removed
    /// when the node stops.
    #[arg(long, value_name = "NAT", default_value_t = ServerSettings::default().nat, verbatim_doc_comment)]
    pub(crate) nat: Nat,

    /// SOCKS5 proxy for all connections to peers, socks5://[user:password@]host:port. It also resolves
    /// names. Discovery does not use it: see --nodiscover
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(crate) proxy: Option<ProxyFlag>,

    /// Talk only to these networks, comma-separated CIDR masks
    #[arg(long, value_name = "CIDR")]
    pub(crate) netrestrict: Option<NetRestrict>,

    /// Networks of your own besides the private ones, comma-separated CIDR masks or addresses. The limits on
    /// connections of one address (--throttle) and on nodes of one subnet do not apply to them
    ///
    /// Private networks are 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16,
    /// fc00::/7, fe80::/10 and this machine. In a network with a number (--networkid), the limit on nodes of
    /// one subnet does not apply to nodes with a signed record of this number.
    #[arg(long, value_name = "CIDR", default_value = "", hide_default_value = true)]
    pub(crate) ownnets: OwnNetworks,

    /// Do not search for peers and do not answer discovery. Only --staticnodes and admin_addPeer add peers
    #[arg(long)]
    pub(crate) nodiscover: bool,

    #[command(flatten)]
    pub(crate) discovery: DiscoveryFlags,

    #[command(flatten)]
    pub(crate) access: PeerAccessFlags,
}

/// How other nodes are found.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct DiscoveryFlags {
    /// Take part in discovery over UDP, discv4 (--discovery.v4=false turns it off)
    #[arg(long = "discovery.v4", alias = "v4disc", value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery_v4: bool,

    /// UDP port for discovery [default: the same as --port]
    #[arg(long = "discovery.port", value_name = "PORT")]
    pub(crate) discovery_port: Option<u16>,

    /// Take part in discv5 too, over a UDP port of its own. Its record is logged at the start
    #[arg(long = "discovery.v5", alias = "v5disc", value_name = "BOOL", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery_v5: bool,

    /// UDP port for discv5 [default: the one after the port for discovery]
    #[arg(long = "discovery.v5port", value_name = "PORT")]
    pub(crate) discovery_v5_port: Option<u16>,

    /// Boot nodes of discv5, comma-separated records (enr:)
    #[arg(long, value_name = "ENR", value_parser = list(Record::from_str))]
    pub(crate) bootnodesv5: Vec<List<Record>>,

    /// Node lists in the DNS, comma-separated enrtree:// URLs
    #[arg(long = "discovery.dns", value_name = "ENRTREE", value_parser = list(Link::from_str))]
    pub(crate) discovery_dns: Vec<List<Link>>,

    /// Number of a private network: found nodes without this number are neither dialed nor passed on. It
    /// keeps out neither static nodes nor nodes that dial this one: use --allow or --netrestrict
    ///
    /// The number is in the signed record of a node, which discovery reads. A connection does not tell it, in
    /// this node as in go-ethereum. So a node of another network is a peer if it is in --staticnodes, --trustednodes
    /// or admin_addPeer, or if it knows the address of this node.
    #[arg(long, value_name = "N")]
    pub(crate) networkid: Option<u64>,

    /// Boot nodes: asked for other nodes, and dialed while there is no peer. Comma-separated enode URLs
    /// or records (enr:)
    #[arg(long, alias = "bootnodesv4", value_name = "NODE", value_parser = list(boot_node))]
    pub(crate) bootnodes: Vec<List<Enode>>,

    /// Static nodes: always dialed until connected. Comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_parser = list(static_node))]
    pub(crate) staticnodes: Vec<List<Enode>>,
}

impl NetworkFlags {
    /// The value of `--memory`, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}

/// The library's default, in megabytes.
fn default_memory() -> u32 {
    u32::try_from(ServerSettings::default().connection.memory >> 20).unwrap_or(u32::MAX)
}

/// A proxy, or why the URL is invalid. The parser does not fail, because clap would print the URL, which may contain a
/// password.
pub(crate) type ProxyFlag = Result<Proxy, ProxyUrlError>;

fn proxy(text: &str) -> Result<ProxyFlag, Infallible> {
    Ok(text.parse())
}
