//! How it ended last, with each node: the first thing to look at when a peer is gone.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use p2p_mux::{CloseReason, identity::NodeId};

use crate::error::DialError;

/// So many endings are remembered, of all nodes together: the last ones.
const REMEMBERED: usize = 1024;

/// How something with a node ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It was a peer, and was dropped: by whom, and why.
    Dropped(CloseReason),
    /// It was dialled, and did not become one.
    DialFailed(Arc<DialError>),
}

/// What is remembered of a node: each the last of its kind, and when it was.
#[derive(Debug, Clone, Default)]
pub struct Last {
    /// How its last connection ended.
    pub dropped: Option<(SystemTime, CloseReason)>,
    /// Why the last attempt to reach it failed.
    pub dial_failed: Option<(SystemTime, Arc<DialError>)>,
}

/// The last endings, oldest first. Finding those of one node is a walk through all of them: they are
/// few, and only asked for by people.
#[derive(Debug, Default)]
pub(crate) struct Ledger(VecDeque<(SystemTime, NodeId, Ending)>);

impl Ledger {
    pub(crate) fn note(&mut self, id: NodeId, ending: Ending) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((SystemTime::now(), id, ending));
    }

    /// What is remembered of a node.
    pub(crate) fn last(&self, id: &NodeId) -> Last {
        let mut last = Last::default();
        for (at, _, ending) in self.0.iter().filter(|(_, of, _)| of == id) {
            match ending {
                Ending::Dropped(closed) => last.dropped = Some((*at, closed.clone())),
                Ending::DialFailed(cause) => last.dial_failed = Some((*at, Arc::clone(cause))),
            }
        }
        last
    }

    /// The nodes of which anything is remembered, each as often as it ended.
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
    fn the_last_of_each_kind_is_remembered_and_not_all_nodes() {
        let mut ledger = Ledger::default();
        for reason in [DisconnectReason::TooManyPeers, DisconnectReason::Quitting] {
            ledger.note(id(0), Ending::Dropped(CloseReason::ByPeer(reason)));
            ledger.note(id(0), Ending::DialFailed(Arc::new(DialError::Timeout)));
        }
        let last = ledger.last(&id(0));
        assert_eq!(last.dropped.unwrap().1, CloseReason::ByPeer(DisconnectReason::Quitting));
        assert!(matches!(*last.dial_failed.unwrap().1, DialError::Timeout));
        for n in 1..=REMEMBERED {
            ledger.note(id(n), Ending::Dropped(CloseReason::ByUs(DisconnectReason::Requested)));
        }
        assert!(ledger.last(&id(0)).dropped.is_none());
        assert_eq!((ledger.0.len(), ledger.nodes().next()), (REMEMBERED, Some(id(1))));
    }
}
