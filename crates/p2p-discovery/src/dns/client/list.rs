//! What is known of one list.

use std::time::{Duration, Instant};

use super::{ListClientConfig, walk::Walk};
use crate::dns::{label::Label, link::Link, root::Root};

/// One of the two trees of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    Records,
    Links,
}

/// A list that is followed.
#[derive(Debug)]
pub(super) struct List {
    pub(super) link: Link,
    /// Asked for by the owner, not only linked by another list.
    pub(super) pinned: bool,
    pub(super) root: Option<Trees>,
    /// The lists that it links to, as of the last whole walk; and those found by the one under way.
    pub(super) children: Vec<Link>,
    pub(super) found: Vec<Link>,
    /// When the root is to be looked at, `None` while it is asked for.
    pub(super) root_due: Option<Instant>,
    /// Not before: something failed.
    rest_until: Option<Instant>,
    failures: u32,
}

/// The root in force, and the ways through its trees.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) root: Root,
    pub(super) records: Walk,
    pub(super) links: Walk,
}

/// What is to be asked next about a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Root,
    Links,
    Records,
}

impl List {
    pub(super) fn new(link: Link, pinned: bool, now: Instant) -> Self {
        Self {
            link,
            pinned,
            root: None,
            children: Vec::new(),
            found: Vec::new(),
            root_due: Some(now),
            rest_until: None,
            failures: 0,
        }
    }

    pub(super) fn walk(&mut self, kind: TreeKind) -> Option<&mut Walk> {
        let trees = self.root.as_mut()?;
        Some(match kind {
            TreeKind::Records => &mut trees.records,
            TreeKind::Links => &mut trees.links,
        })
    }

    /// What to ask now.
    pub(super) fn need(&self, now: Instant) -> Option<Need> {
        if self.rest_until.is_some_and(|until| until > now) {
            return None;
        }
        if self.root_due.is_some_and(|due| due <= now) {
            return Some(Need::Root);
        }
        let trees = self.root.as_ref()?;
        match (trees.links.waits(), trees.records.waits()) {
            (true, _) => Some(Need::Links),
            (false, true) => Some(Need::Records),
            (false, false) => None,
        }
    }

    /// When there will be something to ask, if nothing else happens.
    pub(super) fn due(&self, now: Instant, config: &ListClientConfig) -> Option<Instant> {
        let waits = |trees: &Trees| trees.links.waits() || trees.records.waits();
        let next = match &self.root {
            Some(trees) if waits(trees) => Some(now),
            Some(trees) if trees.records.is_done() => {
                let round = trees.records.begun + config.walk_interval;
                Some(self.root_due.map_or(round, |due| due.min(round)))
            }
            _ => self.root_due,
        };
        next.map(|next| self.rest_until.map_or(next, |until| until.max(next)))
    }

    /// Takes a root that was verified and is not older than the one before. A tree that has changed
    /// is walked anew.
    pub(super) fn enter(&mut self, root: Root, now: Instant) {
        let keep = |walk: Walk, label: Label| {
            if walk.root == label { walk } else { Walk::new(label, now) }
        };
        let (records, links) = (root.records, root.links);
        self.root = Some(match self.root.take() {
            Some(trees) => {
                if trees.links.root != links {
                    self.found.clear();
                }
                let records = keep(trees.records, records);
                Trees { root, records, links: keep(trees.links, links) }
            }
            None => Trees { root, records: Walk::new(records, now), links: Walk::new(links, now) },
        });
    }

    /// Walks the records again when the last time is long enough ago.
    pub(super) fn begin_round(&mut self, now: Instant, config: &ListClientConfig) {
        if let Some(trees) = &mut self.root
            && trees.records.is_done()
            && trees.records.begun + config.walk_interval <= now
        {
            trees.records = Walk::new(trees.records.root, now);
        }
    }

    /// A question was answered well.
    pub(super) fn handle_success(&mut self) {
        (self.failures, self.rest_until) = (0, None);
    }

    /// A question was not answered: the list is left alone for a time that doubles.
    pub(super) fn handle_failure(&mut self, now: Instant, config: &ListClientConfig) {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let rest: Duration = config.retry_delay.saturating_mul(factor).min(config.root_interval);
        self.failures = self.failures.saturating_add(1);
        self.rest_until = Some(now + rest);
    }

    pub(super) fn is_resting(&self) -> bool {
        self.failures > 0
    }
}
