//! Moments as clients can read them.

use std::time::{Instant, SystemTime};

/// Seconds since 1970, of a moment by the clock that no one sets.
pub(super) fn unix(at: Instant) -> u64 {
    let (now, today) = (Instant::now(), SystemTime::now());
    let moment = match at.checked_duration_since(now) {
        Some(ahead) => today.checked_add(ahead),
        None => today.checked_sub(now.saturating_duration_since(at)),
    };
    // A moment that no calendar has is none that a client could wait for.
    moment.map_or(u64::MAX, seconds)
}

/// The same of a moment by the calendar.
pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_before_and_after_now_are_on_the_calendar() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let today = seconds(SystemTime::now());
        for (at, seconds) in [(now, today), (now + minute, today + 60)] {
            assert!(unix(at).abs_diff(seconds) <= 1);
        }
        if let Some(before) = now.checked_sub(minute) {
            assert!(unix(before).abs_diff(today - 60) <= 1);
        }
    }
}
