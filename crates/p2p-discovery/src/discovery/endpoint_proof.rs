//! Endpoint proofs: which nodes have answered a ping at which address.

use core::net::IpAddr;
use core::time::Duration;
use std::time::Instant;

use p2p_identity::NodeId;
use p2p_world::HashMap;

/// How long a proof is valid (discv4: 12 hours).
const PROOF_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Maximum number of proofs. A node whose proof is dropped must answer a ping again.
const MAX_PROOFS: usize = 16_384;

/// Maximum number of proofs at one IP address: more than a household or a test machine needs, and too
/// few to evict the proofs of all others.
const MAX_AT_ADDRESS: u32 = 1024;

/// The network of a node, by its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Membership {
    /// Its record has not been asked for.
    #[default]
    Unknown,
    /// Its record of this sequence number names our network.
    Ours(u64),
    /// Its record of this sequence number names another network or none, or it has no record (0).
    Foreign(u64),
}

impl Membership {
    /// Whether a record with the sequence number `announced` is newer than the one that was read.
    pub(super) fn is_outdated(self, announced: Option<u64>) -> bool {
        match self {
            Self::Unknown => true,
            Self::Ours(known) | Self::Foreign(known) => announced.is_some_and(|seq| seq > known),
        }
    }
}

/// A node and its address.
type NodeAddr = (NodeId, IpAddr);

/// A node that has answered a ping.
#[derive(Clone, Copy, Debug)]
struct Proof {
    at: Instant,
    membership: Membership,
}

/// Endpoint proofs (discv4, "Endpoint Proof"), by node and IP address.
///
/// The two directions are separate: a ping can have a forged source address, but only a node at that
/// address can answer ours.
#[derive(Debug, Default)]
pub(super) struct EndpointProofs {
    /// Nodes that have answered our ping.
    answered: HashMap<NodeAddr, Proof>,
    /// Nodes whose ping we answered, which have a proof of our endpoint.
    pinged: HashMap<NodeAddr, Instant>,
    /// Number of entries of `answered` per address.
    at: HashMap<IpAddr, u32>,
}

impl EndpointProofs {
    /// The node has answered our ping. Returns whether it had no valid proof before.
    pub(super) fn record_pong(&mut self, now: Instant, id: NodeId, ip: IpAddr) -> bool {
        let is_new = !self.is_proven(now, &id, ip);
        if let Some(known) = self.answered.get_mut(&(id, ip)) {
            known.at = now;
            return is_new;
        }
        if self.at.get(&ip).is_some_and(|count| *count >= MAX_AT_ADDRESS) {
            return is_new;
        }
        if self.answered.len() >= MAX_PROOFS {
            drop_older_half(&mut self.answered, |proof| proof.at);
            self.at.clear();
            for (_, ip) in self.answered.keys() {
                *self.at.entry(*ip).or_default() += 1;
            }
        }
        *self.at.entry(ip).or_default() += 1;
        self.answered.insert((id, ip), Proof { at: now, membership: Membership::Unknown });
        is_new
    }

    /// We have answered a ping of the node.
    pub(super) fn record_ping(&mut self, now: Instant, id: NodeId, ip: IpAddr) {
        if self.pinged.len() >= MAX_PROOFS && !self.pinged.contains_key(&(id, ip)) {
            drop_older_half(&mut self.pinged, |at| *at);
        }
        self.pinged.insert((id, ip), now);
    }

    /// The node no longer answers.
    pub(super) fn revoke(&mut self, id: &NodeId, ip: IpAddr) {
        self.pinged.remove(&(*id, ip));
        if self.answered.remove(&(*id, ip)).is_none() {
            return;
        }
        if let Some(count) = self.at.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.at.remove(&ip);
            }
        }
    }

    /// The record of the node has been read, or it has none.
    pub(super) fn set_membership(&mut self, id: NodeId, ip: IpAddr, membership: Membership) {
        if let Some(proof) = self.answered.get_mut(&(id, ip)) {
            proof.membership = membership;
        }
    }

    pub(super) fn membership(&self, id: &NodeId, ip: IpAddr) -> Membership {
        self.answered.get(&(*id, ip)).map(|proof| proof.membership).unwrap_or_default()
    }

    /// Whether the node has a valid proof at this address.
    pub(super) fn is_proven(&self, now: Instant, id: &NodeId, ip: IpAddr) -> bool {
        self.answered.get(&(*id, ip)).is_some_and(|proof| is_recent(now, proof.at))
    }

    /// Whether the node has a valid proof of our endpoint.
    pub(super) fn knows_us(&self, now: Instant, id: &NodeId, ip: IpAddr) -> bool {
        self.pinged.get(&(*id, ip)).is_some_and(|at| is_recent(now, *at))
    }

    /// Whether any node has a proof at `ip`. Cheap, since it needs no signature check.
    pub(super) fn has_proof_at(&self, ip: IpAddr) -> bool {
        self.at.contains_key(&ip)
    }
}

