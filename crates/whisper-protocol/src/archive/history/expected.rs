//! What an archive is expected to bring, since other archives have brought it.

use p2p_world::{HashMap, HashSet};

use super::cursor::{HashKey, NodeTag};
use crate::{Envelope, StoredEnvelope};

/// Seconds after its expiry for which an envelope may still reach an archive: nodes accept late ones, and clocks differ.
pub(super) const LATE: u32 = 120;

/// Seconds after which an archive that has been read to its newest envelope should have what others have.
pub(super) const BEHIND: u32 = 60;

/// The expected envelopes of one archive.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    entries: HashMap<HashKey, Entry>,
}

/// An expected envelope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) expiry: u32,
    /// When it was delivered, in seconds since 1970.
    pub(super) delivered: u32,
    /// The node that brought it; `None` if its archive is not read any more.
    pub(super) source: Option<NodeTag>,
}

impl Expected {
    pub(super) fn new(entries: impl Iterator<Item = (HashKey, Entry)>) -> Self {
        Self { entries: entries.collect() }
    }

    pub(super) fn contains(&self, key: &HashKey) -> bool {
        self.entries.contains_key(key)
    }

    /// These were brought by another archive. `now`: seconds since 1970.
    pub(super) fn add(&mut self, now: u32, source: NodeTag, delivered: &[StoredEnvelope]) {
        let one = |StoredEnvelope { envelope, .. }: &StoredEnvelope| {
            let entry = Entry { expiry: envelope.expiry(), delivered: now, source: Some(source) };
            (key(envelope), entry)
        };
        self.entries.extend(delivered.iter().map(one));
    }

    /// The archive has brought it.
    pub(super) fn remove(&mut self, key: &HashKey) {
        self.entries.remove(key);
    }

    /// How many the archive should have brought by now.
    pub(super) fn overdue(&self, now: u32) -> usize {
        let is_overdue = |entry: &&Entry| entry.delivered.saturating_add(BEHIND) < now;
        self.entries.values().filter(is_overdue).count()
    }

    /// Forgets what will not come any more. Returns the latest expiry of what was forgotten, or 0.
    pub(super) fn forget_expired(&mut self, now: u32) -> u32 {
        let mut latest = 0;
        self.entries.retain(|_, entry| {
            let is_awaited = entry.expiry.saturating_add(LATE) >= now;
            if !is_awaited {
                latest = latest.max(entry.expiry);
            }
            is_awaited
        });
        latest
    }

    /// Forgets some if there are more than `max`. Returns the latest expiry of what was forgotten.
    pub(super) fn limit(&mut self, max: usize) -> Option<u32> {
        if self.entries.len() <= max {
            return None;
        }
        // A part more than is needed, so that this is not done for each envelope.
        let (excess, latest) = self.excess(max - max / 8);
        self.entries.retain(|key, _| !excess.contains(key));
        Some(latest)
    }

    /// The first `max` entries, and the latest expiry of the others.
    pub(super) fn first(&self, max: usize) -> (Vec<(HashKey, Entry)>, Option<u32>) {
        let all = || self.entries.iter().map(|(key, entry)| (*key, *entry));
        if self.entries.len() <= max {
            return (all().collect(), None);
        }
        let (excess, latest) = self.excess(max);
        (all().filter(|(key, _)| !excess.contains(key)).collect(), Some(latest))
    }

    /// Which entries are more than `max`, and the latest expiry of them: those of the sources that have brought the most, so
    /// that no source takes the place of the others; of each source those that expire first.
    fn excess(&self, max: usize) -> (HashSet<HashKey>, u32) {
        let mut sources: HashMap<Option<NodeTag>, Vec<(u32, HashKey)>> = HashMap::default();
        for (key, entry) in &self.entries {
            sources.entry(entry.source).or_default().push((entry.expiry, *key));
        }
        let share = share(sources.values().map(Vec::len).collect(), max);
        let (mut excess, mut latest) = (HashSet::default(), 0);
        for mut entries in sources.into_values().filter(|entries| entries.len() > share) {
            let count = entries.len() - share;
            let (_, (expiry, _), _) = entries.select_nth_unstable(count - 1);
            latest = latest.max(*expiry);
            excess.extend(entries[..count].iter().map(|(_, key)| *key));
        }
        (excess, latest)
    }
}

/// How many each source may have, if all of them together may have `max`.
fn share(mut counts: Vec<usize>, max: usize) -> usize {
    counts.sort_unstable();
    let (mut left, sources) = (max, counts.len());
    for (index, count) in counts.into_iter().enumerate() {
        let equal = left / (sources - index);
        if count > equal {
            return equal;
        }
        left -= count;
    }
    usize::MAX
}

/// The beginning of the hash of an envelope.
pub(super) fn key(envelope: &Envelope) -> HashKey {
    std::array::from_fn(|index| envelope.hash()[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_takes_the_share_of_the_others() {
        assert_eq!(share(vec![10], 10), usize::MAX);
        assert_eq!(share(vec![12], 10), 10);
        assert_eq!(share(vec![100, 3], 10), 7);
        assert_eq!(share(vec![100, 3, 50], 10), 3);
        assert_eq!(share(vec![9, 9, 1], 10), 4);
    }
}
