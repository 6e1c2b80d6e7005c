//! What happened to an envelope at the node.

pub(crate) mod trace;

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::Topic;

use crate::types::drops::OccurrenceJson;
use crate::types::hex::HexBytes;
use crate::types::receipt::ReceiptJson;
use crate::types::sealed::SealedJson;
use crate::types::topic;

/// The answer of `shh_explain`. Fields that do not apply are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Explanation"))]
pub struct ExplanationJson {
    /// The hash of the envelope.
    pub hash: HexBytes,
    /// Where the envelope is.
    pub state: EnvelopeStateJson,
    /// Where the envelope came from, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<ArrivalJson>,
    /// When it left the pool, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// What is known of it while it is in the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<PooledJson>,
    /// Every time that it was refused or dropped, in order.
    pub drops: Vec<DropJson>,
    /// Its receipt, if it was posted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptJson>,
    /// All envelopes of its post, if it was posted here, if there are several: one for each rule that it was sealed under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envelopes: Vec<SealedJson>,
}

/// Where an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "EnvelopeState"))]
pub enum EnvelopeStateJson {
    /// The node does not know it, or has forgotten it.
    Unknown,
    /// In the pool.
    Pooled,
    /// It left the pool at the end of its life.
    Expired,
    /// It was evicted from the pool for envelopes with more work.
    Evicted,
}

/// The kind of source that an envelope came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Source"))]
pub enum SourceKind {
    /// It was posted here.
    Here,
    /// A peer sent it.
    Peer,
    /// A peer sent it that left too long ago to be known.
    Forgotten,
}

/// Where an envelope came from, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Arrival"))]
pub struct ArrivalJson {
    /// When it arrived, in seconds since 1970.
    pub at: u32,
    /// The kind of source.
    pub from: SourceKind,
    /// The public key of the peer that sent it, 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
}

/// An envelope in the pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Pooled"))]
pub struct PooledJson {
    /// `shh/5` or `shh/6`.
    pub dialect: String,
    /// The topic.
    #[serde(with = "topic")]
    #[cfg_attr(feature = "server", schemars(with = "HexBytes"))]
    pub topic: Topic,
    /// The size in bytes.
    pub size: usize,
    /// The work under the rule by which it is highest.
    pub work: f64,
    /// When it expires, in seconds since 1970.
    pub expiry: u32,
    /// For each peer, whether the peer has it.
    pub peers: Vec<PeerTraceJson>,
    /// Whether it waits to be opened.
    pub queued: bool,
    /// What the caller's filters on its topic make of it.
    pub filters: Vec<FilterTraceJson>,
    /// Number of other filters on its topic. They were not tried for this answer.
    pub more_filters: usize,
}

/// Whether a peer has an envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "PeerTrace"))]
pub struct PeerTraceJson {
    /// The public key of the peer, 64 bytes.
    pub peer: HexBytes,
    /// Whether the envelope was sent to the peer.
    pub sent: bool,
    /// Whether it was received from the peer.
    pub received: bool,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<NotSentJson>,
}

/// Why a peer was not sent an envelope that is in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "NotSent"))]
pub enum NotSentJson {
    /// Its topic is outside of the peer's bloom filter.
    #[serde(rename = "bloom")]
    OutsideBloom,
    /// Its work is below what the peer demands.
    #[serde(rename = "work")]
    LowWork,
    /// It is larger than a peer accepts in one packet.
    #[serde(rename = "size")]
    Oversized,
    /// This node is a light client, which sends only its own posts.
    #[serde(rename = "light")]
    LightClient,
    /// It was announced to the peer over lazy/1, and the peer has not asked for it: it has it, or asked another one.
    #[serde(rename = "announced")]
    Announced,
    /// The peer has asked for what was announced. It is queued.
    #[serde(rename = "asked")]
    Asked,
    /// It is queued: others have more work, or the peer reads slowly.
    #[serde(rename = "pending")]
    Pending,
}

/// What a filter makes of an envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "FilterTrace"))]
pub struct FilterTraceJson {
    /// The id of the filter.
    pub id: String,
    /// What it makes of the envelope.
    pub outcome: FilterOutcomeJson,
}

/// What a filter makes of an envelope of its topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "FilterOutcome"))]
pub enum FilterOutcomeJson {
    /// The filter is for envelopes of the other dialect.
    OtherDialect,
    /// The filter demands more work.
    LowWork,
    /// The filter's key does not open the envelope.
    NotOpened,
    /// The filter's key opens the envelope, but the content is malformed.
    Malformed,
    /// The filter wants another signer.
    OtherSigner,
    /// The message is in the filter's mailbox.
    InMailbox,
    /// The message matched and was fetched, unless a drop says otherwise.
    Fetched,
    /// The message matches, but the filter was made after the envelope had arrived.
    MadeLater,
}

/// One time that an envelope was refused or dropped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Drop"))]
pub struct DropJson {
    /// The name of the reason, such as `rejected.low_work`.
    #[cfg_attr(feature = "server", schemars(with = "whisper_protocol::Reason"))]
    pub reason: String,
    /// When it happened, and the peer.
    #[serde(flatten)]
    pub occurrence: OccurrenceJson,
}
