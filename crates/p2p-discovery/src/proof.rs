//! Who has proven to be where.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use p2p_identity::NodeId;

/// How long a proof of ours counts (discv4: the last 12 hours).
const VALID: Duration = Duration::from_secs(12 * 60 * 60);

/// How many are remembered. Whoever is forgotten only has to answer a ping again.
const MAX_PROOFS: usize = 16_384;

/// How many nodes may be remembered at one IP address: more than any household or test machine has,
/// and too few to push out all others.
const MAX_AT_ADDRESS: u32 = 1024;

/// What a node has said of its network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Membership {
    /// Its record has not been asked for.
    #[default]
    Unknown,
    /// Its record of this sequence number names our network.
    Ours(u64),
    /// Its record of this sequence number names another network or none, or it has no record (0).
    Foreign(u64),
}

impl Membership {
    /// Whether a record of the sequence number `announced` could say something else.
    pub(crate) fn is_outdated(self, announced: Option<u64>) -> bool {
        match self {
            Self::Unknown => true,
            Self::Ours(known) | Self::Foreign(known) => announced.is_some_and(|seq| seq > known),
        }
    }
}

/// Who, and where.
type Place = (NodeId, IpAddr);

/// A node that has answered a ping.
#[derive(Clone, Copy, Debug)]
struct Answered {
    at: Instant,
    membership: Membership,
}

/// Endpoint proofs (discv4, "Endpoint Proof"), by node and IP address.
///
/// The two directions are apart: anybody can ping us in the name of any address, but only who is there
/// can answer.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// Who has answered a ping of ours: it is there.
    answered: HashMap<Place, Answered>,
    /// Whose ping we answered: it knows that we are here, if it is there.
    pinged: HashMap<Place, Instant>,
    /// How many nodes have answered at an address.
    at: HashMap<IpAddr, u32>,
}

impl Proofs {
    /// A ping of ours was answered. Returns whether the node had not been proven to be there before.
    pub(crate) fn answered(&mut self, now: Instant, id: NodeId, ip: IpAddr) -> bool {
        let is_new = !self.is_proven(now, &id, ip);
        if let Some(known) = self.answered.get_mut(&(id, ip)) {
            known.at = now;
            return is_new;
        }
        if self.at.get(&ip).is_some_and(|count| *count >= MAX_AT_ADDRESS) {
            return is_new;
        }
        if self.answered.len() >= MAX_PROOFS {
            forget_older_half(&mut self.answered, |proof| proof.at);
            self.at.clear();
            for (_, ip) in self.answered.keys() {
                *self.at.entry(*ip).or_default() += 1;
            }
        }
        *self.at.entry(ip).or_default() += 1;
        self.answered.insert((id, ip), Answered { at: now, membership: Membership::Unknown });
        is_new
    }

    /// We answered a ping.
    pub(crate) fn pinged(&mut self, now: Instant, id: NodeId, ip: IpAddr) {
        if self.pinged.len() >= MAX_PROOFS && !self.pinged.contains_key(&(id, ip)) {
            forget_older_half(&mut self.pinged, |at| *at);
        }
        self.pinged.insert((id, ip), now);
    }

