//! Limits on incoming datagrams, checked before anything costly is done.

use core::hash::Hash;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::time::Instant;

use p2p_identity::{NodeId, host_prefix};
use p2p_world::HashMap;

use super::rng::SeededRng;
use super::tick_budget::{Admission, Request, TickBudget};
use crate::config::DatagramLimits;
use crate::stats::DropReason;
use crate::token_bucket::{FillRate, TokenBucket};

/// The period for which signature checks are counted.
const TICK: Duration = Duration::from_millis(100);

/// Maximum number of keys with a bucket of their own; all others share one bucket. Only a flood from
/// forged addresses reaches it, and the limits on signature checks stop that one.
const MAX_BUCKETS: usize = 8192;

/// Minimum time between two sweeps of full buckets.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of the sender of a request before its signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SenderClass {
    /// A node at this address has proven its endpoint.
    Proven,
    /// Any other sender.
    Stranger,
}

/// When a request is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandleTime {
    /// Immediately.
    Now {
        /// As [`Request::is_over_rate`].
        is_over_rate: bool,
    },
    /// At the end of the tick, if it is not dropped before.
    TickEnd,
}

/// Limits requests per address, and signature checks per class of senders.
///
/// An address can be forged, and then its rate is used up by others. So a node with an endpoint proof
/// has a rate of its own besides: see [`admit_node`](Self::admit_node).
#[derive(Debug)]
pub(super) struct RateLimiter {
    limits: DatagramLimits,
    addresses: Buckets<IpAddr>,
    nodes: Buckets<NodeId>,
    tick: Instant,
    /// Signature checks of answers in this tick.
    replies: u32,
    proven: TickBudget,
    strangers: TickBudget,
}

impl RateLimiter {
    pub(super) fn new(limits: DatagramLimits, now: Instant) -> Self {
        Self {
            limits,
            addresses: Buckets::new(now),
            nodes: Buckets::new(now),
            tick: now,
            replies: 0,
            proven: TickBudget::default(),
            strangers: TickBudget::default(),
        }
    }

    /// When the tick ends, if requests wait for that.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let has_waiting = self.proven.has_waiting() || self.strangers.has_waiting();
        has_waiting.then(|| self.tick + TICK)
    }

    /// Begins a new tick if the current one is over. Returns the requests that have waited for that:
    /// first those of nodes that are known.
    pub(super) fn begin_tick(&mut self, now: Instant) -> Vec<Request> {
        if now.saturating_duration_since(self.tick) < TICK {
            return Vec::new();
        }
        self.tick = now;
        self.replies = 0;
        let mut requests = self.proven.begin_tick();
        requests.extend(self.strangers.begin_tick());
        requests
    }

    /// Counts the signature check of an answer to a request of ours, or refuses it.
    pub(super) const fn admit_reply(&mut self) -> Result<(), DropReason> {
        if self.replies >= self.limits.replies_per_tick {
            return Err(DropReason::ReplyRate);
        }
        self.replies += 1;
        Ok(())
    }

    /// Counts a request, whose hash has been checked, or refuses it.
    pub(super) fn admit_request(
        &mut self,
        now: Instant,
        sender: SenderClass,
        (from, bytes): (SocketAddr, &[u8]),
        rng: &mut SeededRng,
    ) -> Result<HandleTime, DropReason> {
        let is_over_rate = !self.addresses.take(self.rate(), now, host_prefix(from.ip()));
        let (budget, limit, reason) = match sender {
            SenderClass::Stranger if is_over_rate => return Err(DropReason::AddressRate),
            SenderClass::Stranger => {
                (&mut self.strangers, self.limits.strangers_per_tick, DropReason::StrangerRate)
            }
            SenderClass::Proven => {
                (&mut self.proven, self.limits.proven_per_tick, DropReason::ProvenRate)
            }
        };
        match budget.admit(limit, (from, bytes, is_over_rate), rng) {
            Admission::Now => Ok(HandleTime::Now { is_over_rate }),
            Admission::Waits => Ok(HandleTime::TickEnd),
            Admission::OneDropped => Err(reason),
        }
    }

    /// Counts a request of a node with an endpoint proof, whose address has used up its rate.
    pub(super) fn admit_node(&mut self, now: Instant, id: NodeId) -> Result<(), DropReason> {
        let is_admitted = self.nodes.take(self.rate(), now, id);
        if is_admitted { Ok(()) } else { Err(DropReason::AddressRate) }
    }

    fn rate(&self) -> FillRate {
        FillRate::per_second(self.limits.per_second, self.limits.burst)
    }
}

/// Token buckets of the same rate by key, in a bounded amount of memory.
#[derive(Debug)]
struct Buckets<K> {
    buckets: HashMap<K, TokenBucket>,
    /// Shared by all keys beyond [`MAX_BUCKETS`].
    overflow: TokenBucket,
    next_sweep: Instant,
}

