//! Compares our clock with those of other nodes.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use crate::event::ClockOffset;

/// Maximum number of samples.
const MAX_SAMPLES: usize = 16;

/// With fewer samples nothing is reported.
const MIN_SAMPLES: usize = 3;

/// Minimum time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// No implementation makes a packet valid for more than 60 s (nim-eth does so, others 20 s). A packet
/// that is valid for longer than this was sent by a clock ahead of ours.
const MAX_VALID_SECS: i64 = 90;

/// All implementations make a packet valid for at least this time.
const MIN_VALID_SECS: i64 = 20;

/// Compares the expiration of received packets with our clock.
///
/// Samples are pongs that answer our pings, and pings with a valid signature.
#[derive(Debug, Default)]
pub(super) struct ClockCheck {
    /// The sender, and for how many more seconds its packet is valid by our clock. One sample per
    /// address.
    samples: VecDeque<(IpAddr, i64)>,
    reported: Option<Instant>,
}

impl ClockCheck {
    /// Adds a sample: a packet from `ip` expires at `expiration`, and our clock shows `unix`. Returns
    /// the offset of our clock if it is to be reported now.
    pub(super) fn sample(
        &mut self,
        now: Instant,
        unix: u64,
        ip: IpAddr,
        expiration: u64,
    ) -> Option<ClockOffset> {
        let left = expiration.saturating_sub(unix).min(i64::MAX as u64).cast_signed()
            - unix.saturating_sub(expiration).min(i64::MAX as u64).cast_signed();
        self.samples.retain(|(other, _)| *other != ip);
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((ip, left));
        let offset = self.offset()?;
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) < REPORT_INTERVAL) {
            return None;
        }
        self.reported = Some(now);
        Some(offset)
    }

    /// The offset by the median sample, so that a minority of wrong clocks has no effect.
    fn offset(&self) -> Option<ClockOffset> {
        if self.samples.len() < MIN_SAMPLES {
            return None;
        }
        let mut left: Vec<i64> = self.samples.iter().map(|(_, left)| *left).collect();
        left.sort_unstable();
        let seconds = |count: i64| Duration::from_secs(count.unsigned_abs());
        match left[left.len() / 2] {
            median if median < 0 => {
                Some(ClockOffset::Ahead(seconds(MIN_VALID_SECS.saturating_sub(median))))
            }
            median if median > MAX_VALID_SECS => {
                Some(ClockOffset::Behind(seconds(median - MIN_VALID_SECS)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const UNIX: u64 = 1_700_000_000;

    fn offsets(expirations: &[u64]) -> Vec<Option<ClockOffset>> {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let samples = (1..).zip(expirations);
        let sample = |(ip, expiration): (u32, &u64)| {
            clock.sample(now, UNIX, Ipv4Addr::from_bits(ip).into(), *expiration)
        };
        samples.map(sample).collect()
    }

    #[test]
    fn a_correct_clock_is_not_reported() {
        assert_eq!(offsets(&[UNIX + 20, UNIX + 60, UNIX + 19, UNIX + 20]), [None; 4]);
        let one_wrong = [UNIX + 20, UNIX - 500, UNIX + 20, UNIX + 20];
        assert_eq!(offsets(&one_wrong), [None; 4], "a minority of wrong clocks");
    }

    #[test]
    fn a_wrong_clock_is_reported_once() {
        let ahead = ClockOffset::Ahead(Duration::from_secs(120));
        assert_eq!(offsets(&[UNIX - 100; 5]), [None, None, Some(ahead), None, None]);
        let behind = ClockOffset::Behind(Duration::from_secs(3600));
        assert_eq!(offsets(&[UNIX + 3620; 4]), [None, None, Some(behind), None]);
    }

    #[test]
    fn an_address_has_one_sample_and_no_value_overflows() {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let ip = Ipv4Addr::LOCALHOST.into();
        for expiration in [0, u64::MAX, 5, u64::MAX, 0] {
            assert_eq!(clock.sample(now, UNIX, ip, expiration), None);
            assert_eq!(clock.sample(now, u64::MAX, ip, expiration), None);
        }
        assert!(offsets(&[u64::MAX; 3])[2].is_some() && offsets(&[0; 3])[2].is_some());
    }
}
