//! What the node tells about itself and its peers, in the form of go-ethereum.

use std::collections::BTreeMap;

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The answer of `admin_nodeInfo`: go-ethereum's fields in its order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "NodeInfo"))]
pub struct NodeInfoJson {
    /// Keccak-256 of the public key, 64 hexadecimal digits.
    pub id: String,
    /// The name of the node's program.
    pub name: String,
    /// The enode URL to give to others.
    pub enode: String,
    /// The signed node record (EIP-778), RLP in hexadecimal as go-ethereum 1.8 shows it.
    pub enr: String,
    /// The address in the enode URL.
    pub ip: String,
    /// The ports in the enode URL.
    pub ports: PortsJson,
    /// The first address that the node listens on; empty if it does not listen.
    pub listen_addr: String,
    /// A JSON document of each sub-protocol, by name.
    #[cfg_attr(feature = "server", schemars(with = "BTreeMap<String, serde_json::Value>"))]
    pub protocols: BTreeMap<String, Box<RawValue>>,
}

/// The ports of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Ports"))]
pub struct PortsJson {
    /// UDP, for discovery; 0 if the node does not take part.
    pub discovery: u16,
    /// TCP; 0 if the node does not listen.
    pub listener: u16,
}

/// A peer in `admin_peers`: go-ethereum's fields in its order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "PeerInfo"))]
pub struct PeerInfoJson {
    /// Its enode URL: as it was dialed, or with the address of the socket if it dialed this node. It does not listen
    /// on the port of that socket.
    pub enode: String,
    /// Keccak-256 of its public key, 64 hexadecimal digits.
    pub id: String,
    /// The name of its program. Chosen by the peer.
    pub name: String,
    /// The sub-protocols that it offers, `name/version`. Chosen by the peer.
    pub caps: Vec<String>,
    /// The connection.
    pub network: NetworkJson,
    /// A JSON document of each sub-protocol that runs with it, by name.
    #[cfg_attr(feature = "server", schemars(with = "BTreeMap<String, serde_json::Value>"))]
    pub protocols: BTreeMap<String, Box<RawValue>>,
}

/// The connection with a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Network"))]
pub struct NetworkJson {
    /// This end of the socket; `0.0.0.0:0` if it is not known.
    pub local_address: String,
    /// The peer's end of the socket; `0.0.0.0:0` if it is not known.
    pub remote_address: String,
    /// Whether the peer dialed this node.
    pub inbound: bool,
    /// Whether the peer is trusted.
    pub trusted: bool,
    /// Whether the peer is a static node.
    #[serde(rename = "static")]
    pub is_static: bool,
    /// How the connection is encrypted: `rlpx`, or `sec/1` with its algorithms. Empty from another program's node.
    #[serde(default)]
    pub link: String,
}
