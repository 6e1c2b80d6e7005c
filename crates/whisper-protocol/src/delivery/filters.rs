//! All filters of the node, and the index that finds those for an envelope.
//!
//! Filters are found by topic, and by each prefix of the topic: the number of filters on other topics does not matter.
//! Filters on one topic with the same key are tried together. Only one key opens an envelope, so there is one trial for
//! each distinct key, however many filters there are.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use whisper_envelope::{PartialTopic, Topic};

use crate::{
    delivery::filter::{Filter, Fingerprint},
    delivery::interest::TopicCount,
    keys::id::FilterId,
};

/// Filters with the same key. Reference-counted, so that the workers need no copy.
pub(crate) type SameKey = Arc<Vec<Arc<Filter>>>;

/// Filters on one topic, by key.
type ByKey = HashMap<Fingerprint, SameKey>;

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
    by_topic: HashMap<PartialTopic, ByKey>,
    any_topic: ByKey,
    wanted: TopicCount,
    /// When to check the filters that end by being idle.
    checks: BTreeSet<(Duration, FilterId)>,
}

impl Filters {
    /// Adds a filter under a new id. `check_at`: when it may be idle at the earliest; `None`: it does not end by being idle.
    pub(crate) fn insert(&mut self, filter: Arc<Filter>, check_at: Option<Duration>) -> FilterId {
        let id = FilterId::random();
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
        id
    }

    /// Removes a filter and its index entries.
    pub(crate) fn remove(&mut self, id: &FilterId) -> Option<Arc<Filter>> {
        let FilterEntry { filter, check_at } = self.by_id.remove(id)?;
        if let Some(at) = check_at {
            self.checks.remove(&(at, *id));
        }
        let topics = filter.topics();
        for topic in &topics {
            if let Entry::Occupied(mut by_key) = self.by_topic.entry(*topic) {
                remove_from(by_key.get_mut(), &filter);
                if by_key.get().is_empty() {
                    by_key.remove();
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

    /// Whether any filter may want envelopes of this topic.
    pub(crate) fn has_topic(&self, topic: Topic) -> bool {
        self.on_topic(topic).next().is_some()
    }

    /// The filters to try on an envelope of this topic, grouped by key.
    pub(crate) fn candidates(&self, topic: Topic) -> Vec<SameKey> {
        let mut on_topic = self.on_topic(topic);
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

    /// The parts of the index with filters for a topic. No filter is in two of them, because none of its topics is a
    /// prefix of another.
    fn on_topic(&self, topic: Topic) -> impl Iterator<Item = &ByKey> {
        let prefixes = (1..=topic.0.len()).filter_map(move |length| {
            self.by_topic.get(&PartialTopic::new(&topic.0[..length]).ok()?)
        });
        prefixes.chain((!self.any_topic.is_empty()).then_some(&self.any_topic))
    }
}

fn add(by_key: &mut ByKey, filter: &Arc<Filter>) {
    let same_key = by_key.entry(*filter.fingerprint()).or_default();
    Arc::make_mut(same_key).push(Arc::clone(filter));
}

fn remove_from(by_key: &mut ByKey, filter: &Arc<Filter>) {
    if let Entry::Occupied(mut same_key) = by_key.entry(*filter.fingerprint()) {
        let filters = Arc::make_mut(same_key.get_mut());
        filters.retain(|other| !Arc::ptr_eq(other, filter));
        if filters.is_empty() {
            same_key.remove();
        }
    }
}

#[cfg(test)]
mod tests;
