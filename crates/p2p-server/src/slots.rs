//! Who may stay: a value without sockets or clock.
//!
//! A connection is asked about twice: once when the handshake has told who is at the other end
//! ([`Slots::check`]), so that a refusal costs little, and once when the Hello exchange is done
//! ([`Slots::admit`]), which takes the place.
//!
//! When two nodes dial each other at the same moment there are two connections between them, and
//! each end sees them in an order of its own. **The one dialled by the node with the smaller id
//! stays**: it takes the place of the other, never the other way round, so both ends keep the same
//! one. A second connection dialled by the same node is refused.

#[cfg(test)]
mod crossed_dials;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use p2p_mux::{DisconnectReason, identity::NodeId};

/// How many may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Limits {
    /// Connected peers. Trusted and static peers are admitted beyond it, and count. Default 50.
    pub max_peers: usize,
    /// Handshakes in progress: so many inbound, and as many dials. At least 1. Default 50.
    pub max_pending: usize,
    /// One in so many peers may be dialled by us on our own account (neither static nor trusted),
    /// at least one; the rest of the places is for those who dial us. 0 counts as 1. Default 3.
    pub dial_ratio: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_peers: 50, max_pending: 50, dial_ratio: 3 }
    }
}

impl Limits {
    /// How many dynamically dialled peers may stay.
    #[must_use]
    pub fn max_dialled(&self) -> usize {
        self.reserved().max(1)
    }

    /// How many of the places inbound peers cannot take.
    fn reserved(&self) -> usize {
        self.max_peers / self.dial_ratio.max(1)
    }
}

/// Why a connection may not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The address is outside the networks that the operator allows.
    #[error("the address is outside the allowed networks")]
    Restricted,
    /// The operator has banned the node, or its address.
    #[error("banned")]
    Banned,
    /// The operator has listed the nodes that may be peers, and it is not among them.
    #[error("not on the list of allowed nodes")]
    NotAllowed,
    /// The address has connected a moment ago.
    #[error("the address connects too often")]
    Throttled,
    /// Too many handshakes in progress: an unfinished one gave way to a newer one.
    #[error("too many handshakes in progress")]
    TooManyPending,
    /// The same, of one address.
    #[error("too many handshakes in progress from one address")]
    TooManyPendingPerIp,
    /// It is this node itself.
    #[error("it is this node itself")]
    SelfConnect,
    /// There is a connection with that node, and that one stays.
    #[error("already connected")]
    AlreadyConnected,
    /// All places are taken.
    #[error("too many peers")]
    TooManyPeers,
    /// All places for inbound peers are taken.
    #[error("too many inbound peers")]
    TooManyInbound,
    /// All places for dynamically dialled peers are taken.
    #[error("too many dialled peers")]
    TooManyDialled,
    /// The node was removed while it was being dialled.
    #[error("no longer wanted")]
    Unwanted,
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

impl Refusal {
    /// What the other end is told.
    #[must_use]
    pub const fn reason(self) -> DisconnectReason {
        match self {
            Self::SelfConnect => DisconnectReason::SelfConnect,
            Self::AlreadyConnected => DisconnectReason::AlreadyConnected,
            Self::TooManyPending
            | Self::TooManyPendingPerIp
            | Self::Throttled
            | Self::TooManyPeers
            | Self::TooManyInbound
            | Self::TooManyDialled => DisconnectReason::TooManyPeers,
            Self::Restricted | Self::Banned | Self::NotAllowed | Self::Unwanted => {
                DisconnectReason::Requested
            }
            Self::Stopping => DisconnectReason::Quitting,
        }
    }
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// They dialled us.
    Inbound,
    /// We dialled them.
    Outbound,
}

/// A place that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Names this connection among all of the server, for [`Slots::release`].
    pub number: u64,
    /// The connection with the same node that had the place before and must be closed.
    pub replaces: Option<u64>,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    direction: Direction,
}

/// The places of one server and who has them.
#[derive(Debug)]
pub struct Slots {
    local: NodeId,
    limits: Limits,
    /// Whether places are kept free for peers we dial on our own account.
    split: bool,
    slots: HashMap<NodeId, Slot>,
    trusted: HashSet<NodeId>,
    statics: HashSet<NodeId>,
    last: u64,
}

