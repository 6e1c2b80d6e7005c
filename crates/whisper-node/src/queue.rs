//! The two queues between the sessions and the workers that open envelopes: broadcast, and direct.
//!
//! Both are bounded. A session waits for room before it reads on, for a while; what does not fit
//! then is dropped and counted, so that slow opening never holds up the relay for long.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use whisper_envelope::Envelope;

use crate::{lock::lock, settings::Bounds};

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
    closed: AtomicBool,
}

impl Queue {
    pub(crate) fn new(broadcast: Bounds, direct: Bounds) -> Self {
        Self {
            broadcast: Mutex::new(Bounded::new(broadcast)),
            direct: Mutex::new(Bounded::new(direct)),
            arrived: Notify::new(),
            room: Notify::new(),
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

    /// Takes the next arrival, direct ones first; waits for one. `None` after
    /// [`close`](Self::close).
    pub(crate) async fn pop(&self) -> Option<Arrival> {
        loop {
            if self.closed.load(Ordering::Acquire) {
                self.arrived.notify_one(); // the next worker
                return None;
            }
            let direct = lock(&self.direct).pop();
            if let Some(arrival) = direct.or_else(|| lock(&self.broadcast).pop()) {
                self.room.notify_waiters();
                return Some(arrival);
            }
            self.arrived.notified().await;
        }
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
