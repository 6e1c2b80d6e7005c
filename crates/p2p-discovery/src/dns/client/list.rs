//! The state of one list.

use std::time::{Duration, Instant};

use super::{ListClientConfig, walk::Walk};
use crate::dns::{label::Label, link::Link, root::Root};

/// One of the two trees of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    Records,
    Links,
}

/// A list that the client follows.
#[derive(Debug)]
pub(super) struct List {
    pub(super) link: Link,
    /// Added by the user, not only linked by another list.
    pub(super) is_pinned: bool,
    pub(super) root: Option<Trees>,
    /// The lists that it links to, by the last complete walk.
    pub(super) children: Vec<Link>,
    /// The links that the current walk has found.
    pub(super) found: Vec<Link>,
    /// When the root is read next; `None` while a query for it is in progress.
    pub(super) root_due: Option<Instant>,
    /// No queries before this time, because of a failure.
    paused_until: Option<Instant>,
    failures: u32,
}

/// The current root, and the walks through its trees.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) root: Root,
    pub(super) records: Walk,
    pub(super) links: Walk,
}

/// What is to be asked next for a list, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NextQuery {
    Root,
    Links,
    Records,
}

impl List {
    pub(super) fn new(link: Link, is_pinned: bool, now: Instant) -> Self {
        Self {
            link,
            is_pinned,
            root: None,
            children: Vec::new(),
            found: Vec::new(),
            root_due: Some(now),
            paused_until: None,
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

    /// What to ask now, if anything.
    pub(super) fn next_query(&self, now: Instant) -> Option<NextQuery> {
        if self.paused_until.is_some_and(|until| until > now) {
            return None;
        }
        if self.root_due.is_some_and(|due| due <= now) {
            return Some(NextQuery::Root);
        }
        let trees = self.root.as_ref()?;
        match (trees.links.has_waiting(), trees.records.has_waiting()) {
            (true, _) => Some(NextQuery::Links),
            (false, true) => Some(NextQuery::Records),
            (false, false) => None,
        }
    }

    /// When there is something to ask next, without further inputs.
    pub(super) fn due(&self, now: Instant, config: &ListClientConfig) -> Option<Instant> {
        let has_waiting = |trees: &Trees| trees.links.has_waiting() || trees.records.has_waiting();
        let next = match &self.root {
            Some(trees) if has_waiting(trees) => Some(now),
            Some(trees) if trees.records.is_done() => {
                let next_walk = trees.records.begun + config.walk_interval;
                Some(self.root_due.map_or(next_walk, |due| due.min(next_walk)))
            }
            _ => self.root_due,
        };
        next.map(|next| self.paused_until.map_or(next, |until| until.max(next)))
    }

    /// Sets a verified root that is not older than the previous one. A new walk begins for each tree that
    /// has changed.
    pub(super) fn set_root(&mut self, root: Root, now: Instant) {
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

    /// Begins the next walk through the records if it is due.
    pub(super) fn begin_walk(&mut self, now: Instant, config: &ListClientConfig) {
        if let Some(trees) = &mut self.root
            && trees.records.is_done()
            && trees.records.begun + config.walk_interval <= now
        {
            trees.records = Walk::new(trees.records.root, now);
        }
    }

    /// A query was answered.
    pub(super) fn handle_success(&mut self) {
        (self.failures, self.paused_until) = (0, None);
    }

    /// A query failed: the list pauses for a time that doubles with each failure.
    pub(super) fn handle_failure(&mut self, now: Instant, config: &ListClientConfig) {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause: Duration = config.retry_delay.saturating_mul(factor).min(config.root_interval);
        self.failures = self.failures.saturating_add(1);
        self.paused_until = Some(now + pause);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.failures > 0
    }
}
