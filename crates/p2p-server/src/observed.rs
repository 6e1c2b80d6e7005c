//! What is observed of a server: counters, events and the last outcomes.
//!
//! [`Observed`] is a value without tasks or channels: a method whose report concerns the subscribers
//! returns the [`Event`] to send to them.

mod clock_error;
mod counted;
mod dial_failures;
mod dial_state;
mod drop_log;
mod event;
mod inbound_failures;
mod last_outcomes;
mod message_event;
mod node_info;
mod stats;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use p2p_mux::{
    CloseReason,
    identity::{NodeId, causes},
    transport::Link,
};
use p2p_world::World;

pub(crate) use self::counted::{Count, counter, counters, gauge, reasons};
pub use self::{
    clock_error::ClockError,
    counted::{Counted, ReasonName},
    dial_failures::{DialFailReason, DialFailStats},
    dial_state::DialState,
    drop_log::{DROP_SAMPLES, Dropped, Occurrence},
    event::{Event, Events},
    inbound_failures::{InboundFailReason, InboundFailStats},
    last_outcomes::LastOutcomes,
    message_event::{MessageEvent, Messages},
    node_info::{Json, Network, NodeInfo, PeerInfo, Ports},
    stats::{FoundStats, MemoryUse, RemovedStats, Stats},
};
use self::{
    drop_log::DropLog,
    last_outcomes::{Outcome, OutcomeLog},
};
#[cfg(feature = "nat")]
use crate::nat::NatStats;
use crate::{
    access::RefuseReason, dial::NodeKind, error::DialError, peering::NotAdded, slots::Direction,
};

/// The counters of one server and its last outcomes.
#[derive(Debug)]
pub(crate) struct Observed {
    world: Arc<dyn World>,
    stats: Stats,
    /// The counters of the connections that have ended.
    ended: p2p_mux::ConnectionStats,
    outcomes: OutcomeLog,
    drops: DropLog,
}

impl Observed {
    /// Nothing is counted yet. The world tells the time of each drop.
    pub(crate) fn new(world: Arc<dyn World>) -> Self {
        let (stats, ended) = (Stats::default(), p2p_mux::ConnectionStats::default());
        Self { world, stats, ended, outcomes: OutcomeLog::default(), drops: DropLog::default() }
    }

    /// Something that happens now.
    fn occurrence(&self) -> Occurrence {
        Occurrence::at(self.world.unix_time())
    }

    /// A socket was accepted.
    pub(crate) fn accepted(&mut self) {
        self.stats.accepted += 1;
    }

    /// Accepting a socket failed.
    pub(crate) fn accept_failed(&mut self, error: &io::Error) {
        self.stats.accept_errors += 1;
        let reason = ReasonName { group: "inbound", name: "accept_error" };
        let occurrence = self.occurrence().because(error);
        self.drops.record(reason, occurrence);
    }

    /// An inbound connection failed in the handshake or the Hello exchange.
    /// Returns how many have failed for this reason.
    pub(crate) fn inbound_failed(
        &mut self,
        reason: InboundFailReason,
        remote_addr: SocketAddr,
        error: &dyn fmt::Display,
    ) -> u64 {
        let occurrence = self.occurrence().from(remote_addr).because(error);
        self.drops.record(reason.full_name(), occurrence);
        self.stats.inbound_failures.count(reason)
    }

    /// A connection was refused. Returns how many were refused for this reason.
    pub(crate) fn refused(&mut self, reason: RefuseReason, occurrence: Occurrence) -> u64 {
        self.drops.record(reason.full_name(), occurrence);
        self.stats.refused.count(reason)
    }

    /// An inbound connection of a known node was refused.
    pub(crate) fn peer_refused(
        &mut self,
        id: NodeId,
        remote_addr: SocketAddr,
        reason: RefuseReason,
    ) -> Event {
        self.refused(reason, self.occurrence().of(id).from(remote_addr));
        Event::Refused { id, remote_addr, reason }
    }

    /// A found node was added to the dial plan, or not.
    pub(crate) fn found(&mut self, id: NodeId, added: Result<(), NotAdded>) {
        if let Some(name) = self.stats.found.count(added) {
            let reason = ReasonName { group: "found", name };
            let occurrence = self.occurrence().of(id);
            self.drops.record(reason, occurrence);
        }
    }

    /// An attempt to reach a node begins.
    pub(crate) fn dial_started(&mut self) {
        self.stats.dials += 1;
    }

    /// An attempt to reach a node failed.
    pub(crate) fn dial_failed(
        &mut self,
        id: NodeId,
        kind: Option<NodeKind>,
        error: DialError,
    ) -> Event {
        let (reason, occurrence) = (DialFailReason::from(&error), self.occurrence().of(id));
        let at = occurrence.at;
        self.stats.dial_failures.count(reason);
        self.drops.record(reason.full_name(), occurrence.clone().because(&causes(&error)));
        if let DialError::Refused(reason) = &error {
            self.refused(*reason, occurrence);
        }
        let error = Arc::new(error);
        self.outcomes.record(id, Outcome::DialFailed(Arc::clone(&error)), at);
        Event::DialFailed { id, kind, error }
    }

