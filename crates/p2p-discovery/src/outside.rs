//! How we look from outside.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use crate::address::{Reach, Subnet};

/// How many statements are kept, of one address family.
const MAX_VOTES: usize = 64;

/// How long a statement counts: a node that moves is noticed within this time.
const VALID: Duration = Duration::from_secs(30 * 60);

/// Who said something: a subnet has one vote, since one owner may have many nodes in it. In the local
/// network it is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voter {
    Subnet(Subnet),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Vote {
    voter: Voter,
    at: Instant,
    address: SocketAddr,
}

/// What peers say of our address: each pong says where the ping came from.
///
/// IPv4 and IPv6 are apart, since a node can have both.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    v4: VecDeque<Vote>,
    v6: VecDeque<Vote>,
}

impl Outside {
    /// A node at `peer` says that we are at `address`. The oldest of too many votes is forgotten.
    pub(crate) fn vote(&mut self, now: Instant, peer: IpAddr, address: SocketAddr) {
        // Nodes of our own machine see nothing of the outside, and some send what they do not know.
        if address.port() == 0 || Reach::of(address.ip()) == Reach::Nowhere {
            return;
        }
        let voter = Subnet::of(peer).map_or(Voter::Address(peer), Voter::Subnet);
        let votes = if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        votes.retain(|vote| vote.voter != voter && now.saturating_duration_since(vote.at) < VALID);
        if votes.len() == MAX_VOTES {
            votes.pop_front();
        }
        votes.push_back(Vote { voter, at: now, address });
    }

    /// The address of that family that at least `quorum` voters, and more than half of them, agree
    /// on. The port is that of most of them: behind some routers each peer sees another one.
    ///
    /// Peers in the local network see another address than those outside. As soon as there are enough
    /// of the latter, they alone decide, so that the two do not take turns.
    pub(crate) fn majority(
        &self,
        now: Instant,
        is_ipv4: bool,
        quorum: usize,
    ) -> Option<SocketAddr> {
        let votes = if is_ipv4 { &self.v4 } else { &self.v6 };
        let recent = votes.iter().filter(|vote| now.saturating_duration_since(vote.at) < VALID);
        let mut addresses: Vec<SocketAddr> = recent.map(|vote| vote.address).collect();
        let is_public = |address: &SocketAddr| Reach::of(address.ip()) == Reach::Public;
        if addresses.iter().filter(|address| is_public(address)).count() >= quorum {
            addresses.retain(is_public);
        }
        let (ip, for_ip) = most(addresses.iter().map(SocketAddr::ip))?;
        if for_ip < quorum.max(1) || 2 * for_ip <= addresses.len() {
            return None;
        }
        let same_ip = addresses.iter().filter(|address| address.ip() == ip);
        let (port, _) = most(same_ip.map(SocketAddr::port))?;
        Some(SocketAddr::new(ip, port))
    }
}

/// The value that occurs most often, and how often. The latest among equals.
fn most<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let values: Vec<T> = values.collect();
    let count = |value| values.iter().filter(|other| **other == value).count();
    values.iter().map(|value| (*value, count(*value))).max_by_key(|(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(all: &[(&str, &str)]) -> Outside {
        let mut outside = Outside::default();
        for (peer, address) in all {
            outside.vote(Instant::now(), peer.parse().unwrap(), address.parse().unwrap());
        }
        outside
    }

    fn majority(all: &[(&str, &str)]) -> Option<String> {
        let majority = votes(all).majority(Instant::now(), true, 2);
        majority.map(|address| address.to_string())
    }

    #[test]
    fn the_majority_decides() {
        let (here, there) = ("1.1.1.1:30303", "2.2.2.2:30303");
        assert_eq!(majority(&[("5.5.5.5", here)]), None, "one says so");
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
    fn peers_outside_know_better_than_those_in_the_local_network() {
        let (outside, inside) = ("1.1.1.1:30303", "10.0.0.7:30303");
        let all = [
            ("10.0.0.1", inside),
            ("10.0.0.2", inside),
            ("10.0.0.3", inside),
            ("5.5.5.5", outside),
            ("6.6.6.6", outside),
        ];
        assert_eq!(majority(&all[..4]).as_deref(), Some(inside), "one is too few");
        assert_eq!(majority(&all).as_deref(), Some(outside));
    }

    #[test]
    fn the_port_is_that_of_most() {
        let all =
            [("5.5.5.5", "1.1.1.1:1111"), ("6.6.6.6", "1.1.1.1:2222"), ("7.7.7.7", "1.1.1.1:1111")];
        assert_eq!(majority(&all).as_deref(), Some("1.1.1.1:1111"));
    }

    #[test]
    fn what_is_no_address_is_no_vote() {
        assert_eq!(majority(&[("5.5.5.5", "0.0.0.0:7"), ("6.6.6.6", "0.0.0.0:7")]), None);
        assert_eq!(majority(&[("5.5.5.5", "1.1.1.1:0"), ("6.6.6.6", "1.1.1.1:0")]), None);
    }

    #[test]
    fn votes_pass_away() {
        let outside = votes(&[("5.5.5.5", "1.1.1.1:7"), ("6.6.6.6", "1.1.1.1:7")]);
        assert_eq!(outside.majority(Instant::now() + VALID, true, 2), None);
    }
}
