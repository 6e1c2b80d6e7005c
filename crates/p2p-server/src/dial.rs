//! Which node to dial, and when: a value that takes the time and random numbers as parameters.
//!
//! A node is dialed when it is due, neither connected nor being dialed, and fewer than `max_active`
//! attempts run. Static nodes are dialed without end; a found node gets one attempt and must then be
//! found again. Every attempt that [`Dialer::poll_dial`] returns must end in exactly one call of
//! [`Dialer::handle_connected`] with `dialed`, or of [`Dialer::handle_failed`]. Until then the node is
//! not returned again.
//!
//! # What is guaranteed for a static node
//!
//! At any time it is connected, being dialed, or due at the time that [`Dialer::next_action`] returns.
//! That time is at most [`Backoff::cap`] after the last attempt began or the connection was lost. The
//! attempt begins at that time if one is free: found nodes never take more than half of them, and if the
//! other half is enough for all static nodes, no static node waits for another. So a reachable static
//! node is connected within the cap plus the time that an attempt takes. An attempt that takes longer
//! than the cap is followed by the next one at once.

mod action;
mod backoff;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use p2p_world::{
    HashMap,
    planted::{self, Bug},
};

pub use action::{DialReason, NextAction, NodeKind, OfferError};
pub use backoff::Backoff;

use crate::access::Recent;

/// A node of the plan.
#[derive(Debug)]
struct PlannedNode {
    enode: Enode,
    /// Where discovery saw the node, if that is not the listed address.
    seen_at: Option<Enode>,
    kind: NodeKind,
    failures: u32,
    due: Instant,
    reason: DialReason,
}

/// The dial plan of one server.
#[derive(Debug)]
pub struct Dialer {
    backoff: Backoff,
    max_active: usize,
    planned: HashMap<NodeId, PlannedNode>,
    /// The attempts that run, and when each began.
    dialing: HashMap<NodeId, Instant>,
    connected: HashMap<NodeId, Instant>,
    /// Found nodes that were dialed or lost lately.
    tried: Recent<NodeId>,
}

impl Dialer {
    /// The default of [`Dialer::found_cooldown`]: 35 s, as in go-ethereum, a little more than the 30 s in
    /// which it refuses a second connection from one address.
    pub const DEFAULT_FOUND_COOLDOWN: Duration = Duration::from_secs(35);

    /// An empty plan. At most `max_active` attempts run at once (0: no node is ever dialed); at most half
    /// of them, but at least one, are for found nodes.
    #[must_use]
    pub fn new(backoff: Backoff, max_active: usize) -> Self {
        Self {
            backoff,
            max_active,
            planned: HashMap::default(),
            dialing: HashMap::default(),
            connected: HashMap::default(),
            tried: Recent::new(Self::DEFAULT_FOUND_COOLDOWN),
        }
    }

    /// Replaces the number of attempts that may run at once. Those that run go on.
    pub(crate) fn set_max_active(&mut self, max_active: usize) {
        self.max_active = max_active;
    }

    /// Sets for how long a found node is not dialed again after an attempt or a lost connection. Default
    /// [`Dialer::DEFAULT_FOUND_COOLDOWN`], at most one day.
    #[must_use]
    pub fn found_cooldown(mut self, cooldown: Duration) -> Self {
        self.tried.set_keep(cooldown.min(backoff::DAY));
        self
    }

    /// Adds a found node, due at once, for one attempt.
    ///
    /// If a static or boot node is found at another address than the listed one, it may have moved. From
    /// then on both addresses are tried ([`Dialer::seen_at`]). A false report costs no more than that.
    ///
    /// # Errors
    ///
    /// [`OfferError`]. The plan is unchanged, except for the address mentioned above.
    pub fn offer(&mut self, enode: Enode, now: Instant) -> Result<(), OfferError> {
        let id = enode.id;
        if enode.tcp == 0 {
            return Err(OfferError::NoPort);
        }
        let busy = self.connected.contains_key(&id) || self.dialing.contains_key(&id);
        if let Some(known) = self.planned.get_mut(&id) {
            if known.kind != NodeKind::Found && !self.connected.contains_key(&id) {
                let elsewhere = (&enode.host, enode.tcp) != (&known.enode.host, known.enode.tcp);
                known.seen_at = elsewhere.then_some(enode).or(known.seen_at.take());
            }
            Err(OfferError::Known)
        } else if busy {
            Err(OfferError::Known)
        } else if self.tried.contains(&id, now) {
            Err(OfferError::Recent)
        } else {
            self.add(enode, NodeKind::Found, now);
            Ok(())
        }
    }

