//! The namespace `debug`: what the node dropped, refused or cut, and why. Not served unless asked for: it names
//! peers and envelopes.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

use super::error::CallError;
use super::hex::HexBytes;
use crate::{Dropped, Occurrence, Reason, Whisper};

/// The methods of `debug`.
pub(super) fn module(whisper: Whisper) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(whisper);
    module.register_method("debug_drops", |_, whisper, _| {
        Ok::<_, CallError>(whisper.drops().into_iter().map(DroppedJson::from).collect::<Vec<_>>())
    })?;
    Ok(module.remove_context())
}

/// A reason, how often it occurred since the node started, and the last times, the latest first.
#[derive(Clone, Debug, Serialize)]
struct DroppedJson {
    reason: Reason,
    count: u64,
    last: Vec<OccurrenceJson>,
}

/// One time that it occurred. What does not apply is left out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OccurrenceJson {
    /// Seconds since 1970.
    at: u32,
    /// The peer's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<HexBytes>,
    /// The envelope's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<HexBytes>,
    /// The figures, where an envelope was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
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
