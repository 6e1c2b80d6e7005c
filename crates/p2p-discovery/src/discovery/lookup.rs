//! Lookups: finding the nodes nearest to a target.

use std::collections::BTreeMap;

use keccak_lanes::Digest;
use p2p_identity::NodeId;
use p2p_world::{HashMap, HashSet};

use crate::address::{Subnet, SubnetLimits};
use crate::event::{LookupId, LookupOutcome};
use crate::node::Node;
use crate::table::{BUCKET_SIZE, MAX_PER_SUBNET, distance};

/// Maximum number of running lookups.
const MAX_LOOKUPS: usize = 32;

/// Number of nodes that a lookup asks in parallel (Kademlia's α).
const PARALLEL_REQUESTS: usize = 3;

/// Maximum number of candidates of a lookup: the nearest nodes, and spare ones for those that turn
/// out to be gone.
const MAX_CANDIDATES: usize = 4 * BUCKET_SIZE;

/// Maximum number of nodes that a lookup asks. An honest network needs about 20. A network that
/// invents ever nearer nodes would keep the lookup running otherwise.
const MAX_ASKED: u32 = 100;

/// The running lookups.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    running: BTreeMap<LookupId, Lookup>,
    next_number: u64,
}

impl Lookups {
    /// Whether the user may begin no further lookup.
    pub(super) fn is_full(&self) -> bool {
        self.running.len() >= MAX_LOOKUPS
    }

    pub(super) fn add(&mut self, lookup: Lookup) -> LookupId {
        let id = LookupId(self.next_number);
        self.next_number += 1;
        self.running.insert(id, lookup);
        id
    }

    pub(super) fn ids(&self) -> Vec<LookupId> {
        self.running.keys().copied().collect()
    }

    pub(super) fn get_mut(&mut self, id: LookupId) -> Option<&mut Lookup> {
        self.running.get_mut(&id)
    }

    /// Removes the lookup if it is finished, and returns its outcome.
    pub(super) fn finish(&mut self, id: LookupId) -> Option<LookupOutcome> {
        if self.running.get_mut(&id)?.is_finished() {
            self.running.remove(&id).map(Lookup::finish)
        } else {
            None
        }
    }
}

/// How often a node that does not answer is asked in one lookup.
const MAX_TIMES_ASKED: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CandidateState {
    NotAsked,
    Asked,
    /// It has answered, and nothing more is expected from it.
    Answered,
    /// It has not answered. It is no longer a candidate.
    Silent,
}

#[derive(Clone, Debug)]
struct Candidate {
    distance: Digest,
    node: Node,
    state: CandidateState,
    /// The number of answers that led to it.
    round: u32,
    /// How often it was asked. Datagrams get lost, so a node that does not answer is asked once more.
    times_asked: u32,
}

/// An iterative lookup (Kademlia): asks the nearest known nodes for nearer ones, three in parallel,
/// until the 16 nearest have been asked.
#[derive(Debug)]
pub(super) struct Lookup {
    target: NodeId,
    hash: Digest,
    /// Nearest first.
    candidates: Vec<Candidate>,
    /// All nodes that were ever candidates, so that a removed one does not return.
    seen: HashSet<NodeId>,
    /// How many of them are in each subnet. The limit keeps a list of invented nodes from making us
    /// ping another network, and one owner from being all that is near a target.
    subnets: HashMap<Subnet, usize>,
    limits: SubnetLimits,
    running: usize,
    asked: u32,
    silent: u32,
}

impl Lookup {
    /// A lookup that begins with the nodes `known`. The node `local` is never a candidate.
    pub(super) fn new(
        target: NodeId,
        local: NodeId,
        limits: SubnetLimits,
        known: impl IntoIterator<Item = Node>,
    ) -> Self {
        let mut lookup = Self {
            target,
            hash: target.hash(),
            candidates: Vec::new(),
            seen: HashSet::from_iter([local]),
            subnets: HashMap::default(),
            limits,
            running: 0,
            asked: 0,
            silent: 0,
        };
        lookup.add_candidates(known, 0);
        lookup
    }

    pub(super) const fn target(&self) -> NodeId {
        self.target
    }

