//! What one peer has announced, what it is asked for, and how it answers.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use p2p_world::HashMap;

use super::{MAX_ASKED_BYTES, answer_time};
use crate::{
    relay::lazy::short_id::ShortId,
    relay::lazy::wire::{MAX_IDS, class_bytes},
};

/// Most failures that a peer is remembered with. Each delivery halves them.
const MAX_FAILURES: u32 = 8;

/// Time between two requests to announce everything again.
const AGAIN_EVERY: Duration = Duration::from_secs(30);

/// Bytes that an announced id is counted with, in the memory of its announcer.
const ANNOUNCED_BYTES: usize = 160;

/// How an announced envelope stands with this peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    /// It is not asked for here.
    Idle,
    /// It is to be asked for.
    Queued,
    /// It was asked for, and is to come until then.
    Sent(Duration),
}

/// A peer that is asked for envelopes.
#[derive(Debug, Default)]
pub(super) struct AskedPeer {
    announced: HashMap<ShortId, Request>,
    /// What is to be asked for, with its size class. Some of it is no longer wanted.
    queue: VecDeque<(ShortId, u8)>,
    /// What was asked for and is to come until then, with its bytes by the size class.
    deadlines: BTreeMap<(Duration, ShortId), usize>,
    /// Bytes that the peer is asked for, by the size classes.
    asked_bytes: usize,
    failures: u32,
    /// How often it was first lately.
    score: f64,
    limits: Limits,
    again: Again,
}

/// Up to which size the peer is to push.
#[derive(Debug, Default, Clone, Copy)]
struct Limits {
    wanted: u32,
    told: u32,
}

/// Whether the peer is to announce everything again.
#[derive(Debug, Default, Clone, Copy)]
struct Again {
    is_due: bool,
    last: Option<Duration>,
}

impl AskedPeer {
    /// The ids that it has announced and that have not come.
    pub(super) fn announced(&self) -> Vec<ShortId> {
        let mut ids: Vec<ShortId> = self.announced.keys().copied().collect();
        ids.sort_unstable(); // the same in each run of a simulation
        ids
    }

    pub(super) fn has_announced(&self, id: &ShortId) -> bool {
        self.announced.contains_key(id)
    }

    pub(super) fn announced_count(&self) -> usize {
        self.announced.len()
    }

    pub(super) fn add_announced(&mut self, id: ShortId) {
        self.announced.insert(id, Request::Idle);
    }

    /// The envelope came or is given up. Returns whether the peer had been asked for it.
    pub(super) fn remove_announced(&mut self, id: &ShortId) -> bool {
        let Some(Request::Sent(deadline)) = self.announced.remove(id) else { return false };
        let bytes = self.deadlines.remove(&(deadline, *id));
        self.asked_bytes -= bytes.unwrap_or_default();
        bytes.is_some()
    }

    /// It announced more than is remembered.
    pub(super) fn handle_overflow(&mut self) {
        self.again.is_due = true;
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.failures == 0
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Asks for an envelope, as soon as the peer has delivered enough of the others.
    pub(super) fn ask(&mut self, id: ShortId, class: u8) {
        if let Some(request @ Request::Idle) = self.announced.get_mut(&id) {
            *request = Request::Queued;
            self.queue.push_back((id, class));
        }
    }

    /// Another peer is asked for it: this one is not, unless it was already.
    pub(super) fn cancel(&mut self, id: &ShortId) {
        if let Some(request @ Request::Queued) = self.announced.get_mut(id) {
            *request = Request::Idle;
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The envelopes to ask for now.
    pub(super) fn take_wants(&mut self, uptime: Duration) -> Vec<ShortId> {
        let mut ids = Vec::new();
        while ids.len() < MAX_IDS
            && let Some((id, class)) = self.queue.front().copied()
        {
            let Some(request @ Request::Queued) = self.announced.get_mut(&id) else {
                self.queue.pop_front(); // it came meanwhile
                continue;
            };
            let bytes = class_bytes(class);
            if self.asked_bytes > 0 && self.asked_bytes + bytes > MAX_ASKED_BYTES {
                break;
            }
            self.queue.pop_front();
            self.asked_bytes += bytes;
            let deadline = uptime + answer_time(self.asked_bytes);
            *request = Request::Sent(deadline);
            self.deadlines.insert((deadline, id), bytes);
            ids.push(id);
        }
        ids
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let again = self.again.is_due.then(|| self.again.due()).filter(|due| !due.is_zero());
        let first = self.deadlines.first_key_value().map(|((deadline, _), _)| *deadline);
        first.into_iter().chain(again).min()
    }

    /// An envelope that did not come in time. It may be asked for again.
    pub(super) fn take_due(&mut self, uptime: Duration) -> Option<ShortId> {
        let first = self.deadlines.first_entry().filter(|first| first.key().0 <= uptime)?;
        let ((_, id), bytes) = first.remove_entry();
        self.asked_bytes -= bytes;
        if let Some(request) = self.announced.get_mut(&id) {
            *request = Request::Idle;
        }
        self.failures = (self.failures + 1).min(MAX_FAILURES);
        Some(id)
    }

    /// It sent what it was asked for.
    pub(super) fn handle_delivered(&mut self) {
        self.failures /= 2;
    }

    /// It was the first to send an envelope, which counts so much.
    pub(super) fn handle_first(&mut self, weight: f64) {
        self.score += weight;
    }

    /// All scores are counted in another unit.
    pub(super) fn rescale(&mut self, factor: f64) {
        self.score *= factor;
    }

    pub(super) fn score(&self) -> f64 {
        self.score
    }

    /// Up to which size it is to push.
    pub(super) fn limit(&self) -> u32 {
        self.limits.wanted
    }

    /// Sets up to which size it is to push. Returns whether the peer is to be told.
    pub(super) fn set_limit(&mut self, limit: u32) -> bool {
        self.limits.wanted = limit;
        self.limits.wanted != self.limits.told
    }

    /// Up to which size the peer is to be told to push.
    pub(super) fn take_limit(&mut self) -> Option<u32> {
        let Limits { wanted, told } = self.limits;
        self.limits.told = wanted;
        (wanted != told).then_some(wanted)
    }

    /// Whether the peer is to be told now to announce everything again: when there is room for half of it.
    pub(super) fn take_again(&mut self, uptime: Duration) -> bool {
        let has_room = self.announced.len() <= super::MAX_ANNOUNCED / 2;
        let is_due = self.again.is_due && has_room && self.again.due() <= uptime;
        if is_due {
            self.again = Again { is_due: false, last: Some(uptime) };
        }
        is_due
    }

    /// Bytes that are kept for it.
    pub(super) fn memory(&self) -> usize {
        self.announced.len() * ANNOUNCED_BYTES
    }
}

impl Again {
    fn due(self) -> Duration {
        self.last.map_or(Duration::ZERO, |last| last + AGAIN_EVERY)
    }
}
