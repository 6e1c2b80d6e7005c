//! What the handle and the tasks of one server share.

mod announced;
mod connections;
mod lifecycle;
mod socket;
mod state;
mod subscribers;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use p2p_mux::{
    identity::{Enode, NodeId, SecretKey, causes},
    transport::{Link, SecPolicy},
};
use p2p_world::{World, rng};
use tokio::sync::{Notify, futures::Notified};

pub use self::socket::prepare_socket;
pub(crate) use self::{
    announced::Announced,
    connections::{Connections, RoundTripHook},
    lifecycle::Lifecycle,
    state::{ConnectedPeer, ServerState},
};
use crate::{
    access::PinChange,
    clock::now,
    config::{Config, DialSettings, NodeDialer},
    discovery::Discovery,
    error::DialError,
    peering::Candidate,
    proxy::Proxy,
};

/// The fixed part of a server, and the lock around the rest.
pub(crate) struct Context {
    pub(crate) key: SecretKey,
    pub(crate) connections: Connections,
    dialing: DialSettings,
    node_dialer: Option<NodeDialer>,
    pub(crate) discovery: Discovery,
    pub(crate) wakers: Wakers,
    pub(crate) lifecycle: Lifecycle,
    world: Arc<dyn World>,
    state: Mutex<ServerState>,
}

/// Wakes tasks that wait for a change of the state.
#[derive(Default)]
pub(crate) struct Wakers {
    dialer: Notify,
    room: Notify,
}

impl Wakers {
    /// Wakes the dialing task after a change of the plan.
    pub(crate) fn wake_dialer(&self) {
        self.dialer.notify_one();
    }

    /// Wakes the dialing task and the tasks that wait for room, after an attempt or a peer has ended.
    pub(crate) fn wake_all(&self) {
        self.dialer.notify_one();
        self.room.notify_waiters();
    }

    /// Completes at the next change of the plan.
    pub(crate) fn plan_changed(&self) -> Notified<'_> {
        self.dialer.notified()
    }

    /// Completes when there may be room for another peer. No change after this call is missed.
    pub(crate) fn room_changed(&self) -> Notified<'_> {
        self.room.notified()
    }
}

impl Context {
    /// The context of a server at its start. `port`: the listening port in the node's Hello, 0 for none.
    pub(crate) fn new(config: Config, discovery: Discovery, port: u16) -> Self {
        let mut state = ServerState::new(&config, port, now());
        for pin in discovery.pins() {
            state.peering.links.pin(pin);
        }
        Self {
            connections: Connections::new(&config.key, &config.settings.connection),
            key: config.key,
            dialing: config.settings.dialing,
            node_dialer: config.node_dialer,
            discovery,
            wakers: Wakers::default(),
            lifecycle: Lifecycle::new(Arc::clone(&config.world)),
            world: config.world,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServerState> {
        // Poisoning is ignored: no change under the lock can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine that the server runs on.
    pub(crate) fn world(&self) -> &dyn World {
        &*self.world
    }

    /// The clock of that machine.
    pub(crate) fn unix_time(&self) -> SystemTime {
        self.world.unix_time()
    }

    /// Whether the node dials at all.
    pub(crate) const fn dials(&self) -> bool {
        self.dialing.enabled
    }

    /// [`DialSettings::timeout`].
    pub(crate) const fn dial_timeout(&self) -> Duration {
        self.dialing.timeout
    }

    /// The proxy for outbound connections.
    pub(crate) const fn proxy(&self) -> Option<&Proxy> {
        self.dialing.proxy.as_ref()
    }

    /// What opens the streams to other nodes instead of TCP.
    pub(crate) const fn node_dialer(&self) -> Option<&NodeDialer> {
        self.node_dialer.as_ref()
    }

    /// The node's URL as it is announced now; `enode`: the one at the start.
    pub(crate) fn enode(&self, enode: &Enode) -> Enode {
        let found = self.discovery.enode(enode);
        found.unwrap_or_else(|| self.state().announced.external_enode(enode))
    }

    /// The policy for the next attempt to dial a node.
    pub(crate) fn next_link(&self, id: &NodeId) -> SecPolicy {
        let mut state = self.state();
        let link = state.peering.links.next_dial(id, now());
        if link.is_fallback {
            let count = state.observed.link_fallback();
            drop(state);
            tracing::warn!(
                %id,
                "two handshakes with sec/1 had no answer: the node is dialed once without it ({count} so far). An \
                 attacker who resets connections can force this; `require` forbids it"
            );
        }
        link.policy
    }

    /// The candidate has proved its identity over this link. Over `sec/1` it is pinned.
    pub(crate) fn handle_link(&self, candidate: &Candidate, link: Link) {
        let mut state = self.state();
        let pin = state.peering.pin(candidate, self.unix_time());
        let change = state.peering.links.handle_connected(pin, link);
        drop(state);
        self.save_pin(change);
    }

    /// The candidate has `sec/1` and was connected over plain RLPx. It is pinned.
    pub(crate) fn handle_downgrade(&self, candidate: &Candidate) {
        let mut state = self.state();
        let pin = state.peering.pin(candidate, self.unix_time());
        let change = state.peering.links.pin(pin);
        let count = state.observed.link_downgraded();
        drop(state);
        tracing::warn!(
            id = %candidate.id,
            "both ends have sec/1, but the handshake was one without it: the connection is closed ({count} so far)"
        );
        self.save_pin(change);
    }

    /// Removes the pin of a node. Returns whether there was one.
    pub(crate) fn unpin(&self, id: NodeId) -> bool {
        let pinned = self.state().peering.links.unpin(&id);
        let discovery = self.discovery.clone();
        self.lifecycle.spawn(async move { discovery.remove_pin(id).await });
        pinned
    }

    fn save_pin(&self, change: Option<PinChange>) {
        if let Some(change) = change {
            let discovery = self.discovery.clone();
            self.lifecycle.spawn(async move { discovery.save_pin(change).await });
        }
    }

    /// Reports that an attempt to reach a node failed.
    pub(crate) fn dial_failed(&self, id: NodeId, error: DialError) {
        tracing::debug!(%id, error = %causes(&error), "dial failed");
        let mut state = self.state();
        let kind = state.peering.dial_failed(&id, now(), rng().fraction());
        let event = state.observed.dial_failed(id, kind, error);
        state.subscribers.send(event);
        drop(state);
        self.wakers.wake_all();
    }
}
