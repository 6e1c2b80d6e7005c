//! Merges what several archives have: each envelope is delivered once, whichever archive has it first.
//!
//! An archive is read in the order of its arrival numbers. What was delivered is therefore what any archive has up to the
//! number up to which it was read. For each archive the merge remembers the envelopes that came from others and that it has
//! not shown itself: they are expected from it, and are left out when they come.
//!
//! It forgets what an archive will not bring any more: an archive that was read to its newest envelope stores none that has
//! expired. If one comes nevertheless, or if too many were expected to remember all, the envelope is in doubt. The other
//! archives are then asked whether they have it in the part that was read.
//!
//! It has no clock and no connection.

use std::collections::VecDeque;

use p2p_world::HashMap;

use super::cursor::{ArchivePlace, HashKey, HistoryCursor, MAX_ARCHIVES, MAX_EXPECTED, NodeTag};
use crate::{ArchiveId, Envelope, StoredEnvelope};

/// Maximum number of expected envelopes of an archive in memory.
const MAX_IN_MEMORY: usize = 1 << 17;

/// Seconds after its expiry for which an envelope may still reach an archive: nodes accept late ones, and clocks differ.
const LATE: u32 = 120;

/// Seconds after which an archive that has been read to its newest envelope should have what others have.
pub(super) const BEHIND: u32 = 60;

/// What several archives have, as far as they were read.
#[derive(Debug)]
pub(super) struct Merge {
    latest_expiry: u32,
    archives: Vec<Merged>,
}

/// An archive at a node. The same archive at two nodes is read twice, each at its own pace, and a node that only claims to have
/// an archive does not change how far the right one was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArchiveAt {
    pub(super) id: ArchiveId,
    pub(super) node: NodeTag,
}

#[derive(Debug)]
struct Merged {
    at: ArchiveAt,
    end: u64,
    horizon: u32,
    /// Expected envelopes: their expiry, and when they were delivered, in seconds since 1970.
    expected: HashMap<HashKey, (u32, u32)>,
    /// The expected envelopes in the page that is being delivered, in the order of their arrival. They stay expected until the
    /// reader is past them: it may stop in the middle of the page, and its cursor must still know them.
    met: VecDeque<(u64, HashKey)>,
    /// The time after which expected envelopes are looked through.
    next_check: u32,
}

/// What a page means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// Was not delivered yet.
    pub(super) new: Vec<StoredEnvelope>,
    /// May have been delivered. The other archives know, in the part that was read.
    pub(super) doubtful: Vec<StoredEnvelope>,
}

impl Merge {
    /// Goes on at a cursor. `now`: seconds since 1970.
    pub(super) fn new(now: u32, cursor: &HistoryCursor) -> Self {
        let restore = |place: &ArchivePlace| {
            let expected = place.expected.iter().map(|(key, expiry)| (*key, (*expiry, now)));
            Merged {
                at: ArchiveAt { id: place.id, node: place.node },
                end: place.end,
                horizon: place.horizon,
                expected: expected.collect(),
                met: VecDeque::new(),
                next_check: 0,
            }
        };
        let archives = cursor.archives.iter().map(restore).collect();
        Self { latest_expiry: cursor.latest_expiry, archives }
    }

    /// Adds the archive of a node, if it is not there. What was delivered before is in doubt when it comes from it. Returns the
    /// archive that the node had before, which is forgotten.
    pub(super) fn add(&mut self, at: ArchiveAt) -> Option<ArchiveId> {
        if self.find(at).is_some() {
            return None;
        }
        // The same archive at another node, such as a second one with the same database: it goes on where that one is.
        let same = self.archives.iter().find(|merged| merged.at.id == at.id);
        let (end, horizon, expected) = match same {
            Some(same) => (same.end, same.horizon, same.expected.clone()),
            None => (0, self.latest_expiry, HashMap::default()),
        };
        let replaced = self.archives.iter().position(|merged| merged.at.node == at.node);
        let replaced = replaced.map(|index| self.archives.remove(index).at.id);
        if self.archives.len() >= MAX_ARCHIVES {
            self.archives.remove(0);
        }
        let met = VecDeque::new();
        self.archives.push(Merged { at, end, horizon, expected, met, next_check: 0 });
        replaced
    }

    /// An archive has lost its newest envelopes: it is read from the beginning, and everything is in doubt.
    pub(super) fn restart(&mut self, at: ArchiveAt) {
        let horizon = self.latest_expiry;
        if let Some(merged) = self.archives.iter_mut().find(|merged| merged.at == at) {
            (merged.end, merged.horizon) = (0, horizon);
        }
    }

    /// The arrival number up to which an archive was read.
    pub(super) fn end(&self, at: ArchiveAt) -> u64 {
        self.find(at).map_or(0, |merged| merged.end)
    }

    /// The other archives that have been read, with the arrival number up to which they were.
    pub(super) fn others(&self, at: ArchiveAt) -> impl Iterator<Item = (ArchiveId, u64)> {
        let is_other = move |merged: &&Merged| merged.at.id != at.id && merged.end > 0;
        self.archives.iter().filter(is_other).map(|merged| (merged.at.id, merged.end))
    }

