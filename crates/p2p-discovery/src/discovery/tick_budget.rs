//! The signature checks of one tick for one class of senders, given out at random.

use core::net::{IpAddr, SocketAddr};
use p2p_world::HashMap;

use p2p_identity::host_prefix;

use super::rng::SeededRng;

/// Maximum number of requests that wait for the end of a tick, whatever the limit per tick is.
const MAX_WAITING: usize = 512;

/// A request whose signature is to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
    /// Whether its address has used up its rate. Then it counts only if it is signed by a node with an
    /// endpoint proof.
    pub(super) is_over_rate: bool,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is handled immediately.
    Now,
    /// It waits for the end of the tick.
    Waits,
    /// One request was dropped: this one, or one that waited and whose place it takes.
    OneDropped,
}

/// A request that waits, with its number in the lottery: the lowest numbers win.
#[derive(Debug)]
struct WaitingRequest {
    host: IpAddr,
    number: u64,
    request: Request,
}

/// Gives out the signature checks of a tick.
///
/// While there is no flood, the first half of the requests is handled immediately. All others wait for
/// the end of the tick, at most as many as checks are left. If there are too many, the choice is fair
/// over hosts, and random among the requests of one host. So a sender that is first or sends most has no
/// advantage.
#[derive(Debug, Default)]
pub(super) struct TickBudget {
    /// Requests handled immediately in this tick.
    used: usize,
    waiting: Vec<WaitingRequest>,
    has_dropped: bool,
    /// Whether requests were dropped in the tick before. Then all wait.
    is_flooded: bool,
}

impl TickBudget {
    /// Whether requests wait for the end of the tick.
    pub(super) const fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Begins a new tick. Returns the requests that have waited, in random order.
    pub(super) fn begin_tick(&mut self) -> Vec<Request> {
        self.used = 0;
        self.is_flooded = std::mem::take(&mut self.has_dropped);
        self.waiting.sort_unstable_by_key(|waiting| waiting.number);
        self.waiting.drain(..).map(|waiting| waiting.request).collect()
    }

    /// Decides on a request of `from` in a tick with `limit` checks. Only a request that waits is copied.
    pub(super) fn admit(
        &mut self,
        limit: u32,
        (from, bytes, is_over_rate): (SocketAddr, &[u8], bool),
        rng: &mut SeededRng,
    ) -> Admission {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if !self.is_flooded && self.used < limit.div_ceil(2) {
            self.used += 1;
            return Admission::Now;
        }
        let (host, number) = (host_prefix(from.ip()), rng.number());
        let is_full = self.waiting.len() >= limit.saturating_sub(self.used).min(MAX_WAITING);
        self.has_dropped |= is_full;
        if is_full && !self.drop_worse_than(host, number) {
            return Admission::OneDropped;
        }
        let request = Request { from, bytes: bytes.to_vec(), is_over_rate };
        self.waiting.push(WaitingRequest { host, number, request });
        if is_full { Admission::OneDropped } else { Admission::Waits }
    }

    /// Drops the request with the highest number among those of the hosts with the most requests, the
    /// new one included. Returns `false` if that is the new one.
    fn drop_worse_than(&mut self, host: IpAddr, number: u64) -> bool {
        let mut counts: HashMap<IpAddr, usize> = HashMap::from_iter([(host, 1)]);
        for waiting in &self.waiting {
            *counts.entry(waiting.host).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let is_greedy = |host: &IpAddr| counts.get(host) == Some(&most);
        let worst = (0..self.waiting.len())
            .filter(|index| is_greedy(&self.waiting[*index].host))
            .max_by_key(|index| self.waiting[*index].number);
        let worst = worst.filter(|index| !is_greedy(&host) || self.waiting[*index].number > number);
        worst.is_some_and(|index| {
            self.waiting.swap_remove(index);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(number: u32) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::from_bits(number).into(), 30303)
    }

    /// A tick in which these hosts send one request each, in this order. Returns how many were handled
    /// immediately, and the hosts of those that waited.
    fn tick(
        budget: &mut TickBudget,
        limit: u32,
        hosts: impl IntoIterator<Item = u32>,
        rng: &mut SeededRng,
    ) -> (usize, Vec<SocketAddr>) {
        let admit = |host| budget.admit(limit, (from(host), &[], false), rng) == Admission::Now;
        let now = hosts.into_iter().map(admit).filter(|is_now| *is_now).count();
        (now, budget.begin_tick().into_iter().map(|request| request.from).collect())
    }

    #[test]
    fn a_quiet_tick_handles_the_first_half_immediately_and_drops_none() {
        let (mut budget, mut rng) = (TickBudget::default(), SeededRng::new([1; 32]));
        assert_eq!(tick(&mut budget, 10, 0..5, &mut rng), (5, vec![]));
        let (now, waited) = tick(&mut budget, 10, 0..10, &mut rng);
        assert_eq!((now, waited.len()), (5, 5));
        assert_eq!(tick(&mut budget, 10, 0..5, &mut rng).0, 5, "there is no flood");
        assert_eq!(tick(&mut budget, 0, 0..5, &mut rng), (0, vec![]));
    }

    /// The last of 400 senders has the same chance as the first.
    #[test]
    fn in_a_flood_the_order_of_arrival_has_no_effect() {
        let (mut budget, mut rng) = (TickBudget::default(), SeededRng::new([1; 32]));
        tick(&mut budget, 100, 0..400, &mut rng);
        let mut answered = [0; 4];
        for _ in 0..100 {
            let (now, waited) = tick(&mut budget, 100, 0..400, &mut rng);
            assert_eq!((now, waited.len()), (0, 100));
            for quarter in 0..4 {
                let is_in = |host| waited.contains(&from(host));
                answered[quarter as usize] +=
                    (quarter * 100..(quarter + 1) * 100).filter(|host| is_in(*host)).count();
            }
        }
        assert!(answered.iter().all(|count| (2200..2800).contains(count)), "{answered:?}");
    }

    #[test]
    fn hosts_with_many_requests_lose_theirs_before_hosts_with_few() {
        let (mut budget, mut rng) = (TickBudget::default(), SeededRng::new([1; 32]));
        tick(&mut budget, 100, 0..400, &mut rng);
        let greedy = (0..1000).map(|number| number % 8);
        let (_, waited) = tick(&mut budget, 100, greedy.chain(100..110), &mut rng);
        assert_eq!(waited.len(), 100);
        assert!((100..110).all(|host| waited.contains(&from(host))), "{waited:?}");
    }
}
