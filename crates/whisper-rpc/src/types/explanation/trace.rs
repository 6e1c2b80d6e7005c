//! The way of an envelope through the nodes that consent.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArrivalJson, EnvelopeStateJson, NotSentJson};
use crate::types::hex::HexBytes;

/// The answer of `shh_trace`. Fields that do not apply are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Trace"))]
pub struct TraceJson {
    /// The hash of the envelope.
    pub hash: HexBytes,
    /// Whether every node that could be reached has answered in full.
    pub complete: bool,
    /// The nodes that answered: each after the one from which it got the envelope, and last those that never had it.
    pub nodes: Vec<TracedNodeJson>,
}

/// What happened to an envelope at one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "TracedNode"))]
pub struct TracedNodeJson {
    /// The public key of the node, 64 bytes.
    pub node: HexBytes,
    /// The index in `nodes` of the node from which it got the envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// Number of nodes above it.
    pub depth: usize,
    /// Where the envelope is.
    pub state: EnvelopeStateJson,
    /// Where it came from, and when, by the clock of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<ArrivalJson>,
    /// When it left the pool, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// Every time that it was refused or dropped, in order.
    pub drops: Vec<TraceDropJson>,
    /// Number of peers that it sent the envelope to, or that sent it.
    pub shared_with: usize,
    /// The peers that it did not send the envelope to.
    pub not_sent: Vec<NotSentToJson>,
}

/// One time that an envelope was refused or dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "TraceDrop"))]
pub struct TraceDropJson {
    /// The name of the reason, such as `rejected.low_work`. Another program may have reasons of its own.
    pub reason: String,
    /// When, in seconds since 1970.
    pub at: u32,
}

/// A peer that was not sent an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "NotSentTo"))]
pub struct NotSentToJson {
    /// The public key of the peer, 64 bytes, if it answered; otherwise its first 16 bytes.
    pub peer: HexBytes,
    /// Why.
    pub why: NotSentJson,
}
