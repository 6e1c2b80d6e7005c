//! The flags of `whisper-node run`, under the names go-ethereum gave them.

mod rpc;

use std::convert::Infallible;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use p2p_identity::{Enode, NodeId};
use p2p_server::p2p_discovery::dns::Link;
use p2p_server::{Nat, NetRestrict, Proxy, ProxyUrlError};

mod who;

pub(crate) use who::WhoFlags;

use super::key::KeyFlags;
use super::node_url::node_url;
use super::rules::{Assumed, SealFor};
use super::verbosity::Verbosity;
pub(crate) use rpc::RpcFlags;

/// Everything an operator can say on the command line. Names and defaults are go-ethereum's; the
/// two exceptions are that HTTP and WebSocket are on (loopback only) and that `--nat` is `none`:
/// nothing is sent to a router unless the operator says so.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Folder for the node key and everything else that outlives a run [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    pub(crate) datadir: Option<PathBuf>,

    /// How much to log: 0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace
    #[arg(long, value_name = "0-5", default_value_t)]
    pub(crate) verbosity: Verbosity,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    #[command(flatten)]
    pub(crate) rpc: RpcFlags,

    #[command(flatten)]
    pub(crate) metrics: MetricsFlags,

    #[command(flatten)]
    pub(crate) whisper: WhisperFlags,
}

/// What this node takes and does in Whisper.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Whisper")]
pub(crate) struct WhisperFlags {
    /// Lowest proof of work that this node accepts from others
    #[arg(long = "shh.pow", value_name = "POW", default_value_t = 0.2)]
    pub(crate) shh_pow: f64,

    /// Largest envelope that this node accepts, in bytes
    #[arg(long = "shh.maxmessagesize", value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub(crate) shh_max_message_size: u32,

    /// Whose rules of work own messages are made to satisfy, besides this node's: those of the
    /// connected peers, all that this node accepts, or nobody's
    #[arg(long = "shh.seal", value_name = "WHOSE", default_value = "peers")]
    pub(crate) shh_seal: SealFor,

    /// How peers are taken to count work whose names do not say: it is learned when they leave, or
    /// they count by any rule, or by that of go-ethereum 1.8 or since 1.9
    #[arg(long = "shh.peerrule", value_name = "RULE", default_value = "learn")]
    pub(crate) shh_peer_rule: Assumed,

    /// Ask peers to acknowledge what they are sent, as nodes of status-im can
    #[arg(long = "shh.confirmations")]
    pub(crate) shh_confirmations: bool,

    /// Relay nothing: send only what is posted here
    #[arg(long = "shh.light")]
    pub(crate) shh_light: bool,

    /// Refuse light clients while this node is one
    #[arg(long = "shh.restrict-light")]
    pub(crate) shh_restrict_light: bool,

    /// Ask peers only for the topics of this node's filters, not for everything
    #[arg(long = "shh.filtered")]
    pub(crate) shh_filtered: bool,

    /// Remove filters whose messages nobody fetches for so many seconds [default: never]
    #[arg(long = "shh.filteridle", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shh_filter_idle: Option<u32>,

    /// Follow the clocks of most chosen peers, by so many seconds at most; 0 is never [default: 600]
    #[arg(long = "shh.clockcorrection", value_name = "SECONDS")]
    pub(crate) shh_clock_correction: Option<u32>,

    /// Refuse to hand out the keys that the node holds (shh_getPrivateKey, shh_getSymKey)
    #[arg(long = "shh.no-key-export")]
    pub(crate) shh_no_key_export: bool,

    #[command(flatten)]
    pub(crate) rates: RateFlags,
}

