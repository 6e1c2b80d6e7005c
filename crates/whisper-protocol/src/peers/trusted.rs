//! The peers whose direct messages are accepted.

use std::sync::Mutex;

use p2p_identity::NodeId;
use p2p_world::HashSet;

use crate::lock::lock;

/// The ids of the trusted peers. They stay trusted until the node stops.
#[derive(Debug, Default)]
pub(crate) struct TrustedPeers(Mutex<HashSet<NodeId>>);

impl TrustedPeers {
    pub(crate) fn insert(&self, id: NodeId) {
        lock(&self.0).insert(id);
    }

    pub(crate) fn contains(&self, id: &NodeId) -> bool {
        lock(&self.0).contains(id)
    }
}
