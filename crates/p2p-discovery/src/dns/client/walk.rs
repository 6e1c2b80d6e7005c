//! One way through one tree: which names are still to be asked for.

use std::{collections::HashSet, time::Instant};

use rand_core::RngCore;

use crate::dns::label::Label;

/// A way through a tree in random order, each entry once.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) root: Label,
    pub(super) begun: Instant,
    waiting: Vec<Label>,
    /// Asked for and not answered yet.
    open: HashSet<Label>,
    /// Met before: entries may be named more than once.
    met: HashSet<Label>,
}

impl Walk {
    pub(super) fn new(root: Label, now: Instant) -> Self {
        let (open, met) = (HashSet::new(), HashSet::from([root]));
        Self { root, begun: now, waiting: vec![root], open, met }
    }

    /// Any of the names that wait, which is open from now on.
    pub(super) fn next(&mut self, rng: &mut impl RngCore) -> Option<Label> {
        let count = u64::try_from(self.waiting.len()).ok().filter(|count| *count > 0)?;
        // What is uneven about this does not matter here.
        let pick = usize::try_from(rng.next_u64() % count).ok()?;
        let label = self.waiting.swap_remove(pick);
        self.open.insert(label);
        Some(label)
    }

    /// The question about this name is over. Says whether it was one of this walk.
    pub(super) fn close(&mut self, label: &Label) -> bool {
        self.open.remove(label)
    }

    /// The name was not answered, or could not be asked for: later.
    pub(super) fn put_back(&mut self, label: Label) {
        if self.open.remove(&label) {
            self.waiting.push(label);
        }
    }

    /// Takes the names of a branch; says how many are beyond `limit` and left out.
    pub(super) fn extend(&mut self, labels: &[Label], limit: usize) -> u64 {
        let mut left_out = 0;
        for label in labels {
            if self.met.len() >= limit && !self.met.contains(label) {
                left_out += 1;
            } else if self.met.insert(*label) {
                self.waiting.push(*label);
            }
        }
        left_out
    }

    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }

    /// How many names were met, and how many of them are still to be answered.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.met.len(), self.waiting.len() + self.open.len())
    }
}
