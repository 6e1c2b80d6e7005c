//! The access rules of a running server.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use p2p_mux::identity::NodeId;

use super::Server;
use crate::{
    access::{Access, Ban, BanTarget, InboundSettings, NetRestrict},
    clock::now,
    context::Context,
    slots::Limits,
};

/// Says which nodes the operator of a server has named: as allowed, or as trusted. It does not keep the server running, so a
/// sub-protocol may own it.
#[derive(Clone)]
pub struct NamedNodes(Weak<Context>);

impl NamedNodes {
    /// Whether a node is on the list of allowed nodes, or is trusted. Without a list all nodes may be peers, but none is named by
    /// it. False after the end of the server.
    #[must_use]
    pub fn contains(&self, id: &NodeId) -> bool {
        let Some(context) = self.0.upgrade() else { return false };
        let state = context.state();
        let allowed = state.peering.access().nodes.as_ref();
        state.peering.is_trusted(id) || allowed.is_some_and(|nodes| nodes.contains(id))
    }
}

impl fmt::Debug for NamedNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedNodes")
    }
}

/// The access rules. A change applies as soon as the method returns, to connections in progress, to later
/// ones and to peers. Excluded peers get the reason and are gone within a second.
impl Server {
    /// Bans a node, or all addresses of a network, for this time, or until the server stops if it is `None` or
    /// the clock cannot hold its end. If the target is banned already, the new end replaces the old one, even
    /// if it is earlier. Bans apply to static and trusted nodes too; they stay planned and are dialed again
    /// after the ban.
    pub fn ban(&self, target: BanTarget, time: Option<Duration>) {
        let now = now();
        let until = time.and_then(|time| now.checked_add(time));
        self.change_access(|access| {
            access.bans.handle_timeout(now);
            access.bans.ban(target, until);
        });
    }

    /// Lifts a ban; a network must be the same as in the ban. Returns whether the ban existed.
    pub fn unban(&self, target: &BanTarget) -> bool {
        let now = now();
        self.change_access(|access| {
            access.bans.handle_timeout(now);
            access.bans.lift(target)
        })
    }

    /// The current bans, in order.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        let mut bans: Vec<Ban> = self.read_access(|access| access.bans.iter(now()).collect());
        bans.sort_unstable_by_key(|ban| ban.target);
        bans
    }

    /// Replaces the list of allowed nodes: only they may be peers, static and trusted nodes included. `None`
    /// allows all nodes.
    pub fn set_allowed(&self, nodes: Option<Vec<NodeId>>) {
        let nodes = nodes.map(|nodes| nodes.into_iter().collect());
        self.change_access(|access| access.nodes = nodes);
    }

    /// Adds a node to the list of allowed nodes. Returns whether that changed anything; without a list, all
    /// nodes are allowed already.
    pub fn allow(&self, id: NodeId) -> bool {
        self.change_access(|access| access.nodes.as_mut().is_some_and(|nodes| nodes.insert(id)))
    }

    /// Removes a node from the list of allowed nodes. Returns whether that changed anything; without a list,
    /// use [`Server::ban`].
    pub fn disallow(&self, id: &NodeId) -> bool {
        self.change_access(|access| access.nodes.as_mut().is_some_and(|nodes| nodes.remove(id)))
    }

    /// The list of allowed nodes, in order; `None` if all are allowed.
    #[must_use]
    pub fn allowed(&self) -> Option<Vec<NodeId>> {
        let nodes = self.read_access(|access| access.nodes.clone())?;
        let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
        nodes.sort_unstable();
        Some(nodes)
    }

    /// Sets the only networks to talk to; `None` allows all.
    pub fn set_net_restrict(&self, networks: Option<NetRestrict>) {
        self.change_access(|access| access.networks = networks);
    }

    /// The only networks to talk to; `None` if all are allowed.
    #[must_use]
    pub fn net_restrict(&self) -> Option<NetRestrict> {
        self.read_access(|access| access.networks.clone())
    }

    /// Replaces the limits of peers and of inbound connections. They apply to new connections: no peer is disconnected
    /// for them.
    pub fn set_limits(&self, limits: Limits, inbound: InboundSettings) {
        self.context.state().peering.set_limits(limits, &inbound);
        // There may be a free slot now.
        self.context.wakers.wake_all();
    }

    /// Says which nodes the operator has named.
    #[must_use]
    pub fn named_nodes(&self) -> NamedNodes {
        NamedNodes(Arc::downgrade(&self.context))
    }

    fn read_access<T>(&self, read: impl FnOnce(&Access) -> T) -> T {
        read(self.context.state().peering.access())
    }

    fn change_access<T>(&self, change: impl FnOnce(&mut Access) -> T) -> T {
        let outcome = self.context.state().change_access(change, now());
        // Some nodes may be dialed again, or no longer.
        self.context.wakers.wake_all();
        outcome
    }
}
