//! Rules about what a running node says of itself and its peers.

use std::net::SocketAddr;

use serde_json::Value;
use whisper_rpc::types::{DialStateJson, DroppedJson, InfoJson, NodeInfoJson, PeerInfoJson};

use super::finding::{Finding, error, warning};

/// What a running node says.
pub(super) struct State {
    pub(super) node: NodeInfoJson,
    pub(super) peers: Vec<PeerInfoJson>,
    pub(super) dials: Vec<DialStateJson>,
    pub(super) whisper: InfoJson,
    pub(super) drops: Vec<DroppedJson>,
}

/// Reasons of drops that a setting or the machine causes: the name, what it means, what to do.
const CAUSED: [(&str, &str, &str); 8] = [
    (
        "rejected.low_work",
        "envelopes with too little work were dropped",
        "lower shh.pow, or raise the work of the senders",
    ),
    ("rejected.too_large", "envelopes that are too large were dropped", "raise shh.maxmessagesize"),
    (
        "rejected.future",
        "envelopes from the future were dropped: the clock of this node or of its peers is wrong",
        "set the clocks, with NTP",
    ),
    (
        "rejected.expired",
        "envelopes that had expired were dropped: the clock of this node or of its peers is wrong, or the lines are slow",
        "set the clocks, with NTP",
    ),
    (
        "refused.not_allowed",
        "nodes that allow does not list wanted to connect",
        "add their ids to allow, if they are yours",
    ),
    ("refused.banned", "banned nodes wanted to connect", "remove them from ban, if they are yours"),
    (
        "refused.restricted",
        "nodes outside of netrestrict wanted to connect",
        "add their network to netrestrict, if they are yours",
    ),
    ("refused.too_many_peers", "nodes were refused because all slots are taken", "raise maxpeers"),
];

/// Applies the rules.
pub(super) fn check(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.peers.is_empty() {
        findings.push(error(
            "the node has no peer: its messages reach no other node",
            "see the other findings, and admin_dialState for each node that it tries",
        ));
    }
    findings.extend(state.dials.iter().filter_map(dial));
    findings.extend(state.peers.iter().filter_map(|peer| demands(state, peer)));
    for (reason, what, to_do) in CAUSED {
        let count =
            state.drops.iter().find(|dropped| dropped.reason == reason).map_or(0, |it| it.count);
        if count > 0 {
            findings.push(warning(format!("{what} ({reason}: {count})"), to_do));
        }
    }
    let has_inbound = state.peers.iter().any(|peer| peer.network.inbound);
    let listens = state.node.listen_addr.parse::<SocketAddr>();
    if !has_inbound && listens.is_ok_and(|addr| !addr.ip().is_loopback()) {
        findings.push(warning(
            format!("no other node has connected to this one at {}", state.node.listen_addr),
            "if they should, open the port in the firewall, and forward it on the router (nat)",
        ));
    }
    findings
}

/// A node that is dialed without success.
fn dial(dial: &DialStateJson) -> Option<Finding> {
    let failure = dial.last_failure.as_ref().filter(|_| !dial.connected && dial.kind.is_some())?;
    let enode = dial.enode.get(..24).unwrap_or(&dial.enode);
    let count = dial.failures.unwrap_or(1);
    let what = format!("the node does not reach {enode}… ({count} attempts): {}", failure.why);
    Some(error(what, "start that node, correct its enode URL, or open its port in the firewall"))
}

/// What a peer demands, and this node does not send.
fn demands(state: &State, peer: &PeerInfoJson) -> Option<Finding> {
    let whisper: Value = serde_json::from_str(peer.protocols.get("shh")?.get()).ok()?;
    let id = peer.id.get(..8).unwrap_or(&peer.id);
    let work = whisper.get("pow").and_then(Value::as_f64).unwrap_or(0.0);
    if work > state.whisper.min_pow {
        let own = state.whisper.min_pow;
        return Some(warning(
            format!(
                "the peer {id}… demands a work of {work}; messages with {own}, the minimum here, are not sent to it"
            ),
            "send with more work (powTarget), or lower its shh.pow",
        ));
    }
    let bloom = whisper.get("bloom").and_then(Value::as_str).unwrap_or_default();
    let is_empty =
        !bloom.is_empty() && bloom.trim_start_matches("0x").chars().all(|digit| digit == '0');
    is_empty.then(|| {
        warning(
            format!("the bloom filter of the peer {id}… excludes all topics: it is sent nothing"),
            "make a filter there, or remove its shh.filtered",
        )
    })
}
