//! The way of an envelope, from what the nodes say.

use p2p_identity::NodeId;
use p2p_world::{HashMap, HashSet};

use super::wire::{PeerFate, PeerPrefix, TraceAnswer, TraceDrop, TraceRecord, TraceState};
use crate::{relay::peer_state::skip_reason::SkipReason, relay::trace::EnvelopeSource};

/// The way of an envelope through the nodes that consent, as far as they know it.
///
/// It is what they say: a node can say anything of itself, and of the nodes behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The hash of the envelope.
    pub hash: [u8; 32],
    /// Each node, after the one from which it got the envelope; last the nodes that never had it.
    pub nodes: Vec<TracedNode>,
    /// Whether every node that could be reached has answered in full.
    pub is_complete: bool,
}

/// What happened to an envelope at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedNode {
    /// The node.
    pub node: NodeId,
    /// The index in [`Trace::nodes`] of the node from which it got the envelope; `None` if it was posted here, if that node did
    /// not answer, and if it never had the envelope.
    pub parent: Option<usize>,
    /// Number of nodes above it.
    pub depth: usize,
    /// Where the envelope is.
    pub state: TraceState,
    /// When and why it was rejected or dropped.
    pub drops: Vec<TraceDrop>,
    /// The peers that it did not send the envelope to, and that did not send it either.
    pub not_sent: Vec<NotSent>,
    /// Number of peers to which it sent the envelope, or that sent it.
    pub shared_with: usize,
}

/// A peer that was not sent an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSent {
    /// The peer, if it is one of the nodes that answered.
    pub node: Option<NodeId>,
    /// The first bytes of its id.
    pub prefix: PeerPrefix,
    /// Why.
    pub reason: SkipReason,
}

impl Trace {
    /// Puts the records in order. `own`: the node that asked, whose record comes first.
    pub(super) fn of(hash: [u8; 32], own: NodeId, answer: TraceAnswer) -> Self {
        let TraceAnswer { records, is_cut, .. } = answer;
        let by_prefix = records.iter().map(|record| (PeerPrefix::of(&record.node), record.node));
        let by_prefix: HashMap<_, _> = by_prefix.collect();
        let sources: HashMap<NodeId, Option<NodeId>> =
            records.iter().filter_map(|record| Some((record.node, source(record)?))).collect();
        let mut children: HashMap<NodeId, Vec<usize>> = HashMap::default();
        let mut roots = Vec::new();
        for (index, record) in records.iter().enumerate() {
            match sources.get(&record.node) {
                Some(Some(parent)) if sources.contains_key(parent) => {
                    children.entry(*parent).or_default().push(index);
                }
                Some(_) => roots.push(index),
                None => {}
            }
        }
        // The first to have it comes first.
        let at = |index: &usize| arrived(&records[*index]);
        roots.sort_by_key(|index| (at(index), records[*index].node));
        children.values_mut().for_each(|list| list.sort_by_key(|index| (at(index), *index)));
        let mut order = Order {
            records: &records,
            children: &children,
            found: Vec::new(),
            taken: HashSet::default(),
        };
        roots.iter().for_each(|root| order.add(*root));
        // What is left hangs below nodes that say that they have it from each other, in a circle: one that was killed got it back.
        let places: HashMap<_, _> =
            records.iter().enumerate().map(|(index, record)| (record.node, index)).collect();
        for record in records.iter().filter(|record| sources.contains_key(&record.node)) {
            if !order.taken.contains(&places[&record.node]) {
                let above = circle_above(record.node, &sources);
                order.add(*places.get(&above).unwrap_or(&places[&record.node]));
            }
        }
        // Those that never had it: the one that asked first.
        let unknown = |index: &usize| !sources.contains_key(&records[*index].node);
        let mut rest: Vec<_> = (0..records.len()).filter(unknown).collect();
        rest.sort_by_key(|index| (records[*index].node != own, records[*index].node));
        rest.into_iter().for_each(|index| order.add(index));
        let nodes = order
            .found
            .into_iter()
            .map(|(index, parent, depth)| node(&records[index], &by_prefix, parent, depth));
        Self { hash, nodes: nodes.collect(), is_complete: !is_cut }
    }
}

/// A node of the circle to which the sources of a node lead. There must be one.
fn circle_above(node: NodeId, sources: &HashMap<NodeId, Option<NodeId>>) -> NodeId {
    let (mut at, mut passed) = (node, HashSet::default());
    while passed.insert(at) {
        match sources.get(&at) {
            Some(Some(source)) => at = *source,
            _ => return at,
        }
    }
    at
}

/// From whom a node has the envelope: `Some(None)` if that is not a node. `None`: it never had it.
fn source(record: &TraceRecord) -> Option<Option<NodeId>> {
    Some(match record.state.arrival()?.source {
        EnvelopeSource::Peer(id) => Some(id),
        EnvelopeSource::Here | EnvelopeSource::Forgotten => None,
    })
}

fn arrived(record: &TraceRecord) -> u32 {
    record.state.arrival().map_or(u32::MAX, |arrival| arrival.at)
}

