//! The two queues between the sessions and the workers that open envelopes: broadcast and direct.
//!
//! Both are limited. Direct messages are taken first, but not always: with a flood of them, a part of the workers' time
//! is left for the others.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use whisper_envelope::Envelope;

use crate::{config::QueueLimits, lock::lock};

/// Every this many arrivals, the message queue is asked first.
const BROADCAST_TURN: usize = 4;

/// An envelope that waits to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    pub(crate) work: f64,
    /// Whether it is a direct message of a trusted peer. Only filters that allow direct messages receive it.
    pub(crate) direct: bool,
}

#[derive(Debug)]
struct LimitedQueue {
    arrivals: VecDeque<Arrival>,
    bytes: usize,
    limits: QueueLimits,
}

impl LimitedQueue {
    fn new(limits: QueueLimits) -> Self {
        Self { arrivals: VecDeque::new(), bytes: 0, limits }
    }

    fn is_full(&self) -> bool {
        self.arrivals.len() >= self.limits.items || self.bytes >= self.limits.bytes
    }

    fn push(&mut self, arrival: Arrival) -> bool {
        if self.is_full() {
            return false;
        }
        self.bytes += arrival.envelope.raw().len();
        self.arrivals.push_back(arrival);
        true
    }

    fn pop(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.pop_front()?;
        self.bytes -= arrival.envelope.raw().len();
        Some(arrival)
    }
}

/// The message queue and the p2p queue.
#[derive(Debug)]
pub(crate) struct ArrivalQueues {
    broadcast: Mutex<LimitedQueue>,
    direct: Mutex<LimitedQueue>,
    turn: AtomicUsize,
}

impl ArrivalQueues {
    pub(crate) fn new(broadcast: QueueLimits, direct: QueueLimits) -> Self {
        Self {
            broadcast: Mutex::new(LimitedQueue::new(broadcast)),
            direct: Mutex::new(LimitedQueue::new(direct)),
            turn: AtomicUsize::new(1),
        }
    }

    /// Appends an arrival to its queue; false if the queue is full.
    #[must_use]
    pub(crate) fn push(&self, arrival: Arrival) -> bool {
        let queue = if arrival.direct { &self.direct } else { &self.broadcast };
        lock(queue).push(arrival)
    }

    /// Takes the next arrival; direct ones first three times out of four.
    pub(crate) fn pop(&self) -> Option<Arrival> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let queues = match turn % BROADCAST_TURN {
            0 => [&self.broadcast, &self.direct],
            _ => [&self.direct, &self.broadcast],
        };
        queues.into_iter().find_map(|queue| lock(queue).pop())
    }

    /// Whether an envelope waits in one of the queues. Searches both.
    pub(crate) fn holds(&self, hash: &[u8; 32]) -> bool {
        let holds = |queue: &Mutex<LimitedQueue>| {
            lock(queue).arrivals.iter().any(|arrival| arrival.envelope.hash() == hash)
        };
        holds(&self.direct) || holds(&self.broadcast)
    }

    /// Number of arrivals in the message queue and in the p2p queue.
    pub(crate) fn len(&self) -> [usize; 2] {
        [&self.broadcast, &self.direct].map(|queue| lock(queue).arrivals.len())
    }

    /// Whether the message queue is full.
    pub(crate) fn is_broadcast_full(&self) -> bool {
        lock(&self.broadcast).is_full()
    }
}

#[cfg(test)]
mod tests;
