//! `shh_trace`: what happened to an envelope at the nodes that consent.

use std::sync::Arc;
use std::time::Duration;

use whisper_protocol::trace_1::{TraceArrival, TraceState};
use whisper_protocol::{NotSent, Trace, TracedNode};

use super::context::ShhContext;
use super::explanation::arrival;
use super::receipt::{envelope_hash, hash_errors};
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::types::explanation::trace::{NotSentToJson, TraceDropJson, TraceJson, TracedNodeJson};
use crate::types::explanation::{EnvelopeStateJson, NotSentJson};
use crate::types::hex::HexBytes;

/// Time for the answer if none is given, and the maximum.
const DEFAULT_SECS: u32 = 5;
const MAX_SECS: u32 = 10;

pub(super) fn declare(api: &mut Api<ShhContext>) {
    let [no_hash] = hash_errors();
    api.task_by("shh_trace", ["hash", "seconds"], trace)
        .about(
            "Asks the nodes that consent what happened to an envelope, and returns the way that it took: where it was \
             posted, which node got it from which, and why it stopped. Waits at most `seconds` (maximum: 10, default: 5).",
        )
        .fails([no_hash, CallError::TraceOff]);
}

/// Asks the other nodes. A team is told of its own posts; every other envelope is like one that is unknown.
fn trace(
    shh: Arc<ShhContext>,
    caller: &Caller,
    (hash, seconds): (HexBytes, Option<u32>),
) -> impl Future<Output = Result<TraceJson, CallError>> + use<> {
    let team = caller.team();
    let hash = envelope_hash(&hash);
    let may_know = |hash: &[u8; 32]| team.client().is_none() || team.receipt(hash).is_some();
    let asked = hash.map(|hash| (hash, may_know(&hash)));
    async move {
        let (hash, may_know) = asked?;
        if !may_know {
            return Ok(TraceJson { hash: hash.into(), complete: true, nodes: Vec::new() });
        }
        let time = Duration::from_secs(seconds.unwrap_or(DEFAULT_SECS).min(MAX_SECS).into());
        let traced = shh.stop.run_until_cancelled(shh.whisper.trace(hash, time)).await;
        match traced {
            Some(Ok(trace)) => Ok(trace.into()),
            Some(Err(_)) => Err(CallError::TraceOff),
            None => Err(CallError::Stopping),
        }
    }
}

impl From<Trace> for TraceJson {
    fn from(trace: Trace) -> Self {
        let nodes = trace.nodes.into_iter().map(TracedNodeJson::from).collect();
        Self { hash: trace.hash.into(), complete: trace.is_complete, nodes }
    }
}

impl From<TracedNode> for TracedNodeJson {
    fn from(traced: TracedNode) -> Self {
        let TracedNode { node, parent, depth, state, drops, not_sent, shared_with } = traced;
        let (named, left) = match &state {
            TraceState::Unknown => (EnvelopeStateJson::Unknown, None),
            TraceState::Pooled(_) => (EnvelopeStateJson::Pooled, None),
            TraceState::Left { at, evicted: true, .. } => (EnvelopeStateJson::Evicted, Some(*at)),
            TraceState::Left { at, evicted: false, .. } => (EnvelopeStateJson::Expired, Some(*at)),
        };
        let arrived = state.arrival().map(|TraceArrival { source, at }| arrival(*at, *source));
        let drops =
            drops.into_iter().map(|drop| TraceDropJson { reason: drop.reason, at: drop.at });
        Self {
            node: node.0.into(),
            parent,
            depth,
            state: named,
            arrival: arrived,
            left,
            drops: drops.collect(),
            shared_with,
            not_sent: not_sent.iter().map(NotSentToJson::from).collect(),
        }
    }
}

impl From<&NotSent> for NotSentToJson {
    fn from(not_sent: &NotSent) -> Self {
        let peer = match &not_sent.node {
            Some(node) => node.0.into(),
            None => not_sent.prefix.0.into(),
        };
        Self { peer, why: NotSentJson::from(not_sent.reason) }
    }
}
