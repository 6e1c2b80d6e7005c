//! Who to dial, and when: a value with `now`, without sockets, clock or chance.
//!
//! A node is dialled when it is due, not connected and not being dialled, and while fewer than
//! `max_active` attempts run. Static nodes are dialled for ever; a node that was found is tried once,
//! and after that must be found again. Every attempt that [`Dialer::poll_dial`] hands out must end in
//! exactly one of [`Dialer::handle_connected`] with `dialled` and [`Dialer::handle_failed`]; until
//! then the node is not handed out again, whatever else happens to it.
//!
//! # What a static node can rely on
//!
//! At any time it is connected, being dialled, or due at a time that [`Dialer::next_action`] tells.
//! That time is at most [`Backoff::cap`] after the last attempt began or the connection was lost. The
//! attempt begins then if one is free: found nodes never take more than half of them, and where there
//! are no more static nodes than the other half, no static node waits for another. So one that can be
//! reached is connected within the cap and the time that an attempt takes; an attempt that takes
//! longer than the cap is followed by the next at once.

mod action;
mod backoff;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::HashMap,
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};

pub use action::{Declined, Kind, NextAction, Why};
pub use backoff::Backoff;

use crate::access::recent::History;

#[derive(Debug)]
struct Candidate {
    enode: Enode,
    /// Where it was seen instead, if that was not where it is said to be.
    seen: Option<Enode>,
    kind: Kind,
    failures: u32,
    due: Instant,
    why: Why,
}

/// The dialling plan of one server.
#[derive(Debug)]
pub struct Dialer {
    backoff: Backoff,
    max_active: usize,
    candidates: HashMap<NodeId, Candidate>,
    dialling: HashMap<NodeId, Instant>,
    connected: HashMap<NodeId, Instant>,
    tried: History<NodeId>,
}

/// The default of [`Dialer::again`]: go-ethereum's, a little over the 30 s for which it refuses a
/// second connection from one address.
pub(crate) const AGAIN: Duration = Duration::from_secs(35);

impl Dialer {
    /// An empty plan. At most `max_active` attempts run at once (0 means that nothing is ever
    /// dialled), half of them, but at least one, of nodes that were found.
    #[must_use]
    pub fn new(backoff: Backoff, max_active: usize) -> Self {
        Self {
            backoff,
            max_active,
            candidates: HashMap::new(),
            dialling: HashMap::new(),
            connected: HashMap::new(),
            tried: History::new(AGAIN),
        }
    }

    /// Sets for how long a found node that was tried, or lost, is not dialled again. Default 35 s, at
    /// most a day.
    #[must_use]
    pub fn again(mut self, after: Duration) -> Self {
        self.tried.keep = after.min(backoff::DAY);
        self
    }

    /// Adds a node that was found, due at once, for one attempt.
    ///
    /// A static or boot node that is found where it is not said to be may have moved. From then on both
    /// addresses are tried ([`Dialer::seen`]): whoever names addresses of others can lie, and costs no
    /// more than that.
    ///
    /// # Errors
    ///
    /// [`Declined`]; the plan is as it was then, but for what is said above.
    pub fn offer(&mut self, enode: Enode, now: Instant) -> Result<(), Declined> {
        let id = enode.id;
        if enode.tcp == 0 {
            return Err(Declined::NoPort);
        }
        let busy = self.connected.contains_key(&id) || self.dialling.contains_key(&id);
        if let Some(known) = self.candidates.get_mut(&id) {
            if known.kind != Kind::Found && !self.connected.contains_key(&id) {
                let elsewhere = (&enode.host, enode.tcp) != (&known.enode.host, known.enode.tcp);
                known.seen = elsewhere.then_some(enode).or(known.seen.take());
            }
            Err(Declined::Known)
        } else if busy {
            Err(Declined::Known)
        } else if self.tried.contains(&id, now) {
            Err(Declined::Recent)
        } else {
            self.add(enode, Kind::Found, now);
            Ok(())
        }
    }

    /// Where else a node of the plan was seen, for an attempt to try after the address that
    /// [`Dialer::poll_dial`] answers.
    #[must_use]
    pub fn seen(&self, id: &NodeId) -> Option<&Enode> {
        self.candidates.get(id)?.seen.as_ref()
    }

    /// How many found nodes wait for their attempt or are being dialled.
    #[must_use]
    pub fn found(&self) -> usize {
        self.candidates
            .iter()
            .filter(|(id, candidate)| {
                candidate.kind == Kind::Found && !self.connected.contains_key(*id)
            })
            .count()
    }

    /// Adds a node, due at once. One that is there already keeps its waiting time, unless its
    /// address changed; a node can become of a higher [`Kind`] this way, never of a lower.
    pub fn add(&mut self, enode: Enode, kind: Kind, now: Instant) {
        match self.candidates.get_mut(&enode.id) {
            Some(known) => {
                known.kind = known.kind.max(kind);
                if known.enode != enode {
                    *known = Candidate::new(enode, known.kind, now);
                }
            }
            None => {
                self.candidates.insert(enode.id, Candidate::new(enode, kind, now));
            }
        }
    }

    /// Forgets a node. An attempt that runs goes on, and is not repeated. Says whether the node was
    /// known.
    pub fn remove(&mut self, id: &NodeId) -> bool {
        self.candidates.remove(id).is_some()
    }

    /// The next node to dial now, if any: of the highest [`Kind`] the one that waited longest. It
    /// counts as being dialled from here on.
    pub fn poll_dial(&mut self, now: Instant) -> Option<Enode> {
        self.poll_dial_if(now, |_| true)
    }

