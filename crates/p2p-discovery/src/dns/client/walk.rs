//! A walk through a tree: which labels are still to be asked for.

use std::time::Instant;

use p2p_world::HashSet;
use rand_core::RngCore;

use crate::dns::label::Label;

/// A walk through a tree in random order, each entry once.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) root: Label,
    pub(super) begun: Instant,
    waiting: Vec<Label>,
    /// Labels that have been asked for and are not answered yet.
    open: HashSet<Label>,
    /// All labels found so far: a tree may contain a label several times.
    seen: HashSet<Label>,
}

impl Walk {
    pub(super) fn new(root: Label, now: Instant) -> Self {
        let (open, seen) = (HashSet::default(), HashSet::from_iter([root]));
        Self { root, begun: now, waiting: vec![root], open, seen }
    }

    /// Takes a random waiting label to ask for.
    pub(super) fn next(&mut self, rng: &mut impl RngCore) -> Option<Label> {
        let count = u64::try_from(self.waiting.len()).ok().filter(|count| *count > 0)?;
        // The slight bias of the modulo does not matter.
        let index = usize::try_from(rng.next_u64() % count).ok()?;
        let label = self.waiting.swap_remove(index);
        self.open.insert(label);
        Some(label)
    }

    /// The query for this label is finished. Returns whether it belonged to this walk.
    pub(super) fn close(&mut self, label: &Label) -> bool {
        self.open.remove(label)
    }

    /// The label was not answered, or could not be asked for. It is asked for later.
    pub(super) fn put_back(&mut self, label: Label) {
        if self.open.remove(&label) {
            self.waiting.push(label);
        }
    }

    /// Adds the labels of a branch. Returns how many were dropped because of `limit`.
    pub(super) fn extend(&mut self, labels: &[Label], limit: usize) -> u64 {
        let mut dropped = 0;
        for label in labels {
            if self.seen.len() >= limit && !self.seen.contains(label) {
                dropped += 1;
            } else if self.seen.insert(*label) {
                self.waiting.push(*label);
            }
        }
        dropped
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }

    /// The number of labels found so far, and of those that are not answered yet.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.seen.len(), self.waiting.len() + self.open.len())
    }
}
