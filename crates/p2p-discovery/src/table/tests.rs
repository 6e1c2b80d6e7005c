//! The table keeps its limits under any changes, and gives out the nearest nodes.

use core::time::Duration;
use std::net::Ipv4Addr;

use super::*;
use crate::v4::Endpoint;
use bucket::MAX_REPLACEMENTS;

fn node(number: u32, ip: impl Into<IpAddr>) -> Node {
    let mut id = [0; 64];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Node::new(NodeId(id), Endpoint { ip: ip.into(), udp: 30303, tcp: 30303 })
}

/// An address in its own subnet.
fn own_subnet(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0100_0000 + (number << 8))
}

fn table() -> Table {
    Table::new([0x5a; 32], SubnetLimits::default())
}

fn insert(table: &mut Table, node: Node) -> InsertOutcome {
    table.insert(Instant::now() + Duration::from_secs(60), node)
}

/// Asserts what must hold at any time.
fn check(table: &Table) {
    let mut counted: HashMap<Subnet, usize> = HashMap::default();
    for (index, bucket) in table.buckets.iter().enumerate() {
        assert!(bucket.entries.len() <= BUCKET_SIZE);
        assert!(bucket.replacements.len() <= MAX_REPLACEMENTS);
        assert!(
            bucket.replacements.is_empty() || bucket.is_full(),
            "a replacement could be an entry"
        );
        let mut here: HashMap<Subnet, usize> = HashMap::default();
        for entry in bucket.all() {
            assert_eq!(bucket_index(log_distance(&table.local, &entry.hash)), index);
            if let Some(subnet) = entry.subnet {
                *here.entry(subnet).or_default() += 1;
                *counted.entry(subnet).or_default() += 1;
            }
        }
        assert!(here.values().all(|count| *count <= bucket::MAX_PER_SUBNET));
    }
    assert!(counted.values().all(|count| *count <= MAX_PER_SUBNET));
    assert_eq!(counted, table.subnets);
}

#[test]
fn nodes_beyond_a_full_bucket_are_replacements() {
    let mut table = table();
    let inserted: Vec<InsertOutcome> =
        (0..200).map(|number| insert(&mut table, node(number, own_subnet(number)))).collect();
    check(&table);
    assert!(inserted[..10].iter().all(|outcome| *outcome == InsertOutcome::Added));
    assert!(inserted[150..].contains(&InsertOutcome::Waiting), "half of all are in one bucket");
    assert_eq!(insert(&mut table, node(0, own_subnet(0))), InsertOutcome::Known);
}

#[test]
fn a_replacement_takes_the_entry_of_a_removed_node() {
    let mut table = table();
    for number in 0..200 {
        insert(&mut table, node(number, own_subnet(number)));
    }
    let full = table.buckets.iter().rposition(|bucket| !bucket.replacements.is_empty()).unwrap();
    let gone = table.buckets[full].entries[3].node.id;
    let next = table.buckets[full].replacements[0].node.id;
    let now = Instant::now();
    assert!(table.remove(now, &gone));
    assert!(table.get(&gone).is_none());
    let promoted = table.buckets[full].entries.last().unwrap();
    assert_eq!((promoted.node.id, promoted.check_at), (next, now), "it is checked immediately");
    assert_eq!(table.next_check().map(|entry| entry.node.id), Some(next));
    check(&table);
    let waiting = table.buckets[full].replacements[0].node.id;
    assert!(!table.remove(now, &waiting) && !table.remove(now, &waiting), "it had no entry");
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
    assert_eq!(table.iter().filter(|entry| entry.subnet == ours).count(), MAX_PER_SUBNET);
    let refused = insert(&mut table, node(9999, Ipv4Addr::new(1, 2, 3, 4)));
    assert_eq!(refused, InsertOutcome::Refused(DropReason::Diversity));
    assert_eq!(insert(&mut table, node(9999, Ipv4Addr::new(1, 2, 4, 4))), InsertOutcome::Added);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// Nodes are added, moved and removed in random order.
    #[test]
    fn the_limits_hold_at_any_time(
        steps in proptest::collection::vec((0..6u8, 0..300u32, 0..12u32), 1..600)
    ) {
        let mut table = table();
        for (what, number, subnet) in steps {
            let node = node(number, own_subnet(subnet));
            match what {
                0 => assert!(!table.remove(Instant::now(), &node.id) || table.get(&node.id).is_none()),
                1 => table.set_doubtful(&node.id, own_subnet(subnet).into()),
                _ => assert!(insert(&mut table, node) != InsertOutcome::Refused(DropReason::Own)),
            }
        }
        check(&table);
    }
}

