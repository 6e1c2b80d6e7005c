//! Boot nodes and witnesses of the time: when they are pinged, and what is wrong with boot nodes that are of no use.

use core::time::Duration;
use std::time::Instant;

use p2p_identity::NodeId;

use crate::event::{BootNodeReason, ClockWitness, Event};
use crate::node::Node;

/// Maximum number of boot nodes.
const MAX_BOOT_NODES: usize = 64;

/// Maximum number of witnesses of the time that are no boot nodes. One is enough, if it answers.
const MAX_WITNESSES: usize = 16;

/// The pause between two rounds of pings while the table is empty. It doubles from the first value to
/// the second.
const FIRST_INTERVAL: Duration = Duration::from_secs(2);
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum pause while a clock is wrong. It may be set at any time.
const MAX_CLOCK_INTERVAL: Duration = Duration::from_secs(15);

/// Number of rounds without an answer after which a node is reported. A round has several pings.
const ROUNDS_BEFORE_REPORT: u32 = 2;

/// Minimum time between two reports of the same failure.
const REPORT_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// A boot node, or a witness of the time, and what is known of it.
#[derive(Debug)]
struct BootNode {
    node: Node,
    /// Whether it is only a witness of the time. Of what is wrong with it, only another network is reported.
    is_witness: bool,
    /// Rounds without an answer since it last answered.
    silent_rounds: u32,
    /// Whether it has answered, and is of our network.
    has_answered: bool,
    /// When it is pinged again although the table has nodes.
    recheck_at: Option<Instant>,
    /// What was seen since it last answered.
    seen: Option<BootNodeReason>,
    reported: Option<(Instant, BootNodeReason)>,
}

impl BootNode {
    /// Remembers what was seen. Returns the event if it is to be reported now.
    fn fail(&mut self, now: Instant, reason: BootNodeReason) -> Option<Event> {
        self.seen = Some(reason);
        let event = match reason {
            _ if !self.is_witness => Event::BootNodeFailed(self.node.clone(), reason),
            BootNodeReason::OtherNetwork(network) => {
                Event::WitnessForeign(self.node.clone(), network)
            }
            _ => return None,
        };
        let is_known = |(at, known): &(Instant, BootNodeReason)| {
            *known == reason && now.saturating_duration_since(*at) < REPORT_INTERVAL
        };
        if self.reported.as_ref().is_some_and(is_known) {
            return None;
        }
        self.reported = Some((now, reason));
        Some(event)
    }
}

/// All boot nodes.
#[derive(Debug)]
pub(super) struct BootNodes {
    nodes: Vec<BootNode>,
    /// When all are pinged next, if the table is empty then.
    next_round: Instant,
    interval: Duration,
}

impl BootNodes {
    pub(super) const fn new(now: Instant) -> Self {
        Self { nodes: Vec::new(), next_round: now, interval: FIRST_INTERVAL }
    }

    /// Adds a boot node, or only a witness of the time; a boot node stays one. Returns `false` if there are too many.
    pub(super) fn add(&mut self, node: Node, is_witness: bool) -> bool {
        if is_witness && self.nodes.iter().any(|known| known.node.id == node.id) {
            return true;
        }
        self.nodes.retain(|known| known.node.id != node.id);
        let limit = if is_witness { MAX_WITNESSES } else { MAX_BOOT_NODES };
        let of_its_kind = self.nodes.iter().filter(|known| known.is_witness == is_witness).count();
        let has_room = of_its_kind < limit;
        if has_room {
            self.nodes.push(BootNode {
                node,
                is_witness,
                silent_rounds: 0,
                has_answered: false,
                recheck_at: None,
                seen: None,
                reported: None,
            });
        }
        has_room
    }

    /// The boot node with the id and address of `node`.
    fn get_mut(&mut self, node: &Node) -> Option<&mut BootNode> {
        self.nodes.iter_mut().find(|known| is_same(&known.node, node))
    }

    /// As what `node` testifies to the time, if it is a boot node or a witness at the address that was given for it.
    pub(super) fn witness(&self, node: &Node) -> Option<ClockWitness> {
        let known = self.nodes.iter().find(|known| is_same(&known.node, node))?;
        Some(match known.is_witness {
            true => ClockWitness::Trusted(node.id),
            false => ClockWitness::BootNode(node.id),
        })
    }

