//! Counters of a server since it started.

use p2p_mux::{MemoryStats, Metric};

use super::{
    DialFailStats, InboundFailStats,
    counted::{counter, counters, gauge},
};
use crate::{
    access::{ExclusionReason, RefuseStats},
    dial::OfferError,
    nat::NatStats,
    peering::NotAdded,
};

const FOUND_SKIPPED: Metric = counter(
    "p2p_found_skipped_total",
    "Found nodes that were not added to the dial plan, by reason",
);

counters! {
    /// Counters of one server since its start.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
    pub struct Stats {
        /// Accepted sockets, with any outcome.
        accepted: u64 = counter("p2p_accepted_total", "Accepted connections");
        /// Failures to accept a socket, usually for lack of file descriptors. The listener goes on.
        accept_errors: u64 = counter("p2p_accept_errors_total", "Errors when accepting connections"),
            reason "inbound" "accept_error";
        /// Attempts to reach a node.
        dials: u64 = counter("p2p_dials_total", "Attempts to dial a node");
        /// Peers added, inbound and outbound.
        added: u64 = counter("p2p_peers_added_total", "Added peers");
        /// Peers dropped, by either end or the network.
        dropped: u64 = counter("p2p_peers_dropped_total", "Disconnected peers");
        /// Nodes that were dialed without `sec/1`, because two handshakes with it broke.
        link_fallbacks: u64 = counter(
            "p2p_link_fallbacks_total",
            "Nodes dialed without sec/1 because handshakes with it broke",
        );
        /// Connections over plain RLPx that were closed, because both ends have `sec/1`.
        link_downgrades: u64 = counter(
            "p2p_link_downgrades_total",
            "Connections without sec/1, closed because both ends have it",
        );
    } and {
        /// Inbound connections that failed in the handshake or the Hello exchange, by reason.
        inbound_failures: InboundFailStats;
        /// Attempts to reach a node that failed, by reason.
        dial_failures: DialFailStats;
        /// Peers that this node dropped by its rules; part of `dropped`.
        #[cfg_attr(feature = "serde", serde(flatten))]
        removed: RemovedStats;
        /// Found nodes.
        found: FoundStats;
        /// Refused connections, by reason.
        refused: RefuseStats;
        /// The memory of all connections.
        memory: MemoryUse;
        /// Gateways and mappings.
        nat: NatStats;
    }
}

counters! {
    /// Peers that this node dropped by its rules.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
    pub struct RemovedStats {
        /// Dropped because the operator removed them or changed an access rule.
        expelled: u64 = counter(
            "p2p_peers_expelled_total",
            "Peers disconnected because of bans and other rules of the operator",
        ), reason "peer" "expelled";
        /// Inbound peers dropped because another one took their slot.
        evicted: u64 = counter(
            "p2p_peers_evicted_total",
            "Inbound peers disconnected because another one took their slot",
        ), reason "peer" "evicted";
    } and {}
}

counters! {
    /// Nodes from the sources of found nodes ([`Server::add_candidates`](crate::Server::add_candidates)).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
    pub struct FoundStats {
        /// All found nodes.
        seen: u64 = counter("p2p_found_nodes_total", "Nodes found by discovery");
        /// Added to the dial plan, for one attempt each.
        taken: u64 = counter("p2p_found_added_total", "Found nodes added to the dial plan");
        /// Not added: connected, being dialed, already planned, or this node itself.
        known: u64 = FOUND_SKIPPED, ["reason" => "known"];
        /// Not added: dialed or lost lately
        /// ([`DialSettings::found_cooldown`](crate::DialSettings::found_cooldown)).
        recent: u64 = FOUND_SKIPPED, ["reason" => "recent"], reason "found" "recent";
        /// Not added: no TCP port.
        no_port: u64 = FOUND_SKIPPED, ["reason" => "no_port"], reason "found" "no_port";
        /// Not added: outside the allowed networks.
        restricted: u64 = FOUND_SKIPPED, ["reason" => "restricted"], reason "found" "restricted";
        /// Not added: banned.
        banned: u64 = FOUND_SKIPPED, ["reason" => "banned"], reason "found" "banned";
        /// Not added: not on the list of allowed nodes.
        not_allowed: u64 = FOUND_SKIPPED, ["reason" => "not_allowed"], reason "found" "not_allowed";
    } and {}
}

