//! The operator's rules of who may be a peer, changed while the server runs.

use std::{sync::MutexGuard, time::Duration};

use p2p_mux::{DisconnectReason, identity::NodeId};

use crate::{
    access::Access,
    access::ban::{Ban, Banned},
    access::net_restrict::NetRestrict,
    context::{Live, State, now},
    server::Server,
};

/// Each of these holds from the moment it returns: for connections under way, for those to come, and
/// for peers, which are told and gone within a second.
impl Server {
    /// Bans a node, or all addresses of a network: for so long, or for ever (as long as the server
    /// runs). A ban that is there gets this end, even an earlier one. Bans hold for static and trusted
    /// nodes too; those stay known, and when the ban is over they are dialled again.
    ///
    /// A time that the clock cannot hold is for ever.
    pub fn ban(&self, banned: Banned, time: Option<Duration>) {
        let now = now();
        let until = time.and_then(|time| now.checked_add(time));
        self.change(|access| {
            access.bans.handle_timeout(now);
            access.bans.ban(banned, until);
        });
    }

    /// Takes a ban back. A network is named as it was banned. Says whether the ban was there.
    pub fn unban(&self, banned: &Banned) -> bool {
        let now = now();
        self.change(|access| {
            access.bans.handle_timeout(now);
            access.bans.lift(banned)
        })
    }

    /// The bans that hold now, in order.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        let state = self.shared.state();
        let mut bans: Vec<Ban> = state.access.bans.iter(now()).collect();
        drop(state);
        bans.sort_unstable_by_key(|ban| ban.banned);
        bans
    }

    /// Makes these nodes the only ones that may be peers, or with `None` lets all be peers again. Static
    /// and trusted nodes need to be on the list as well.
    pub fn set_allowed(&self, nodes: Option<Vec<NodeId>>) {
        let nodes = nodes.map(|nodes| nodes.into_iter().collect());
        self.change(|access| access.nodes = nodes);
    }

    /// Adds a node to the list of those that may be peers. Says whether that changed anything; where
    /// there is no list, everybody is allowed already.
    pub fn allow(&self, id: NodeId) -> bool {
        self.change(|access| access.nodes.as_mut().is_some_and(|nodes| nodes.insert(id)))
    }

    /// Takes a node off the list of those that may be peers. Says whether that changed anything; where
    /// there is no list it does not, [`Server::ban`] does.
    pub fn disallow(&self, id: &NodeId) -> bool {
        self.change(|access| access.nodes.as_mut().is_some_and(|nodes| nodes.remove(id)))
    }

    /// The only nodes that may be peers, in order; `None` where all may.
    #[must_use]
    pub fn allowed(&self) -> Option<Vec<NodeId>> {
        let state = self.shared.state();
        let mut nodes: Vec<NodeId> = state.access.nodes.as_ref()?.iter().copied().collect();
        drop(state);
        nodes.sort_unstable();
        Some(nodes)
    }

    /// Talks only to addresses in these networks from now on, or with `None` to all.
    pub fn set_net_restrict(&self, networks: Option<NetRestrict>) {
        self.change(|access| access.networks = networks);
    }

    /// The only networks to talk to; `None` where all are allowed.
    #[must_use]
    pub fn net_restrict(&self) -> Option<NetRestrict> {
        self.shared.state().access.networks.clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Access) -> T) -> T {
        let mut state = self.shared.state();
        let outcome = change(&mut state.access);
        enforce(state);
        // Some may be dialled again, or no longer.
        self.shared.replan();
        outcome
    }
}

/// Expels the peers that the rules exclude.
fn enforce(mut state: MutexGuard<'_, State>) {
    let now = now();
    let excluded = |(id, live): (&NodeId, &Live)| {
        let addr = live.peer.remote_addr();
        let checked = match addr {
            Some(addr) => state.access.check(id, addr.ip(), now),
            None => state.access.check_node(id, now),
        };
        checked.is_err().then_some(*id)
    };
    let excluded: Vec<NodeId> = state.live.iter().filter_map(excluded).collect();
    for id in excluded {
        state.expel(&id);
    }
}

impl State {
    /// Ends the connection with a peer within a second. Says whether there was one.
    pub(crate) fn expel(&mut self, id: &NodeId) -> bool {
        let Some(live) = self.live.get(id) else { return false };
        if !live.leave.is_cancelled() {
            self.stats.expelled += 1;
            live.peer.disconnect(DisconnectReason::Requested);
            live.leave.cancel();
        }
        true
    }
}
