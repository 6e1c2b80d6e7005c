//! An explanation as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::Topic;

use super::receipt::ReceiptJson;
use super::topic;
use crate::call::hex::HexBytes;
use crate::namespace::debug::OccurrenceJson;
use whisper_protocol::{
    Bringer, Explanation, FilterOutcome, FilterTrace, NotSent, PeerTrace, Pooled, Reason,
    Whereabouts,
};

/// What `shh_explain` answers. What does not apply is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Explanation")]
pub struct ExplanationJson {
    /// The envelope's.
    pub hash: HexBytes,
    /// Where it is.
    pub state: Place,
    /// Where it came from, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<ArrivalJson>,
    /// When it left the pool, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// What the pool has to say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<PooledJson>,
    /// Every time that it was refused or dropped, in order.
    pub drops: Vec<DropJson>,
    /// What becomes of it, if it was posted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptJson>,
}

/// Where an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// It is not known, or forgotten.
    Unknown,
    /// In the pool.
    Pooled,
    /// It left the pool at the end of its life.
    Expired,
    /// It left the pool for others with more work.
    Evicted,
}

/// Who brought an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// It was posted here.
    Here,
    /// A peer.
    Peer,
    /// A peer that left too long ago.
    Forgotten,
}

/// How an envelope came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Arrival")]
pub struct ArrivalJson {
    /// Seconds since 1970.
    pub at: u32,
    /// From whom.
    pub from: Origin,
    /// The peer's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
}

/// An envelope in the pool.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Pooled")]
pub struct PooledJson {
    /// `shh/5` or `shh/6`.
    pub dialect: String,
    /// What it is about.
    #[serde(with = "topic")]
    #[schemars(with = "HexBytes")]
    pub topic: Topic,
    /// Bytes.
    pub size: usize,
    /// Under the rule that counts most.
    pub work: f64,
    /// Seconds since 1970.
    pub expiry: u32,
    /// For each peer, whether it has it.
    pub peers: Vec<PeerJson>,
    /// Whether it waits to be opened.
    pub queued: bool,
    /// What filters on its topic make of it.
    pub filters: Vec<FilterJson>,
    /// How many filters on its topic were not tried for this answer.
    pub more_filters: usize,
}

/// A peer and an envelope.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PeerTrace")]
pub struct PeerJson {
    /// The peer's id.
    pub peer: HexBytes,
    /// Whether the peer was sent it.
    pub sent: bool,
    /// Whether it was received from the peer.
    pub received: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<NotSent>,
}

/// A filter and an envelope.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FilterTrace")]
pub struct FilterJson {
    /// The filter's id.
    pub id: String,
    /// What it made of the envelope.
    pub outcome: FilterOutcome,
}

/// Why something was refused or dropped, and when.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Drop")]
pub struct DropJson {
    /// Why.
    pub reason: Reason,
    /// When, and by whom.
    #[serde(flatten)]
    pub occurrence: OccurrenceJson,
}

impl From<Explanation> for ExplanationJson {
    fn from(explanation: Explanation) -> Self {
        let (state, arrival, left, pooled) = match explanation.whereabouts {
            Whereabouts::Unknown => (Place::Unknown, None, None, None),
            Whereabouts::Pooled(pooled) => {
                let arrival = ArrivalJson::new(pooled.arrived, pooled.bringer);
                (Place::Pooled, Some(arrival), None, Some(PooledJson::from(*pooled)))
            }
            Whereabouts::Gone { bringer, arrived, left, evicted } => {
                let state = if evicted { Place::Evicted } else { Place::Expired };
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
            Bringer::Here => (Origin::Here, None),
            Bringer::Peer(peer) => (Origin::Peer, Some(peer.0.into())),
            Bringer::Forgotten => (Origin::Forgotten, None),
        };
        Self { at, from, peer }
    }
}

impl From<Pooled> for PooledJson {
    fn from(pooled: Pooled) -> Self {
        Self {
            dialect: format!("shh/{}", pooled.dialect.version()),
            topic: pooled.topic,
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
        Self {
            peer: trace.peer.0.into(),
            sent: trace.sent,
            received: trace.received,
            not_sent: trace.not_sent,
        }
    }
}

impl From<&FilterTrace> for FilterJson {
    fn from(trace: &FilterTrace) -> Self {
        Self { id: trace.id.to_string(), outcome: trace.outcome }
    }
}