/// Who this node is and whom it talks to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkFlags {
    /// TCP port for peers; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 30303)]
    pub(crate) port: u16,

    /// Addresses to listen on for peers, IPv4 or IPv6, comma-separated. Discovery listens on the first
    #[arg(long, value_name = "IP", value_delimiter = ',', default_value = "0.0.0.0")]
    pub(crate) addr: Vec<IpAddr>,

    #[command(flatten)]
    pub(crate) key: KeyFlags,

    /// A word of your own in the node's name, as peers see it
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Option<String>,

    /// Most peers at a time
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) maxpeers: usize,

    /// Most connections that have not finished their handshake
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) maxpendpeers: usize,

    /// Most megabytes that messages and buffers of all peers take together; when that is not enough,
    /// the peer that holds the most is disconnected
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory: u32,

    /// Tell those who subscribe to peerEvents of each message, too; that costs every message some time
    #[arg(long)]
    pub(crate) msgevents: bool,

    /// How peers reach this node from outside: none | extip:IP | any | upnp | pmp[:IP]
    ///
    /// none: under the address it listens on, or the one that peers see. extip: the ports are
    /// forwarded, and this is the address. any, upnp, pmp: the node asks the router of the local
    /// network to forward the ports to it, by UPnP, by NAT-PMP or PCP (IP: the router; without it, the
    /// default gateway), or by whatever answers first; behind a router at home, say --nat any. The
    /// ports are given back when the node stops.
    #[arg(long, value_name = "NAT", default_value = "none", verbatim_doc_comment)]
    pub(crate) nat: Nat,

    /// SOCKS5 proxy for all connections to peers, socks5://[user:password@]host:port; it resolves their
    /// names. Discovery does not go through it: see --nodiscover
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(crate) proxy: Option<ProxyFlag>,

    /// Talk only to these networks, comma-separated CIDR masks
    #[arg(long, value_name = "CIDR")]
    pub(crate) netrestrict: Option<NetRestrict>,

    /// Do not search for peers and do not be found: only --staticnodes and admin_addPeer bring any
    #[arg(long)]
    pub(crate) nodiscover: bool,

    /// Take part in discovery over UDP, discv4 (--discovery.v4=false turns it off)
    #[arg(long = "discovery.v4", alias = "v4disc", value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery_v4: bool,

    /// UDP port for discovery [default: the same as --port]
    #[arg(long = "discovery.port", value_name = "PORT")]
    pub(crate) discovery_port: Option<u16>,

    /// Lists of nodes in the DNS to search, comma-separated enrtree:// URLs
    #[arg(long = "discovery.dns", value_name = "ENRTREE", value_delimiter = ',')]
    pub(crate) discovery_dns: Vec<Link>,

    /// A network of your own: nodes that are found and do not name the same number are neither dialled
    /// nor passed on
    #[arg(long, value_name = "N")]
    pub(crate) networkid: Option<u64>,

    /// Nodes to ask for others, and to connect to while there is no peer: comma-separated enode URLs or
    /// records (enr:)
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node_url)]
    pub(crate) bootnodes: Vec<Enode>,

    /// Nodes to stay connected to: comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node_url)]
    pub(crate) staticnodes: Vec<Enode>,

    #[command(flatten)]
    pub(crate) who: WhoFlags,
}

/// A proxy, or why it is none: clap prints what it refuses, and that may be a password.
pub(crate) type ProxyFlag = Result<Proxy, ProxyUrlError>;

fn proxy(text: &str) -> Result<ProxyFlag, Infallible> {
    Ok(text.parse())
}

/// How much peers may send.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Whisper: limits on peers")]
pub(crate) struct RateFlags {
    /// Most packets per second of one peer [default: no limit]
    #[arg(long = "shh.peerrate", value_name = "N")]
    pub(crate) shh_peer_rate: Option<NonZeroU32>,

    /// Most bytes per second of one peer [default: no limit]
    #[arg(long = "shh.peerbytes", value_name = "BYTES")]
    pub(crate) shh_peer_bytes: Option<NonZeroU32>,

    /// Most packets per second of all peers at one IP address [default: no limit]
    #[arg(long = "shh.iprate", value_name = "N")]
    pub(crate) shh_ip_rate: Option<NonZeroU32>,

    /// Most bytes per second of all peers at one IP address [default: no limit]
    #[arg(long = "shh.ipbytes", value_name = "BYTES")]
    pub(crate) shh_ip_bytes: Option<NonZeroU32>,

    /// Disconnect a peer after so many packets within a minute beyond these limits
    #[arg(long = "shh.tolerance", value_name = "N", default_value_t = 100)]
    pub(crate) shh_tolerance: u32,

    /// Node ids without limits, comma-separated (128 hex digits each)
    #[arg(long = "shh.unlimited", value_name = "IDS", value_delimiter = ',')]
    pub(crate) shh_unlimited: Vec<NodeId>,

    /// Networks without limits, comma-separated CIDR masks
    #[arg(
        long = "shh.unlimitednets",
        value_name = "CIDR",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) shh_unlimited_nets: NetRestrict,
}

/// Whether and where the node's figures are served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsFlags {
    /// Serve the node's counters to Prometheus, at /metrics
    #[arg(long)]
    pub(crate) metrics: bool,

    /// Address of the metrics server
    #[arg(long = "metrics.addr", value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) metrics_addr: IpAddr,

    /// Port of the metrics server; 0 takes a free one
    #[arg(long = "metrics.port", value_name = "PORT", default_value_t = 6060)]
    pub(crate) metrics_port: u16,
}
