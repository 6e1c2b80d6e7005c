//! The outcomes of dials since the last save.

use p2p_world::HashMap;

use p2p_mux::identity::{Enode, Host, NodeId};

use super::MAX_NODES;

/// The outcomes by node, of at most [`MAX_NODES`] nodes; those of further nodes are dropped.
#[derive(Debug, Default)]
pub(super) struct DialOutcomes(HashMap<NodeId, DialOutcome>);

/// The outcomes of the dials of one node.
#[derive(Debug, Default)]
pub(super) struct DialOutcome {
    /// Where and when the node was last reached.
    pub(super) reached: Option<(Enode, u64)>,
    /// When a dial last failed, and how often since the last success.
    failed: Option<(u64, u64)>,
}

impl DialOutcomes {
    /// A dial has ended. Nodes with host names are not stored.
    pub(super) fn record(&mut self, enode: &Enode, reached: bool, unix: u64) {
        if matches!(enode.host, Host::Name(_)) {
            return;
        }
        if self.0.len() >= MAX_NODES && !self.0.contains_key(&enode.id) {
            return;
        }
        let outcome = self.0.entry(enode.id).or_default();
        if reached {
            *outcome = DialOutcome { reached: Some((enode.clone(), unix)), failed: None };
        } else {
            let times = outcome.failed.map_or(0, |(_, times)| times);
            outcome.failed = Some((unix, times + 1));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &DialOutcome)> {
        self.0.iter()
    }
}

impl DialOutcome {
    /// The last success, the last failure and the failures in a row, given the values before.
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
