//! When a sub-protocol that has ended is started again.

use std::time::{Duration, Instant};

/// The least time between an end and the next start, so that a sub-protocol which ends at once
/// cannot keep a processor busy.
const LEAST_DELAY: Duration = Duration::from_millis(1);

/// How long a sub-protocol that has ended rests before it is started again on the same connection
/// ([`OnExit::Restart`](crate::OnExit::Restart)): `first`, then each time `factor` times as long,
/// up to `cap`; and `first` again after a run that lasted `healthy`.
///
/// ```
/// use std::time::Duration;
/// use p2p_mux::{OnExit, RestartSettings};
///
/// let patient = RestartSettings { first_delay: Duration::from_secs(1), ..RestartSettings::default() };
/// let on_exit = OnExit::Restart(patient);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartSettings {
    /// The delay after the first end. Default 100 ms; anything below 1 ms counts as 1 ms.
    pub first_delay: Duration,
    /// How many times as long each delay is as the one before. Default 2; 0 counts as 1.
    pub factor: u32,
    /// No delay is longer. Default 30 s.
    pub max_delay: Duration,
    /// A run that lasts so long is a good one: the next delay is `first` again. Default 60 s.
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

/// Where one slot stands among the delays of its [`RestartSettings`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// When the present run began.
    started: Instant,
    /// The delay before this run; `None` before the first.
    last: Option<Duration>,
}

impl Backoff {
    /// The first run begins.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { started: now, last: None }
    }

    /// A run begins.
    pub(crate) const fn handle_start(&mut self, now: Instant) {
        self.started = now;
    }

    /// A run has ended. How long to wait before the next.
    pub(crate) fn handle_end(&mut self, now: Instant, restart: &RestartSettings) -> Duration {
        let healthy = now.saturating_duration_since(self.started) >= restart.healthy_after;
        let delay = match self.last {
            Some(last) if !healthy => last.saturating_mul(restart.factor.max(1)),
            _ => restart.first_delay,
        };
        let delay = delay.min(restart.max_delay).max(LEAST_DELAY);
        self.last = Some(delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RULE: RestartSettings = RestartSettings {
        first_delay: SECOND,
        factor: 3,
        max_delay: Duration::from_secs(20),
        healthy_after: SECOND,
    };

    /// The delays after runs of these lengths.
    fn delays(rule: RestartSettings, runs: &[Duration]) -> Vec<Duration> {
        let mut now = Instant::now();
        let mut backoff = Backoff::new(now);
        let delay_after = |&run: &Duration| {
            now += run;
            let delay = backoff.handle_end(now, &rule);
            now += delay;
            backoff.handle_start(now);
            delay
        };
        runs.iter().map(delay_after).collect()
    }

    #[test]
    fn delays_grow_up_to_the_cap_and_start_anew_after_a_healthy_run() {
        let short = Duration::ZERO;
        let runs = [short, short, short, short, short, SECOND, short];
        assert_eq!(delays(RULE, &runs), [1, 3, 9, 20, 20, 1, 3].map(Duration::from_secs));
    }

    #[test]
    fn no_rule_makes_it_spin_or_overflow() {
        let zero = RestartSettings { first_delay: Duration::ZERO, factor: 0, ..RULE };
        assert_eq!(delays(zero, &[Duration::ZERO; 3]), [LEAST_DELAY; 3]);
        let capless = RestartSettings {
            factor: u32::MAX,
            max_delay: Duration::MAX,
            healthy_after: Duration::MAX,
            ..RULE
        };
        let mut backoff = Backoff::new(Instant::now());
        for _ in 0..4 {
            backoff.handle_end(Instant::now(), &capless);
        }
        assert_eq!(backoff.handle_end(Instant::now(), &capless), Duration::MAX);
    }
}
