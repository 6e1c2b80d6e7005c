//! The delay before a sub-protocol that has ended is started again.

use std::time::{Duration, Instant};

/// Minimum time between the end of a run and the next start, so that a sub-protocol that always ends
/// immediately cannot keep a processor busy.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// The delays before a sub-protocol is started again on the same connection
/// ([`OnExit::Restart`](crate::OnExit::Restart)).
///
/// The first delay is `first_delay`. Each later one is `factor` times as long, at most `max_delay`.
/// After a run of at least `healthy_after` the next delay is `first_delay` again.
///
/// ```
/// use std::time::Duration;
/// use p2p_mux::{OnExit, RestartSettings};
///
/// let slow = RestartSettings { first_delay: Duration::from_secs(1), ..RestartSettings::default() };
/// let on_exit = OnExit::Restart(slow);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartSettings {
    /// The first delay. Default 100 ms, minimum 1 ms.
    pub first_delay: Duration,
    /// Factor between two delays. Default 2; 0 counts as 1.
    pub factor: u32,
    /// Maximum delay. Default 30 s.
    pub max_delay: Duration,
    /// Duration of a run after which the delays start from the first again. Default 60 s.
    pub healthy_after: Duration,
}

impl Default for RestartSettings {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(100),
            factor: 2,
            max_delay: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
        }
    }
}

/// The present delay of one slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// When the current run began.
    started: Instant,
    /// The delay before the current run; `None` in the first run.
    last: Option<Duration>,
}

impl Backoff {
    /// The first run begins at `now`.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { started: now, last: None }
    }

    /// A run begins at `now`.
    pub(crate) const fn handle_start(&mut self, now: Instant) {
        self.started = now;
    }

    /// A run has ended at `now`. Returns the delay before the next one.
    pub(crate) fn handle_end(&mut self, now: Instant, restart: &RestartSettings) -> Duration {
        let healthy = now.saturating_duration_since(self.started) >= restart.healthy_after;
        let delay = match self.last {
            Some(last) if !healthy => last.saturating_mul(restart.factor.max(1)),
            _ => restart.first_delay,
        };
        let delay = delay.min(restart.max_delay).max(MIN_DELAY);
        self.last = Some(delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SETTINGS: RestartSettings = RestartSettings {
        first_delay: SECOND,
        factor: 3,
        max_delay: Duration::from_secs(20),
        healthy_after: SECOND,
    };

    /// The delays after runs of these lengths.
    fn delays(settings: RestartSettings, runs: &[Duration]) -> Vec<Duration> {
        let mut now = Instant::now();
        let mut backoff = Backoff::new(now);
        let delay_after = |&run: &Duration| {
            now += run;
            let delay = backoff.handle_end(now, &settings);
            now += delay;
            backoff.handle_start(now);
            delay
        };
        runs.iter().map(delay_after).collect()
    }

    #[test]
    fn delays_grow_up_to_the_maximum_and_restart_after_a_healthy_run() {
        let short = Duration::ZERO;
        let runs = [short, short, short, short, short, SECOND, short];
        assert_eq!(delays(SETTINGS, &runs), [1, 3, 9, 20, 20, 1, 3].map(Duration::from_secs));
    }

    #[test]
    fn extreme_settings_neither_spin_nor_overflow() {
        let zero = RestartSettings { first_delay: Duration::ZERO, factor: 0, ..SETTINGS };
        assert_eq!(delays(zero, &[Duration::ZERO; 3]), [MIN_DELAY; 3]);
        let unlimited = RestartSettings {
            factor: u32::MAX,
            max_delay: Duration::MAX,
            healthy_after: Duration::MAX,
            ..SETTINGS
        };
        let mut backoff = Backoff::new(Instant::now());
        for _ in 0..4 {
            backoff.handle_end(Instant::now(), &unlimited);
        }
        assert_eq!(backoff.handle_end(Instant::now(), &unlimited), Duration::MAX);
    }
}
