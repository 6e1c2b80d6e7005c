//! Deficit round robin over opaque keys.

use alloc::collections::{BTreeMap, VecDeque};
use core::num::NonZeroU32;

/// Decides which of several keys is served next: deficit round robin with weights.
///
/// A key that has work is active. The active keys take turns. In each turn a key receives the quantum times its weight,
/// and it keeps the turn until it was charged for all of it. A key that was charged more owes the rest, and misses
/// turns until it is repaid. Over time each active key is therefore charged in proportion to its weight, whatever a
/// single job costs.
///
/// The cost is charged after the work is done, so it need not be known before. The unit is the caller's: bytes,
/// microseconds, decryptions.
///
/// A key that becomes inactive loses what it did not use, and keeps what it owes until the others had the turns that it
/// would have missed, or until no key is active.
///
/// Source: M. Shreedhar, G. Varghese, "Efficient Fair Queuing Using Deficit Round Robin", 1995.
///
/// ```
/// use fair_queue::RoundRobin;
///
/// let mut turns = RoundRobin::new(100);
/// turns.activate('a', 1);
/// turns.activate('b', 3);
/// let mut charged = [0_i32; 2];
/// for _ in 0..4000 {
///     let key = *turns.next_key().ok_or("no key is active")?;
///     turns.charge(&key, 7);
///     charged[usize::from(key == 'b')] += 7;
/// }
/// assert!((charged[1] - 3 * charged[0]).abs() < 400);
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct RoundRobin<K> {
    quantum: u32,
    /// All keys in the order of their turns. The first one has its turn.
    ring: VecDeque<K>,
    flows: BTreeMap<K, Flow>,
    active: usize,
}

#[derive(Clone, Debug)]
struct Flow {
    weight: NonZeroU32,
    /// What may be charged before the turn ends. Negative: what the key owes.
    balance: i64,
    active: bool,
    /// Whether the key received its quantum for the current turn.
    funded: bool,
}

impl Flow {
    /// What the key receives in one turn.
    fn income(&self, quantum: u32) -> i64 {
        i64::from(quantum).saturating_mul(i64::from(self.weight.get()))
    }

    /// In how many turns from now the key has something to use: 1 is the next one.
    fn turns_to_repay(&self, quantum: u32) -> i64 {
        1 + (-self.balance).max(0) / self.income(quantum)
    }
}

impl<K: Ord + Clone> RoundRobin<K> {
    /// No key yet. A key of weight 1 receives `quantum` units of cost in each turn; 0 is taken as 1.
    ///
    /// A small quantum makes turns short; a job that costs more than one is still done at once.
    #[must_use]
    pub const fn new(quantum: u32) -> Self {
        let quantum = if quantum == 0 { 1 } else { quantum };
        Self { quantum, ring: VecDeque::new(), flows: BTreeMap::new(), active: 0 }
    }

