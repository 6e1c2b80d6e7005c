//! Limits on incoming datagrams, checked before anything costly is done.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use p2p_identity::host_prefix;

use crate::config::DatagramLimits;
use crate::stats::DropReason;
use crate::token_bucket::{FillRate, TokenBucket};

/// The period for which signature checks are counted.
const TICK: Duration = Duration::from_millis(100);

/// Maximum number of addresses with a bucket of their own; all others share one bucket. Only a flood
/// from forged addresses reaches it, and the limits on signature checks stop that one.
const MAX_ADDRESSES: usize = 8192;

/// Minimum time between two sweeps of full buckets.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of the sender of a packet before its signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SenderClass {
    /// The packet answers a request of ours.
    Asked,
    /// A node at this address has proven its endpoint.
    Proven,
    /// Any other sender.
    Stranger,
}

/// Limits requests per address and signature checks per class of senders.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limits: DatagramLimits,
    buckets: HashMap<IpAddr, TokenBucket>,
    /// Shared by all addresses beyond [`MAX_ADDRESSES`].
    overflow: TokenBucket,
    next_sweep: Instant,
    tick: Instant,
    /// Signature checks in this tick, by class.
    checks: [u32; 3],
}

impl RateLimiter {
    pub(super) fn new(limits: DatagramLimits, now: Instant) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            overflow: TokenBucket::default(),
            next_sweep: now,
            tick: now,
            checks: [0; 3],
        }
    }

    /// Counts a request from `ip`, or refuses it.
    pub(super) fn admit_request(&mut self, now: Instant, ip: IpAddr) -> Result<(), DropReason> {
        let key = host_prefix(ip);
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&key) {
            self.sweep(now);
        }
        let rate = FillRate::per_second(self.limits.per_second, self.limits.burst);
        let bucket = if self.buckets.len() < MAX_ADDRESSES || self.buckets.contains_key(&key) {
            self.buckets.entry(key).or_default()
        } else {
            &mut self.overflow
        };
        if bucket.take(rate, now) { Ok(()) } else { Err(DropReason::AddressRate) }
    }

    /// Counts a signature check, or refuses it.
    pub(super) fn admit_check(
        &mut self,
        now: Instant,
        sender: SenderClass,
    ) -> Result<(), DropReason> {
        if now.saturating_duration_since(self.tick) >= TICK {
            self.tick = now;
            self.checks = [0; 3];
        }
        let (limit, reason) = match sender {
            SenderClass::Asked => (self.limits.replies_per_tick, DropReason::ReplyRate),
            SenderClass::Proven => (self.limits.proven_per_tick, DropReason::ProvenRate),
            SenderClass::Stranger => (self.limits.strangers_per_tick, DropReason::StrangerRate),
        };
        let checks = &mut self.checks[sender as usize];
        if *checks >= limit {
            return Err(reason);
        }
        *checks += 1;
        Ok(())
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
            ..DatagramLimits::default()
        };
        RateLimiter::new(limits, now)
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    fn admitted(limiter: &mut RateLimiter, now: Instant, ip: IpAddr) -> usize {
        (0..100).filter(|_| limiter.admit_request(now, ip).is_ok()).count()
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
            let _ = limiter.admit_request(start, ip(number));
        }
        assert_eq!(limiter.buckets.len(), MAX_ADDRESSES);
        assert_eq!(admitted(&mut limiter, start, ip(30_000)), 0, "the rest shares one bucket");
        let later = start + 10 * SECOND;
        assert_eq!(admitted(&mut limiter, later, ip(30_000)), 4, "full buckets were removed");
        assert_eq!(limiter.buckets.len(), 1);
    }

    #[test]
    fn each_class_has_its_own_limit_per_tick() {
        let start = Instant::now();
        let mut limiter = limiter(start);
        let strangers = |limiter: &mut RateLimiter, now| {
            (0..10).filter(|_| limiter.admit_check(now, SenderClass::Stranger).is_ok()).count()
        };
        assert_eq!(strangers(&mut limiter, start), 3);
        assert_eq!(
            limiter.admit_check(start, SenderClass::Stranger),
            Err(DropReason::StrangerRate)
        );
        assert_eq!(limiter.admit_check(start, SenderClass::Proven), Ok(()));
        assert_eq!(limiter.admit_check(start, SenderClass::Asked), Ok(()));
        assert_eq!(strangers(&mut limiter, start + TICK), 3);
    }
}
