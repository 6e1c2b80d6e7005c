//! The Kademlia table: nodes that are alive, by their distance from this node.

mod bucket;
mod distance;
#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::{NodeId, Record};
use p2p_world::HashMap;

use crate::address::{Subnet, SubnetLimits, may_relay};
use crate::node::Node;
use crate::stats::DropReason;
use bucket::{Bucket, TableEntry};

pub(crate) use bucket::BUCKET_SIZE;
pub(crate) use distance::distance;
pub use distance::log_distance;

/// Number of buckets: one for each of the distances 241 to 256, and the first for all shorter ones, at
/// which there is hardly any node.
const BUCKETS: usize = 17;

/// Maximum number of nodes of one subnet in the table, replacements included.
pub(crate) const MAX_PER_SUBNET: usize = 10;

/// The index of the bucket for this logarithmic distance.
pub(crate) const fn bucket_index(log_distance: usize) -> usize {
    log_distance.saturating_sub(256 - BUCKETS + 1)
}

/// The result of adding a node to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsertOutcome {
    /// The node has a new entry.
    Added,
    /// The node had an entry, which was updated.
    Known,
    /// The bucket is full: the node is a replacement.
    Waiting,
    /// There are too many nodes of its subnet, or it is this node itself.
    Refused(DropReason),
}

/// A Kademlia table of 17 buckets. Every node in it has proven its endpoint.
#[derive(Debug)]
pub(crate) struct Table {
    /// The hash of the own id.
    local: Digest,
    buckets: [Bucket; BUCKETS],
    limits: SubnetLimits,
    /// Number of nodes of each subnet, replacements included.
    subnets: HashMap<Subnet, usize>,
}

impl Table {
    pub(crate) fn new(local: Digest, limits: SubnetLimits) -> Self {
        Self { local, buckets: Default::default(), limits, subnets: HashMap::default() }
    }

