//! Pings, and the detection of a peer that is silent or that pings too often.

use std::time::{Duration, Instant};

use p2p_world::planted::{self, Bug};

use crate::Config;

/// Maximum number of pings from a peer within [`FLOOD_WINDOW`]. A node needs one in 15 s; some
/// clients ping more often.
const MAX_PINGS: u32 = 64;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);

/// Sends pings, measures the round trip, and detects silence and ping floods.
///
/// A ping and its pong show both ends that the other is alive. So two ends that both use this
/// schedule take turns: a ping of the peer postpones our next one by the ping interval, and a ping of
/// ours by the interval plus `turn_delay`. Both ends measure the round trip.
#[derive(Clone, Debug)]
pub(super) struct Liveness {
    ping_interval: Duration,
    silence_limit: Duration,
    /// When the last frame arrived, or when reading resumed after a stall.
    silent_since: Instant,
    next_ping: Instant,
    /// Additional time after a ping of ours, in which the peer may send the next one.
    turn_delay: Duration,
    /// When the oldest unanswered ping was sent.
    ping_sent: Option<Instant>,
    /// The shortest round trip of a ping so far.
    min_round_trip: Option<Duration>,
    /// Start of the current [`FLOOD_WINDOW`].
    window_start: Instant,
    /// Pings in the current window.
    window_pings: u32,
}

/// What to do when a timer has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// No frame within the silence limit: close the connection.
    Silence,
}

impl Liveness {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            ping_interval: config.ping_interval,
            silence_limit: config.silence_limit
                * if planted::is(Bug::SilentPeerStays) { 999 } else { 1 },
            silent_since: now,
            next_ping: now + config.ping_interval,
            turn_delay: turn_delay(config),
            ping_sent: None,
            min_round_trip: None,
            window_start: now,
            window_pings: 0,
        }
    }

    /// Lets the peer send the first ping.
    ///
    /// Without this both ends would ping at the same moments. It also makes this end wait longer
    /// than the other after pings that have crossed.
    pub(super) fn leave_first_ping(&mut self) {
        self.next_ping += self.turn_delay;
        self.turn_delay *= 2;
    }

    /// Restarts the silence limit: a whole frame has arrived, or reading resumes after a stall.
    pub(super) const fn restart_silence(&mut self, now: Instant) {
        self.silent_since = now;
    }

    /// Counts a ping of the peer. `false` if the peer has sent too many.
    pub(super) fn handle_ping(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.window_start) >= FLOOD_WINDOW {
            self.window_start = now;
            self.window_pings = 0;
        }
        self.window_pings += 1;
        if self.ping_sent.is_none() {
            self.next_ping = now + self.ping_interval;
        }
        self.window_pings <= MAX_PINGS
    }

    /// Handles a pong. Returns the round trip if it answers a ping.
    pub(super) fn handle_pong(&mut self, now: Instant) -> Option<Duration> {
        let round_trip = self.ping_sent.take().map(|sent| now.saturating_duration_since(sent))?;
        self.min_round_trip = self.min_round_trip.into_iter().chain([round_trip]).min();
        Some(round_trip)
    }

    /// The shortest round trip of a ping so far. A longer one may include time in queues.
    #[cfg(any(test, feature = "tokio"))]
    pub(super) const fn min_round_trip(&self) -> Option<Duration> {
        self.min_round_trip
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). The silence limit does not apply while
    /// nothing is read (`deaf`).
    pub(super) fn poll_timeout(&self, deaf: bool) -> Instant {
        if deaf {
            self.next_ping
        } else {
            self.next_ping.min(self.silent_since + self.silence_limit)
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, deaf: bool) -> Due {
        if !deaf && now >= self.silent_since + self.silence_limit {
            return Due::Silence;
        }
        if now < self.next_ping {
            return Due::Nothing;
        }
        self.next_ping = now + self.ping_interval + self.turn_delay;
        self.ping_sent.get_or_insert(now);
        Due::Ping
    }
}

