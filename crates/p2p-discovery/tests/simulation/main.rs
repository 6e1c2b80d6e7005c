//! Simulated networks: nodes find each other, also under floods and eclipse attacks.

#![allow(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod eclipse;
mod flood;
mod network;

use std::time::Duration;

use network::{Network, Plan, Report, Subnet, simulate};

const PLAN: Plan = Plan {
    nodes: 150,
    loss: 0.05,
    churn: 0.2,
    time: Duration::from_secs(600),
    has_id: false,
    subnet: None,
    lookups: 300,
    seed: 1,
};

fn assert_found(report: Report) {
    println!("{report:?}");
    assert!(report.found_share >= 0.99, "{report:?}");
    assert!(report.rounds_p50 <= 4.0, "{report:?}");
}

#[test]
fn nodes_that_know_a_boot_node_find_all_others() {
    assert_found(simulate(PLAN));
}

#[test]
fn nodes_of_a_network_with_an_id_find_each_other() {
    assert_found(simulate(Plan { nodes: 60, has_id: true, lookups: 200, ..PLAN }));
}

/// A boot node and 24 nodes in one /24. Of each two, one knows the other and can connect to it, unless it is an unlisted
/// network on the internet.
#[test]
fn nodes_in_one_subnet_find_all_others_if_it_belongs_to_them() {
    let found = |first: &str, own, has_id| {
        let subnet = Some(Subnet { first: first.parse().unwrap(), own });
        // With this seed, no bucket of the table is full.
        let plan = Plan { nodes: 25, loss: 0.0, churn: 0.0, has_id, subnet, seed: 6, ..PLAN };
        let mut network = Network::new(plan);
        network.run(Duration::from_secs(60));
        // A server with free peer slots makes lookups.
        network.look_up(50);
        let knows = |one: usize, other: usize| {
            let id = network.machine(other).id();
            network.machine(one).node(&id).is_some()
        };
        let found =
            |one: usize| (0..25).filter(|other| knows(one, *other) || knows(*other, one)).count();
        (0..25).map(found).min().unwrap()
    };
    for (first, own, has_id) in [
        ("10.77.0.1", "", false),
        ("100.64.0.1", "", false),
        ("169.254.9.1", "", false),
        ("100.64.0.1", "", true),
        ("44.10.20.1", "44.10.20.0/24", false),
        ("44.10.20.1", "", true),
    ] {
        assert_eq!(found(first, own, has_id), 24, "{first} {own:?} {has_id}");
    }
    for stranger in ["44.10.20.1", "100.128.0.1"] {
        assert!(found(stranger, "", false) < 20, "{stranger}");
    }
}

/// Takes minutes without optimization. `cargo xtask bench discovery` runs it in less than one.
#[test]
#[ignore = "takes minutes"]
fn a_thousand_nodes_that_know_a_boot_node_find_all_others() {
    assert_found(simulate(Plan { nodes: 1000, lookups: 1000, ..PLAN }));
}

/// Run it with `--release`, on many cores.
#[test]
#[ignore = "takes a quarter of an hour"]
fn ten_thousand_nodes_that_know_a_boot_node_find_all_others() {
    assert_found(simulate(Plan { nodes: 10_000, lookups: 1000, ..PLAN }));
}

#[test]
fn a_flood_does_not_keep_a_node_from_finding_others() {
    let mut network = Network::new(Plan { nodes: 40, churn: 0.0, ..PLAN });
    network.run(Duration::from_secs(60));
    let flood = flood::flood(&mut network, 7, 50_000, 4);
    println!("{flood:?}");
    assert!(flood.found_share >= 1.0, "{flood:?}");
    assert!(flood.recoveries_per_second <= 1500.0, "{flood:?}");
    assert!(flood.amplification <= 0.1, "{flood:?}");
}
