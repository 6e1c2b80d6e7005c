//! One bucket of the table: the nodes at one logarithmic distance.

use std::collections::VecDeque;
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::NodeId;

use crate::address::Subnet;
use crate::node::Node;

/// Maximum number of nodes in a bucket (Kademlia's k).
pub(crate) const BUCKET_SIZE: usize = 16;

/// Maximum number of replacements in a bucket.
pub(crate) const MAX_REPLACEMENTS: usize = 10;

/// Maximum number of nodes of one subnet in a bucket, replacements included.
pub(crate) const MAX_PER_SUBNET: usize = 2;

/// A node in the table, with what the table knows of it.
#[derive(Clone, Debug)]
pub(crate) struct TableEntry {
    pub(crate) node: Node,
    /// The hash of the node's id.
    pub(crate) hash: Digest,
    /// The subnet in which it is counted; `None` if there is no limit for it.
    pub(crate) subnet: Option<Subnet>,
    /// When the node is pinged next.
    pub(crate) check_at: Instant,
    /// Whether the last ping was not answered. The ping is being repeated.
    pub(crate) is_doubtful: bool,
}

/// One of the 17 buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    /// In the order of their arrival.
    pub(crate) entries: Vec<TableEntry>,
    /// Nodes that were alive when they arrived and wait for a free entry, newest first.
    pub(crate) replacements: VecDeque<TableEntry>,
}

impl Bucket {
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= BUCKET_SIZE
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &TableEntry> {
        self.entries.iter().chain(&self.replacements)
    }

    /// Whether there is room for a node of this subnet, not counting the node `except`.
    pub(crate) fn has_room_for(&self, subnet: Option<Subnet>, except: &NodeId) -> bool {
        let same = |entry: &&TableEntry| entry.node.id != *except && entry.subnet == subnet;
        subnet.is_none() || self.all().filter(same).count() < MAX_PER_SUBNET
    }

    /// The node, among the entries or the replacements.
    pub(crate) fn get_mut(&mut self, id: &NodeId) -> Option<&mut TableEntry> {
        self.entries.iter_mut().chain(&mut self.replacements).find(|entry| entry.node.id == *id)
    }

    /// Adds a replacement. Returns the oldest one if it had to be removed.
    pub(crate) fn add_replacement(&mut self, entry: TableEntry) -> Option<TableEntry> {
        self.replacements.push_front(entry);
        if self.replacements.len() > MAX_REPLACEMENTS { self.replacements.pop_back() } else { None }
    }

    /// Removes the node from the entries or the replacements.
    pub(crate) fn remove(&mut self, id: &NodeId) -> Option<TableEntry> {
        if let Some(index) = self.entries.iter().position(|entry| entry.node.id == *id) {
            return Some(self.entries.remove(index));
        }
        let index = self.replacements.iter().position(|entry| entry.node.id == *id)?;
        self.replacements.remove(index)
    }

    /// Moves the newest replacement to the entries if there is room.
    pub(crate) fn promote(&mut self) -> Option<&mut TableEntry> {
        if self.is_full() {
            return None;
        }
        self.entries.push(self.replacements.pop_front()?);
        self.entries.last_mut()
    }
}
