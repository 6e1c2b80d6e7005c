//! What the handle and the tasks of a server have in common.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use p2p_mux::{
    Capability, LocalNode, MemoryBudget, Peer,
    identity::{Enode, Host, NodeId, Record, SecretKey},
    transport::{Stock, StockSize},
};
use tokio::sync::{Notify, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::pending_handshakes::HalfOpen,
    access::throttle::Throttle,
    access::{Access, Barred},
    config::Config,
    config::node_dialer::NodeDialer,
    config::settings::Dialling,
    dial::{Dialer, Kind},
    error::DialError,
    observed::events::Event,
    observed::last_outcomes::{Ending, Ledger},
    observed::messages::MessageEvent,
    observed::stats::Stats,
    slots::{Refusal, Slots},
};

/// The clock of the runtime, which a test can stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The fixed part of a server, and the lock around the rest.
pub(crate) struct Shared {
    pub(crate) key: SecretKey,
    /// Work of the handshakes to come, done ahead.
    pub(crate) stock: Stock,
    pub(crate) connection: p2p_mux::Config,
    /// What all connections together may hold.
    pub(crate) memory: MemoryBudget,
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) event_buffer: usize,
    pub(crate) dialling: Dialling,
    pub(crate) node_dialer: Option<NodeDialer>,
    #[cfg(feature = "discovery")]
    pub(crate) discovery: std::sync::OnceLock<crate::discovery::Running>,
    /// Wakes the dialling task after a change of its plan.
    pub(crate) replan: Notify,
    /// Wakes those who wait for room: an attempt ended, or a peer left.
    pub(crate) changed: Notify,
    /// The server stops: no new connections, a farewell to the live ones.
    pub(crate) quit: CancellationToken,
    /// The farewell took too long: drop what is left.
    pub(crate) kill: CancellationToken,
    pub(crate) tasks: TaskTracker,
    state: Mutex<State>,
}

/// What changes. Never locked across an `.await`, nor while code of a sub-protocol runs.
pub(crate) struct State {
    /// What the node says in its Hello from now on, and what it runs.
    pub(crate) local: LocalNode,
    pub(crate) dialer: Dialer,
    pub(crate) slots: Slots,
    pub(crate) access: Access,
    pub(crate) throttle: Throttle,
    pub(crate) half_open: HalfOpen,
    pub(crate) live: HashMap<NodeId, Live>,
    pub(crate) ledger: Ledger,
    pub(crate) stats: Stats,
    /// What the connections counted that have ended.
    pub(crate) past: p2p_mux::ConnectionStats,
    /// The node's own record, once somebody has asked for it.
    pub(crate) record: Option<Record>,
    /// Where a gateway makes the node reachable.
    #[cfg(feature = "nat")]
    pub(crate) external: crate::nat::External,
    /// None once the server has stopped, which ends the subscriptions.
    pub(crate) events: Option<broadcast::Sender<Event>>,
    /// So for the messages, which are not told unless the operator wants it.
    pub(crate) messages: Option<broadcast::Sender<MessageEvent>>,
}

/// A connected peer.
pub(crate) struct Live {
    pub(crate) peer: Peer,
    pub(crate) enode: Enode,
    /// Cancelled when the peer must leave: it has a moment to be told why.
    pub(crate) leave: CancellationToken,
    /// Cancelled when the connection and its sub-protocols have ended.
    pub(crate) ended: CancellationToken,
}

