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

use p2p_mux::identity::{Enode, NodeId, SecretKey, causes};
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
    clock::now,
    config::{Config, DialSettings, NodeDialer},
    discovery::Discovery,
    error::DialError,
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
        let state = ServerState::new(&config, port, now());
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
