//! Inbound handshakes in progress.

use std::{collections::VecDeque, net::IpAddr};

use p2p_mux::identity::host_prefix;

use super::refuse_reason::RefuseReason;

/// The inbound handshakes in progress, oldest first.
///
/// When there are too many, from one address or in all, the oldest is evicted for the newest. An honest
/// handshake takes a few round trips and ends soon; one that only occupies its entry does not. If the
/// newest were refused instead, a few silent sockets could lock all others out. Handshakes without a
/// proven key are evicted first: an honest node proves its key with its first bytes, so sockets that
/// stay silent evict only each other.
#[derive(Debug)]
pub(crate) struct PendingHandshakes {
    max: usize,
    max_per_ip: usize,
    entries: VecDeque<Handshake>,
    last: u64,
}

#[derive(Debug)]
struct Handshake {
    number: u64,
    /// The address, or for IPv6 its /64.
    host: IpAddr,
    key_proven: bool,
}

/// A handshake that must end to make room for a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) number: u64,
    pub(crate) reason: RefuseReason,
}

impl PendingHandshakes {
    /// `max`: all handshakes. `max_per_ip`: those of one address, half of `max` if `None`. Both count as
    /// at least 1.
    pub(crate) fn new(max: usize, max_per_ip: Option<usize>) -> Self {
        let mut pending = Self { max: 1, max_per_ip: 1, entries: VecDeque::new(), last: 0 };
        pending.set_limits(max, max_per_ip);
        pending
    }

    /// Replaces the limits, which apply to the next handshake.
    pub(crate) fn set_limits(&mut self, max: usize, max_per_ip: Option<usize>) {
        self.max = max.max(1);
        self.max_per_ip = max_per_ip.unwrap_or(self.max.div_ceil(2)).max(1);
    }

    /// Adds a handshake with an address. Returns its number, and the handshake that is evicted for it.
    pub(crate) fn insert(&mut self, ip: IpAddr) -> (u64, Option<Evicted>) {
        let host = host_prefix(ip);
        let same_host = self.entries.iter().filter(|entry| entry.host == host).count();
        let evicted = if same_host >= self.max_per_ip {
            self.evict(RefuseReason::TooManyPendingPerIp, |entry| entry.host == host)
        } else if self.entries.len() >= self.max {
            self.evict(RefuseReason::TooManyPending, |_| true)
        } else {
            None
        };
        self.last += 1;
        self.entries.push_back(Handshake { number: self.last, host, key_proven: false });
        (self.last, evicted)
    }

    /// The other end has proved its key.
    pub(crate) fn set_key_proven(&mut self, number: u64) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.number == number) {
            entry.key_proven = true;
        }
    }

    /// The handshake has ended, with or without success.
    pub(crate) fn remove(&mut self, number: u64) {
        self.entries.retain(|entry| entry.number != number);
    }

    /// Removes the oldest handshake that matches, if possible one without a proven key.
    fn evict(
        &mut self,
        reason: RefuseReason,
        matches: impl Fn(&Handshake) -> bool,
    ) -> Option<Evicted> {
        let unproven = self.entries.iter().position(|entry| !entry.key_proven && matches(entry));
        let oldest = unproven.or_else(|| self.entries.iter().position(matches));
        let Handshake { number, .. } = oldest.and_then(|index| self.entries.remove(index))?;
        Some(Evicted { number, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[test]
    fn the_oldest_is_evicted() {
        let mut pending = PendingHandshakes::new(2, None);
        let [first, second, third] = [1, 2, 3].map(|n| pending.insert(ip(n)));
        let evicted = Evicted { number: first.0, reason: RefuseReason::TooManyPending };
        assert_eq!((first.1, second.1, third.1), (None, None, Some(evicted)));
        pending.remove(second.0);
        assert_eq!(pending.insert(ip(4)).1, None);
        assert_eq!(pending.entries.len(), 2);
    }

    #[test]
    fn an_address_evicts_only_its_own_handshakes() {
        let mut pending = PendingHandshakes::new(10, Some(3));
        let (other, _) = pending.insert(ip(1));
        let mut evictions = 0;
        for _ in 0..1000 {
            if let (_, Some(evicted)) = pending.insert(ip(2)) {
                assert_ne!(evicted.number, other);
                assert_eq!(evicted.reason, RefuseReason::TooManyPendingPerIp);
                evictions += 1;
            }
        }
        assert_eq!((evictions, pending.entries.len()), (997, 4));
        assert_eq!(PendingHandshakes::new(50, None).max_per_ip, 25, "half by default");
    }

    #[test]
    fn a_proven_key_is_evicted_only_by_other_proven_keys() {
        let mut pending = PendingHandshakes::new(4, None);
        let (honest, _) = pending.insert(ip(1));
        pending.set_key_proven(honest);
        for n in 0..1000 {
            let (_, evicted) = pending.insert(ip(u8::try_from(n % 200).unwrap() + 2));
            assert!(evicted.is_none_or(|evicted| evicted.number != honest));
        }
        // Keys are cheap, so proven keys evict each other.
        let mut evicted = Vec::new();
        for n in 2..7 {
            let (number, old) = pending.insert(ip(n));
            pending.set_key_proven(number);
            evicted.extend(old);
        }
        assert!(
            evicted.contains(&Evicted { number: honest, reason: RefuseReason::TooManyPending })
        );
    }
}
