//! How long a machine is busy with what it sends and receives.

use std::time::Duration;

use tokio::time::Instant;

/// The uplink and the processor of a machine. Each does one thing after the other.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// When the uplink has sent everything.
    uplink_free: Option<Instant>,
    /// When the processor has worked on everything that has arrived.
    processor_free: Option<Instant>,
    /// How long the processor works on what arrives.
    work: Duration,
}

impl Load {
    /// The machine sends something that takes the uplink this long. Returns when the last of it has left.
    pub(crate) fn send(&mut self, now: Instant, time: Duration) -> Instant {
        let departure = self.uplink_free.map_or(now, |free| free.max(now)) + time;
        self.uplink_free = Some(departure);
        departure
    }

    /// Sets how long the processor works on each part of a stream and on each datagram.
    pub(crate) fn set_work(&mut self, work: Duration) {
        self.work = work;
    }

    /// Something arrives. Returns when the processor has worked on it; `None` if that takes no time.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<Instant> {
        if self.work.is_zero() {
            return None;
        }
        let done = self.processor_free.map_or(now, |free| free.max(now)) + self.work;
        self.processor_free = Some(done);
        Some(done)
    }

    /// The machine stops: it works on nothing any more.
    pub(crate) fn end(&mut self) {
        *self = Self { work: self.work, ..Self::default() };
    }
}
