//! Looking for the nodes nearest to a target.

use std::collections::{HashMap, HashSet};

use keccak_lanes::Digest;
use p2p_identity::NodeId;

use crate::address::Subnet;
use crate::bucket::BUCKET_SIZE;
use crate::distance::distance;
use crate::table::MAX_PER_SUBNET;
use crate::{LookupOutcome, Node};

/// How many nodes are asked at the same time.
const ALPHA: usize = 3;

/// How many candidates are kept: those near the target, and some more for those that turn out to be
/// gone.
const MAX_CANDIDATES: usize = 4 * BUCKET_SIZE;

/// How many nodes are asked at most. An honest network takes some 20; one that tells of ever nearer
/// nodes that do not exist could go on for ever.
const MAX_ASKED: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not asked yet.
    Heard,
    Asked,
    /// It is alive, and has answered or will not.
    Alive,
    Gone,
}

#[derive(Clone, Debug)]
struct Candidate {
    distance: Digest,
    node: Node,
    state: State,
    /// Through how many answers we heard of it.
    round: u32,
}

/// An iterative lookup (Kademlia): ask the nearest known nodes for nearer ones, three at a time, until
/// the 16 nearest have all been asked.
#[derive(Debug)]
pub(crate) struct Lookup {
    target: NodeId,
    hash: Digest,
    /// The nearest first.
    candidates: Vec<Candidate>,
    /// All that were ever heard of: who has been thrown out does not come back.
    heard: HashSet<NodeId>,
    /// How many of them were said to be in a subnet: nobody makes us ping a stranger's network with a
    /// list of made up nodes, and nobody is all that is near a target.
    subnets: HashMap<Subnet, usize>,
    running: usize,
    asked: u32,
    silent: u32,
}

impl Lookup {
    /// Begins with `known` nodes. `local` is not to be found.
    pub(crate) fn new(
        target: NodeId,
        local: NodeId,
        known: impl IntoIterator<Item = Node>,
    ) -> Self {
        let mut lookup = Self {
            target,
            hash: target.hash(),
            candidates: Vec::new(),
            heard: HashSet::from([local]),
            subnets: HashMap::new(),
            running: 0,
            asked: 0,
            silent: 0,
        };
        lookup.hear(known, 0);
        lookup
    }

    pub(crate) const fn target(&self) -> NodeId {
        self.target
    }

    /// The next node to ask, if one may be asked now.
    pub(crate) fn poll_ask(&mut self) -> Option<Node> {
        if self.running >= ALPHA || self.asked >= MAX_ASKED {
            return None;
        }
        let candidate = self.nearest_mut().find(|candidate| candidate.state == State::Heard)?;
        candidate.state = State::Asked;
        let node = candidate.node.clone();
        self.running += 1;
        self.asked += 1;
        Some(node)
    }

    /// The node `by`, which was asked, tells of `nodes`. It may do so several times. Returns how many
    /// were refused because there are too many of their subnet.
    pub(crate) fn handle_nodes(
        &mut self,
        by: &NodeId,
        nodes: impl IntoIterator<Item = Node>,
    ) -> usize {
        let teller = self.candidates.iter().find(|candidate| candidate.node.id == *by);
        // It may have been pushed out by nearer ones meanwhile; then it is no use any more.
        let Some(round) = teller.map(|candidate| candidate.round + 1) else { return 0 };
        self.hear(nodes, round)
    }

    /// The node that was asked has said all it has to say; or nothing, but is alive; or is gone. With
    /// what is known of it by now.
    pub(crate) fn handle_done(&mut self, node: &Node, is_alive: bool, has_answered: bool) {
        self.running = self.running.saturating_sub(1);
        self.silent += u32::from(!has_answered);
        let asked = self.candidates.iter_mut().find(|candidate| candidate.node.id == node.id);
        if let Some(candidate) = asked {
            candidate.state = if is_alive { State::Alive } else { State::Gone };
            candidate.node = node.clone();
        }
        self.candidates.retain(|candidate| candidate.state != State::Gone);
    }

    /// Whether there is nobody left to ask, and nobody to wait for.
    pub(crate) fn is_finished(&mut self) -> bool {
        let exhausted = self.asked >= MAX_ASKED;
        self.running == 0
            && (exhausted || self.nearest_mut().all(|candidate| candidate.state == State::Alive))
    }

    /// What was found.
    pub(crate) fn finish(self) -> LookupOutcome {
        let alive = self.candidates.into_iter().filter(|candidate| candidate.state == State::Alive);
        let alive: Vec<Candidate> = alive.take(BUCKET_SIZE).collect();
        LookupOutcome {
            rounds: alive.first().map_or(0, |nearest| nearest.round),
            nodes: alive.into_iter().map(|candidate| candidate.node).collect(),
            asked: self.asked,
            silent: self.silent,
        }
    }

