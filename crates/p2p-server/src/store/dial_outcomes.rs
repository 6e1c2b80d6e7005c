//! How dials ended since the last time that was written down.

use std::collections::HashMap;

use p2p_mux::identity::{Enode, Host, NodeId};

use super::MAX_NODES;

/// By node. Bounded: beyond as many as are kept, new ones are not noted.
#[derive(Debug, Default)]
pub(super) struct Outcomes(HashMap<NodeId, Outcome>);

/// How the dials of one node ended, in their order.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Where and when it was last reached.
    pub(super) reached: Option<(Enode, u64)>,
    /// When it was last not reached, and how often after it was reached.
    failed: Option<(u64, u64)>,
}

impl Outcomes {
    /// A dial has ended. A node that is known by name needs no database.
    pub(super) fn note(&mut self, enode: &Enode, reached: bool, unix: u64) {
        if matches!(enode.host, Host::Name(_)) {
            return;
        }
        if self.0.len() >= MAX_NODES && !self.0.contains_key(&enode.id) {
            return;
        }
        let outcome = self.0.entry(enode.id).or_default();
        if reached {
            *outcome = Outcome { reached: Some((enode.clone(), unix)), failed: None };
        } else {
            let times = outcome.failed.map_or(0, |(_, times)| times);
            outcome.failed = Some((unix, times + 1));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Outcome)> {
        self.0.iter()
    }
}

impl Outcome {
    /// Last success, last failure and failures in a row, from what they were before.
    pub(super) fn after(&self, (success, failure, failures): (u64, u64, u64)) -> (u64, u64, u64) {
        let (success, failures) = match &self.reached {
            Some((_, at)) => (*at, 0),
            None => (success, failures),
        };
        match self.failed {
            Some((at, times)) => (success, at, failures.saturating_add(times)),
            None => (success, failure, failures),
        }
    }
}
