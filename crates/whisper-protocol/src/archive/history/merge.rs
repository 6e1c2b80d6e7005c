//! Merges what several archives have: each envelope is delivered once, whichever archive has it first.
//!
//! An archive is read in the order of its arrival numbers. What was delivered is therefore what any archive has up to the
//! number up to which it was read. For each archive the merge remembers the envelopes that came from others and that it has
//! not shown itself: they are expected from it, and are left out when they come.
//!
//! It forgets what an archive will not bring any more: an archive that was read to its newest envelope stores none that has
//! expired. If one comes nevertheless, or if too many were expected to remember all, the envelope is in doubt. The other
//! archives are then asked whether they have it in the part that was read. What was sent after all that was forgotten is not
//! in doubt: an archive that brings too much has no say about it.
//!
//! It has no clock and no connection.

use std::collections::VecDeque;

use p2p_world::planted::{self, Bug};

use super::{
    bound::Bound,
    cursor::{
        ArchivePlace, ExpectedPlace, HashKey, HistoryCursor, MAX_ARCHIVES, MAX_EXPECTED, NO_SOURCE,
        NodeTag,
    },
    expected::{Entry, Expected, key},
};
use crate::{ArchiveId, StoredEnvelope};

/// Maximum number of expected envelopes of an archive in memory, and of delivered messages.
pub(super) const MAX_IN_MEMORY: usize = 1 << 17;

/// What several archives have, as far as they were read.
#[derive(Debug)]
pub(super) struct Merge {
    /// Of everything that was delivered.
    latest: Bound,
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
    /// What expires later was not forgotten for having expired.
    horizon: u32,
    /// Of what was forgotten for other reasons, and what was delivered before the archive was first read.
    forgotten: Bound,
    expected: Expected,
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
        let node = |index: u8| cursor.archives.get(usize::from(index)).map(|place| place.node);
        let entry = |place: &ExpectedPlace| {
            let source = node(place.source);
            (place.key, Entry { expiry: place.expiry, delivered: now, source })
        };
        let restore = |place: &ArchivePlace| Merged {
            at: ArchiveAt { id: place.id, node: place.node },
            end: place.end,
            horizon: place.horizon,
            forgotten: place.forgotten,
            expected: Expected::new(place.expected.iter().map(entry)),
            met: VecDeque::new(),
            next_check: 0,
        };
        let archives = cursor.archives.iter().map(restore).collect();
        Self { latest: cursor.latest, archives }
    }

    /// Adds the archive of a node, if it is not there. What was delivered before is in doubt when it comes from it. Returns the
    /// archive that the node had before, which is forgotten.
    ///
    /// If there are too many, one of a node that is not followed is forgotten.
    pub(super) fn add(
        &mut self,
        at: ArchiveAt,
        is_followed: impl Fn(&NodeTag) -> bool,
    ) -> Option<ArchiveId> {
        if self.find(at).is_some() {
            return None;
        }
        // The same archive at another node, such as a second one with the same database: it goes on where that one is.
        let same = self.archives.iter().find(|merged| merged.at.id == at.id);
        let (end, horizon, forgotten, expected) = match same {
            Some(same) => (same.end, same.horizon, same.forgotten, same.expected.clone()),
            None => (0, 0, self.latest, Expected::default()),
        };
        let replaced = self.archives.iter().position(|merged| merged.at.node == at.node);
        let replaced = replaced.map(|index| self.archives.remove(index).at.id);
        if self.archives.len() >= MAX_ARCHIVES {
            let unused = self.archives.iter().position(|merged| !is_followed(&merged.at.node));
            self.archives.remove(unused.unwrap_or(0));
        }
        let (met, next_check) = (VecDeque::new(), 0);
        self.archives.push(Merged { at, end, horizon, forgotten, expected, met, next_check });
        replaced
    }

    /// An archive has lost its newest envelopes: it is read from the beginning, and everything is in doubt.
    pub(super) fn restart(&mut self, at: ArchiveAt) {
        let latest = self.latest;
        if let Some(merged) = self.archives.iter_mut().find(|merged| merged.at == at) {
            merged.end = 0;
            merged.forgotten.include(latest);
        }
    }

    /// The arrival number up to which an archive was read.
    pub(super) fn end(&self, at: ArchiveAt) -> u64 {
        self.find(at).map_or(0, |merged| merged.end)
    }

    /// The other archives that have been read, with the arrival number up to which they were.
    pub(super) fn others(&self, at: ArchiveAt) -> impl Iterator<Item = (ArchiveAt, u64)> {
        let is_other = move |merged: &&Merged| merged.at.id != at.id && merged.end > 0;
        self.archives.iter().filter(is_other).map(|merged| (merged.at, merged.end))
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
            if merged.expected.contains(&key) {
                merged.met.push_back((stored.arrival, key));
                continue;
            }
            let envelope = &stored.envelope;
            let is_doubtful =
                envelope.expiry() <= merged.horizon || merged.forgotten.contains(envelope);
            let list = if is_doubtful { &mut sorted.doubtful } else { &mut sorted.new };
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
        self.latest.extend(now, delivered);
        for merged in &mut self.archives {
            if merged.at == at {
                merged.pass(end);
                continue;
            }
            merged.expected.add(now, at.node, delivered);
            if let Some(expiry) = merged.expected.limit(MAX_IN_MEMORY) {
                merged.forgotten.include(Bound { expiry, sent: self.latest.sent });
            }
        }
    }

    /// An archive was read to its newest envelope. Returns how many envelopes it should have, and does not. `now`: seconds
    /// since 1970.
    pub(super) fn handle_caught_up(&mut self, now: u32, at: ArchiveAt) -> Option<usize> {
        let merged = self.archives.iter_mut().find(|merged| merged.at == at)?;
        if now < merged.next_check {
            return None;
        }
        merged.next_check = now.saturating_add(10);
        let missing = merged.expected.overdue(now);
        merged.horizon = merged.horizon.max(merged.expected.forget_expired(now));
        Some(missing)
    }

    /// Where to go on.
    pub(super) fn cursor(&self, question: [u8; 8]) -> HistoryCursor {
        let nodes: Vec<_> = self.archives.iter().map(|merged| merged.at.node).collect();
        let places = self.archives.iter().map(|merged| merged.place(self.latest.sent, &nodes));
        let (latest, archives) = (self.latest, places.collect());
        HistoryCursor { question: Some(question), latest, archives, seen: Vec::new() }
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

    /// `latest_sent`: all that was delivered was sent until then. `nodes`: the nodes of all archives, in order.
    fn place(&self, latest_sent: u32, nodes: &[NodeTag]) -> ArchivePlace {
        let (entries, latest_expiry) = self.expected.first(MAX_EXPECTED);
        let mut forgotten = self.forgotten;
        if let Some(expiry) = latest_expiry {
            forgotten.include(Bound { expiry, sent: latest_sent });
        }
        let source = |node: Option<NodeTag>| nodes.iter().position(|other| Some(*other) == node);
        let one = |(key, entry): (HashKey, Entry)| {
            let source = source(entry.source).and_then(|index| u8::try_from(index).ok());
            ExpectedPlace { key, expiry: entry.expiry, source: source.unwrap_or(NO_SOURCE) }
        };
        let known = entries.into_iter().filter(|_| !planted::is(Bug::ExpectedForgotten));
        let mut expected: Vec<_> = known.map(one).collect();
        expected.sort_unstable();
        let (ArchiveAt { id, node }, end, horizon) = (self.at, self.end, self.horizon);
        ArchivePlace { id, node, end, horizon, forgotten, expected }
    }
}

#[cfg(test)]
mod tests;