    fn nearest_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.candidates.iter_mut().take(BUCKET_SIZE)
    }

    fn hear(&mut self, nodes: impl IntoIterator<Item = Node>, round: u32) -> usize {
        let mut refused = 0;
        for node in nodes {
            if !self.heard.insert(node.id) {
                continue;
            }
            if !self.has_room_for(&node) {
                refused += 1;
                continue;
            }
            let distance = distance(&node.id.hash(), &self.hash);
            let place = self.candidates.partition_point(|other| other.distance < distance);
            if place >= MAX_CANDIDATES {
                continue;
            }
            let candidate = Candidate { distance, node, state: State::Heard, round };
            self.candidates.insert(place, candidate);
            self.candidates.truncate(MAX_CANDIDATES);
        }
        refused
    }

    /// Whether there are not too many of the node's subnet yet. Counts it.
    fn has_room_for(&mut self, node: &Node) -> bool {
        let Some(subnet) = Subnet::of(node.endpoint.ip) else { return true };
        let count = self.subnets.entry(subnet).or_default();
        *count += 1;
        *count <= MAX_PER_SUBNET
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::v4::Endpoint;

    fn node(number: u32) -> Node {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let ip = Ipv4Addr::from_bits(0x0100_0000 + (number << 8)).into();
        Node::new(NodeId(id), Endpoint { ip, udp: 30303, tcp: 30303 })
    }

    /// The `count` nodes of `all` nearest to `target`.
    fn nearest(all: &[Node], target: &NodeId, count: usize) -> Vec<Node> {
        let mut all = all.to_vec();
        all.sort_by_key(|node| distance(&node.id.hash(), &target.hash()));
        all.truncate(count);
        all
    }

    /// Runs a lookup in a network in which every node knows 16 others near any target out of every
    /// seventh; `gone` do not answer. Also returns the most that ran at once.
    fn run(all: &[Node], gone: &[u32], target: NodeId) -> (LookupOutcome, usize) {
        let gone: Vec<NodeId> = gone.iter().map(|number| node(*number).id).collect();
        let mut lookup = Lookup::new(target, NodeId([0xff; 64]), all.iter().step_by(50).cloned());
        let (mut asked, mut most) = (HashMap::new(), 0);
        while !lookup.is_finished() {
            while let Some(node) = lookup.poll_ask() {
                assert!(asked.insert(node.id, node).is_none(), "asked twice");
                most = most.max(lookup.running);
            }
            let id = *asked.keys().min().expect("it waits for somebody");
            let node = asked.remove(&id).unwrap();
            let answers = !gone.contains(&id);
            if answers {
                let some: Vec<Node> =
                    all.iter().skip(usize::from(id.0[3]) % 3).step_by(3).cloned().collect();
                lookup.handle_nodes(&id, nearest(&some, &target, 16));
            }
            lookup.handle_done(&node, answers, answers);
        }
        (lookup.finish(), most)
    }

    #[test]
    fn the_nearest_nodes_are_found_three_at_a_time() {
        let all: Vec<Node> = (0..500).map(node).collect();
        for target in [NodeId([1; 64]), node(77).id, node(499).id] {
            let (found, most) = run(&all, &[], target);
            assert_eq!(found.nodes, nearest(&all, &target, 16));
            assert_eq!((most, found.silent), (ALPHA, 0));
            assert!((1..=4).contains(&found.rounds) && found.asked < 60, "{found:?}");
        }
    }

    #[test]
    fn who_is_gone_is_left_out() {
        let all: Vec<Node> = (0..500).map(node).collect();
        let target = node(77).id;
        let gone: Vec<u32> = (77..160).collect();
        let (found, _) = run(&all, &gone, target);
        let alive: Vec<Node> = (0..77).chain(160..500).map(node).collect();
        assert_eq!(found.nodes, nearest(&alive, &target, 16));
        assert!(found.silent > 0);
    }

    #[test]
    fn nobody_known_is_an_empty_result() {
        let mut lookup = Lookup::new(NodeId([1; 64]), NodeId([2; 64]), []);
        assert!(lookup.is_finished() && lookup.poll_ask().is_none());
        assert_eq!(lookup.finish(), LookupOutcome::default());
    }

    #[test]
    fn a_network_that_makes_up_nodes_is_left_at_last() {
        let mut lookup = Lookup::new(NodeId([1; 64]), NodeId([2; 64]), [node(0)]);
        let mut number = 1;
        while !lookup.is_finished() {
            let asked = lookup.poll_ask().expect("somebody to ask");
            lookup.handle_nodes(&asked.id, (number..number + 16).map(node));
            number += 16;
            lookup.handle_done(&asked, false, true);
            assert!(lookup.candidates.len() <= MAX_CANDIDATES);
        }
        let found = lookup.finish();
        assert_eq!((found.asked, found.nodes.len()), (MAX_ASKED, 0));
    }

    #[test]
    fn a_subnet_is_asked_ten_times_at_most() {
        let mut lookup = Lookup::new(NodeId([1; 64]), NodeId([2; 64]), [node(0)]);
        let asked = lookup.poll_ask().unwrap();
        let in_one = |mut node: Node| {
            node.endpoint.ip = [9, 9, 9, node.id.0[3]].into();
            node
        };
        assert_eq!(lookup.handle_nodes(&asked.id, (1..=200).map(node).map(in_one)), 190);
        lookup.handle_done(&asked, true, true);
        while let Some(asked) = lookup.poll_ask() {
            lookup.handle_done(&asked, false, false);
        }
        assert_eq!(lookup.finish().asked, 11);
    }

    #[test]
    fn we_do_not_find_ourselves() {
        let local = node(5);
        let mut lookup = Lookup::new(local.id, local.id, [node(0), local.clone()]);
        let asked = lookup.poll_ask().unwrap();
        lookup.handle_nodes(&asked.id, [local.clone(), node(1)]);
        lookup.handle_done(&asked, true, true);
        while let Some(asked) = lookup.poll_ask() {
            lookup.handle_done(&asked, true, true);
        }
        let found: Vec<NodeId> = lookup.finish().nodes.iter().map(|node| node.id).collect();
        assert_eq!(found.len(), 2);
        assert!(!found.contains(&local.id));
    }
}
