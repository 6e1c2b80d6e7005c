//! What p2p-mux promises.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use p2p_sim::{Fault, HostId, Network};

use super::Broken;
use crate::members::{Members, host};

/// Most bytes that an idle connection of a simulated network counts with.
const IDLE_CONNECTION: usize = 128 * 1024;

/// How long a silent peer may stay: the limit of the protocol (30 s), what was on its way or waited to be read, and the end of
/// the connection.
const SILENCE: Duration = Duration::from_secs(45);

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

/// What holds at each moment for a peer from which nothing comes.
pub(crate) fn register_silence(
    network: Network,
    members: &Members,
    mut faults: VecDeque<(Duration, Fault)>,
) -> Network {
    let members = members.clone();
    // Since when nothing passes, by the node that hears nothing (and its start) and the one that is silent.
    let mut silent: BTreeMap<(usize, u32, usize), Duration> = BTreeMap::new();
    network.invariant("a silent peer is dropped", move |network| {
        let (now, mut still) = (network.elapsed(), BTreeMap::new());
        // What was repaired for less than a second counts too.
        while let Some((_, fault)) = faults.pop_front_if(|(at, _)| *at <= now) {
            silent.retain(|(node, _, peer), _| !ends_silence(&fault, host(*peer), host(*node)));
        }
        for node in 0..members.len() {
            let (Some(start), Some(server)) = (members.starts(node), members.nodes.server(node))
            else {
                continue;
            };
            for peer in (0..members.len()).filter(|peer| *peer != node) {
                if !is_silent(network, peer, node) {
                    continue;
                }
                let key = (node, start, peer);
                let since = silent.get(&key).copied().unwrap_or(now);
                still.insert(key, since);
                let is_peer = server.peer(&members.nodes.id(peer)).is_some();
                if now > since + SILENCE && is_peer {
                    return Err(format!("node {node} has {peer}, silent since {since:?}"));
                }
            }
        }
        silent = still;
        Ok(())
    })
}

/// Whether nothing that a node sends reaches another one.
fn is_silent(network: &Network, from: usize, to: usize) -> bool {
    !network.is_up(host(from)) || network.is_blocked(host(from), host(to))
}

fn ends_silence(fault: &Fault, from: HostId, to: HostId) -> bool {
    match fault {
        Fault::Restart(host) => *host == from,
        Fault::Unblock(near, far) => near.contains(&from) && far.contains(&to),
        _ => false,
    }
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
