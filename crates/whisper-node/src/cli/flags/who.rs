//! The flags that say who may be a peer.

use std::num::NonZeroU32;

use clap::Args;
use p2p_identity::{Enode, EnodeError, NodeId};
use p2p_server::BanTarget;

use super::super::node_url::{NodeUrlError, node_url};

/// Who may be a peer, and how many of those that this node finds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network: who may be a peer")]
pub(crate) struct WhoFlags {
    /// Nodes that are let in even when all places are taken: comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node_url)]
    pub(crate) trustednodes: Vec<Enode>,

    /// Of so many places for peers one is for those that this node finds and dials
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) dialratio: u32,

    /// Dial nobody, not even --staticnodes: peers must come by themselves
    #[arg(long)]
    pub(crate) nodial: bool,

    /// The only nodes that may be peers, comma-separated ids or enode URLs [default: all]
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node_id)]
    pub(crate) allow: Option<Vec<NodeId>>,

    /// Nodes and networks that may not be peers, comma-separated ids, enode URLs, IP addresses or CIDR masks
    #[arg(long, value_name = "WHO", value_delimiter = ',', value_parser = banned)]
    pub(crate) ban: Vec<BanTarget>,

    /// Seconds within which one address from outside the local networks may connect once; 0 does not count
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) throttle: u32,

    /// Most connections from one address that have not finished their handshake [default: half of
    /// --maxpendpeers]
    #[arg(long, value_name = "N")]
    pub(crate) maxpendperip: Option<NonZeroU32>,
}

/// Reads a node id or an enode URL. The address is not needed.
fn node_id(text: &str) -> Result<NodeId, NodeUrlError> {
    match banned(text)? {
        BanTarget::Node(id) => Ok(id),
        BanTarget::Network(_) => Err(NodeUrlError::Enode(EnodeError::Scheme)),
    }
}

/// Reads a node id, an enode URL, an IP address or a network.
fn banned(text: &str) -> Result<BanTarget, NodeUrlError> {
    text.parse().map_err(NodeUrlError::Enode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_its_id_or_its_url() {
        let id = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap().id();
        for text in [id.to_string(), format!("enode://{id}@10.0.0.1:1")] {
            assert_eq!(node_id(&text), Ok(id));
        }
        assert_eq!(node_id("10.0.0.0/8"), Err(NodeUrlError::Enode(EnodeError::Scheme)));
    }
}
