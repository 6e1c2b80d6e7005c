//! How much may wait in a queue: a bound in bytes and in items.

/// What a message costs beside its payload: the memory of the queue itself, so that empty messages
/// are not free.
const OVERHEAD: usize = 64;

/// What a payload of `length` bytes costs in a queue that holds `capacity`. Never more than all of
/// it: a message larger than the queue takes the whole queue rather than never being sent.
pub(crate) const fn charge(length: usize, capacity: usize) -> usize {
    let cost = weight(length);
    if cost < capacity { cost } else { capacity }
}

/// What a payload of `length` bytes weighs in memory.
pub(crate) const fn weight(length: usize) -> usize {
    length.saturating_add(OVERHEAD)
}

/// The most that may wait somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes, each message counted as its payload and 64 bytes more.
    pub bytes: usize,
    /// Messages.
    pub items: usize,
}

/// What was taken out of a queue, or is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLoad {
    /// Bytes, counted as in [`QueueLimits`].
    pub bytes: usize,
    /// Messages.
    pub items: usize,
}

/// What waits, and how much may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    limits: QueueLimits,
    used: QueueLoad,
    /// What the message that is in there alone weighs beyond the limit.
    excess: usize,
}

impl Budget {
    /// With room for one message at least.
    pub(crate) const fn new(mut limits: QueueLimits) -> Self {
        if limits.items == 0 {
            limits.items = 1;
        }
        Self { limits, used: QueueLoad { bytes: 0, items: 0 }, excess: 0 }
    }

    /// Takes room for a payload of `length` bytes, if there is any.
    pub(crate) const fn admit(&mut self, length: usize) -> bool {
        let cost = charge(length, self.limits.bytes);
        if self.used.items >= self.limits.items || self.used.bytes + cost > self.limits.bytes {
            return false;
        }
        self.used.bytes += cost;
        self.used.items += 1;
        self.excess = weight(length) - cost;
        true
    }

    /// Takes more room for a message that was admitted with `from` bytes and is to have `to`, if
    /// there is any. A message that is alone here always has it, however large.
    pub(crate) const fn grow(&mut self, from: usize, to: usize) -> bool {
        let capacity = self.limits.bytes;
        let cost = charge(to, capacity).saturating_sub(charge(from, capacity));
        if self.used.bytes + cost > capacity {
            return false;
        }
        self.used.bytes += cost;
        self.excess = weight(to) - charge(to, capacity);
        true
    }

    /// What one message of `length` bytes gives back when it is taken out.
    pub(crate) const fn load_of(&self, length: usize) -> QueueLoad {
        QueueLoad { bytes: charge(length, self.limits.bytes), items: 1 }
    }

    /// Gives room back. More than was taken is a mistake of the caller and counts as all of it.
    pub(crate) const fn release(&mut self, freed: QueueLoad) {
        self.used.bytes = self.used.bytes.saturating_sub(freed.bytes);
        self.used.items = self.used.items.saturating_sub(freed.items);
        if self.used.items == 0 {
            self.excess = 0;
        }
    }

    /// What waits now, as it weighs in memory.
    pub(crate) const fn weight(&self) -> usize {
        self.used.bytes + self.excess
    }

    /// Forgets what waits.
    pub(crate) const fn clear(&mut self) {
        self.used = QueueLoad { bytes: 0, items: 0 };
        self.excess = 0;
    }

    /// What waits now.
    pub(crate) const fn used(&self) -> QueueLoad {
        self.used
    }

    /// Whether at most half of the room is taken.
    pub(crate) const fn is_relaxed(&self) -> bool {
        self.used.bytes <= self.limits.bytes / 2 && self.used.items <= self.limits.items / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits { bytes: 1000, items: 3 };

    #[test]
    fn both_bounds_hold() {
        let mut budget = Budget::new(LIMITS);
        assert!((0..3).all(|_| budget.admit(0)), "three items");
        assert!(!budget.admit(0), "the fourth item");
        budget.release(budget.load_of(0));
        assert!(!budget.admit(1000 - 3 * OVERHEAD + 1), "one byte too many");
        assert!(budget.admit(1000 - 3 * OVERHEAD));
        assert_eq!(budget.used(), QueueLoad { bytes: 1000, items: 3 });
    }

    #[test]
    fn a_message_larger_than_the_budget_passes_alone() {
        let mut budget = Budget::new(LIMITS);
        assert!(budget.admit(1 << 24));
        assert!(!budget.admit(0));
        budget.release(budget.load_of(1 << 24));
        assert_eq!(budget.used(), QueueLoad::default());
        assert!(budget.admit(0));
        assert!(!budget.admit(1 << 24), "not beside another");
    }

    #[test]
    fn a_message_that_grows_weighs_what_it_has() {
        let mut budget = Budget::new(LIMITS);
        assert!(budget.admit(100) && budget.admit(200));
        assert!(budget.grow(200, 500));
        assert_eq!(budget.used(), QueueLoad { bytes: 600 + 2 * OVERHEAD, items: 2 });
        assert!(!budget.grow(500, 900), "beside another");
        budget.release(budget.load_of(100));
        assert!(budget.grow(500, 900) && budget.grow(900, 1 << 24), "alone it may have any size");
        assert_eq!(budget.used(), QueueLoad { bytes: 1000, items: 1 });
        budget.release(budget.load_of(1 << 24));
        assert_eq!(budget.used(), QueueLoad::default());
    }

    #[test]
    fn never_negative() {
        let mut budget = Budget::new(LIMITS);
        assert!(budget.admit(5));
        budget.release(QueueLoad { bytes: usize::MAX, items: usize::MAX });
        assert_eq!(budget.used(), QueueLoad::default());
        assert!(budget.is_relaxed());
    }
}
