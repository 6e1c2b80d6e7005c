//! Which inbound peer loses its slot to a newcomer.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use p2p_mux::identity::{NodeId, host_prefix};
use p2p_world::HashMap;

use crate::access::network;

/// Time for a new peer to do something useful, before another peer of its address can take its slot.
///
/// A peer that relays sends what it has within the first second.
const PROOF_LIMIT: Duration = Duration::from_secs(10);

/// Time after which a peer that has done nothing useful loses its slot to a peer of any address.
///
/// Nodes that only listen are such peers. If all peers are of different addresses, they are probably
/// honest; so the slots change hands slowly.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// The inbound peers, with their addresses.
///
/// A newcomer takes the slot of another peer only if no slot is free. It is chosen in this order:
///
/// 1. A peer of an address or a network that has more than its share of slots, while the newcomer's
///    has not.
/// 2. A peer that has done nothing useful for a while. If the newcomer's address (or network) has its
///    share of slots, only a peer of the same address (or network).
///
/// Within each, peers that have done nothing useful come first, and then the oldest. So one address
/// cannot keep others out, and idle connections cannot keep anyone out.
#[derive(Debug)]
pub(crate) struct InboundPeers {
    max_per_ip: usize,
    max_per_network: usize,
    peers: HashMap<NodeId, InboundPeer>,
}

#[derive(Debug, Clone, Copy)]
struct InboundPeer {
    number: u64,
    place: Place,
    since: Instant,
    proven: bool,
}

/// Where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The address, or for IPv6 its /64.
    host: IpAddr,
    /// Its [`network`].
    network: IpAddr,
}

impl Place {
    fn of(ip: IpAddr) -> Self {
        Self { host: host_prefix(ip), network: network(ip) }
    }
}

impl InboundPeers {
    /// No peers. Of `slots` slots for inbound peers, one address has the share `max_per_ip` and one network
    /// `max_per_network`; a quarter and a half if `None`, at least 1.
    pub(crate) fn new(
        slots: usize,
        max_per_ip: Option<usize>,
        max_per_network: Option<usize>,
    ) -> Self {
        let mut peers = Self { max_per_ip: 1, max_per_network: 1, peers: HashMap::default() };
        peers.set_shares(slots, max_per_ip, max_per_network);
        peers
    }

    /// Replaces the shares, as in [`InboundPeers::new`]. No peer loses its slot before a newcomer needs it.
    pub(crate) fn set_shares(
        &mut self,
        slots: usize,
        max_per_ip: Option<usize>,
        max_per_network: Option<usize>,
    ) {
        self.max_per_ip = max_per_ip.unwrap_or(slots / 4).max(1);
        self.max_per_network = max_per_network.unwrap_or(slots / 2).max(1);
    }

    /// Adds a peer with the number of its connection, in place of an earlier connection with it.
    pub(crate) fn insert(&mut self, id: NodeId, number: u64, ip: IpAddr, now: Instant) {
        let place = Place::of(ip);
        self.peers.insert(id, InboundPeer { number, place, since: now, proven: false });
    }

    pub(crate) fn remove(&mut self, id: &NodeId) {
        self.peers.remove(id);
    }

