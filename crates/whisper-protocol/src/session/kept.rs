//! Envelopes that a peer sent, and that this node may admit later.
//!
//! A peer sends an envelope once, so what is rejected is lost while the session lasts. Two kinds of envelopes are not to be
//! lost:
//!
//! - An **early** one: this node's clock is behind, or the clock of the envelope's maker is ahead. It is processed as soon as
//!   the node's clock reaches the second in which it was sent.
//! - A **refused** one: the node required more work, or wanted fewer topics, when the envelope was processed than when the
//!   peer sent it. The peer was not told yet, the line was slow, or the envelope was early. It is processed again when
//!   the node requires less work or wants more topics.
//!
//! Both share one room for each peer. If it is full, an early envelope takes the place of refused ones: they may never be
//! wanted again, and it will be. If the session ends before, nothing is lost: peers send all live envelopes that the node
//! wants to a new connection.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use p2p_mux::MemoryCharge;
use p2p_world::planted::{self, Bug};
use whisper_envelope::{Bloom, Envelope};
use whisper_pow::Work;

use crate::{
    lock::lock, relay::admission::EnvelopeOutcome, relay::driver::MAX_BATCH,
    relay::reject_reason::RejectReason, wire::status::Status,
};

/// Envelopes further in the future than this many seconds are not kept: their maker's clock was never set.
const MAX_AHEAD_SECS: u32 = 600;

/// Maximum number and bytes of the envelopes that are kept for one peer. Beyond that, they are rejected for good.
const MAX_KEPT: usize = 4096;
const MAX_KEPT_BYTES: usize = 1024 * 1024;

/// Memory of an entry besides the bytes of its envelope.
const ENTRY_BYTES: usize = size_of::<((u32, [u8; 32]), (Envelope, Obstacle))>();

/// The envelopes of one peer that may be admitted later. The peer gains nothing by filling this room, which is its own.
#[derive(Debug, Default)]
pub(super) struct KeptEnvelopes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By the second of sending.
    early: BTreeMap<(u32, [u8; 32]), Envelope>,
    /// By the second of expiry.
    refused: BTreeMap<(u32, [u8; 32]), (Envelope, Obstacle)>,
    /// The least that this node required in the session, as far as the peer was told: nothing that the peer sent in accordance
    /// with it is rejected for good. `None` before the peer was told anything.
    least: Option<Wanted>,
    /// What the node required when the refused envelopes were examined last.
    examined: Option<Wanted>,
    bytes: usize,
    memory: MemoryCharge,
}

/// What a node requires of envelopes, as it tells its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) min_work: Work,
    pub(super) bloom: Bloom,
}

impl Wanted {
    /// What the status of a node says.
    pub(super) fn of(status: &Status) -> Self {
        Self { min_work: status.min_work, bloom: status.bloom }
    }
}

/// Why an envelope was refused that may be admitted when the node requires less.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    /// It has only this much work.
    Work(Work),
    /// Its topic was outside the bloom.
    Topic,
}

impl Obstacle {
    fn of(outcome: &EnvelopeOutcome) -> Option<Self> {
        match outcome {
            EnvelopeOutcome::Rejected(RejectReason::LowWork { work, .. }) => {
                Some(Self::Work(*work))
            }
            EnvelopeOutcome::Rejected(RejectReason::OutsideBloom) => Some(Self::Topic),
            _ => None,
        }
    }

    /// Whether an envelope with this obstacle meets these requirements.
    fn is_met_by(self, envelope: &Envelope, wanted: &Wanted) -> bool {
        match self {
            Self::Work(work) => work >= wanted.min_work,
            Self::Topic => wanted.bloom.matches(envelope.topic()),
        }
    }
}

impl KeptEnvelopes {
    /// None so far. `memory`: counts what is kept.
    pub(super) fn new(memory: MemoryCharge) -> Self {
        Self(Mutex::new(Kept { memory, ..Kept::default() }))
    }

    /// The peer is about to be told that this node requires this.
    pub(super) fn handle_told(&self, wanted: Wanted) {
        let mut kept = self.lock();
        let least = kept.least.unwrap_or(wanted);
        kept.least = Some(Wanted {
            min_work: least.min_work.min(wanted.min_work),
            bloom: least.bloom.union(wanted.bloom),
        });
    }

