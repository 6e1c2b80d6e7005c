//! The nodes at about one distance from us.

use std::collections::VecDeque;
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::NodeId;

use crate::Node;
use crate::address::Subnet;

/// How many nodes a bucket holds (Kademlia's k).
pub(crate) const BUCKET_SIZE: usize = 16;

/// How many wait to take the place of one that is gone.
pub(crate) const MAX_REPLACEMENTS: usize = 10;

/// How many of a bucket may be of one subnet, those that wait included.
pub(crate) const MAX_PER_SUBNET: usize = 2;

/// A node in the table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    /// Of the node's id.
    pub(crate) hash: Digest,
    /// When it is to be asked whether it is still there.
    pub(crate) check_at: Instant,
    /// Whether it did not answer when it was last asked, and is being asked again.
    pub(crate) doubtful: bool,
}

impl Entry {
    pub(crate) fn subnet(&self) -> Option<Subnet> {
        Subnet::of(self.node.endpoint.ip)
    }
}

/// One of the 17 buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    /// In the order in which they came.
    pub(crate) entries: Vec<Entry>,
    /// Nodes that were alive when they came; the newest in front.
    pub(crate) replacements: VecDeque<Entry>,
}

impl Bucket {
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= BUCKET_SIZE
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().chain(&self.replacements)
    }

    /// Whether one more of this subnet may be here, beside the node `but`.
    pub(crate) fn has_room_for(&self, subnet: Option<Subnet>, but: &NodeId) -> bool {
        let same = |entry: &&Entry| entry.node.id != *but && entry.subnet() == subnet;
        subnet.is_none() || self.all().filter(same).count() < MAX_PER_SUBNET
    }

    /// The entry of the node, waiting or not.
    pub(crate) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Entry> {
        self.entries.iter_mut().chain(&mut self.replacements).find(|entry| entry.node.id == *id)
    }

    /// Puts a node in line; the one that has waited longest is forgotten if there are too many.
    /// Returns that one.
    pub(crate) fn wait(&mut self, entry: Entry) -> Option<Entry> {
        self.replacements.push_front(entry);
        if self.replacements.len() > MAX_REPLACEMENTS { self.replacements.pop_back() } else { None }
    }

    /// Takes a node out, waiting or not.
    pub(crate) fn remove(&mut self, id: &NodeId) -> Option<Entry> {
        if let Some(place) = self.entries.iter().position(|entry| entry.node.id == *id) {
            return Some(self.entries.remove(place));
        }
        let place = self.replacements.iter().position(|entry| entry.node.id == *id)?;
        self.replacements.remove(place)
    }

    /// The newest of those that wait takes a free place.
    pub(crate) fn promote(&mut self) -> Option<&mut Entry> {
        if self.is_full() {
            return None;
        }
        self.entries.push(self.replacements.pop_front()?);
        self.entries.last_mut()
    }
}
