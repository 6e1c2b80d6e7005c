//! One envelope of a post.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::hex::HexBytes;

/// One envelope of a post, and the rule of work that it was sealed under.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Sealed"))]
pub struct SealedJson {
    /// The hash of the envelope.
    pub hash: HexBytes,
    /// The rule: `geth-1.8`, `eip-627`, `parity`, `nim-eth` or `other`.
    pub rule: String,
}