/// An eighth of the time that a peer has to answer a ping, because
/// [`leave_first_ping`](Liveness::leave_first_ping) doubles it and most of that time must remain.
fn turn_delay(config: &Config) -> Duration {
    config.ping_interval.min(config.silence_limit.saturating_sub(config.ping_interval)) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The seconds at which a peer is pinged that answers each ping; `also` is called every second.
    fn pings(
        mut liveness: Liveness,
        mut also: impl FnMut(&mut Liveness, u32, Instant),
    ) -> Vec<u32> {
        let start = liveness.silent_since;
        let mut pings = Vec::new();
        for second in 0..=70 {
            let now = start + second * SECOND;
            liveness.restart_silence(now);
            also(&mut liveness, second, now);
            if liveness.handle_timeout(now, false) == Due::Ping {
                liveness.handle_pong(now);
                pings.push(second);
            }
        }
        pings
    }

    #[test]
    fn a_peer_that_only_answers_is_pinged() {
        let liveness = Liveness::new(&Config::default(), Instant::now());
        assert_eq!(pings(liveness.clone(), |_, _, _| ()), [15, 32, 49, 66]);
        let mut second = liveness;
        second.leave_first_ping();
        assert_eq!(pings(second, |_, _, _| ()), [17, 36, 55]);
    }

    #[test]
    fn a_peer_that_pings_is_not_pinged() {
        let mut liveness = Liveness::new(&Config::default(), Instant::now());
        liveness.leave_first_ping();
        let also = |liveness: &mut Liveness, second: u32, now| {
            if second.is_multiple_of(15) && second <= 30 {
                assert!(liveness.handle_ping(now));
            }
        };
        assert_eq!(pings(liveness, also), [45, 64]);
    }

    /// The times at which each of two ends pings within three minutes. A message takes `slow` in the
    /// first 20 s, and a millisecond afterwards. If `alike`, neither end leaves the first ping to the
    /// other.
    fn ping_times(slow: Duration, alike: bool) -> [Vec<Duration>; 2] {
        let start = Instant::now();
        let mut ends = [(); 2].map(|()| Liveness::new(&Config::default(), start));
        if !alike {
            ends[1].leave_first_ping();
        }
        let mut pings = [Vec::new(), Vec::new()];
        // Time of arrival, receiving end, and whether it is a ping (or a pong).
        let mut wire: Vec<(Instant, usize, bool)> = Vec::new();
        let step = SECOND / 1000;
        for now in (0..180_000).map(|tick| start + tick * step) {
            let latency = if now < start + 20 * SECOND { slow } else { step };
            for (_, end, ping) in wire.extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>() {
                ends[end].restart_silence(now);
                if ping {
                    assert!(ends[end].handle_ping(now));
                    wire.push((now + latency, 1 - end, false));
                } else {
                    assert!(ends[end].handle_pong(now).is_some());
                }
            }
            for end in 0..2 {
                match ends[end].handle_timeout(now, false) {
                    Due::Nothing => {}
                    Due::Ping => {
                        pings[end].push(now - start);
                        wire.push((now + latency, 1 - end, true));
                    }
                    Due::Silence => panic!("end {end} closes the connection"),
                }
            }
        }
        pings
    }

    #[test]
    fn two_ends_take_turns() {
        let [first, second] = ping_times(SECOND / 1000, false);
        // One ping every 15 s, plus the latency.
        assert_eq!((first.len(), second.len()), (6, 5));
        assert_eq!((first[0], second[0]), (15 * SECOND, 30 * SECOND + SECOND / 1000));
        // If neither leaves the first ping to the other, both ping all the time.
        let [first, second] = ping_times(SECOND / 1000, true);
        assert_eq!((first.len(), second.len()), (10, 10));
    }

    #[test]
    fn pings_cross_only_once() {
        let [first, second] = ping_times(3 * SECOND, false);
        assert!(second[0] - first[0] < 3 * SECOND, "the first two cross");
        let mut all = [&first[1..], &second[1..]].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= 15 * SECOND), "{all:?}");
        assert_eq!((first.len(), second.len()), (6, 6));
    }

    #[test]
    fn the_turn_delay_leaves_time_to_answer() {
        for (ping_interval, silence_limit, delay_millis) in
            [(15, 30, 1875), (25, 30, 625), (30, 30, 0), (40, 30, 0), (8, 3600, 1000)]
        {
            let config = Config {
                ping_interval: ping_interval * SECOND,
                silence_limit: silence_limit * SECOND,
                ..Config::default()
            };
            assert_eq!(turn_delay(&config).as_millis(), delay_millis);
        }
    }

    #[test]
    fn silence_counts_only_while_the_connection_reads() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        let late = start + 30 * SECOND;
        assert_eq!(liveness.handle_timeout(late - SECOND / 1000, false), Due::Ping);
        assert_eq!(liveness.poll_timeout(false), late);
        assert_eq!(liveness.clone().handle_timeout(late, false), Due::Silence);
        assert_ne!(liveness.handle_timeout(late, true), Due::Silence);
        liveness.restart_silence(late);
        assert_ne!(liveness.handle_timeout(late, false), Due::Silence);
    }

    #[test]
    fn a_pong_gives_the_round_trip_of_its_ping() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        assert_eq!(liveness.handle_pong(start), None, "no ping was sent");
        let sent = start + 15 * SECOND;
        assert_eq!(liveness.handle_timeout(sent, false), Due::Ping);
        assert_eq!(liveness.handle_pong(sent + SECOND), Some(SECOND));
        assert_eq!(liveness.handle_pong(sent + 2 * SECOND), None, "answered already");
    }

    #[test]
    fn a_flood_is_too_many_pings_within_the_window() {
        let start = Instant::now();
        let mut liveness = Liveness::new(&Config::default(), start);
        for ping in 0..10 * MAX_PINGS {
            assert!(liveness.handle_ping(start + ping * FLOOD_WINDOW / MAX_PINGS));
        }
        let burst = start + 100 * FLOOD_WINDOW;
        assert_eq!((0..2 * MAX_PINGS).filter(|_| liveness.handle_ping(burst)).count(), 64);
    }
}