    /// Says that `key` has work. A weight of 0 is taken as 1. If the key is active already, only its weight changes.
    pub fn activate(&mut self, key: K, weight: u32) {
        let weight = NonZeroU32::new(weight).unwrap_or(NonZeroU32::MIN);
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.weight = weight;
            self.active += usize::from(!flow.active);
            flow.active = true;
            return;
        }
        self.ring.push_back(key.clone());
        self.flows.insert(key, Flow { weight, balance: 0, active: true, funded: false });
        self.active += 1;
    }

    /// Says that `key` has no more work.
    pub fn deactivate(&mut self, key: &K) {
        let Some(flow) = self.flows.get_mut(key).filter(|flow| flow.active) else { return };
        flow.active = false;
        flow.balance = flow.balance.min(0);
        self.active -= 1;
        if self.active == 0 {
            self.ring.clear();
            self.flows.clear();
        }
    }

    /// The active key whose turn it is, or `None` if no key is active.
    ///
    /// The answer stays the same until the key is charged or deactivated.
    pub fn next_key(&mut self) -> Option<&K> {
        if self.active == 0 {
            return None;
        }
        let mut visited = 0;
        loop {
            let key = self.ring.front()?;
            let flow = self.flows.get_mut(key)?;
            if !flow.funded {
                flow.balance = flow.balance.saturating_add(flow.income(self.quantum));
                flow.funded = true;
            }
            if flow.active && flow.balance > 0 {
                return self.ring.front();
            }
            self.end_turn();
            visited += 1;
            if visited >= self.ring.len() {
                self.skip_idle_rounds();
                visited = 0;
            }
        }
    }

    /// Charges `key` for work that was done for it.
    pub fn charge(&mut self, key: &K, cost: u32) {
        if let Some(flow) = self.flows.get_mut(key) {
            flow.balance = flow.balance.saturating_sub(i64::from(cost));
        }
    }

    /// Number of active keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.active
    }

    /// Whether no key is active.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.active == 0
    }

    /// After a whole round in which no key could be served: adds the income of the rounds before one can be served, to
    /// all. So a large debt costs no time.
    fn skip_idle_rounds(&mut self) {
        let quantum = self.quantum;
        let turns = |flow: &Flow| flow.turns_to_repay(quantum);
        let first = self.flows.values().filter(|flow| flow.active).map(turns).min().unwrap_or(0);
        let skipped = first.saturating_sub(1);
        if skipped < 1 {
            return;
        }
        for flow in self.flows.values_mut() {
            let income = flow.income(quantum).saturating_mul(skipped);
            flow.balance = flow.balance.saturating_add(income);
        }
    }

    fn end_turn(&mut self) {
        let Some(key) = self.ring.pop_front() else { return };
        let Some(flow) = self.flows.get_mut(&key) else { return };
        flow.funded = false;
        if !flow.active && flow.balance >= 0 {
            self.flows.remove(&key);
        } else {
            self.ring.push_back(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    /// What each key is charged while all have work, if each job of a key costs the same.
    fn shares(keys: &[(u32, u32)], total: u64) -> Vec<u64> {
        let mut turns = RoundRobin::new(100);
        for (key, &(weight, _)) in keys.iter().enumerate() {
            turns.activate(key, weight);
        }
        let mut charged = vec![0; keys.len()];
        while charged.iter().sum::<u64>() < total {
            let key = *turns.next_key().unwrap();
            turns.charge(&key, keys[key].1);
            charged[key] += u64::from(keys[key].1);
        }
        charged
    }

    proptest! {
        /// The difference between two keys stays below one quantum and one job of each, per weight.
        #[test]
        fn keys_are_charged_by_weight(
            keys in prop::collection::vec((1_u32..5, 1_u32..2000), 2..6),
        ) {
            let charged = shares(&keys, 1_000_000);
            let most = keys.iter().map(|&(_, cost)| cost).max().unwrap();
            let per_weight: Vec<u64> =
                charged.iter().zip(&keys).map(|(&sum, &(weight, _))| sum / u64::from(weight)).collect();
            let spread = per_weight.iter().max().unwrap() - per_weight.iter().min().unwrap();
            prop_assert!(spread <= 2 * u64::from(most) + 200, "{charged:?}");
        }

        /// After any calls: the number of active keys is right, and there is a turn if and only if there is one.
        #[test]
        fn any_calls_keep_the_keys(calls in prop::collection::vec((0_u8..4, 0_u8..6, any::<u32>()), 0..200)) {
            let mut turns = RoundRobin::new(16);
            let mut active = alloc::collections::BTreeSet::new();
            for (call, key, number) in calls {
                match call {
                    0 => { turns.activate(key, number); active.insert(key); }
                    1 => { turns.deactivate(&key); active.remove(&key); }
                    2 => turns.charge(&key, number),
                    _ => {
                        let next = turns.next_key().copied();
                        prop_assert_eq!(next.is_some(), !active.is_empty());
                        prop_assert!(next.is_none_or(|key| active.contains(&key)));
                    }
                }
                prop_assert_eq!(turns.len(), active.len());
                prop_assert!(turns.ring.len() == turns.flows.len());
            }
        }
    }

    #[test]
    fn a_new_key_waits_for_one_turn_of_each_other_at_most() {
        let mut turns = RoundRobin::new(10);
        for key in 0..5 {
            turns.activate(key, 1);
        }
        for _ in 0..1000 {
            let key = *turns.next_key().unwrap();
            turns.charge(&key, 1);
        }
        turns.activate(9, 1);
        let mut before = 0;
        while *turns.next_key().unwrap() != 9 {
            let key = *turns.next_key().unwrap();
            turns.charge(&key, 1);
            before += 1;
        }
        assert!(before <= 5 * 10, "{before} units of work came first");
    }

    /// Without memory of debts a client that comes back after each dear job would have every second turn.
    #[test]
    fn who_leaves_with_debts_still_owes_them() {
        let mut turns = RoundRobin::new(10);
        turns.activate("steady", 1);
        turns.activate("dear", 1);
        let (mut steady, mut dear) = (0_u32, 0_u32);
        while steady < 10_000 {
            if *turns.next_key().unwrap() == "steady" {
                turns.charge(&"steady", 10);
                steady += 10;
            } else {
                turns.charge(&"dear", 1000);
                dear += 1000;
                turns.deactivate(&"dear");
                turns.activate("dear", 1);
            }
        }
        assert!(dear <= 11_000, "{dear}");
    }

    #[test]
    fn a_huge_debt_is_repaid_at_once_if_no_other_key_is_there() {
        let mut turns = RoundRobin::new(1);
        turns.activate('a', 1);
        turns.charge(&'a', u32::MAX);
        assert_eq!(turns.next_key(), Some(&'a'));
        turns.activate('b', 1);
        turns.charge(&'a', u32::MAX);
        turns.charge(&'b', u32::MAX / 2);
        assert_eq!(turns.next_key(), Some(&'b'));
    }
}
