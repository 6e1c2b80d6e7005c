//! Tells the owner of a connection the round trip to the peer.

use core::fmt;
use std::time::Duration;

/// A function that is told the network stream and a round trip.
pub(crate) type RoundTripHook<Io> = fn(&Io, Duration);

/// Reports each round trip that is shorter than all before.
pub(crate) struct RoundTrips<Io> {
    hook: Option<RoundTripHook<Io>>,
    /// The shortest one so far.
    min: Option<Duration>,
}

impl<Io> RoundTrips<Io> {
    /// Reports to `hook`, if there is one.
    pub(crate) const fn new(hook: Option<RoundTripHook<Io>>) -> Self {
        Self { hook, min: None }
    }

    /// Reports `round_trip` if it is the shortest so far.
    pub(crate) fn record(&mut self, io: &Io, round_trip: Option<Duration>) {
        let Some((hook, round_trip)) = self.hook.zip(round_trip) else { return };
        if self.min.is_none_or(|min| round_trip < min) {
            self.min = Some(round_trip);
            hook(io, round_trip);
        }
    }
}

impl<Io> fmt::Debug for RoundTrips<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundTrips").field("min", &self.min).finish_non_exhaustive()
    }
}