    /// The node does not answer any more.
    pub(crate) fn revoke(&mut self, id: &NodeId, ip: IpAddr) {
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

    /// The record of the node has been read, or is known to be none.
    pub(crate) fn set_membership(&mut self, id: NodeId, ip: IpAddr, membership: Membership) {
        if let Some(proof) = self.answered.get_mut(&(id, ip)) {
            proof.membership = membership;
        }
    }

    pub(crate) fn membership(&self, id: &NodeId, ip: IpAddr) -> Membership {
        self.answered.get(&(*id, ip)).map(|proof| proof.membership).unwrap_or_default()
    }

    /// Whether the node has answered a ping from there lately.
    pub(crate) fn is_proven(&self, now: Instant, id: &NodeId, ip: IpAddr) -> bool {
        self.answered.get(&(*id, ip)).is_some_and(|proof| is_recent(now, proof.at))
    }

    /// Whether the node has pinged us from there lately, so that it knows us.
    pub(crate) fn knows_us(&self, now: Instant, id: &NodeId, ip: IpAddr) -> bool {
        self.pinged.get(&(*id, ip)).is_some_and(|at| is_recent(now, *at))
    }

    /// Whether anybody at `ip` has answered: cheaper than to find out who it is.
    pub(crate) fn any_at(&self, ip: IpAddr) -> bool {
        self.at.contains_key(&ip)
    }
}

fn is_recent(now: Instant, at: Instant) -> bool {
    now.saturating_duration_since(at) < VALID
}

/// Halving makes what it costs, a walk over all, too rare to matter.
fn forget_older_half<T>(all: &mut HashMap<Place, T>, when: impl Fn(&T) -> Instant) {
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
    fn a_proof_is_of_one_node_at_one_address_for_twelve_hours() {
        let start = Instant::now();
        let mut proofs = Proofs::default();
        assert!(!proofs.any_at(ip(1)));
        assert!(proofs.answered(start, id(1), ip(1)), "for the first time");
        assert!(!proofs.answered(start, id(1), ip(1)));
        assert!(proofs.is_proven(start, &id(1), ip(1)) && proofs.any_at(ip(1)));
        assert!(!proofs.is_proven(start, &id(2), ip(1)) && !proofs.is_proven(start, &id(1), ip(2)));
        assert!(!proofs.knows_us(start, &id(1), ip(1)), "the other direction is another proof");
        proofs.pinged(start, id(1), ip(1));
        let last = start + VALID - Duration::from_secs(1);
        assert!(proofs.is_proven(last, &id(1), ip(1)) && proofs.knows_us(last, &id(1), ip(1)));
        assert!(!proofs.is_proven(start + VALID, &id(1), ip(1)));
        assert!(proofs.answered(start + VALID, id(1), ip(1)), "again for the first time");
        proofs.revoke(&id(1), ip(1));
        assert!(!proofs.any_at(ip(1)));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let start = Instant::now();
        let mut proofs = Proofs::default();
        for number in 0..100_000 {
            let now = start + Duration::from_millis(number.into());
            proofs.answered(now, id(number), ip(number));
        }
        let end = start + Duration::from_secs(100);
        assert!(proofs.answered.len() <= MAX_PROOFS);
        assert_eq!(proofs.at.len(), proofs.answered.len());
        assert!(proofs.is_proven(end, &id(99_999), ip(99_999)));
        assert!(!proofs.is_proven(end, &id(0), ip(0)));
    }

    #[test]
    fn pings_in_the_name_of_others_prove_nothing() {
        let now = Instant::now();
        let mut proofs = Proofs::default();
        proofs.answered(now, id(0), ip(0));
        for number in 1..100_000 {
            proofs.pinged(now + Duration::from_millis(number.into()), id(number), ip(number));
        }
        assert!(proofs.pinged.len() <= MAX_PROOFS && !proofs.any_at(ip(99_999)));
        assert!(proofs.is_proven(now, &id(0), ip(0)), "and push nobody out");
    }

    #[test]
    fn one_address_does_not_push_out_the_others() {
        let now = Instant::now();
        let mut proofs = Proofs::default();
        proofs.answered(now, id(0), ip(1));
        for number in 1..100_000 {
            proofs.answered(now, id(number), ip(2));
        }
        assert_eq!(proofs.answered.len(), 1 + MAX_AT_ADDRESS as usize);
        assert!(proofs.is_proven(now, &id(0), ip(1)));
    }

    #[test]
    fn a_newer_record_may_say_something_else() {
        assert!(Membership::Unknown.is_outdated(None));
        assert!(
            !Membership::Ours(4).is_outdated(Some(4)) && !Membership::Ours(4).is_outdated(None)
        );
        assert!(Membership::Foreign(4).is_outdated(Some(5)));
    }
}
