//! Inbound connections that have not become peers yet.

use std::{collections::VecDeque, net::IpAddr};

use p2p_mux::identity::host_prefix;
use tokio::sync::oneshot;

use crate::slots::Refusal;

/// The handshakes in progress, oldest first.
///
/// When there are too many, of one address or in all, an older one gives way to the newest: an honest
/// handshake takes a few round trips and is long done, one that only holds its place is not. Refusing
/// the newest instead would let a few silent sockets lock all others out. Those that have not even
/// proved a key go first: an honest node does that with the first bytes that it sends, so that those
/// who only open sockets push out each other.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    limit: usize,
    per_address: usize,
    entries: VecDeque<Entry>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    owner: IpAddr,
    proven: bool,
    evict: oneshot::Sender<Refusal>,
}

/// The place of one handshake.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// For [`HalfOpen::prove`] and [`HalfOpen::remove`].
    pub(crate) number: u64,
    /// Tells when the handshake must end, and why.
    pub(crate) evicted: oneshot::Receiver<Refusal>,
}

impl HalfOpen {
    /// Without a limit for one address it is half of all.
    pub(crate) fn new(limit: usize, per_address: Option<usize>) -> Self {
        let limit = limit.max(1);
        let per_address = per_address.unwrap_or(limit.div_ceil(2)).max(1);
        Self { limit, per_address, entries: VecDeque::new(), last: 0 }
    }

    /// Enters a handshake with an address.
    pub(crate) fn insert(&mut self, ip: IpAddr) -> Ticket {
        let owner = host_prefix(ip);
        let beside = self.entries.iter().filter(|entry| entry.owner == owner).count();
        if beside >= self.per_address {
            self.evict(Refusal::TooManyPendingPerIp, |entry| entry.owner == owner);
        } else if self.entries.len() >= self.limit {
            self.evict(Refusal::TooManyPending, |_| true);
        }
        self.last += 1;
        let (evict, evicted) = oneshot::channel();
        self.entries.push_back(Entry { number: self.last, owner, proven: false, evict });
        Ticket { number: self.last, evicted }
    }

    /// The other end has proved its key.
    pub(crate) fn prove(&mut self, number: u64) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.number == number) {
            entry.proven = true;
        }
    }

    /// The handshake has ended, in whatever way.
    pub(crate) fn remove(&mut self, number: u64) {
        self.entries.retain(|entry| entry.number != number);
    }

    /// The oldest of those that `of` picks gives way, of those without a proven key if there are any.
    fn evict(&mut self, why: Refusal, of: impl Fn(&Entry) -> bool) {
        let idle = self.entries.iter().position(|entry| !entry.proven && of(entry));
        let oldest = idle.or_else(|| self.entries.iter().position(of));
        if let Some(entry) = oldest.and_then(|index| self.entries.remove(index)) {
            // An error says that it is about to end anyway.
            let _ = entry.evict.send(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn evicted(tickets: &mut [Ticket]) -> Vec<Option<Refusal>> {
        tickets.iter_mut().map(|ticket| ticket.evicted.try_recv().ok()).collect()
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut half_open = HalfOpen::new(2, None);
        let mut tickets = [1, 2, 3].map(|n| half_open.insert(ip(n)));
        assert_eq!(evicted(&mut tickets), [Some(Refusal::TooManyPending), None, None]);
        half_open.remove(tickets[1].number);
        half_open.insert(ip(4));
        assert_eq!(evicted(&mut tickets[2..]), [None]);
        assert_eq!(half_open.entries.len(), 2);
    }

    #[test]
    fn one_address_pushes_out_only_itself() {
        let mut half_open = HalfOpen::new(10, Some(3));
        let mut other = [half_open.insert(ip(1))];
        let mut tickets: Vec<_> = (0..1000).map(|_| half_open.insert(ip(2))).collect();
        assert_eq!(evicted(&mut other), [None]);
        assert!(evicted(&mut tickets[..997]).iter().all(Option::is_some));
        assert_eq!(tickets[997].evicted.try_recv().ok(), None);
        assert_eq!(half_open.entries.len(), 4);
        assert_eq!(HalfOpen::new(50, None).per_address, 25, "half, unless told");
    }

    #[test]
    fn who_has_proved_a_key_is_not_pushed_out_by_who_has_not() {
        let mut half_open = HalfOpen::new(4, None);
        let mut honest = [half_open.insert(ip(1))];
        half_open.prove(honest[0].number);
        for n in 0..1000 {
            half_open.insert(ip(u8::try_from(n % 200).unwrap() + 2));
        }
        assert_eq!(evicted(&mut honest), [None]);
        // Those who have are, by each other: keys are cheap.
        for n in 2..7 {
            let number = half_open.insert(ip(n)).number;
            half_open.prove(number);
        }
        assert_eq!(evicted(&mut honest), [Some(Refusal::TooManyPending)]);
    }
}
