//! The namespace `debug`: what the node dropped, refused or cut, and why. Not served unless asked for: it names
//! peers and envelopes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::hex::HexBytes;
use crate::declare::api::Api;
use whisper_protocol::{Dropped, Occurrence, Reason, Whisper};

/// The methods of `debug`.
pub(crate) fn api() -> Api<Whisper> {
    let mut api = Api::new();
    api.call("debug_drops", [], |whisper: &Whisper, ()| {
        Ok(whisper.drops().into_iter().map(DroppedJson::from).collect::<Vec<_>>())
    })
    .about("Every reason for which anything is dropped, refused or cut, how often it occurred, and its last times.");
    api
}

/// A reason, how often it occurred since the node started, and the last times, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Dropped")]
pub struct DroppedJson {
    /// The reason.
    pub reason: Reason,
    /// How often.
    pub count: u64,
    /// The last times.
    pub last: Vec<OccurrenceJson>,
}

/// One time that it occurred. What does not apply is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Occurrence")]
pub struct OccurrenceJson {
    /// Seconds since 1970.
    pub at: u32,
    /// The peer's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
    /// The envelope's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<HexBytes>,
    /// The figures, where an envelope was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<Dropped> for DroppedJson {
    fn from(dropped: Dropped) -> Self {
        let last = dropped.last.iter().map(OccurrenceJson::from).collect();
        Self { reason: dropped.reason, count: dropped.count, last }
    }
}

impl From<&Occurrence> for OccurrenceJson {
    fn from(occurrence: &Occurrence) -> Self {
        Self {
            at: occurrence.at,
            peer: occurrence.peer.map(|peer| peer.0.into()),
            hash: occurrence.envelope.map(HexBytes::from),
            detail: occurrence.rejection.map(|rejection| rejection.to_string()),
        }
    }
}
