//! Whether the peer is still there.

use std::time::{Duration, Instant};

use crate::Config;

/// How many pings a peer may send within [`FLOOD_WINDOW`]. A node needs one in 15 s; this leaves
/// room for those that ping on every occasion.
const FLOOD_LIMIT: u32 = 64;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);

/// Pings where the peer does not, measures the round trip, notices silence and floods.
///
/// A ping and its pong show both ends that the other is there, whoever asked. So of two ends that
/// follow this plan only one asks each time: the ping of the peer puts off ours by the usual time, a
/// ping of ours the next one by some more. They take turns, and both know the round trip.
#[derive(Clone, Debug)]
pub(super) struct Liveness {
    ping_interval: Duration,
    silence_limit: Duration,
    heard: Instant,
    next_ping: Instant,
    /// How much longer we wait after a ping of our own, for the peer to take its turn.
    patience: Duration,
    /// When the oldest ping without an answer was sent.
    asked: Option<Instant>,
    flood_since: Instant,
    flood: u32,
}

/// What is to be done when a timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// No frame for too long.
    Silence,
}

impl Liveness {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            ping_interval: config.ping_interval,
            silence_limit: config.silence_limit,
            heard: now,
            next_ping: now + config.ping_interval,
            patience: patience(config),
            asked: None,
            flood_since: now,
            flood: 0,
        }
    }

    /// Leaves the first ping to the peer. Were both ends alike, they would ask at the same moment
    /// each time; after pings that have crossed, this end waits longer than the other.
    pub(super) fn leave_first_ping(&mut self) {
        self.next_ping += self.patience;
        self.patience *= 2;
    }

    /// A whole frame arrived, or the peer is to be given the time that we did not listen.
    pub(super) const fn set_heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A ping arrived. `false` if that was one too many.
    pub(super) fn handle_ping(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.flood_since) >= FLOOD_WINDOW {
            self.flood_since = now;
            self.flood = 0;
        }
        self.flood += 1;
        if self.asked.is_none() {
            self.next_ping = now + self.ping_interval;
        }
        self.flood <= FLOOD_LIMIT
    }

    /// A pong arrived. The round trip, if there was a ping to answer.
    pub(super) fn handle_pong(&mut self, now: Instant) -> Option<Duration> {
        self.asked.take().map(|asked| now.saturating_duration_since(asked))
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next. While nothing is
    /// read (`deaf`) silence does not count.
    pub(super) fn poll_timeout(&self, deaf: bool) -> Instant {
        if deaf { self.next_ping } else { self.next_ping.min(self.heard + self.silence_limit) }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, deaf: bool) -> Due {
        if !deaf && now >= self.heard + self.silence_limit {
            return Due::Silence;
        }
        if now < self.next_ping {
            return Due::Nothing;
        }
        self.next_ping = now + self.ping_interval + self.patience;
        self.asked.get_or_insert(now);
        Due::Ping
    }
}

/// Little enough that, twice, it takes no more than a quarter of the time which a peer has to answer.
fn patience(config: &Config) -> Duration {
    config.ping_interval.min(config.silence_limit.saturating_sub(config.ping_interval)) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When, in seconds, a peer is pinged that answers and does `also` at each second.
    fn pings(
        mut liveness: Liveness,
        mut also: impl FnMut(&mut Liveness, u32, Instant),
    ) -> Vec<u32> {
        let start = liveness.heard;
        let mut pings = Vec::new();
        for second in 0..=70 {
            let now = start + second * SECOND;
            liveness.set_heard(now);
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
    fn a_peer_that_pings_is_not() {
        let mut liveness = Liveness::new(&Config::default(), Instant::now());
        liveness.leave_first_ping();
        let also = |liveness: &mut Liveness, second: u32, now| {
            if second.is_multiple_of(15) && second <= 30 {
                assert!(liveness.handle_ping(now));
            }
        };
        assert_eq!(pings(liveness, also), [45, 64]);
    }

    /// When each of two ends pings in three minutes. What one sends, the other has a millisecond
    /// later, but for the first 20 s, where it has it `slow` later.
    fn turns(slow: Duration, alike: bool) -> [Vec<Duration>; 2] {
        let start = Instant::now();
        let mut ends = [(); 2].map(|()| Liveness::new(&Config::default(), start));
        if !alike {
            ends[1].leave_first_ping();
        }
        let mut asked = [Vec::new(), Vec::new()];
        // What arrives when, where, and whether it is a ping.
        let mut words: Vec<(Instant, usize, bool)> = Vec::new();
        let step = SECOND / 1000;
        for now in (0..180_000).map(|tick| start + tick * step) {
            let way = if now < start + 20 * SECOND { slow } else { step };
            for (_, end, ping) in words.extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>() {
                ends[end].set_heard(now);
                if ping {
                    assert!(ends[end].handle_ping(now));
                    words.push((now + way, 1 - end, false));
                } else {
                    assert!(ends[end].handle_pong(now).is_some());
                }
            }
            for end in 0..2 {
                match ends[end].handle_timeout(now, false) {
                    Due::Nothing => {}
                    Due::Ping => {
                        asked[end].push(now - start);
                        words.push((now + way, 1 - end, true));
                    }
                    Due::Silence => panic!("{end} believes the other gone"),
                }
            }
        }
        asked
    }

    #[test]
    fn two_ends_take_turns() {
        let [first, second] = turns(SECOND / 1000, false);
        // One ping each 15 s, a way later each time; they were twice as many.
        assert_eq!((first.len(), second.len()), (6, 5));
        assert_eq!((first[0], second[0]), (15 * SECOND, 30 * SECOND + SECOND / 1000));
        // Each pings all the time where neither knows who is the second.
        let [first, second] = turns(SECOND / 1000, true);
        assert_eq!((first.len(), second.len()), (10, 10));
    }

    #[test]
    fn pings_that_cross_do_not_go_on_crossing() {
        let [first, second] = turns(3 * SECOND, false);
        assert!(second[0] - first[0] < 3 * SECOND, "the first two cross");
        let mut all = [&first[1..], &second[1..]].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= 15 * SECOND), "{all:?}");
        assert_eq!((first.len(), second.len()), (6, 6));
    }

    #[test]
    fn patience_leaves_time_to_answer() {
        for (ping_interval, silence_limit, patience_of) in
            [(15, 30, 1875), (25, 30, 625), (30, 30, 0), (40, 30, 0), (8, 3600, 1000)]
        {
            let config = Config {
                ping_interval: ping_interval * SECOND,
                silence_limit: silence_limit * SECOND,
                ..Config::default()
            };
            assert_eq!(patience(&config).as_millis(), patience_of);
        }
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
        liveness.set_heard(late);
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
