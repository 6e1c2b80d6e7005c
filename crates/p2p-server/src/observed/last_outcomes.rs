//! How the last connection with a node and the last attempt to reach it ended.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use p2p_mux::{CloseReason, identity::NodeId};

use crate::error::DialError;

/// Maximum number of outcomes kept, of all nodes together.
const MAX_OUTCOMES: usize = 1024;

/// How a connection or an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A peer was dropped.
    Dropped(CloseReason),
    /// An attempt to reach the node failed.
    DialFailed(Arc<DialError>),
}

/// The last outcomes of a node, with their times.
#[derive(Debug, Clone, Default)]
pub struct LastOutcomes {
    /// How its last connection ended.
    pub dropped: Option<(SystemTime, CloseReason)>,
    /// Why the last attempt to reach it failed.
    pub dial_failed: Option<(SystemTime, Arc<DialError>)>,
}

/// The last outcomes of all nodes, oldest first. A lookup scans all of them: they are few, and looked up
/// for display only.
#[derive(Debug, Default)]
pub(crate) struct OutcomeLog(VecDeque<(SystemTime, NodeId, Outcome)>);

impl OutcomeLog {
    /// Adds an outcome. Beyond [`MAX_OUTCOMES`] the oldest is removed.
    pub(crate) fn record(&mut self, id: NodeId, outcome: Outcome, at: SystemTime) {
        if self.0.len() == MAX_OUTCOMES {
            self.0.pop_front();
        }
        self.0.push_back((at, id, outcome));
    }

    /// The last outcomes of a node.
    pub(crate) fn last(&self, id: &NodeId) -> LastOutcomes {
        let mut last = LastOutcomes::default();
        for (at, _, outcome) in self.0.iter().filter(|(_, of, _)| of == id) {
            match outcome {
                Outcome::Dropped(closed) => last.dropped = Some((*at, closed.clone())),
                Outcome::DialFailed(error) => last.dial_failed = Some((*at, Arc::clone(error))),
            }
        }
        last
    }

    /// The node of each outcome.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.0.iter().map(|(_, id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use p2p_mux::DisconnectReason;

    use super::*;

    fn id(n: usize) -> NodeId {
        let mut id = [0; 64];
        id[..8].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    #[test]
    fn the_last_outcome_of_each_kind_is_kept_and_their_number_is_bounded() {
        let (mut log, at) = (OutcomeLog::default(), SystemTime::UNIX_EPOCH);
        for reason in [DisconnectReason::TooManyPeers, DisconnectReason::Quitting] {
            log.record(id(0), Outcome::Dropped(CloseReason::ByPeer(reason)), at);
            log.record(id(0), Outcome::DialFailed(Arc::new(DialError::Timeout)), at);
        }
        let last = log.last(&id(0));
        assert_eq!(last.dropped.unwrap().1, CloseReason::ByPeer(DisconnectReason::Quitting));
        assert!(matches!(*last.dial_failed.unwrap().1, DialError::Timeout));
        for n in 1..=MAX_OUTCOMES {
            log.record(id(n), Outcome::Dropped(CloseReason::ByUs(DisconnectReason::Requested)), at);
        }
        assert!(log.last(&id(0)).dropped.is_none());
        assert_eq!((log.0.len(), log.nodes().next()), (MAX_OUTCOMES, Some(id(1))));
    }
}
