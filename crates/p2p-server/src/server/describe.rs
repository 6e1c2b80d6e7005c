//! Descriptions of the node and its peers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use p2p_mux::{
    Capability, Peer, Protocol,
    identity::{Enode, Host, NodeId, Record},
};

use crate::{
    config::Config,
    context::{ConnectedPeer, Context, ServerState},
    observed::{Json, Network, NodeInfo, PeerInfo, Ports},
    tasks::UNSPECIFIED,
};

/// The node's URL at the start, without the UDP port of discovery; see
/// [`Server::enode`](crate::Server::enode).
pub(super) fn listen_enode(config: &Config, addrs: &[SocketAddr]) -> Enode {
    let bound = addrs.first().copied().unwrap_or(UNSPECIFIED);
    let ip = match config.settings.nat.external_ip() {
        Some(ip) => ip,
        None if bound.ip().is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => bound.ip(),
    };
    Enode { id: config.key.id(), host: Host::Ip(ip), tcp: bound.port(), udp: 0 }
}

/// The description of the node.
pub(super) fn node_info(context: &Context, enode: &Enode, addrs: &[SocketAddr]) -> NodeInfo {
    let local = context.state().announced.local().clone();
    let mut protocols = BTreeMap::new();
    // Outside the lock, since this runs code of the sub-protocols.
    for protocol in &local.protocols {
        let description = protocol.describe_node();
        let description = description.map_or_else(|| Json::word("unknown"), Json::new);
        protocols.entry(protocol.capability().name.clone()).or_insert(description);
    }
    NodeInfo {
        id: digest_hex(&enode.id),
        name: local.client,
        enode: enode.to_string(),
        enr: record(context, enode)
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

/// The node's signed record: the one that discovery keeps, if it runs.
fn record(context: &Context, enode: &Enode) -> Option<Record> {
    let now = context.unix_time();
    let announced = || context.state().announced.record(&context.key, enode, now);
    context.discovery.record().or_else(announced)
}

/// All peers, ordered by [`PeerInfo::id`], with their connections.
pub(super) fn peers(context: &Context) -> Vec<(PeerInfo, Peer)> {
    let state = context.state();
    let describe =
        |connected: &ConnectedPeer| (peer_info(&state, connected), connected.peer.clone());
    let mut peers: Vec<_> = state.peers().map(describe).collect();
    let protocols = state.announced.protocols().to_vec();
    drop(state);
    peers.sort_unstable_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    let finish = |(mut info, peer): (PeerInfo, Peer)| {
        // Outside the lock, since this runs code of the sub-protocols.
        info.protocols = peer_protocols(&protocols, &peer);
        (info, peer)
    };
    peers.into_iter().map(finish).collect()
}

fn peer_info(state: &ServerState, connected: &ConnectedPeer) -> PeerInfo {
    let peer = &connected.peer;
    let id = peer.id();
    PeerInfo {
        enode: connected.enode.to_string(),
        id: digest_hex(&id),
        name: peer.client().to_owned(),
        caps: peer.capabilities().iter().map(ToString::to_string).collect(),
        network: Network {
            local_address: peer.local_addr().unwrap_or(UNSPECIFIED),
            remote_address: peer.remote_addr().unwrap_or(UNSPECIFIED),
            inbound: peer.is_inbound(),
            trusted: state.peering.is_trusted(&id),
            is_static: state.peering.is_static(&id),
            link: peer.link().to_string(),
        },
        protocols: BTreeMap::new(),
        node_id: id,
    }
}

fn peer_protocols(protocols: &[Protocol], peer: &Peer) -> BTreeMap<String, Json> {
    let describe = |capability: &Capability| {
        let description = protocols
            .iter()
            .find(|protocol| protocol.capability() == capability)
            .and_then(|protocol| protocol.describe_peer(&peer.id()))
            .map_or_else(|| Json::word("unknown"), Json::new);
        (capability.name.clone(), description)
    };
    peer.shared().iter().map(describe).collect()
}

/// The Keccak-256 hash of the id, which geth prints as id.
fn digest_hex(id: &NodeId) -> String {
    hex(&id.hash())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
