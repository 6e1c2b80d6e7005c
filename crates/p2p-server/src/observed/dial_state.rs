//! The state of one node: what is known about it and what will be done.

use p2p_mux::identity::{Enode, NodeId};

use super::last_outcomes::LastOutcomes;
use crate::dial::{NextAction, NodeKind};

/// What a server knows about a node, and what it will do about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DialState {
    /// The node.
    pub id: NodeId,
    /// Its planned or connected address, if known.
    pub enode: Option<Enode>,
    /// Why it is planned; `None` if it is not.
    pub kind: Option<NodeKind>,
    /// Whether it is trusted.
    pub trusted: bool,
    /// Whether it is connected.
    pub connected: bool,
    /// What will be done about it; `None` if it is neither planned nor excluded.
    pub next: Option<NextAction>,
    /// How the last connection with it and the last attempt to reach it ended.
    pub last: LastOutcomes,
}
