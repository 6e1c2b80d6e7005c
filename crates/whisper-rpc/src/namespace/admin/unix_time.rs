//! Times as seconds since 1970.

use std::time::{Instant, SystemTime};

/// Converts a time of the monotonic clock. A time beyond the range of the system clock becomes the largest number.
pub(super) fn of_instant(at: Instant) -> u64 {
    let (now, today) = (Instant::now(), SystemTime::now());
    let time = match at.checked_duration_since(now) {
        Some(ahead) => today.checked_add(ahead),
        None => today.checked_sub(now.saturating_duration_since(at)),
    };
    time.map_or(u64::MAX, of_system_time)
}

/// Converts a time of the system clock. A time before 1970 becomes 0.
pub(crate) fn of_system_time(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn instants_before_and_after_now_become_system_times() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let today = of_system_time(SystemTime::now());
        for (at, seconds) in [(now, today), (now + minute, today + 60)] {
            assert!(of_instant(at).abs_diff(seconds) <= 1);
        }
        if let Some(before) = now.checked_sub(minute) {
            assert!(of_instant(before).abs_diff(today - 60) <= 1);
        }
    }
}
