//! What happened lately, by name.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::{Duration, Instant},
};

/// So many are remembered; then the oldest is forgotten before its time.
const REMEMBERED: usize = 4096;

/// Who was seen lately: the found nodes that were tried, the addresses that connected.
#[derive(Debug)]
pub(crate) struct History<K> {
    pub(crate) keep: Duration,
    until: HashMap<K, Instant>,
    order: VecDeque<(Instant, K)>,
}

impl<K: Copy + Eq + Hash> History<K> {
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, until: HashMap::new(), order: VecDeque::new() }
    }

    /// It was seen.
    pub(crate) fn insert(&mut self, key: K, now: Instant) {
        let until = now + self.keep;
        self.until.insert(key, until);
        self.order.push_back((until, key));
        while self.order.front().is_some_and(|(until, _)| *until <= now)
            || self.order.len() > REMEMBERED
        {
            if let Some((until, key)) = self.order.pop_front()
                && self.until.get(&key) == Some(&until)
            {
                self.until.remove(&key);
            }
        }
    }

    /// Whether it was seen lately.
    pub(crate) fn contains(&self, key: &K, now: Instant) -> bool {
        self.until.get(key).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_for_a_time_and_not_all_of_them() {
        let (mut now, keep) = (Instant::now(), Duration::from_secs(35));
        let mut history = History::new(keep);
        history.insert(1, now);
        assert!(history.contains(&1, now) && !history.contains(&2, now));
        now += keep / 2;
        history.insert(1, now);
        assert!(history.contains(&1, now + keep / 2), "from the last time on");
        assert!(!history.contains(&1, now + keep));
        for n in 0..3 * REMEMBERED {
            history.insert(n, now);
        }
        assert_eq!((history.order.len(), history.until.len()), (REMEMBERED, REMEMBERED));
        history.insert(0, now + keep);
        assert_eq!((history.order.len(), history.until.len()), (1, 1));
    }
}
