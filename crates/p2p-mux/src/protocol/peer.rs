//! The other end of a connection, as its sub-protocols and its owner see it.

use core::fmt;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use p2p_identity::NodeId;

use crate::{
    Capability, CloseReason, ConnectionStats, DisconnectReason, Hello, P2P_VERSION, SlotId,
    driver::Outbox, stats::Meters,
};

/// A handle of one live connection. Cheap to clone; it does not keep the connection open.
#[derive(Clone)]
pub struct Peer(Arc<About>);

struct About {
    hello: Hello,
    shared: Vec<Capability>,
    origin: Origin,
    trusted: AtomicBool,
    outbox: Arc<Outbox>,
    meters: Arc<Meters>,
}

/// How a connection came about; for those who show it or decide by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer's address, where there is such a thing.
    pub remote_addr: Option<SocketAddr>,
    /// Our address.
    pub local_addr: Option<SocketAddr>,
    /// Whether the peer called us.
    pub inbound: bool,
    /// Whether we keep calling this peer by configuration.
    pub is_static: bool,
    /// Whether the peer has privileges by configuration. Can be changed while it is connected.
    pub trusted: bool,
}

impl Peer {
    pub(crate) fn new(
        hello: Hello,
        shared: Vec<Capability>,
        origin: Origin,
        outbox: Arc<Outbox>,
        meters: Arc<Meters>,
    ) -> Self {
        let trusted = AtomicBool::new(origin.trusted);
        Self(Arc::new(About { hello, shared, origin, trusted, outbox, meters }))
    }

    /// A peer without a connection, to test a sub-protocol with
    /// ([`Channel::pipe`](crate::Channel::pipe)).
    #[must_use]
    pub fn detached(id: NodeId) -> Self {
        let hello = Hello {
            version: P2P_VERSION,
            client: "detached".into(),
            capabilities: Vec::new(),
            port: 0,
            id,
        };
        Self::new(hello, Vec::new(), Origin::default(), Arc::default(), Arc::default())
    }

    /// The id that the peer proved to have.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.0.hello.id
    }

    /// What the peer calls itself: anybody's words, to be quoted.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.0.hello.client
    }

    /// All that the peer says it can do.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.0.hello.capabilities
    }

    /// What runs on the connection, in the order of its message ids.
    #[must_use]
    pub fn shared(&self) -> &[Capability] {
        &self.0.shared
    }

    /// The peer's address.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.0.origin.remote_addr
    }

    /// Our address on this connection.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.origin.local_addr
    }

    /// Whether the peer called us.
    #[must_use]
    pub fn is_inbound(&self) -> bool {
        self.0.origin.inbound
    }

    /// Whether we keep calling this peer by configuration.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.0.origin.is_static
    }

    /// Whether the peer has privileges by configuration.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.0.trusted.load(Relaxed)
    }

    /// Gives the peer privileges, or takes them away.
    pub fn set_trusted(&self, trusted: bool) {
        self.0.trusted.store(trusted, Relaxed);
    }

    /// Ends the connection, with all its sub-protocols; the peer is told `reason`. Returns at once.
    pub fn disconnect(&self, reason: DisconnectReason) {
        self.0.outbox.disconnect(reason);
    }

    /// Removes a sub-protocol from this connection, which goes on unless it was the last: its slot
    /// closes, its task gets what has arrived, then `None`, and is cancelled if it has not returned
    /// after [`Config::close_limit`](crate::Config::close_limit). What the peer still sends to it is
    /// dropped; the peer is not told, as RLPx has no words for it, and there is no way back. Returns
    /// at once: whether the connection was made with this sub-protocol.
    pub fn remove(&self, capability: &Capability) -> bool {
        let place = self.0.shared.iter().position(|shared| shared == capability);
        if let Some(index) = place {
            self.0.outbox.remove(SlotId(index));
        }
        place.is_some()
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.outbox.is_closed()
    }

    /// How the connection ended, and who is to blame; `None` while it runs, and where its task was
    /// dropped. Known by the time at which a sub-protocol sees its channel closed, so that it can
    /// tell a peer that cut it off from a slot that ended alone.
    #[must_use]
    pub fn closed(&self) -> Option<&CloseReason> {
        self.0.outbox.ended()
    }

    /// The connection's counters, as they are now.
    #[must_use]
    pub fn stats(&self) -> ConnectionStats {
        self.0.meters.snapshot()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .field("client", &self.client())
            .field("origin", &self.0.origin)
            .finish_non_exhaustive()
    }
}
