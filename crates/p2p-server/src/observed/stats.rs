//! Counters of a server since it started. They are plain numbers; names for a metrics system are chosen
//! by the caller. The structs are exhaustive on purpose: a caller that names every counter learns of a
//! new one from the compiler.

use p2p_mux::MemoryStats;

use super::InboundFailStats;
use crate::{
    access::{ExclusionReason, RefuseReason},
    dial::OfferError,
    nat::NatStats,
    peering::NotAdded,
};

/// Counters of one server since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Stats {
    /// Accepted sockets, with any outcome.
    pub accepted: u64,
    /// Failures to accept a socket, usually for lack of file descriptors. The listener goes on.
    pub accept_errors: u64,
    /// Inbound connections that failed in the handshake or the Hello exchange.
    pub inbound_failed: u64,
    /// The same, by reason.
    pub inbound_failures: InboundFailStats,
    /// Attempts to reach a node.
    pub dials: u64,
    /// Attempts that failed, for any reason.
    pub dials_failed: u64,
    /// Peers added, inbound and outbound.
    pub added: u64,
    /// Peers dropped, by either end or the network.
    pub dropped: u64,
    /// Peers that this node dropped by its rules; part of `dropped`.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub removed: RemovedStats,
    /// Found nodes.
    pub found: FoundStats,
    /// Refused connections, by reason.
    pub refused: RefuseStats,
    /// The memory of all connections.
    pub memory: MemoryUse,
    /// Gateways and mappings.
    pub nat: NatStats,
}

/// Peers that this node dropped by its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RemovedStats {
    /// Dropped because the operator removed them or changed an access rule.
    pub expelled: u64,
    /// Inbound peers dropped because another one took their slot.
    pub evicted: u64,
}

/// Nodes from the sources of found nodes ([`Server::add_candidates`](crate::Server::add_candidates)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct FoundStats {
    /// All found nodes.
    pub seen: u64,
    /// Added to the dial plan, for one attempt each.
    pub taken: u64,
    /// Not added: connected, being dialed, already planned, or this node itself.
    pub known: u64,
    /// Not added: dialed or lost lately
    /// ([`DialSettings::found_cooldown`](crate::DialSettings::found_cooldown)).
    pub recent: u64,
    /// Not added: no TCP port.
    pub no_port: u64,
    /// Not added: outside the allowed networks.
    pub restricted: u64,
    /// Not added: banned.
    pub banned: u64,
    /// Not added: not on the list of allowed nodes.
    pub not_allowed: u64,
}

impl FoundStats {
    pub(super) fn count(&mut self, added: Result<(), NotAdded>) {
        self.seen += 1;
        *match added {
            Ok(()) => &mut self.taken,
            Err(NotAdded::Declined(error)) => match error {
                OfferError::Known => &mut self.known,
                OfferError::Recent => &mut self.recent,
                OfferError::NoPort => &mut self.no_port,
            },
            Err(NotAdded::Excluded(exclusion)) => match exclusion.reason {
                ExclusionReason::Restricted => &mut self.restricted,
                ExclusionReason::Banned => &mut self.banned,
                ExclusionReason::NotAllowed => &mut self.not_allowed,
            },
        } += 1;
    }
}

/// The memory of all connections together. [`MemoryBudget`](p2p_mux::MemoryBudget) has the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct MemoryUse {
    /// The memory budget, in bytes ([`ConnectionSettings::memory`](crate::ConnectionSettings::memory)).
    pub limit: usize,
    /// Bytes in use now.
    pub used: usize,
    /// Number of times that memory became short.
    pub shortages: u64,
    /// Peers that were disconnected because they used the most.
    pub cut: u64,
}

impl From<MemoryStats> for MemoryUse {
    fn from(stats: MemoryStats) -> Self {
        let MemoryStats { limit, used, shortages, disconnected: cut, .. } = stats;
        Self { limit, used, shortages, cut }
    }
}

/// Refused connections in both directions, by [`RefuseReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefuseStats([u64; RefuseReason::ALL.len()]);

impl RefuseStats {
    pub(super) fn count(&mut self, reason: RefuseReason) {
        self.0[reason as usize] += 1;
    }

    /// Connections refused for this reason.
    #[must_use]
    pub const fn get(&self, reason: RefuseReason) -> u64 {
        self.0[reason as usize]
    }

    /// All reasons with their counters.
    pub fn iter(&self) -> impl Iterator<Item = (RefuseReason, u64)> {
        RefuseReason::ALL.into_iter().zip(self.0)
    }

    /// All refused connections.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A map from [`RefuseReason::name`] to the counter.
#[cfg(feature = "serde")]
impl serde::Serialize for RefuseStats {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, count)| (reason.name(), count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let mut stats = RefuseStats::default();
        for (times, reason) in (1..).zip(RefuseReason::ALL) {
            for _ in 0..times {
                stats.count(reason);
            }
        }
        for (times, reason) in (1..).zip(RefuseReason::ALL) {
            assert_eq!(stats.get(reason), times, "{reason:?}");
        }
        assert_eq!(stats.total(), (1..=RefuseReason::ALL.len() as u64).sum::<u64>());
    }

    #[test]
    fn every_found_node_is_counted_once_more_by_its_outcome() {
        let mut stats = FoundStats::default();
        stats.count(Ok(()));
        stats.count(Err(NotAdded::Declined(OfferError::Recent)));
        let exclusion =
            crate::access::Exclusion { reason: ExclusionReason::NotAllowed, until: None };
        stats.count(Err(NotAdded::Excluded(exclusion)));
        let expected = FoundStats { seen: 3, taken: 1, recent: 1, not_allowed: 1, ..stats };
        assert_eq!(stats, expected);
        assert_eq!((stats.known, stats.no_port, stats.restricted, stats.banned), (0, 0, 0, 0));
    }
}
