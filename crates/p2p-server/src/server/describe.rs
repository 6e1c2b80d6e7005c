//! Draws up what the node says about itself and its peers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::SystemTime,
};

use p2p_mux::{
    Capability, Peer, Protocol,
    identity::{Content, Enode, Host, NodeId, Record},
};

use crate::{
    config::Config,
    context::{Live, Shared, State},
    observed::node_info::{Json, Network, NodeInfo, PeerInfo, Ports},
    tasks::open::NOWHERE,
};

/// The node's URL at the start: see [`Server::enode`](crate::Server::enode). Without discovery, which
/// has a UDP port.
pub(crate) fn own_enode(config: &Config, addrs: &[SocketAddr]) -> Enode {
    let bound = addrs.first().copied().unwrap_or(NOWHERE);
    let ip = match config.settings.nat.external_ip() {
        Some(ip) => ip,
        None if bound.ip().is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => bound.ip(),
    };
    Enode { id: config.key.id(), host: Host::Ip(ip), tcp: bound.port(), udp: 0 }
}

/// This node.
pub(crate) fn node_info(shared: &Shared, enode: &Enode, addrs: &[SocketAddr]) -> NodeInfo {
    let local = shared.state().local.clone();
    let mut protocols = BTreeMap::new();
    // Outside the lock, since this runs code of the sub-protocols.
    for protocol in &local.protocols {
        let told = protocol.describe_node().map_or_else(|| Json::word("unknown"), Json::new);
        protocols.entry(protocol.capability().name.clone()).or_insert(told);
    }
    NodeInfo {
        id: digest_hex(&enode.id),
        name: local.client,
        enode: enode.to_string(),
        enr: record(shared, enode)
            .map(|record| format!("0x{}", hex(&record.encode())))
            .unwrap_or_default(),
        ip: match &enode.host {
            Host::Ip(ip) => ip.to_string(),
            Host::Name(name) => name.clone(),
        },
        ports: Ports { discovery: enode.udp, listener: enode.tcp },
        listen_addr: addrs.first().map(SocketAddr::to_string).unwrap_or_default(),
        protocols,
    }
}

/// The node's signed record: that of discovery where there is one.
fn record(shared: &Shared, enode: &Enode) -> Option<Record> {
    #[cfg(feature = "discovery")]
    if let Some(discv4) = shared.discv4() {
        return Some(discv4.record());
    }
    own_record(shared, enode)
}

/// The node's own record where nobody else keeps it: where it is, and what it speaks as far as there is room. Of a higher
/// sequence number than the one before when either has changed.
fn own_record(shared: &Shared, enode: &Enode) -> Option<Record> {
    let mut state = shared.state();
    let here = Content::of(enode);
    let full = here.clone().set("cap", &capabilities(&state.local.protocols));
    let last = state.record.take();
    let make = |content: &Content| match &last {
        Some(last) => last.update(&shared.key, content),
        None => Record::sign(&shared.key, first_sequence(), content),
    };
    // An address and two ports always fit.
    state.record = make(&full).or_else(|_| make(&here)).ok().or(last);
    state.record.clone()
}

/// The value of a record's `cap`, as go-ethereum has it.
pub(crate) fn capabilities(protocols: &[Protocol]) -> Vec<Capability> {
    protocols.iter().map(|protocol| protocol.capability().clone()).collect()
}

/// The milliseconds since 1970: higher than in any run before, with nothing to be remembered.
pub(crate) fn first_sequence() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

/// All peers, ordered by [`PeerInfo::id`].
pub(crate) fn peers(shared: &Shared) -> Vec<PeerInfo> {
    let state = shared.state();
    let mut peers: Vec<_> =
        state.live.values().map(|live| (peer_info(&state, live), live.peer.clone())).collect();
    let protocols = state.local.protocols.clone();
    drop(state);
    peers.sort_unstable_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    let finish = |(mut info, peer): (PeerInfo, Peer)| {
        // Outside the lock, since this runs code of the sub-protocols.
        info.protocols = peer_protocols(&protocols, &peer);
        info
    };
    peers.into_iter().map(finish).collect()
}

fn peer_info(state: &State, live: &Live) -> PeerInfo {
    let peer = &live.peer;
    let id = peer.id();
    PeerInfo {
        enode: live.enode.to_string(),
        id: digest_hex(&id),
        name: peer.client().to_owned(),
        caps: peer.capabilities().iter().map(ToString::to_string).collect(),
        network: Network {
            local_address: peer.local_addr().unwrap_or(NOWHERE),
            remote_address: peer.remote_addr().unwrap_or(NOWHERE),
            inbound: peer.is_inbound(),
            trusted: state.slots.is_trusted(&id),
            is_static: state.slots.is_static(&id),
        },
        protocols: BTreeMap::new(),
        node_id: id,
    }
}

fn peer_protocols(protocols: &[Protocol], peer: &Peer) -> BTreeMap<String, Json> {
    let tell = |capability: &Capability| {
        let told = protocols
            .iter()
            .find(|protocol| protocol.capability() == capability)
            .and_then(|protocol| protocol.describe_peer(&peer.id()))
            .map_or_else(|| Json::word("unknown"), Json::new);
        (capability.name.clone(), told)
    };
    peer.shared().iter().map(tell).collect()
}

/// The node's address in the Kademlia sense, as geth prints ids.
fn digest_hex(id: &NodeId) -> String {
    hex(&id.hash())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
