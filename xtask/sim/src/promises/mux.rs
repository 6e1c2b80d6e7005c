//! What p2p-mux promises.

use p2p_sim::Network;

use super::Broken;
use crate::members::Members;

/// Most bytes that an idle connection of a simulated network counts with.
const IDLE_CONNECTION: usize = 128 * 1024;

/// What holds at each moment.
pub(crate) fn register(network: Network, members: &Members) -> Network {
    let members = members.clone();
    network.invariant("the memory budget", move |_| {
        for index in 0..members.len() {
            let Some(server) = members.nodes.server(index) else { continue };
            let used = server.stats().memory;
            if used.used > used.limit {
                return Err(format!("node {index} uses {} of {}", used.used, used.limit));
            }
        }
        Ok(())
    })
}

/// What holds at each moment for a sub-protocol that was removed.
pub(crate) fn register_slots(network: Network, members: &Members) -> Network {
    let members = members.clone();
    network.invariant("a closed slot gets no message and its task ends", move |_| {
        for index in 0..members.len() {
            let Some(member) = members.member(index) else { continue };
            member.probe.check().map_err(|text| format!("node {index}: {text}"))?;
        }
        Ok(())
    })
}

/// Idle connections use little memory, and those that have ended none.
pub(crate) fn check_idle_memory(members: &Members) -> Result<(), Broken> {
    for index in 0..members.len() {
        let Some(server) = members.nodes.server(index) else { continue };
        let (used, peers) = (server.stats().memory.used, server.peer_count());
        if used > peers * IDLE_CONNECTION {
            let text = format!("node {index} uses {used} bytes for {peers} peers");
            return Err(("the memory of what has ended is released", text));
        }
    }
    Ok(())
}
