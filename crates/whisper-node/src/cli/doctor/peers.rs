//! Rules about what a running node says of itself and its peers.

use std::net::{IpAddr, SocketAddr};

use p2p_identity::is_private_network;
use serde_json::Value;
use whisper_rpc::types::{
    DialStateJson, DroppedJson, InfoJson, NodeInfoJson, OccurrenceJson, PeerInfoJson,
};

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
        "rejected.from_the_future",
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

/// Time after which a drop no longer tells something about now, in seconds.
const RECENT_SECS: u64 = 3600;

/// Applies the rules. `now`: seconds since 1970.
pub(super) fn check(state: &State, now: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(own(state));
    if state.peers.is_empty() {
        findings.push(error(
            "the node has no peer: its messages reach no other node",
            "see the other findings, and admin_dialState for each node that it tries",
        ));
    }
    findings.extend(state.dials.iter().filter_map(dial));
    findings.extend(state.peers.iter().filter_map(|peer| demands(state, peer)));
    for (reason, what, to_do) in CAUSED {
        let Some(dropped) = state.drops.iter().find(|dropped| dropped.reason == reason) else {
            continue;
        };
        let is_recent =
            |last: &OccurrenceJson| u64::from(last.at).saturating_add(RECENT_SECS) > now;
        if dropped.last.first().is_some_and(is_recent) {
            let count = dropped.count;
            findings.push(warning(format!("{what} ({reason}: {count})"), to_do));
        }
    }
    findings.extend(reachable(&state.node, &state.peers));
    findings
}

/// Whether other nodes can connect to this one.
fn reachable(node: &NodeInfoJson, peers: &[PeerInfoJson]) -> Option<Finding> {
    let listens = node.listen_addr.parse::<SocketAddr>().ok();
    listens.filter(|addr| !addr.ip().is_loopback())?;
    let own = node.ip.parse::<IpAddr>().ok()?;
    let remotes = peers.iter().map(|peer| peer.network.remote_address.parse::<SocketAddr>());
    let remotes: Vec<IpAddr> = remotes.flatten().map(|addr| addr.ip().to_canonical()).collect();
    let is_outside = |ip: &&IpAddr| match own {
        _ if own.is_loopback() => !ip.is_loopback(),
        _ if is_private_network(own) => !ip.is_loopback() && !is_private_network(**ip),
        _ => false,
    };
    if let Some(peer) = remotes.iter().find(is_outside) {
        return Some(warning(
            format!("the node tells others the address {own}, which the peer {peer} cannot dial"),
            "set nat: extip: with the address of this node for others, or upnp or pmp if the router can forward the port",
        ));
    }
    let has_inbound = peers.iter().any(|peer| peer.network.inbound);
    (!has_inbound).then(|| {
        warning(
            format!("no other node has connected to this one at {}", node.listen_addr),
            "if they should, open the port in the firewall, and forward it on the router (nat)",
        )
    })
}

/// What the node says of its clock and its filters.
fn own(state: &State) -> Vec<Finding> {
    let whisper = state.node.protocols.get("shh");
    let whisper = whisper.and_then(|document| serde_json::from_str::<Value>(document.get()).ok());
    let number = |name: &str| whisper.as_ref()?.get(name)?.as_i64();
    let mut findings = Vec::new();
    let clock = [number("clockExcess"), number("clockCorrection")];
    if let Some(seconds) = clock.into_iter().flatten().find(|seconds| *seconds != 0) {
        findings.push(error(
            format!(
                "the clock of this machine differs by {seconds} s from the clocks of the peers"
            ),
            "set the clock, and keep it right with NTP",
        ));
    }
    if number("filters") == Some(0) {
        findings.push(warning(
            "there is no filter at the node: it gives no messages to applications",
            "subscribe, or make a filter; filters are gone after a restart",
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

#[cfg(test)]
mod tests {
    use p2p_identity::SecretKey;
    use p2p_server::{Config, Server};
    use whisper_protocol::Whisper;

    use super::super::samples;
    use super::*;

    #[test]
    fn a_node_that_others_cannot_dial_is_found() {
        let found = |own: &str, listens: &str, peer: &str, is_inbound: bool| {
            let peers = [samples::peer("", &[], peer, is_inbound)];
            let finding = reachable(&samples::node("", own, listens), &peers);
            finding.map(|finding| finding.what).unwrap_or_default()
        };
        let any = "0.0.0.0:30303";
        assert!(
            found("127.0.0.1", any, "10.0.0.7:4000", true).contains("address 127.0.0.1, which")
        );
        assert!(found("10.0.0.1", any, "8.8.8.8:4000", true).contains("8.8.8.8 cannot dial"));
        assert!(found("10.0.0.1", any, "10.0.0.7:4000", false).contains("no other node has"));
        assert_eq!(found("10.0.0.1", any, "10.0.0.7:4000", true), "");
        assert_eq!(found("8.8.4.4", any, "8.8.8.8:4000", true), "");
        assert_eq!(found("127.0.0.1", "127.0.0.1:30303", "8.8.8.8:4000", false), "");
    }

    #[tokio::test]
    async fn every_reason_that_is_looked_for_exists() {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let server = Server::start(Config::new(SecretKey::generate())).await.unwrap();
        let of_whisper = whisper.drops().into_iter().map(|dropped| dropped.reason.to_string());
        let of_server = server.drops().into_iter().map(|dropped| dropped.reason);
        let names: Vec<String> = of_whisper.chain(of_server).collect();
        for (reason, ..) in CAUSED {
            assert!(names.iter().any(|name| name == reason), "{reason} is none of {names:?}");
        }
        server.stop().await;
    }
}
