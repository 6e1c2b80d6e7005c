//! What the clients of a team made: filters, posts, and named places in histories.
//!
//! Keys are in the [`Whisper`] handle of the team. A subscription is known only on its connection.

mod cursors;

use std::collections::VecDeque;
use std::sync::Mutex;

use p2p_world::{HashMap, HashSet};
use whisper_protocol::{FilterError, FilterId, FilterSpec, PartialTopic, Whisper};

use crate::lock::lock;
use crate::team::quotas::OverQuota;
pub(crate) use cursors::CursorError;
use cursors::Cursors;

/// Maximum number of posts whose receipts a team can ask for. The node itself remembers about as many.
const MAX_POSTS: usize = 4096;

/// Number of filters from which on those that have ended by themselves are forgotten.
const FIRST_SWEEP: usize = 64;

/// The objects of one team.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    filters: Mutex<Filters>,
    posts: Mutex<Posts>,
    /// Named places in histories.
    pub(crate) cursors: Cursors,
}

#[derive(Debug, Default)]
struct Filters {
    /// The topics of each filter; empty: all.
    topics: HashMap<FilterId, Vec<PartialTopic>>,
    /// Number of filters at which the next sweep is due.
    sweep_at: usize,
    /// The team is gone: a filter that a last call still makes is removed at once.
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Posts {
    hashes: HashSet<[u8; 32]>,
    by_age: VecDeque<[u8; 32]>,
}

impl Filters {
    /// Number of filters. It is exact if it could be at the limit.
    fn count(&mut self, whisper: &Whisper, limit: Option<u64>) -> usize {
        let limit = limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX));
        if self.topics.len() >= self.sweep_at.max(FIRST_SWEEP).min(limit) {
            self.sweep(whisper);
        }
        self.topics.len()
    }

    /// Forgets the filters that have ended by themselves, because no client used them.
    fn sweep(&mut self, whisper: &Whisper) {
        self.topics.retain(|id, _| whisper.has_filter(id));
        self.sweep_at = 2 * self.topics.len();
    }
}

impl Objects {
    /// Makes a filter, if `admit` admits it beside the others, whose number it gets. `limit`: the number from which on it may
    /// not.
    pub(crate) fn add_filter(
        &self,
        whisper: &Whisper,
        limit: Option<u64>,
        spec: FilterSpec,
        admit: impl FnOnce(usize) -> Result<(), OverQuota>,
    ) -> Result<Result<FilterId, FilterError>, OverQuota> {
        let mut filters = lock(&self.filters);
        admit(filters.count(whisper, limit))?;
        let topics = spec.topics.clone();
        let made = whisper.subscribe(spec);
        match made {
            Ok(id) if filters.is_closed => _ = whisper.unsubscribe(&id),
            Ok(id) => _ = filters.topics.insert(id, topics),
            Err(_) => {}
        }
        Ok(made)
    }

    /// What `admit` returns, which gets the number of filters. None is made meanwhile. `limit`: see
    /// [`add_filter`](Self::add_filter).
    pub(crate) fn admit<T>(
        &self,
        whisper: &Whisper,
        limit: Option<u64>,
        admit: impl FnOnce(usize) -> T,
    ) -> T {
        let mut filters = lock(&self.filters);
        admit(filters.count(whisper, limit))
    }

    /// A filter is there again that was kept.
    pub(crate) fn restore_filter(&self, id: FilterId, topics: Vec<PartialTopic>) {
        lock(&self.filters).topics.insert(id, topics);
    }

    /// Number of filters.
    pub(crate) fn filters(&self, whisper: &Whisper) -> usize {
        let mut filters = lock(&self.filters);
        filters.sweep(whisper);
        filters.topics.len()
    }

    /// The topics of a filter of this team; `None` if it has no such filter.
    pub(crate) fn filter_topics(&self, id: &FilterId) -> Option<Vec<PartialTopic>> {
        lock(&self.filters).topics.get(id).cloned()
    }

    /// A filter was deleted. Returns whether the team had it.
    pub(crate) fn remove_filter(&self, id: &FilterId) -> bool {
        lock(&self.filters).topics.remove(id).is_some()
    }

    /// Removes all filters, and returns them. There are none from now on.
    pub(crate) fn close(&self) -> Vec<FilterId> {
        let mut filters = lock(&self.filters);
        filters.is_closed = true;
        std::mem::take(&mut filters.topics).into_keys().collect()
    }

    /// A message was posted: the hash of its first envelope.
    pub(crate) fn add_post(&self, hash: [u8; 32]) {
        let mut posts = lock(&self.posts);
        if posts.hashes.insert(hash) {
            posts.by_age.push_back(hash);
        }
        if posts.by_age.len() > MAX_POSTS
            && let Some(oldest) = posts.by_age.pop_front()
        {
            posts.hashes.remove(&oldest);
        }
    }

    /// The hashes of the newest posts, the newest first, at most `most`.
    pub(crate) fn latest_posts(&self, most: usize) -> Vec<[u8; 32]> {
        lock(&self.posts).by_age.iter().rev().take(most).copied().collect()
    }

    /// Whether the post whose first envelope has this hash is one of the team.
    pub(crate) fn has_post(&self, hash: &[u8; 32]) -> bool {
        lock(&self.posts).hashes.contains(hash)
    }
}

#[cfg(test)]
mod tests {
    use whisper_protocol::{Config, FilterKey};

    use super::*;

    #[tokio::test]
    async fn a_filter_that_a_last_call_makes_after_the_end_of_the_team_is_removed() {
        let (whisper, objects) = (Whisper::new(Config::default()), Objects::default());
        let key = whisper.keys().new_symmetric();
        let spec = || FilterSpec::new(FilterKey::Symmetric(key));
        let made = objects.add_filter(&whisper, None, spec(), |_| Ok(())).unwrap().unwrap();
        assert_eq!(objects.close(), [made]);
        let late = objects.add_filter(&whisper, None, spec(), |_| Ok(())).unwrap().unwrap();
        assert!(whisper.has_filter(&made) && !whisper.has_filter(&late));
        assert_eq!(objects.filters(&whisper), 0);
    }

    #[test]
    fn the_oldest_post_is_forgotten() {
        let objects = Objects::default();
        let hash = |number: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            hash
        };
        (0..=MAX_POSTS).for_each(|number| objects.add_post(hash(number)));
        objects.add_post(hash(1));
        assert!(!objects.has_post(&hash(0)) && objects.has_post(&hash(1)));
        assert!(objects.has_post(&hash(MAX_POSTS)));
        assert_eq!(lock(&objects.posts).hashes.len(), MAX_POSTS);
    }
}
