//! Who to dial, and when: a value with `now`, without sockets, clock or chance.
//!
//! A node is dialled when it is due, not connected and not being dialled, and while fewer than
//! `max_active` attempts run. Every attempt that [`Dialer::poll_dial`] hands out must end in
//! exactly one of [`Dialer::handle_connected`] with `dialled` and [`Dialer::handle_failed`]; until
//! then the node is not handed out again, whatever else happens to it.

mod backoff;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Instant};

use p2p_mux::identity::{Enode, NodeId};

pub use backoff::Backoff;

/// Why a node is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An entry point, dialled only while the node has no peer at all.
    Boot,
    /// A node that the operator wants connected, dialled for ever.
    Static,
}

/// What led to the wait that a [`NextAction::Dial`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Never tried since it was added, or added again with another address.
    New,
    /// The last attempt failed.
    Failed,
    /// The connection was lost.
    Lost,
}

/// What the dialer will do about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAction {
    /// Dial it at that time (or as soon after as an attempt is free), after so many failures in a
    /// row.
    Dial {
        /// Not before.
        at: Instant,
        /// Failed attempts and short connections since the last success.
        failures: u32,
        /// What the wait is for.
        why: Why,
    },
    /// An attempt is running.
    Dialling {
        /// When it began.
        since: Instant,
    },
    /// Nothing: it is connected, whoever dialled.
    Connected {
        /// When the connection was made.
        since: Instant,
    },
    /// Nothing: it is a boot node, and the node has peers.
    Idle,
}

#[derive(Debug)]
struct Candidate {
    enode: Enode,
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
}

impl Dialer {
    /// An empty plan. At most `max_active` attempts run at once (0 means that nothing is ever
    /// dialled).
    #[must_use]
    pub fn new(backoff: Backoff, max_active: usize) -> Self {
        Self {
            backoff,
            max_active,
            candidates: HashMap::new(),
            dialling: HashMap::new(),
            connected: HashMap::new(),
        }
    }

    /// Adds a node, due at once. One that is there already keeps its waiting time, unless its
    /// address changed; a boot node can become static this way, a static node never a boot node.
    pub fn add(&mut self, enode: Enode, kind: Kind, now: Instant) {
        match self.candidates.get_mut(&enode.id) {
            Some(known) => {
                known.kind = known.kind.max(kind);
                if known.enode != enode {
                    (known.enode, known.failures, known.due, known.why) = (enode, 0, now, Why::New);
                }
            }
            None => {
                let candidate = Candidate { enode, kind, failures: 0, due: now, why: Why::New };
                self.candidates.insert(candidate.enode.id, candidate);
            }
        }
    }

    /// Forgets a node. An attempt that runs goes on, and is not repeated. Says whether the node was
    /// known.
    pub fn remove(&mut self, id: &NodeId) -> bool {
        self.candidates.remove(id).is_some()
    }

    /// The next node to dial now, if any: the one that waited longest. It counts as being dialled
    /// from here on.
    pub fn poll_dial(&mut self, now: Instant) -> Option<Enode> {
        let (due, id) = self.earliest()?;
        if due > now {
            return None;
        }
        self.dialling.insert(id, now);
        self.candidates.get(&id).map(|candidate| candidate.enode.clone())
    }

    /// When [`Dialer::poll_dial`] will have something to say, if nothing else is reported before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.earliest().map(|(due, _)| due)
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
        let Some(candidate) = self.candidates.get_mut(id) else { return };
        if now.saturating_duration_since(since) >= self.backoff.steady {
            candidate.failures = 0;
        }
        candidate.postpone(&self.backoff, Why::Lost, now, jitter);
    }

    /// An attempt ended without a connection. `jitter` as in [`Backoff::delay`].
    pub fn handle_failed(&mut self, id: &NodeId, now: Instant, jitter: f64) {
        if self.dialling.remove(id).is_none() {
            return;
        }
        if let Some(candidate) = self.candidates.get_mut(id) {
            candidate.postpone(&self.backoff, Why::Failed, now, jitter);
        }
    }

    /// What will happen about a node and when; `None` for one that is not in the plan.
    #[must_use]
    pub fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        let candidate = self.candidates.get(id)?;
        Some(if let Some(&since) = self.connected.get(id) {
            NextAction::Connected { since }
        } else if let Some(&since) = self.dialling.get(id) {
            NextAction::Dialling { since }
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

    fn wants(&self, candidate: &Candidate) -> bool {
        candidate.kind == Kind::Static || self.connected.is_empty()
    }

    /// The candidate that comes next. A scan: the plan holds what an operator lists, not what a
    /// network has.
    fn earliest(&self) -> Option<(Instant, NodeId)> {
        if self.dialling.len() >= self.max_active {
            return None;
        }
        self.candidates
            .iter()
            .filter(|(id, candidate)| {
                !self.dialling.contains_key(*id)
                    && !self.connected.contains_key(*id)
                    && self.wants(candidate)
            })
            .map(|(id, candidate)| (candidate.due, *id))
            .min()
    }
}

impl Candidate {
    fn postpone(&mut self, backoff: &Backoff, why: Why, now: Instant, jitter: f64) {
        self.due = now + backoff.delay(self.failures, jitter);
        self.failures = self.failures.saturating_add(1);
        self.why = why;
    }
}