    /// Where else a node of the plan was seen. An attempt tries this address after the one that
    /// [`Dialer::poll_dial`] returns.
    #[must_use]
    pub fn seen_at(&self, id: &NodeId) -> Option<&Enode> {
        self.planned.get(id)?.seen_at.as_ref()
    }

    /// Number of found nodes that wait for their attempt or are being dialed.
    #[must_use]
    pub fn found(&self) -> usize {
        self.planned
            .iter()
            .filter(|(id, node)| node.kind == NodeKind::Found && !self.connected.contains_key(*id))
            .count()
    }

    /// Adds a node, due at once. A node that is already planned keeps its waiting time unless its
    /// address changed; its [`NodeKind`] can be raised this way, never lowered.
    pub fn add(&mut self, enode: Enode, kind: NodeKind, now: Instant) {
        match self.planned.get_mut(&enode.id) {
            Some(known) => {
                known.kind = known.kind.max(kind);
                if known.enode != enode {
                    *known = PlannedNode::new(enode, known.kind, now);
                }
            }
            None => {
                self.planned.insert(enode.id, PlannedNode::new(enode, kind, now));
            }
        }
    }

    /// Removes a node from the plan. A running attempt goes on and is not repeated. Returns whether the
    /// node was planned.
    pub fn remove(&mut self, id: &NodeId) -> bool {
        self.planned.remove(id).is_some()
    }

    /// The next node to dial now, if any: of the highest [`NodeKind`] the one that waited longest. From
    /// then on it counts as being dialed.
    pub fn poll_dial(&mut self, now: Instant) -> Option<Enode> {
        self.poll_dial_if(now, |_| true)
    }

    /// As [`Dialer::poll_dial`], among the nodes for which `may` returns true.
    pub fn poll_dial_if(&mut self, now: Instant, may: impl Fn(&Enode) -> bool) -> Option<Enode> {
        let due = self.open().filter(|(_, node)| node.due <= now && may(&node.enode));
        let first = due.min_by_key(|(id, node)| (Reverse(node.kind), node.due, **id));
        let id = *first?.0;
        self.dialing.insert(id, now);
        self.planned.get(&id).map(|node| node.enode.clone())
    }

