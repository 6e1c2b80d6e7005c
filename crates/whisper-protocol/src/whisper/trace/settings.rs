//! Which peers may trace envelopes.

use std::{fmt, sync::Arc};

use p2p_identity::NodeId;

/// Which peers may trace envelopes through this node, and are asked by it.
#[derive(Clone)]
pub struct TraceSettings {
    /// The id of this node.
    pub own: NodeId,
    /// The number of the network. Peers that say another one are not asked and not answered.
    pub network: u64,
    /// Whether a peer may know what this node knows of envelopes: who sent them, which peers have them, and why they were
    /// dropped.
    pub may_trace: Arc<dyn Fn(&NodeId) -> bool + Send + Sync>,
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, network, .. } = self;
        f.debug_struct("TraceSettings")
            .field("own", own)
            .field("network", network)
            .finish_non_exhaustive()
    }
}
