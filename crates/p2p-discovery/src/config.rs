//! The configuration of discv4.

use core::time::Duration;

use p2p_identity::OwnNetworks;

use crate::address::SubnetLimits;
use crate::network::NetworkId;

/// The configuration of discv4. The defaults suit a node in the public network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Discv4Config {
    /// The separate network of this node. If set, only nodes whose records name the same id are kept,
    /// reported by events and to other nodes, and answered with neighbours. If not, all nodes are, and
    /// their records are not requested. Default `None`.
    pub network: Option<NetworkId>,
    /// Networks of the operator, besides the private ones. The limits on nodes of one subnet do not apply to
    /// them; nor, in a separate network, to nodes whose records name its id. Default: none.
    pub own_networks: OwnNetworks,
    /// Whether the own record follows the external address that the majority of peers reports. Switch
    /// it off if the address is known. Default `true`.
    pub follow_peers: bool,
    /// Minimum number of nodes in different subnets that must report the same external address. They
    /// must also be the majority. At least 1. Default 3.
    pub min_endpoint_votes: usize,
    /// How long to wait for an answer. Default 500 ms, as in go-ethereum.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub reply_timeout: Duration,
    /// How many times a request is sent before the node counts as gone. At least 1. Default 3.
    pub attempts: u8,
    /// Maximum time between two checks of a node in the table. The minimum is half of it. Default
    /// 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub check_interval: Duration,
    /// How often lookups refresh the table. Default 10 minutes.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub refresh_interval: Duration,
    /// Limits on incoming datagrams.
    pub limits: DatagramLimits,
}

impl Discv4Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// To which nodes the limits per subnet apply.
    pub(crate) fn subnet_limits(&self) -> SubnetLimits {
        SubnetLimits { own: self.own_networks.clone(), network: self.network }
    }

    /// Sets [`network`](Self::network).
    #[must_use]
    pub const fn network(mut self, id: NetworkId) -> Self {
        self.network = Some(id);
        self
    }

    /// Sets [`own_networks`](Self::own_networks).
    #[must_use]
    pub fn own_networks(mut self, networks: OwnNetworks) -> Self {
        self.own_networks = networks;
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
            own_networks: OwnNetworks::default(),
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

/// Limits on incoming datagrams.
///
/// Recovering the signer of a packet costs a hundred times more than all other checks. Therefore it is
/// limited per tick of 100 ms, separately for three classes of senders, so that a flood by one class
/// does not affect the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct DatagramLimits {
    /// Requests per second from one IPv4 address or one IPv6 /64. Default 32.
    pub per_second: u32,
    /// Requests that an address may send at once after a pause. Default 128.
    pub burst: u32,
    /// Signature checks per tick for requests from addresses with an endpoint proof. Default 100.
    pub proven_per_tick: u32,
    /// Signature checks per tick for requests from all other addresses. Default 100. Of more requests, a
    /// random choice is handled at the end of the tick.
    pub strangers_per_tick: u32,
    /// Signature checks per tick for answers to our requests. Default 400.
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