    /// An archive has these envelopes after what was read of it.
    pub(super) fn sort(&mut self, at: ArchiveAt, envelopes: Vec<StoredEnvelope>) -> Sorted {
        let mut sorted = Sorted::default();
        let Some(merged) = self.archives.iter_mut().find(|merged| merged.at == at) else {
            return sorted;
        };
        merged.met.clear();
        for stored in envelopes {
            let key = key(&stored.envelope);
            if merged.expected.contains_key(&key) {
                merged.met.push_back((stored.arrival, key));
                continue;
            }
            let is_new = stored.envelope.expiry() > merged.horizon;
            let list = if is_new { &mut sorted.new } else { &mut sorted.doubtful };
            list.push(stored);
        }
        sorted
    }

    /// An archive was read up to an arrival number, and these of its envelopes are delivered now. The other archives are
    /// expected to bring them, too. `now`: seconds since 1970.
    pub(super) fn deliver(
        &mut self,
        now: u32,
        at: ArchiveAt,
        delivered: &[StoredEnvelope],
        end: u64,
    ) {
        for merged in &mut self.archives {
            if merged.at == at {
                merged.pass(end);
                continue;
            }
            let expected = delivered
                .iter()
                .map(|stored| (key(&stored.envelope), (stored.envelope.expiry(), now)));
            merged.expected.extend(expected);
            merged.limit(MAX_IN_MEMORY);
        }
        let expiries = delivered.iter().map(|stored| stored.envelope.expiry());
        self.latest_expiry = expiries.fold(self.latest_expiry, u32::max);
    }

    /// An archive was read to its newest envelope. Returns how many envelopes it should have, and does not. `now`: seconds
    /// since 1970.
    pub(super) fn handle_caught_up(&mut self, now: u32, at: ArchiveAt) -> Option<usize> {
        let merged = self.archives.iter_mut().find(|merged| merged.at == at)?;
        if now < merged.next_check {
            return None;
        }
        merged.next_check = now.saturating_add(10);
        let is_overdue = |(_, delivered): &(u32, u32)| delivered.saturating_add(BEHIND) < now;
        let missing = merged.expected.values().filter(|expected| is_overdue(expected)).count();
        let mut horizon = merged.horizon;
        merged.expected.retain(|_, (expiry, _)| {
            let is_awaited = expiry.saturating_add(LATE) >= now;
            if !is_awaited {
                horizon = horizon.max(*expiry);
            }
            is_awaited
        });
        merged.horizon = horizon;
        Some(missing)
    }

    /// Where to go on.
    pub(super) fn cursor(&self, question: [u8; 8]) -> HistoryCursor {
        HistoryCursor {
            question: Some(question),
            latest_expiry: self.latest_expiry,
            archives: self.archives.iter().map(Merged::place).collect(),
            seen: Vec::new(),
        }
    }

    fn find(&self, at: ArchiveAt) -> Option<&Merged> {
        self.archives.iter().find(|merged| merged.at == at)
    }
}

impl Merged {
    /// The archive was read up to this arrival number: what it was expected to bring up to there has come.
    fn pass(&mut self, end: u64) {
        self.end = self.end.max(end);
        let passed = self.met.iter().take_while(|(arrival, _)| *arrival <= end).count();
        for (_, key) in self.met.drain(..passed) {
            self.expected.remove(&key);
        }
    }

    /// Forgets the expected envelopes that expire first, if there are more than `max`.
    fn limit(&mut self, max: usize) {
        let excess = self.expected.len().saturating_sub(max);
        if excess == 0 {
            return;
        }
        let mut expiries: Vec<u32> = self.expected.values().map(|(expiry, _)| *expiry).collect();
        // A part more than is needed, so that this is not done for each envelope.
        let index = (excess + max / 8).min(expiries.len() - 1);
        let (_, horizon, _) = expiries.select_nth_unstable(index);
        let horizon = *horizon;
        self.horizon = self.horizon.max(horizon);
        self.expected.retain(|_, (expiry, _)| *expiry > horizon);
    }

    fn place(&self) -> ArchivePlace {
        let entries = self.expected.iter().map(|(key, (expiry, _))| (*key, *expiry));
        let (mut horizon, mut expected): (_, Vec<_>) = (self.horizon, entries.collect());
        if expected.len() > MAX_EXPECTED {
            expected.sort_unstable_by_key(|(_, expiry)| std::cmp::Reverse(*expiry));
            let forgotten = expected.split_off(MAX_EXPECTED);
            horizon = forgotten.first().map_or(horizon, |(_, expiry)| horizon.max(*expiry));
        }
        expected.sort_unstable();
        let ArchiveAt { id, node } = self.at;
        ArchivePlace { id, node, end: self.end, horizon, expected }
    }
}

fn key(envelope: &Envelope) -> HashKey {
    std::array::from_fn(|index| envelope.hash()[index])
}

#[cfg(test)]
mod tests;
