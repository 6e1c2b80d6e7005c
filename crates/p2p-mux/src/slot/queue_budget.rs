//! The limits of a queue in bytes and in messages.

/// Memory that the queue itself needs for a message, in bytes. So empty messages are not free.
const OVERHEAD: usize = 64;

/// Size of a payload of `length` bytes in a queue of `capacity` bytes.
///
/// It is at most `capacity`: a message larger than the queue fills the whole queue. Otherwise it
/// could never be sent.
pub(crate) const fn queue_size(length: usize, capacity: usize) -> usize {
    let size = memory_size(length);
    if size < capacity { size } else { capacity }
}

/// Memory that a queued payload of `length` bytes takes, in bytes.
pub(crate) const fn memory_size(length: usize) -> usize {
    length.saturating_add(OVERHEAD)
}

/// Maximum contents of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes. Each message counts as its payload plus 64 bytes.
    pub bytes: usize,
    /// Messages.
    pub items: usize,
}

/// Contents of a queue, or the part of them that was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLoad {
    /// Bytes, counted as in [`QueueLimits`].
    pub bytes: usize,
    /// Messages.
    pub items: usize,
}

/// The limits of a queue and its present contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueBudget {
    limits: QueueLimits,
    used: QueueLoad,
    /// By how many bytes the only message in the queue exceeds the limit.
    excess: usize,
}

impl QueueBudget {
    /// An empty queue, with room for at least one message.
    pub(crate) const fn new(mut limits: QueueLimits) -> Self {
        if limits.items == 0 {
            limits.items = 1;
        }
        Self { limits, used: QueueLoad { bytes: 0, items: 0 }, excess: 0 }
    }

    /// Takes room for a payload of `length` bytes. `false` if there is not enough.
    pub(crate) const fn admit(&mut self, length: usize) -> bool {
        let size = queue_size(length, self.limits.bytes);
        if self.used.items >= self.limits.items || self.used.bytes + size > self.limits.bytes {
            return false;
        }
        self.used.bytes += size;
        self.used.items += 1;
        self.excess = memory_size(length) - size;
        true
    }

    /// Takes more room for a message that was admitted with `from` bytes and grows to `to` bytes.
    /// `false` if there is not enough. A message that is alone in the queue always has room.
    pub(crate) const fn grow(&mut self, from: usize, to: usize) -> bool {
        let capacity = self.limits.bytes;
        let growth = queue_size(to, capacity).saturating_sub(queue_size(from, capacity));
        if self.used.bytes + growth > capacity {
            return false;
        }
        self.used.bytes += growth;
        self.excess = memory_size(to) - queue_size(to, capacity);
        true
    }

    /// The room that one message of `length` bytes takes.
    pub(crate) const fn load_of(&self, length: usize) -> QueueLoad {
        QueueLoad { bytes: queue_size(length, self.limits.bytes), items: 1 }
    }

    /// Frees room. Freeing more than was taken is an error of the caller and frees everything.
    pub(crate) const fn release(&mut self, freed: QueueLoad) {
        self.used.bytes = self.used.bytes.saturating_sub(freed.bytes);
        self.used.items = self.used.items.saturating_sub(freed.items);
        if self.used.items == 0 {
            self.excess = 0;
        }
    }

    /// Memory that the contents take, in bytes.
    pub(crate) const fn memory_size(&self) -> usize {
        self.used.bytes + self.excess
    }

    /// Frees all room.
    pub(crate) const fn clear(&mut self) {
        self.used = QueueLoad { bytes: 0, items: 0 };
        self.excess = 0;
    }

    /// The present contents.
    pub(crate) const fn used(&self) -> QueueLoad {
        self.used
    }

    /// Whether at least half of the room is free.
    pub(crate) const fn is_half_free(&self) -> bool {
        self.used.bytes <= self.limits.bytes / 2 && self.used.items <= self.limits.items / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits { bytes: 1000, items: 3 };

    #[test]
    fn limits_both_bytes_and_messages() {
        let mut budget = QueueBudget::new(LIMITS);
        assert!((0..3).all(|_| budget.admit(0)), "three items");
        assert!(!budget.admit(0), "the fourth item");
        budget.release(budget.load_of(0));
        assert!(!budget.admit(1000 - 3 * OVERHEAD + 1), "one byte too many");
        assert!(budget.admit(1000 - 3 * OVERHEAD));
        assert_eq!(budget.used(), QueueLoad { bytes: 1000, items: 3 });
    }

    #[test]
    fn accepts_a_message_larger_than_the_budget_if_the_queue_is_empty() {
        let mut budget = QueueBudget::new(LIMITS);
        assert!(budget.admit(1 << 24));
        assert!(!budget.admit(0));
        budget.release(budget.load_of(1 << 24));
        assert_eq!(budget.used(), QueueLoad::default());
        assert!(budget.admit(0));
        assert!(!budget.admit(1 << 24), "another message is queued");
    }

    #[test]
    fn counts_a_growing_message_with_its_present_length() {
        let mut budget = QueueBudget::new(LIMITS);
        assert!(budget.admit(100) && budget.admit(200));
        assert!(budget.grow(200, 500));
        assert_eq!(budget.used(), QueueLoad { bytes: 600 + 2 * OVERHEAD, items: 2 });
        assert!(!budget.grow(500, 900), "another message is queued");
        budget.release(budget.load_of(100));
        assert!(
            budget.grow(500, 900) && budget.grow(900, 1 << 24),
            "the only message may have any length"
        );
        assert_eq!(budget.used(), QueueLoad { bytes: 1000, items: 1 });
        budget.release(budget.load_of(1 << 24));
        assert_eq!(budget.used(), QueueLoad::default());
    }

    #[test]
    fn does_not_underflow_when_too_much_is_released() {
        let mut budget = QueueBudget::new(LIMITS);
        assert!(budget.admit(5));
        budget.release(QueueLoad { bytes: usize::MAX, items: usize::MAX });
        assert_eq!(budget.used(), QueueLoad::default());
        assert!(budget.is_half_free());
    }
}
