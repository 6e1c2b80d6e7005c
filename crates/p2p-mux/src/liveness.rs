//! Whether the peer is still there.

use std::time::{Duration, Instant};

use crate::Config;

/// How many pings a peer may send within [`FLOOD_WINDOW`]. A node needs one in 15 s; this leaves
/// room for those that ping on every occasion.
const FLOOD_LIMIT: u32 = 64;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);

/// Pings on schedule, measures the round trip, notices silence and floods.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    ping_every: Duration,
    silence_limit: Duration,
    heard: Instant,
    next_ping: Instant,
    /// When the oldest ping without an answer was sent.
    asked: Option<Instant>,
    flood_since: Instant,
    flood: u32,
}

/// What is to be done when a timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    /// No frame for too long.
    Silence,
}

impl Liveness {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        Self {
            ping_every: config.ping_every,
            silence_limit: config.silence_limit,
            heard: now,
            next_ping: now + config.ping_every,
            asked: None,
            flood_since: now,
            flood: 0,
        }
    }

    /// A whole frame arrived, or the peer is to be given the time that we did not listen.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A ping arrived. `false` if that was one too many.
    pub(crate) fn handle_ping(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.flood_since) >= FLOOD_WINDOW {
            self.flood_since = now;
            self.flood = 0;
        }
        self.flood += 1;
        self.flood <= FLOOD_LIMIT
    }

    /// A pong arrived. The round trip, if there was a ping to answer.
    pub(crate) fn handle_pong(&mut self, now: Instant) -> Option<Duration> {
        self.asked.take().map(|asked| now.saturating_duration_since(asked))
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next. While nothing is
    /// read (`deaf`) silence does not count.
    pub(crate) fn poll_timeout(&self, deaf: bool) -> Instant {
        if deaf { self.next_ping } else { self.next_ping.min(self.heard + self.silence_limit) }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, deaf: bool) -> Due {
        if !deaf && now >= self.heard + self.silence_limit {
            return Due::Silence;
        }
        if now < self.next_ping {
            return Due::Nothing;
        }
        self.next_ping = now + self.ping_every;
        self.asked.get_or_insert(now);
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pings_every_quarter_of_a_minute() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        let mut pings = Vec::new();
        for second in 0..=60 {
            let now = start + second * SECOND;
            liveness.heard(now);
            if liveness.handle_timeout(now, false) == Due::Ping {
                pings.push(second);
            }
        }
        assert_eq!(pings, [15, 30, 45, 60]);
    }

    #[test]
    fn silence_counts_only_while_we_listen() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        let late = start + 30 * SECOND;
        assert_eq!(liveness.handle_timeout(late - SECOND / 1000, false), Due::Ping);
        assert_eq!(liveness.poll_timeout(false), late);
        assert_eq!(liveness.clone().handle_timeout(late, false), Due::Silence);
        assert_ne!(liveness.handle_timeout(late, true), Due::Silence);
        liveness.heard(late);
        assert_ne!(liveness.handle_timeout(late, false), Due::Silence);
    }

    #[test]
    fn the_round_trip_is_that_of_the_ping_which_is_answered() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        assert_eq!(liveness.handle_pong(start), None, "nobody asked");
        let asked = start + 15 * SECOND;
        assert_eq!(liveness.handle_timeout(asked, false), Due::Ping);
        assert_eq!(liveness.handle_pong(asked + SECOND), Some(SECOND));
        assert_eq!(liveness.handle_pong(asked + 2 * SECOND), None, "answered already");
    }

    #[test]
    fn a_flood_is_many_pings_in_little_time() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        for ping in 0..10 * FLOOD_LIMIT {
            assert!(liveness.handle_ping(start + ping * FLOOD_WINDOW / FLOOD_LIMIT));
        }
        let burst = start + 100 * FLOOD_WINDOW;
        assert_eq!((0..2 * FLOOD_LIMIT).filter(|_| liveness.handle_ping(burst)).count(), 64);
    }
}
