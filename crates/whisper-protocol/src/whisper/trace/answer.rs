//! What this node says about an envelope.

use std::sync::Arc;

use p2p_identity::NodeId;

use super::wire::{
    PeerFate, PeerPrefix, TraceArrival, TraceDrop, TraceRecord, TraceState, TracedPeer,
};
use crate::{
    relay::relays::Relays,
    relay::trace::PeerTrace,
    stats::{Reason, counters::Counters},
};

/// The node does not speak `trace/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this node does not speak trace/1 (it was started without)")]
pub struct TraceOff;

/// Says what this node knows of an envelope. It says nothing of the filters here: who wants a message is not told.
#[derive(Debug)]
pub(crate) struct LocalRecord {
    relays: Arc<Relays>,
    counters: Arc<Counters>,
}

impl LocalRecord {
    pub(crate) fn new(relays: Arc<Relays>, counters: Arc<Counters>) -> Self {
        Self { relays, counters }
    }

    /// What the node `own` says.
    pub(crate) fn of(&self, own: NodeId, hash: &[u8; 32]) -> TraceRecord {
        let (state, peers) = match self.relays.trace(hash, &[]) {
            Some((_, trace)) => {
                let arrival = TraceArrival { source: trace.source, at: trace.arrived };
                (TraceState::Pooled(arrival), trace.peers)
            }
            None => match self.relays.departed(hash) {
                Some(trace) => {
                    let arrival = TraceArrival { source: trace.source, at: trace.arrived };
                    let (at, evicted) = (trace.left, trace.evicted);
                    (TraceState::Left { arrival, at, evicted }, Vec::new())
                }
                None => (TraceState::Unknown, Vec::new()),
            },
        };
        let told = self.counters.about(hash).into_iter().filter(|(reason, _)| is_told(*reason));
        let drop = |(reason, occurrence): (Reason, crate::Occurrence)| TraceDrop {
            reason: reason.name().to_owned(),
            at: occurrence.at,
        };
        let peers = peers.iter().map(peer).collect();
        TraceRecord { node: own, state, drops: told.map(drop).collect(), peers }.shortened()
    }
}

/// What happens on the way to a filter shows that there is one.
fn is_told(reason: Reason) -> bool {
    !reason.name().starts_with("delivery.")
}

fn peer(trace: &PeerTrace) -> TracedPeer {
    let fate = match trace {
        PeerTrace { received: true, .. } => PeerFate::Received,
        PeerTrace { skipped: Some(reason), sent: false, .. } => PeerFate::NotSent(*reason),
        _ => PeerFate::Sent,
    };
    TracedPeer { peer: PeerPrefix::of(&trace.peer), fate }
}
