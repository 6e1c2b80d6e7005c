//! What the sub-protocol says of itself and of its peers, as JSON.

use p2p_identity::NodeId;
use serde_json::json;
use whisper_envelope::Dialect;

use crate::{
    hub::Hub,
    wire::{self, Wire},
};

/// For `admin_nodeInfo`, with go-ethereum's names; its version is the highest, and all are listed
/// beside it.
pub(crate) fn node(hub: &Hub) -> String {
    // The same in all dialects.
    let (min_work, max_message_size) = hub.with_relay(Dialect::V6, |relay| {
        (relay.requirements().min_work().get(), relay.requirements().max_message_size())
    });
    let versions = wire::ALL.map(|wire| format!("{}.0", wire.version));
    let info = json!({
        "maxMessageSize": max_message_size,
        "minimumPoW": min_work,
        "version": versions[0],
        "versions": versions,
    });
    info.to_string()
}

/// For `admin_peers`; `None` before the exchange of status. (go-ethereum has nothing to say but
/// "unknown".)
pub(crate) fn peer(hub: &Hub, id: &NodeId) -> Option<String> {
    let (dialect, status) = hub.peer_status(id)?;
    let info = json!({
        "bloom": format!("0x{}", status.bloom),
        "confirmations": status.confirmations,
        "light": status.light,
        "pow": status.min_work.get(),
        "rateLimits": status.rates.map(|rates| {
            json!({ "ip": rates.per_ip, "peer": rates.per_peer, "topic": rates.per_topic })
        }),
        "trusted": hub.is_trusted(id),
        "version": Wire::of(dialect).version,
    });
    Some(info.to_string())
}
