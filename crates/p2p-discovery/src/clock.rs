//! Whether our clock and those of our peers agree.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use crate::event::ClockOffset;

/// How many statements are looked at.
const SAMPLES: usize = 16;

/// Fewer say nothing.
const FEWEST: usize = 3;

/// How often to report.
const REPORT_EVERY: Duration = Duration::from_secs(60 * 60);

/// No implementation gives a packet more than a minute (nim-eth does, others 20 s): what is valid for
/// longer than this was sent by a clock ahead of ours.
const LONGEST: i64 = 90;

/// What all implementations give at least.
const SHORTEST: i64 = 20;

/// Compares the times in packets with ours.
///
/// Only packets by nodes that have something to do with us count: pongs that answer our pings,
/// and signed pings.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Who, and for how many more seconds its packet is valid as we see it. One for each address.
    samples: VecDeque<(IpAddr, i64)>,
    reported: Option<Instant>,
}

impl Clock {
    /// A packet from `ip` is valid until `expiration`, and it is `unix` here. Says how wrong our clock
    /// is if it is time to say so.
    pub(crate) fn sample(
        &mut self,
        now: Instant,
        unix: u64,
        ip: IpAddr,
        expiration: u64,
    ) -> Option<ClockOffset> {
        let left = expiration.saturating_sub(unix).min(i64::MAX as u64).cast_signed()
            - unix.saturating_sub(expiration).min(i64::MAX as u64).cast_signed();
        self.samples.retain(|(other, _)| *other != ip);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((ip, left));
        let drift = self.drift()?;
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY) {
            return None;
        }
        self.reported = Some(now);
        Some(drift)
    }

    /// What the middle one of the samples says: a minority of wrong clocks changes nothing.
    fn drift(&self) -> Option<ClockOffset> {
        if self.samples.len() < FEWEST {
            return None;
        }
        let mut left: Vec<i64> = self.samples.iter().map(|(_, left)| *left).collect();
        left.sort_unstable();
        let seconds = |count: i64| Duration::from_secs(count.unsigned_abs());
        match left[left.len() / 2] {
            middle if middle < 0 => {
                Some(ClockOffset::Ahead(seconds(SHORTEST.saturating_sub(middle))))
            }
            middle if middle > LONGEST => Some(ClockOffset::Behind(seconds(middle - SHORTEST))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const UNIX: u64 = 1_700_000_000;

    fn drifts(expirations: &[u64]) -> Vec<Option<ClockOffset>> {
        let (mut clock, now) = (Clock::default(), Instant::now());
        let samples = (1..).zip(expirations);
        let sample = |(ip, expiration): (u32, &u64)| {
            clock.sample(now, UNIX, Ipv4Addr::from_bits(ip).into(), *expiration)
        };
        samples.map(sample).collect()
    }

    #[test]
    fn a_clock_that_is_right_is_not_reported() {
        assert_eq!(drifts(&[UNIX + 20, UNIX + 60, UNIX + 19, UNIX + 20]), [None; 4]);
        let one_wrong = [UNIX + 20, UNIX - 500, UNIX + 20, UNIX + 20];
        assert_eq!(drifts(&one_wrong), [None; 4], "a minority of wrong clocks");
    }

    #[test]
    fn a_wrong_clock_is_reported_once() {
        let ahead = ClockOffset::Ahead(Duration::from_secs(120));
        assert_eq!(drifts(&[UNIX - 100; 5]), [None, None, Some(ahead), None, None]);
        let behind = ClockOffset::Behind(Duration::from_secs(3600));
        assert_eq!(drifts(&[UNIX + 3620; 4]), [None, None, Some(behind), None]);
    }

    #[test]
    fn one_address_has_one_sample_and_any_number_is_taken() {
        let (mut clock, now) = (Clock::default(), Instant::now());
        let ip = Ipv4Addr::LOCALHOST.into();
        for expiration in [0, u64::MAX, 5, u64::MAX, 0] {
            assert_eq!(clock.sample(now, UNIX, ip, expiration), None);
            assert_eq!(clock.sample(now, u64::MAX, ip, expiration), None);
        }
        assert!(drifts(&[u64::MAX; 3])[2].is_some() && drifts(&[0; 3])[2].is_some());
    }
}
