//! The flags about who may be a peer.

use std::num::NonZeroU32;

use clap::Args;
use p2p_identity::{Enode, EnodeError, NodeId};
use p2p_mux::transport::{SecPolicy, SecPolicyError};
use p2p_server::{BanTarget, ServerSettings};

use super::list::{List, list};
use super::node_url::{NodeUrlError, node_url};

/// Who may be a peer, and which peers this node dials.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network: who may be a peer")]
pub(crate) struct PeerAccessFlags {
    /// Trusted nodes: accepted even when all peer slots are taken. Comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_parser = list(node_url))]
    pub(crate) trustednodes: Vec<List<Enode>>,

    /// Fraction of the peer slots for nodes that discovery found and this node dialed: 1/N
    #[arg(long, value_name = "N", default_value_t = default_dial_ratio(), value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) dialratio: u32,

    /// Whether connections use sec/1, which RLPx nodes without it do not notice: `require` it of every peer, `prefer` it, or
    /// `off`. A node that was connected over it once is then not accepted without
    #[arg(long, value_name = "POLICY", default_value_t = SecPolicy::default())]
    pub(crate) sec: SecPolicy,

    /// Nodes with a policy of their own for sec/1, in place of --sec. Comma-separated ids or enode URLs, each with its
    /// policy: NODE=require,NODE=off
    #[arg(long, value_name = "NODE=POLICY", value_parser = list(node_policy))]
    pub(crate) secnodes: Vec<List<(NodeId, SecPolicy)>>,

    /// Use plain devp2p and Whisper only, for a canary or a bad day: no sec/1, chunk/1, archive/1, trace/1 and lazy/1.
    /// Stronger than --sec and --shh.lazy
    #[arg(long)]
    pub(crate) plain: bool,

    /// Do not dial, not even --staticnodes. Peers must connect to this node
    #[arg(long)]
    pub(crate) nodial: bool,

    /// The only nodes that may be peers, comma-separated ids or enode URLs [default: all nodes]
    #[arg(long, value_name = "NODE", value_parser = list(node_id))]
    pub(crate) allow: Option<Vec<List<NodeId>>>,

    /// Nodes and networks that may not be peers, comma-separated ids, enode URLs, IP addresses or CIDR masks
    #[arg(long, value_name = "WHO", value_parser = list(banned))]
    pub(crate) ban: Vec<List<BanTarget>>,

    /// Minimum time between two connections from one address outside of the own networks (--ownnets), in seconds; 0: no
    /// minimum
    #[arg(long, value_name = "SECONDS", default_value_t = default_throttle())]
    pub(crate) throttle: u32,

    /// Maximum number of unfinished handshakes from one address [default: half of --maxpendpeers]
    #[arg(long, value_name = "N")]
    pub(crate) maxpendperip: Option<NonZeroU32>,

    /// Number of inbound peers from one address that keep their slots although other addresses want them [default: a
    /// quarter of the slots for inbound peers]
    #[arg(long, value_name = "N")]
    pub(crate) maxpeersperip: Option<NonZeroU32>,

    /// The same for one network, a /24 or for IPv6 a /48 [default: half of the slots for inbound peers]
    #[arg(long, value_name = "N")]
    pub(crate) maxpeerspernet: Option<NonZeroU32>,
}

/// The library's default.
fn default_dial_ratio() -> u32 {
    u32::try_from(ServerSettings::default().limits.dial_ratio).unwrap_or(u32::MAX)
}

/// The library's default, in seconds.
fn default_throttle() -> u32 {
    let throttle = ServerSettings::default().inbound.throttle.unwrap_or_default();
    u32::try_from(throttle.as_secs()).unwrap_or(u32::MAX)
}

/// Reads a node id or an enode URL, with or without an address.
fn node_id(text: &str) -> Result<NodeId, NodeUrlError> {
    match banned(text)? {
        BanTarget::Node(id) => Ok(id),
        BanTarget::Network(_) => Err(NodeUrlError::Enode(EnodeError::Scheme)),
    }
}

/// The policy of one node cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodePolicyError {
    /// There is no `=`.
    #[error("expected NODE=POLICY")]
    NoPolicy,
    /// The part before the last `=` is no node.
    #[error(transparent)]
    Node(#[from] NodeUrlError),
    /// The part after it is no policy.
    #[error(transparent)]
    Policy(#[from] SecPolicyError),
}

/// Reads a node and its policy. An enode URL may contain a `=` too.
fn node_policy(text: &str) -> Result<(NodeId, SecPolicy), NodePolicyError> {
    let (node, policy) = text.rsplit_once('=').ok_or(NodePolicyError::NoPolicy)?;
    Ok((node_id(node)?, policy.parse()?))
}

/// Reads a node id, an enode URL, an IP address or a network.
fn banned(text: &str) -> Result<BanTarget, NodeUrlError> {
    text.parse().map_err(NodeUrlError::Enode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_given_by_its_id_or_its_url() {
        let id = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap().id();
        for text in [id.to_string(), format!("enode://{id}@10.0.0.1:1")] {
            assert_eq!(node_id(&text), Ok(id));
        }
        assert_eq!(node_id("10.0.0.0/8"), Err(NodeUrlError::Enode(EnodeError::Scheme)));
    }

    #[test]
    fn a_policy_is_given_with_its_node() {
        let id = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap().id();
        for node in [id.to_string(), format!("enode://{id}@10.0.0.1:1?discport=2")] {
            assert_eq!(node_policy(&format!("{node}=off")), Ok((id, SecPolicy::Off)));
            let always = node_policy(&format!("{node}=always"));
            assert_eq!(always, Err(NodePolicyError::Policy(SecPolicyError)));
        }
        assert_eq!(node_policy(&id.to_string()), Err(NodePolicyError::NoPolicy));
        assert!(matches!(node_policy("10.0.0.1=off"), Err(NodePolicyError::Node(_))));
    }
}
