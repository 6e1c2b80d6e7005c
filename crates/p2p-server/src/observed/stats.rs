//! What the server counted since it started. Plain numbers; naming them for a metrics system is for
//! those above. The structs are exhaustive on purpose: who names every counter learns from the
//! compiler that there is a new one.

use p2p_mux::MemoryStats;

use crate::{nat::NatStats, slots::Refusal};

/// Counters of one server, each since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Stats {
    /// Sockets accepted, whatever became of them.
    pub accepted: u64,
    /// Times that accepting a socket failed (out of file descriptors, most often); the listener
    /// goes on.
    pub accept_errors: u64,
    /// Inbound connections that failed in the handshake: junk, silence, a wrong key.
    pub inbound_failed: u64,
    /// Attempts to reach a node.
    pub dials: u64,
    /// Attempts that ended without a connection, for whatever cause.
    pub dials_failed: u64,
    /// Peers added, inbound and outbound together.
    pub added: u64,
    /// Peers dropped, by either end or the network.
    pub dropped: u64,
    /// Of these, those that the operator removed, or a rule that was changed.
    pub expelled: u64,
    /// Nodes that were found, and what became of them.
    pub found: Found,
    /// Connections that were refused, by reason.
    pub refused: Refused,
    /// The memory of all connections.
    pub memory: MemoryUse,
    /// Gateways and mappings.
    pub nat: NatStats,
}

/// Nodes that a source named ([`Server::add_candidates`](crate::Server::add_candidates)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Found {
    /// All of them.
    pub seen: u64,
    /// Taken into the dialling plan, for one attempt each.
    pub taken: u64,
    /// Passed over: connected, being dialled, in the plan, or this node itself.
    pub known: u64,
    /// Passed over: tried or left lately ([`Dialling::again`](crate::Dialling::again)).
    pub recent: u64,
    /// Passed over: no TCP port.
    pub no_port: u64,
    /// Passed over: outside the networks that the operator allows.
    pub restricted: u64,
    /// Passed over: banned.
    pub banned: u64,
    /// Passed over: not on the list of allowed nodes.
    pub not_allowed: u64,
}

/// What the connections hold together, and how often that was too much; see
/// [`Memory`](p2p_mux::MemoryBudget) for the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct MemoryUse {
    /// The most they may hold, in bytes ([`Settings::memory`](crate::Settings::memory)).
    pub limit: usize,
    /// What they hold now, in bytes.
    pub used: usize,
    /// How often memory became short.
    pub shortages: u64,
    /// Peers that were disconnected because they held the most.
    pub cut: u64,
}

impl From<MemoryStats> for MemoryUse {
    fn from(stats: MemoryStats) -> Self {
        let MemoryStats { limit, used, shortages, disconnected: cut, .. } = stats;
        Self { limit, used, shortages, cut }
    }
}

/// Refused connections in either direction, a counter for each [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Refused {
    /// [`Refusal::Restricted`].
    pub restricted: u64,
    /// [`Refusal::Banned`].
    pub banned: u64,
    /// [`Refusal::NotAllowed`].
    pub not_allowed: u64,
    /// [`Refusal::Throttled`].
    pub throttled: u64,
    /// [`Refusal::TooManyPending`].
    pub too_many_pending: u64,
    /// [`Refusal::TooManyPendingPerIp`].
    pub too_many_pending_per_ip: u64,
    /// [`Refusal::SelfConnect`].
    pub self_connect: u64,
    /// [`Refusal::AlreadyConnected`].
    pub already_connected: u64,
    /// [`Refusal::TooManyPeers`].
    pub too_many_peers: u64,
    /// [`Refusal::TooManyInbound`].
    pub too_many_inbound: u64,
    /// [`Refusal::TooManyDialled`].
    pub too_many_dialled: u64,
    /// [`Refusal::Unwanted`].
    pub unwanted: u64,
    /// [`Refusal::Stopping`].
    pub stopping: u64,
}

impl Refused {
    pub(crate) fn count(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::Restricted => &mut self.restricted,
            Refusal::Banned => &mut self.banned,
            Refusal::NotAllowed => &mut self.not_allowed,
            Refusal::Throttled => &mut self.throttled,
            Refusal::TooManyPending => &mut self.too_many_pending,
            Refusal::TooManyPendingPerIp => &mut self.too_many_pending_per_ip,
            Refusal::SelfConnect => &mut self.self_connect,
            Refusal::AlreadyConnected => &mut self.already_connected,
            Refusal::TooManyPeers => &mut self.too_many_peers,
            Refusal::TooManyInbound => &mut self.too_many_inbound,
            Refusal::TooManyDialled => &mut self.too_many_dialled,
            Refusal::Unwanted => &mut self.unwanted,
            Refusal::Stopping => &mut self.stopping,
        } += 1;
    }

    /// All of them together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.restricted
            + self.banned
            + self.not_allowed
            + self.throttled
            + self.too_many_pending
            + self.too_many_pending_per_ip
            + self.self_connect
            + self.already_connected
            + self.too_many_peers
            + self.too_many_inbound
            + self.too_many_dialled
            + self.unwanted
            + self.stopping
    }
}
