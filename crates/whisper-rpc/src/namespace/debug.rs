//! The namespace `debug`: what the node dropped, refused or cut, and why.
//!
//! It is served only on request, because it names peers and envelopes.

use p2p_server::Server;
use whisper_protocol::{Dropped, Occurrence, Whisper};

use crate::declare::api::Api;
use crate::namespace::admin::of_system_time;
use crate::types::drops::{DroppedJson, OccurrenceJson};
use crate::types::hex::HexBytes;

/// What the methods of `debug` work on.
pub(crate) struct DebugContext {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
}

/// The methods of `debug`.
pub(crate) fn api() -> Api<DebugContext> {
    let mut api = Api::new();
    api.call("debug_drops", [], |debug: &DebugContext, ()| {
        let whisper = debug.whisper.drops().into_iter().map(DroppedJson::from);
        let server = debug.server.drops().into_iter().map(DroppedJson::from);
        Ok(whisper.chain(server).collect::<Vec<_>>())
    })
    .about(
        "Returns every reason for which something is dropped, refused or cut, how often it occurred, and its last \
         occurrences: those of Whisper, then those of connections, dials and discovery.",
    );
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
            address: None,
            hash: occurrence.envelope.map(HexBytes::from),
            detail: occurrence.rejected.map(|reason| reason.to_string()),
        }
    }
}

impl From<p2p_server::Dropped> for DroppedJson {
    fn from(dropped: p2p_server::Dropped) -> Self {
        let last = dropped.last.into_iter().map(OccurrenceJson::from).collect();
        Self { reason: dropped.reason, count: dropped.count, last }
    }
}

impl From<p2p_server::Occurrence> for OccurrenceJson {
    fn from(occurrence: p2p_server::Occurrence) -> Self {
        Self {
            at: of_system_time(occurrence.at).try_into().unwrap_or(u32::MAX),
            peer: occurrence.node.map(|node| node.0.into()),
            address: occurrence.addr.map(|addr| addr.to_string()),
            hash: None,
            detail: occurrence.detail,
        }
    }
}