    /// Keeps those of a batch that were rejected and may be admitted later. Returns how many of them were early, and how many
    /// were refused.
    pub(super) fn keep(&self, batch: &[Envelope], outcomes: &[EnvelopeOutcome]) -> (usize, usize) {
        let mut kept = self.lock();
        let (mut early, mut refused) = (0, 0);
        for (envelope, outcome) in batch.iter().zip(outcomes) {
            if let EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead }) = outcome {
                early += usize::from(kept.keep_early(envelope, *ahead));
            } else if let Some(obstacle) = Obstacle::of(outcome) {
                refused += usize::from(kept.keep_refused(envelope, obstacle));
            }
        }
        (early, refused)
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().len() == 0
    }

    /// Seconds until [`take_due`](Self::take_due) has something to do, if nothing changes. `wanted`: what the node requires now.
    pub(super) fn wait(&self, now: u32, wanted: &Wanted) -> Option<u32> {
        let kept = self.lock();
        if !kept.refused.is_empty() && kept.examined != Some(*wanted) {
            return Some(0);
        }
        let sent = kept.early.first_key_value().map(|((sent, _), _)| *sent);
        let expired =
            kept.refused.first_key_value().map(|((expiry, _), _)| expiry.saturating_add(1));
        sent.into_iter().chain(expired).min().map(|due| due.saturating_sub(now))
    }

    /// Takes up to [`MAX_BATCH`] envelopes that are to be processed now: those whose time has come, the earliest first, and
    /// those that the node refused and that meet what it requires now. Forgets refused ones that have expired.
    pub(super) fn take_due(&self, now: u32, wanted: &Wanted) -> Vec<Envelope> {
        self.lock().take_due(now, wanted)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0)
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.early.len() + self.refused.len()
    }

    fn has_room(&self, envelope: &Envelope) -> bool {
        self.len() < MAX_KEPT && self.bytes + envelope.raw().len() <= MAX_KEPT_BYTES
    }

    /// Makes room for an early envelope: forgets refused ones, those that live longest first. Returns whether there is room.
    fn make_room(&mut self, envelope: &Envelope) -> bool {
        while !self.has_room(envelope) {
            let Some((_, (refused, _))) = self.refused.pop_last() else { return false };
            self.bytes -= refused.raw().len();
        }
        true
    }

    /// Keeps an envelope that was sent `ahead` seconds in the future. Returns whether it was kept.
    fn keep_early(&mut self, envelope: &Envelope, ahead: u32) -> bool {
        let Some(sent) = envelope.sent().filter(|_| ahead <= MAX_AHEAD_SECS) else { return false };
        let key = (sent, *envelope.hash());
        if self.early.contains_key(&key) || !self.make_room(envelope) {
            return false;
        }
        self.bytes += envelope.raw().len();
        // A copy: it must not keep the large packet alive that it came in.
        self.early.insert(key, envelope.detached());
        self.update_memory();
        true
    }

    /// Keeps a refused envelope if the peer could have sent it in accordance with what it was told. Returns whether it was
    /// kept.
    fn keep_refused(&mut self, envelope: &Envelope, obstacle: Obstacle) -> bool {
        let was_wanted = self.least.is_some_and(|least| obstacle.is_met_by(envelope, &least));
        let key = (envelope.expiry(), *envelope.hash());
        if !was_wanted || !self.has_room(envelope) || self.refused.contains_key(&key) {
            return false;
        }
        self.bytes += envelope.raw().len();
        self.refused.insert(key, (envelope.detached(), obstacle));
        // The node may require less since the envelope was refused. Otherwise the others need not be examined again.
        self.examined = self.examined.filter(|wanted| !obstacle.is_met_by(envelope, wanted));
        self.update_memory();
        true
    }

    fn take_due(&mut self, now: u32, wanted: &Wanted) -> Vec<Envelope> {
        let mut due = Vec::new();
        while due.len() < MAX_BATCH
            && let Some(first) = self.early.first_entry()
            && first.key().0 <= now
        {
            let envelope = first.remove();
            self.bytes -= envelope.raw().len();
            due.extend((!planted::is(Bug::EarlyLost)).then_some(envelope));
        }
        self.forget_expired(now);
        if self.examined != Some(*wanted) {
            self.take_wanted(wanted, &mut due);
            if due.len() < MAX_BATCH {
                self.examined = Some(*wanted);
            }
        }
        self.update_memory();
        due
    }

    /// Fills a batch with refused envelopes that are wanted now.
    fn take_wanted(&mut self, wanted: &Wanted, due: &mut Vec<Envelope>) {
        let found =
            self.refused.iter().filter(|(_, (it, obstacle))| obstacle.is_met_by(it, wanted));
        let keys: Vec<_> = found.map(|(key, _)| *key).take(MAX_BATCH - due.len()).collect();
        for key in keys {
            if let Some((envelope, _)) = self.refused.remove(&key) {
                self.bytes -= envelope.raw().len();
                due.push(envelope);
            }
        }
    }

    fn forget_expired(&mut self, now: u32) {
        while let Some(first) = self.refused.first_entry()
            && first.key().0 < now
        {
            let (envelope, _) = first.remove();
            self.bytes -= envelope.raw().len();
        }
    }

    fn update_memory(&mut self) {
        self.memory.set(self.bytes + self.len() * ENTRY_BYTES);
    }
}

#[cfg(test)]
mod tests;
