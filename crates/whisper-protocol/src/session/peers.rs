//! The peers by their ids: how those are reached that are connected, and what is kept of a peer from
//! one connection to the next.
//!
//! What a peer is sent and why is the relay's business; each part here has a lock of its own, held
//! for a look alone.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::NodeId;
use tokio::sync::Notify;
use whisper_pow::Rule;

use crate::{
    lock::lock,
    relay::Seat,
    relay::rules::Learned,
    session::limit::{Excess, Limiter, RateLimits},
    session::outlet::Outlet,
    session::remote::Remote,
};

/// How to reach a seated peer.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: NodeId,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) wake: Arc<Notify>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Peers {
    links: Mutex<HashMap<Seat, Link>>,
    trusted: Mutex<HashSet<NodeId>>,
    learned: Mutex<Learned>,
    limiter: Mutex<Limiter>,
}

impl Peers {
    /// The peer has taken its seat.
    pub(crate) fn insert(&self, seat: Seat, link: Link) {
        lock(&self.links).insert(seat, link);
    }

    /// The peer has left its seat.
    pub(crate) fn remove(&self, seat: Seat) {
        lock(&self.links).remove(&seat);
    }

    /// Wakes the sessions that have something to send.
    pub(crate) fn wake(&self, seats: &[Seat]) {
        if seats.is_empty() {
            return;
        }
        let links = lock(&self.links);
        seats.iter().filter_map(|seat| links.get(seat)).for_each(|link| link.wake.notify_one());
    }

    /// The seat of a connected peer, and the way to it.
    pub(crate) fn link(&self, id: &NodeId) -> Option<(Seat, Link)> {
        let links = lock(&self.links);
        links.iter().find(|(_, link)| link.id == *id).map(|(seat, link)| (*seat, link.clone()))
    }

    /// Who sits there.
    pub(crate) fn seated(&self, seat: Seat) -> Option<NodeId> {
        lock(&self.links).get(&seat).map(|link| link.id)
    }

    /// From now on direct messages of this peer are taken.
    pub(crate) fn trust(&self, id: NodeId) {
        lock(&self.trusted).insert(id);
    }

    pub(crate) fn is_trusted(&self, id: &NodeId) -> bool {
        lock(&self.trusted).contains(id)
    }

    /// By which rule the peer counts work, if an earlier leaving told.
    pub(crate) fn learned(&self, id: &NodeId) -> Option<Rule> {
        lock(&self.learned).get(id)
    }

    /// The peer's leaving tells that it counts work by this rule. Returns whether it is believed.
    pub(crate) fn learn(&self, remote: &Remote, rule: Rule) -> bool {
        lock(&self.learned).insert(remote.id, rule, remote.has_cut_us())
    }

    /// A packet came in of a peer that is limited. An error says that it is beyond its limit.
    pub(crate) fn handle_packet(
        &self,
        now: Duration,
        limits: &RateLimits,
        remote: &Remote,
        bytes: usize,
    ) -> Result<(), Excess> {
        lock(&self.limiter).handle_packet(now, limits, &remote.id, remote.ip, bytes)
    }
}
