//! Nodes on the command line: enode URLs, and records in text form.

use p2p_identity::{Enode, EnodeError, EnodeUseError, Record, RecordError, causes};

/// Why an argument is not a node with an address.
///
/// The text contains the causes, because clap does not print causes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodeUrlError {
    /// Not an enode URL.
    #[error("{}", causes(.0))]
    Enode(EnodeError),
    /// An invalid record.
    #[error("{}", causes(.0))]
    Record(RecordError),
    /// The record has no address or no port.
    #[error("the record has no address with a port")]
    NoAddress,
    /// The address cannot be used for what the node is given for.
    #[error("{0}")]
    Use(EnodeUseError),
}

/// Reads `enode://…`, or `enr:…` with an address.
pub(crate) fn node_url(text: &str) -> Result<Enode, NodeUrlError> {
    match text.parse::<Enode>() {
        Err(EnodeError::Record) => {
            let record: Record = text.parse().map_err(NodeUrlError::Record)?;
            record.enode().ok_or(NodeUrlError::NoAddress)
        }
        parsed => parsed.map_err(NodeUrlError::Enode),
    }
}

/// Reads a node to connect to, and refuses addresses that take no connections.
pub(crate) fn static_node(text: &str) -> Result<Enode, NodeUrlError> {
    let enode = node_url(text)?;
    enode.check_connectable().map_err(NodeUrlError::Use)?;
    Ok(enode)
}

/// Reads a node to start with, which is asked for nodes or connected to.
pub(crate) fn boot_node(text: &str) -> Result<Enode, NodeUrlError> {
    let enode = node_url(text)?;
    let discoverable = enode.check_discoverable();
    discoverable.or_else(|_| enode.check_connectable()).map_err(NodeUrlError::Use)?;
    Ok(enode)
}

/// Reads a node to ask for nodes (discovery), and refuses addresses that answer none.
pub(crate) fn discovery_node(text: &str) -> Result<Enode, NodeUrlError> {
    let enode = node_url(text)?;
    enode.check_discoverable().map_err(NodeUrlError::Use)?;
    Ok(enode)
}

#[cfg(test)]
mod tests {
    use p2p_identity::{Content, SecretKey};

    use super::*;

    #[test]
    fn a_node_is_given_by_url_or_record() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let url = format!("enode://{}@10.0.0.7:30303?discport=30301", key.id());
        let enode: Enode = url.parse().unwrap();
        assert_eq!(node_url(&url), Ok(enode.clone()));
        let record = |content| Record::sign(&key, 1, &content).unwrap().to_string();
        assert_eq!(node_url(&record(Content::of(&enode))), Ok(enode));
        assert_eq!(node_url(&record(Content::new())), Err(NodeUrlError::NoAddress));
        assert_eq!(node_url("enr:!"), Err(NodeUrlError::Record(RecordError::Base64)));
        assert_eq!(node_url("x"), Err(NodeUrlError::Enode(EnodeError::Scheme)));
        let short = node_url("enode://12@10.0.0.7:1").unwrap_err().to_string();
        assert_eq!(short, "invalid node id: 2 hexadecimal digits instead of 128");
    }

    #[test]
    fn addresses_that_cannot_be_used_are_refused() {
        let id = SecretKey::from_bytes(&[7; 32]).unwrap().id();
        for (address, is_static, is_boot) in [
            ("127.0.0.9:30303", true, true),
            ("10.99.0.3:21000?discport=0&raftport=50400", true, true),
            ("127.0.0.9:0?discport=30301", false, true),
            ("127.0.0.9:0", false, false),
            ("[::]:30303", false, false),
            ("0.0.0.0:30303", false, false),
            ("224.0.0.1:30303", false, false),
        ] {
            let url = format!("enode://{id}@{address}");
            assert_eq!(static_node(&url).is_ok(), is_static, "{address}");
            assert_eq!(boot_node(&url).is_ok(), is_boot, "{address}");
            let is_discovery = is_boot && !address.contains("discport=0");
            assert_eq!(discovery_node(&url).is_ok(), is_discovery, "{address}");
        }
    }
}