fn node(
    record: &TraceRecord,
    by_prefix: &HashMap<PeerPrefix, NodeId>,
    parent: Option<usize>,
    depth: usize,
) -> TracedNode {
    let TraceRecord { node, state, drops, peers } = record;
    let not_sent = peers.iter().filter_map(|peer| match peer.fate {
        PeerFate::NotSent(reason) => {
            Some(NotSent { node: by_prefix.get(&peer.peer).copied(), prefix: peer.peer, reason })
        }
        PeerFate::Sent | PeerFate::Received => None,
    });
    let not_sent: Vec<_> = not_sent.collect();
    let shared_with = peers.len() - not_sent.len();
    TracedNode {
        node: *node,
        parent,
        depth,
        state: *state,
        drops: drops.clone(),
        not_sent,
        shared_with,
    }
}

/// Walks the tree without recursion: a liar can make it deep.
struct Order<'a> {
    records: &'a [TraceRecord],
    children: &'a HashMap<NodeId, Vec<usize>>,
    /// The index of the record, the place of the parent in this list, and the depth.
    found: Vec<(usize, Option<usize>, usize)>,
    taken: HashSet<usize>,
}

impl Order<'_> {
    /// Adds a node and everything below it, unless it is there.
    fn add(&mut self, root: usize) {
        let mut stack = vec![(root, None, 0)];
        while let Some((index, parent, depth)) = stack.pop() {
            if !self.taken.insert(index) {
                continue;
            }
            let place = self.found.len();
            self.found.push((index, parent, depth));
            let below = self.children.get(&self.records[index].node).into_iter().flatten();
            stack.extend(below.rev().map(|child| (*child, Some(place), depth + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whisper::trace::wire::{QuestionId, TraceArrival, TracedPeer};

    fn id(byte: u8) -> NodeId {
        NodeId([byte; 64])
    }

    /// A node that has the envelope from this source.
    fn record(byte: u8, source: EnvelopeSource, at: u32) -> TraceRecord {
        let state = TraceState::Pooled(TraceArrival { source, at });
        TraceRecord { node: id(byte), state, drops: Vec::new(), peers: Vec::new() }
    }

    fn from(byte: u8) -> EnvelopeSource {
        EnvelopeSource::Peer(id(byte))
    }

    fn trace(records: Vec<TraceRecord>) -> Trace {
        let answer = TraceAnswer { id: QuestionId([0; 16]), records, is_cut: false };
        Trace::of([7; 32], id(1), answer)
    }

    /// The first byte of each id, the parent and the depth.
    fn shape(trace: &Trace) -> Vec<(u8, Option<usize>, usize)> {
        trace.nodes.iter().map(|node| (node.node.0[0], node.parent, node.depth)).collect()
    }

    #[test]
    fn each_node_comes_after_the_one_that_sent_it() {
        let unknown = |byte| TraceRecord { state: TraceState::Unknown, ..record(byte, from(1), 0) };
        let records = vec![
            unknown(1),
            record(4, from(3), 12),
            record(3, from(2), 11),
            unknown(6),
            record(5, from(2), 10),
            record(2, EnvelopeSource::Here, 10),
        ];
        let expected = [
            (2, None, 0),
            (5, Some(0), 1),
            (3, Some(0), 1),
            (4, Some(2), 2),
            (1, None, 0),
            (6, None, 0),
        ];
        assert_eq!(shape(&trace(records)), expected);
    }

    #[test]
    fn a_node_whose_source_did_not_answer_is_a_beginning() {
        let records = vec![
            record(1, from(9), 5),
            record(2, from(1), 6),
            record(3, EnvelopeSource::Forgotten, 4),
        ];
        assert_eq!(shape(&trace(records)), [(3, None, 0), (1, None, 0), (2, Some(1), 1)]);
    }

    #[test]
    fn circles_and_long_chains_end() {
        let circle = vec![record(1, from(2), 5), record(2, from(1), 5), record(3, from(3), 5)];
        assert_eq!(shape(&trace(circle)), [(1, None, 0), (2, Some(0), 1), (3, None, 0)]);
        // What hangs below a circle does not begin anything.
        let below = vec![record(3, from(1), 5), record(1, from(2), 5), record(2, from(1), 5)];
        assert_eq!(shape(&trace(below)), [(1, None, 0), (3, Some(0), 1), (2, Some(0), 1)]);
        let chain = |number: u32| {
            let node = |number: u32| {
                let mut id = [0; 64];
                id[..4].copy_from_slice(&number.to_be_bytes());
                NodeId(id)
            };
            TraceRecord {
                node: node(number),
                ..record(0, EnvelopeSource::Peer(node(number + 1)), 1)
            }
        };
        let trace = trace((0..1024).map(chain).collect());
        assert_eq!((trace.nodes.len(), trace.nodes[1023].depth), (1024, 1023));
    }

    #[test]
    fn where_it_stopped_is_named() {
        let fate = PeerFate::NotSent(SkipReason::OutsideBloom);
        let peer = |byte, fate| TracedPeer { peer: PeerPrefix::of(&id(byte)), fate };
        let mut first = record(1, EnvelopeSource::Here, 1);
        first.peers = vec![peer(2, fate), peer(3, fate), peer(4, PeerFate::Sent)];
        let second = TraceRecord { state: TraceState::Unknown, ..record(2, from(1), 0) };
        let trace = trace(vec![first, second]);
        let named: Vec<_> =
            trace.nodes[0].not_sent.iter().map(|peer| (peer.node, peer.reason)).collect();
        assert_eq!(
            named,
            [(Some(id(2)), SkipReason::OutsideBloom), (None, SkipReason::OutsideBloom)]
        );
        assert_eq!(trace.nodes[0].shared_with, 1);
    }
}