impl Slots {
    /// No peer yet. `split` says whether the node finds peers by itself, so that places must be
    /// kept for them; without it all places are open to inbound peers.
    #[must_use]
    pub fn new(local: NodeId, limits: Limits, split: bool) -> Self {
        Self {
            local,
            limits,
            split,
            slots: HashMap::new(),
            trusted: HashSet::new(),
            statics: HashSet::new(),
            last: 0,
        }
    }

    /// Whether a connection with `id` would be admitted as things stand.
    ///
    /// # Errors
    /// The refusal that [`Slots::admit`] would answer.
    pub fn check(&self, id: &NodeId, direction: Direction) -> Result<(), Refusal> {
        if *id == self.local {
            return Err(Refusal::SelfConnect);
        }
        match self.slots.get(id) {
            Some(slot) if self.prefers(id, direction) && slot.direction != direction => Ok(()),
            Some(_) => Err(Refusal::AlreadyConnected),
            None => self.check_room(id, direction),
        }
    }

    /// Takes a place for a connection with `id`.
    ///
    /// # Errors
    /// Self, already connected, or full, in this order of precedence.
    pub fn admit(&mut self, id: NodeId, direction: Direction) -> Result<Admission, Refusal> {
        self.check(&id, direction)?;
        self.last += 1;
        let slot = Slot { number: self.last, direction };
        let replaces = self.slots.insert(id, slot).map(|slot| slot.number);
        Ok(Admission { number: self.last, replaces })
    }

    /// Gives the place back. `false` when another connection has taken it since.
    pub fn release(&mut self, id: &NodeId, number: u64) -> bool {
        let holds = self.slots.get(id).is_some_and(|slot| slot.number == number);
        if holds {
            self.slots.remove(id);
        }
        holds
    }

    /// Keeps places free from now on for peers that we dial on our own account.
    pub fn split(&mut self) {
        self.split = true;
    }

    /// How many more peers we may dial on our own account: the dial ratio, and the places there are.
    #[must_use]
    pub fn dial_room(&self) -> usize {
        let dialled = self.taken(Direction::Outbound);
        let free = self.limits.max_peers.saturating_sub(self.slots.len());
        free.min(self.limits.max_dialled().saturating_sub(dialled))
    }

    /// How many places are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no place is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Marks a node as trusted, or takes the mark away; a live peer keeps its place either way.
    /// Says whether that changed anything.
    pub fn set_trusted(&mut self, id: NodeId, trusted: bool) -> bool {
        if trusted { self.trusted.insert(id) } else { self.trusted.remove(&id) }
    }

    /// Marks a node as static, or takes the mark away; a live peer keeps its place either way. Says
    /// whether that changed anything.
    pub fn set_static(&mut self, id: NodeId, is_static: bool) -> bool {
        if is_static { self.statics.insert(id) } else { self.statics.remove(&id) }
    }

    /// Whether the node is trusted.
    #[must_use]
    pub fn is_trusted(&self, id: &NodeId) -> bool {
        self.trusted.contains(id)
    }

    /// Whether the node is static.
    #[must_use]
    pub fn is_static(&self, id: &NodeId) -> bool {
        self.statics.contains(id)
    }

    /// Whether, of two connections with `id` dialled from either end, the one of this direction
    /// stays.
    fn prefers(&self, id: &NodeId, direction: Direction) -> bool {
        match direction {
            Direction::Inbound => *id < self.local,
            Direction::Outbound => self.local < *id,
        }
    }

    fn check_room(&self, id: &NodeId, direction: Direction) -> Result<(), Refusal> {
        if self.is_privileged(id) {
            return Ok(());
        }
        if self.slots.len() >= self.limits.max_peers {
            return Err(Refusal::TooManyPeers);
        }
        if !self.split {
            return Ok(());
        }
        let taken = self.taken(direction);
        match direction {
            Direction::Inbound if taken >= self.limits.max_peers - self.limits.reserved() => {
                Err(Refusal::TooManyInbound)
            }
            Direction::Outbound if taken >= self.limits.max_dialled() => {
                Err(Refusal::TooManyDialled)
            }
            _ => Ok(()),
        }
    }

    /// How many places of peers without privilege are taken in one direction.
    fn taken(&self, direction: Direction) -> usize {
        let counts =
            |(id, slot): &(&NodeId, &Slot)| slot.direction == direction && !self.is_privileged(id);
        self.slots.iter().filter(counts).count()
    }

    fn is_privileged(&self, id: &NodeId) -> bool {
        self.is_trusted(id) || self.is_static(id)
    }
}
