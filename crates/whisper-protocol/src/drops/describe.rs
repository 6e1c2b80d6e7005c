//! What the sub-protocol says of itself and of its peers, as JSON.

use p2p_identity::NodeId;
use serde_json::json;
use whisper_envelope::Dialect;
use whisper_pow::Rule;

use crate::{
    hub::Hub,
    relay::gauge::Gauge,
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
    let (dialect, status, gauge) = hub.peer_status(id)?;
    let info = json!({
        "bloom": format!("0x{}", status.bloom),
        "confirmations": status.confirmations,
        "light": status.light,
        "pow": status.min_work.get(),
        "powRule": rule_name(&gauge),
        "rateLimits": status.rates.map(|rates| {
            json!({ "ip": rates.per_ip, "peer": rates.per_peer, "topic": rates.per_topic })
        }),
        "trusted": hub.peers.is_trusted(id),
        "version": Wire::of(dialect).version,
    });
    Some(info.to_string())
}

/// By which rule a peer counts work, in a word.
fn rule_name(gauge: &Gauge) -> &'static str {
    match gauge.rule() {
        Some(Rule::GETH_1_8) => "geth-1.8",
        Some(Rule::EIP_627) => "eip-627",
        Some(Rule::PARITY) => "parity",
        Some(Rule::NIM) => "nim-eth",
        Some(_) => "other",
        None if gauge.is_sure() => "any",
        None => "unknown",
    }
}
