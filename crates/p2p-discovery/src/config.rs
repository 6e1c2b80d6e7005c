//! How a node takes part in discovery.

use core::time::Duration;

use p2p_identity::Record;

use crate::local::is_of;

/// The number of a network of one's own: nodes whose records name another one, or none, are not
/// part of it.
///
/// In the record it is the integer under the key `net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NetworkId(pub u64);

impl NetworkId {
    /// Whether the record says that its node belongs to this network.
    #[must_use]
    pub fn is_of(self, record: &Record) -> bool {
        is_of(record, self)
    }
}

/// What can be chosen. The defaults suit a node in the open network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Discv4Config {
    /// The network that the node belongs to. With an id, only nodes whose records name the same one
    /// are kept, reported, passed on and answered with nodes. Without, all are, and records are not
    /// asked for. Default none.
    pub network: Option<NetworkId>,
    /// Whether the own record follows what the majority of peers sees as our address. Switch it off
    /// where the address is known for certain. Default on.
    pub follow_peers: bool,
    /// How many nodes of different networks must agree on our address before it is believed, beside
    /// being the majority. At least 1. Default 3.
    pub min_endpoint_votes: usize,
    /// How long an answer may take. Default 500 ms, as in go-ethereum.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub reply_timeout: Duration,
    /// How often a packet is sent again before the node counts as gone: so many attempts in all. At
    /// least 1. Default 3.
    pub attempts: u8,
    /// Within this time every node in the table is asked whether it is still there. Default 5 min.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub check_interval: Duration,
    /// How often nodes near a random target are looked for. Default 10 min.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub refresh_interval: Duration,
    /// What is let in.
    pub limits: DatagramLimits,
}

impl Discv4Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`network`](Self::network).
    #[must_use]
    pub const fn network(mut self, id: NetworkId) -> Self {
        self.network = Some(id);
        self
    }

    /// Sets [`follow_peers`](Self::follow_peers).
    #[must_use]
    pub const fn follow_peers(mut self, follow: bool) -> Self {
        self.follow_peers = follow;
        self
    }

    /// Sets [`min_endpoint_votes`](Self::min_endpoint_votes).
    #[must_use]
    pub const fn min_endpoint_votes(mut self, votes: usize) -> Self {
        self.min_endpoint_votes = votes;
        self
    }

    /// Sets [`check_interval`](Self::check_interval).
    #[must_use]
    pub const fn check_interval(mut self, period: Duration) -> Self {
        self.check_interval = period;
        self
    }

    /// Sets [`refresh_interval`](Self::refresh_interval).
    #[must_use]
    pub const fn refresh_interval(mut self, period: Duration) -> Self {
        self.refresh_interval = period;
        self
    }

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn limits(mut self, limits: DatagramLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Discv4Config {
    fn default() -> Self {
        Self {
            network: None,
            follow_peers: true,
            min_endpoint_votes: 3,
            reply_timeout: Duration::from_millis(500),
            attempts: 3,
            check_interval: Duration::from_secs(300),
            refresh_interval: Duration::from_secs(600),
            limits: DatagramLimits::default(),
        }
    }
}

/// How much is let in before it costs anything.
///
/// To find out who signed a packet is a hundred times the work of all else, so that is what is
/// rationed, per tick of 100 ms, and apart for three groups: a flood of one group starves none of the
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct DatagramLimits {
    /// Requests a second from one IP address (IPv6: from one /64). Default 32.
    pub per_second: u32,
    /// As many may come at once from an address that was quiet. Default 128.
    pub burst: u32,
    /// Signatures looked at in a tick, of requests by addresses that have proven themselves.
    /// Default 100.
    pub proven_per_tick: u32,
    /// Of requests by all others. Default 100.
    pub strangers_per_tick: u32,
    /// Of answers to what we asked. Default 400.
    pub replies_per_tick: u32,
}

impl Default for DatagramLimits {
    fn default() -> Self {
        Self {
            per_second: 32,
            burst: 128,
            proven_per_tick: 100,
            strangers_per_tick: 100,
            replies_per_tick: 400,
        }
    }
}
