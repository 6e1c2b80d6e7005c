//! When the machine acts by itself: pinging boot nodes and refreshing the table.

use core::time::Duration;
use std::time::Instant;

use crate::event::LookupId;
use crate::node::Node;

/// Maximum number of boot nodes.
const MAX_BOOT_NODES: usize = 64;

/// The pause between two rounds of pings to the boot nodes while the table is empty. It doubles from
/// the first value to the second.
const FIRST_BOOT_INTERVAL: Duration = Duration::from_secs(2);
const MAX_BOOT_INTERVAL: Duration = Duration::from_secs(60);

/// Number of lookups in a refresh: the first for the own id, so that the nodes near this one learn of
/// it, the others for random targets.
const LOOKUPS_PER_REFRESH: u8 = 4;

/// What the next lookup of a refresh looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshTarget {
    OwnId,
    Random,
}

/// Decides when boot nodes are pinged and when lookups refresh the table.
#[derive(Debug)]
pub(super) struct Upkeep {
    boot_nodes: Vec<Node>,
    /// When boot nodes are pinged next, if the table is empty then.
    next_boot: Instant,
    boot_interval: Duration,
    /// When the next lookup of a refresh begins; `None` while the table is empty.
    next_lookup: Option<Instant>,
    /// Lookups left in this refresh.
    lookups_left: u8,
    /// The lookup of a refresh that is running.
    running: Option<LookupId>,
}

impl Upkeep {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            boot_nodes: Vec::new(),
            next_boot: now,
            boot_interval: FIRST_BOOT_INTERVAL,
            next_lookup: None,
            lookups_left: 0,
            running: None,
        }
    }

    /// A node was added to the table or answered again. The first one starts a refresh.
    pub(super) fn handle_alive(&mut self, now: Instant) {
        self.boot_interval = FIRST_BOOT_INTERVAL;
        self.next_lookup.get_or_insert(now);
    }

    /// Adds a boot node. Returns `false` if there are too many.
    pub(super) fn add_boot_node(&mut self, node: Node) -> bool {
        self.boot_nodes.retain(|known| known.id != node.id);
        let has_room = self.boot_nodes.len() < MAX_BOOT_NODES;
        if has_room {
            self.boot_nodes.push(node);
        }
        has_room
    }

    /// When there is something to do next.
    pub(super) fn next_due(&self, has_nodes: bool) -> Option<Instant> {
        let boot = (!has_nodes && !self.boot_nodes.is_empty()).then_some(self.next_boot);
        let lookup = self.next_lookup.filter(|_| self.running.is_none());
        boot.into_iter().chain(lookup).min()
    }

    /// The table is empty: returns the boot nodes if it is time to ping them.
    pub(super) fn ping_boot_nodes(&mut self, now: Instant) -> Vec<Node> {
        self.next_lookup = None;
        self.lookups_left = 0;
        if self.next_boot > now {
            return Vec::new();
        }
        self.next_boot = now + self.boot_interval;
        self.boot_interval = (self.boot_interval * 2).min(MAX_BOOT_INTERVAL);
        self.boot_nodes.clone()
    }

    /// The table has nodes: returns what to look up if it is time for the next lookup.
    pub(super) fn refresh(&mut self, now: Instant, interval: Duration) -> Option<RefreshTarget> {
        if self.running.is_some() || self.next_lookup.is_none_or(|due| due > now) {
            return None;
        }
        let is_first = self.lookups_left == 0;
        if is_first {
            self.lookups_left = LOOKUPS_PER_REFRESH;
        }
        self.lookups_left -= 1;
        let pause = if self.lookups_left > 0 { Duration::ZERO } else { interval };
        self.next_lookup = Some(now + pause);
        Some(if is_first { RefreshTarget::OwnId } else { RefreshTarget::Random })
    }

    /// The lookup that [`refresh`](Self::refresh) asked for is running.
    pub(super) const fn handle_lookup_begun(&mut self, id: LookupId) {
        self.running = Some(id);
    }

    /// A lookup is over, one of a refresh or another one.
    pub(super) fn handle_lookup_finished(&mut self, now: Instant, id: LookupId) {
        if self.running == Some(id) {
            self.running = None;
            self.next_lookup = self.next_lookup.map(|due| due.max(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(600);

    #[test]
    fn a_refresh_is_one_lookup_for_the_own_id_and_three_random_ones() {
        let now = Instant::now();
        let mut upkeep = Upkeep::new(now);
        assert_eq!(upkeep.refresh(now, INTERVAL), None, "the table is empty");
        upkeep.handle_alive(now);
        let mut targets = Vec::new();
        while let Some(target) = upkeep.refresh(now, INTERVAL) {
            upkeep.handle_lookup_begun(LookupId(7));
            assert_eq!(upkeep.refresh(now, INTERVAL), None, "one lookup at a time");
            upkeep.handle_lookup_finished(now, LookupId(8));
            assert_eq!(upkeep.next_due(true), None, "another lookup changes nothing");
            upkeep.handle_lookup_finished(now, LookupId(7));
            targets.push(target);
        }
        let random = RefreshTarget::Random;
        assert_eq!(targets, [RefreshTarget::OwnId, random, random, random]);
        assert_eq!(upkeep.next_due(true), Some(now + INTERVAL));
    }

    #[test]
    fn boot_nodes_are_pinged_less_and_less_often() {
        let start = Instant::now();
        let mut upkeep = Upkeep::new(start);
        let endpoint = crate::v4::Endpoint { ip: [1, 1, 1, 1].into(), udp: 30303, tcp: 0 };
        assert!(upkeep.add_boot_node(Node::new(p2p_identity::NodeId([1; 64]), endpoint)));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let due = upkeep.next_due(false).unwrap();
            assert_eq!(upkeep.ping_boot_nodes(due).len(), 1);
            assert_eq!(upkeep.ping_boot_nodes(due), [], "not due yet");
            pauses.push((upkeep.next_due(false).unwrap() - due).as_secs());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
    }
}
