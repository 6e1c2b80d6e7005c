//! What was dropped, refused or cut, by the reason: how often, and the last few times in detail.

pub(crate) mod describe;
pub(crate) mod explain;
pub(crate) mod explanation;
pub(crate) mod history;
pub(crate) mod noting;
pub(crate) mod reason;
pub(crate) mod trace;

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use p2p_identity::NodeId;

use crate::{drops::reason::Reason, lock::lock, relay::admission::Rejection};

/// How many occurrences of each reason are kept in detail.
pub const DROP_SAMPLES: usize = 64;

/// One counter. Relaxed: a counter orders nothing.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One time that something was dropped, refused or cut.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Occurrence {
    /// When, in seconds since 1970.
    pub at: u32,
    /// The peer that had to do with it, if one did.
    pub peer: Option<NodeId>,
    /// The hash of the envelope, where it is about one.
    pub envelope: Option<[u8; 32]>,
    /// The figures, where an envelope was refused on arrival.
    pub rejection: Option<Rejection>,
}

impl Occurrence {
    pub(crate) fn at(at: u32) -> Self {
        Self { at, peer: None, envelope: None, rejection: None }
    }

    pub(crate) fn by(self, peer: impl Into<Option<NodeId>>) -> Self {
        Self { peer: peer.into(), ..self }
    }

    pub(crate) fn of(self, envelope: &[u8; 32]) -> Self {
        Self { envelope: Some(*envelope), ..self }
    }
}

/// How often there was a reason to drop something, and the last times.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dropped {
    /// The reason.
    pub reason: Reason,
    /// How often, since the node started.
    pub count: u64,
    /// The last [`DROP_SAMPLES`] times at most, the latest first.
    pub last: Vec<Occurrence>,
}

#[derive(Debug, Default)]
struct Tally {
    count: Count,
    last: Mutex<VecDeque<Occurrence>>,
}

/// A tally for each reason. What happens to one is no business of the others: a flood of one kind
/// does not push the rare kinds out.
#[derive(Debug)]
pub(crate) struct Drops(Box<[Tally]>);

impl Default for Drops {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| Tally::default()).collect())
    }
}

impl Drops {
    pub(crate) fn note(&self, reason: Reason, drop: Occurrence) {
        self.note_all(reason, [drop]);
    }

    /// Notes several at once, the latest last.
    pub(crate) fn note_all(&self, reason: Reason, drops: impl IntoIterator<Item = Occurrence>) {
        let tally = &self.0[reason as usize];
        let mut last = lock(&tally.last);
        let mut count = 0;
        for drop in drops {
            if last.len() >= DROP_SAMPLES {
                last.pop_front();
            }
            last.push_back(drop);
            count += 1;
        }
        tally.count.add(count);
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.0[reason as usize].count.get()
    }

    /// All reasons there are, also those that never occurred.
    pub(crate) fn all(&self) -> Vec<Dropped> {
        let dropped = |reason: &Reason| {
            let tally = &self.0[*reason as usize];
            let last = lock(&tally.last).iter().rev().copied().collect();
            Dropped { reason: *reason, count: tally.count.get(), last }
        };
        Reason::ALL.iter().map(dropped).collect()
    }

    /// What was noted of an envelope and is still kept, in the order in which it happened.
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
    fn each_reason_has_a_name_and_a_tally_of_its_own() {
        let drops = Drops::default();
        let mut names = HashSet::new();
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert!(names.insert(reason.name()), "{reason}");
            (0..=index).for_each(|_| drops.note(*reason, Occurrence::at(0)));
        }
        for (index, dropped) in drops.all().iter().enumerate() {
            assert_eq!((dropped.reason, dropped.count), (Reason::ALL[index], index as u64 + 1));
        }
    }

    #[test]
    fn the_last_ones_are_kept_the_latest_first() {
        let drops = Drops::default();
        drops.note_all(Reason::Expired, (0..100).map(Occurrence::at));
        drops.note(Reason::Expired, Occurrence::at(100).of(&[1; 32]));
        let all = drops.all();
        let dropped = all.iter().find(|dropped| dropped.reason == Reason::Expired).unwrap();
        assert_eq!((dropped.count, dropped.last.len()), (101, DROP_SAMPLES));
        assert_eq!((dropped.last[0].at, dropped.last[DROP_SAMPLES - 1].at), (100, 37));
    }

    #[test]
    fn what_befell_an_envelope_is_told_in_order() {
        let drops = Drops::default();
        drops.note(Reason::ZeroTtl, Occurrence::at(3).of(&[1; 32]));
        drops.note(Reason::ZeroTtl, Occurrence::at(2).of(&[2; 32]));
        drops.note(Reason::NotOpened, Occurrence::at(1).of(&[1; 32]));
        let reasons: Vec<_> =
            drops.about(&[1; 32]).into_iter().map(|(reason, drop)| (reason, drop.at)).collect();
        assert_eq!(reasons, [(Reason::NotOpened, 1), (Reason::ZeroTtl, 3)]);
    }
}
