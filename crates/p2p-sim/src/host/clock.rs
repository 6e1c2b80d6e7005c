//! The clock of a machine, which may be wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 when each simulation begins: 2023-11-14.
const START: Duration = Duration::from_secs(1_700_000_000);

/// A clock that is off by an offset, and runs too fast or too slow.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HostClock {
    /// Seconds ahead of the right time; behind it if negative.
    offset: f64,
    /// Seconds that it gains in each second.
    drift: f64,
}

impl HostClock {
    /// Sets the clock so that it is off by this many seconds now, `elapsed` after the start.
    pub(crate) fn set_offset(&mut self, seconds: f64, elapsed: Duration) {
        self.offset = seconds - self.drift * elapsed.as_secs_f64();
    }

    /// Sets how many seconds it gains in each second from now on.
    pub(crate) fn set_drift(&mut self, drift: f64, elapsed: Duration) {
        let now = self.offset + self.drift * elapsed.as_secs_f64();
        self.drift = drift;
        self.set_offset(now, elapsed);
    }

    /// What the clock shows this long after the start of the simulation.
    pub(crate) fn read(&self, elapsed: Duration) -> SystemTime {
        let wrong = self.offset + self.drift * elapsed.as_secs_f64();
        let right = UNIX_EPOCH + START + elapsed;
        let by = Duration::try_from_secs_f64(wrong.abs()).unwrap_or_default();
        let read = if wrong < 0.0 { right.checked_sub(by) } else { right.checked_add(by) };
        read.unwrap_or(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_jumps_and_drifts() {
        let (mut clock, at) = (HostClock::default(), Duration::from_secs);
        let right = |seconds| UNIX_EPOCH + START + at(seconds);
        assert_eq!(clock.read(at(10)), right(10));
        clock.set_drift(0.5, at(10));
        assert_eq!(clock.read(at(10)), right(10));
        assert_eq!(clock.read(at(12)), right(13));
        clock.set_offset(-4.0, at(12));
        assert_eq!(clock.read(at(12)), right(8));
        assert_eq!(clock.read(at(14)), right(11));
    }
}