impl<K: Hash + Eq> Buckets<K> {
    fn new(now: Instant) -> Self {
        Self { buckets: HashMap::default(), overflow: TokenBucket::default(), next_sweep: now }
    }

    /// Takes a token of this key. Returns `false` if there is none.
    fn take(&mut self, rate: FillRate, now: Instant, key: K) -> bool {
        if self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&key) {
            self.sweep(now);
        }
        let has_bucket = self.buckets.len() < MAX_BUCKETS || self.buckets.contains_key(&key);
        let bucket =
            if has_bucket { self.buckets.entry(key).or_default() } else { &mut self.overflow };
        bucket.take(rate, now)
    }

    /// Removes the buckets that are full: a new one would be the same.
    fn sweep(&mut self, now: Instant) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_INTERVAL;
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter(now: Instant) -> RateLimiter {
        let limits = DatagramLimits {
            per_second: 2,
            burst: 4,
            strangers_per_tick: 3,
            proven_per_tick: 100,
            ..DatagramLimits::default()
        };
        RateLimiter::new(limits, now)
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    /// How many of 100 requests find a token of the address.
    fn admitted(limiter: &mut RateLimiter, now: Instant, ip: IpAddr) -> usize {
        let rate = limiter.rate();
        (0..100).filter(|_| limiter.addresses.take(rate, now, host_prefix(ip))).count()
    }

    /// How many of `count` requests, each from another address, are handled or wait.
    fn handled(limiter: &mut RateLimiter, now: Instant, sender: SenderClass, count: u32) -> usize {
        let mut rng = SeededRng::new([1; 32]);
        limiter.begin_tick(now);
        let admit = |number| {
            let from = SocketAddr::new(ip(number), 1);
            limiter.admit_request(now, sender, (from, &[]), &mut rng).is_ok()
        };
        (0..count).map(admit).filter(|is_ok| *is_ok).count()
    }

    #[test]
    fn an_address_has_a_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut limiter = limiter(start);
        assert_eq!(admitted(&mut limiter, start, ip(1)), 4);
        assert_eq!(admitted(&mut limiter, start + SECOND, ip(1)), 2);
        assert_eq!(admitted(&mut limiter, start + 100 * SECOND, ip(1)), 4);
        assert_eq!(admitted(&mut limiter, start, ip(1)), 0, "the clock went back");
        assert_eq!(admitted(&mut limiter, start + SECOND, ip(2)), 4, "another address");
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let now = Instant::now();
        let mut limiter = limiter(now);
        assert_eq!(admitted(&mut limiter, now, "2606:4700:0:1::1".parse().unwrap()), 4);
        assert_eq!(admitted(&mut limiter, now, "2606:4700:0:1:ffff::9".parse().unwrap()), 0);
        assert_eq!(admitted(&mut limiter, now, "2606:4700:0:2::1".parse().unwrap()), 4);
    }

    #[test]
    fn forged_addresses_take_a_bounded_amount_of_memory() {
        let start = Instant::now();
        let mut limiter = limiter(start);
        for number in 0..20_000 {
            admitted(&mut limiter, start, ip(number));
        }
        assert_eq!(limiter.addresses.buckets.len(), MAX_BUCKETS);
        assert_eq!(admitted(&mut limiter, start, ip(30_000)), 0, "the rest shares one bucket");
        let later = start + 10 * SECOND;
        assert_eq!(admitted(&mut limiter, later, ip(30_000)), 4, "full buckets were removed");
        assert_eq!(limiter.addresses.buckets.len(), 1);
    }

    #[test]
    fn each_class_has_its_own_limit_per_tick() {
        let start = Instant::now();
        let mut limiter = limiter(start);
        assert_eq!(handled(&mut limiter, start, SenderClass::Stranger, 10), 3);
        assert_eq!(limiter.next_due(), Some(start + TICK), "some wait");
        assert_eq!(handled(&mut limiter, start, SenderClass::Proven, 10), 10);
        assert_eq!(limiter.admit_reply(), Ok(()));
        assert_eq!(handled(&mut limiter, start + TICK, SenderClass::Stranger, 10), 3);
    }

    #[test]
    fn a_node_has_a_rate_apart_from_its_address() {
        let now = Instant::now();
        let mut limiter = limiter(now);
        assert_eq!(admitted(&mut limiter, now, ip(1)), 4);
        let (mut rng, from) = (SeededRng::new([1; 32]), SocketAddr::new(ip(1), 1));
        let mut request = |sender| limiter.admit_request(now, sender, (from, &[]), &mut rng);
        assert_eq!(request(SenderClass::Stranger), Err(DropReason::AddressRate));
        let over_rate = HandleTime::Now { is_over_rate: true };
        assert_eq!(request(SenderClass::Proven), Ok(over_rate));
        let id = NodeId([1; 64]);
        assert_eq!((0..10).filter(|_| limiter.admit_node(now, id).is_ok()).count(), 4);
    }
}
