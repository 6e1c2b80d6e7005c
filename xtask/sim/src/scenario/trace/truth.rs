//! Compares an answer with what has happened.

use std::collections::{BTreeMap, BTreeSet};

use p2p_server::mux::identity::NodeId;
use whisper_protocol::{EnvelopeSource, SkipReason, Trace, TracedNode, trace_1::TraceState};

/// Which nodes are connected at a moment.
#[derive(Debug)]
pub(super) struct View {
    links: BTreeSet<(usize, usize)>,
}

impl View {
    pub(super) fn new(count: usize, are_connected: impl Fn(usize, usize) -> bool) -> Self {
        let pairs = (0..count).flat_map(|one| (0..count).map(move |other| (one, other)));
        Self {
            links: pairs
                .filter(|(one, other)| one != other && are_connected(*one, *other))
                .collect(),
        }
    }
}

/// The nodes that can be reached from one over these links.
fn reach(from: usize, links: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        for (_, other) in links.range((node, 0)..=(node, usize::MAX)) {
            if reached.insert(*other) {
                next.push(*other);
            }
        }
    }
    reached
}

/// What each node must say about an envelope.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) ids: Vec<NodeId>,
    /// From whom each node got it first, since its last start: `Some(None)`: it was posted there.
    pub(super) arrivals: Vec<Option<Option<NodeId>>>,
    /// The same when the question was asked: what came later may or may not be in an answer.
    pub(super) asked: Vec<Option<Option<NodeId>>>,
    /// Why the peers of a node must not send it to the node.
    pub(super) refuses: Vec<Option<SkipReason>>,
    /// Whether it has expired.
    pub(super) is_old: bool,
}

/// Compares the answer to a node with the truth. `views`: well before the question, at the question, and at the answer.
pub(super) fn check(
    asked: usize,
    trace: &Trace,
    known: &Known,
    views: [&View; 3],
) -> Result<(), String> {
    let places: BTreeMap<_, _> =
        known.ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    let answered: BTreeSet<usize> = trace.nodes.iter().map(|node| places[&node.node]).collect();
    if answered.len() != trace.nodes.len() {
        return Err("a node is there twice".to_owned());
    }
    // Links that were there all the time, and those that may have been.
    let [before, start, end] = views;
    let lasting = &(&before.links & &start.links) & &end.links;
    let possible = &(&before.links | &start.links) | &end.links;
    let (must, may) = (reach(asked, &lasting), reach(asked, &possible));
    if !must.is_subset(&answered) || !answered.is_subset(&may) {
        return Err(format!("asked {asked}, answered {answered:?}, must {must:?}, may {may:?}"));
    }
    for node in &trace.nodes {
        check_node(node, trace, known, places[&node.node], &lasting, &places)?;
    }
    Ok(())
}

fn check_node(
    node: &TracedNode,
    trace: &Trace,
    known: &Known,
    index: usize,
    lasting: &BTreeSet<(usize, usize)>,
    places: &BTreeMap<NodeId, usize>,
) -> Result<(), String> {
    let wrong = |what: &str| {
        let truth = known.arrivals[index].map(|from| from.map(|id| places[&id]));
        Err(format!("node {index}: {what}: it says {node:?}; it got it from {truth:?}"))
    };
    let source = match known.arrivals[index] {
        Some(Some(_)) if known.refuses[index].is_some() => None,
        arrival => arrival,
    };
    let said = node.state.arrival().map(|arrival| match arrival.source {
        EnvelopeSource::Here => None,
        EnvelopeSource::Peer(id) => Some(Some(id)),
        EnvelopeSource::Forgotten => Some(None),
    });
    match (source, said) {
        (None, None) => return Ok(()),
        (Some(_), None) if known.asked[index].is_none() => return Ok(()),
        // It came over a repaired line when it had expired.
        (Some(Some(_)), None) if known.is_old && was_refused_as_expired(node) => return Ok(()),
        (Some(None), Some(None)) => {}
        (Some(Some(from)), Some(Some(Some(said)))) if from == said => {}
        // A peer whose connection has ended may be forgotten.
        (Some(Some(from)), Some(Some(None))) if !lasting.contains(&(index, places[&from])) => {}
        _ => return wrong("the source"),
    }
    if matches!(node.state, TraceState::Left { .. }) != known.is_old {
        return wrong("the state");
    }
    let parent = node.parent.map(|parent| trace.nodes[parent].node);
    let had = |id: &NodeId| {
        let of = trace.nodes.iter().find(|node| node.node == *id);
        of.is_some_and(|node| node.state.arrival().is_some())
    };
    let expected = match said {
        Some(Some(Some(from))) if had(&from) => Some(from),
        _ => None,
    };
    // A node that was killed and got the envelope back from one that has it from there: the tree begins somewhere in the circle.
    let is_beginning = parent.is_none() && is_in_circle(node, trace);
    if parent != expected && !is_beginning {
        return wrong("the parent");
    }
    match wrongly_described(node, known, index, lasting) {
        Some(peer) => wrong(&format!("the peer {peer}, which must be {:?}", known.refuses[peer])),
        None => Ok(()),
    }
}

/// The first peer of a node of which it says something else than why it was not sent the envelope.
fn wrongly_described(
    node: &TracedNode,
    known: &Known,
    index: usize,
    lasting: &BTreeSet<(usize, usize)>,
) -> Option<usize> {
    if known.is_old {
        return None;
    }
    let mut peers = lasting.range((index, 0)..=(index, usize::MAX)).map(|(_, peer)| *peer);
    let is_wrong = |peer: &usize| {
        let not_sent = node.not_sent.iter().find(|it| it.node == Some(known.ids[*peer]));
        let said = not_sent.map(|not_sent| not_sent.reason);
        // What was expected of a peer that posted it, or brought it, is that it has it.
        // It may wait: on a line that was cut a while ago, or for a session of a node that has just started again.
        let waits = said == Some(SkipReason::Pending);
        said != known.refuses[*peer] && !waits && known.arrivals[*peer] != Some(None)
    };
    peers.find(is_wrong)
}

fn was_refused_as_expired(node: &TracedNode) -> bool {
    node.drops.iter().any(|drop| drop.reason == "rejected.expired")
}

/// From whom a node says that it has the envelope.
fn source_of(node: &TracedNode) -> Option<NodeId> {
    match node.state.arrival()?.source {
        EnvelopeSource::Peer(id) => Some(id),
        EnvelopeSource::Here | EnvelopeSource::Forgotten => None,
    }
}

/// Whether the sources lead from a node back to it.
fn is_in_circle(node: &TracedNode, trace: &Trace) -> bool {
    let next = |id: NodeId| trace.nodes.iter().find(|node| node.node == id).and_then(source_of);
    let mut at = source_of(node);
    for _ in 0..trace.nodes.len() {
        match at {
            Some(id) if id == node.node => return true,
            Some(id) => at = next(id),
            None => return false,
        }
    }
    false
}
