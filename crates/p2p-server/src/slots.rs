//! Peer slots: which connections may stay, by number, direction and identity.
//!
//! A connection is checked twice: when the handshake has proved the identity of the other end
//! ([`Slots::check`]), so that a refusal costs little, and when the Hello exchange is done
//! ([`Slots::admit`]), which takes the slot.
//!
//! When two nodes dial each other at the same time there are two connections between them, and the two
//! ends may see them in different orders. **The connection dialed by the node with the smaller id
//! stays**: it replaces the other one, never the other way round, so both ends keep the same connection.
//! A second connection dialed by the same node is refused.

mod inbound_peers;
#[cfg(test)]
mod tests;

use p2p_world::{
    HashMap, HashSet,
    planted::{self, Bug},
};

use p2p_mux::identity::NodeId;

use crate::access::RefuseReason;
pub(crate) use inbound_peers::InboundPeers;

/// Maximum numbers of peers and handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Limits {
    /// Maximum number of connected peers. Trusted and static peers are admitted beyond it, and count.
    /// Default 50.
    pub max_peers: usize,
    /// Maximum number of inbound handshakes in progress, and of dials in progress. At least 1.
    /// Default 50.
    pub max_pending: usize,
    /// Fraction of peer slots for found nodes that this node dials (neither static nor trusted): 1/N, at
    /// least one slot. The other slots are for inbound peers. 0 counts as 1. Default 3.
    pub dial_ratio: usize,
}

impl Limits {
    /// The default of [`Limits::max_peers`].
    pub const DEFAULT_MAX_PEERS: usize = 50;
    /// The default of [`Limits::max_pending`].
    pub const DEFAULT_MAX_PENDING: usize = 50;
    /// The default of [`Limits::dial_ratio`].
    pub const DEFAULT_DIAL_RATIO: usize = 3;

    /// Maximum number of found nodes that are peers because this node dialed them.
    #[must_use]
    pub fn max_dialed(&self) -> usize {
        self.reserved().max(1)
    }

    /// Number of slots for inbound peers. `reserve_outbound` as in [`Slots::new`].
    pub(crate) fn max_inbound(&self, reserve_outbound: bool) -> usize {
        self.max_peers - if reserve_outbound { self.reserved() } else { 0 }
    }

    /// Number of slots that inbound peers cannot take.
    fn reserved(&self) -> usize {
        self.max_peers / self.dial_ratio.max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_peers: Self::DEFAULT_MAX_PEERS,
            max_pending: Self::DEFAULT_MAX_PENDING,
            dial_ratio: Self::DEFAULT_DIAL_RATIO,
        }
    }
}

/// Which end opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The other end dialed this node.
    Inbound,
    /// This node dialed the other end.
    Outbound,
}

/// A slot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The number of the connection, unique within the server, for [`Slots::release`].
    pub number: u64,
    /// The number of the connection with the same node that it replaces and that must be closed.
    pub replaces: Option<u64>,
    /// The number of the connection with another node that lost its slot to this one and must be closed.
    /// [`Slots`] itself evicts none.
    pub evicts: Option<u64>,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    direction: Direction,
}

/// The peer slots of one server and the peers that hold them.
#[derive(Debug)]
pub struct Slots {
    local: NodeId,
    limits: Limits,
    reserve_outbound: bool,
    slots: HashMap<NodeId, Slot>,
    trusted: HashSet<NodeId>,
    statics: HashSet<NodeId>,
    last: u64,
}

impl Slots {
    /// Empty slots of the node `local`. With `reserve_outbound` some are reserved for found nodes that
    /// this node dials ([`Limits::dial_ratio`]); without it all are open to inbound peers.
    #[must_use]
    pub fn new(local: NodeId, limits: Limits, reserve_outbound: bool) -> Self {
        Self {
            local,
            limits,
            reserve_outbound,
            slots: HashMap::default(),
            trusted: HashSet::default(),
            statics: HashSet::default(),
            last: 0,
        }
    }

