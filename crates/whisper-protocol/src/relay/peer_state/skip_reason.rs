//! Why one peer was not sent an envelope.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a peer was not sent an envelope that is in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NotSent"))]
pub enum SkipReason {
    /// The topic is outside the peer's bloom.
    #[serde(rename = "bloom")]
    OutsideBloom,
    /// The work is below the peer's requirement, under the peer's rule as far as it is known.
    #[serde(rename = "work")]
    LowWork,
    /// The envelope alone exceeds the largest packet that every peer accepts.
    #[serde(rename = "size")]
    Oversized,
    /// This node is a light client, which sends only its own envelopes.
    #[serde(rename = "light")]
    LightClient,
    /// The envelope is still queued: others have more work, or the peer reads slowly.
    #[serde(rename = "pending")]
    Pending,
}
