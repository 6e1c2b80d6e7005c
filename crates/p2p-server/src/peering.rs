//! Which nodes may be peers, and which are dialed: all rules of one server in one value.
//!
//! It takes the time and random numbers as parameters and has no sockets or tasks, so a test can run two
//! of them against each other on virtual time.

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use p2p_mux::identity::{Enode, Host, NodeId};

use crate::{
    access::{
        Access, Evicted, Exclusion, InboundSettings, LinkRules, PendingHandshakes, Pin, PinRank,
        RefuseReason, Throttle, network,
    },
    config::ServerSettings,
    dial::{Dialer, NextAction, NodeKind, OfferError},
    slots::{Admission, Direction, InboundPeers, Limits, Slots},
};

/// A connection whose other end has proved its identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) id: NodeId,
    pub(crate) ip: IpAddr,
    pub(crate) direction: Direction,
}

/// Why a found node was not added to the dial plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdded {
    Excluded(Exclusion),
    Declined(OfferError),
}

/// The access rules, the limits of inbound connections, the peer slots and the dial plan.
#[derive(Debug)]
pub(crate) struct Peering {
    local: NodeId,
    access: Access,
    throttle: Throttle,
    pending: PendingHandshakes,
    slots: Slots,
    inbound: InboundPeers,
    dialer: Dialer,
    dialing: DialBounds,
    /// Over which link each node is connected.
    pub(crate) links: LinkRules,
}

/// The settings of dialing that bound other limits.
#[derive(Debug)]
struct DialBounds {
    /// Whether the node looks for peers by itself.
    finds_peers: bool,
    enabled: bool,
    max_active: Option<usize>,
}

impl Peering {
    /// The rules and the plan of the node `local` at its start.
    pub(crate) fn new(settings: &ServerSettings, local: NodeId, now: Instant) -> Self {
        let dialing = &settings.dialing;
        let finds_peers = settings.finds_peers();
        let inbound = &settings.inbound;
        let mut peering = Self {
            local,
            access: settings.access.rules(),
            throttle: Throttle::new(inbound, settings.own_networks.clone()),
            pending: PendingHandshakes::new(
                settings.limits.max_pending,
                inbound.max_pending_per_ip,
            ),
            slots: Slots::new(local, settings.limits, finds_peers),
            inbound: InboundPeers::new(
                settings.limits.max_inbound(finds_peers),
                inbound.max_peers_per_ip,
                inbound.max_peers_per_network,
            ),
            dialer: Dialer::new(dialing.backoff, settings.max_active())
                .found_cooldown(dialing.found_cooldown),
            dialing: DialBounds {
                finds_peers,
                enabled: dialing.enabled,
                max_active: dialing.max_active,
            },
            links: LinkRules::new(&settings.connection.links),
        };
        for enode in &settings.nodes.statics {
            // A listed node that is this node itself is ignored.
            let _ = peering.add_static(enode.clone(), now);
        }
        if finds_peers {
            // A boot node without a TCP port only answers discovery.
            let dialed = |enode: &&Enode| enode.id != local && enode.tcp != 0;
            for enode in settings.nodes.boot.iter().filter(dialed) {
                peering.dialer.add(enode.clone(), NodeKind::Boot, now);
            }
        }
        for enode in &settings.nodes.trusted {
            peering.slots.set_trusted(enode.id, true);
        }
        peering
    }

    /// Replaces the limits. They apply to new connections: peers and handshakes in progress stay.
    pub(crate) fn set_limits(&mut self, limits: Limits, inbound: &InboundSettings) {
        let DialBounds { finds_peers, enabled, max_active } = self.dialing;
        self.throttle.set_interval(inbound);
        self.pending.set_limits(limits.max_pending, inbound.max_pending_per_ip);
        self.slots.set_limits(limits);
        self.inbound.set_shares(
            limits.max_inbound(finds_peers),
            inbound.max_peers_per_ip,
            inbound.max_peers_per_network,
        );
        let max_active = max_active.unwrap_or(limits.max_pending).max(1);
        self.dialer.set_max_active(if enabled { max_active } else { 0 });
    }

    // Inbound handshakes.

    /// Whether a connection from the address is accepted, before anything is read from it.
    pub(crate) fn check_inbound(&mut self, ip: IpAddr, now: Instant) -> Result<(), RefuseReason> {
        self.access.check_address(ip, now)?;
        if self.throttle.admit(ip, now) { Ok(()) } else { Err(RefuseReason::Throttled) }
    }

    /// A node at `ip` has proved that it is in the separate network of this node.
    #[cfg(feature = "discovery")]
    pub(crate) fn add_member(&mut self, ip: IpAddr, now: Instant) {
        self.throttle.add_member(ip, now);
    }