    /// The next node to ask, if one is to be asked now.
    pub(super) fn poll_ask(&mut self) -> Option<Node> {
        if self.running >= PARALLEL_REQUESTS || self.asked >= MAX_ASKED {
            return None;
        }
        let not_asked = |candidate: &&mut Candidate| candidate.state == CandidateState::NotAsked;
        let candidate = self.nearest_mut().find(not_asked)?;
        candidate.state = CandidateState::Asked;
        candidate.times_asked += 1;
        let node = candidate.node.clone();
        self.running += 1;
        self.asked += 1;
        Some(node)
    }

    /// Takes nodes from an answer of the node `from`, which may come in several packets. Returns how
    /// many were refused because there are too many of their subnet.
    pub(super) fn handle_nodes(
        &mut self,
        from: &NodeId,
        nodes: impl IntoIterator<Item = Node>,
    ) -> usize {
        let asked = self.candidates.iter().find(|candidate| candidate.node.id == *from);
        // If nearer nodes have pushed it out, its answer is of no more use.
        let Some(round) = asked.map(|candidate| candidate.round + 1) else { return 0 };
        self.add_candidates(nodes, round)
    }

    /// Nothing more is expected from a node that was asked. `node` has the endpoint and record that
    /// are known by now. A node that has not answered is not found, even if it answers pings.
    pub(super) fn handle_done(&mut self, node: &Node, has_answered: bool) {
        self.running = self.running.saturating_sub(1);
        let asked = self.candidates.iter_mut().find(|candidate| candidate.node.id == node.id);
        if let Some(candidate) = asked {
            candidate.state = match has_answered {
                true => CandidateState::Answered,
                false if candidate.times_asked < MAX_TIMES_ASKED => CandidateState::NotAsked,
                false => CandidateState::Silent,
            };
            candidate.node = node.clone();
            self.silent += u32::from(candidate.state == CandidateState::Silent);
        }
        self.candidates.retain(|candidate| candidate.state != CandidateState::Silent);
    }

    /// Whether no request is running and none is left to send.
    fn is_finished(&mut self) -> bool {
        let exhausted = self.asked >= MAX_ASKED;
        let has_answered = |candidate: &mut Candidate| candidate.state == CandidateState::Answered;
        self.running == 0 && (exhausted || self.nearest_mut().all(has_answered))
    }

    fn finish(self) -> LookupOutcome {
        let has_answered = |candidate: &Candidate| candidate.state == CandidateState::Answered;
        let answered = self.candidates.into_iter().filter(has_answered);
        let answered: Vec<Candidate> = answered.take(BUCKET_SIZE).collect();
        LookupOutcome {
            rounds: answered.first().map_or(0, |nearest| nearest.round),
            nodes: answered.into_iter().map(|candidate| candidate.node).collect(),
            asked: self.asked,
            silent: self.silent,
        }
    }

    fn nearest_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.candidates.iter_mut().take(BUCKET_SIZE)
    }

    fn add_candidates(&mut self, nodes: impl IntoIterator<Item = Node>, round: u32) -> usize {
        let mut refused = 0;
        for node in nodes {
            if !self.seen.insert(node.id) {
                continue;
            }
            if !self.count_subnet(&node) {
                refused += 1;
                continue;
            }
            let distance = distance(&node.id.hash(), &self.hash);
            let index = self.candidates.partition_point(|other| other.distance < distance);
            if index >= MAX_CANDIDATES {
                continue;
            }
            let state = CandidateState::NotAsked;
            let candidate = Candidate { distance, node, state, round, times_asked: 0 };
            self.candidates.insert(index, candidate);
            self.candidates.truncate(MAX_CANDIDATES);
        }
        refused
    }

    /// Counts the subnet of the node. Returns `false` if there are too many of it.
    fn count_subnet(&mut self, node: &Node) -> bool {
        let Some(subnet) = self.limits.subnet(node) else { return true };
        let count = self.subnets.entry(subnet).or_default();
        *count += 1;
        *count <= MAX_PER_SUBNET
    }
}

#[cfg(test)]
mod tests {
    use p2p_world::HashMap;
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

