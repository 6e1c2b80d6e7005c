//! A handle of a connection, for its sub-protocols and its owner.

use core::fmt;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use p2p_identity::NodeId;
use rlpx_transport::Link;

use crate::{
    Capability, CloseReason, ConnectionStats, DisconnectReason, Hello, P2P_VERSION, SlotId,
    driver::Outbox, stats::Meters,
};

/// A handle of a connection and its other end. Cheap to clone. It does not keep the connection open.
#[derive(Clone)]
pub struct Peer(Arc<PeerData>);

struct PeerData {
    hello: Hello,
    shared: Vec<Capability>,
    origin: Origin,
    link: Link,
    trusted: AtomicBool,
    useful: AtomicBool,
    outbox: Arc<Outbox>,
    meters: Arc<Meters>,
}

/// How a connection was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer's address, if the transport has addresses.
    pub remote_addr: Option<SocketAddr>,
    /// Our address.
    pub local_addr: Option<SocketAddr>,
    /// Whether the peer opened the connection.
    pub inbound: bool,
    /// Whether the peer is a static node, which is always dialed again.
    pub is_static: bool,
    /// Whether the peer is trusted. Can be changed while it is connected.
    pub trusted: bool,
}

impl Peer {
    pub(crate) fn new(
        hello: Hello,
        shared: Vec<Capability>,
        origin: Origin,
        link: Link,
        outbox: Arc<Outbox>,
        meters: Arc<Meters>,
    ) -> Self {
        let trusted = AtomicBool::new(origin.trusted);
        Self(Arc::new(PeerData {
            hello,
            shared,
            origin,
            link,
            trusted,
            useful: AtomicBool::new(false),
            outbox,
            meters,
        }))
    }

    /// A peer without a connection, for tests of a sub-protocol
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
        let origin = Origin::default();
        Self::new(hello, Vec::new(), origin, Link::Rlpx, Arc::default(), Arc::default())
    }

    /// The node id, which the peer has proved in the handshake.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.0.hello.id
    }

    /// The client name that the peer sent. It may contain anything: quote it before you display it.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.0.hello.client
    }

    /// How the connection is encrypted.
    #[must_use]
    pub fn link(&self) -> Link {
        self.0.link
    }

    /// The capabilities that the peer announced.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.0.hello.capabilities
    }

    /// The sub-protocols of the connection, in the order of their message ids.
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

    /// Whether the peer opened the connection.
    #[must_use]
    pub fn is_inbound(&self) -> bool {
        self.0.origin.inbound
    }

    /// Whether the peer is a static node.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.0.origin.is_static
    }

    /// Whether the peer is trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.0.trusted.load(Relaxed)
    }

    /// Makes the peer trusted or not.
    pub fn set_trusted(&self, trusted: bool) {
        self.0.trusted.store(trusted, Relaxed);
    }

    /// Whether the peer has done something useful ([`set_useful`](Self::set_useful)).
    #[must_use]
    pub fn is_useful(&self) -> bool {
        self.0.useful.load(Relaxed)
    }

    /// Records that the peer has done something useful that it could not do for free. When all peer
    /// slots of a server are taken, peers that have done nothing useful lose theirs first.
    pub fn set_useful(&self) {
        self.0.useful.store(true, Relaxed);
    }

    /// Ends the connection and all its sub-protocols. The peer is told `reason`. Returns immediately.
    pub fn disconnect(&self, reason: DisconnectReason) {
        self.0.outbox.disconnect(reason);
    }

    /// Removes a sub-protocol from this connection. The connection continues unless this was the last
    /// one.
    ///
    /// Its slot closes. Its task receives what has arrived, then `None`; it is cancelled if it has not
    /// returned after [`Config::close_limit`](crate::Config::close_limit). Messages that still arrive
    /// for it are dropped. The peer is not told, because RLPx has no message for it. A removed
    /// sub-protocol cannot be added again.
    ///
    /// Returns immediately, with `false` if the connection began without this sub-protocol.
    pub fn remove(&self, capability: &Capability) -> bool {
        let index = self.0.shared.iter().position(|shared| shared == capability);
        if let Some(index) = index {
            self.0.outbox.remove(SlotId(index));
        }
        index.is_some()
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.outbox.is_closed()
    }

    /// How the connection ended. `None` while it runs, or if its future was dropped.
    ///
    /// It is set before the channels of the sub-protocols close. So a sub-protocol can find out
    /// whether the connection or only its slot has ended.
    #[must_use]
    pub fn closed(&self) -> Option<&CloseReason> {
        self.0.outbox.ended()
    }

    /// A copy of the connection's counters.
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
