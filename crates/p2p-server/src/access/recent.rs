//! A set of keys seen within a fixed time.

use std::{
    collections::VecDeque,
    hash::Hash,
    time::{Duration, Instant},
};

use p2p_world::HashMap;

/// Maximum number of keys; beyond it the oldest is forgotten early.
const MAX_KEYS: usize = 4096;

/// Keys seen lately, such as the addresses that connected or the nodes that were dialed.
#[derive(Debug)]
pub(crate) struct Recent<K> {
    keep: Duration,
    until: HashMap<K, Instant>,
    order: VecDeque<(Instant, K)>,
}

impl<K: Copy + Eq + Hash> Recent<K> {
    /// An empty set whose keys are forgotten after `keep`.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, until: HashMap::default(), order: VecDeque::new() }
    }

    /// Sets the time after which keys inserted from now on are forgotten.
    pub(crate) fn set_keep(&mut self, keep: Duration) {
        self.keep = keep;
    }

    /// Adds a key, or renews it.
    pub(crate) fn insert(&mut self, key: K, now: Instant) {
        let until = now + self.keep;
        self.until.insert(key, until);
        self.order.push_back((until, key));
        while self.order.front().is_some_and(|(until, _)| *until <= now)
            || self.order.len() > MAX_KEYS
        {
            if let Some((until, key)) = self.order.pop_front()
                && self.until.get(&key) == Some(&until)
            {
                self.until.remove(&key);
            }
        }
    }

    /// Whether the key was inserted within the time to keep it.
    pub(crate) fn contains(&self, key: &K, now: Instant) -> bool {
        self.until.get(key).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_for_its_time_and_the_number_of_keys_is_bounded() {
        let (mut now, keep) = (Instant::now(), Duration::from_secs(35));
        let mut recent = Recent::new(keep);
        recent.insert(1, now);
        assert!(recent.contains(&1, now) && !recent.contains(&2, now));
        now += keep / 2;
        recent.insert(1, now);
        assert!(recent.contains(&1, now + keep / 2), "counted from the last insertion");
        assert!(!recent.contains(&1, now + keep));
        for n in 0..3 * MAX_KEYS {
            recent.insert(n, now);
        }
        assert_eq!((recent.order.len(), recent.until.len()), (MAX_KEYS, MAX_KEYS));
        recent.insert(0, now + keep);
        assert_eq!((recent.order.len(), recent.until.len()), (1, 1));
    }
}
