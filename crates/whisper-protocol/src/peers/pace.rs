//! Keeps this node within the rate limits of a peer.

use std::time::Duration;

use crate::{
    peers::rate_limit::bucket::{BURST, Bucket, inflow},
    wire::packet::Rates,
};

/// The pace at which one peer is sent packets.
///
/// It is a little below the peer's limit and uses half of its burst: clocks differ, and packets that were delayed on the
/// way arrive together.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Packets per second; 0 is no limit.
    limit: u64,
    sent: Bucket,
}

impl Pace {
    /// The peer announced its limits. The limit per topic is ignored: no known node enforces it.
    pub(crate) fn set(&mut self, rates: &Rates) {
        let limits = [rates.per_ip, rates.per_peer].into_iter().filter(|limit| *limit > 0);
        self.limit = limits.min().unwrap_or(0);
    }

    /// How long to wait before the next packet of envelopes.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        if self.limit == 0 {
            return Duration::ZERO;
        }
        self.sent.missing(now).saturating_sub((BURST / 2).saturating_sub(self.interval()))
    }

    /// A packet of any kind was sent.
    pub(crate) fn handle_sent(&mut self, now: Duration) {
        // Packets that cannot wait, such as acknowledgements, may cause a debt. It is limited.
        if self.limit > 0 && self.sent.missing(now) < 2 * BURST {
            self.sent.take(now, self.interval());
        }
    }

    /// The time between two packets, at nine tenths of the limit.
    fn interval(&self) -> Duration {
        inflow(10, self.limit.saturating_mul(9), BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use p2p_identity::NodeId;
    use proptest::prelude::*;

    use super::*;
    use crate::peers::rate_limit::{Rate, RateLimiter, RateLimits};

    proptest! {
        /// Whatever the limit is and however the packets are spaced.
        #[test]
        fn packets_at_this_pace_stay_within_the_limit_at_the_other_end(
            limit in 1_u32..2000,
            delays in prop::collection::vec(0_u64..3000, 1..200),
        ) {
            let rate = Rate { messages: NonZeroU32::new(limit), bytes: None };
            let limiter = RateLimiter::new(RateLimits { peer: rate, ..RateLimits::default() });
            let (mut pace, id) = (Pace::default(), NodeId([7; 64]));
            pace.set(&Rates { per_ip: 0, per_peer: limit.into(), per_topic: 1 });
            let mut now = Duration::ZERO;
            for delay in delays {
                now += Duration::from_micros(delay * 100);
                for _ in 0..10 {
                    now += pace.wait(now);
                    prop_assert_eq!(pace.wait(now), Duration::ZERO);
                    pace.handle_sent(now);
                    prop_assert_eq!(limiter.handle_packet(now, &id, None, 1), Ok(()));
                }
            }
        }
    }

    #[test]
    fn the_lowest_limit_sets_the_pace_and_debts_are_limited() {
        let (start, mut pace) = (Duration::ZERO, Pace::default());
        pace.handle_sent(start);
        assert_eq!(pace.wait(start), Duration::ZERO, "no limit");
        pace.set(&Rates { per_ip: 10, per_peer: 1, per_topic: 0 });
        for _ in 0..1000 {
            pace.handle_sent(start);
        }
        let expected = Duration::from_millis(2000)..Duration::from_millis(3500);
        assert!(expected.contains(&pace.wait(start)));
        pace.set(&Rates::default());
        assert_eq!(pace.wait(start), Duration::ZERO, "the limit was removed");
    }
}