    /// Whether `node` is a boot node that has not answered yet, or no longer.
    pub(super) fn is_unanswered(&self, node: &Node) -> bool {
        self.nodes.iter().any(|known| is_same(&known.node, node) && !known.has_answered)
    }

    /// When there is something to do next.
    pub(super) fn next_due(&self, has_nodes: bool) -> Option<Instant> {
        let round = (!has_nodes && !self.nodes.is_empty()).then_some(self.next_round);
        self.nodes.iter().filter_map(|known| known.recheck_at).chain(round).min()
    }

    /// The boot nodes to ping now: all of them from time to time while the table is empty, otherwise
    /// those that have not answered the first time.
    pub(super) fn due(&mut self, now: Instant, has_nodes: bool) -> Vec<Node> {
        let is_round = !has_nodes && self.next_round <= now;
        if is_round {
            let is_clock =
                |known: &BootNode| matches!(known.seen, Some(BootNodeReason::WrongClock(_)));
            let max_interval =
                if self.nodes.iter().any(is_clock) { MAX_CLOCK_INTERVAL } else { MAX_INTERVAL };
            self.interval = self.interval.min(max_interval);
            self.next_round = now + self.interval;
            self.interval = (self.interval * 2).min(max_interval);
        }
        let is_due =
            |known: &&mut BootNode| is_round || known.recheck_at.is_some_and(|at| at <= now);
        let due = self.nodes.iter_mut().filter(is_due);
        due.map(|known| {
            known.recheck_at = None;
            known.node.clone()
        })
        .collect()
    }

    /// A node is alive and of our network, so the next empty table is no long-lasting one.
    pub(super) fn handle_alive(&mut self, node: &Node) -> Option<Event> {
        self.interval = FIRST_INTERVAL;
        let known = self.get_mut(node)?;
        known.has_answered = true;
        known.silent_rounds = 0;
        known.recheck_at = None;
        known.seen = None;
        let reported = known.reported.take().filter(|_| !known.is_witness);
        reported.map(|_| Event::BootNodeAnswers(node.id))
    }

    /// A boot node has not answered a round of pings. `has_received`: whether any packet has come from
    /// any node.
    pub(super) fn handle_silence(
        &mut self,
        now: Instant,
        node: &Node,
        has_received: bool,
    ) -> Option<Event> {
        let known = self.get_mut(node)?;
        known.has_answered = false;
        known.silent_rounds = known.silent_rounds.saturating_add(1);
        if known.silent_rounds < ROUNDS_BEFORE_REPORT {
            known.recheck_at = Some(now + FIRST_INTERVAL);
            return None;
        }
        // Another key, or a wrong clock, is the reason for the silence.
        let reason = match known.seen {
            Some(seen @ BootNodeReason::OtherKey(_)) => seen,
            Some(BootNodeReason::WrongClock(_)) => return None,
            _ => BootNodeReason::Silent { has_received },
        };
        known.fail(now, reason)
    }

    /// What a datagram from the address of a boot node has shown.
    pub(super) fn handle_failure(
        &mut self,
        now: Instant,
        node: &Node,
        reason: BootNodeReason,
    ) -> Option<Event> {
        let known = self.get_mut(node)?;
        // The record is not read each time.
        let reason = match (reason, known.seen) {
            (BootNodeReason::OtherNetwork(None), Some(seen @ BootNodeReason::OtherNetwork(_))) => {
                seen
            }
            _ => reason,
        };
        known.fail(now, reason)
    }

    /// Our clock differs from that of a boot node, which is reported as a wrong clock of ours.
    pub(super) fn handle_clock(&mut self, node: &Node, reason: BootNodeReason) {
        if let Some(known) = self.get_mut(node) {
            known.seen = Some(reason);
        }
    }

    /// Our clock was set: what was seen before may be over.
    pub(super) fn handle_clock_set(&mut self, now: Instant) {
        self.next_round = now;
        self.interval = FIRST_INTERVAL;
        for known in &mut self.nodes {
            known.silent_rounds = 0;
            known.seen = None;
        }
    }
}

