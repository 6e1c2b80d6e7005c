//! Nodes on the command line: enode URLs, and records in text form.

use p2p_identity::{Enode, EnodeError, Record, RecordError};

/// Why a word names no node that could be reached.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodeUrlError {
    /// Not an enode URL.
    #[error(transparent)]
    Enode(#[from] EnodeError),
    /// A record that is not sound.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record without an address, or without a port.
    #[error("the record says no address and port")]
    NoAddress,
}

/// Reads `enode://…`, or `enr:…` with an address.
pub(crate) fn node_url(text: &str) -> Result<Enode, NodeUrlError> {
    match text.parse::<Enode>() {
        Err(EnodeError::Record) => text.parse::<Record>()?.enode().ok_or(NodeUrlError::NoAddress),
        parsed => Ok(parsed?),
    }
}

#[cfg(test)]
mod tests {
    use p2p_identity::{Content, SecretKey};

    use super::*;

    #[test]
    fn a_node_is_named_by_url_or_record() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let url = format!("enode://{}@10.0.0.7:30303?discport=30301", key.id());
        let enode: Enode = url.parse().unwrap();
        assert_eq!(node_url(&url), Ok(enode.clone()));
        let record = |content| Record::sign(&key, 1, &content).unwrap().to_string();
        assert_eq!(node_url(&record(Content::of(&enode))), Ok(enode));
        assert_eq!(node_url(&record(Content::new())), Err(NodeUrlError::NoAddress));
        assert_eq!(node_url("enr:!"), Err(NodeUrlError::Record(RecordError::Base64)));
        assert_eq!(node_url("x"), Err(NodeUrlError::Enode(EnodeError::Scheme)));
    }
}
