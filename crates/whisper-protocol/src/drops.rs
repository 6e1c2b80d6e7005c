//! What was dropped, rejected or disconnected, by reason: how often, and the last occurrences in detail.

mod reason;

use std::{collections::VecDeque, sync::Mutex};

use p2p_identity::NodeId;

use crate::{
    lock::lock, relay::reject_reason::RejectReason, stats::Reason, stats::counters::Count,
};

/// Number of occurrences of each reason that are kept in detail.
pub const DROP_SAMPLES: usize = 64;

/// One time that something was dropped, rejected or disconnected.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Occurrence {
    /// When, in seconds since 1970.
    pub at: u32,
    /// The peer that was involved, if any.
    pub peer: Option<NodeId>,
    /// The hash of the envelope, if it concerns one.
    pub envelope: Option<[u8; 32]>,
    /// The details, if an envelope was rejected on arrival.
    pub rejected: Option<RejectReason>,
}

impl Occurrence {
    pub(crate) fn at(at: u32) -> Self {
        Self { at, peer: None, envelope: None, rejected: None }
    }

    pub(crate) fn by(self, peer: impl Into<Option<NodeId>>) -> Self {
        Self { peer: peer.into(), ..self }
    }

    pub(crate) fn of(self, envelope: &[u8; 32]) -> Self {
        Self { envelope: Some(*envelope), ..self }
    }
}

/// How often there was a reason to drop something, and the last occurrences.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dropped {
    /// The reason.
    pub reason: Reason,
    /// How often it occurred since the node started.
    pub count: u64,
    /// The last occurrences, the latest first; at most [`DROP_SAMPLES`].
    pub last: Vec<Occurrence>,
}

#[derive(Debug, Default)]
struct ReasonLog {
    count: Count,
    last: Mutex<VecDeque<Occurrence>>,
}

/// A count and the last occurrences for each reason. The reasons are separate: many occurrences of one do not displace
/// those of another.
#[derive(Debug)]
pub(crate) struct DropLog(Box<[ReasonLog]>);

impl Default for DropLog {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| ReasonLog::default()).collect())
    }
}

impl DropLog {
    pub(crate) fn record(&self, reason: Reason, occurrence: Occurrence) {
        let log = &self.0[reason as usize];
        let mut last = lock(&log.last);
        if last.len() >= DROP_SAMPLES {
            last.pop_front();
        }
        last.push_back(occurrence);
        log.count.add(1);
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.0[reason as usize].count.get()
    }

    /// All reasons, also those that never occurred.
    pub(crate) fn all(&self) -> Vec<Dropped> {
        let dropped = |reason: &Reason| {
            let log = &self.0[*reason as usize];
            let last = lock(&log.last).iter().rev().copied().collect();
            Dropped { reason: *reason, count: log.count.get(), last }
        };
        Reason::ALL.iter().map(dropped).collect()
    }

    /// What was recorded about an envelope and is still kept, in the order in which it happened.
    pub(crate) fn about(&self, envelope: &[u8; 32]) -> Vec<(Reason, Occurrence)> {
        let mut found = Vec::new();
        for reason in Reason::ALL {
            let last = lock(&self.0[*reason as usize].last);
            let about = last.iter().filter(|drop| drop.envelope.as_ref() == Some(envelope));
            found.extend(about.map(|drop| (*reason, *drop)));
        }
        found.sort_by_key(|(_, drop)| drop.at);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_has_its_own_name_and_log() {
        let drops = DropLog::default();
        let mut names = HashSet::new();
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert!(names.insert(reason.name()), "{reason}");
            (0..=index).for_each(|_| drops.record(*reason, Occurrence::at(0)));
        }
        for (index, dropped) in drops.all().iter().enumerate() {
            assert_eq!((dropped.reason, dropped.count), (Reason::ALL[index], index as u64 + 1));
        }
    }

    #[test]
    fn the_last_occurrences_are_kept_the_latest_first() {
        let drops = DropLog::default();
        (0..100).for_each(|at| drops.record(Reason::Expired, Occurrence::at(at)));
        drops.record(Reason::Expired, Occurrence::at(100).of(&[1; 32]));
        let all = drops.all();
        let dropped = all.iter().find(|dropped| dropped.reason == Reason::Expired).unwrap();
        assert_eq!((dropped.count, dropped.last.len()), (101, DROP_SAMPLES));
        assert_eq!((dropped.last[0].at, dropped.last[DROP_SAMPLES - 1].at), (100, 37));
    }

    #[test]
    fn the_history_of_an_envelope_is_in_order() {
        let drops = DropLog::default();
        drops.record(Reason::ZeroTtl, Occurrence::at(3).of(&[1; 32]));
        drops.record(Reason::ZeroTtl, Occurrence::at(2).of(&[2; 32]));
        drops.record(Reason::NotOpened, Occurrence::at(1).of(&[1; 32]));
        let reasons: Vec<_> =
            drops.about(&[1; 32]).into_iter().map(|(reason, drop)| (reason, drop.at)).collect();
        assert_eq!(reasons, [(Reason::NotOpened, 1), (Reason::ZeroTtl, 3)]);
    }
}
