//! A static peer and the network between.

use std::net::{Ipv4Addr, SocketAddr};

use p2p_mux::identity::{Enode, Host, NodeId};

/// What the operator listed, and where the peer really is.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Listed with a host name, which resolves to the current address.
    pub(super) named: bool,
    /// The listed port.
    pub(super) listed: u16,
    /// The real port.
    pub(super) at: u16,
    /// The port where discovery saw it, if the node knows that.
    pub(super) seen: Option<u16>,
    pub(super) up: bool,
    /// The network between is cut.
    pub(super) cut: bool,
    /// Number of cuts, to distinguish their ends.
    pub(super) cuts: u32,
    /// It refuses connections.
    pub(super) refuses: bool,
    pub(super) connection: Option<Connection>,
    /// Since when an attempt would succeed, in milliseconds.
    pub(super) open_since: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    /// The number of its slot.
    pub(super) number: u64,
    /// The other end is gone without a message.
    pub(super) dead: bool,
}

/// The outcome of an attempt at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    Accepted,
    /// No process listens, or the peer refuses: known at once.
    Refused,
    Silence,
}

impl Peer {
    pub(super) fn new(number: u8, named: bool) -> Self {
        let at = 1_000 * u16::from(number);
        Self {
            id: NodeId([number; 64]),
            named,
            listed: at,
            at,
            seen: None,
            up: true,
            cut: false,
            cuts: 0,
            refuses: false,
            connection: None,
            open_since: None,
        }
    }

    /// The peer as listed.
    pub(super) fn enode(&self) -> Enode {
        let enode = self.enode_at(self.listed);
        let name = || Host::Name(format!("peer-{}.test", self.id.0[0]));
        if self.named { Enode { host: name(), ..enode } } else { enode }
    }

    pub(super) fn enode_at(&self, port: u16) -> Enode {
        Enode::new(self.id, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The ports that an attempt tries, in order.
    pub(super) fn addresses(&self) -> Vec<u16> {
        let listed = if self.named { self.at } else { self.listed };
        std::iter::once(listed).chain(self.seen).collect()
    }

    /// The outcome of an attempt at `port` now. At a wrong port, half of the attempts get no answer.
    pub(super) fn answer(&self, port: u16) -> AttemptOutcome {
        if self.cut || (port != self.at && port.is_multiple_of(2)) {
            AttemptOutcome::Silence
        } else if port == self.at && self.up && !self.refuses {
            AttemptOutcome::Accepted
        } else {
            AttemptOutcome::Refused
        }
    }

    /// Whether an attempt that begins now would succeed.
    pub(super) fn is_open(&self) -> bool {
        self.addresses().into_iter().any(|port| self.answer(port) == AttemptOutcome::Accepted)
    }

    /// Whether there is a connection, as far as this node knows.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }
}
