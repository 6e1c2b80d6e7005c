//! The peers of one dialect, and those that left.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use p2p_identity::NodeId;

use crate::{relay::peer_state::PeerState, relay::pool::history::ArrivalStamp};

/// Number of former peers that are remembered.
const MAX_FORMER_PEERS: usize = 1024;

/// A connected peer. What is known about it has a lock of its own.
#[derive(Debug)]
pub(crate) struct RelayPeer {
    pub(crate) id: NodeId,
    /// The number of the first envelope that was admitted after it joined.
    pub(crate) joined_at: u64,
    pub(crate) state: Mutex<PeerState>,
}

/// Which peer had a slot, and which envelopes were admitted in that time.
#[derive(Debug, Clone, Copy)]
struct FormerPeer {
    id: NodeId,
    index: usize,
    joined_at: u64,
    left_at: u64,
}

/// The connected peers by the index of their slot, and those that left most recently, so that the source of an envelope
/// can be named later.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    slots: Vec<Option<Arc<RelayPeer>>>,
    len: usize,
    former: VecDeque<FormerPeer>,
}

impl Roster {
    /// Puts a peer into the first free slot. Returns its index.
    pub(crate) fn insert(&mut self, peer: RelayPeer) -> usize {
        let peer = Some(Arc::new(peer));
        self.len += 1;
        if let Some(index) = self.slots.iter().position(Option::is_none) {
            self.slots[index] = peer;
            return index;
        }
        self.slots.push(peer);
        self.slots.len() - 1
    }

    /// Removes a peer. `now`: the number of the next envelope.
    pub(crate) fn remove(&mut self, index: usize, now: u64) -> Option<Arc<RelayPeer>> {
        let peer = self.slots.get_mut(index)?.take()?;
        self.len -= 1;
        if self.former.len() >= MAX_FORMER_PEERS {
            self.former.pop_front();
        }
        let RelayPeer { id, joined_at, .. } = *peer;
        self.former.push_back(FormerPeer { id, index, joined_at, left_at: now });
        Some(peer)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Arc<RelayPeer>> {
        self.slots.get(index)?.as_ref()
    }

    /// Number of connected peers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All connected peers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<RelayPeer>> {
        self.slots.iter().flatten()
    }

    /// The peer that sent an envelope: the one in the slot that the stamp names, if it was there when the envelope
    /// arrived; otherwise the one that was.
    pub(crate) fn source(&self, stamp: ArrivalStamp) -> Option<NodeId> {
        let index = stamp.from? as usize;
        if let Some(peer) = self.get(index).filter(|peer| peer.joined_at <= stamp.number) {
            return Some(peer.id);
        }
        let covers = |former: &&FormerPeer| {
            former.index == index && (former.joined_at..former.left_at).contains(&stamp.number)
        };
        self.former.iter().rev().find(covers).map(|former| former.id)
    }
}
