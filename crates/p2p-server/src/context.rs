//! What the handle and the tasks of one server share.

mod announced;
mod lifecycle;
mod state;
mod subscribers;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use p2p_mux::{
    MemoryBudget,
    identity::{Enode, NodeId, SecretKey, causes},
    transport::{Stock, StockSize},
};
use tokio::sync::{Notify, futures::Notified};

pub(crate) use self::{
    announced::Announced,
    lifecycle::Lifecycle,
    state::{ConnectedPeer, ServerState},
};
use crate::{
    clock::now,
    config::{Config, DialSettings, NodeDialer},
    discovery::Discovery,
    error::DialError,
};

/// The fixed part of a server, and the lock around the rest.
pub(crate) struct Context {
    pub(crate) key: SecretKey,
    pub(crate) connections: ConnectionContext,
    pub(crate) dialing: DialSettings,
    pub(crate) node_dialer: Option<NodeDialer>,
    pub(crate) discovery: Discovery,
    pub(crate) wakers: Wakers,
    pub(crate) lifecycle: Lifecycle,
    state: Mutex<ServerState>,
}

/// What every connection needs.
pub(crate) struct ConnectionContext {
    /// Ephemeral keys for the handshakes to come, made ahead.
    pub(crate) stock: Stock,
    pub(crate) config: p2p_mux::Config,
    /// The memory budget of all connections.
    pub(crate) memory: MemoryBudget,
    pub(crate) receive_buffer: Option<usize>,
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

impl ConnectionContext {
    /// Makes up to `max` ephemeral keys ahead.
    pub(crate) fn refill_stock(&self, max: usize) {
        self.stock.refill(max, &mut rand::rng());
    }
}

impl Context {
    /// The context of a server at its start. `port`: the listening port in the node's Hello, 0 for none.
    pub(crate) fn new(config: Config, discovery: Discovery, port: u16) -> Self {
        let state = ServerState::new(&config, port, now());
        let connection = config.settings.connection;
        Self {
            connections: ConnectionContext {
                stock: Stock::new(&config.key, StockSize::default()),
                config: connection.config,
                memory: MemoryBudget::resident(connection.memory),
                receive_buffer: connection.receive_buffer,
            },
            key: config.key,
            dialing: config.settings.dialing,
            node_dialer: config.node_dialer,
            discovery,
            wakers: Wakers::default(),
            lifecycle: Lifecycle::default(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServerState> {
        // Poisoning is ignored: no change under the lock can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let kind = state.peering.dial_failed(&id, now(), rand::random());
        let event = state.observed.dial_failed(id, kind, error, SystemTime::now());
        state.subscribers.send(event);
        drop(state);
        self.wakers.wake_all();
    }
}