    /// When [`Dialer::poll_dial`] must be called again, if nothing else is reported before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout_if(|_| true)
    }

    /// As [`Dialer::poll_timeout`], for [`Dialer::poll_dial_if`] with the same `may`.
    #[must_use]
    pub fn poll_timeout_if(&self, may: impl Fn(&Enode) -> bool) -> Option<Instant> {
        let open = self.open().filter(|(_, node)| may(&node.enode));
        open.map(|(_, node)| node.due).min()
    }

    /// The node is connected. `dialed`: by an attempt of this dialer, which ends with it.
    pub fn handle_connected(&mut self, id: NodeId, dialed: bool, now: Instant) {
        if dialed {
            self.dialing.remove(&id);
        }
        self.connected.insert(id, now);
    }

    /// The node is no longer connected. `jitter` as in [`Backoff::delay`].
    pub fn handle_disconnected(&mut self, id: &NodeId, now: Instant, jitter: f64) {
        let Some(since) = self.connected.remove(id) else { return };
        // A found node keeps its attempt while that attempt runs: the other end closed the connection
        // that it had dialed in favor of ours.
        if !self.dialing.contains_key(id) && self.retire(id, now) {
            return;
        }
        let Some(node) = self.planned.get_mut(id) else { return };
        if now.saturating_duration_since(since) >= self.backoff.steady {
            node.failures = 0;
        }
        node.postpone(&self.backoff, DialReason::Lost, now, now, jitter);
    }

    /// An attempt ended without a connection. `jitter` as in [`Backoff::delay`]; the delay is counted
    /// from the beginning of the attempt.
    pub fn handle_failed(&mut self, id: &NodeId, now: Instant, jitter: f64) {
        let Some(began) = self.dialing.remove(id) else { return };
        if planted::is(Bug::DialForgotten) {
            self.dialing.insert(*id, began);
        }
        // A found node that connected from the other end in the meantime stays planned.
        if !self.connected.contains_key(id) && self.retire(id, now) {
            return;
        }
        if let Some(node) = self.planned.get_mut(id) {
            node.postpone(&self.backoff, DialReason::Failed, began, now, jitter);
        }
    }

    /// What the dialer will do about a node, and when. `None` for a node that is not planned, so never
    /// for a static node.
    #[must_use]
    pub fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        let node = self.planned.get(id)?;
        Some(if let Some(&since) = self.connected.get(id) {
            NextAction::Connected { since }
        } else if let Some(&since) = self.dialing.get(id) {
            NextAction::Dialing { since }
        } else if self.max_active == 0 {
            NextAction::Never
        } else if self.wants(node) {
            NextAction::Dial { at: node.due, failures: node.failures, reason: node.reason }
        } else {
            NextAction::Idle
        })
    }

    /// Number of running attempts.
    #[must_use]
    pub fn active(&self) -> usize {
        self.dialing.len()
    }

    /// A planned node as given to [`Dialer::add`], with its kind.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<(&Enode, NodeKind)> {
        self.planned.get(id).map(|node| (&node.enode, node.kind))
    }

    /// The planned nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Enode> {
        self.planned.values().map(|node| &node.enode)
    }

    fn wants(&self, node: &PlannedNode) -> bool {
        node.kind != NodeKind::Boot || self.connected.is_empty()
    }

    /// The nodes that may be dialed, now or later. This scans the plan, which is small: it holds listed
    /// nodes, and found nodes only as far as there are free slots.
    fn open(&self) -> impl Iterator<Item = (&NodeId, &PlannedNode)> {
        let full = self.dialing.len() >= self.max_active;
        let found_full = full || self.dialing_found() >= self.max_active.div_ceil(2);
        self.planned.iter().filter(move |(id, node)| {
            !(if node.kind == NodeKind::Found { found_full } else { full })
                && !self.dialing.contains_key(*id)
                && !self.connected.contains_key(*id)
                && self.wants(node)
        })
    }

    /// Number of running attempts that are for neither static nor boot nodes.
    fn dialing_found(&self) -> usize {
        let found = |id: &&NodeId| self.get(id).is_none_or(|(_, kind)| kind == NodeKind::Found);
        self.dialing.keys().filter(found).count()
    }

    /// Removes a found node that has had its attempt. Returns whether it was a found node.
    fn retire(&mut self, id: &NodeId, now: Instant) -> bool {
        let found = self.planned.get(id).is_some_and(|known| known.kind == NodeKind::Found);
        if found {
            self.planned.remove(id);
            self.tried.insert(*id, now);
        }
        found
    }
}

impl PlannedNode {
    const fn new(enode: Enode, kind: NodeKind, due: Instant) -> Self {
        Self { enode, seen_at: None, kind, failures: 0, due, reason: DialReason::New }
    }

    /// Sets the next due time: the backoff delay, counted from `since`.
    fn postpone(
        &mut self,
        backoff: &Backoff,
        reason: DialReason,
        since: Instant,
        now: Instant,
        jitter: f64,
    ) {
        self.due = now.max(since + backoff.delay(self.failures, jitter));
        self.failures = self.failures.saturating_add(1);
        self.reason = reason;
    }
}