    /// The entries, without replacements.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TableEntry> {
        self.buckets.iter().flat_map(|bucket| &bucket.entries)
    }

    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.entries.len()).sum()
    }

    /// The node, among the entries or the replacements.
    pub(crate) fn get(&self, id: &NodeId) -> Option<&TableEntry> {
        self.bucket(&id.hash()).all().find(|entry| entry.node.id == *id)
    }

    /// Whether the node is not in the table and its bucket has room for it.
    pub(crate) fn has_room_for(&self, id: &NodeId) -> bool {
        let bucket = self.bucket(&id.hash());
        !bucket.is_full() && bucket.all().all(|entry| entry.node.id != *id)
    }

    /// Adds or updates a node that has answered at its endpoint. It is checked next at `check_at`.
    pub(crate) fn insert(&mut self, check_at: Instant, node: Node) -> InsertOutcome {
        let hash = node.id.hash();
        if hash == self.local {
            return InsertOutcome::Refused(DropReason::Own);
        }
        let subnet = self.limits.subnet(&node);
        let entry = TableEntry { node, hash, subnet, check_at, is_doubtful: false };
        let bucket = &mut self.buckets[bucket_index(log_distance(&self.local, &hash))];
        let is_new = match bucket.get_mut(&entry.node.id) {
            Some(known) if known.node.endpoint.ip == entry.node.endpoint.ip => {
                let record = entry.node.record.or_else(|| known.node.record.take());
                // It stays counted as it is: its address is the same, and it may have lost no record.
                let subnet = known.subnet;
                *known = TableEntry { node: Node { record, ..entry.node }, subnet, ..entry };
                return InsertOutcome::Known;
            }
            known => known.is_none(),
        };
        // The node is new or has a new address. Its old entry, if any, is replaced.
        let has_room = bucket.has_room_for(subnet, &entry.node.id);
        let in_table = subnet.and_then(|subnet| self.subnets.get(&subnet)).copied().unwrap_or(0);
        if !has_room || in_table >= MAX_PER_SUBNET {
            return InsertOutcome::Refused(DropReason::Diversity);
        }
        if let Some(old) = bucket.remove(&entry.node.id) {
            uncount(&mut self.subnets, &old);
        }
        if let Some(subnet) = subnet {
            *self.subnets.entry(subnet).or_default() += 1;
        }
        if bucket.is_full() {
            if let Some(removed) = bucket.add_replacement(entry) {
                uncount(&mut self.subnets, &removed);
            }
            return InsertOutcome::Waiting;
        }
        bucket.entries.push(entry);
        if is_new { InsertOutcome::Added } else { InsertOutcome::Known }
    }

    /// Sets the record of a node, if it is in the table.
    pub(crate) fn set_record(&mut self, id: &NodeId, record: &Record) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id) {
            entry.node.record = Some(record.clone());
        }
    }

    /// The node has not answered at `ip`: it is not reported to others until it does.
    pub(crate) fn set_doubtful(&mut self, id: &NodeId, ip: IpAddr) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id)
            && entry.node.endpoint.ip == ip
        {
            entry.is_doubtful = true;
        }
    }

    /// Removes a node. A replacement, if there is one, becomes an entry and is checked immediately.
    /// Returns whether the node had an entry.
    pub(crate) fn remove(&mut self, now: Instant, id: &NodeId) -> bool {
        let bucket = self.bucket_mut(id);
        let had_entry = bucket.entries.iter().any(|entry| entry.node.id == *id);
        let Some(gone) = bucket.remove(id) else { return false };
        if let Some(promoted) = bucket.promote() {
            promoted.check_at = now;
        }
        uncount(&mut self.subnets, &gone);
        had_entry
    }

    /// The entry whose check is due first.
    pub(crate) fn next_check(&self) -> Option<&TableEntry> {
        self.iter().min_by_key(|entry| entry.check_at)
    }

    /// Sets when the node is checked next.
    pub(crate) fn set_next_check(&mut self, id: &NodeId, at: Instant) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id) {
            entry.check_at = at;
        }
    }

    /// The `count` nodes nearest to `target` among those that `wanted` selects, nearest first.
    pub(crate) fn nearest(
        &self,
        target: &Digest,
        count: usize,
        wanted: impl Fn(&TableEntry) -> bool,
    ) -> Vec<&Node> {
        let wanted = self.iter().filter(|entry| wanted(entry));
        let mut all: Vec<(Digest, &Node)> =
            wanted.map(|entry| (distance(&entry.hash, target), &entry.node)).collect();
        if all.len() > count {
            all.select_nth_unstable_by_key(count, |(distance, _)| *distance);
            all.truncate(count);
        }
        all.sort_unstable_by_key(|(distance, _)| *distance);
        all.into_iter().map(|(_, node)| node).collect()
    }

    /// The nodes nearest to `target` that may be reported to the node `asker` at `ip`: those that have
    /// answered their last ping and whose address it may know.
    pub(crate) fn nearest_for(&self, target: &Digest, asker: &NodeId, ip: IpAddr) -> Vec<&Node> {
        self.nearest(target, BUCKET_SIZE, |entry| {
            !entry.is_doubtful && entry.node.id != *asker && may_relay(ip, &entry.node.endpoint)
        })
    }

    fn bucket(&self, hash: &Digest) -> &Bucket {
        &self.buckets[bucket_index(log_distance(&self.local, hash))]
    }

    fn bucket_mut(&mut self, id: &NodeId) -> &mut Bucket {
        &mut self.buckets[bucket_index(log_distance(&self.local, &id.hash()))]
    }
}

/// Subtracts an entry from the number of its subnet.
fn uncount(subnets: &mut HashMap<Subnet, usize>, entry: &TableEntry) {
    let Some(subnet) = entry.subnet else { return };
    if let Some(count) = subnets.get_mut(&subnet) {
        *count -= 1;
        if *count == 0 {
            subnets.remove(&subnet);
        }
    }
}
