//! What the node dropped, refused or cut.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::hex::HexBytes;

/// One reason of `debug_drops`: how often it occurred since the node started, and its last occurrences.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Dropped"))]
pub struct DroppedJson {
    /// The name of the reason, such as `rejected.low_work` (Whisper), `refused.banned` (connections), `inbound.other_key`
    /// and `dial.unanswered` (failed handshakes), `discovery.expired` (packets of discovery). A newer node may have
    /// reasons that an older client does not know.
    pub reason: String,
    /// How often it occurred.
    pub count: u64,
    /// The last occurrences, the latest first. Always empty for packets of discovery, messages of
    /// connections, port mappings and requests over JSON-RPC.
    pub last: Vec<OccurrenceJson>,
}

/// One occurrence of a reason. Fields that do not apply are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Occurrence"))]
pub struct OccurrenceJson {
    /// When it occurred, in seconds since 1970.
    pub at: u32,
    /// The public key of the peer, 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
    /// The address of the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The hash of the envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<HexBytes>,
    /// Values and limits, if an envelope was rejected; the error with its causes, if a connection failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
