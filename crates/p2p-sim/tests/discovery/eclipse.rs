//! An eclipse attack: one owner with thousands of ids tries to fill the table of a node.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use p2p_discovery::{DropReason, log_distance};
use p2p_sim::{Eclipse, HostId, Violation};

use super::{
    PLAN,
    nodes::{Nodes, Plan, is_hostile},
};

const SECOND: Duration = Duration::from_secs(1);

/// The node that is attacked.
const VICTIM: HostId = HostId(7);

/// The hosts of the attacker.
const HOSTS: u16 = 8;

/// The ids of each host.
const IDS: u16 = 250;

/// A node admits three requests from each address in 100 ms.
const PAUSE: Duration = Duration::from_millis(33);

/// The number of hostile nodes in the table of the victim. Asserts the limits for each bucket and subnet.
fn hostile(nodes: &mut Nodes) -> usize {
    let own = nodes.id(VICTIM.index()).hash();
    let (mut buckets, mut subnets) = (BTreeMap::new(), BTreeMap::new());
    let table = nodes.table(VICTIM.index());
    for node in table.iter().filter(|node| is_hostile(node.endpoint.ip)) {
        let IpAddr::V4(ip) = node.endpoint.ip else { unreachable!("all addresses are IPv4") };
        // The nearest nodes share a bucket.
        let bucket = log_distance(&own, &node.id.hash()).max(239);
        let [.., subnet, _] = ip.octets();
        *buckets.entry((bucket, subnet)).or_insert(0) += 1;
        *subnets.entry(subnet).or_insert(0) += 1;
    }
    assert!(buckets.values().all(|count| *count <= 2), "{buckets:?}");
    assert!(subnets.values().all(|count| *count <= 10), "{subnets:?}");
    subnets.values().sum()
}

fn honest(nodes: &mut Nodes) -> usize {
    let table = nodes.table(VICTIM.index());
    table.iter().filter(|node| !is_hostile(node.endpoint.ip)).count()
}

/// Attacks a node among 40 honest ones, from addresses in this number of subnets.
fn attack(subnets: u32) -> Result<(), Violation> {
    let plan = Plan { nodes: 40, churn: 0.0, hostile_subnets: subnets, ..PLAN };
    let mut nodes = Nodes::new(plan);
    nodes.network.run_for(60 * SECOND)?;
    let before = honest(&mut nodes);
    let port = nodes.discv4(VICTIM.index()).local_addr().port();
    let target = SocketAddr::new(nodes.network.ip(VICTIM), port);
    Eclipse::new(vec![target]).hosts(HOSTS).ids(IDS).pause(PAUSE).attack(&mut nodes.network);
    let mut most = 0;
    // Until each id has pinged.
    for _ in 0..=(PAUSE * u32::from(IDS)).as_secs() {
        nodes.network.run_for(SECOND)?;
        most = most.max(hostile(&mut nodes));
    }
    let drops = nodes.stats(VICTIM.index()).drops;
    assert!(drops.of(DropReason::Diversity) > 1000, "the attacker tried: {drops:?}");
    assert!((1..=10 * subnets as usize).contains(&most), "{most}");
    let left = honest(&mut nodes);
    assert!(left + 4 >= before, "{left} of {before} honest nodes are left");

    let sought = nodes.alive().into_iter().filter(|node| *node != VICTIM.index());
    let mut lookups = Vec::new();
    for node in sought.take(10).collect::<Vec<_>>() {
        lookups.push(nodes.begin_lookup(VICTIM.index(), node));
        nodes.network.run_for(SECOND)?;
    }
    nodes.network.run_for(20 * SECOND)?;
    for lookup in lookups {
        assert!(lookup.has_found(), "{:?}", lookup.outcome());
    }
    Ok(())
}

#[test]
fn ids_in_one_subnet_get_at_most_ten_entries() -> Result<(), Violation> {
    attack(1)
}

#[test]
fn ids_in_eight_subnets_get_at_most_ten_entries_each() -> Result<(), Violation> {
    attack(8)
}
