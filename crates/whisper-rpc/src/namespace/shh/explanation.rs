//! `shh_explain`: what happened to an envelope at this node.

use std::collections::BTreeSet;

use whisper_protocol::{
    EnvelopeSource, EnvelopeState, Explanation, FilterId, FilterOutcome, FilterTrace, PeerTrace,
    PooledEnvelope, Reason, SkipReason,
};

use super::context::ShhContext;
use super::receipt::{envelope_hash, hash_errors, several};
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::team::account::TeamAccount;
use crate::team::scopes::Scopes;
use crate::types::drops::OccurrenceJson;
use crate::types::explanation::{
    ArrivalJson, DropJson, EnvelopeStateJson, ExplanationJson, FilterOutcomeJson, FilterTraceJson,
    NotSentJson, PeerTraceJson, PooledJson, SourceKind,
};
use crate::types::hex::HexBytes;
use crate::types::receipt::ReceiptJson;

pub(super) fn declare(api: &mut Api<ShhContext>) {
    // It tries filters on the envelope, which takes time, so it runs on a thread of its own.
    api.blocking("shh_explain", ["hash", "filters"], explain)
    .about(
        "Returns what happened to an envelope at this node. Lists those filters that were made on this connection or \
         whose ids are given; the others are counted.",
    )
    .fails(hash_errors());
}

/// With the id of a filter one can read and delete it. So a caller is told only ids that it has already: those that it
/// gives, and those that were returned on its connection. HTTP has no connections that belong to one caller.
///
/// A team is told nothing of others: neither of their filters nor of their posts, which are like unknown envelopes.
fn explain(
    _: &ShhContext,
    caller: &Caller,
    (hash, filters): (HexBytes, Option<Vec<String>>),
) -> Result<ExplanationJson, CallError> {
    let given: BTreeSet<FilterId> =
        filters.unwrap_or_default().iter().filter_map(|id| id.parse().ok()).collect();
    let (hash, team) = (envelope_hash(&hash)?, caller.team());
    let owner = team.client().map(|client| client.key);
    let explanation = team.whisper.explain_to(&hash, owner, &|id, owner| {
        given.contains(id) || (caller.is_only && owner.key == caller.client.key)
    });
    Ok(for_team(explanation, team, &caller.pass.check()?.scopes).into())
}

/// What a team may know of an envelope, with all filters of the team. Not for others than the team: it has their ids.
pub(crate) fn explanation_for(
    team: &TeamAccount,
    scopes: &Scopes,
    hash: &[u8; 32],
) -> ExplanationJson {
    let owner = team.client().map(|client| client.key);
    let explanation = team.whisper.explain_to(hash, owner, &|_, _| true);
    for_team(explanation, team, scopes).into()
}

/// What a team may know of an envelope.
fn for_team(mut explanation: Explanation, team: &TeamAccount, scopes: &Scopes) -> Explanation {
    if team.client().is_none() || team.receipt(&explanation.hash).is_some() {
        return explanation;
    }
    let (source, topics) = match &explanation.state {
        EnvelopeState::Pooled(pooled) => (Some(pooled.source), vec![pooled.topic.into()]),
        EnvelopeState::Left { source, .. } => (Some(*source), Vec::new()),
        EnvelopeState::Unknown => (None, Vec::new()),
    };
    let is_of_others = explanation.receipt.is_some() || source == Some(EnvelopeSource::Here);
    if is_of_others || scopes.permit_topics(&topics).is_err() {
        explanation.state = EnvelopeState::Unknown;
        explanation.drops.clear();
        explanation.receipt = None;
        explanation.envelopes.clear();
    }
    // What happened on the way to a filter may have happened to a filter of another team.
    explanation.drops.retain(|(reason, _)| !is_of_filters(*reason));
    explanation
}

fn is_of_filters(reason: Reason) -> bool {
    reason.name().starts_with("delivery.")
}

