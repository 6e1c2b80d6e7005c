//! Descriptions of the node and its peers, in the form of geth's `admin_nodeInfo` and `admin_peers`.

use std::{collections::BTreeMap, net::SocketAddr};

#[cfg(feature = "serde")]
use p2p_mux::identity::Enode;
use p2p_mux::identity::NodeId;

/// This node, with the fields of `admin_nodeInfo` in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeInfo {
    /// Keccak-256 of the public key, 64 hex digits.
    pub id: String,
    /// The client name of the node.
    pub name: String,
    /// The enode URL to give to others.
    pub enode: String,
    /// The signed node record (EIP-778), RLP in hexadecimal as go-ethereum 1.8 shows it.
    pub enr: String,
    /// The address in the enode URL.
    pub ip: String,
    /// The ports in the enode URL.
    pub ports: Ports,
    /// The first address the node listens on; empty if it does not listen.
    pub listen_addr: String,
    /// The description that each sub-protocol gives, by name.
    pub protocols: BTreeMap<String, Json>,
}

/// The ports of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Ports {
    /// UDP, for discovery; 0 if discovery does not run.
    pub discovery: u16,
    /// TCP; 0 if the node does not listen.
    pub listener: u16,
}

/// A connected peer, with the fields of `admin_peers` in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PeerInfo {
    /// Its enode URL: as dialed, or for an inbound peer with the remote address of the socket, whose port
    /// cannot be dialed.
    pub enode: String,
    /// Keccak-256 of its public key, 64 hex digits.
    pub id: String,
    /// Its client name. Chosen by the peer.
    pub name: String,
    /// The sub-protocols that it announces, `name/version`. Chosen by the peer.
    pub caps: Vec<String>,
    /// The connection.
    pub network: Network,
    /// The state of each sub-protocol that runs with it, by name.
    pub protocols: BTreeMap<String, Json>,
    /// Its node id (public key). Not part of the JSON.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub node_id: NodeId,
}

/// The connection with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Network {
    /// The local address; `0.0.0.0:0` if it is unknown, as with a [`NodeDialer`](crate::NodeDialer).
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub local_address: SocketAddr,
    /// The remote address, or `0.0.0.0:0`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub remote_address: SocketAddr,
    /// Whether the peer dialed this node.
    pub inbound: bool,
    /// Whether the node is trusted.
    pub trusted: bool,
    /// Whether the node is static.
    #[cfg_attr(feature = "serde", serde(rename = "static"))]
    pub is_static: bool,
    /// How the connection is encrypted: `rlpx`, or `sec/1` with its algorithms. Only this implementation has this field.
    #[cfg_attr(feature = "serde", serde(default))]
    pub link: String,
}

/// A JSON document from a sub-protocol, embedded unchanged when the whole is serialized as JSON.
///
/// A text that is not valid JSON becomes a JSON string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Wraps the text of a document.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A JSON string from a word without characters to escape.
    pub(crate) fn word(word: &'static str) -> Self {
        Self(format!("\"{word}\""))
    }

    /// The text of the document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self::new(document.get()))
    }
}

/// The public key is read from the enode URL.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for PeerInfo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields {
            enode: String,
            id: String,
            name: String,
            caps: Vec<String>,
            network: Network,
            protocols: BTreeMap<String, Json>,
        }
        let Fields { enode, id, name, caps, network, protocols } =
            Fields::deserialize(deserializer)?;
        let node_id = enode.parse::<Enode>().map_err(serde::de::Error::custom)?.id;
        Ok(Self { enode, id, name, caps, network, protocols, node_id })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&serde_json::value::RawValue>(&self.0) {
            Ok(document) => document.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}
