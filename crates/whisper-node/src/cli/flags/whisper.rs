//! The flags about Whisper.

use std::num::NonZeroU32;
use std::str::FromStr as _;

use clap::{Args, ValueEnum};
use p2p_identity::NodeId;
use p2p_server::NetRestrict;
use whisper_protocol::{Config, Sealing};

use super::list::{List, list};
use super::work_rules::{PeerRuleName, parse_sealing};

/// What this node accepts and does in Whisper.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Whisper")]
pub(crate) struct WhisperFlags {
    /// Minimum proof of work of an accepted envelope
    #[arg(long = "shh.pow", value_name = "POW", default_value_t = Config::default().min_work.get())]
    pub(crate) shh_pow: f64,

    /// Maximum size of an accepted envelope, in bytes
    #[arg(long = "shh.maxmessagesize", value_name = "BYTES", default_value_t = Config::default().max_message_size)]
    pub(crate) shh_max_message_size: u32,

    /// Rules of work that own messages are sealed for, one envelope for each: peers (this node's rule and those of the
    /// connected peers), all (all that this node accepts), own (only this node's), or rules by name, comma-separated:
    /// 1.8 (go-ethereum until 1.8), 1.9 (go-ethereum since 1.9), parity, nim. One name alone: only that rule, for example
    /// in a network of go-ethereum 1.8. The first one is mandatory, and its envelope has the hash that shh_post returns
    #[arg(long = "shh.seal", value_name = "RULES", value_parser = parse_sealing, default_value = "peers")]
    pub(crate) shh_seal: Sealing,

    /// Rule of work of peers whose client name does not tell it: learn (from the peers that disconnect),
    /// any (any accepted rule), 1.8 (go-ethereum until 1.8), 1.9 (go-ethereum since 1.9)
    #[arg(long = "shh.peerrule", value_name = "RULE", value_enum, default_value_t)]
    pub(crate) shh_peer_rule: PeerRuleName,

    /// Ask peers to acknowledge what they are sent. Nodes of status-im support this
    #[arg(long = "shh.confirmations")]
    pub(crate) shh_confirmations: bool,

    #[command(flatten)]
    pub(crate) light: LightFlags,

    /// Remove filters whose messages are not fetched for this time, in seconds [default: never]
    #[arg(long = "shh.filteridle", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shh_filter_idle: Option<u32>,

    /// Correct the clock by the clocks of most dialed peers, by at most this number of seconds; 0: never
    #[arg(long = "shh.clockcorrection", value_name = "SECONDS", default_value_t = Config::default().peers.clock_correction)]
    pub(crate) shh_clock_correction: u32,

    /// Refuse to export the keys that the node stores (shh_getPrivateKey, shh_getSymKey)
    #[arg(long = "shh.no-key-export")]
    pub(crate) shh_no_key_export: bool,

    #[command(flatten)]
    pub(crate) rates: RateFlags,
}

/// What this node relays and asks for.
#[derive(Args, Clone, Debug)]
pub(crate) struct LightFlags {
    /// Be a light client: send only own posts and relay nothing
    #[arg(long = "shh.light")]
    pub(crate) shh_light: bool,

    /// Refuse peers that are light clients while this node is one
    #[arg(long = "shh.restrict-light")]
    pub(crate) shh_restrict_light: bool,

    /// Ask peers only for the topics of this node's filters, not for everything
    #[arg(long = "shh.filtered")]
    pub(crate) shh_filtered: bool,

    /// Whether envelopes are announced to peers that have lazy/1, and fetched once, instead of being sent by every peer.
    /// Other peers do not notice
    #[arg(long = "shh.lazy", value_name = "ON|OFF", value_enum, default_value_t = default_lazy())]
    pub(crate) shh_lazy: OnOff,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

/// The library's default.
fn default_lazy() -> OnOff {
    if Config::default().peers.lazy { OnOff::On } else { OnOff::Off }
}

/// How much peers may send.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Whisper: limits on peers")]
pub(crate) struct RateFlags {
    /// Maximum packets per second of one peer [default: no limit]
    #[arg(long = "shh.peerrate", value_name = "N")]
    pub(crate) shh_peer_rate: Option<NonZeroU32>,

    /// Maximum bytes per second of one peer [default: no limit]
    #[arg(long = "shh.peerbytes", value_name = "BYTES")]
    pub(crate) shh_peer_bytes: Option<NonZeroU32>,

    /// Maximum packets per second of all peers at one IP address [default: no limit]
    #[arg(long = "shh.iprate", value_name = "N")]
    pub(crate) shh_ip_rate: Option<NonZeroU32>,

    /// Maximum bytes per second of all peers at one IP address [default: no limit]
    #[arg(long = "shh.ipbytes", value_name = "BYTES")]
    pub(crate) shh_ip_bytes: Option<NonZeroU32>,

    /// Disconnect a peer after this number of packets above these limits within a minute
    #[arg(long = "shh.tolerance", value_name = "N", default_value_t = default_tolerance())]
    pub(crate) shh_tolerance: u32,

    /// Ids of nodes without limits, comma-separated (128 hex digits each)
    #[arg(long = "shh.unlimited", value_name = "IDS", value_parser = list(NodeId::from_str))]
    pub(crate) shh_unlimited: Vec<List<NodeId>>,

    /// Networks without limits, comma-separated CIDR masks
    #[arg(
        long = "shh.unlimitednets",
        value_name = "CIDR",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) shh_unlimited_nets: NetRestrict,
}

/// The library's default. There, `None` means that no peer is disconnected.
fn default_tolerance() -> u32 {
    Config::default().peers.rates.tolerance.unwrap_or(u32::MAX)
}
