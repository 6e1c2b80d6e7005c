//! Times as seconds since 1970.

use std::time::{Instant, SystemTime};

use p2p_world::World;

/// The two clocks of the node, read at the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    monotonic: Instant,
    unix: SystemTime,
}

impl Clocks {
    pub(super) fn read(world: &dyn World) -> Self {
        Self { monotonic: tokio::time::Instant::now().into_std(), unix: world.unix_time() }
    }

    /// Converts a time of the monotonic clock. A time beyond the range of the UNIX clock becomes the largest number.
    pub(super) fn unix_time(&self, at: Instant) -> u64 {
        let time = match at.checked_duration_since(self.monotonic) {
            Some(ahead) => self.unix.checked_add(ahead),
            None => self.unix.checked_sub(self.monotonic.saturating_duration_since(at)),
        };
        time.map_or(u64::MAX, of_system_time)
    }
}

/// Converts a time of the UNIX clock. A time before 1970 becomes 0.
pub(crate) fn of_system_time(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn instants_before_and_after_now_become_unix_times() {
        let (monotonic, minute) = (Instant::now(), Duration::from_secs(60));
        let clocks = Clocks { monotonic, unix: SystemTime::UNIX_EPOCH + Duration::from_secs(1000) };
        for (at, seconds) in [(monotonic, 1000), (monotonic + minute, 1060)] {
            assert_eq!(clocks.unix_time(at), seconds);
        }
        if let Some(before) = monotonic.checked_sub(minute) {
            assert_eq!(clocks.unix_time(before), 940);
        }
    }
}
