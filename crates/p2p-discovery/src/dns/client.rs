//! Reading lists: a machine that says which DNS names to ask for, and takes the answers.

mod cache;
mod list;
mod stats;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use p2p_identity::Record;
use rand_core::RngCore;

use self::{
    cache::Cache,
    list::{List, Need, TreeKind},
};
use crate::token_bucket::{FillRate, TokenBucket};

use super::{entry::TreeEntry, label::Label, link::Link, root::Root};

pub use stats::{ListClientStats, ListProgress};

/// Texts under one name that are tried as a root: each costs a signature recovery.
const ROOT_TEXTS: usize = 4;

/// The limits of a [`ListClient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct ListClientConfig {
    /// The time between two questions. Default 333 ms, three a second.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub query_interval: Duration,
    /// Questions that may follow each other at once after a pause. Default 10.
    pub burst: u32,
    /// Questions under way at a time. Default 4.
    pub max_in_flight: usize,
    /// How long a question may take. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub query_timeout: Duration,
    /// How often a root is looked at. Default 30 minutes.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub root_interval: Duration,
    /// How long a list is left alone after a question was not answered; doubled each time, up to
    /// `root_interval`. Default 10 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub retry_delay: Duration,
    /// How long after the beginning of one walk through the records the next begins, so that nodes
    /// are offered again. Default 1 minute.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub walk_interval: Duration,
    /// Lists followed, with those that others link to. Default 64.
    pub max_lists: usize,
    /// Entries of one tree. Default 16 384: a signer must not be able to send us on an endless way.
    pub max_entries: usize,
    /// Entries remembered, of all lists together, at most 2 KiB each. Default 1024.
    pub max_cached: usize,
}

impl Default for ListClientConfig {
    fn default() -> Self {
        Self {
            query_interval: Duration::from_millis(333),
            burst: 10,
            max_in_flight: 4,
            query_timeout: Duration::from_secs(5),
            root_interval: Duration::from_secs(30 * 60),
            retry_delay: Duration::from_secs(10),
            walk_interval: Duration::from_secs(60),
            max_lists: 64,
            max_entries: 16_384,
            max_cached: 1024,
        }
    }
}

impl ListClientConfig {
    /// The rate of questions; at least one may be asked at once.
    fn rate(&self) -> FillRate {
        FillRate { interval: self.query_interval, burst: self.burst.max(1) }
    }
}

/// A question: the TXT records of a DNS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxtQuery {
    /// What the answer is handed in with.
    pub number: u64,
    /// The name, without a dot at its end.
    pub name: String,
}

/// Reads DNS lists (EIP-1459): a machine without resolver, clock or chance.
///
/// It asks for as much as it is told to: each [`poll_query`](Self::poll_query) is one question, and
/// none comes while a record waits to be taken. So a node that needs no peers asks nothing, and one
/// that needs many does not exceed the pace.
///
/// Roots first, then links, then records in random order over all lists. A root is taken if the
/// list's key signed it and its sequence is not below the one before; it is looked at again after
/// [`ListClientConfig::root_interval`], and what it has kept of the old trees is not asked for again. Lists that
/// link to each other are read once each, and forgotten when no list links to them any more.
///
/// A hostile signer can only make us ask more questions, at the pace of [`ListClientConfig`]; a hostile
/// server or resolver can only be silent.
#[derive(Debug)]
pub struct ListClient {
    config: ListClientConfig,
    pace: TokenBucket,
    cache: Cache,
    lists: Vec<List>,
    asked: HashMap<u64, Asked>,
    next_number: u64,
    found: VecDeque<Record>,
    stats: ListClientStats,
}

/// A question under way.
#[derive(Debug)]
struct Asked {
    link: Link,
    /// `None` for the root.
    entry: Option<(TreeKind, Label)>,
    until: Instant,
}

impl ListClient {
    /// A client that follows no list yet.
    #[must_use]
    pub fn new(config: ListClientConfig) -> Self {
        Self {
            pace: TokenBucket::default(),
            cache: Cache::new(config.max_cached),
            config,
            lists: Vec::new(),
            asked: HashMap::new(),
            next_number: 0,
            found: VecDeque::new(),
            stats: ListClientStats::default(),
        }
    }

    /// Follows a list from now on. Says whether there was room.
    pub fn add(&mut self, link: Link, now: Instant) -> bool {
        self.follow(link, true, now)
    }

    fn follow(&mut self, link: Link, pinned: bool, now: Instant) -> bool {
        if let Some(known) = self.lists.iter_mut().find(|list| list.link == link) {
            known.pinned |= pinned;
            return true;
        }
        let room = self.lists.len() < self.config.max_lists;
        if room {
            self.lists.push(List::new(link, pinned, now));
        } else {
            self.stats.lists_left_out += 1;
        }
        room
    }