    /// As [`Dialer::poll_dial`], of those alone that may be dialled.
    pub fn poll_dial_if(&mut self, now: Instant, may: impl Fn(&Enode) -> bool) -> Option<Enode> {
        let due =
            self.open().filter(|(_, candidate)| candidate.due <= now && may(&candidate.enode));
        let first =
            due.min_by_key(|(id, candidate)| (Reverse(candidate.kind), candidate.due, **id));
        let id = *first?.0;
        self.dialling.insert(id, now);
        self.candidates.get(&id).map(|candidate| candidate.enode.clone())
    }

    /// When [`Dialer::poll_dial`] will have something to say, if nothing else is reported before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout_if(|_| true)
    }

    /// The same for [`Dialer::poll_dial_if`], as long as the same ones may be dialled.
    #[must_use]
    pub fn poll_timeout_if(&self, may: impl Fn(&Enode) -> bool) -> Option<Instant> {
        let open = self.open().filter(|(_, candidate)| may(&candidate.enode));
        open.map(|(_, candidate)| candidate.due).min()
    }

    /// The node is connected now; `dialled` says whether by an attempt of this dialer, which ends
    /// with it.
    pub fn handle_connected(&mut self, id: NodeId, dialled: bool, now: Instant) {
        if dialled {
            self.dialling.remove(&id);
        }
        self.connected.insert(id, now);
    }

    /// The node is no longer connected. `jitter` as in [`Backoff::delay`].
    pub fn handle_disconnected(&mut self, id: &NodeId, now: Instant, jitter: f64) {
        let Some(since) = self.connected.remove(id) else { return };
        // While an attempt of ours runs its chance is not over: the other end has given up the
        // connection that it dialled for that one.
        if !self.dialling.contains_key(id) && self.retire(id, now) {
            return;
        }
        let Some(candidate) = self.candidates.get_mut(id) else { return };
        if now.saturating_duration_since(since) >= self.backoff.steady {
            candidate.failures = 0;
        }
        candidate.postpone(&self.backoff, Why::Lost, now, now, jitter);
    }

    /// An attempt ended without a connection. `jitter` as in [`Backoff::delay`], which counts from the
    /// beginning of the attempt.
    pub fn handle_failed(&mut self, id: &NodeId, now: Instant, jitter: f64) {
        let Some(began) = self.dialling.remove(id) else { return };
        // Connected from the other end in the meantime: then its chance is not over.
        if !self.connected.contains_key(id) && self.retire(id, now) {
            return;
        }
        if let Some(candidate) = self.candidates.get_mut(id) {
            candidate.postpone(&self.backoff, Why::Failed, began, now, jitter);
        }
    }

    /// What will happen about a node and when; `None` for one that is not in the plan, never for a
    /// static node.
    #[must_use]
    pub fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        let candidate = self.candidates.get(id)?;
        Some(if let Some(&since) = self.connected.get(id) {
            NextAction::Connected { since }
        } else if let Some(&since) = self.dialling.get(id) {
            NextAction::Dialling { since }
        } else if self.max_active == 0 {
            NextAction::Never
        } else if self.wants(candidate) {
            NextAction::Dial { at: candidate.due, failures: candidate.failures, why: candidate.why }
        } else {
            NextAction::Idle
        })
    }

    /// How many attempts run.
    #[must_use]
    pub fn active(&self) -> usize {
        self.dialling.len()
    }

    /// The node as given to [`Dialer::add`], with its kind.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<(&Enode, Kind)> {
        self.candidates.get(id).map(|candidate| (&candidate.enode, candidate.kind))
    }

    /// The nodes of the plan.
    pub fn nodes(&self) -> impl Iterator<Item = &Enode> {
        self.candidates.values().map(|candidate| &candidate.enode)
    }

    fn wants(&self, candidate: &Candidate) -> bool {
        candidate.kind != Kind::Boot || self.connected.is_empty()
    }

    /// The nodes that may be dialled, now or later. A scan: the plan holds what an operator lists and
    /// what there is room for, not what a network has.
    fn open(&self) -> impl Iterator<Item = (&NodeId, &Candidate)> {
        let full = self.dialling.len() >= self.max_active;
        let found_full = full || self.dialling_found() >= self.max_active.div_ceil(2);
        self.candidates.iter().filter(move |(id, candidate)| {
            !(if candidate.kind == Kind::Found { found_full } else { full })
                && !self.dialling.contains_key(*id)
                && !self.connected.contains_key(*id)
                && self.wants(candidate)
        })
    }

    /// How many attempts are not for static or boot nodes.
    fn dialling_found(&self) -> usize {
        let found = |id: &&NodeId| self.get(id).is_none_or(|(_, kind)| kind == Kind::Found);
        self.dialling.keys().filter(found).count()
    }

    /// A found node had its chance. Says whether it was one.
    fn retire(&mut self, id: &NodeId, now: Instant) -> bool {
        let found = self.candidates.get(id).is_some_and(|known| known.kind == Kind::Found);
        if found {
            self.candidates.remove(id);
            self.tried.insert(*id, now);
        }
        found
    }
}

impl Candidate {
    const fn new(enode: Enode, kind: Kind, due: Instant) -> Self {
        Self { enode, seen: None, kind, failures: 0, due, why: Why::New }
    }

    /// Waits, counted from `since`.
    fn postpone(&mut self, backoff: &Backoff, why: Why, since: Instant, now: Instant, jitter: f64) {
        self.due = now.max(since + backoff.delay(self.failures, jitter));
        self.failures = self.failures.saturating_add(1);
        self.why = why;
    }
}
