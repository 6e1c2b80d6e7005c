//! The envelopes in the order of their admission, as each peer reads them at its own pace.
//!
//! Each peer has a cursor: the number of the first envelope that it was not offered yet. An admission appends a segment,
//! whatever the number of peers, and finds those that wait and want it. A peer that falls too far behind the feed finds
//! what it missed in the pool.

pub(crate) mod arrivals;
pub(crate) mod bundle;
mod waiting;

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use crate::relay::pool::PoolEntry;

pub(crate) use waiting::{Demand, WaitingPeers};

/// A bundle is closed at this size in bytes, so that an envelope with more work that arrives meanwhile does not wait
/// long, and other sub-protocols of the connection neither. With the list's header this is exactly what `chunk/1`
/// sends in one piece, so that the other end has nothing to put together. A single envelope may exceed it.
pub(crate) const BUNDLE_TARGET: usize = 32 * 1024 - 16;

/// A peer that is behind by at most this many bytes is sent segment after segment, so that peers share bundles. One that
/// is further behind is sent the highest work first. A few senders that send without pause may put as much into the feed
/// before the receivers have their turns.
const WINDOW: u64 = 16 * BUNDLE_TARGET as u64;

/// Maximum number of envelopes in the feed.
const MAX_ENVELOPES: u64 = 4096;

/// Maximum bytes of envelopes in the feed, the last segment aside: some of them may have left the pool.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Envelopes that were admitted together, highest work first. They fit into one bundle unless it is a single one.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The number of the earliest one.
    first: u64,
    entries: Vec<Arc<PoolEntry>>,
    /// Bytes of these envelopes, and of all earlier ones.
    bytes: usize,
    before: u64,
    /// The hashes of the envelopes. Made when they are first announced to a peer, and shared.
    hashes: OnceLock<Vec<[u8; 32]>>,
}

impl Segment {
    /// The hash of the envelope at this place of [`entries`](Self::entries).
    pub(crate) fn hash(&self, index: usize) -> [u8; 32] {
        let hashes = || self.entries.iter().map(|entry| entry.hash()).collect();
        self.hashes.get_or_init(hashes)[index]
    }

    /// The number after the last one.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn entries(&self) -> &[Arc<PoolEntry>] {
        &self.entries
    }
}

/// What a peer has not been offered yet.
#[derive(Debug)]
pub(crate) enum Unread {
    Nothing,
    /// Segments that fit into one bundle.
    Bundle(Vec<Arc<Segment>>),
    /// More than the peer is sent in the order of admission: all segments.
    Backlog(Vec<Arc<Segment>>),
    /// Some of it is no longer in the feed: the number of envelopes that were missed, and all segments.
    Gap(u64, Vec<Arc<Segment>>),
}

/// The envelopes that were admitted last, and the peers that wait for more.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    segments: VecDeque<Arc<Segment>>,
    /// The number of the next envelope.
    next: u64,
    /// Bytes of all envelopes so far.
    total: u64,
    waiting: WaitingPeers,
    /// Peers that waited and were found, to be woken.
    wakes: Vec<usize>,
}

impl Feed {
    /// The number of the next envelope: the cursor of a peer that was offered everything.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Appends envelopes that were just admitted, in order. `from`: the index of the peer that sent them. `offered`:
    /// whether peers may be sent them.
    pub(crate) fn append(
        &mut self,
        mut admitted: &[Arc<PoolEntry>],
        from: Option<usize>,
        offered: bool,
    ) {
        if offered {
            for entry in admitted {
                self.waiting.take_wanting(entry.topic(), entry.work(), from, &mut self.wakes);
            }
        }
        while !admitted.is_empty() {
            let (segment, rest) = admitted.split_at(fitting(admitted));
            self.push(segment);
            admitted = rest;
        }
        while self.segments.len() > 1 && self.is_too_long() {
            self.segments.pop_front();
        }
    }

    fn push(&mut self, admitted: &[Arc<PoolEntry>]) {
        let mut entries = admitted.to_vec();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.ticket()));
        let bytes = entries.iter().map(|entry| entry.raw().len()).sum();
        let (before, hashes) = (self.total, OnceLock::new());
        let segment = Segment { first: self.next, entries, bytes, before, hashes };
        self.next = segment.end();
        self.total += bytes as u64;
        self.segments.push_back(Arc::new(segment));
    }

    fn is_too_long(&self) -> bool {
        self.segments.front().is_some_and(|oldest| {
            self.next - oldest.first > MAX_ENVELOPES || self.total - oldest.before > MAX_BYTES
        })
    }

    /// What a peer has not been offered yet. `end`: where another peer's bundle from the same cursor ended.
    pub(crate) fn unread(&self, cursor: u64, end: Option<u64>) -> Unread {
        if cursor >= self.next {
            return Unread::Nothing;
        }
        let start = self.segments.partition_point(|segment| segment.first < cursor);
        let unread = || self.segments.range(start..);
        let Some(first) = unread().next().filter(|segment| segment.first == cursor) else {
            let missed = self.segments.front().map_or(self.next, |segment| segment.first);
            return Unread::Gap(missed.saturating_sub(cursor), unread().cloned().collect());
        };
        if self.total - first.before > WINDOW {
            return Unread::Backlog(unread().cloned().collect());
        }
        let fits = |segment: &&Arc<Segment>| {
            let bytes = segment.before - first.before + segment.bytes as u64;
            let is_first = segment.first == cursor;
            is_first
                || (bytes <= BUNDLE_TARGET as u64 && end.is_none_or(|end| segment.end() <= end))
        };
        Unread::Bundle(unread().take_while(fits).cloned().collect())
    }

    /// The peer waits from now on for envelopes that it wants. Returns false if there are some after its cursor.
    pub(crate) fn wait(&mut self, index: usize, cursor: u64) -> bool {
        let is_current = cursor >= self.next;
        if is_current {
            self.waiting.insert(index);
        }
        is_current
    }

    /// A peer joins.
    pub(crate) fn join(&mut self, index: usize, demand: &Demand) {
        self.waiting.set_demand(index, demand);
    }

    /// A peer wants something else from now on. It is woken if it waits.
    pub(crate) fn change_demand(&mut self, index: usize, demand: &Demand) {
        self.wake(index);
        self.waiting.set_demand(index, demand);
    }

    /// A peer left.
    pub(crate) fn leave(&mut self, index: usize) {
        self.waiting.remove(index);
        self.wakes.retain(|woken| *woken != index);
    }

    /// Wakes a peer if it waits.
    pub(crate) fn wake(&mut self, index: usize) {
        if self.waiting.remove(index) {
            self.wakes.push(index);
        }
    }

    /// Wakes all peers that wait.
    pub(crate) fn wake_all(&mut self) {
        self.waiting.take_all(&mut self.wakes);
    }

    /// The peers to be woken since the last call.
    pub(crate) fn take_wakes(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.wakes)
    }

    /// Forgets envelopes that expired before `now`, if all of a segment did.
    pub(crate) fn expire(&mut self, now: u32) {
        let is_over =
            |segment: &Arc<Segment>| segment.entries.iter().all(|entry| entry.expiry() < now);
        while self.segments.front().is_some_and(is_over) {
            self.segments.pop_front();
        }
    }
}

/// How many of these fit into one segment; at least one.
fn fitting(entries: &[Arc<PoolEntry>]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Arc<PoolEntry>| {
        bytes += entry.raw().len();
        bytes <= BUNDLE_TARGET
    };
    entries.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests;
