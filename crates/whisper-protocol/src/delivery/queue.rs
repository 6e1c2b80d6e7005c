//! The two queues between the sessions and the workers that open envelopes: broadcast, and direct.
//!
//! Both are bounded. A session waits for room before it reads on, for a while; what does not fit
//! then is dropped and counted, so that slow opening never holds up the relay for long. Direct
//! messages go first, but not always: a flood of them leaves the others a part of the workers.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use whisper_envelope::Envelope;

use crate::{lock::lock, settings::Bounds};

/// Of so many turns one is the message queue's, whatever is in the other.
const TURNS: usize = 4;

/// An envelope that waits to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    pub(crate) work: f64,
    /// A direct message of a trusted peer, which only filters that allow it get to see.
    pub(crate) direct: bool,
}

#[derive(Debug)]
struct Bounded {
    arrivals: VecDeque<Arrival>,
    bytes: usize,
    bounds: Bounds,
}

impl Bounded {
    fn new(bounds: Bounds) -> Self {
        Self { arrivals: VecDeque::new(), bytes: 0, bounds }
    }

    fn is_full(&self) -> bool {
        self.arrivals.len() >= self.bounds.items || self.bytes >= self.bounds.bytes
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
pub(crate) struct Queue {
    broadcast: Mutex<Bounded>,
    direct: Mutex<Bounded>,
    arrived: Notify,
    room: Notify,
    turn: AtomicUsize,
    closed: AtomicBool,
}

impl Queue {
    pub(crate) fn new(broadcast: Bounds, direct: Bounds) -> Self {
        Self {
            broadcast: Mutex::new(Bounded::new(broadcast)),
            direct: Mutex::new(Bounded::new(direct)),
            arrived: Notify::new(),
            room: Notify::new(),
            turn: AtomicUsize::new(1),
            closed: AtomicBool::new(false),
        }
    }

    /// Appends an arrival to its queue; false if that is full.
    #[must_use]
    pub(crate) fn push(&self, arrival: Arrival) -> bool {
        let queue = if arrival.direct { &self.direct } else { &self.broadcast };
        let pushed = lock(queue).push(arrival);
        if pushed {
            self.arrived.notify_one();
        }
        pushed
    }

    /// Whether an envelope waits in one of them. Looks at all that wait.
    pub(crate) fn holds(&self, hash: &[u8; 32]) -> bool {
        let holds = |queue: &Mutex<Bounded>| {
            lock(queue).arrivals.iter().any(|arrival| arrival.envelope.hash() == hash)
        };
        holds(&self.direct) || holds(&self.broadcast)
    }

    /// Takes the next arrival, direct ones first three times of four; waits for one. `None` after
    /// [`close`](Self::close).
    pub(crate) async fn pop(&self) -> Option<Arrival> {
        loop {
            if self.closed.load(Ordering::Acquire) {
                self.arrived.notify_one(); // the next worker
                return None;
            }
            if let Some(arrival) = self.take() {
                self.room.notify_waiters();
                return Some(arrival);
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self) -> Option<Arrival> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let queues = match turn % TURNS {
            0 => [&self.broadcast, &self.direct],
            _ => [&self.direct, &self.broadcast],
        };
        queues.into_iter().find_map(|queue| lock(queue).pop())
    }

    /// How many arrivals wait in the message queue and in the p2p queue.
    pub(crate) fn waiting(&self) -> [usize; 2] {
        [&self.broadcast, &self.direct].map(|queue| lock(queue).arrivals.len())
    }

    /// Waits until the message queue has room.
    pub(crate) async fn room(&self) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable(); // before the look, so that no wake is missed
            if !lock(&self.broadcast).is_full() {
                return;
            }
            room.await;
        }
    }

    /// Makes all workers stop.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests;