    /// Replaces the limits. Peers beyond them stay.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether a connection with `id` would be admitted now.
    ///
    /// # Errors
    /// As [`Slots::admit`].
    pub fn check(&self, id: &NodeId, direction: Direction) -> Result<(), RefuseReason> {
        if *id == self.local {
            return Err(RefuseReason::SelfConnect);
        }
        match self.slots.get(id) {
            Some(slot) if self.prefers(id, direction) && slot.direction != direction => Ok(()),
            Some(_) => Err(RefuseReason::AlreadyConnected),
            None => self.check_free(id, direction),
        }
    }

    /// Takes a slot for a connection with `id`.
    ///
    /// # Errors
    /// The node itself, already connected, or no free slot, checked in this order.
    pub fn admit(&mut self, id: NodeId, direction: Direction) -> Result<Admission, RefuseReason> {
        self.check(&id, direction)?;
        self.last += 1;
        let slot = Slot { number: self.last, direction };
        let replaces = self.slots.insert(id, slot).map(|slot| slot.number);
        Ok(Admission { number: self.last, replaces, evicts: None })
    }

    /// Frees the slot. Returns `false` if another connection with the same node has taken it.
    pub fn release(&mut self, id: &NodeId, number: u64) -> bool {
        let holds = self.slots.get(id).is_some_and(|slot| slot.number == number);
        if holds && !planted::is(Bug::PeerSlotKept) {
            self.slots.remove(id);
        }
        holds
    }

    /// From now on reserves slots for found nodes that this node dials.
    pub fn reserve_outbound(&mut self) {
        self.reserve_outbound = true;
    }

    /// How many more found nodes may be dialed: limited by the dial ratio and by the free slots.
    #[must_use]
    pub fn dial_room(&self) -> usize {
        let dialed = self.unprivileged(Direction::Outbound);
        let free = self.limits.max_peers.saturating_sub(self.slots.len());
        free.min(self.limits.max_dialed().saturating_sub(dialed))
    }

    /// Number of taken slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no slot is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Marks a node as trusted, or removes the mark; a connected peer keeps its slot either way. Returns
    /// whether that changed anything.
    pub fn set_trusted(&mut self, id: NodeId, trusted: bool) -> bool {
        if trusted { self.trusted.insert(id) } else { self.trusted.remove(&id) }
    }

    /// Marks a node as static, or removes the mark; a connected peer keeps its slot either way. Returns
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

    /// Whether a connection of this direction wins over one of the other direction with the same node.
    fn prefers(&self, id: &NodeId, direction: Direction) -> bool {
        match direction {
            Direction::Inbound => *id < self.local,
            Direction::Outbound => self.local < *id,
        }
    }

    fn check_free(&self, id: &NodeId, direction: Direction) -> Result<(), RefuseReason> {
        if self.is_privileged(id) {
            return Ok(());
        }
        if self.slots.len() >= self.limits.max_peers {
            return Err(RefuseReason::TooManyPeers);
        }
        if !self.reserve_outbound {
            return Ok(());
        }
        let taken = self.unprivileged(direction);
        match direction {
            Direction::Inbound if taken >= self.limits.max_inbound(true) => {
                Err(RefuseReason::TooManyInbound)
            }
            Direction::Outbound if taken >= self.limits.max_dialed() => {
                Err(RefuseReason::TooManyDialed)
            }
            _ => Ok(()),
        }
    }

    /// Number of peers of one direction that are neither trusted nor static.
    fn unprivileged(&self, direction: Direction) -> usize {
        let counts =
            |(id, slot): &(&NodeId, &Slot)| slot.direction == direction && !self.is_privileged(id);
        self.slots.iter().filter(counts).count()
    }

    /// Whether the node is admitted beyond the limits.
    pub(crate) fn is_privileged(&self, id: &NodeId) -> bool {
        self.is_trusted(id) || self.is_static(id)
    }
}
