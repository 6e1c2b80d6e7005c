//! The nodes that we know to be alive, by their distance from us.

use core::net::IpAddr;
use std::collections::HashMap;
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::{NodeId, Record};

use crate::address::{Subnet, may_relay};
use crate::bucket::{BUCKET_SIZE, Bucket, Entry};
use crate::distance::{distance, log_distance};
use crate::{DropReason, Node};

/// The distances 240 to 256 have a bucket each. Nearer than that hardly any node is, so the first
/// bucket takes all of them.
const BUCKETS: usize = 17;

/// How many of the table may be of one subnet, those that wait included.
pub(crate) const MAX_PER_SUBNET: usize = 10;

/// The bucket of nodes at this logarithmic distance.
pub(crate) const fn bucket_index(log_distance: usize) -> usize {
    log_distance.saturating_sub(256 - BUCKETS + 1)
}

/// What came of a node that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// It has a place now.
    Added,
    /// It was there already; what is known of it is up to date now.
    Known,
    /// Its bucket is full: it waits for a place.
    Waiting,
    /// There are too many of its subnet, or it is this node itself.
    Refused(DropReason),
}

/// A Kademlia table of 17 buckets. Every node in it has answered a ping from where it is said to be.
#[derive(Debug)]
pub(crate) struct Table {
    /// Of our own id.
    local: Digest,
    buckets: [Bucket; BUCKETS],
    /// How many of the table there are of each subnet, those that wait included.
    subnets: HashMap<Subnet, usize>,
}

impl Table {
    pub(crate) fn new(local: Digest) -> Self {
        Self { local, buckets: Default::default(), subnets: HashMap::new() }
    }

    /// The entries, those that wait not included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(|bucket| &bucket.entries)
    }

    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.entries.len()).sum()
    }

    /// The node, if it is in the table or waits for a place.
    pub(crate) fn get(&self, id: &NodeId) -> Option<&Entry> {
        self.bucket(&id.hash()).all().find(|entry| entry.node.id == *id)
    }

    /// Whether the node is not in the table, but could have a place.
    pub(crate) fn has_place_for(&self, id: &NodeId) -> bool {
        let bucket = self.bucket(&id.hash());
        !bucket.is_full() && bucket.all().all(|entry| entry.node.id != *id)
    }

    /// The node has answered from where it is; it is to be checked next at `check_at`.
    pub(crate) fn insert(&mut self, check_at: Instant, node: Node) -> Insert {
        let hash = node.id.hash();
        if hash == self.local {
            return Insert::Refused(DropReason::Own);
        }
        let entry = Entry { node, hash, check_at, doubtful: false };
        let bucket = &mut self.buckets[bucket_index(log_distance(&self.local, &hash))];
        let is_new = match bucket.get_mut(&entry.node.id) {
            Some(known) if known.node.endpoint.ip == entry.node.endpoint.ip => {
                let record = entry.node.record.or_else(|| known.node.record.take());
                *known = Entry { node: Node { record, ..entry.node }, ..entry };
                return Insert::Known;
            }
            known => known.is_none(),
        };
        // New, or moved to another address: then it gives up its old place for one at the new one.
        let subnet = entry.subnet();
        let has_room = bucket.has_room_for(subnet, &entry.node.id);
        let in_table = subnet.and_then(|subnet| self.subnets.get(&subnet)).copied().unwrap_or(0);
        if !has_room || in_table >= MAX_PER_SUBNET {
            return Insert::Refused(DropReason::Diversity);
        }
        if let Some(old) = bucket.remove(&entry.node.id) {
            uncount(&mut self.subnets, &old);
        }
        if let Some(subnet) = subnet {
            *self.subnets.entry(subnet).or_default() += 1;
        }
        if bucket.is_full() {
            if let Some(forgotten) = bucket.wait(entry) {
                uncount(&mut self.subnets, &forgotten);
            }
            return Insert::Waiting;
        }
        bucket.entries.push(entry);
        if is_new { Insert::Added } else { Insert::Known }
    }

    /// Keeps the record of a node that is in the table.
    pub(crate) fn set_record(&mut self, id: &NodeId, record: &Record) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id) {
            entry.node.record = Some(record.clone());
        }
    }

    /// The node has not answered at `ip`: it is not passed on until it does.
    pub(crate) fn doubt(&mut self, id: &NodeId, ip: IpAddr) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id)
            && entry.node.endpoint.ip == ip
        {
            entry.doubtful = true;
        }
    }

    /// The node is gone, or not ours. One that waits takes its place, and is to be checked at once.
    /// Returns whether it had a place.
    pub(crate) fn remove(&mut self, now: Instant, id: &NodeId) -> bool {
        let bucket = self.bucket_mut(id);
        let had_place = bucket.entries.iter().any(|entry| entry.node.id == *id);
        let Some(gone) = bucket.remove(id) else { return false };
        if let Some(promoted) = bucket.promote() {
            promoted.check_at = now;
        }
        uncount(&mut self.subnets, &gone);
        had_place
    }

    /// The entry that is to be checked first.
    pub(crate) fn next_check(&self) -> Option<&Entry> {
        self.iter().min_by_key(|entry| entry.check_at)
    }

    /// When the node is to be checked next.
    pub(crate) fn check_later(&mut self, id: &NodeId, at: Instant) {
        if let Some(entry) = self.bucket_mut(id).get_mut(id) {
            entry.check_at = at;
        }
    }

    /// The `count` nodes nearest to `target` of those that `wanted` takes, the nearest first.
    pub(crate) fn nearest(
        &self,
        target: &Digest,
        count: usize,
        wanted: impl Fn(&Entry) -> bool,
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

    /// The nodes nearest to `target` that may be told to the node `asker` at `ip`: those that have
    /// answered when they were last asked, and are where he may look.
    pub(crate) fn nearest_for(&self, target: &Digest, asker: &NodeId, ip: IpAddr) -> Vec<&Node> {
        self.nearest(target, BUCKET_SIZE, |entry| {
            !entry.doubtful && entry.node.id != *asker && may_relay(ip, &entry.node.endpoint)
        })
    }

    fn bucket(&self, hash: &Digest) -> &Bucket {
        &self.buckets[bucket_index(log_distance(&self.local, hash))]
    }

    fn bucket_mut(&mut self, id: &NodeId) -> &mut Bucket {
        &mut self.buckets[bucket_index(log_distance(&self.local, &id.hash()))]
    }
}

