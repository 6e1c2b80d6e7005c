//! When the last envelopes from peers arrived, to the microsecond.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Number of envelopes whose arrival is known. A session that is further behind is not measured.
const REMEMBERED: usize = 4096;

/// The bits of a microsecond; those above are of the envelope's number. They overflow after twelve days: a difference of two
/// times is right nevertheless.
const TIME_BITS: u32 = 40;

const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The times of the last [`REMEMBERED`] envelopes, by their number in the pool. Without a lock: the sessions read while
/// others write. A time that is overwritten meanwhile is not found.
#[derive(Debug)]
pub(crate) struct Arrivals(Box<[AtomicU64]>);

impl Default for Arrivals {
    fn default() -> Self {
        Self((0..REMEMBERED).map(|_| AtomicU64::new(u64::MAX)).collect())
    }
}

impl Arrivals {
    /// Remembers that the envelope with this number arrived at this uptime.
    pub(crate) fn insert(&self, number: u64, uptime: Duration) {
        if let Some(slot) = self.slot(number) {
            slot.store(tag(number) | micros(uptime), Relaxed);
        }
    }

    /// How long ago the envelope with this number arrived, if that is remembered.
    pub(crate) fn age(&self, number: u64, uptime: Duration) -> Option<Duration> {
        let stored = self.slot(number)?.load(Relaxed);
        let age = micros(uptime).wrapping_sub(stored) & TIME_MASK;
        (stored & !TIME_MASK == tag(number)).then(|| Duration::from_micros(age))
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        self.0.get(usize::try_from(number % REMEMBERED as u64).ok()?)
    }
}

fn micros(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_micros()).unwrap_or_default() & TIME_MASK
}

/// Tells the numbers apart that share a slot.
fn tag(number: u64) -> u64 {
    (number / REMEMBERED as u64) << TIME_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_last_arrivals_are_known() {
        let arrivals = Arrivals::default();
        assert_eq!(arrivals.age(0, MS), None);
        arrivals.insert(0, MS);
        arrivals.insert(1, 2 * MS);
        assert_eq!(arrivals.age(0, 5 * MS), Some(4 * MS));
        assert_eq!(arrivals.age(1, 5 * MS), Some(3 * MS));
        arrivals.insert(4096, 3 * MS);
        assert_eq!(arrivals.age(0, 5 * MS), None, "its slot has another envelope");
        assert_eq!(arrivals.age(4096, 5 * MS), Some(2 * MS));
    }

    #[test]
    fn an_age_is_right_when_the_time_overflows() {
        let arrivals = Arrivals::default();
        let before = Duration::from_micros((1 << TIME_BITS) - 1);
        arrivals.insert(7, before);
        assert_eq!(arrivals.age(7, before + MS), Some(MS));
    }
}
