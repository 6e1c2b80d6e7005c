//! The part of a server that changes, behind one lock.

use std::{sync::Arc, time::Instant};

use p2p_mux::{
    DisconnectReason, LocalNode, Peer,
    identity::{Enode, NodeId},
};
use p2p_world::{
    HashMap,
    planted::{self, Bug},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Announced, subscribers::Subscribers};
use crate::{
    access::{Access, Evicted, RefuseReason},
    config::Config,
    observed::{DialState, Observed},
    peering::Peering,
};

/// The part that changes. Never locked across an `.await`, nor while code of a sub-protocol runs.
pub(crate) struct ServerState {
    pub(crate) announced: Announced,
    pub(crate) peering: Peering,
    pub(crate) observed: Observed,
    pub(crate) subscribers: Subscribers,
    peers: HashMap<NodeId, ConnectedPeer>,
    /// For each inbound handshake in progress, by number, the sender that evicts it.
    handshakes: HashMap<u64, oneshot::Sender<RefuseReason>>,
}

/// A connected peer.
pub(crate) struct ConnectedPeer {
    pub(crate) peer: Peer,
    pub(crate) enode: Enode,
    /// Cancelled when the peer must leave; some time is left to send it the reason.
    pub(crate) leave: CancellationToken,
    /// Cancelled when the connection and its sub-protocols have ended.
    pub(crate) ended: CancellationToken,
    /// The number of the connection.
    pub(crate) number: u64,
}

impl ServerState {
    pub(super) fn new(config: &Config, port: u16, now: Instant) -> Self {
        let (settings, id) = (&config.settings, config.key.id());
        let (client, protocols) = (settings.name.clone(), config.protocols.clone());
        Self {
            announced: Announced::new(LocalNode { client, protocols, port, id }),
            peering: Peering::new(settings, id, now),
            observed: Observed::new(Arc::clone(&config.world)),
            subscribers: Subscribers::new(settings.events),
            peers: HashMap::default(),
            handshakes: HashMap::default(),
        }
    }

    /// The connected peers.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &ConnectedPeer> {
        self.peers.values()
    }

    /// The number of peers over each kind of link.
    pub(crate) fn links(&self) -> [(&'static str, u64); 2] {
        let sec = self.peers().filter(|connected| connected.peer.link().is_sec()).count();
        [("rlpx", (self.peers.len() - sec) as u64), ("sec/1", sec as u64)]
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn peer(&self, id: &NodeId) -> Option<&Peer> {
        self.peers.get(id).map(|connected| &connected.peer)
    }

    /// Adds a connected peer. Returns the one that it replaces.
    pub(crate) fn insert_peer(
        &mut self,
        id: NodeId,
        connected: ConnectedPeer,
    ) -> Option<ConnectedPeer> {
        self.peers.insert(id, connected)
    }

    /// The connection with a peer has ended: frees its slot, unless another connection has replaced it.
    pub(crate) fn remove_peer(&mut self, id: &NodeId, number: u64, now: Instant, jitter: f64) {
        self.peering.release(id, number, now, jitter);
        if self.peers.get(id).is_some_and(|connected| connected.number == number) {
            self.peers.remove(id);
        }
    }

    /// Tells the rules which peers have done something useful.
    pub(crate) fn update_proven(&mut self) {
        for (id, connected) in &self.peers {
            if connected.peer.is_useful() {
                self.peering.set_proven(id);
            }
        }
    }

    /// Ends the connection with this number within a second, because another peer has taken its slot.
    pub(crate) fn evict(&mut self, number: u64) {
        let evicted = self.peers.values().find(|connected| connected.number == number);
        if let Some(connected) = evicted.filter(|connected| !connected.leave.is_cancelled()) {
            self.observed.peer_evicted(connected.peer.id());
            connected.peer.disconnect(DisconnectReason::TooManyPeers);
            connected.leave.cancel();
        }
    }

    /// An inbound handshake begins, and ends the one that it evicts. Returns its number, and a receiver that
    /// gets the reason if it is evicted itself.
    pub(crate) fn begin_handshake(
        &mut self,
        ip: std::net::IpAddr,
    ) -> (u64, oneshot::Receiver<RefuseReason>) {
        let (number, evicted) = self.peering.begin_handshake(ip);
        if let Some(Evicted { number, reason }) = evicted
            && let Some(evict) = self.handshakes.remove(&number)
        {
            // An error means that the handshake is ending anyway.
            let _ = evict.send(reason);
        }
        let (evict, evicted) = oneshot::channel();
        self.handshakes.insert(number, evict);
        (number, evicted)
    }

    /// An inbound handshake has ended.
    pub(crate) fn end_handshake(&mut self, number: u64) {
        self.peering.end_handshake(number);
        self.handshakes.remove(&number);
    }

    /// Changes the access rules and expels the peers that they exclude.
    pub(crate) fn change_access<T>(
        &mut self,
        change: impl FnOnce(&mut Access) -> T,
        now: Instant,
    ) -> T {
        let outcome = change(self.peering.access_mut());
        let access = self.peering.access();
        let excluded = |(id, connected): (&NodeId, &ConnectedPeer)| {
            let allowed = match connected.peer.remote_addr() {
                Some(addr) => access.check(id, addr.ip(), now),
                None => access.check_node(id, now),
            };
            allowed.is_err().then_some(*id)
        };
        let excluded: Vec<NodeId> = self.peers.iter().filter_map(excluded).collect();
        for id in excluded.into_iter().filter(|_| !planted::is(Bug::BanKeepsPeer)) {
            self.expel(&id);
        }
        outcome
    }

    /// Ends the connection with a peer within a second. Returns whether there was one.
    pub(crate) fn expel(&mut self, id: &NodeId) -> bool {
        let Some(connected) = self.peers.get(id) else { return false };
        if !connected.leave.is_cancelled() {
            self.observed.peer_expelled(*id);
            connected.peer.disconnect(DisconnectReason::Requested);
            connected.leave.cancel();
        }
        true
    }

    /// What is known about a node, and what will be done about it.
    pub(crate) fn dial_state(&self, id: NodeId, now: Instant) -> DialState {
        let planned = self.peering.planned(&id);
        let connected = self.peers.get(&id);
        let enode = planned.map(|(enode, _)| enode);
        let enode = enode.or(connected.map(|connected| &connected.enode));
        DialState {
            id,
            enode: enode.cloned(),
            kind: planned.map(|(_, kind)| kind),
            trusted: self.peering.is_trusted(&id),
            connected: connected.is_some(),
            next: self.peering.next_action(&id, now),
            last: self.observed.last(&id),
        }
    }

    /// All nodes that are planned, connected, or have a known outcome, by id.
    pub(crate) fn dial_states(&self, now: Instant) -> Vec<DialState> {
        let ids: std::collections::BTreeSet<NodeId> = self
            .peering
            .planned_ids()
            .chain(self.peers.keys().copied())
            .chain(self.observed.nodes())
            .collect();
        ids.into_iter().map(|id| self.dial_state(id, now)).collect()
    }
}
