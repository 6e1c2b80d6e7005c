//! What the node tells about itself and its peers, from the server's values.

use std::collections::BTreeMap;

use p2p_server::{Json, Network, NodeInfo, PeerInfo};
use serde_json::value::{RawValue, to_raw_value};

use crate::types::node_info::{NetworkJson, NodeInfoJson, PeerInfoJson, PortsJson};

impl From<NodeInfo> for NodeInfoJson {
    fn from(info: NodeInfo) -> Self {
        Self {
            id: info.id,
            name: info.name,
            enode: info.enode,
            enr: info.enr,
            ip: info.ip,
            ports: PortsJson { discovery: info.ports.discovery, listener: info.ports.listener },
            listen_addr: info.listen_addr,
            protocols: documents(info.protocols),
        }
    }
}

impl From<PeerInfo> for PeerInfoJson {
    fn from(info: PeerInfo) -> Self {
        Self {
            enode: info.enode,
            id: info.id,
            name: info.name,
            caps: info.caps,
            network: info.network.into(),
            protocols: documents(info.protocols),
        }
    }
}

impl From<Network> for NetworkJson {
    fn from(network: Network) -> Self {
        Self {
            local_address: network.local_address.to_string(),
            remote_address: network.remote_address.to_string(),
            inbound: network.inbound,
            trusted: network.trusted,
            is_static: network.is_static,
            link: network.link,
        }
    }
}

fn documents(protocols: BTreeMap<String, Json>) -> BTreeMap<String, Box<RawValue>> {
    protocols.into_iter().filter_map(|(name, json)| Some((name, document(&json)?))).collect()
}

/// The document of a sub-protocol as it is. If it is not valid JSON, a JSON string with its text.
fn document(json: &Json) -> Option<Box<RawValue>> {
    let document = RawValue::from_string(json.as_str().to_owned());
    // A string can always be written as JSON.
    document.or_else(|_| to_raw_value(json.as_str())).ok()
}
