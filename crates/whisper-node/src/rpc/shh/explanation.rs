//! An explanation as JSON.

use serde::Serialize;

use super::super::debug::OccurrenceJson;
use super::super::hex::HexBytes;
use super::receipt::ReceiptJson;
use crate::{
    Bringer, Dialect, Explanation, FilterOutcome, FilterTrace, NotSent, PeerTrace, Pooled, Reason,
    Whereabouts,
};

/// What `shh_explain` answers. What does not apply is left out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ExplanationJson {
    hash: HexBytes,
    /// `unknown`, `pooled`, `expired` or `evicted`.
    state: &'static str,
    /// Where it came from, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival: Option<ArrivalJson>,
    /// When it left the pool, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pooled: Option<PooledJson>,
    /// Every time that it was refused or dropped, in order.
    drops: Vec<DropJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptJson>,
}

#[derive(Clone, Debug, Serialize)]
struct ArrivalJson {
    /// Seconds since 1970.
    at: u32,
    /// `here`, `peer`, or `forgotten` of a peer that left too long ago.
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<HexBytes>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PooledJson {
    /// `shh/5` or `shh/6`.
    dialect: &'static str,
    topic: HexBytes,
    /// Bytes.
    size: usize,
    work: f64,
    /// Seconds since 1970.
    expiry: u32,
    peers: Vec<PeerJson>,
    /// Whether it waits to be opened.
    queued: bool,
    filters: Vec<FilterJson>,
    /// How many filters on its topic were not tried for this answer.
    more_filters: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PeerJson {
    peer: HexBytes,
    sent: bool,
    received: bool,
    /// `bloom`, `work`, `size`, `light` or `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_sent: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct FilterJson {
    id: String,
    /// `lowWork`, `notOpened`, `malformed`, `otherSigner`, `inMailbox`, `fetched` or `madeLater`.
    outcome: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct DropJson {
    reason: Reason,
    #[serde(flatten)]
    occurrence: OccurrenceJson,
}

impl From<Explanation> for ExplanationJson {
    fn from(explanation: Explanation) -> Self {
        let (state, arrival, left, pooled) = match explanation.whereabouts {
            Whereabouts::Unknown => ("unknown", None, None, None),
            Whereabouts::Pooled(pooled) => {
                let arrival = ArrivalJson::new(pooled.arrived, pooled.bringer);
                ("pooled", Some(arrival), None, Some(PooledJson::from(*pooled)))
            }
            Whereabouts::Gone { bringer, arrived, left, evicted } => {
                let state = if evicted { "evicted" } else { "expired" };
                (state, Some(ArrivalJson::new(arrived, bringer)), Some(left), None)
            }
        };
        let drop = |(reason, occurrence): &(Reason, _)| DropJson {
            reason: *reason,
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
        }
    }
}

impl ArrivalJson {
    fn new(at: u32, bringer: Bringer) -> Self {
        let (from, peer) = match bringer {
            Bringer::Here => ("here", None),
            Bringer::Peer(peer) => ("peer", Some(peer.0.into())),
            Bringer::Forgotten => ("forgotten", None),
        };
        Self { at, from, peer }
    }
}

impl From<Pooled> for PooledJson {
    fn from(pooled: Pooled) -> Self {
        Self {
            dialect: match pooled.dialect {
                Dialect::V5 => "shh/5",
                Dialect::V6 => "shh/6",
            },
            topic: pooled.topic.0.into(),
            size: pooled.size,
            work: pooled.work,
            expiry: pooled.expiry,
            peers: pooled.peers.iter().map(PeerJson::from).collect(),
            queued: pooled.queued,
            filters: pooled.filters.iter().map(FilterJson::from).collect(),
            more_filters: pooled.more_filters,
        }
    }
}

impl From<&PeerTrace> for PeerJson {
    fn from(trace: &PeerTrace) -> Self {
        let not_sent = trace.not_sent.map(|not_sent| match not_sent {
            NotSent::OutsideBloom => "bloom",
            NotSent::LowWork => "work",
            NotSent::Oversized => "size",
            NotSent::LightClient => "light",
            NotSent::Pending => "pending",
        });
        Self { peer: trace.peer.0.into(), sent: trace.sent, received: trace.received, not_sent }
    }
}

impl From<&FilterTrace> for FilterJson {
    fn from(trace: &FilterTrace) -> Self {
        let outcome = match trace.outcome {
            FilterOutcome::LowWork => "lowWork",
            FilterOutcome::NotOpened => "notOpened",
            FilterOutcome::Malformed => "malformed",
            FilterOutcome::OtherSigner => "otherSigner",
            FilterOutcome::InMailbox => "inMailbox",
            FilterOutcome::Fetched => "fetched",
            FilterOutcome::MadeLater => "madeLater",
        };
        Self { id: trace.id.to_string(), outcome }
    }
}
