//! The node's clock, and its correction by the clocks of the peers.

pub(crate) mod corrector;
pub(crate) mod offset;

use std::{fmt, sync::Arc, time::UNIX_EPOCH};

use p2p_world::{
    SystemWorld, World,
    planted::{self, Bug},
};
use tokio::time::Instant;

/// Where the node gets the time from, in seconds since 1970 (UTC).
///
/// Whisper's time is whole seconds in 32 bits.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u32 + Send + Sync>);

impl Clock {
    /// A clock that calls `now` each time it is read.
    pub(crate) fn new(now: impl Fn() -> u32 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::of(SystemWorld::shared())
    }

    /// The clock of a machine. It reads 0 before 1970 and [`u32::MAX`] after 2106.
    #[must_use]
    pub fn of(world: Arc<dyn World>) -> Self {
        let start = planted::is(Bug::ClockOfTheStart).then(|| (world.unix_time(), Instant::now()));
        Self::new(move || {
            let time = start.map_or_else(|| world.unix_time(), |(time, at)| time + at.elapsed());
            let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u32::try_from(since_1970.as_secs()).unwrap_or(u32::MAX)
        })
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u32 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