    /// Runs a lookup in a network in which every node knows the 16 nearest of a third of all nodes.
    /// The nodes `gone` do not answer. Also returns the maximum number of parallel requests.
    fn run(all: &[Node], gone: &[u32], target: NodeId) -> (LookupOutcome, usize) {
        let gone: Vec<NodeId> = gone.iter().map(|number| node(*number).id).collect();
        let mut lookup = Lookup::new(
            target,
            NodeId([0xff; 64]),
            SubnetLimits::default(),
            all.iter().step_by(50).cloned(),
        );
        let (mut asked, mut most) = (HashMap::default(), 0);
        while !lookup.is_finished() {
            while let Some(node) = lookup.poll_ask() {
                assert!(asked.insert(node.id, node).is_none(), "asked twice");
                most = most.max(lookup.running);
            }
            let id = *asked.keys().min().expect("a request is running");
            let node = asked.remove(&id).unwrap();
            let answers = !gone.contains(&id);
            if answers {
                let some: Vec<Node> =
                    all.iter().skip(usize::from(id.0[3]) % 3).step_by(3).cloned().collect();
                lookup.handle_nodes(&id, nearest(&some, &target, 16));
            }
            lookup.handle_done(&node, answers);
        }
        (lookup.finish(), most)
    }

    #[test]
    fn the_nearest_nodes_are_found_with_three_parallel_requests() {
        let all: Vec<Node> = (0..500).map(node).collect();
        for target in [NodeId([1; 64]), node(77).id, node(499).id] {
            let (found, most) = run(&all, &[], target);
            assert_eq!(found.nodes, nearest(&all, &target, 16));
            assert_eq!((most, found.silent), (PARALLEL_REQUESTS, 0));
            assert!((1..=4).contains(&found.rounds) && found.asked < 60, "{found:?}");
        }
    }

    #[test]
    fn nodes_that_are_gone_are_left_out() {
        let all: Vec<Node> = (0..500).map(node).collect();
        let target = node(77).id;
        let gone: Vec<u32> = (77..160).collect();
        let (found, _) = run(&all, &gone, target);
        let alive: Vec<Node> = (0..77).chain(160..500).map(node).collect();
        assert_eq!(found.nodes, nearest(&alive, &target, 16));
        assert!(found.silent > 0);
    }

    #[test]
    fn a_lookup_without_known_nodes_is_empty() {
        let mut lookup = Lookup::new(NodeId([1; 64]), NodeId([2; 64]), SubnetLimits::default(), []);
        assert!(lookup.is_finished() && lookup.poll_ask().is_none());
        assert_eq!(lookup.finish(), LookupOutcome::default());
    }

    #[test]
    fn a_network_that_invents_nodes_cannot_keep_a_lookup_running() {
        let mut lookup =
            Lookup::new(NodeId([1; 64]), NodeId([2; 64]), SubnetLimits::default(), [node(0)]);
        let mut number = 1;
        while !lookup.is_finished() {
            let asked = lookup.poll_ask().expect("a node to ask");
            lookup.handle_nodes(&asked.id, (number..number + 16).map(node));
            number += 16;
            lookup.handle_done(&asked, false);
            assert!(lookup.candidates.len() <= MAX_CANDIDATES);
        }
        let found = lookup.finish();
        assert_eq!((found.asked, found.nodes.len()), (MAX_ASKED, 0));
    }

    #[test]
    fn at_most_ten_nodes_of_a_subnet_are_asked() {
        let mut lookup =
            Lookup::new(NodeId([1; 64]), NodeId([2; 64]), SubnetLimits::default(), [node(0)]);
        let asked = lookup.poll_ask().unwrap();
        let in_one = |mut node: Node| {
            node.endpoint.ip = [9, 9, 9, node.id.0[3]].into();
            node
        };
        assert_eq!(lookup.handle_nodes(&asked.id, (1..=200).map(node).map(in_one)), 190);
        lookup.handle_done(&asked, true);
        while let Some(asked) = lookup.poll_ask() {
            lookup.handle_done(&asked, false);
        }
        assert_eq!(lookup.finish().asked, 1 + 2 * 10);
    }

    #[test]
    fn a_lookup_does_not_find_this_node() {
        let local = node(5);
        let mut lookup =
            Lookup::new(local.id, local.id, SubnetLimits::default(), [node(0), local.clone()]);
        let asked = lookup.poll_ask().unwrap();
        lookup.handle_nodes(&asked.id, [local.clone(), node(1)]);
        lookup.handle_done(&asked, true);
        while let Some(asked) = lookup.poll_ask() {
            lookup.handle_done(&asked, true);
        }
        let found: Vec<NodeId> = lookup.finish().nodes.iter().map(|node| node.id).collect();
        assert_eq!(found.len(), 2);
        assert!(!found.contains(&local.id));
    }
}
