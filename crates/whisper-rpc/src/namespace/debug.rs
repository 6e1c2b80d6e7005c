//! The namespace `debug`: what the node dropped, refused or cut, and why.
//!
//! It is served only on request, because it names peers and envelopes.

use std::sync::Weak;

use p2p_server::Server;
use whisper_protocol::{Dropped, Occurrence, Whisper};

use crate::declare::api::Api;
use crate::namespace::admin::of_system_time;
use crate::transport::transports::Transports;
use crate::types::drops::{DroppedJson, OccurrenceJson};
use crate::types::hex::HexBytes;

/// What the methods of `debug` work on.
pub(crate) struct DebugContext {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
    /// They own the methods, so the methods do not keep them alive.
    pub(crate) transports: Weak<Transports>,
}

impl DebugContext {
    /// Every reason for which a request was refused, with its count.
    fn refused_requests(&self) -> Vec<DroppedJson> {
        let mut drops = Vec::new();
        let Some(transports) = self.transports.upgrade() else { return drops };
        transports.counters().read().for_each_sample(|sample| {
            if let Some((_, name)) = sample.labels.iter().find(|(label, _)| *label == "reason") {
                let (reason, count) = (format!("rpc.{name}"), sample.value);
                drops.push(DroppedJson { reason, count, last: Vec::new() });
            }
        });
        drops
    }
}

/// The methods of `debug`.
pub(crate) fn api() -> Api<DebugContext> {
    let mut api = Api::new();
    api.call("debug_drops", [], |debug: &DebugContext, ()| {
        let whisper = debug.whisper.drops().into_iter().map(DroppedJson::from);
        let server = debug.server.drops().into_iter().map(DroppedJson::from);
        Ok(whisper.chain(server).chain(debug.refused_requests()).collect::<Vec<_>>())
    })
    .about(
        "Returns every reason for which something is dropped, refused or cut, how often it occurred, and its last \
         occurrences: those of Whisper, then those of connections, dials, discovery and JSON-RPC.",
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
