//! The plan of a network: its number, and its nodes with their addresses. It is kept in `network.toml`.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use p2p_identity::NodeId;
use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;

/// The file of the plan in the folder of a network.
pub(super) const FILE: &str = "network.toml";

/// The port for peers of a node that has a machine of its own.
pub(super) const PEER_PORT: u16 = 30303;

/// The ports of a node that has a machine of its own.
const PORTS: Ports = Ports { peers: PEER_PORT, http: 8545, ws: 8546, metrics: 6060 };

/// Distance of the ports of two nodes on one machine.
const PORT_STEP: u16 = 10;

/// The host of a node that runs on this machine.
pub(super) const THIS_MACHINE: &str = "127.0.0.1";

/// Number of other nodes that each node always dials. Two of them can fail.
const DIALED: usize = 3;

/// A network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// The name of the network.
    pub(super) name: String,
    /// The number of the network (`--networkid`).
    pub(super) id: u32,
    /// The nodes.
    pub(super) nodes: Vec<PlannedNode>,
}

/// A node of a network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedNode {
    /// The name of the node, and of its folder.
    pub(super) name: String,
    /// The machine: an IP address or a name.
    pub(super) host: String,
    /// Where `network status` finds its JSON-RPC; without it, at the socket in its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rpc: Option<String>,
    /// The id of the node: the public part of its key.
    pub(super) id: NodeId,
    /// Its ports.
    pub(super) ports: Ports,
}

/// The ports of a node.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ports {
    pub(super) peers: u16,
    pub(super) http: u16,
    pub(super) ws: u16,
    pub(super) metrics: u16,
}

/// A network, as `--json` shows it.
#[derive(Debug, Serialize)]
pub(super) struct NetworkJson<'a> {
    #[serde(flatten)]
    pub(super) plan: &'a Plan,
    /// The folder of the network.
    pub(super) dir: &'a Path,
    /// Milliseconds until the nodes were connected. Only a network that runs has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) millis: Option<f64>,
}

/// The name of the node with this index, counted from 0.
pub(super) fn node_name(index: usize) -> String {
    format!("node{}", index + 1)
}

impl Plan {
    /// A network of nodes with these ids. Without hosts, all are on this machine.
    pub(super) fn new(name: String, id: u32, ids: Vec<NodeId>, hosts: &[String]) -> Self {
        let nodes = ids.into_iter().enumerate().map(|(index, id)| {
            let name = node_name(index);
            match hosts.get(index) {
                Some(host) => PlannedNode { name, host: host.clone(), rpc: None, id, ports: PORTS },
                None => PlannedNode::on_this_machine(name, id, index),
            }
        });
        Self { name, id, nodes: nodes.collect() }
    }

    /// Reads the plan of the network in a folder.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path)
            .map_err(|source| Failure::NetworkFile { path: path.clone(), source })?;
        toml::from_str(&text).map_err(|source| Failure::NetworkPlan { path, source })
    }

    /// The same network with all nodes on this machine. If they are there already, their ports stay.
    pub(super) fn on_this_machine(&self) -> Self {
        let is_here = |node: &PlannedNode| node.host == THIS_MACHINE;
        if self.nodes.iter().all(is_here) {
            return self.clone();
        }
        let nodes =
            self.nodes.iter().enumerate().map(|(index, node)| {
                PlannedNode::on_this_machine(node.name.clone(), node.id, index)
            });
        Self { nodes: nodes.collect(), ..self.clone() }
    }

    /// The enode URLs of the nodes that the node with this index always dials: its successors in the ring of all nodes. So
    /// the network is connected, and stays so if a node fails.
    pub(super) fn dialed(&self, index: usize) -> Vec<String> {
        let others = self.nodes.len() - 1;
        let next = (1..=DIALED.min(others)).map(|step| (index + step) % self.nodes.len());
        next.map(|next| self.nodes[next].enode()).collect()
    }

    /// The enode URLs of the boot nodes of the node with this index: the first two others. Discovery needs IP addresses, so
    /// nodes with names are left out.
    pub(super) fn boot_nodes(&self, index: usize) -> Vec<String> {
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != index);
        let boot = others.take(2).filter(|(_, node)| node.host.parse::<IpAddr>().is_ok());
        boot.map(|(_, node)| node.enode()).collect()
    }
}

impl PlannedNode {
    fn on_this_machine(name: String, id: NodeId, index: usize) -> Self {
        let step = u16::try_from(index).unwrap_or(u16::MAX).saturating_mul(PORT_STEP);
        let port = |first: u16| first.saturating_add(step);
        let Ports { peers, http, ws, metrics } = PORTS;
        let ports =
            Ports { peers: port(peers), http: port(http), ws: port(ws), metrics: port(metrics) };
        Self { name, host: THIS_MACHINE.to_owned(), rpc: None, id, ports }
    }

    /// The enode URL of the node.
    fn enode(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        };
        format!("enode://{}@{host}:{}", self.id, self.ports.peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(nodes: u8, hosts: &[&str]) -> Plan {
        let ids = (1..=nodes).map(|n| NodeId([n; 64])).collect();
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Plan::new("acme".to_owned(), 7, ids, &hosts)
    }

    #[test]
    fn no_two_nodes_of_a_machine_share_a_port() {
        let plan = plan(100, &[]);
        let ports = plan.nodes.iter().flat_map(|node| {
            [node.ports.peers, node.ports.http, node.ports.ws, node.ports.metrics]
        });
        let mut ports: Vec<_> = ports.collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 400);
    }

    #[test]
    fn every_node_dials_others_and_is_dialed() {
        for nodes in 1..9 {
            let plan = plan(nodes, &[]);
            let dialed: Vec<_> = (0..plan.nodes.len()).map(|index| plan.dialed(index)).collect();
            for (index, node) in plan.nodes.iter().enumerate() {
                assert!(!dialed[index].contains(&node.enode()), "{nodes}: {index} dials itself");
                let by = dialed.iter().filter(|dialed| dialed.contains(&node.enode())).count();
                assert_eq!(by, 3.min(plan.nodes.len() - 1), "{nodes}");
            }
        }
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let plan = plan(3, &["10.0.0.1", "fd00::1", "c.example"]);
        assert_eq!(toml::from_str::<Plan>(&toml::to_string(&plan).unwrap()).unwrap(), plan);
        assert!(plan.boot_nodes(2)[1].contains("@[fd00::1]:30303"), "{:?}", plan.boot_nodes(2));
        assert_eq!((plan.boot_nodes(0).len(), plan.boot_nodes(2).len()), (1, 2));
        assert_eq!(plan.on_this_machine().nodes[2].ports.peers, 30323);
    }
}
