//! What the server knows and intends about each node, in one view.

use std::collections::BTreeSet;

use p2p_mux::identity::{Enode, NodeId};

use crate::{
    context::{State, now},
    dial::{Kind, NextAction},
    observed::last_outcomes::Last,
    server::Server,
};

/// A node as the dialling sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outlook {
    /// The node.
    pub id: NodeId,
    /// Where it is, as far as that is known: as it is dialled, or was connected.
    pub enode: Option<Enode>,
    /// Why it is dialled; `None` for one that is not.
    pub kind: Option<Kind>,
    /// Whether it is trusted.
    pub trusted: bool,
    /// Whether it is a peer now.
    pub connected: bool,
    /// What will be done about it, and when; `None` if nothing: it is a peer or has been one, or was
    /// tried.
    pub next: Option<NextAction>,
    /// How the last connection with it and the last attempt to reach it ended.
    pub last: Last,
}

impl Server {
    /// What the dialler will do about a static or boot node, and when, or what bars a node from being
    /// a peer, and until when; `None` for any other node.
    #[must_use]
    pub fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        self.shared.state().next_action(id)
    }

    /// How the last connection with a node, and the last attempt to reach it, ended. The last 1024
    /// endings are remembered, of all nodes together, and no longer than the server runs.
    #[must_use]
    pub fn last(&self, id: &NodeId) -> Last {
        self.shared.state().ledger.last(id)
    }

    /// Every node that is dialled, connected or remembered, ordered by its id.
    #[must_use]
    pub fn outlook(&self) -> Vec<Outlook> {
        let state = self.shared.state();
        let planned = state.dialer.nodes().map(|enode| enode.id);
        let all: BTreeSet<NodeId> =
            planned.chain(state.live.keys().copied()).chain(state.ledger.nodes()).collect();
        all.into_iter().map(|id| state.outlook(id)).collect()
    }
}

impl State {
    fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        let barred = match self.dialer.get(id) {
            Some((enode, _)) => self.access.check_enode(enode, now()),
            None => self.access.check_node(id, now()),
        };
        match barred {
            Err(barred) => Some(NextAction::Barred(barred)),
            Ok(()) => self.dialer.next_action(id),
        }
    }

    fn outlook(&self, id: NodeId) -> Outlook {
        let planned = self.dialer.get(&id);
        let live = self.live.get(&id);
        let enode = planned.map(|(enode, _)| enode).or(live.map(|live| &live.enode));
        Outlook {
            id,
            enode: enode.cloned(),
            kind: planned.map(|(_, kind)| kind),
            trusted: self.slots.is_trusted(&id),
            connected: live.is_some(),
            next: self.next_action(&id),
            last: self.ledger.last(&id),
        }
    }
}