    /// An inbound handshake begins. Returns its number, and the handshake that is evicted for it.
    pub(crate) fn begin_handshake(&mut self, ip: IpAddr) -> (u64, Option<Evicted>) {
        self.pending.insert(ip)
    }

    /// The other end of an inbound handshake has proved its key.
    pub(crate) fn set_key_proven(&mut self, handshake: u64) {
        self.pending.set_key_proven(handshake);
    }

    /// An inbound handshake has ended, with or without a peer.
    pub(crate) fn end_handshake(&mut self, handshake: u64) {
        self.pending.remove(handshake);
    }

    // Peers.

    /// Whether the connection may become a peer now. An outbound one only if its node is still planned:
    /// it may have been removed while it was being dialed.
    pub(crate) fn check(&self, candidate: &Candidate, now: Instant) -> Result<(), RefuseReason> {
        let Candidate { id, ip, direction } = candidate;
        if *direction == Direction::Outbound && self.dialer.get(id).is_none() {
            return Err(RefuseReason::Unwanted);
        }
        self.access.check(id, *ip, now)?;
        match self.slots.check(id, *direction) {
            Err(reason) if self.victim(candidate, reason, now).is_none() => Err(reason),
            _ => Ok(()),
        }
    }

    /// The peer that loses its slot to the candidate, which was refused for this reason.
    fn victim(
        &self,
        candidate: &Candidate,
        reason: RefuseReason,
        now: Instant,
    ) -> Option<(NodeId, u64)> {
        let full = matches!(reason, RefuseReason::TooManyPeers | RefuseReason::TooManyInbound);
        let can_evict = full && candidate.direction == Direction::Inbound;
        let victim = || self.inbound.victim(candidate.ip, now, |id| self.slots.is_privileged(id));
        can_evict.then(victim).flatten()
    }

    /// As [`Peering::check`], and takes a slot, perhaps that of another peer. Of an outbound connection the attempt
    /// ends with it.
    pub(crate) fn admit(
        &mut self,
        candidate: &Candidate,
        now: Instant,
    ) -> Result<Admission, RefuseReason> {
        self.check(candidate, now)?;
        let Candidate { id, ip, direction } = *candidate;
        let full = self.slots.check(&id, direction).err();
        let victim = full.and_then(|reason| self.victim(candidate, reason, now));
        if let Some((victim, number)) = victim {
            self.release(&victim, number, now, 0.0);
        }
        let mut admission = self.slots.admit(id, direction)?;
        admission.evicts = victim.map(|(_, number)| number);
        match direction {
            Direction::Inbound => self.inbound.insert(id, admission.number, ip, now),
            Direction::Outbound => self.inbound.remove(&id),
        }
        self.dialer.handle_connected(id, direction == Direction::Outbound, now);
        Ok(admission)
    }

    /// What pins the candidate, if it has `sec/1`. `unix_time`: the time now.
    pub(crate) fn pin(&self, candidate: &Candidate, unix_time: SystemTime) -> Pin {
        let Candidate { id, ip, direction } = candidate;
        let is_allowed = self.access.nodes.as_ref().is_some_and(|allowed| allowed.contains(id));
        let rank = match direction {
            _ if is_allowed || self.is_static(id) || self.is_trusted(id) => PinRank::Listed,
            Direction::Outbound => PinRank::Dialed,
            Direction::Inbound => PinRank::Inbound,
        };
        let seen = unix_time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Pin { id: *id, rank, network: network(*ip), seen }
    }

    /// A connection has ended: frees its slot. Returns `false` if another connection with the same node
    /// has replaced it. `jitter` as in [`Backoff::delay`](crate::Backoff::delay), here and below.
    pub(crate) fn release(&mut self, id: &NodeId, number: u64, now: Instant, jitter: f64) -> bool {
        let holds = self.slots.release(id, number);
        if holds {
            self.inbound.remove(id);
            self.dialer.handle_disconnected(id, now, jitter);
        }
        holds
    }

    /// A peer has done something useful, so it does not lose its slot because it is idle.
    pub(crate) fn set_proven(&mut self, id: &NodeId) {
        self.inbound.set_proven(id);
    }

    // Dialing.

    /// The next node to dial now, if any. Bans that have ended are removed.
    pub(crate) fn poll_dial(&mut self, now: Instant) -> Option<Enode> {
        self.access.bans.handle_timeout(now);
        let Self { access, dialer, .. } = self;
        dialer.poll_dial_if(now, |enode| access.check_enode(enode, now).is_ok())
    }

