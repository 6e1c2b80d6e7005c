//! What the sub-protocol reports about itself and about its peers, as JSON.

use p2p_identity::NodeId;
use serde_json::json;
use whisper_pow::Rule;

use crate::{
    peers::peer_rule::PeerRuleState,
    session::context::SessionContext,
    wire::{self, Wire},
};

/// For `admin_nodeInfo`, with go-ethereum's names. `version` is the highest version; `versions` has all of them.
pub(super) fn node(context: &SessionContext) -> String {
    let requirements = context.relays.relays().requirements();
    let versions = wire::ALL.map(|wire| format!("{}.0", wire.version));
    let info = json!({
        "clockCorrection": context.corrector.correction(),
        "clockExcess": context.corrector.excess(),
        "filters": context.delivery.delivery().filter_count(),
        "maxMessageSize": requirements.max_message_size(),
        "minimumPoW": requirements.min_work().get(),
        "version": versions[0],
        "versions": versions,
    });
    info.to_string()
}

/// For `admin_peers`; `None` before the exchange of status packets. (go-ethereum reports only "unknown".)
pub(super) fn peer(context: &SessionContext, id: &NodeId) -> Option<String> {
    let (slot, _) = context.links.find(id)?;
    let (status, rule) = context.relays.relays().peer(slot)?;
    let info = json!({
        "bloom": format!("0x{}", status.bloom),
        "confirmations": status.confirmations,
        "light": status.light,
        "pow": status.min_work.get(),
        "powRule": peer_rule_name(&rule),
        "rateLimits": status.rates.map(|rates| {
            json!({ "ip": rates.per_ip, "peer": rates.per_peer, "topic": rates.per_topic })
        }),
        "trusted": context.trusted.contains(id),
        "version": Wire::of(slot.dialect()).version,
    });
    Some(info.to_string())
}

/// The name of the rule that a peer applies to work.
fn peer_rule_name(state: &PeerRuleState) -> &'static str {
    match state.rule() {
        Some(rule) => rule_name(rule),
        None if state.is_known() => "any",
        None => "unknown",
    }
}

/// The name of a rule of work, as `admin_peers` reports it: `geth-1.8`, `eip-627`, `parity` or `nim-eth`; `other` for a
/// rule that no known client applies.
#[must_use]
pub fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::GETH_1_8 => "geth-1.8",
        Rule::EIP_627 => "eip-627",
        Rule::PARITY => "parity",
        Rule::NIM => "nim-eth",
        _ => "other",
    }
}