    /// The next record found. The same node comes again with each walk.
    pub fn poll_record(&mut self) -> Option<Record> {
        self.found.pop_front()
    }

    /// The next question, if one may be asked now and no record waits.
    pub fn poll_query(&mut self, now: Instant, rng: &mut impl RngCore) -> Option<TxtQuery> {
        self.give_up(now);
        let rate = self.config.rate();
        while self.found.is_empty() && self.asked.len() < self.config.max_in_flight {
            for list in &mut self.lists {
                list.begin_round(now, &self.config);
            }
            let (index, need) = self.choose(now, rng)?;
            let list = &mut self.lists[index];
            let kind = match need {
                Need::Root if self.pace.take(rate, now) => {
                    list.root_due = None;
                    let (link, name) = (list.link.clone(), list.link.domain().to_owned());
                    return Some(self.ask(link, None, name, now));
                }
                Need::Root => return None,
                Need::Links => TreeKind::Links,
                Need::Records => TreeKind::Records,
            };
            let label = list.walk(kind)?.next(rng)?;
            if let Some(entry) = self.cache.get(&label) {
                self.stats.cached += 1;
                self.enter(index, kind, &label, entry, now);
            } else if self.pace.take(rate, now) {
                let (link, name) = (list.link.clone(), list.link.name_of(&label));
                return Some(self.ask(link, Some((kind, label)), name, now));
            } else {
                list.walk(kind)?.put_back(label);
                return None;
            }
        }
        None
    }

