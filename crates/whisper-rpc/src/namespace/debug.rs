//! The namespace `debug`: what the node dropped, refused or cut, and why.
//!
//! It is served only on request, because it names peers and envelopes.

use whisper_protocol::{Dropped, Occurrence, Whisper};

use crate::declare::api::Api;
use crate::types::drops::{DroppedJson, OccurrenceJson};
use crate::types::hex::HexBytes;

/// The methods of `debug`.
pub(crate) fn api() -> Api<Whisper> {
    let mut api = Api::new();
    api.call("debug_drops", [], |whisper: &Whisper, ()| {
        Ok(whisper.drops().into_iter().map(DroppedJson::from).collect::<Vec<_>>())
    })
    .about("Returns every reason for which something is dropped, refused or cut, how often it occurred, and its last occurrences.");
    api
}

impl From<Dropped> for DroppedJson {
    fn from(dropped: Dropped) -> Self {
        let last = dropped.last.iter().map(OccurrenceJson::from).collect();
        Self { reason: dropped.reason.name().to_owned(), count: dropped.count, last }
    }
}

impl From<&Occurrence> for OccurrenceJson {
    fn from(occurrence: &Occurrence) -> Self {
        Self {
            at: occurrence.at,
            peer: occurrence.peer.map(|peer| peer.0.into()),
            hash: occurrence.envelope.map(HexBytes::from),
            detail: occurrence.rejected.map(|reason| reason.to_string()),
        }
    }
}