impl From<Explanation> for ExplanationJson {
    fn from(explanation: Explanation) -> Self {
        let (state, arrival, left, pooled) = match explanation.state {
            EnvelopeState::Unknown => (EnvelopeStateJson::Unknown, None, None, None),
            EnvelopeState::Pooled(pooled) => {
                let arrival = arrival(pooled.arrived, pooled.source);
                (EnvelopeStateJson::Pooled, Some(arrival), None, Some(PooledJson::from(*pooled)))
            }
            EnvelopeState::Left { source, arrived, left, evicted } => {
                let state =
                    if evicted { EnvelopeStateJson::Evicted } else { EnvelopeStateJson::Expired };
                (state, Some(arrival(arrived, source)), Some(left), None)
            }
        };
        let drop = |(reason, occurrence): &(Reason, _)| DropJson {
            reason: reason.name().to_owned(),
            occurrence: OccurrenceJson::from(occurrence),
        };
        Self {
            hash: explanation.hash.into(),
            state,
            arrival,
            left,
            pooled,
            drops: explanation.drops.iter().map(drop).collect(),
            receipt: explanation.receipt.as_ref().map(ReceiptJson::from),
            envelopes: several(&explanation.envelopes),
        }
    }
}

pub(super) fn arrival(at: u32, source: EnvelopeSource) -> ArrivalJson {
    let (from, peer) = match source {
        EnvelopeSource::Here => (SourceKind::Here, None),
        EnvelopeSource::Peer(peer) => (SourceKind::Peer, Some(peer.0.into())),
        EnvelopeSource::Forgotten => (SourceKind::Forgotten, None),
    };
    ArrivalJson { at, from, peer }
}

impl From<PooledEnvelope> for PooledJson {
    fn from(pooled: PooledEnvelope) -> Self {
        Self {
            dialect: format!("shh/{}", pooled.dialect.version()),
            topic: pooled.topic,
            size: pooled.size,
            work: pooled.work,
            expiry: pooled.expiry,
            peers: pooled.peers.iter().map(PeerTraceJson::from).collect(),
            queued: pooled.queued,
            filters: pooled.filters.iter().map(FilterTraceJson::from).collect(),
            more_filters: pooled.more_filters,
        }
    }
}

impl From<&PeerTrace> for PeerTraceJson {
    fn from(trace: &PeerTrace) -> Self {
        Self {
            peer: trace.peer.0.into(),
            sent: trace.sent,
            received: trace.received,
            not_sent: trace.skipped.map(NotSentJson::from),
        }
    }
}

impl From<SkipReason> for NotSentJson {
    fn from(reason: SkipReason) -> Self {
        match reason {
            SkipReason::OutsideBloom => Self::OutsideBloom,
            SkipReason::LowWork => Self::LowWork,
            SkipReason::Oversized => Self::Oversized,
            SkipReason::LightClient => Self::LightClient,
            SkipReason::Announced => Self::Announced,
            SkipReason::Asked => Self::Asked,
            SkipReason::Pending => Self::Pending,
        }
    }
}

impl From<&FilterTrace> for FilterTraceJson {
    fn from(trace: &FilterTrace) -> Self {
        Self { id: trace.id.to_string(), outcome: trace.outcome.into() }
    }
}

impl From<FilterOutcome> for FilterOutcomeJson {
    fn from(outcome: FilterOutcome) -> Self {
        match outcome {
            FilterOutcome::OtherDialect => Self::OtherDialect,
            FilterOutcome::LowWork => Self::LowWork,
            FilterOutcome::NotOpened => Self::NotOpened,
            FilterOutcome::Malformed => Self::Malformed,
            FilterOutcome::OtherSigner => Self::OtherSigner,
            FilterOutcome::InMailbox => Self::InMailbox,
            FilterOutcome::Fetched => Self::Fetched,
            FilterOutcome::MadeLater => Self::MadeLater,
        }
    }
}