#[test]
fn the_local_network_has_no_limits_per_subnet() {
    let mut table = table();
    for number in 0..100 {
        insert(&mut table, node(number, Ipv4Addr::new(10, 0, 0, 1)));
    }
    assert!(table.len() > 40);
    check(&table);
}

#[test]
fn a_node_that_moved_is_counted_in_its_new_subnet() {
    let mut table = table();
    insert(&mut table, node(1, own_subnet(1)));
    assert_eq!(insert(&mut table, node(1, own_subnet(2))), InsertOutcome::Known);
    check(&table);
    assert_eq!(table.get(&node(1, own_subnet(1)).id).unwrap().node.endpoint.ip, own_subnet(2));
}

#[test]
fn nearest_finds_the_nearest_nodes() {
    let mut table = table();
    for number in 0..300 {
        insert(&mut table, node(number, own_subnet(number)));
    }
    let target = NodeId([7; 64]).hash();
    let nearest = table.nearest(&target, 16, |_| true);
    let mut all: Vec<_> = table.iter().map(|entry| distance(&entry.hash, &target)).collect();
    all.sort_unstable();
    let found: Vec<_> = nearest.iter().map(|node| distance(&node.id.hash(), &target)).collect();
    assert_eq!(found, all[..16]);
}

#[test]
fn reported_nodes_are_alive_and_the_asker_may_know_their_address() {
    let mut table = table();
    insert(&mut table, node(1, own_subnet(1)));
    insert(&mut table, node(2, Ipv4Addr::new(10, 0, 0, 2)));
    insert(&mut table, node(3, own_subnet(3)));
    table.set_doubtful(&node(3, own_subnet(3)).id, own_subnet(3).into());
    let reported = |asker: u32, ip: &str| -> Vec<NodeId> {
        let asker = node(asker, own_subnet(asker)).id;
        let nodes = table.nearest_for(&[0; 32], &asker, ip.parse().unwrap());
        nodes.iter().map(|node| node.id).collect()
    };
    let (public, local) = (node(1, own_subnet(1)).id, node(2, own_subnet(2)).id);
    assert_eq!(reported(9, "5.5.5.5"), [public]);
    assert_eq!(reported(1, "5.5.5.5"), []);
    assert_eq!(reported(9, "10.0.0.9").len(), 2);
    assert!(reported(9, "10.0.0.9").contains(&local));
}

#[test]
fn own_networks_and_proven_members_have_no_limits_per_subnet() {
    use crate::network::{NetworkId, RECORD_KEY};
    let in_one = |number: u32| Ipv4Addr::from_bits(0x2c0a_1400 + number);
    let full = |limits: SubnetLimits, network: Option<u64>| {
        let mut table = Table::new([0x5a; 32], limits);
        for number in 0..24 {
            let mut node = node(number, in_one(number));
            node.record = network.map(|network| {
                let key = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap();
                let content = p2p_identity::Content::new().set(RECORD_KEY, &network);
                Record::sign(&key, 1, &content).unwrap()
            });
            insert(&mut table, node);
        }
        table.iter().count()
    };
    let network = Some(NetworkId(77));
    let own = || "44.10.20.0/24".parse().unwrap();
    assert!(full(SubnetLimits::default(), None) <= MAX_PER_SUBNET);
    assert_eq!(full(SubnetLimits { own: own(), network: None }, None), 24);
    assert_eq!(full(SubnetLimits { network, ..SubnetLimits::default() }, Some(77)), 24);
    assert!(full(SubnetLimits { network, ..SubnetLimits::default() }, Some(78)) <= MAX_PER_SUBNET);
}
