//! A static peer and the network on the way to it.

use std::net::{Ipv4Addr, SocketAddr};

use p2p_mux::identity::{Enode, Host, NodeId};

/// What the operator wrote down, and what is.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Listed by a name, which leads to where it is, rather than by an address.
    pub(super) named: bool,
    /// Where it is said to be.
    pub(super) listed: u16,
    /// Where it is.
    pub(super) at: u16,
    /// Where discovery saw it, as far as the node was told.
    pub(super) seen: Option<u16>,
    pub(super) up: bool,
    /// Nothing comes through.
    pub(super) cut: bool,
    /// Counts the cuts, so that the end of one is not taken for that of another.
    pub(super) cuts: u32,
    /// It answers that it has no room.
    pub(super) refuses: bool,
    pub(super) connection: Option<Connection>,
    /// Since when nothing but the plan is in the way of a connection, in milliseconds.
    pub(super) open_since: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    /// Its number among the slots.
    pub(super) number: u64,
    /// The other end is gone, which we learn from its silence only.
    pub(super) dead: bool,
}

/// How an attempt at one address goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Welcome,
    /// There is nobody, or there is no room: that is heard at once.
    No,
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

    /// As the operator lists it.
    pub(super) fn enode(&self) -> Enode {
        let enode = self.enode_at(self.listed);
        let name = || Host::Name(format!("peer-{}.test", self.id.0[0]));
        if self.named { Enode { host: name(), ..enode } } else { enode }
    }

    pub(super) fn enode_at(&self, port: u16) -> Enode {
        Enode::new(self.id, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The addresses that an attempt tries, in turn.
    pub(super) fn addresses(&self) -> Vec<u16> {
        let listed = if self.named { self.at } else { self.listed };
        std::iter::once(listed).chain(self.seen).collect()
    }

    /// What an attempt at `port` meets now. Where nobody is, half of the networks say so.
    pub(super) fn answer(&self, port: u16) -> Answer {
        if self.cut || (port != self.at && port.is_multiple_of(2)) {
            Answer::Silence
        } else if port == self.at && self.up && !self.refuses {
            Answer::Welcome
        } else {
            Answer::No
        }
    }

    /// Whether an attempt that begins now would succeed, and how long it may have to be silent first.
    pub(super) fn is_open(&self) -> bool {
        self.addresses().into_iter().any(|port| self.answer(port) == Answer::Welcome)
    }

    /// Whether there is a connection as far as we know.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }
}
