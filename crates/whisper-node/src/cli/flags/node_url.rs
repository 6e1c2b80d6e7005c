//! Nodes on the command line: enode URLs, and records in text form.

use p2p_identity::{Enode, EnodeError, Record, RecordError, causes};

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
    #[error("the record has no address or no port")]
    NoAddress,
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
}
