//! The nodes that are connected only over `sec/1`, and which one loses its pin for another.
//!
//! Keys cost nothing, so a stranger can be as many nodes as it likes. Its pins must not displace those of others. Beyond
//! [`MAX_PINS`], one pin is removed, chosen in this order:
//!
//! 1. one of the lowest [`PinRank`];
//! 2. one of the network that has the most pins of this rank, if any has two: of the new pin's network, if no other has
//!    more;
//! 3. the one whose node was not connected for the longest time.
//!
//! So a node that connects to this one displaces no node that this one has dialed, and the nodes of one network displace
//! each other.

use std::net::IpAddr;

use p2p_mux::identity::NodeId;
use p2p_world::HashMap;

/// Maximum number of pins.
pub(crate) const MAX_PINS: usize = 16_384;

/// A node that is connected only over `sec/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) id: NodeId,
    pub(crate) rank: PinRank,
    /// The network from which, or to which, it was last connected.
    pub(crate) network: IpAddr,
    /// When it was last connected over `sec/1`, in seconds since 1970.
    pub(crate) seen: u64,
}

/// How firmly a node is pinned. The lower ranks lose their pins first. A node keeps its highest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PinRank {
    /// It has connected to this node.
    Inbound,
    /// This node has dialed it.
    Dialed,
    /// The operator has named it: a static, trusted or allowed node.
    Listed,
}

/// The pins of a node.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    pins: HashMap<NodeId, Pin>,
    /// The number of pins of each rank in each network.
    crowds: HashMap<(PinRank, IpAddr), usize>,
}

impl Pin {
    const fn crowd(&self) -> (PinRank, IpAddr) {
        (self.rank, self.network)
    }
}

impl Pins {
    pub(crate) fn get(&self, id: &NodeId) -> Option<&Pin> {
        self.pins.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.pins.len()
    }

    /// Adds or changes a pin. Returns the node that loses its pin for it, perhaps this one.
    ///
    /// That costs a pass over all pins, which is less than the handshake.
    pub(crate) fn insert(&mut self, pin: Pin) -> Option<NodeId> {
        self.remove(&pin.id);
        self.pins.insert(pin.id, pin);
        *self.crowds.entry(pin.crowd()).or_default() += 1;
        let displaced = (self.pins.len() > MAX_PINS).then(|| self.first_to_go(&pin)).flatten()?;
        self.remove(&displaced);
        Some(displaced)
    }

    /// Removes a pin. Returns whether there was one.
    pub(crate) fn remove(&mut self, id: &NodeId) -> bool {
        let Some(pin) = self.pins.remove(id) else { return false };
        if let Some(count) = self.crowds.get_mut(&pin.crowd()) {
            *count -= 1;
            if *count == 0 {
                self.crowds.remove(&pin.crowd());
            }
        }
        true
    }

    fn first_to_go(&self, newcomer: &Pin) -> Option<NodeId> {
        let lowest = self.crowds.keys().map(|(rank, _)| *rank).min()?;
        let of_lowest = self.crowds.iter().filter(|((rank, _), _)| *rank == lowest);
        let (largest, count) = of_lowest
            .max_by_key(|(crowd, count)| (**count, **crowd == newcomer.crowd(), crowd.1))?;
        let is_candidate =
            |pin: &&Pin| pin.rank == lowest && (*count == 1 || pin.network == largest.1);
        let candidates = self.pins.values().filter(is_candidate);
        candidates.min_by_key(|pin| (pin.seen, pin.id)).map(|pin| pin.id)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{PinRank::*, *};

    fn id(n: u32) -> NodeId {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn pin(n: u32, rank: PinRank, network: u32, seen: u64) -> Pin {
        Pin { id: id(n), rank, network: Ipv4Addr::from_bits(network << 8).into(), seen }
    }

    /// As many pins as there may be: these, and those of nodes 1000 and above, of this rank and each in its own network.
    fn full(given: &[Pin], rank: PinRank) -> Pins {
        let mut pins = Pins::default();
        let others = (1000..).map(|n| pin(n, rank, n, 50));
        for pin in given.iter().copied().chain(others).take(MAX_PINS) {
            assert_eq!(pins.insert(pin), None);
        }
        assert_eq!(pins.len(), MAX_PINS);
        pins
    }

    #[test]
    fn strangers_displace_no_node_that_was_dialed_or_listed() {
        for rank in [Dialed, Listed] {
            let mut pins = full(&[], rank);
            assert_eq!(pins.insert(pin(1, Inbound, 1, 99)), Some(id(1)), "it is not pinned itself");
            assert_eq!(
                pins.insert(pin(2, Dialed, 1, 99)).is_some_and(|gone| gone == id(2)),
                rank == Listed
            );
        }
        let mut pins = full(&[pin(1, Inbound, 1, 99), pin(2, Dialed, 2, 1)], Listed);
        assert_eq!(pins.insert(pin(3, Listed, 3, 9)), Some(id(1)), "the lowest rank first");
        assert_eq!(pins.insert(pin(4, Listed, 3, 9)), Some(id(2)));
    }

    #[test]
    fn the_keys_of_one_network_displace_each_other() {
        let mut pins =
            full(&[pin(1, Inbound, 1, 0), pin(2, Inbound, 2, 20), pin(3, Inbound, 2, 10)], Inbound);
        for n in 10..100 {
            let gone = pins.insert(pin(n, Inbound, 2, 100)).unwrap();
            assert_ne!(gone, id(1));
            assert_eq!(pins.get(&gone), None);
        }
        assert_eq!(pins.get(&id(1)), Some(&pin(1, Inbound, 1, 0)), "it has a network of its own");
        let of_the_network = (2..100).filter(|&n| pins.get(&id(n)).is_some()).count();
        assert_eq!((of_the_network, pins.len()), (2, MAX_PINS));
    }

    #[test]
    fn among_equals_the_one_not_seen_for_the_longest_time_goes() {
        let mut pins = full(&[pin(1, Inbound, 1, 40), pin(2, Inbound, 2, 41)], Inbound);
        assert_eq!(pins.insert(pin(1, Inbound, 1, 98)), None, "it was seen again");
        assert_eq!(pins.insert(pin(3, Inbound, 3, 99)), Some(id(2)));
    }

    #[test]
    fn a_changed_pin_counts_once() {
        let mut pins = Pins::default();
        pins.insert(pin(1, Inbound, 1, 1));
        pins.insert(pin(1, Dialed, 2, 2));
        assert_eq!((pins.len(), pins.crowds.len()), (1, 1));
        assert!(pins.remove(&id(1)) && !pins.remove(&id(1)));
        assert_eq!((pins.len(), pins.crowds.len()), (0, 0));
    }
}
