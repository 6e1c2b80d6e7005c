//! Reading lists: a machine that gives out DNS queries and takes the answers.

mod cache;
mod config;
mod list;
mod stats;
#[cfg(test)]
mod tests;
mod walk;

use std::{collections::VecDeque, time::Instant};

use p2p_identity::Record;
use p2p_world::{HashMap, HashSet};
use rand_core::RngCore;

use self::{
    cache::Cache,
    list::{List, NextQuery, TreeKind},
};
use crate::token_bucket::TokenBucket;

use super::{
    entry::TreeEntry,
    label::Label,
    link::Link,
    root::{self, Root},
};

pub use config::ListClientConfig;
pub use stats::{ListClientStats, ListProgress, RefusedEntries};

/// Maximum number of texts of one answer that are checked as a root. Each costs a signature check.
const MAX_ROOT_TEXTS: usize = 4;

/// A DNS query for the TXT records of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxtQuery {
    /// The number to pass with the answer.
    pub number: u64,
    /// The DNS name, without a dot at its end.
    pub name: String,
}

/// Reads lists (EIP-1459): a machine without resolver, clock or random source.
///
/// [`poll_query`](Self::poll_query) gives out one query at a time, and none while a found record waits
/// to be taken. So a node that needs no peers sends no queries.
///
/// Roots are read first, then links, then records in random order over all lists. A root is accepted if
/// it is signed by the key of the list and its sequence number is not lower than that of the known root.
/// It is read again after [`ListClientConfig::root_interval`]; entries that have not changed are then not
/// asked for again. Lists that link to each other are read once each. A list is dropped when no other
/// list links to it any longer.
///
/// A hostile signer can only make us send more queries, within the limits of [`ListClientConfig`]. A
/// hostile DNS server can only withhold a list.
#[derive(Debug)]
pub struct ListClient {
    config: ListClientConfig,
    pace: TokenBucket,
    cache: Cache,
    lists: Vec<List>,
    pending: HashMap<u64, PendingQuery>,
    next_number: u64,
    found: VecDeque<Record>,
    stats: ListClientStats,
}

