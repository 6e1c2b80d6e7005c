//! What became of the envelopes that were in the pool: the last of them, told when asked.

use std::collections::VecDeque;

/// How many envelopes are remembered after they left the pool: about 1 MB.
const REMEMBERED: usize = 32_768;

/// How many of them wait to be noted with their hashes at most.
const UNREAD: usize = 4096;

/// How many of those that expire at one time are noted with their hashes.
const SAMPLED: usize = 16;

/// Where an envelope came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// The number of the seat of the peer that brought it; `None` if it was made here.
    pub(crate) from: Option<u32>,
    /// When it arrived, as the pool counts: the second in the upper half.
    pub(crate) arrival: u64,
}

impl Source {
    /// The second of its arrival.
    pub(crate) fn second(self) -> u32 {
        u32::try_from(self.arrival >> 32).unwrap_or(u32::MAX)
    }
}

/// An envelope that left the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Where the pool's table kept it: half of a hash of its hash, under a key. As long as these are
    /// few, it stands for the envelope.
    pub(crate) place: u32,
    pub(crate) source: Source,
    /// When it left.
    pub(crate) at: u32,
    /// It had to make room for others; else its life was over.
    pub(crate) evicted: bool,
}

/// As [`Gone`], to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) hash: [u8; 32],
    pub(crate) at: u32,
    pub(crate) evicted: bool,
}

/// The envelopes that left the pool last.
#[derive(Debug, Default)]
pub(crate) struct History {
    gone: VecDeque<Gone>,
    unread: Vec<Lost>,
    /// How many of the unread expired.
    sampled: usize,
}

impl History {
    /// `hash` costs a hash of the envelope, so it is asked for only where somebody wants to know:
    /// of all that are evicted, and of a few that expire.
    pub(crate) fn push(&mut self, gone: Gone, hash: impl FnOnce() -> [u8; 32]) {
        if self.gone.len() >= REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back(gone);
        let wanted = gone.evicted || self.sampled < SAMPLED;
        if wanted && self.unread.len() < UNREAD {
            self.sampled += usize::from(!gone.evicted);
            self.unread.push(Lost { hash: hash(), at: gone.at, evicted: gone.evicted });
        }
    }

    /// Those to be noted since the last time this was asked.
    pub(crate) fn take_unread(&mut self) -> Vec<Lost> {
        self.sampled = 0;
        std::mem::take(&mut self.unread)
    }

    /// The last time that this envelope left. Looks at all that is remembered.
    pub(crate) fn find(&self, place: u32) -> Option<&Gone> {
        self.gone.iter().rev().find(|gone| gone.place == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(number: u32, evicted: bool) -> Gone {
        let source = Source { from: None, arrival: u64::from(number) << 32 };
        Gone { place: number, source, at: number, evicted }
    }

    #[test]
    fn the_last_are_remembered() {
        let mut history = History::default();
        let most = u32::try_from(REMEMBERED).expect("a small number");
        (0..most + 2).for_each(|number| history.push(gone(number, false), || [0; 32]));
        assert_eq!(history.find(1), None);
        assert_eq!(history.find(2), Some(&gone(2, false)));
        assert_eq!(history.find(most + 1).map(|gone| gone.source.second()), Some(most + 1));
    }

    #[test]
    fn the_evicted_are_given_out_once_and_a_few_of_the_expired() {
        let mut history = History::default();
        for number in 0..100 {
            history.push(gone(number, false), || [1; 32]);
            history.push(gone(number, true), || [2; 32]);
        }
        let unread = history.take_unread();
        let evicted = unread.iter().filter(|lost| lost.evicted && lost.hash == [2; 32]).count();
        assert_eq!((evicted, unread.len()), (100, 100 + SAMPLED));
        assert_eq!(history.take_unread(), []);
        (0..9000).for_each(|number| history.push(gone(number, true), || [2; 32]));
        assert_eq!(history.take_unread().len(), UNREAD, "bounded while nobody asks");
    }
}
