//! Whatever happened before, a static peer that can be reached is connected within [`Backoff::cap`] and
//! 5 s: the plan and the slots of one node, in worlds made by chance.
//!
//! In each world some static peers, named by host name or by address, are cut off and come back,
//! crash, move, refuse, dial us, and vanish without a word; found nodes take what attempts they can;
//! and the node itself restarts. Time is virtual. The plan is asked only after a report and at the time
//! that it named itself, as the driver does.
//!
//! `P2P_SERVER_RUNS` says how many worlds, `P2P_SERVER_SEED` replays one.
//!
//! [`Backoff::cap`]: super::Backoff::cap

mod peer;
mod world;

use std::{env, ops::Range};

use world::World;

/// How many worlds a test run sees.
const RUNS: u64 = 500;

#[test]
fn a_static_peer_that_can_be_reached_is_connected_in_time() {
    let (mut connections, mut waits) = (0, 0);
    for seed in seeds() {
        match World::new(seed).run() {
            Ok(seen) => {
                connections += seen.connections;
                waits += seen.waits;
            }
            Err(fault) => panic!("P2P_SERVER_SEED={seed} replays it: {fault}"),
        }
    }
    // Otherwise nothing was tested.
    assert!(connections > 0 && waits > 0, "{connections} connections, {waits} waits");
}

fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    match number("P2P_SERVER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("P2P_SERVER_RUNS").unwrap_or(RUNS),
    }
}
