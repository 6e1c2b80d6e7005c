//! The events to come, in order of time.

use std::{cmp::Ordering, collections::BinaryHeap};

use tokio::time::Instant;

/// Events by time; those of the same time in the order in which they were added.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    entries: BinaryHeap<Entry<E>>,
    added: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Instant,
    number: u64,
    event: E,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), added: 0 }
    }
}

impl<E> EventQueue<E> {
    /// Adds an event. Returns whether it is the first one now.
    pub(crate) fn add(&mut self, at: Instant, event: E) -> bool {
        let first = self.next().is_none_or(|next| at < next);
        self.added += 1;
        self.entries.push(Entry { at, number: self.added, event });
        first
    }

    /// The time of the first event.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// The first event, if it is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<E> {
        self.entries.peek().filter(|entry| entry.at <= now)?;
        self.entries.pop().map(|entry| entry.event)
    }
}

/// The greatest is the first one.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_come_by_time_and_then_in_the_order_of_adding() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut queue = EventQueue::default();
        assert!(queue.add(start + second, 'b'));
        assert!(!queue.add(start + second, 'c'));
        assert!(queue.add(start, 'a'));
        assert_eq!(queue.take_due(start), Some('a'));
        assert_eq!(queue.take_due(start), None);
        assert_eq!(queue.next(), Some(start + second));
        let rest = std::iter::from_fn(|| queue.take_due(start + second));
        assert_eq!(rest.collect::<String>(), "bc");
    }
}
