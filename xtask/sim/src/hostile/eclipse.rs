//! Discovery under attack: `cargo xtask sim eclipse`.
//!
//! The nodes know only a boot node. A hostile host has many ids, all of which follow discv4, ping every node and name only each
//! other as neighbours. It does not know the id of the network. Half of the nodes join while it attacks. The honest nodes must
//! find each other anyway.

use std::{
    cell::OnceCell, collections::BTreeSet, net::SocketAddr, rc::Rc, sync::Arc, time::Duration,
};

use p2p_server::{DiscoverySettings, identity::Enode, p2p_discovery::NetworkId};
use p2p_sim::{Eclipse, Fault, HostId, Link, Network, Nodes, Violation};

use crate::{probe::Probe, settings::Settings};

/// When the second half of the nodes joins.
const JOIN: Duration = Duration::from_secs(60);

/// The id of the network of the honest nodes. They have private addresses, to which no limit for each subnet applies, so a host
/// with many ids fills the tables of a network without an id.
const NETWORK: NetworkId = NetworkId(7);

/// Number of honest peers that each node must have, or all others if they are fewer.
const PEERS: usize = 3;

/// Runs the seeds. Returns whether the nodes found each other in all of them.
pub(crate) fn run(settings: &Settings) -> bool {
    let (mut good, first) = (true, settings.seeds.first);
    for seed in first..first.saturating_add(settings.seeds.count) {
        match run_one(settings, seed) {
            Ok((time, trace)) => {
                println!("seed {seed}: found after {time:.1?}, trace {trace:016x}");
            }
            Err(violation) => {
                good = false;
                println!("seed {seed}: FAILED: {violation}");
            }
        }
    }
    good
}

/// Runs one seed. Returns after what time the nodes had found each other, and the hash of the trace.
pub(crate) fn run_one(settings: &Settings, seed: u64) -> Result<(Duration, u64), Violation> {
    let ms = Duration::from_millis;
    let link = Link::default().latency(ms(20)..ms(150)).loss(0.01);
    let hosts = u32::try_from(settings.nodes).unwrap_or(u32::MAX);
    let joining = (hosts / 2..hosts).map(HostId);
    let faults = joining
        .flat_map(|host| [(Duration::ZERO, Fault::Kill(host)), (JOIN, Fault::Restart(host))]);
    let mut network = Network::new(seed).link(link).faults(faults.collect());
    if settings.null {
        network = network.null_cryptography();
    }
    let boot: Rc<OnceCell<Enode>> = Rc::default();
    let of_nodes = Rc::clone(&boot);
    let nodes = Nodes::new(&mut network, settings.nodes, 0, move |node| {
        let known = of_nodes.get().cloned().filter(|_| node.index() > 0);
        node.config(|config| {
            // Nodes that share no sub-protocol leave each other.
            let config = config.protocol(Arc::new(Probe::default()).protocol());
            let config = config.discovery(DiscoverySettings::new().network(NETWORK));
            known.into_iter().fold(config, |config, boot| config.boot_node(boot))
        })
    });
    // Nothing has started yet.
    let first = nodes.enode(0);
    let _ = boot.set(Enode { udp: first.tcp, ..first });
    if settings.hostile > 0 {
        let targets = (0..settings.nodes).filter_map(|node| nodes.enode(node).socket_addr());
        Eclipse::new(targets.collect::<Vec<SocketAddr>>()).attack(&mut network);
    }
    network.run_for(JOIN + Duration::from_secs(1))?;
    let limit = Duration::from_secs(60 * settings.minutes);
    if network.run_until(limit, |_| have_found(&nodes))? {
        return Ok((network.elapsed(), network.trace_hash()));
    }
    let peers = (0..settings.nodes).map(|node| honest_peers(&nodes, node).len());
    Err(Violation {
        seed,
        name: "honest nodes find each other".to_owned(),
        at: network.elapsed(),
        text: format!("their honest peers: {:?}", peers.collect::<Vec<_>>()),
    })
}

/// Whether each honest node has honest peers, and all are connected over such.
fn have_found(nodes: &Nodes) -> bool {
    let count = nodes.hosts().len();
    let peers: Vec<BTreeSet<usize>> = (0..count).map(|node| honest_peers(nodes, node)).collect();
    let (mut reached, mut next) = (BTreeSet::from([0]), vec![0]);
    while let Some(node) = next.pop() {
        next.extend(peers[node].iter().filter(|peer| reached.insert(**peer)));
    }
    reached.len() == count && peers.iter().all(|peers| peers.len() >= PEERS.min(count - 1))
}

fn honest_peers(nodes: &Nodes, node: usize) -> BTreeSet<usize> {
    let Some(server) = nodes.server(node) else { return BTreeSet::new() };
    (0..nodes.hosts().len()).filter(|peer| server.peer(&nodes.id(*peer)).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_nodes_find_each_other_during_an_attack() {
        let settings = crate::parse("eclipse --nodes 8 --minutes 5 --null");
        let found = run_one(&settings, 1);
        assert!(found.is_ok(), "{}", found.unwrap_err());
    }
}
