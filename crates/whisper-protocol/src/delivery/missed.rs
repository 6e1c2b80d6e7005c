//! Envelopes that were dropped from the full message queue and are to be tried again.

use std::collections::BTreeMap;

use whisper_pow::{Client, Work};

/// Maximum number of envelopes that are remembered: about 2 MiB.
const MAX_MISSED: usize = 16_384;

/// An envelope that was dropped before it was opened. The pool may still have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissedEnvelope {
    pub(crate) hash: [u8; 32],
    /// Whose filters have not seen it.
    pub(crate) owner: Client,
    pub(crate) work: Work,
}

/// The envelopes that were dropped before they were opened, by work.
#[derive(Debug, Default)]
pub(crate) struct MissedEnvelopes {
    by_work: BTreeMap<(Work, [u8; 32], u64), MissedEnvelope>,
}

impl MissedEnvelopes {
    /// Remembers an envelope. Returns the one with the least work if there are too many.
    #[must_use]
    pub(crate) fn insert(&mut self, missed: MissedEnvelope) -> Option<MissedEnvelope> {
        self.by_work.insert((missed.work, missed.hash, missed.owner.key), missed);
        if self.by_work.len() <= MAX_MISSED {
            return None;
        }
        self.by_work.pop_first().map(|(_, lost)| lost)
    }

    /// Takes up to `max` envelopes, the most work first.
    pub(crate) fn take(&mut self, max: usize) -> Vec<MissedEnvelope> {
        let take = || self.by_work.pop_last().map(|(_, missed)| missed);
        std::iter::from_fn(take).take(max).collect()
    }

    /// Whether an envelope is among them, for an owner whose key is asked about. Searches all.
    pub(crate) fn holds(&self, hash: &[u8; 32], is_asked: impl Fn(u64) -> bool) -> bool {
        let mut missed = self.by_work.values();
        missed.any(|missed| missed.hash == *hash && is_asked(missed.owner.key))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_work.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::work;

    fn missed(number: u64) -> MissedEnvelope {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let work = work(f64::from(u32::try_from(number).unwrap()));
        MissedEnvelope { hash, owner: Client::default(), work }
    }

    #[test]
    fn the_most_work_is_first_and_the_least_is_lost() {
        let mut all = MissedEnvelopes::default();
        let most = u64::try_from(MAX_MISSED).unwrap();
        for number in 0..most {
            assert_eq!(all.insert(missed(number)), None);
        }
        assert_eq!(all.insert(missed(most)), Some(missed(0)));
        assert_eq!(all.take(2), [missed(most), missed(most - 1)]);
        assert_eq!(all.take(usize::MAX).len(), MAX_MISSED - 2);
        assert!(all.is_empty());
    }
}
