//! Runs the delivery: its workers, its waits and its timer.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep_until, timeout_at},
};
use whisper_envelope::Envelope;
use whisper_pow::Work;

use crate::{
    clock::Clock,
    delivery::Delivery,
    delivery::arrival::{Arrival, Source},
    delivery::backfill::PoolReader,
    delivery::filter::Filter,
    keys::id::FilterId,
};

/// Maximum time that a packet or a post waits for room in the message queue. It is well below the time after which a
/// connection closes a sub-protocol that does not read its messages.
pub(crate) const MAX_QUEUE_WAIT: Duration = Duration::from_secs(1);

/// The delivery, and whom it wakes.
#[derive(Debug)]
pub(crate) struct DeliveryDriver {
    delivery: Delivery,
    clock: Clock,
    started: Instant,
    /// Notified for each queued envelope.
    arrived: Notify,
    /// Notified when an envelope was taken from a queue.
    room: Notify,
    /// Notified when there is a new filter.
    inserted: Notify,
    closed: AtomicBool,
}

impl DeliveryDriver {
    pub(crate) fn new(delivery: Delivery, clock: Clock) -> Self {
        Self {
            delivery,
            clock,
            started: Instant::now(),
            arrived: Notify::new(),
            room: Notify::new(),
            inserted: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Queues an envelope if a filter may want it.
    pub(crate) fn offer(&self, arrival: &Arrival) {
        let queued = self.delivery.offer(self.clock.now(), arrival);
        (0..queued).for_each(|_| self.arrived.notify_one());
    }

    /// Queues the new envelopes that a filter may want.
    pub(crate) fn offer_new(&self, source: Source, new: &[(&Envelope, Work)]) {
        if new.is_empty() {
            return;
        }
        let queued = self.delivery.offer_new(self.clock.now(), self.uptime(), source, new);
        (0..queued).for_each(|_| self.arrived.notify_one());
    }

    /// Waits until the message queue has room for more of a source, at most until `deadline`: relaying must not depend on
    /// opening. A source that holds less than its share does not wait.
    pub(crate) async fn wait_for_room(&self, source: Source, deadline: Instant) {
        if self.delivery.is_full_for(source) {
            // In a box: a session that waits for packets has no room for it.
            let _ = Box::pin(timeout_at(deadline, self.room(source))).await;
        }
    }

    async fn room(&self, source: Source) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable(); // before the check, so that no notification is missed
            if !self.delivery.is_full_for(source) {
                return;
            }
            room.await;
        }
    }

    /// Adds a filter under an id that is not in use. `lasting`: it is not removed when it is idle.
    pub(crate) fn insert(&self, id: FilterId, filter: &Arc<Filter>, lasting: bool) {
        self.delivery.insert(self.uptime(), id, Arc::clone(filter), lasting);
        self.inserted.notify_one();
        if self.delivery.feed_from_pool(self.clock.now(), id, filter) {
            self.arrived.notify_one();
        }
    }

    /// Adds filters that were kept. They have received before what they wanted of the pool.
    pub(crate) fn restore(&self, filters: impl Iterator<Item = (FilterId, Arc<Filter>)>) {
        let uptime = self.uptime();
        filters.for_each(|(id, filter)| self.delivery.insert(uptime, id, filter, false));
        self.inserted.notify_one();
    }

    /// The filter with this id. It counts as used now.
    pub(crate) fn touch(&self, id: &FilterId) -> Option<Arc<Filter>> {
        self.delivery.touch(self.uptime(), id)
    }

    /// Waits until idle filters were removed. Never returns if no filter ends by being idle.
    pub(crate) async fn remove_idle(&self) {
        loop {
            let mut inserted = pin!(self.inserted.notified());
            inserted.as_mut().enable(); // before the check, so that no notification is missed
            let Some(next) = self.delivery.next_timeout() else {
                inserted.await;
                continue;
            };
            sleep_until(self.started + next).await;
            if self.delivery.remove_idle(self.uptime()) {
                return;
            }
        }
    }

    /// The time since the node started.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the workers and all filters.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_one();
        self.delivery.close();
    }

    /// A worker: opens queued envelopes until [`close`](Self::close).
    pub(crate) async fn run(self: Arc<Self>, pool: Arc<dyn PoolReader>) {
        loop {
            if self.closed.load(Ordering::Acquire) {
                self.arrived.notify_one(); // for the next worker
                return;
            }
            if !self.delivery.serve(self.clock.now(), &|| self.uptime(), &*pool) {
                self.arrived.notified().await;
                continue;
            }
            self.room.notify_waiters();
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests;
