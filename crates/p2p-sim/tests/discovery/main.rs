//! Nodes with discv4 find each other, also under floods and eclipse attacks.

mod eclipse;
mod flood;
mod nodes;

use std::{collections::BTreeSet, time::Duration};

use nodes::{Nodes, Plan, Report, Subnet, simulate};
use p2p_server::identity::NodeId;
use p2p_sim::Violation;

const PLAN: Plan = Plan {
    nodes: 60,
    loss: 0.05,
    churn: 0.2,
    time: Duration::from_secs(300),
    has_id: false,
    subnet: None,
    hostile_subnets: 1,
    lookups: 100,
    regions: 1,
    seed: 1,
};

fn assert_found(report: Report) {
    println!("{report:?}");
    assert!(report.found_share >= 0.99, "{report:?}");
    assert!(report.rounds_p50 <= 4.0, "{report:?}");
}

#[test]
fn nodes_that_know_a_boot_node_find_all_others() -> Result<(), Violation> {
    simulate(PLAN).map(assert_found)
}

#[test]
fn nodes_of_a_network_with_an_id_find_each_other() -> Result<(), Violation> {
    simulate(Plan { nodes: 40, has_id: true, ..PLAN }).map(assert_found)
}

/// The fewest of 24 others with which a node of 25 in one /24 can connect, because one of the two has the other in its table.
fn fewest_found(first: &str, own: &'static str, has_id: bool) -> Result<usize, Violation> {
    let subnet = Some(Subnet { first: first.parse().expect("an address"), own });
    // With this seed, no bucket of a table is full.
    let plan = Plan { nodes: 25, loss: 0.0, churn: 0.0, has_id, subnet, seed: 6, ..PLAN };
    let mut nodes = Nodes::new(plan);
    nodes.network.run_for(Duration::from_secs(60))?;
    // A server with free peer slots makes lookups.
    nodes.look_up(50)?;
    let ids: Vec<NodeId> = (0..25).map(|node| nodes.id(node)).collect();
    let tables: Vec<BTreeSet<NodeId>> =
        (0..25).map(|node| nodes.table(node).iter().map(|known| known.id).collect()).collect();
    let can_connect = |one: usize, other: usize| {
        tables[one].contains(&ids[other]) || tables[other].contains(&ids[one])
    };
    let found = |one| (0..25).filter(|other| can_connect(one, *other)).count();
    Ok((0..25).map(found).min().unwrap_or_default())
}

#[test]
fn nodes_in_one_subnet_find_all_others_if_it_belongs_to_them() -> Result<(), Violation> {
    for (first, own, has_id) in [
        ("10.77.0.1", "", false),
        ("100.64.0.1", "", true),
        ("44.10.20.1", "44.10.20.0/24", false),
        ("44.10.20.1", "", true),
    ] {
        assert_eq!(fewest_found(first, own, has_id)?, 24, "{first} {own:?} {has_id}");
    }
    assert!(fewest_found("44.10.20.1", "", false)? < 20, "it is one of strangers");
    Ok(())
}

/// `cargo xtask bench discovery` does the same with a thousand nodes. Run it with `--release`, on many cores.
#[test]
#[ignore = "takes a quarter of an hour"]
fn ten_thousand_nodes_that_know_a_boot_node_find_all_others() -> Result<(), Violation> {
    let time = Duration::from_secs(600);
    simulate(Plan { nodes: 10_000, time, lookups: 1000, regions: 16, ..PLAN }).map(assert_found)
}

#[test]
fn a_flood_does_not_keep_a_node_from_finding_others() -> Result<(), Violation> {
    let flood = flood::flood(Plan { nodes: 40, churn: 0.0, ..PLAN }, 10_000, 4)?;
    println!("{flood:?}");
    assert!(flood.found_share >= 1.0, "{flood:?}");
    assert!(flood.datagrams_per_second > 9000, "{flood:?}");
    assert!(flood.recoveries_per_second <= 1100, "{flood:?}");
    assert!(flood.received_per_sent >= 10, "{flood:?}");
    Ok(())
}
