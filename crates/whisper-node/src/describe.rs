//! What the sub-protocol says of itself and of its peers, as JSON.

use p2p_identity::NodeId;
use serde_json::json;

use crate::{hub::Hub, wire};

/// For `admin_nodeInfo`, with go-ethereum's names.
pub(crate) fn node(hub: &Hub) -> String {
    let (min_work, max_message_size) = hub.with_relay(|relay| {
        (relay.requirements().min_work().get(), relay.requirements().max_message_size())
    });
    let version = format!("{}.0", wire::V6.version);
    json!({ "maxMessageSize": max_message_size, "minimumPoW": min_work, "version": version })
        .to_string()
}

/// For `admin_peers`; `None` before the exchange of status. (go-ethereum has nothing to say but
/// "unknown".)
pub(crate) fn peer(hub: &Hub, id: &NodeId) -> Option<String> {
    let status = hub.peer_status(id)?;
    let info = json!({
        "bloom": format!("0x{}", status.bloom),
        "light": status.light,
        "pow": status.min_work.get(),
        "trusted": hub.is_trusted(id),
        "version": wire::V6.version,
    });
    Some(info.to_string())
}
