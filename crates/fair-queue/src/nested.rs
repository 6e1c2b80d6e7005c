//! Round robin on two levels: groups, and keys within a group.

use alloc::collections::BTreeMap;

use crate::RoundRobin;

/// Decides which key of which group is served next: the groups take turns, and the keys of each group take turns among
/// themselves.
///
/// A group with many keys therefore gets no more than a group with one. See [`RoundRobin`] for turns, weights and costs.
///
/// ```
/// use fair_queue::NestedRoundRobin;
///
/// let mut turns = NestedRoundRobin::new(1);
/// for key in 0..99 {
///     turns.activate("crowd", 1, key);
/// }
/// turns.activate("single", 1, 0);
/// let mut single = 0;
/// for _ in 0..1000 {
///     let (group, key) = turns.next_key().ok_or("no key is active")?;
///     single += u32::from(group == "single");
///     turns.charge(&group, &key, 1);
/// }
/// assert_eq!(single, 500);
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct NestedRoundRobin<G, K> {
    quantum: u32,
    groups: RoundRobin<G>,
    /// The turns within each active group.
    keys: BTreeMap<G, RoundRobin<K>>,
}

impl<G: Ord + Clone, K: Ord + Clone> NestedRoundRobin<G, K> {
    /// No key yet. The quantum is that of both levels, see [`RoundRobin::new`].
    #[must_use]
    pub const fn new(quantum: u32) -> Self {
        Self { quantum, groups: RoundRobin::new(quantum), keys: BTreeMap::new() }
    }

    /// Says that `key` of `group` has work. `weight` is that of the group; the keys of a group have equal weights.
    pub fn activate(&mut self, group: G, weight: u32, key: K) {
        self.groups.activate(group.clone(), weight);
        self.keys.entry(group).or_insert_with(|| RoundRobin::new(self.quantum)).activate(key, 1);
    }

    /// Says that `key` of `group` has no more work.
    pub fn deactivate(&mut self, group: &G, key: &K) {
        let Some(keys) = self.keys.get_mut(group) else { return };
        keys.deactivate(key);
        if keys.is_empty() {
            self.keys.remove(group);
            self.groups.deactivate(group);
        }
    }

    /// The active key whose turn it is, with its group. `None` if no key is active.
    pub fn next_key(&mut self) -> Option<(G, K)> {
        let group = self.groups.next_key()?;
        let key = self.keys.get_mut(group)?.next_key()?;
        Some((group.clone(), key.clone()))
    }

    /// Charges `key` and its group for work that was done.
    pub fn charge(&mut self, group: &G, key: &K, cost: u32) {
        self.groups.charge(group, cost);
        if let Some(keys) = self.keys.get_mut(group) {
            keys.charge(key, cost);
        }
    }

    /// Number of groups with active keys.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether no key is active.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