fn is_same(one: &Node, other: &Node) -> bool {
    let id_and_addr = |node: &Node| -> (NodeId, _) { (node.id, node.endpoint.udp_addr()) };
    id_and_addr(one) == id_and_addr(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4::Endpoint;

    const SILENT: BootNodeReason = BootNodeReason::Silent { has_received: false };

    fn node(number: u8) -> Node {
        let endpoint = Endpoint { ip: [number, 1, 1, 1].into(), udp: 30303, tcp: 0 };
        Node::new(NodeId([number; 64]), endpoint)
    }

    fn boot_nodes(now: Instant) -> BootNodes {
        let mut nodes = BootNodes::new(now);
        assert!(nodes.add(node(1), false));
        nodes
    }

    #[test]
    fn boot_nodes_are_pinged_less_and_less_often() {
        let start = Instant::now();
        let mut nodes = boot_nodes(start);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let due = nodes.next_due(false).unwrap();
            assert_eq!(nodes.due(due, false).len(), 1);
            assert_eq!(nodes.due(due, false), [], "not due yet");
            pauses.push((nodes.next_due(false).unwrap() - due).as_secs());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(nodes.next_due(true), None, "the table has nodes");
    }

    #[test]
    fn a_silent_one_is_pinged_twice_before_it_is_reported_and_then_seldom() {
        let start = Instant::now();
        let mut nodes = boot_nodes(start);
        assert_eq!(nodes.handle_silence(start, &node(1), false), None);
        let again = nodes.next_due(true).expect("also if the table has nodes");
        assert_eq!(nodes.due(again, true), [node(1)]);
        let failed = Some(Event::BootNodeFailed(node(1), SILENT));
        assert_eq!(nodes.handle_silence(again, &node(1), false), failed);
        assert_eq!(nodes.handle_silence(again, &node(1), false), None);
        assert_eq!(nodes.handle_silence(again + REPORT_INTERVAL, &node(1), false), failed);
        assert_eq!(nodes.handle_alive(&node(1)), Some(Event::BootNodeAnswers(node(1).id)));
        assert_eq!(nodes.handle_alive(&node(1)), None);
        assert_eq!(nodes.handle_silence(again, &node(2), false), None, "no boot node");
    }

    #[test]
    fn what_was_seen_outweighs_the_silence() {
        let now = Instant::now();
        let mut nodes = boot_nodes(now);
        let other = BootNodeReason::OtherKey(NodeId([7; 64]));
        let failed = Some(Event::BootNodeFailed(node(1), other));
        assert_eq!(nodes.handle_failure(now, &node(1), other), failed, "immediately");
        for _ in 0..3 {
            assert_eq!(nodes.handle_silence(now, &node(1), true), None, "it has been reported");
        }
        assert_eq!(nodes.handle_silence(now + REPORT_INTERVAL, &node(1), true), failed);
    }

    #[test]
    fn a_witness_is_pinged_and_not_reported() {
        let now = Instant::now();
        let mut nodes = BootNodes::new(now);
        assert!(nodes.add(node(1), true));
        assert_eq!(nodes.due(now, false), [node(1)]);
        assert_eq!(nodes.witness(&node(1)), Some(ClockWitness::Trusted(node(1).id)));
        for _ in 0..3 {
            assert_eq!(nodes.handle_silence(now, &node(1), true), None);
        }
        assert!(nodes.add(node(1), false) && nodes.add(node(1), true));
        assert_eq!(nodes.witness(&node(1)), Some(ClockWitness::BootNode(node(1).id)));
        assert_eq!(nodes.witness(&node(2)), None);
        assert!((101..=116).all(|number| nodes.add(node(number), true)));
        assert!(!nodes.add(node(117), true), "there are enough");
        assert!((2..=64).all(|number| nodes.add(node(number), false)), "boot nodes have room");
        assert!(!nodes.add(node(65), false));
    }

    #[test]
    fn the_pause_is_short_while_a_clock_is_wrong() {
        let start = Instant::now();
        let mut nodes = boot_nodes(start);
        let offset = crate::ClockOffset::Behind(Duration::from_secs(45));
        nodes.handle_clock(&node(1), BootNodeReason::WrongClock(offset));
        let mut at = start;
        for _ in 0..9 {
            nodes.due(at, false);
            let next = nodes.next_due(false).unwrap();
            assert!(next - at <= MAX_CLOCK_INTERVAL);
            at = next;
        }
        nodes.handle_clock_set(at);
        assert_eq!(nodes.next_due(false), Some(at));
    }
}