    /// A peer was added.
    pub(crate) fn peer_added(
        &mut self,
        id: NodeId,
        direction: Direction,
        remote_addr: SocketAddr,
        client: String,
        link: Link,
    ) -> Event {
        self.stats.added += 1;
        Event::Added { id, direction, remote_addr, client, link }
    }

    /// A node is dialed without `sec/1`, because handshakes with it broke. Returns how often that was.
    pub(crate) fn link_fallback(&mut self) -> u64 {
        self.stats.link_fallbacks += 1;
        self.stats.link_fallbacks
    }

    /// A node that has `sec/1` was connected over plain RLPx. Returns how often that was.
    pub(crate) fn link_downgraded(&mut self) -> u64 {
        self.stats.link_downgrades += 1;
        self.stats.link_downgrades
    }

    /// A peer must leave because of the operator.
    pub(crate) fn peer_expelled(&mut self, id: NodeId) {
        self.stats.removed.expelled += 1;
        let reason = ReasonName { group: "peer", name: "expelled" };
        let occurrence = self.occurrence().of(id);
        self.drops.record(reason, occurrence);
    }

    /// A peer must leave because another one has taken its slot.
    pub(crate) fn peer_evicted(&mut self, id: NodeId) {
        self.stats.removed.evicted += 1;
        let reason = ReasonName { group: "peer", name: "evicted" };
        let occurrence = self.occurrence().of(id);
        self.drops.record(reason, occurrence);
    }

    /// A peer was dropped.
    pub(crate) fn peer_dropped(&mut self, id: NodeId, closed: CloseReason) -> Event {
        let at = self.world.unix_time();
        self.stats.dropped += 1;
        self.outcomes.record(id, Outcome::Dropped(closed.clone()), at);
        Event::Dropped { id, closed }
    }

    /// A connection has ended, whether or not it was announced as a peer.
    pub(crate) fn connection_ended(&mut self, stats: &p2p_mux::ConnectionStats) {
        self.ended.add(stats);
    }

    /// The counters of gateways and mappings.
    #[cfg(feature = "nat")]
    pub(crate) fn set_nat(&mut self, stats: NatStats) {
        self.stats.nat = stats;
    }

    /// All counters except those of the memory.
    pub(crate) const fn stats(&self) -> Stats {
        self.stats
    }

    /// The last occurrences of a reason.
    pub(crate) fn last_drops(&self, reason: ReasonName<'_>) -> Vec<Occurrence> {
        self.drops.last(reason)
    }

    /// The counters of the connections that have ended.
    pub(crate) const fn ended(&self) -> &p2p_mux::ConnectionStats {
        &self.ended
    }

    /// The last outcomes of a node.
    pub(crate) fn last(&self, id: &NodeId) -> LastOutcomes {
        self.outcomes.last(id)
    }

    /// The nodes with a known outcome; a node may occur more than once.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.outcomes.nodes()
    }
}

#[cfg(test)]
mod tests {
    use p2p_mux::DisconnectReason;
    use p2p_world::SystemWorld;

    use super::*;

    #[test]
    fn what_is_reported_is_counted_remembered_and_sent() {
        let id = NodeId([1; 64]);
        let addr = SocketAddr::from(([192, 0, 2, 1], 30_303));
        let mut observed = Observed::new(SystemWorld::shared());

        let event = observed.peer_added(id, Direction::Inbound, addr, "test".into(), Link::Rlpx);
        assert!(matches!(event, Event::Added { id: added, .. } if added == id));
        let closed = CloseReason::ByPeer(DisconnectReason::Quitting);
        let event = observed.peer_dropped(id, closed.clone());
        assert!(matches!(event, Event::Dropped { closed: reported, .. } if reported == closed));

        observed.dial_started();
        let error = DialError::Refused(RefuseReason::Banned);
        let event = observed.dial_failed(id, Some(NodeKind::Static), error);
        assert!(matches!(event, Event::DialFailed { kind: Some(NodeKind::Static), .. }));
        let event = observed.peer_refused(id, addr, RefuseReason::Banned);
        assert!(matches!(event, Event::Refused { reason: RefuseReason::Banned, .. }));

        let stats = observed.stats();
        assert_eq!(
            (stats.added, stats.dropped, stats.dials, stats.dial_failures.total()),
            (1, 1, 1, 1)
        );
        assert_eq!(stats.refused.get(RefuseReason::Banned), 2, "outbound and inbound");
        assert_eq!(stats.dial_failures.get(DialFailReason::Refused), 1);
        let occurrences = observed.last_drops(RefuseReason::Banned.full_name());
        let addrs: Vec<_> = occurrences.iter().map(|it| (it.node, it.addr)).collect();
        assert_eq!(addrs, [(Some(id), Some(addr)), (Some(id), None)]);
        let last = observed.last(&id);
        assert_eq!(last.dropped.map(|(_, closed)| closed), Some(closed));
        assert!(last.dial_failed.is_some());
        assert_eq!(observed.nodes().collect::<Vec<_>>(), [id, id]);
    }
}
