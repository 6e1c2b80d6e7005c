//! How the connected peers are reached.

use std::sync::RwLock;

use p2p_identity::NodeId;
use p2p_world::HashMap;

use crate::{
    lock::{read, write},
    relay::peer_slot::PeerSlot,
};

/// The connected peers by slot, each with its id and a link: whatever is needed to reach it.
#[derive(Debug)]
pub(crate) struct Links<L>(RwLock<HashMap<PeerSlot, (NodeId, L)>>);

impl<L> Default for Links<L> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<L: Clone> Links<L> {
    /// A peer got this slot.
    pub(crate) fn insert(&self, slot: PeerSlot, id: NodeId, link: L) {
        write(&self.0).insert(slot, (id, link));
    }

    /// The peer leaves this slot.
    pub(crate) fn remove(&self, slot: PeerSlot) {
        write(&self.0).remove(&slot);
    }

    /// Calls `visit` with the link of each of these slots that is occupied.
    pub(crate) fn visit(&self, slots: &[PeerSlot], visit: impl FnMut(&L)) {
        if slots.is_empty() {
            return;
        }
        let links = read(&self.0);
        slots.iter().filter_map(|slot| links.get(slot)).map(|(_, link)| link).for_each(visit);
    }

    /// The link of the peer in this slot.
    pub(crate) fn get(&self, slot: PeerSlot) -> Option<L> {
        read(&self.0).get(&slot).map(|(_, link)| link.clone())
    }

    /// The slot and the link of a connected peer. Searches all peers.
    pub(crate) fn find(&self, id: &NodeId) -> Option<(PeerSlot, L)> {
        let links = read(&self.0);
        let found = links.iter().find(|(_, (other, _))| other == id);
        found.map(|(slot, (_, link))| (*slot, link.clone()))
    }

    /// The id of the peer in this slot.
    pub(crate) fn id(&self, slot: PeerSlot) -> Option<NodeId> {
        read(&self.0).get(&slot).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::slots;

    #[test]
    fn a_peer_is_found_by_id_and_by_slot_until_it_leaves() {
        let (links, [first, second]) = (Links::default(), slots());
        links.insert(first, NodeId([1; 64]), "one");
        links.insert(second, NodeId([2; 64]), "two");
        assert_eq!(links.find(&NodeId([2; 64])), Some((second, "two")));
        assert_eq!(links.id(first), Some(NodeId([1; 64])));
        links.remove(second);
        assert_eq!((links.find(&NodeId([2; 64])), links.id(second)), (None, None));
        let mut visited = Vec::new();
        links.visit(&[first, second], |link| visited.push(*link));
        assert_eq!(visited, ["one"]);
    }
}
