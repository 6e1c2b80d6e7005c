//! A reachable static peer is always connected within [`Backoff::cap`] and 5 s: the peering of one node
//! in random scenarios.
//!
//! In each scenario some static peers, listed with a host name or an address, are cut off and come back,
//! crash, move, refuse, dial this node, and disappear without a message. Found nodes take the free
//! attempts, and the node itself restarts. Time is virtual. The plan is asked only after a report and at
//! the time that it returned, as the driver does.
//!
//! `P2P_SERVER_RUNS` sets the number of scenarios, `P2P_SERVER_SEED` replays one.
//!
//! [`Backoff::cap`]: crate::Backoff::cap

mod peer;
mod schedule;
mod world;

use std::{env, ops::Range};

use world::World;

/// Default number of scenarios.
const RUNS: u64 = 500;

#[test]
fn a_reachable_static_peer_is_connected_in_time() {
    let (mut connections, mut waits) = (0, 0);
    for seed in seeds() {
        match World::new(seed).run() {
            Ok(summary) => {
                connections += summary.connections;
                waits += summary.waits;
            }
            Err(fault) => panic!("P2P_SERVER_SEED={seed} replays it: {fault}"),
        }
    }
    assert!(connections > 0 && waits > 0, "{connections} connections, {waits} waits");
}

fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    match number("P2P_SERVER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("P2P_SERVER_RUNS").unwrap_or(RUNS),
    }
}
