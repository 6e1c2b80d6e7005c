//! A program's view of the host that it runs on.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use p2p_world::World;

use crate::{host_id::HostId, net::wire::Wire, trace::TraceEvent};

/// A program's view of the host that it runs on.
#[derive(Debug, Clone)]
pub struct Host {
    id: HostId,
    pub(super) wire: Wire,
    world: Arc<dyn World>,
}

impl Host {
    pub(super) fn new(id: HostId, wire: Wire, world: Arc<dyn World>) -> Self {
        Self { id, wire, world }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// Its address now.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.wire.state().hosts.host(self.id).ip
    }

    /// What the program gets from the host.
    #[must_use]
    pub fn world(&self) -> Arc<dyn World> {
        Arc::clone(&self.world)
    }

    /// Sends a datagram with another source address than that of the host, as attackers can. Answers go to that address.
    pub fn send_forged(&self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.wire.send_datagram_as(self.id, from, to, datagram);
    }

    /// Adds a line to the trace.
    pub fn note(&self, text: &str) {
        self.wire.note(&TraceEvent::Note { host: self.id, text });
    }
}
