//! Hash maps whose order is random, or follows from a seed.

use std::{
    collections::{self, hash_map::RandomState},
    hash::{BuildHasher, DefaultHasher},
};

/// A map whose hashes cannot be foreseen from outside, so that a peer cannot choose keys that collide. The order of its
/// entries differs with each map; in a thread with a seed (feature `seeded`) it follows from the seed.
///
/// Make it with `HashMap::default()`.
pub type HashMap<K, V> = collections::HashMap<K, V, HashState>;

/// A set, as [`HashMap`] is a map.
pub type HashSet<T> = collections::HashSet<T, HashState>;

/// The keys of a hash map.
#[derive(Debug, Clone)]
pub struct HashState(Keys);

#[derive(Debug, Clone)]
enum Keys {
    Random(RandomState),
    #[cfg(feature = "seeded")]
    Seeded(u64),
}

impl Default for HashState {
    /// New keys.
    fn default() -> Self {
        #[cfg(feature = "seeded")]
        if let Some(seed) = crate::random::seeded::number() {
            return Self(Keys::Seeded(seed));
        }
        Self(Keys::Random(RandomState::new()))
    }
}

impl BuildHasher for HashState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        match &self.0 {
            Keys::Random(state) => state.build_hasher(),
            #[cfg(feature = "seeded")]
            Keys::Seeded(seed) => {
                use std::hash::Hasher as _;

                let mut hasher = DefaultHasher::new();
                hasher.write_u64(*seed);
                hasher
            }
        }
    }
}

#[cfg(all(test, feature = "seeded"))]
mod tests {
    use super::*;
    use crate::seed_thread;

    fn order() -> Vec<u32> {
        (0..100).collect::<HashSet<u32>>().into_iter().collect()
    }

    #[test]
    fn the_order_of_a_set_follows_from_the_seed() {
        let seeded = |seed| {
            let _guard = seed_thread(seed);
            [order(), order()]
        };
        assert_eq!(seeded(1), seeded(1));
        assert_ne!(seeded(1), seeded(2));
        let [first, second] = seeded(1);
        assert_ne!(first, second, "each set has its own keys");
        assert_ne!(order(), order(), "without a seed");
    }
}