    /// The peer has done something useful.
    pub(crate) fn set_proven(&mut self, id: &NodeId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.proven = true;
        }
    }

    /// The peer that loses its slot to a newcomer with this address, with the number of its connection.
    /// `is_privileged`: peers that keep their slot in any case.
    pub(crate) fn victim(
        &self,
        ip: IpAddr,
        now: Instant,
        is_privileged: impl Fn(&NodeId) -> bool,
    ) -> Option<(NodeId, u64)> {
        let newcomer = Place::of(ip);
        let of_host = |place: Place| self.count(|other| other.host == place.host);
        let of_network = |place: Place| self.count(|other| other.network == place.network);
        let host_has_share = of_host(newcomer) >= self.max_per_ip;
        let network_has_share = of_network(newcomer) >= self.max_per_network;
        let candidate = |(id, peer): (&NodeId, &InboundPeer)| {
            let place = peer.place;
            let (same_host, same_network) =
                (place.host == newcomer.host, place.network == newcomer.network);
            if host_has_share && !same_host || network_has_share && !same_network {
                return None;
            }
            let crowded = !host_has_share && of_host(place) > self.max_per_ip
                || !network_has_share && of_network(place) > self.max_per_network;
            let limit = if same_host { PROOF_LIMIT } else { IDLE_LIMIT };
            let idle = !peer.proven && now.saturating_duration_since(peer.since) >= limit;
            (crowded || idle).then_some(((!crowded, peer.proven, peer.number), *id))
        };
        let others = self.peers.iter().filter(|(id, _)| !is_privileged(id));
        others.filter_map(candidate).min_by_key(|(rank, _)| *rank).map(|(rank, id)| (id, rank.2))
    }

    fn count(&self, is_counted: impl Fn(&Place) -> bool) -> usize {
        self.peers.values().filter(|peer| is_counted(&peer.place)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId([n; 64])
    }

    /// Peers 0, 1, ... with these addresses, connected one second after another, with 8 slots: two for each address,
    /// four for each network. And the time when the last has connected.
    fn peers(addresses: &[&str]) -> (InboundPeers, Instant) {
        let mut peers = InboundPeers::new(8, None, None);
        let start = Instant::now();
        for (n, address) in (0..).zip(addresses) {
            let since = start + Duration::from_secs(n);
            let id = id(u8::try_from(n).unwrap());
            peers.insert(id, n, address.parse().unwrap(), since);
        }
        (peers, start + Duration::from_secs(addresses.len() as u64))
    }

    fn victim(peers: &InboundPeers, ip: &str, now: Instant) -> Option<u64> {
        peers.victim(ip.parse().unwrap(), now, |_| false).map(|(_, number)| number)
    }

    const ONE_ADDRESS: [&str; 8] = ["192.0.2.1"; 8];

    #[test]
    fn one_address_cannot_keep_others_out() {
        let (mut peers, now) = peers(&ONE_ADDRESS);
        for other in ["198.51.100.1", "192.0.2.2"] {
            assert_eq!(victim(&peers, other, now), Some(0), "the oldest");
        }
        // Work that costs little must not help.
        (0..8).for_each(|n| peers.set_proven(&id(n)));
        assert_eq!(victim(&peers, "198.51.100.1", now), Some(0));
        peers.insert(id(0), 9, "192.0.2.1".parse().unwrap(), now);
        assert_eq!(victim(&peers, "198.51.100.1", now), Some(9), "the only one without proof");
    }

    #[test]
    fn an_address_keeps_its_share() {
        let (peers, now) = peers(&["192.0.2.1", "192.0.2.1", "10.0.0.1", "10.0.1.1", "10.0.2.1"]);
        assert_eq!(victim(&peers, "198.51.100.1", now), None);
    }

    #[test]
    fn one_network_cannot_keep_others_out() {
        let (peers, now) =
            peers(&["10.0.0.9", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]);
        assert_eq!(victim(&peers, "198.51.100.1", now), Some(1));
        assert_eq!(victim(&peers, "192.0.2.6", now), None, "its own network has its share");
        let (peers, now) = self::peers(&["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"]);
        let mut small = InboundPeers::new(2, None, Some(2));
        small.peers = peers.peers;
        assert_eq!(victim(&small, "2001:db8:1::1", now), Some(0));
    }

    #[test]
    fn idle_peers_of_one_address_evict_only_each_other() {
        let (mut peers, now) = peers(&ONE_ADDRESS);
        peers.insert(id(100), 100, "198.51.100.1".parse().unwrap(), now);
        assert_eq!(victim(&peers, "192.0.2.1", now), None, "they are new");
        let later = now + PROOF_LIMIT;
        assert_eq!(victim(&peers, "192.0.2.1", later), Some(0));
        peers.set_proven(&id(0));
        assert_eq!(victim(&peers, "192.0.2.1", later), Some(1));
        (0..8).for_each(|n| peers.set_proven(&id(n)));
        assert_eq!(victim(&peers, "192.0.2.1", later + IDLE_LIMIT), None);
    }

    #[test]
    fn an_idle_peer_gives_its_slot_to_any_address_after_a_while() {
        let (mut peers, now) = peers(&["192.0.2.1", "10.0.0.1", "10.0.1.1"]);
        assert_eq!(victim(&peers, "198.51.100.1", now + PROOF_LIMIT), None);
        peers.set_proven(&id(0));
        assert_eq!(victim(&peers, "198.51.100.1", now + IDLE_LIMIT), Some(1));
    }

    #[test]
    fn privileged_peers_keep_their_slots() {
        let (peers, now) = peers(&ONE_ADDRESS);
        let ip = "198.51.100.1".parse().unwrap();
        assert_eq!(peers.victim(ip, now, |one| *one == id(0)), Some((id(1), 1)));
        assert_eq!(peers.victim(ip, now, |_| true), None);
    }
}
