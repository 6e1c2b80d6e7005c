//! What is let in: rationing before anything costly is done.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use p2p_identity::host_prefix;

use crate::{DatagramLimits, DropReason};

/// How long a ration of signatures lasts.
const TICK: Duration = Duration::from_millis(100);

/// How many addresses have a bucket of their own. Those beyond share one: only a flood from made up
/// addresses comes to that, and it is for the rations of signatures to stop.
const MAX_ADDRESSES: usize = 8192;

/// How often full buckets are thrown away at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Who sent a packet whose signature is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// It answers what we asked.
    Asked,
    /// Somebody at its address has proven to be there.
    Proven,
    /// Anybody else.
    Stranger,
}

/// Counts what comes in and refuses what is too much.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: DatagramLimits,
    buckets: HashMap<IpAddr, Bucket>,
    /// Of all addresses for which there is no room.
    others: Bucket,
    next_sweep: Instant,
    tick: Instant,
    /// Signatures looked at in this tick, by sender.
    spent: [u32; 3],
}

impl Gate {
    pub(crate) fn new(limits: DatagramLimits, now: Instant) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            others: Bucket::full(&limits, now),
            next_sweep: now,
            tick: now,
            spent: [0; 3],
        }
    }

    /// Whether one more request may come from `ip`.
    pub(crate) fn admit(&mut self, now: Instant, ip: IpAddr) -> Result<(), DropReason> {
        let key = host_prefix(ip);
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&key) {
            self.sweep(now);
        }
        let limits = &self.limits;
        let bucket = if self.buckets.len() < MAX_ADDRESSES || self.buckets.contains_key(&key) {
            self.buckets.entry(key).or_insert_with(|| Bucket::full(limits, now))
        } else {
            &mut self.others
        };
        if bucket.take(limits, now) { Ok(()) } else { Err(DropReason::AddressRate) }
    }

    /// Whether one more signature may be looked at.
    pub(crate) fn spend(&mut self, now: Instant, sender: Sender) -> Result<(), DropReason> {
        if now.saturating_duration_since(self.tick) >= TICK {
            self.tick = now;
            self.spent = [0; 3];
        }
        let (limit, reason) = match sender {
            Sender::Asked => (self.limits.replies_per_tick, DropReason::ReplyRate),
            Sender::Proven => (self.limits.proven_per_tick, DropReason::ProvenRate),
            Sender::Stranger => (self.limits.strangers_per_tick, DropReason::StrangerRate),
        };
        let spent = &mut self.spent[sender as usize];
        if *spent >= limit {
            return Err(reason);
        }
        *spent += 1;
        Ok(())
    }

    /// Forgets the addresses that have been quiet for so long that it makes no difference.
    fn sweep(&mut self, now: Instant) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_EVERY;
        let limits = &self.limits;
        self.buckets.retain(|_, bucket| !bucket.is_full(limits, now));
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f32,
    filled: Instant,
}

impl Bucket {
    fn full(limits: &DatagramLimits, now: Instant) -> Self {
        Self { tokens: amount(limits.burst), filled: now }
    }

    fn level(&self, limits: &DatagramLimits, now: Instant) -> f32 {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f32();
        (self.tokens + seconds * amount(limits.per_second)).min(amount(limits.burst))
    }

    fn is_full(&self, limits: &DatagramLimits, now: Instant) -> bool {
        self.level(limits, now) >= amount(limits.burst)
    }

    fn take(&mut self, limits: &DatagramLimits, now: Instant) -> bool {
        let level = self.level(limits, now);
        let taken = level >= 1.0;
        // A clock that goes back fills nothing, and does not empty what is there either.
        *self =
            Self { tokens: if taken { level - 1.0 } else { level }, filled: now.max(self.filled) };
        taken
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts so many packets that it matters")]
const fn amount(packets: u32) -> f32 {
    packets as f32
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gate(now: Instant) -> Gate {
        let limits = DatagramLimits {
            per_second: 2,
            burst: 4,
            strangers_per_tick: 3,
            ..DatagramLimits::default()
        };
        Gate::new(limits, now)
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    fn admitted(gate: &mut Gate, now: Instant, ip: IpAddr) -> usize {
        (0..100).filter(|_| gate.admit(now, ip).is_ok()).count()
    }

    #[test]
    fn an_address_has_a_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut gate = gate(start);
        assert_eq!(admitted(&mut gate, start, ip(1)), 4);
        assert_eq!(admitted(&mut gate, start + SECOND, ip(1)), 2);
        assert_eq!(admitted(&mut gate, start + 100 * SECOND, ip(1)), 4);
        assert_eq!(admitted(&mut gate, start, ip(1)), 0, "a clock that goes back gives nothing");
        assert_eq!(admitted(&mut gate, start + SECOND, ip(2)), 4, "another one has its own");
    }

    #[test]
    fn the_addresses_of_one_ipv6_customer_count_as_one() {
        let now = Instant::now();
        let mut gate = gate(now);
        assert_eq!(admitted(&mut gate, now, "2606:4700:0:1::1".parse().unwrap()), 4);
        assert_eq!(admitted(&mut gate, now, "2606:4700:0:1:ffff::9".parse().unwrap()), 0);
        assert_eq!(admitted(&mut gate, now, "2606:4700:0:2::1".parse().unwrap()), 4);
    }

    #[test]
    fn made_up_addresses_take_no_more_memory_than_there_is() {
        let start = Instant::now();
        let mut gate = gate(start);
        for number in 0..20_000 {
            let _ = gate.admit(start, ip(number));
        }
        assert_eq!(gate.buckets.len(), MAX_ADDRESSES);
        assert_eq!(admitted(&mut gate, start, ip(30_000)), 0, "the rest shares one bucket");
        assert_eq!(
            admitted(&mut gate, start + 10 * SECOND, ip(30_000)),
            4,
            "the quiet are forgotten"
        );
        assert_eq!(gate.buckets.len(), 1);
    }

    #[test]
    fn rations_are_apart_and_last_for_a_tick() {
        let start = Instant::now();
        let mut gate = gate(start);
        let strangers = |gate: &mut Gate, now| {
            (0..10).filter(|_| gate.spend(now, Sender::Stranger).is_ok()).count()
        };
        assert_eq!(strangers(&mut gate, start), 3);
        assert_eq!(gate.spend(start, Sender::Stranger), Err(DropReason::StrangerRate));
        assert_eq!(gate.spend(start, Sender::Proven), Ok(()));
        assert_eq!(gate.spend(start, Sender::Asked), Ok(()));
        assert_eq!(strangers(&mut gate, start + TICK), 3);
    }
}