    /// When [`Peering::poll_dial`] must be called again, if nothing else is reported before.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let may = |enode: &Enode| self.access.check_enode(enode, now).is_ok();
        let due = self.dialer.poll_timeout_if(may);
        due.into_iter().chain(self.access.bans.poll_timeout()).min()
    }

    /// An attempt has failed. Returns the kind of its node, if it was still planned.
    pub(crate) fn dial_failed(
        &mut self,
        id: &NodeId,
        now: Instant,
        jitter: f64,
    ) -> Option<NodeKind> {
        let kind = self.kind(id);
        self.dialer.handle_failed(id, now, jitter);
        kind
    }

    /// Adds a static node. Fails with [`RefuseReason::SelfConnect`] for this node itself.
    pub(crate) fn add_static(&mut self, enode: Enode, now: Instant) -> Result<(), RefuseReason> {
        if enode.id == self.local {
            return Err(RefuseReason::SelfConnect);
        }
        self.slots.set_static(enode.id, true);
        self.dialer.add(enode, NodeKind::Static, now);
        Ok(())
    }

    /// Removes a node from the plan and its mark as static. Returns whether it was planned.
    pub(crate) fn remove(&mut self, id: &NodeId) -> bool {
        self.slots.set_static(*id, false);
        self.dialer.remove(id)
    }

    /// Adds a found node to the plan.
    pub(crate) fn add_found(&mut self, enode: Enode, now: Instant) -> Result<(), NotAdded> {
        self.access.check_enode(&enode, now).map_err(NotAdded::Excluded)?;
        if enode.id == self.local {
            return Err(NotAdded::Declined(OfferError::Known));
        }
        self.dialer.offer(enode, now).map_err(NotAdded::Declined)
    }

    /// Discovery found a node at this address. If the node is planned with another address, that one is
    /// tried too.
    pub(crate) fn set_seen_at(&mut self, enode: Enode, now: Instant) {
        if self.is_planned(&enode.id) {
            // A planned node is declined, but its address is kept.
            let _ = self.dialer.offer(enode, now);
        }
    }

    /// Whether more found nodes can be dialed.
    pub(crate) fn has_room_for_found(&self) -> bool {
        self.dialer.found() < self.slots.dial_room()
    }

    /// From now on reserves slots for found nodes.
    pub(crate) fn reserve_outbound(&mut self) {
        self.slots.reserve_outbound();
    }

    /// Whether discovery should be asked for the address of a static or boot node: after some failures in
    /// a row, and then after every few more.
    pub(crate) fn should_resolve(&self, id: &NodeId) -> bool {
        let listed = self.kind(id).is_some_and(|kind| kind != NodeKind::Found);
        let action = self.dialer.next_action(id);
        listed && matches!(action, Some(NextAction::Dial { failures, .. }) if failures % 4 == 2)
    }

    // Settings that change at run time.

    /// The access rules.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The access rules, to change them.
    pub(crate) fn access_mut(&mut self) -> &mut Access {
        &mut self.access
    }

    /// Marks a node as trusted, or removes the mark. Returns whether that changed anything.
    pub(crate) fn set_trusted(&mut self, id: NodeId, trusted: bool) -> bool {
        self.slots.set_trusted(id, trusted)
    }

    // Queries.

    /// Whether a stream to this host may be opened.
    pub(crate) fn check_host(&self, host: &Host, now: Instant) -> Result<(), RefuseReason> {
        Ok(self.access.check_host(host, now)?)
    }

    /// What will be done about a node, or which rule excludes it.
    pub(crate) fn next_action(&self, id: &NodeId, now: Instant) -> Option<NextAction> {
        let allowed = match self.dialer.get(id) {
            Some((enode, _)) => self.access.check_enode(enode, now),
            None => self.access.check_node(id, now),
        };
        match allowed {
            Err(exclusion) => Some(NextAction::Excluded(exclusion)),
            Ok(()) => self.dialer.next_action(id),
        }
    }

    /// A planned node, with its kind.
    pub(crate) fn planned(&self, id: &NodeId) -> Option<(&Enode, NodeKind)> {
        self.dialer.get(id)
    }

    /// The ids of all planned nodes.
    pub(crate) fn planned_ids(&self) -> impl Iterator<Item = NodeId> {
        self.dialer.nodes().map(|enode| enode.id)
    }

    /// Where else a planned node was seen.
    pub(crate) fn seen_at(&self, id: &NodeId) -> Option<&Enode> {
        self.dialer.seen_at(id)
    }

    pub(crate) fn is_planned(&self, id: &NodeId) -> bool {
        self.dialer.get(id).is_some()
    }

    pub(crate) fn kind(&self, id: &NodeId) -> Option<NodeKind> {
        self.dialer.get(id).map(|(_, kind)| kind)
    }

    pub(crate) fn is_static(&self, id: &NodeId) -> bool {
        self.slots.is_static(id)
    }

    pub(crate) fn is_trusted(&self, id: &NodeId) -> bool {
        self.slots.is_trusted(id)
    }
}
