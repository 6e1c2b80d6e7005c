//! All filters of the node, and the index that finds those for an envelope.
//!
//! Filters are found by topic, and by each prefix of the topic: the number of filters on other topics does not matter.
//! Filters on one topic with the same key are tried together. Only one key opens an envelope, so there is one trial for
//! each distinct key, however many filters of one owner there are. Owners are apart: what one of them has to try does not
//! delay another.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use p2p_world::HashMap;
use whisper_envelope::{PartialTopic, Topic};
use whisper_pow::Client;

use crate::{
    delivery::filter::{Filter, Fingerprint},
    delivery::interest::TopicCount,
    keys::id::FilterId,
};

/// Filters with the same key. Reference-counted, so that the workers need no copy.
pub(crate) type SameKey = Arc<Vec<Arc<Filter>>>;

/// Filters of one owner on one topic, by key.
type ByKey = HashMap<Fingerprint, SameKey>;

/// Filters on one topic, by the key of their owner.
type ByOwner = BTreeMap<u64, OwnedFilters>;

/// The filters of one owner on one topic.
#[derive(Debug, Default)]
struct OwnedFilters {
    weight: u32,
    by_key: ByKey,
}

/// An owner with filters for an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WantingOwner {
    pub(crate) owner: Client,
    /// Whether one of the filters names the topic; otherwise they want all topics.
    pub(crate) named: bool,
}

/// A filter, and when to check whether it is idle.
#[derive(Debug)]
struct FilterEntry {
    filter: Arc<Filter>,
    check_at: Option<Duration>,
}

/// All filters of the node, found by id and by topic.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    by_id: HashMap<FilterId, FilterEntry>,
    by_topic: HashMap<PartialTopic, ByOwner>,
    any_topic: ByOwner,
    wanted: TopicCount,
    /// When to check the filters that end by being idle.
    checks: BTreeSet<(Duration, FilterId)>,
}

impl Filters {
    /// Adds a filter under an id that is not in use. `check_at`: when it may be idle at the earliest; `None`: it does not
    /// end by being idle.
    pub(crate) fn insert(&mut self, id: FilterId, filter: Arc<Filter>, check_at: Option<Duration>) {
        let topics = filter.topics();
        for topic in &topics {
            add(self.by_topic.entry(*topic).or_default(), &filter);
        }
        if topics.is_empty() {
            add(&mut self.any_topic, &filter);
        }
        self.wanted.add(&topics);
        self.checks.extend(check_at.map(|at| (at, id)));
        self.by_id.insert(id, FilterEntry { filter, check_at });
    }

    /// Removes a filter and its index entries.
    pub(crate) fn remove(&mut self, id: &FilterId) -> Option<Arc<Filter>> {
        let FilterEntry { filter, check_at } = self.by_id.remove(id)?;
        if let Some(at) = check_at {
            self.checks.remove(&(at, *id));
        }
        let topics = filter.topics();
        for topic in &topics {
            if let Entry::Occupied(mut by_owner) = self.by_topic.entry(*topic) {
                remove_from(by_owner.get_mut(), &filter);
                if by_owner.get().is_empty() {
                    by_owner.remove();
                }
            }
        }
        if topics.is_empty() {
            remove_from(&mut self.any_topic, &filter);
        }
        self.wanted.remove(&topics);
        Some(filter)
    }

    /// Removes the filters that were not used for `idle`.
    pub(crate) fn handle_timeout(&mut self, now: Duration, idle: Duration) -> Vec<Arc<Filter>> {
        let mut ended = Vec::new();
        while let Some(&(at, id)) = self.checks.first()
            && at <= now
        {
            self.checks.pop_first();
            let Some(entry) = self.by_id.get_mut(&id) else { continue };
            let end = entry.filter.last_used().saturating_add(idle);
            if end <= now {
                entry.check_at = None;
                ended.extend(self.remove(&id));
            } else {
                entry.check_at = Some(end);
                self.checks.insert((end, id));
            }
        }
        ended
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.checks.first().map(|(at, _)| *at)
    }

    /// The filter with this id.
    pub(crate) fn get(&self, id: &FilterId) -> Option<&Arc<Filter>> {
        self.by_id.get(id).map(|entry| &entry.filter)
    }

    /// All filters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FilterId, &Arc<Filter>)> {
        self.by_id.iter().map(|(id, entry)| (id, &entry.filter))
    }

    /// Number of filters.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The topics of all filters together.
    pub(crate) fn wanted(&self) -> &TopicCount {
        &self.wanted
    }

    /// The owners with filters for envelopes of this topic.
    pub(crate) fn owners(&self, topic: Topic) -> Vec<WantingOwner> {
        let mut owners = Vec::<WantingOwner>::new();
        let named = self.named(topic).map(|by_owner| (by_owner, true));
        for (by_owner, named) in named.chain([(&self.any_topic, false)]) {
            for (&key, filters) in by_owner {
                let owner = Client { key, weight: filters.weight };
                if !owners.iter().any(|other| other.owner.key == key) {
                    owners.push(WantingOwner { owner, named });
                }
            }
        }
        owners
    }

    /// The filters of an owner to try on an envelope of this topic, grouped by key.
    pub(crate) fn candidates(&self, topic: Topic, owner: u64) -> Vec<SameKey> {
        let by_owner = self.named(topic).chain([&self.any_topic]);
        let mut on_topic = by_owner.filter_map(|by_owner| Some(&by_owner.get(&owner)?.by_key));
        let Some(first) = on_topic.next() else { return Vec::new() };
        let Some(second) = on_topic.next() else { return first.values().cloned().collect() };
        let mut by_key = first.clone();
        for (key, filters) in second.iter().chain(on_topic.flatten()) {
            match by_key.entry(*key) {
                Entry::Vacant(vacant) => _ = vacant.insert(Arc::clone(filters)),
                Entry::Occupied(mut same) => {
                    Arc::make_mut(same.get_mut()).extend_from_slice(filters);
                }
            }
        }
        by_key.into_values().collect()
    }

    /// Removes all filters.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Filter>> {
        std::mem::take(self).by_id.into_values().map(|entry| entry.filter).collect()
    }

    /// The parts of the index with filters that name a topic. No filter is in two of them, because none of its topics is a
    /// prefix of another.
    fn named(&self, topic: Topic) -> impl Iterator<Item = &ByOwner> {
        (1..=topic.0.len()).filter_map(move |length| {
            self.by_topic.get(&PartialTopic::new(&topic.0[..length]).ok()?)
        })
    }
}

fn add(by_owner: &mut ByOwner, filter: &Arc<Filter>) {
    let owner = filter.owner();
    let filters = by_owner.entry(owner.key).or_default();
    filters.weight = owner.weight;
    let same_key = filters.by_key.entry(*filter.fingerprint()).or_default();
    Arc::make_mut(same_key).push(Arc::clone(filter));
}

fn remove_from(by_owner: &mut ByOwner, filter: &Arc<Filter>) {
    let btree_map::Entry::Occupied(mut owned) = by_owner.entry(filter.owner().key) else { return };
    let by_key = &mut owned.get_mut().by_key;
    if let Entry::Occupied(mut same_key) = by_key.entry(*filter.fingerprint()) {
        let filters = Arc::make_mut(same_key.get_mut());
        filters.retain(|other| !Arc::ptr_eq(other, filter));
        if filters.is_empty() {
            same_key.remove();
        }
    }
    if by_key.is_empty() {
        owned.remove();
    }
}

#[cfg(test)]
mod tests;
