//! A flood of junk to one node. The benchmarks use this file too.

#![allow(dead_code, reason = "tests and benchmarks each use a part of it")]

use std::time::Duration;

use p2p_sim::{Fault, HostId, Junk, Violation};

use super::nodes::{Lookup, Nodes, Plan, found_share};

const SECOND: Duration = Duration::from_secs(1);

/// The node that is flooded.
const VICTIM: HostId = HostId(7);

/// What a flood has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// The share of the lookups during the flood that found their target.
    pub(crate) found_share: f64,
    /// Datagrams that the node has received for each second.
    pub(crate) datagrams_per_second: u64,
    /// Signatures that it has checked for each second.
    pub(crate) recoveries_per_second: u64,
    /// Bytes that it has received for each byte that it has sent.
    pub(crate) received_per_sent: u64,
}

/// Sends this many junk datagrams per second to a node for some seconds. Each second the node begins a lookup of another one.
pub(crate) fn flood(plan: Plan, per_second: u32, seconds: u32) -> Result<Flood, Violation> {
    let mut nodes = Nodes::new(plan);
    nodes.network.run_for(60 * SECOND)?;
    let victim = VICTIM.index();
    let before = nodes.stats(victim);
    let target = (nodes.network.ip(VICTIM), nodes.discv4(victim).local_addr().port()).into();
    let flood = Junk::flood(&mut nodes.network, target, per_second);
    let sought: Vec<usize> = nodes.alive().into_iter().filter(|node| *node != victim).collect();
    let mut lookups: Vec<Lookup> = Vec::new();
    for node in sought.into_iter().cycle().take(seconds as usize) {
        lookups.push(nodes.begin_lookup(victim, node));
        nodes.network.run_for(SECOND)?;
    }
    let after = nodes.stats(victim);
    nodes.network.cause(&Fault::Kill(flood));
    nodes.network.run_for(20 * SECOND)?;
    let (received, sent) = (after.bytes_in - before.bytes_in, after.bytes_out - before.bytes_out);
    Ok(Flood {
        found_share: found_share(&lookups),
        datagrams_per_second: (after.datagrams_in - before.datagrams_in) / u64::from(seconds),
        recoveries_per_second: (after.recoveries - before.recoveries) / u64::from(seconds),
        received_per_sent: received / sent.max(1),
    })
}