/// A query in progress.
#[derive(Debug)]
struct PendingQuery {
    link: Link,
    /// `None` for the root.
    entry: Option<(TreeKind, Label)>,
    deadline: Instant,
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
            pending: HashMap::default(),
            next_number: 0,
            found: VecDeque::new(),
            stats: ListClientStats::default(),
        }
    }

    /// Follows a list. Returns `false` if there are too many.
    pub fn add(&mut self, link: Link, now: Instant) -> bool {
        self.follow(link, true, now)
    }

    fn follow(&mut self, link: Link, is_pinned: bool, now: Instant) -> bool {
        if let Some(known) = self.lists.iter_mut().find(|list| list.link == link) {
            known.is_pinned |= is_pinned;
            return true;
        }
        let room = self.lists.len() < self.config.max_lists;
        if room {
            self.lists.push(List::new(link, is_pinned, now));
        } else {
            self.stats.lists_dropped += 1;
        }
        room
    }

    /// The next record found. Each walk gives out a node again.
    pub fn poll_record(&mut self) -> Option<Record> {
        self.found.pop_front()
    }

    /// The next query, if one may be sent now and no found record waits to be taken.
    pub fn poll_query(&mut self, now: Instant, rng: &mut impl RngCore) -> Option<TxtQuery> {
        self.expire_queries(now);
        let rate = self.config.rate();
        while self.found.is_empty() && self.pending.len() < self.config.max_in_flight {
            for list in &mut self.lists {
                list.begin_walk(now, &self.config);
            }
            let (index, next) = self.choose(now, rng)?;
            let list = &mut self.lists[index];
            let kind = match next {
                NextQuery::Root if self.pace.take(rate, now) => {
                    list.root_due = None;
                    let (link, name) = (list.link.clone(), list.link.domain().to_owned());
                    return Some(self.ask(link, None, name, now));
                }
                NextQuery::Root => return None,
                NextQuery::Links => TreeKind::Links,
                NextQuery::Records => TreeKind::Records,
            };
            let label = list.walk(kind)?.next(rng)?;
            if let Some(entry) = self.cache.get(&label) {
                self.stats.cached += 1;
                self.handle_entry(index, kind, &label, entry, now);
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

    /// When to call [`poll_query`](Self::poll_query) next, without further inputs.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let timeout = self.pending.values().map(|query| query.deadline).min();
        if self.pending.len() >= self.config.max_in_flight {
            return timeout;
        }
        let due = self.lists.iter().filter_map(|list| list.due(now, &self.config)).min();
        due.map(|due| due.max(self.pace.ready_at(self.config.rate(), now)))
            .into_iter()
            .chain(timeout)
            .min()
    }

    /// Takes the answer to a query: the texts of the TXT records of the name, the strings of each record
    /// joined. Empty if the name does not exist.
    pub fn handle_answer(&mut self, number: u64, texts: &[impl AsRef<str>], now: Instant) {
        let Some((index, query)) = self.take_query(number) else { return };
        match query.entry {
            None => self.handle_root(index, texts, now),
            Some((kind, label)) => {
                self.lists[index].handle_success();
                let text = texts.iter().map(AsRef::as_ref).find(|text| label.names(text));
                let Some(text) = text else {
                    *if texts.is_empty() {
                        &mut self.stats.missing
                    } else {
                        &mut self.stats.refused.wrong_hashes
                    } += 1;
                    self.skip_entry(index, kind, &label);
                    return;
                };
                if let Ok(entry) = text.parse::<TreeEntry>() {
                    self.cache.insert(label, entry.clone());
                    self.handle_entry(index, kind, &label, entry, now);
                } else {
                    self.stats.refused.bad_entries += 1;
                    self.skip_entry(index, kind, &label);
                }
            }
        }
    }

    /// The query has failed.
    pub fn handle_failure(&mut self, number: u64, now: Instant) {
        let Some((index, query)) = self.take_query(number) else { return };
        self.fail(index, query.entry, now);
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> ListClientStats {
        self.stats
    }

    /// How much of the lists has been read.
    #[must_use]
    pub fn progress(&self) -> ListProgress {
        let mut progress = ListProgress { lists: self.lists.len(), ..ListProgress::default() };
        for list in &self.lists {
            let is_paused = list.is_paused();
            progress.paused += usize::from(is_paused);
            let Some(trees) = &list.root else {
                progress.unread += usize::from(!is_paused);
                continue;
            };
            for walk in [&trees.records, &trees.links] {
                let (seen, open) = walk.count();
                progress.entries += seen;
                progress.open += if is_paused { 0 } else { open };
            }
        }
        progress
    }

    /// The sequence number of the root of a list, once it is known.
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
        self.pending.insert(
            number,
            PendingQuery { link, entry, deadline: now + self.config.query_timeout },
        );
        TxtQuery { number, name }
    }

    /// The list and kind of the next query: the most urgent kind, of a random list that needs it.
    fn choose(&self, now: Instant, rng: &mut impl RngCore) -> Option<(usize, NextQuery)> {
        let candidates: Vec<(usize, NextQuery)> = self
            .lists
            .iter()
            .enumerate()
            .filter_map(|(index, list)| list.next_query(now).map(|next| (index, next)))
            .collect();
        let urgent = candidates.iter().map(|(_, next)| *next).min()?;
        let (mut count, mut chosen) = (0, None);
        for (index, _) in candidates.into_iter().filter(|(_, next)| *next == urgent) {
            count += 1;
            // Reservoir sampling: each list is chosen with the same probability.
            if rng.next_u64().is_multiple_of(count) {
                chosen = Some((index, urgent));
            }
        }
        chosen
    }

    /// Removes the query with this number. Returns it if its list is still followed.
    fn take_query(&mut self, number: u64) -> Option<(usize, PendingQuery)> {
        let query = self.pending.remove(&number);
        let index = query.as_ref().and_then(|query| self.index_of(&query.link));
        if index.is_none() {
            self.stats.late += 1;
        }
        index.zip(query)
    }

    fn index_of(&self, link: &Link) -> Option<usize> {
        self.lists.iter().position(|list| list.link == *link)
    }

    fn expire_queries(&mut self, now: Instant) {
        let expired: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, query)| query.deadline <= now)
            .map(|(number, _)| *number)
            .collect();
        for number in expired {
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
        let valid = roots.take(MAX_ROOT_TEXTS).find(|root| root.verify(list.link.key()).is_ok());
        let newest = list.root.as_ref().map(|trees| trees.root.sequence);
        match valid {
            Some(root) if newest.is_none_or(|newest| root.sequence >= newest) => {
                list.root_due = Some(now + self.config.root_interval);
                list.handle_success();
                list.set_root(root, now);
            }
            refused => {
                let has_root = texts.iter().any(|text| text.as_ref().starts_with(root::PREFIX));
                *match refused {
                    Some(_) => &mut self.stats.older_roots,
                    None if has_root => &mut self.stats.bad_roots,
                    None => &mut self.stats.missing_roots,
                } += 1;
                list.root_due = Some(now);
                list.handle_failure(now, &self.config);
            }
        }
    }

    /// Takes an entry that matches its label.
    fn handle_entry(
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
            // The tree has changed since the query.
            return;
        }
        match (entry, kind) {
            (TreeEntry::Branch(labels), _) => {
                self.stats.entries_dropped += walk.extend(&labels, self.config.max_entries);
            }
            (TreeEntry::Record(record), TreeKind::Records) => {
                self.stats.records += 1;
                self.found.push_back(record);
            }
            (TreeEntry::Link(link), TreeKind::Links) => {
                list.found.push(link.clone());
                self.follow(link, false, now);
            }
            _ => self.stats.refused.bad_entries += 1,
        }
        self.update_links(index);
    }

    /// Skips an entry that cannot be read.
    fn skip_entry(&mut self, index: usize, kind: TreeKind, label: &Label) {
        if let Some(walk) = self.lists[index].walk(kind) {
            walk.close(label);
        }
        self.update_links(index);
    }

    /// Once all links of a list are known, removes the lists to which no list links any longer.
    fn update_links(&mut self, index: usize) {
        let list = &mut self.lists[index];
        if list.root.as_ref().is_some_and(|trees| trees.links.is_done())
            && list.children != list.found
        {
            list.children.clone_from(&list.found);
            self.remove_unlinked();
        }
    }

    fn remove_unlinked(&mut self) {
        let mut reached: HashSet<&Link> = HashSet::default();
        let mut open: Vec<&List> = self.lists.iter().filter(|list| list.is_pinned).collect();
        while let Some(list) = open.pop() {
            if reached.insert(&list.link) {
                let linked = list.children.iter().chain(&list.found);
                open.extend(
                    linked.filter_map(|link| self.index_of(link)).map(|at| &self.lists[at]),
                );
            }
        }
        let reached: HashSet<Link> = reached.into_iter().cloned().collect();
        self.lists.retain(|list| reached.contains(&list.link));
    }
}