fn uncount(subnets: &mut HashMap<Subnet, usize>, entry: &Entry) {
    let Some(subnet) = entry.subnet() else { return };
    if let Some(count) = subnets.get_mut(&subnet) {
        *count -= 1;
        if *count == 0 {
            subnets.remove(&subnet);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::bucket::MAX_REPLACEMENTS;
    use crate::v4::Endpoint;

    fn node(number: u32, ip: impl Into<IpAddr>) -> Node {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&number.to_be_bytes());
        Node::new(NodeId(id), Endpoint { ip: ip.into(), udp: 30303, tcp: 30303 })
    }

    /// An address of a subnet of its own.
    fn apart(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0100_0000 + (number << 8))
    }

    fn table() -> Table {
        Table::new([0x5a; 32])
    }

    fn insert(table: &mut Table, node: Node) -> Insert {
        table.insert(Instant::now() + Duration::from_secs(60), node)
    }

    /// What must hold after anything.
    fn check(table: &Table) {
        let mut counted: HashMap<Subnet, usize> = HashMap::new();
        for (index, bucket) in table.buckets.iter().enumerate() {
            assert!(bucket.entries.len() <= BUCKET_SIZE);
            assert!(bucket.replacements.len() <= MAX_REPLACEMENTS);
            assert!(
                bucket.replacements.is_empty() || bucket.is_full(),
                "somebody waits for nothing"
            );
            let mut here: HashMap<Subnet, usize> = HashMap::new();
            for entry in bucket.all() {
                assert_eq!(bucket_index(log_distance(&table.local, &entry.hash)), index);
                if let Some(subnet) = entry.subnet() {
                    *here.entry(subnet).or_default() += 1;
                    *counted.entry(subnet).or_default() += 1;
                }
            }
            assert!(here.values().all(|count| *count <= crate::bucket::MAX_PER_SUBNET));
        }
        assert!(counted.values().all(|count| *count <= MAX_PER_SUBNET));
        assert_eq!(counted, table.subnets);
    }

    #[test]
    fn buckets_fill_up_and_the_rest_waits() {
        let mut table = table();
        let inserted: Vec<Insert> =
            (0..200).map(|number| insert(&mut table, node(number, apart(number)))).collect();
        check(&table);
        assert!(inserted[..10].iter().all(|insert| *insert == Insert::Added));
        assert!(inserted[150..].contains(&Insert::Waiting), "half of all are in one bucket");
        assert_eq!(insert(&mut table, node(0, apart(0))), Insert::Known);
    }

    #[test]
    fn who_waits_takes_the_place_of_who_is_gone() {
        let mut table = table();
        for number in 0..200 {
            insert(&mut table, node(number, apart(number)));
        }
        let full =
            table.buckets.iter().rposition(|bucket| !bucket.replacements.is_empty()).unwrap();
        let gone = table.buckets[full].entries[3].node.id;
        let next = table.buckets[full].replacements[0].node.id;
        let now = Instant::now();
        assert!(table.remove(now, &gone));
        assert!(table.get(&gone).is_none());
        let promoted = table.buckets[full].entries.last().unwrap();
        assert_eq!((promoted.node.id, promoted.check_at), (next, now), "checked at once");
        assert_eq!(table.next_check().map(|entry| entry.node.id), Some(next));
        check(&table);
        let waiting = table.buckets[full].replacements[0].node.id;
        assert!(!table.remove(now, &waiting) && !table.remove(now, &waiting), "it had no place");
        check(&table);
    }

    #[test]
    fn one_subnet_does_not_fill_the_table() {
        let mut table = table();
        for number in 0..5000 {
            insert(&mut table, node(number, Ipv4Addr::new(1, 2, 3, number.to_be_bytes()[3])));
        }
        check(&table);
        let ours = Some(Subnet::V4([1, 2, 3]));
        assert_eq!(table.iter().filter(|entry| entry.subnet() == ours).count(), MAX_PER_SUBNET);
        let refused = insert(&mut table, node(9999, Ipv4Addr::new(1, 2, 3, 4)));
        assert_eq!(refused, Insert::Refused(DropReason::Diversity));
        assert_eq!(insert(&mut table, node(9999, Ipv4Addr::new(1, 2, 4, 4))), Insert::Added);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

        /// Whatever comes, moves and goes, in whatever order.
        #[test]
        fn the_limits_hold_at_any_time(
            steps in proptest::collection::vec((0..6u8, 0..300u32, 0..12u32), 1..600)
        ) {
            let mut table = table();
            for (what, number, subnet) in steps {
                let node = node(number, apart(subnet));
                match what {
                    0 => assert!(!table.remove(Instant::now(), &node.id) || table.get(&node.id).is_none()),
                    1 => table.doubt(&node.id, apart(subnet).into()),
                    _ => assert!(insert(&mut table, node) != Insert::Refused(DropReason::Own)),
                }
            }
            check(&table);
        }
    }

    #[test]
    fn the_local_network_is_exempt() {
        let mut table = table();
        for number in 0..100 {
            insert(&mut table, node(number, Ipv4Addr::new(10, 0, 0, 1)));
        }
        assert!(table.len() > 40);
        check(&table);
    }

    #[test]
    fn a_node_that_moved_is_counted_where_it_is() {
        let mut table = table();
        insert(&mut table, node(1, apart(1)));
        assert_eq!(insert(&mut table, node(1, apart(2))), Insert::Known);
        check(&table);
        assert_eq!(table.get(&node(1, apart(1)).id).unwrap().node.endpoint.ip, apart(2));
    }

    #[test]
    fn the_nearest_are_the_nearest() {
        let mut table = table();
        for number in 0..300 {
            insert(&mut table, node(number, apart(number)));
        }
        let target = NodeId([7; 64]).hash();
        let nearest = table.nearest(&target, 16, |_| true);
        let mut all: Vec<_> = table.iter().map(|entry| distance(&entry.hash, &target)).collect();
        all.sort_unstable();
        let found: Vec<_> = nearest.iter().map(|node| distance(&node.id.hash(), &target)).collect();
        assert_eq!(found, all[..16]);
    }

    #[test]
    fn what_is_told_is_alive_and_meant_for_the_asker() {
        let mut table = table();
        insert(&mut table, node(1, apart(1)));
        insert(&mut table, node(2, Ipv4Addr::new(10, 0, 0, 2)));
        insert(&mut table, node(3, apart(3)));
        table.doubt(&node(3, apart(3)).id, apart(3).into());
        let told = |asker: u32, ip: &str| -> Vec<NodeId> {
            let asker = node(asker, apart(asker)).id;
            let nodes = table.nearest_for(&[0; 32], &asker, ip.parse().unwrap());
            nodes.iter().map(|node| node.id).collect()
        };
        let (public, local) = (node(1, apart(1)).id, node(2, apart(2)).id);
        assert_eq!(told(9, "5.5.5.5"), [public]);
        assert_eq!(told(1, "5.5.5.5"), []);
        assert_eq!(told(9, "10.0.0.9").len(), 2);
        assert!(told(9, "10.0.0.9").contains(&local));
    }
}
