//! The external address of this node, by what peers report.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use p2p_identity::OwnNetworks;

use crate::address::{Reach, Subnet};

/// Maximum number of votes per address family.
const MAX_VOTES: usize = 64;

/// How long a vote counts. A change of the own address is noticed within this time.
const VOTE_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Whose vote it is. A subnet has one vote, because one owner may have many nodes in it. In the local
/// network and in own networks each address has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VoteKey {
    Subnet(Subnet),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Vote {
    key: VoteKey,
    at: Instant,
    address: SocketAddr,
}

/// The addresses at which peers see this node: each pong names the source address of our ping.
///
/// IPv4 and IPv6 are counted separately, since a node can have both.
#[derive(Debug, Default)]
pub(super) struct AddressVotes {
    v4: VecDeque<Vote>,
    v6: VecDeque<Vote>,
    own_networks: OwnNetworks,
}

impl AddressVotes {
    /// No votes. In `own_networks` each address has a vote.
    pub(super) fn new(own_networks: OwnNetworks) -> Self {
        Self { own_networks, ..Self::default() }
    }

    /// The node at `peer` sees this node at `address`. If there are too many votes, the oldest is
    /// dropped.
    pub(super) fn add(&mut self, now: Instant, peer: IpAddr, address: SocketAddr) {
        // Some nodes report an address that they do not know as unspecified.
        if address.port() == 0 || Reach::of(address.ip()) == Reach::Unusable {
            return;
        }
        let subnet = Subnet::of(peer).filter(|_| !self.own_networks.contains(peer));
        let key = subnet.map_or(VoteKey::Address(peer), VoteKey::Subnet);
        let votes = if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        let is_recent = |vote: &Vote| now.saturating_duration_since(vote.at) < VOTE_LIFETIME;
        votes.retain(|vote| vote.key != key && is_recent(vote));
        if votes.len() == MAX_VOTES {
            votes.pop_front();
        }
        votes.push_back(Vote { key, at: now, address });
    }

    /// The address of the family on which at least `quorum` votes, and more than half of all, agree.
    /// The port is the most frequent one: behind some routers each peer sees another port.
    ///
    /// Peers in the local network see another address than peers outside. Once `quorum` votes name a
    /// public address, only those count, so that the result does not alternate.
    pub(super) fn majority(
        &self,
        now: Instant,
        is_ipv4: bool,
        quorum: usize,
    ) -> Option<SocketAddr> {
        let votes = if is_ipv4 { &self.v4 } else { &self.v6 };
        let is_recent = |vote: &&Vote| now.saturating_duration_since(vote.at) < VOTE_LIFETIME;
        let mut addresses: Vec<SocketAddr> =
            votes.iter().filter(is_recent).map(|vote| vote.address).collect();
        let is_public = |address: &SocketAddr| Reach::of(address.ip()) == Reach::Public;
        if addresses.iter().filter(|address| is_public(address)).count() >= quorum {
            addresses.retain(is_public);
        }
        let (ip, count) = most_frequent(addresses.iter().map(SocketAddr::ip))?;
        if count < quorum.max(1) || 2 * count <= addresses.len() {
            return None;
        }
        let same_ip = addresses.iter().filter(|address| address.ip() == ip);
        let (port, _) = most_frequent(same_ip.map(SocketAddr::port))?;
        Some(SocketAddr::new(ip, port))
    }
}

/// The most frequent value, the latest among equals, and how often it occurs.
fn most_frequent<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let values: Vec<T> = values.collect();
    let count = |value| values.iter().filter(|other| **other == value).count();
    values.iter().map(|value| (*value, count(*value))).max_by_key(|(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(all: &[(&str, &str)]) -> AddressVotes {
        let mut votes = AddressVotes::default();
        for (peer, address) in all {
            votes.add(Instant::now(), peer.parse().unwrap(), address.parse().unwrap());
        }
        votes
    }

    fn majority(all: &[(&str, &str)]) -> Option<String> {
        let majority = votes(all).majority(Instant::now(), true, 2);
        majority.map(|address| address.to_string())
    }

    #[test]
    fn the_majority_decides() {
        let (here, there) = ("1.1.1.1:30303", "2.2.2.2:30303");
        assert_eq!(majority(&[("5.5.5.5", here)]), None, "one vote");
        assert_eq!(majority(&[("5.5.5.5", here), ("6.6.6.6", here)]).as_deref(), Some(here));
        assert_eq!(majority(&[("5.5.5.5", here), ("6.6.6.6", there)]), None, "no two agree");
        let split = [("5.5.5.5", here), ("6.6.6.6", there), ("7.7.7.7", here), ("8.8.8.8", there)];
        assert_eq!(majority(&split), None, "half is no majority");
        assert_eq!(majority(&[&split[..], &[("9.9.9.9", here)]].concat()).as_deref(), Some(here));
    }

    #[test]
    fn a_subnet_has_one_vote_and_the_last_counts() {
        let (here, there) = ("1.1.1.1:30303", "2.2.2.2:30303");
        assert_eq!(majority(&[("5.5.5.5", here), ("5.5.5.6", here)]), None);
        let moved = [("5.5.5.5", here), ("5.5.5.5", there), ("6.6.6.6", there)];
        assert_eq!(majority(&moved).as_deref(), Some(there));
        assert_eq!(majority(&[("10.0.0.5", here), ("10.0.0.6", here)]).as_deref(), Some(here));
    }

    #[test]
    fn votes_for_public_addresses_outweigh_local_ones() {
        let (public, local) = ("1.1.1.1:30303", "10.0.0.7:30303");
        let all = [
            ("10.0.0.1", local),
            ("10.0.0.2", local),
            ("10.0.0.3", local),
            ("5.5.5.5", public),
            ("6.6.6.6", public),
        ];
        assert_eq!(majority(&all[..4]).as_deref(), Some(local), "below the quorum");
        assert_eq!(majority(&all).as_deref(), Some(public));
    }

    #[test]
    fn the_most_frequent_port_is_taken() {
        let all =
            [("5.5.5.5", "1.1.1.1:1111"), ("6.6.6.6", "1.1.1.1:2222"), ("7.7.7.7", "1.1.1.1:1111")];
        assert_eq!(majority(&all).as_deref(), Some("1.1.1.1:1111"));
    }

    #[test]
    fn votes_for_unusable_addresses_do_not_count() {
        assert_eq!(majority(&[("5.5.5.5", "0.0.0.0:7"), ("6.6.6.6", "0.0.0.0:7")]), None);
        assert_eq!(majority(&[("5.5.5.5", "1.1.1.1:0"), ("6.6.6.6", "1.1.1.1:0")]), None);
    }

    #[test]
    fn votes_expire() {
        let votes = votes(&[("5.5.5.5", "1.1.1.1:7"), ("6.6.6.6", "1.1.1.1:7")]);
        assert_eq!(votes.majority(Instant::now() + VOTE_LIFETIME, true, 2), None);
    }
}
