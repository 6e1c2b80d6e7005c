//! The peers that have nothing to be sent, found by what they want.

use whisper_envelope::{Bloom, Topic};
use whisper_pow::Work;

/// Number of bits in a bloom.
const BLOOM_BITS: usize = Bloom::LEN * 8;

/// What a peer wants, as far as peers are found by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) bloom: Bloom,
    pub(crate) min_work: Work,
}

/// The peers that wait for envelopes that they want.
///
/// For each bit of a bloom there is a row: the peers whose bloom has the bit. The peers that want a topic are those in
/// the rows of all its bits, so that finding them takes a few operations for 64 peers.
#[derive(Debug, Default)]
pub(crate) struct WaitingPeers {
    /// A bit for each peer that waits.
    waiting: Vec<u64>,
    count: usize,
    /// The rows, one after another, each as long as `waiting`.
    rows: Vec<u64>,
    min_work: Vec<Work>,
}

impl WaitingPeers {
    /// Sets what a peer wants. It does not wait.
    pub(crate) fn set_demand(&mut self, index: usize, demand: &Demand) {
        self.remove(index);
        if index >= self.min_work.len() {
            self.grow(index + 1);
        }
        let (word, bit) = position(index);
        for (row, wanted) in self.rows.chunks_exact_mut(self.waiting.len()).zip(bits(&demand.bloom))
        {
            row[word] = row[word] & !bit | if wanted { bit } else { 0 };
        }
        self.min_work[index] = demand.min_work;
    }

    fn grow(&mut self, peers: usize) {
        self.min_work.resize(peers, Work::ZERO);
        let (before, after) = (self.waiting.len(), peers.div_ceil(64));
        if after == before {
            return;
        }
        let mut rows = vec![0; after * BLOOM_BITS];
        if before > 0 {
            for (new, old) in rows.chunks_exact_mut(after).zip(self.rows.chunks_exact(before)) {
                new[..before].copy_from_slice(old);
            }
        }
        self.rows = rows;
        self.waiting.resize(after, 0);
    }

    /// The peer waits from now on.
    pub(crate) fn insert(&mut self, index: usize) {
        let (word, bit) = position(index);
        let Some(waiting) = self.waiting.get_mut(word) else { return };
        self.count += usize::from(*waiting & bit == 0);
        *waiting |= bit;
    }

    /// The peer waits no longer. Returns whether it did.
    pub(crate) fn remove(&mut self, index: usize) -> bool {
        let (word, bit) = position(index);
        let Some(waiting) = self.waiting.get_mut(word) else { return false };
        let waited = *waiting & bit != 0;
        *waiting &= !bit;
        self.count -= usize::from(waited);
        waited
    }

    /// Moves the peers that may want an envelope to `found`; except its source. `work` is the highest under any rule: a
    /// peer that applies another one may be found for nothing.
    pub(crate) fn take_wanting(
        &mut self,
        topic: Topic,
        work: Work,
        source: Option<usize>,
        found: &mut Vec<usize>,
    ) {
        if self.count == 0 {
            return;
        }
        let words = self.waiting.len();
        // As in what is compared when the envelope is sent: at most one bit in each byte.
        let sample = Bloom::of_overwriting(topic);
        let bytes = sample.0.iter().enumerate().filter(|(_, byte)| **byte != 0);
        let mut starts = [None; 3];
        for (start, (index, byte)) in starts.iter_mut().zip(bytes) {
            *start = Some((index * 8 + byte.trailing_zeros() as usize) * words);
        }
        for word in 0..words {
            let rows = starts.iter().flatten().map(|start| self.rows[start + word]);
            let mut wanting = rows.fold(self.waiting[word], |all, row| all & row);
            while wanting != 0 {
                let index = word * 64 + wanting.trailing_zeros() as usize;
                wanting &= wanting - 1;
                if Some(index) != source && self.min_work[index] <= work {
                    self.remove(index);
                    found.push(index);
                }
            }
        }
    }

    /// Moves all peers that wait to `found`.
    pub(crate) fn take_all(&mut self, found: &mut Vec<usize>) {
        let all = 0..self.waiting.len() * 64;
        found.extend(all.filter(|index| self.remove(*index)));
    }
}

/// The bits of a bloom, in order.
fn bits(bloom: &Bloom) -> impl Iterator<Item = bool> {
    bloom.0.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
}

fn position(index: usize) -> (usize, u64) {
    (index / 64, 1 << (index % 64))
}
