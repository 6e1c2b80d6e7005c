//! Nodes named in calls, with go-ethereum's texts for invalid names.

use std::fmt;

use p2p_identity::{Enode, EnodeError, EnodeUseError, HexError, NodeId};
use p2p_server::BanTarget;

/// What is wrong with the name of a node in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeNameError {
    error: EnodeError,
    /// Why the address cannot be used, if the URL is valid.
    address: Option<EnodeUseError>,
    /// Whether there is no id, only something else.
    lacks_id: bool,
    /// The host of the URL, which one of the texts contains.
    host: String,
}

impl NodeNameError {
    fn new(error: EnodeError, url: &str) -> Self {
        let address = url.split_once('@').map_or("", |(_, address)| address);
        let host = address.split(['?', '/']).next().unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        let is_hex = name.bytes().all(|digit| digit.is_ascii_hexdigit());
        let lacks_id = !url.contains('@') && !is_hex;
        Self { error, address: None, lacks_id, host: host.chars().take(255).collect() }
    }
}

impl fmt::Display for NodeNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.address {
            return error.fmt(f);
        }
        match self.error {
            EnodeError::Scheme | EnodeError::Record => {
                f.write_str("invalid URL scheme, want \"enode\"")
            }
            EnodeError::Id(_) if self.lacks_id => f.write_str("does not contain node ID"),
            EnodeError::Id(HexError::Length { expected, .. }) => {
                write!(f, "invalid node ID (wrong length, want {expected} hex chars)")
            }
            EnodeError::Id(HexError::Digit { at }) => {
                write!(f, "invalid node ID (no hex digit at {at})")
            }
            EnodeError::NotOnCurve => f.write_str("invalid node ID (invalid secp256k1 public key)"),
            EnodeError::Host if !self.host.contains('[') && self.host.matches(':').count() > 1 => {
                write!(f, "invalid host: address {}: too many colons in address", self.host)
            }
            EnodeError::Host => f.write_str("invalid IP address"),
            EnodeError::NoPort => {
                write!(f, "invalid host: address {}: missing port in address", self.host)
            }
            EnodeError::Port => f.write_str("invalid port"),
            EnodeError::DiscoveryPort => f.write_str("invalid discport in query"),
            error => error.fmt(f),
        }
    }
}

/// Reads the enode URL of a node.
pub(crate) fn enode(url: &str) -> Result<Enode, NodeNameError> {
    url.parse().map_err(|error| NodeNameError::new(error, url))
}

/// Reads the enode URL of a node to connect to. go-ethereum accepts addresses that take no connections.
pub(crate) fn static_node(url: &str) -> Result<Enode, NodeNameError> {
    let enode = enode(url)?;
    match enode.check_connectable() {
        Ok(()) => Ok(enode),
        Err(error) => {
            Err(NodeNameError { address: Some(error), ..NodeNameError::new(EnodeError::Host, url) })
        }
    }
}

/// Reads the id of a node: an enode URL, with or without an address, or the bare id.
pub(crate) fn node_id(url: &str) -> Result<NodeId, NodeNameError> {
    let id = match url.parse::<Enode>() {
        Ok(enode) => return Ok(enode.id),
        Err(EnodeError::BareId) => url.parse::<NodeId>(),
        Err(EnodeError::NoAddress) => url.rsplit('/').next().unwrap_or_default().parse(),
        Err(error) => return Err(NodeNameError::new(error, url)),
    };
    let failed = |error| NodeNameError::new(error, url);
    let id = id.map_err(|error| failed(EnodeError::Id(error)))?;
    id.public_key().map_err(|_| failed(EnodeError::NotOnCurve))?;
    Ok(id)
}

/// The id of a node as go-ethereum shows it: the hash of its public key, in hexadecimal.
pub(crate) fn hashed_id(id: &NodeId) -> String {
    id.hash().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what a ban is for: a node (see [`node_id`]), an IP address, or a network in CIDR form.
pub(crate) fn banned(who: &str) -> Result<BanTarget, NodeNameError> {
    who.parse().map_err(|error| NodeNameError::new(error, who))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1dd9d65c4552b5eb43d5ad55a2ee3f56c6cbc1c64a5c8d659f51fcd51bace243\
                      51232b8d7821617d2b29b54b81cdefb9b3e9c37d7fd5f63270bcc9e1a6f6a439";

    #[test]
    fn errors_have_the_texts_of_go_ethereum() {
        let cases = [
            ("nonsense".to_owned(), "invalid URL scheme, want \"enode\""),
            (
                "enode://abcd@127.0.0.1:1".to_owned(),
                "invalid node ID (wrong length, want 128 hex chars)",
            ),
            (
                format!("enode://{ID}@127.0.0.1"),
                "invalid host: address 127.0.0.1: missing port in address",
            ),
            (format!("enode://{ID}@127.0.0.1:70000"), "invalid port"),
            (format!("enode://{ID}@127.0.0.1:1?discport=x"), "invalid discport in query"),
            (
                format!("enode://{}@127.0.0.1:1", "1".repeat(128)),
                "invalid node ID (invalid secp256k1 public key)",
            ),
        ];
        for (url, text) in cases {
            assert_eq!(enode(&url).unwrap_err().to_string(), text, "{url}");
        }
    }

    #[test]
    fn a_node_to_connect_to_has_an_address_that_takes_connections() {
        for address in ["127.0.0.1:0", "[::]:30303", "0.0.0.0:30303", "224.0.0.1:1"] {
            let url = format!("enode://{ID}@{address}");
            assert!(enode(&url).is_ok(), "{address}");
            let error = static_node(&url).unwrap_err().to_string();
            assert!(error.contains("write the "), "{error}");
        }
        assert!(static_node(&format!("enode://{ID}@10.0.0.1:1?raftport=5")).is_ok());
    }

    #[test]
    fn a_node_is_named_by_its_url_or_its_id() {
        let id: NodeId = ID.parse().unwrap();
        for name in [ID.to_owned(), format!("enode://{ID}"), format!("enode://{ID}@10.0.0.1:30303")]
        {
            assert_eq!(node_id(&name), Ok(id), "{name}");
        }
        assert!(node_id(&"1".repeat(128)).is_err(), "not a point on the curve");
        assert!(node_id("").is_err());
    }
}
