//! The keys of the envelopes that entered the pool last, to be looked at without its lock.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Number of keys. Copies of an envelope come within seconds from all peers.
const REMEMBERED: usize = 8192;

/// The [`TableKeys::of_content`](super::TableKeys::of_content) of most of the envelopes that entered the pool last. Some have
/// left it again: what is found here is to be looked for in the pool.
#[derive(Debug)]
pub(super) struct RecentKeys(Box<[AtomicU32]>);

impl Default for RecentKeys {
    fn default() -> Self {
        Self((0..REMEMBERED).map(|_| AtomicU32::new(0)).collect())
    }
}

impl RecentKeys {
    /// An envelope with this key has entered the pool.
    pub(super) fn insert(&self, key: u32) {
        self.place(key).store(key, Relaxed);
    }

    /// Whether an envelope with this key may be among the last.
    pub(super) fn contains(&self, key: u32) -> bool {
        self.place(key).load(Relaxed) == key
    }

    fn place(&self, key: u32) -> &AtomicU32 {
        &self.0[key as usize % REMEMBERED]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_is_found_and_what_it_replaced_is_not() {
        let keys = RecentKeys::default();
        let (one, same_place) = (7, 7 + 3 * u32::try_from(REMEMBERED).unwrap());
        keys.insert(one);
        assert!(keys.contains(one) && !keys.contains(same_place) && !keys.contains(8));
        keys.insert(same_place);
        assert!(keys.contains(same_place) && !keys.contains(one));
    }
}
