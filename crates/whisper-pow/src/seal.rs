//! The search for a nonce, on one thread and without a clock.

use std::ops::RangeInclusive;

use crate::Task;

/// Number of nonces between two checks whether to stop: tens of microseconds with the fastest kernel, at most two
/// milliseconds with the slowest.
pub(crate) const NONCES_PER_CHECK: u64 = 1024;

/// The outcome of a [`search`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// The best nonce that was tried, the first one if several are equal. `None` only if the range was empty.
    pub best: Option<Found>,
    /// Number of nonces tried.
    pub hashes: u64,
}

/// A nonce, and how good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The nonce.
    pub nonce: u64,
    /// Number of zero bits that count in its hash.
    pub zeros: u32,
}

/// Tries `nonces` in ascending order until one has `enough` zero bits, `stop` returns true, or there are no more.
///
/// `stop` is called after every 1024 nonces, so some are always tried. Otherwise the search is deterministic: it always
/// finds the same nonce.
///
/// ```
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Rule, Task, search};
///
/// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
/// let task = Task::new(Rule::GETH_1_8, &unsealed)?;
/// let found = search(&task, 0..=u64::MAX, 10, || false).best.ok_or("no nonces")?;
/// assert!(found.zeros >= 10);
/// assert_eq!(task.zeros(found.nonce), found.zeros);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn search(
    task: &Task,
    nonces: RangeInclusive<u64>,
    enough: u32,
    mut stop: impl FnMut() -> bool,
) -> Search {
    let mut search = Search::NOTHING;
    let (mut start, last) = nonces.into_inner();
    while start <= last {
        let count = (last - start).min(NONCES_PER_CHECK - 1) + 1;
        search.step(task, start, count, enough);
        if search.is_enough(enough) || start + (count - 1) == last || stop() {
            break;
        }
        start += count;
    }
    search
}

impl Search {
    /// A search without any nonces tried.
    pub(crate) const NOTHING: Self = Self { best: None, hashes: 0 };

    /// Whether a nonce with this many zero bits has been found.
    pub(crate) fn is_enough(&self, enough: u32) -> bool {
        self.best.is_some_and(|best| best.zeros >= enough)
    }

    /// Adds a search of other nonces. Returns the best nonce if it is a better one than before: with more zero bits, or
    /// with as many and smaller.
    #[cfg(feature = "miner")]
    pub(crate) fn merge(&mut self, other: Self) -> Option<Found> {
        let order = |found: &Found| (found.zeros, std::cmp::Reverse(found.nonce));
        let before = self.best;
        self.best = before.into_iter().chain(other.best).max_by_key(order);
        self.hashes += other.hashes;
        self.best.filter(|_| self.best != before)
    }

    /// Tries `count` nonces from `start` on, for a better one than the best so far, until one is enough.
    pub(crate) fn step(&mut self, task: &Task, start: u64, count: u64, enough: u32) {
        let mut tried = 0;
        while tried < count {
            let better = self.best.map_or(0, |best| best.zeros + 1);
            let Some(nonce) = task.find(better, start + tried, count - tried) else { break };
            self.best = Some(Found { nonce, zeros: task.zeros(nonce) });
            tried = nonce - start + 1;
            if self.is_enough(enough) {
                self.hashes += tried;
                return;
            }
        }
        self.hashes += count;
    }
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Topic, Unsealed};

    use super::*;
    use crate::Rule;

    fn task() -> Task {
        let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 100]);
        Task::new(Rule::EIP_627, &unsealed).unwrap()
    }

    #[test]
    fn empty_range_finds_nothing() {
        let nothing = Search { best: None, hashes: 0 };
        #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
        let search = search(&task(), 1..=0, 0, || false);
        assert_eq!(search, nothing);
    }

    #[test]
    fn stops_when_told_with_the_best_so_far() {
        let search = search(&task(), 0..=u64::MAX, 257, || true);
        assert_eq!(search.hashes, NONCES_PER_CHECK);
        let best = (0..NONCES_PER_CHECK).map(|nonce| task().zeros(nonce)).max();
        assert_eq!(search.best.map(|found| found.zeros), best);
    }

    #[test]
    fn ends_at_the_last_nonce_there_is() {
        let search = search(&task(), u64::MAX - 9..=u64::MAX, 257, || false);
        assert_eq!(search.hashes, 10);
    }

    #[test]
    fn takes_the_first_that_is_enough() {
        let found = search(&task(), 0..=u64::MAX, 8, || false).best.unwrap();
        let first = (0..).find(|&nonce| task().zeros(nonce) >= 8);
        assert_eq!(Some(found.nonce), first);
    }
}
