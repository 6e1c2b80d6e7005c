//! The envelopes that left the pool most recently.

use std::collections::VecDeque;

/// Number of envelopes that are remembered after they left the pool: about 1 MB.
const MAX_DEPARTURES: usize = 32_768;

/// Maximum number of envelopes that wait to be reported with their hashes.
const MAX_UNREAD: usize = 4096;

/// Number of envelopes that are reported with their hashes of those that leave in one second because they expired.
const MAX_EXPIRED_SAMPLES: usize = 16;

/// When an envelope arrived, and from which peer slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArrivalStamp {
    /// The index of the slot of the peer that sent it; `None` if it was made here.
    pub(crate) from: Option<u32>,
    /// How many envelopes were admitted before.
    pub(crate) number: u64,
    /// The second of the arrival, since 1970.
    pub(crate) second: u32,
}

/// An envelope that left the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Departure {
    /// Half of a keyed hash of the envelope's hash. Among this few envelopes it identifies one.
    pub(crate) hash_key: u32,
    pub(crate) stamp: ArrivalStamp,
    /// When it left, in seconds since 1970.
    pub(crate) at: u32,
    /// Whether it was evicted; otherwise it expired.
    pub(crate) evicted: bool,
}

/// An envelope that left the pool, to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostEnvelope {
    pub(crate) hash: [u8; 32],
    pub(crate) at: u32,
    pub(crate) evicted: bool,
}

/// The envelopes that left the pool most recently.
#[derive(Debug, Default)]
pub(crate) struct PoolHistory {
    departures: VecDeque<Departure>,
    unread: Vec<LostEnvelope>,
    /// How many expired ones of the second `sampled_at` were reported.
    expired_samples: usize,
    sampled_at: u32,
}

impl PoolHistory {
    /// Records a departure. `hash` computes a hash, so it is called only for envelopes that are reported: all that
    /// are evicted, and a few of those that expire.
    pub(crate) fn push(&mut self, departure: Departure, hash: impl FnOnce() -> [u8; 32]) {
        if self.departures.len() >= MAX_DEPARTURES {
            self.departures.pop_front();
        }
        self.departures.push_back(departure);
        let Departure { at, evicted, .. } = departure;
        if at != self.sampled_at {
            (self.sampled_at, self.expired_samples) = (at, 0);
        }
        let is_reported = evicted || self.expired_samples < MAX_EXPIRED_SAMPLES;
        if is_reported && self.unread.len() < MAX_UNREAD {
            self.expired_samples += usize::from(!evicted);
            self.unread.push(LostEnvelope { hash: hash(), at, evicted });
        }
    }

    /// Takes the envelopes to report since the last call.
    pub(crate) fn take_unread(&mut self) -> Vec<LostEnvelope> {
        std::mem::take(&mut self.unread)
    }

    /// The last departure of an envelope. Searches all departures.
    pub(crate) fn find(&self, hash_key: u32) -> Option<&Departure> {
        self.departures.iter().rev().find(|departure| departure.hash_key == hash_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn departure(number: u32, evicted: bool) -> Departure {
        let stamp = ArrivalStamp { from: None, number: number.into(), second: number };
        Departure { hash_key: number, stamp, at: number, evicted }
    }

    #[test]
    fn remembers_the_last_departures() {
        let mut history = PoolHistory::default();
        let most = u32::try_from(MAX_DEPARTURES).expect("a small number");
        (0..most + 2).for_each(|number| history.push(departure(number, false), || [0; 32]));
        assert_eq!(history.find(1), None);
        assert_eq!(history.find(2), Some(&departure(2, false)));
        let last = history.find(most + 1);
        assert_eq!(last.map(|departure| departure.stamp.second), Some(most + 1));
    }

    #[test]
    fn reports_all_evicted_envelopes_once_and_a_few_expired_ones() {
        let mut history = PoolHistory::default();
        for _ in 0..100 {
            history.push(departure(7, false), || [1; 32]);
            history.push(departure(7, true), || [2; 32]);
        }
        let unread = history.take_unread();
        let evicted = unread.iter().filter(|lost| lost.evicted && lost.hash == [2; 32]).count();
        assert_eq!((evicted, unread.len()), (100, 100 + MAX_EXPIRED_SAMPLES));
        assert_eq!(history.take_unread(), []);
        (0..9000).for_each(|number| history.push(departure(number, true), || [2; 32]));
        assert_eq!(history.take_unread().len(), MAX_UNREAD, "bounded while nothing reads it");
    }
}
