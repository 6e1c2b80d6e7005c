//! What became of a post.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::hex::HexBytes;
use crate::types::sealed::SealedJson;

/// The answer of `shh_receipt`. Fields that do not apply are left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Receipt"))]
pub struct ReceiptJson {
    /// Whether the post is pending, or how it ended.
    pub state: PostState,
    /// Number of peers that it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed: Option<usize>,
    /// Number of these peers that kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<usize>,
    /// Number of the peers that kept it and acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<usize>,
    /// The peer that refused it last, or that left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
    /// Why the peer refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why there is no peer to send it to.
    #[serde(rename = "nobody", skip_serializing_if = "Option::is_none")]
    pub unsent: Option<UnsentReasonJson>,
    /// All envelopes of the post, if there are several: one for each rule that it was sealed under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envelopes: Vec<SealedJson>,
}

/// Whether a post is pending, or how it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema))]
pub enum PostState {
    /// It has not ended.
    #[default]
    Pending,
    /// Enough peers kept it, or acknowledged it.
    Delivered,
    /// A peer refused it.
    Refused,
    /// The peer that it was addressed to left.
    Left,
    /// It expired, and there was no peer to send it to.
    #[serde(rename = "nobody")]
    Unsent,
    /// It expired before enough peers kept it.
    Expired,
    /// It was evicted from the pool for envelopes with more work.
    Evicted,
    /// Too many posts are followed already.
    Untracked,
    /// The node stopped.
    Stopped,
}

/// Number of connected peers that were not sent a post, by the reason. All numbers are 0 if no peer is connected.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "UnsentReason"))]
pub struct UnsentReasonJson {
    /// Its topic is outside of their bloom filter.
    pub bloom: usize,
    /// They demand more work.
    pub work: usize,
    /// It is larger than they accept.
    pub size: usize,
    /// It is queued for them.
    pub pending: usize,
}