fn is_recent(now: Instant, at: Instant) -> bool {
    now.saturating_duration_since(at) < PROOF_LIFETIME
}

/// Drops the older half. It walks over all entries, but halving makes that rare.
fn drop_older_half<T>(all: &mut HashMap<NodeAddr, T>, when: impl Fn(&T) -> Instant) {
    let mut times: Vec<Instant> = all.values().map(&when).collect();
    let middle = times.len() / 2;
    let (_, limit, _) = times.select_nth_unstable(middle);
    let limit = *limit;
    all.retain(|_, value| when(value) > limit);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn id(number: u32) -> NodeId {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&number.to_be_bytes());
        NodeId(id)
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_proof_holds_for_one_node_at_one_address_for_twelve_hours() {
        let start = Instant::now();
        let mut proofs = EndpointProofs::default();
        assert!(!proofs.has_proof_at(ip(1)));
        assert!(proofs.record_pong(start, id(1), ip(1)), "the first proof");
        assert!(!proofs.record_pong(start, id(1), ip(1)));
        assert!(proofs.is_proven(start, &id(1), ip(1)) && proofs.has_proof_at(ip(1)));
        assert!(!proofs.is_proven(start, &id(2), ip(1)) && !proofs.is_proven(start, &id(1), ip(2)));
        assert!(!proofs.knows_us(start, &id(1), ip(1)), "the other direction is another proof");
        proofs.record_ping(start, id(1), ip(1));
        let last = start + PROOF_LIFETIME - Duration::from_secs(1);
        assert!(proofs.is_proven(last, &id(1), ip(1)) && proofs.knows_us(last, &id(1), ip(1)));
        assert!(!proofs.is_proven(start + PROOF_LIFETIME, &id(1), ip(1)));
        assert!(
            proofs.record_pong(start + PROOF_LIFETIME, id(1), ip(1)),
            "the old proof had expired"
        );
        proofs.revoke(&id(1), ip(1));
        assert!(!proofs.has_proof_at(ip(1)));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_proofs_are_evicted() {
        let start = Instant::now();
        let mut proofs = EndpointProofs::default();
        for number in 0..100_000 {
            let now = start + Duration::from_millis(number.into());
            proofs.record_pong(now, id(number), ip(number));
        }
        let end = start + Duration::from_secs(100);
        assert!(proofs.answered.len() <= MAX_PROOFS);
        assert_eq!(proofs.at.len(), proofs.answered.len());
        assert!(proofs.is_proven(end, &id(99_999), ip(99_999)));
        assert!(!proofs.is_proven(end, &id(0), ip(0)));
    }

    #[test]
    fn pings_from_forged_addresses_prove_nothing() {
        let now = Instant::now();
        let mut proofs = EndpointProofs::default();
        proofs.record_pong(now, id(0), ip(0));
        for number in 1..100_000 {
            proofs.record_ping(now + Duration::from_millis(number.into()), id(number), ip(number));
        }
        assert!(proofs.pinged.len() <= MAX_PROOFS && !proofs.has_proof_at(ip(99_999)));
        assert!(proofs.is_proven(now, &id(0), ip(0)), "and evict no proof");
    }

    #[test]
    fn one_address_cannot_evict_the_proofs_of_others() {
        let now = Instant::now();
        let mut proofs = EndpointProofs::default();
        proofs.record_pong(now, id(0), ip(1));
        for number in 1..100_000 {
            proofs.record_pong(now, id(number), ip(2));
        }
        assert_eq!(proofs.answered.len(), 1 + MAX_AT_ADDRESS as usize);
        assert!(proofs.is_proven(now, &id(0), ip(1)));
    }

    #[test]
    fn a_newer_record_outdates_the_membership() {
        assert!(Membership::Unknown.is_outdated(None));
        assert!(
            !Membership::Ours(4).is_outdated(Some(4)) && !Membership::Ours(4).is_outdated(None)
        );
        assert!(Membership::Foreign(4).is_outdated(Some(5)));
    }
}