    /// When [`poll_query`](Self::poll_query) may have something to say, if nothing is handed in
    /// before.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let silence = self.asked.values().map(|asked| asked.until).min();
        if self.asked.len() >= self.config.max_in_flight {
            return silence;
        }
        let due = self.lists.iter().filter_map(|list| list.due(now, &self.config)).min();
        due.map(|due| due.max(self.pace.ready_at(self.config.rate(), now)))
            .into_iter()
            .chain(silence)
            .min()
    }

    /// The texts of the TXT records of the name, each put together of its strings. None at all where
    /// the name does not exist.
    pub fn handle_answer(&mut self, number: u64, texts: &[impl AsRef<str>], now: Instant) {
        let Some((index, asked)) = self.answered(number) else { return };
        match asked.entry {
            None => self.handle_root(index, texts, now),
            Some((kind, label)) => {
                self.lists[index].handle_success();
                let text = texts.iter().map(AsRef::as_ref).find(|text| label.names(text));
                let Some(text) = text else {
                    self.stats.missing += 1;
                    self.leave(index, kind, &label);
                    return;
                };
                if let Ok(entry) = text.parse::<TreeEntry>() {
                    self.cache.insert(label, entry.clone());
                    self.enter(index, kind, &label, entry, now);
                } else {
                    self.stats.bad_entries += 1;
                    self.leave(index, kind, &label);
                }
            }
        }
    }

    /// The resolver could not answer.
    pub fn handle_failure(&mut self, number: u64, now: Instant) {
        let Some((index, asked)) = self.answered(number) else { return };
        self.fail(index, asked.entry, now);
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> ListClientStats {
        self.stats
    }

    /// How far the walks under way are.
    #[must_use]
    pub fn progress(&self) -> ListProgress {
        let mut progress = ListProgress { lists: self.lists.len(), ..ListProgress::default() };
        for list in &self.lists {
            let rests = list.is_resting();
            progress.resting += usize::from(rests);
            let Some(trees) = &list.root else {
                progress.unread += usize::from(!rests);
                continue;
            };
            for walk in [&trees.records, &trees.links] {
                let (met, open) = walk.count();
                progress.entries += met;
                progress.open += if rests { 0 } else { open };
            }
        }
        progress
    }

    /// The sequence of the root of a list, once it is known.
    #[must_use]
    pub fn sequence(&self, link: &Link) -> Option<u64> {
        let list = self.lists.iter().find(|list| list.link == *link)?;
        list.root.as_ref().map(|trees| trees.root.sequence)
    }

    fn ask(
        &mut self,
        link: Link,
        entry: Option<(TreeKind, Label)>,
        name: String,
        now: Instant,
    ) -> TxtQuery {
        let number = self.next_number;
        self.next_number += 1;
        self.stats.queries += 1;
        self.asked.insert(number, Asked { link, entry, until: now + self.config.query_timeout });
        TxtQuery { number, name }
    }

    /// What to ask next: the most urgent need, of any of the lists that have it.
    fn choose(&self, now: Instant, rng: &mut impl RngCore) -> Option<(usize, Need)> {
        let needs: Vec<(usize, Need)> = self
            .lists
            .iter()
            .enumerate()
            .filter_map(|(index, list)| list.need(now).map(|need| (index, need)))
            .collect();
        let urgent = needs.iter().map(|(_, need)| *need).min()?;
        let (mut count, mut chosen) = (0, None);
        for (index, _) in needs.into_iter().filter(|(_, need)| *need == urgent) {
            count += 1;
            // Each of those that have it comes out with the same chance.
            if rng.next_u64().is_multiple_of(count) {
                chosen = Some((index, urgent));
            }
        }
        chosen
    }

    /// The question that this is the answer to, if its list is still followed.
    fn answered(&mut self, number: u64) -> Option<(usize, Asked)> {
        let asked = self.asked.remove(&number);
        let place = asked.as_ref().and_then(|asked| self.place(&asked.link));
        if place.is_none() {
            self.stats.late += 1;
        }
        place.zip(asked)
    }

    fn place(&self, link: &Link) -> Option<usize> {
        self.lists.iter().position(|list| list.link == *link)
    }

    fn give_up(&mut self, now: Instant) {
        let silent: Vec<u64> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.until <= now)
            .map(|(number, _)| *number)
            .collect();
        for number in silent {
            self.handle_failure(number, now);
        }
    }

    fn fail(&mut self, index: usize, entry: Option<(TreeKind, Label)>, now: Instant) {
        self.stats.unanswered += 1;
        let list = &mut self.lists[index];
        list.handle_failure(now, &self.config);
        match entry {
            None => list.root_due = Some(now),
            Some((kind, label)) => {
                if let Some(walk) = list.walk(kind) {
                    walk.put_back(label);
                }
            }
        }
    }

    fn handle_root(&mut self, index: usize, texts: &[impl AsRef<str>], now: Instant) {
        let list = &mut self.lists[index];
        let roots = texts.iter().filter_map(|text| text.as_ref().parse::<Root>().ok());
        let sound = roots.take(ROOT_TEXTS).find(|root| root.verify(list.link.key()).is_ok());
        let newest = list.root.as_ref().map(|trees| trees.root.sequence);
        match sound {
            Some(root) if newest.is_none_or(|newest| root.sequence >= newest) => {
                list.root_due = Some(now + self.config.root_interval);
                list.handle_success();
                list.enter(root, now);
            }
            unfit => {
                *match unfit {
                    Some(_) => &mut self.stats.older_roots,
                    None => &mut self.stats.bad_roots,
                } += 1;
                list.root_due = Some(now);
                list.handle_failure(now, &self.config);
            }
        }
    }

    /// Takes an entry that has the name asked for.
    fn enter(
        &mut self,
        index: usize,
        kind: TreeKind,
        label: &Label,
        entry: TreeEntry,
        now: Instant,
    ) {
        let list = &mut self.lists[index];
        let Some(walk) = list.walk(kind) else { return };
        if !walk.close(label) {
            // The tree has changed in the meantime.
            return;
        }
        match (entry, kind) {
            (TreeEntry::Branch(labels), _) => {
                self.stats.left_out += walk.extend(&labels, self.config.max_entries);
            }
            (TreeEntry::Record(record), TreeKind::Records) => {
                self.stats.records += 1;
                self.found.push_back(record);
            }
            (TreeEntry::Link(link), TreeKind::Links) => {
                list.found.push(link.clone());
                self.follow(link, false, now);
            }
            _ => self.stats.bad_entries += 1,
        }
        self.finish(index);
    }

    /// Goes on without an entry that cannot be had.
    fn leave(&mut self, index: usize, kind: TreeKind, label: &Label) {
        if let Some(walk) = self.lists[index].walk(kind) {
            walk.close(label);
        }
        self.finish(index);
    }

    /// When all links of a list are known, forgets the lists that nobody links to any more.
    fn finish(&mut self, index: usize) {
        let list = &mut self.lists[index];
        if list.root.as_ref().is_some_and(|trees| trees.links.is_done())
            && list.children != list.found
        {
            list.children.clone_from(&list.found);
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        let mut reached: HashSet<&Link> = HashSet::new();
        let mut open: Vec<&List> = self.lists.iter().filter(|list| list.pinned).collect();
        while let Some(list) = open.pop() {
            if reached.insert(&list.link) {
                let linked = list.children.iter().chain(&list.found);
                open.extend(linked.filter_map(|link| self.place(link)).map(|at| &self.lists[at]));
            }
        }
        let reached: HashSet<Link> = reached.into_iter().cloned().collect();
        self.lists.retain(|list| reached.contains(&list.link));
    }
}