impl Shared {
    /// The state of a server at its start. `port` is what the node's Hello says it listens on, 0
    /// for none.
    pub(crate) fn new(config: Config, port: u16) -> Self {
        let id = config.key.id();
        let state = State::new(&config, id, port);
        let settings = config.settings;
        Self {
            stock: Stock::new(&config.key, StockSize::default()),
            key: config.key,
            connection: settings.connection,
            memory: MemoryBudget::resident(settings.memory),
            receive_buffer: settings.receive_buffer,
            event_buffer: settings.events.buffer.max(1),
            dialling: settings.dialling,
            node_dialer: config.node_dialer,
            #[cfg(feature = "discovery")]
            discovery: std::sync::OnceLock::new(),
            replan: Notify::new(),
            changed: Notify::new(),
            quit: CancellationToken::new(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave half a change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes up to `most` ephemeral keys for handshakes to come, while nobody waits for them.
    pub(crate) fn prepare_handshakes(&self, most: usize) {
        self.stock.refill(most, &mut rand::rng());
    }

    /// Attempts and peers are not what they were.
    pub(crate) fn replan(&self) {
        self.replan.notify_one();
        self.changed.notify_waiters();
    }

    /// Whether a stream to this host may be opened. A name has passed this node unresolved then, and
    /// nobody knows where it leads.
    pub(crate) fn check_host(&self, host: &Host) -> Result<(), Barred> {
        let access = &self.state().access;
        match host {
            Host::Ip(ip) => access.check_address(*ip, now()),
            Host::Name(_) if access.networks.is_none() => Ok(()),
            Host::Name(_) => Err(Barred { why: Refusal::Restricted, until: None }),
        }
    }

    /// An attempt to reach a node ended without a connection.
    pub(crate) fn dial_failed(&self, id: NodeId, cause: DialError) {
        tracing::debug!(%id, %cause, "dial failed");
        let mut state = self.state();
        state.stats.dials_failed += 1;
        if let DialError::Refused(refusal) = &cause {
            state.stats.refused.count(*refusal);
        }
        let kind = state.dialer.get(&id).map(|(_, kind)| kind);
        state.dialer.handle_failed(&id, now(), rand::random());
        let cause = Arc::new(cause);
        state.ledger.note(id, Ending::DialFailed(Arc::clone(&cause)));
        state.emit(Event::DialFailed { id, kind, cause });
        drop(state);
        self.replan();
    }

    /// An inbound connection of a known node was refused.
    pub(crate) fn refused(&self, id: NodeId, remote_addr: SocketAddr, refusal: Refusal) {
        tracing::debug!(%id, %remote_addr, %refusal, "connection refused");
        let mut state = self.state();
        state.stats.refused.count(refusal);
        state.emit(Event::Refused { id, remote_addr, refusal });
    }
}

impl State {
    fn new(config: &Config, id: NodeId, port: u16) -> Self {
        let (settings, now) = (&config.settings, now());
        let dialling = &settings.dialling;
        let mut dialer = Dialer::new(dialling.backoff, settings.max_active()).again(dialling.again);
        let mut slots = Slots::new(id, settings.limits, settings.finds_peers());
        for enode in settings.nodes.statics.iter().filter(|enode| enode.id != id) {
            slots.set_static(enode.id, true);
            dialer.add(enode.clone(), Kind::Static, now);
        }
        if settings.finds_peers() {
            // A boot node without a TCP port only answers discovery.
            let dialled = |enode: &&Enode| enode.id != id && enode.tcp != 0;
            for enode in settings.nodes.boot.iter().filter(dialled) {
                dialer.add(enode.clone(), Kind::Boot, now);
            }
        }
        for enode in &settings.nodes.trusted {
            slots.set_trusted(enode.id, true);
        }
        let buffer = settings.events.buffer.max(1);
        let (client, protocols) = (settings.name.clone(), config.protocols.clone());
        Self {
            local: LocalNode { client, protocols, port, id },
            dialer,
            slots,
            access: settings.access(),
            throttle: Throttle::new(&settings.inbound),
            half_open: HalfOpen::new(
                settings.limits.max_pending,
                settings.inbound.max_pending_per_ip,
            ),
            live: HashMap::new(),
            ledger: Ledger::default(),
            stats: Stats::default(),
            past: p2p_mux::ConnectionStats::default(),
            record: None,
            #[cfg(feature = "nat")]
            external: crate::nat::External::default(),
            events: Some(broadcast::Sender::new(buffer)),
            messages: settings.events.messages.then(|| broadcast::Sender::new(buffer)),
        }
    }

    /// Whether the node has that sub-protocol.
    pub(crate) fn runs(&self, capability: &Capability) -> bool {
        self.local.protocols.iter().any(|protocol| protocol.capability() == capability)
    }

    /// Tells the subscribers, if there are any.
    pub(crate) fn emit(&self, event: Event) {
        if let Some(events) = &self.events {
            // An error only says that nobody listens.
            let _ = events.send(event);
        }
    }
}