impl FoundStats {
    /// Counts a found node. Returns the name of the reason if it was not added, unless it is known already.
    pub(super) fn count(&mut self, added: Result<(), NotAdded>) -> Option<&'static str> {
        self.seen += 1;
        let (count, reason) = match added {
            Ok(()) => (&mut self.taken, None),
            Err(NotAdded::Declined(OfferError::Known)) => (&mut self.known, None),
            Err(NotAdded::Declined(OfferError::Recent)) => (&mut self.recent, Some("recent")),
            Err(NotAdded::Declined(OfferError::NoPort)) => (&mut self.no_port, Some("no_port")),
            Err(NotAdded::Excluded(exclusion)) => match exclusion.reason {
                ExclusionReason::Restricted => (&mut self.restricted, Some("restricted")),
                ExclusionReason::Banned => (&mut self.banned, Some("banned")),
                ExclusionReason::NotAllowed => (&mut self.not_allowed, Some("not_allowed")),
            },
        };
        *count += 1;
        reason
    }
}

counters! {
    /// The memory of all connections together. [`MemoryBudget`](p2p_mux::MemoryBudget) has the rule.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
    pub struct MemoryUse {
        /// The memory budget, in bytes
        /// ([`ConnectionSettings::memory`](crate::ConnectionSettings::memory)).
        limit: usize = gauge("p2p_memory_limit_bytes", "Maximum memory for all connections");
        /// Bytes in use now.
        used: usize = gauge("p2p_memory_bytes", "Memory used by all connections");
        /// Number of times that memory became short.
        shortages: u64 =
            counter("p2p_memory_shortages_total", "Times when the memory limit was reached");
        /// Peers that were disconnected because they used the most.
        cut: u64 =
            counter("p2p_memory_cut_total", "Peers disconnected because they used the most memory"),
            reason "peer" "memory";
    } and {}
}

impl From<MemoryStats> for MemoryUse {
    fn from(stats: MemoryStats) -> Self {
        let MemoryStats { limit, used, shortages, disconnected: cut, .. } = stats;
        Self { limit, used, shortages, cut }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{access::RefuseReason, observed::counted::Count as _};

    fn counters_of(stats: &Stats) -> Vec<(String, u64, Option<String>)> {
        let mut found = Vec::new();
        stats.visit(&mut |counted| {
            let sample = format!("{}{:?}", counted.sample.metric.name, counted.sample.labels);
            let reason = counted.reason.map(|reason| reason.to_string());
            found.push((sample, counted.sample.value, reason));
        });
        found
    }

    #[test]
    fn every_sample_and_every_reason_appears_once() {
        let counters = counters_of(&Stats::default());
        let samples: BTreeSet<_> = counters.iter().map(|(sample, ..)| sample).collect();
        assert_eq!(samples.len(), counters.len());
        let reasons: Vec<_> = counters.iter().filter_map(|(.., reason)| reason.clone()).collect();
        assert_eq!(reasons.iter().collect::<BTreeSet<_>>().len(), reasons.len());
        for name in [
            "refused.throttled",
            "refused.banned",
            "inbound.other_key",
            "inbound.accept_error",
            "dial.unanswered",
            "found.not_allowed",
            "peer.memory",
        ] {
            assert!(reasons.iter().any(|reason| reason == name), "{name}");
        }
    }

    #[test]
    fn a_count_has_its_metric_and_its_reason() {
        let mut stats = Stats { accepted: 7, ..Stats::default() };
        stats.refused.count(RefuseReason::Banned);
        stats.removed.evicted = 3;
        let expected = [
            (r#"p2p_accepted_total[]"#, 7, None),
            (r#"p2p_peers_evicted_total[]"#, 3, Some("peer.evicted")),
            (r#"p2p_refused_total[("reason", "banned")]"#, 1, Some("refused.banned")),
        ];
        let counters = counters_of(&stats);
        let counted: Vec<_> = counters.iter().filter(|(_, value, _)| *value > 0).collect();
        let counted: Vec<_> = counted
            .into_iter()
            .map(|(sample, value, reason)| (sample.as_str(), *value, reason.as_deref()))
            .collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn every_reason_has_its_own_counter() {
        let mut stats = RefuseStats::default();
        for (times, reason) in (1..).zip(RefuseReason::ALL) {
            for _ in 0..times {
                stats.count(reason);
            }
        }
        for (times, reason) in (1..).zip(RefuseReason::ALL) {
            assert_eq!((stats.get(reason), reason as u64), (times, times - 1), "{reason:?}");
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
