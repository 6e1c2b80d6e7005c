//! All filters of the node, and the index that finds those of an envelope.
//!
//! A filter is found by topic first: by the whole of it, and by each of its beginnings, so that the
//! number of filters on other topics does not matter. Those on one topic that share a key are tried
//! together: an envelope opens with one key only, so the work is one trial for each distinct key,
//! however many filters there are.

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

/// Filters that share a key. Shared: whoever tries them needs no copy.
pub(crate) type SameKey = Arc<Vec<Arc<Filter>>>;

/// Filters on one topic, by key.
type ByKey = HashMap<Fingerprint, SameKey>;

/// A filter, and when to look whether it is still used.
#[derive(Debug)]
struct Held {
    filter: Arc<Filter>,
    look_at: Option<Duration>,
}

/// All filters of the node, found by id and by topic.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    by_id: HashMap<FilterId, Held>,
    by_topic: HashMap<PartialTopic, ByKey>,
    any_topic: ByKey,
    wanted: TopicCount,
    /// The moments to look at filters that end when they are idle.
    looks: BTreeSet<(Duration, FilterId)>,
}

impl Filters {
    /// Adds a filter under a new id. `look_at`: when it is idle at the earliest; `None`: never.
    pub(crate) fn insert(&mut self, filter: Arc<Filter>, look_at: Option<Duration>) -> FilterId {
        let id = FilterId::random();
        let topics = filter.topics();
        for topic in &topics {
            add(self.by_topic.entry(*topic).or_default(), &filter);
        }
        if topics.is_empty() {
            add(&mut self.any_topic, &filter);
        }
        self.wanted.add(&topics);
        self.looks.extend(look_at.map(|at| (at, id)));
        self.by_id.insert(id, Held { filter, look_at });
        id
    }

    /// Takes a filter out; its index entries shrink with it.
    pub(crate) fn remove(&mut self, id: &FilterId) -> Option<Arc<Filter>> {
        let Held { filter, look_at } = self.by_id.remove(id)?;
        if let Some(at) = look_at {
            self.looks.remove(&(at, *id));
        }
        let topics = filter.topics();
        for topic in &topics {
            if let Entry::Occupied(mut by_key) = self.by_topic.entry(*topic) {
                forget(by_key.get_mut(), &filter);
                if by_key.get().is_empty() {
                    by_key.remove();
                }
            }
        }
        if topics.is_empty() {
            forget(&mut self.any_topic, &filter);
        }
        self.wanted.remove(&topics);
        Some(filter)
    }

    /// Takes out the filters whose messages nobody asked for within `idle`.
    pub(crate) fn handle_timeout(&mut self, now: Duration, idle: Duration) -> Vec<Arc<Filter>> {
        let mut ended = Vec::new();
        while let Some(&(at, id)) = self.looks.first()
            && at <= now
        {
            self.looks.pop_first();
            let Some(held) = self.by_id.get_mut(&id) else { continue };
            let end = held.filter.asked().saturating_add(idle);
            if end <= now {
                held.look_at = None;
                ended.extend(self.remove(&id));
            } else {
                held.look_at = Some(end);
                self.looks.insert((end, id));
            }
        }
        ended
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to look at.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// The filter of this id.
    pub(crate) fn get(&self, id: &FilterId) -> Option<&Arc<Filter>> {
        self.by_id.get(id).map(|held| &held.filter)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FilterId, &Arc<Filter>)> {
        self.by_id.iter().map(|(id, held)| (id, &held.filter))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Which topics they want together.
    pub(crate) fn wanted(&self) -> &TopicCount {
        &self.wanted
    }

    /// Whether any filter may want envelopes of this topic.
    pub(crate) fn has_topic(&self, topic: Topic) -> bool {
        self.on_topic(topic).next().is_some()
    }

    /// The filters that are to be tried, those with the same key together.
    pub(crate) fn candidates(&self, topic: Topic) -> Vec<SameKey> {
        let mut on_topic = self.on_topic(topic);
        let Some(first) = on_topic.next() else { return Vec::new() };
        let Some(second) = on_topic.next() else { return first.values().cloned().collect() };
        let mut by_key = first.clone();
        for (key, filters) in second.iter().chain(on_topic.flatten()) {
            match by_key.entry(*key) {
                Entry::Vacant(place) => _ = place.insert(Arc::clone(filters)),
                Entry::Occupied(mut same) => {
                    Arc::make_mut(same.get_mut()).extend_from_slice(filters);
                }
            }
        }
        by_key.into_values().collect()
    }

    /// Takes all filters out.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Filter>> {
        std::mem::take(self).by_id.into_values().map(|held| held.filter).collect()
    }

    /// The parts of the index that a topic has filters in: no filter is in two of them, because of
    /// a filter's topics none contains another.
    fn on_topic(&self, topic: Topic) -> impl Iterator<Item = &ByKey> {
        let beginnings = (1..=topic.0.len()).filter_map(move |length| {
            self.by_topic.get(&PartialTopic::new(&topic.0[..length]).ok()?)
        });
        beginnings.chain((!self.any_topic.is_empty()).then_some(&self.any_topic))
    }
}

fn add(by_key: &mut ByKey, filter: &Arc<Filter>) {
    let same_key = by_key.entry(*filter.fingerprint()).or_default();
    Arc::make_mut(same_key).push(Arc::clone(filter));
}

fn forget(by_key: &mut ByKey, filter: &Arc<Filter>) {
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
