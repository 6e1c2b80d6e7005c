//! What is pushed to a peer at once, and what is announced to it. A pure value.
//!
//! A push costs a copy if the peer gets the envelope from another one as well; an announcement costs a round trip. The
//! envelope that few have yet is where a push saves most and costs least: at that time few peers have it, so few send it.
//! Therefore a node pushes what came to it before any other peer announced it, to those peers that have asked for that.
//! Each peer asks the few from which it got new envelopes first most often.
//!
//! # Where the figures are from
//!
//! From a simulation of 500 nodes in a random graph, lines of 20 to 150 ms, 100 Mbit/s up, 10 envelopes a second. Copies
//! that a node gets, bytes that it sends for an envelope, and the median time to a node in multiples of flooding's:
//!
//! | degree, size | policy | copies | bytes | time |
//! |---|---|---|---|---|
//! | 8, 256 B | announce all but own posts | 1.00 | 522 | 2.50 |
//! | | push what is new to 1, 2, 3 that asked | 1.21, 1.46, 1.92 | 573, 642, 774 | 2.02, 1.59, 1.30 |
//! | | push what is new to 3 that asked, announcements wait | 2.17 | 855 | 1.32 |
//! | | push to 2 at random, whatever others have | 2.11 | 838 | 1.75 |
//! | 25, 1 KiB | announce all | 1.00 | 1738 | 2.85 |
//! | | announce all but own posts | 1.00 | 1741 | 2.25 |
//! | | push what is new to 1, 2, 3 that asked | 1.15, 1.37, 1.70 | 1900, 2147, 2531 | 1.92, 1.62, 1.38 |
//! | 25, 64 KiB | announce all | 1.00 | 66 126 | 0.18 |
//!
//! And from 50 nodes in one process over loopback, envelopes of 302 bytes one after the other (`lazy.mesh_d6_bytes` and so on), on a
//! machine with two cores that did other things as well: copies, bytes on the wire, and the time until all nodes have it, in
//! multiples of flooding's beside it. What costs time there is the number of messages, and an announcement is one, too:
//!
//! | degree | policy | copies | bytes | time |
//! |---|---|---|---|---|
//! | 6 | flooding | 4.44 | 1456 | 1 |
//! | | push to 3, announce at once | 1.69 | 662 | 1.2 to 1.6 |
//! | | push to 3, announcements wait | 2.45 | 840 | 1.19 |
//! | 10 | flooding | 8.07 | 2644 | 1 |
//! | | push to 3, announce at once | 1.54 | 716 | 1.54 |
//! | | push to 3, announcements wait | 2.55 | 951 | 1.03, 1.40 |
//! | 18 | flooding | 15.2 | 4967 | 1 |
//! | | push to 2, announce at once | 1.36 | 854 | 1.41 |
//! | | push to 3, announcements wait | 2.55 | 1191 | 0.72 |
//! | 36 | flooding | 29.4 | 9581 | 1 |
//! | | push to 3, announcements wait | 2.09, 2.34 | 1493 | 1.30, 1.51 |

use std::time::Duration;

/// Up to this number of peers everything is pushed: flooding sends few copies then, and a round trip more a hop is felt.
const FEW_PEERS: usize = 4;

/// The same for small envelopes: as messages they cost as much as their announcements.
const FEW_PEERS_FOR_SMALL: usize = 6;

/// Up to this number of peers, a node asks more of them to push.
const SOME_PEERS: usize = 12;

/// A post of this node is pushed to all peers if that is at most this many bytes altogether: 10 ms of a line of 100 Mbit/s.
const OWN_BURST: usize = 128 * 1024;

/// With this many bytes in the queue to a peer, what it asked for goes first and nothing is pushed to it. This is what one
/// bundle takes.
const BUSY_QUEUE: usize = 32 * 1024;

/// The same with [`FEW_PEERS`], where pushing is the rule.
const FULL_QUEUE: usize = 256 * 1024;

/// The line to a peer is busy if an answer takes this much longer than the fastest one, and ...
const SLOW_FACTOR: u32 = 2;

/// ... at least this many milliseconds longer.
const SLOW_MS: u32 = 100;

/// Up to this size in bytes an envelope is small: it takes little more than its announcements and the request for it.
const SMALL: u32 = 512;

/// Up to which size in bytes the best, second and third peer are asked to push, with [`SOME_PEERS`] at most.
const LIMITS_FOR_SOME: &[u32] = &[16 * 1024, 4 * 1024, SMALL];

/// The same with more peers, which make more copies. The first limit has room for 1 KiB of data and its envelope.
const LIMITS_FOR_MANY: &[u32] = &[4 * 1024, SMALL, SMALL];

/// How long the announcement of a small envelope waits. With three peers that push such ones, nearly all nodes get it in that way,
/// and meanwhile most neighbours have sent or announced it; what is left goes in one message with other announcements.
const WAIT: Duration = Duration::from_millis(20);

/// How long the answers of a peer take: from announcement to request, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RoundTrip {
    /// The shortest time so far.
    pub(crate) least: u32,
    /// The shortest one of the last few.
    pub(crate) recent: u32,
}

impl RoundTrip {
    fn is_slow(self) -> bool {
        self.recent > self.least.saturating_mul(SLOW_FACTOR)
            && self.recent > self.least.saturating_add(SLOW_MS)
    }
}

/// An envelope that a peer wants, and what is known at that moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Bytes of the envelope.
    pub(crate) size: usize,
    /// Whether it was made here.
    pub(crate) own: bool,
    /// How many peers are known to have it; `None` if it is not new.
    pub(crate) holders: Option<usize>,
    /// Number of peers of this node.
    pub(crate) peers: usize,
    /// Up to which size the peer asked to be pushed what is new; 0: nothing.
    pub(crate) limit: u32,
    /// Bytes in the queue to the peer.
    pub(crate) queued: usize,
    /// How long the answers of the peer take.
    pub(crate) round_trip: RoundTrip,
}

impl Choice {
    /// Whether the envelope is pushed; otherwise it is announced.
    pub(crate) fn is_push(&self) -> bool {
        let Some(holders) = self.holders else { return false };
        let few = if self.is_small() { FEW_PEERS_FOR_SMALL } else { FEW_PEERS };
        if self.peers <= few {
            return self.queued < FULL_QUEUE;
        }
        if self.queued >= BUSY_QUEUE || self.round_trip.is_slow() {
            return false;
        }
        let is_asked = self.size as u64 <= u64::from(self.limit);
        if self.own {
            return is_asked || self.size.saturating_mul(self.peers) <= OWN_BURST;
        }
        is_asked && holders <= 1
    }

    /// How long it may wait if it is announced.
    pub(crate) fn wait(&self) -> Duration {
        if self.is_small() && self.holders.is_some() { WAIT } else { Duration::ZERO }
    }

    fn is_small(&self) -> bool {
        self.size as u64 <= u64::from(SMALL)
    }
}

/// Up to which size in bytes a node with this many peers asks the best one to push, the second best, and so on.
pub(crate) fn push_limits(peers: usize) -> &'static [u32] {
    if peers <= FEW_PEERS {
        &[]
    } else if peers <= SOME_PEERS {
        LIMITS_FOR_SOME
    } else {
        LIMITS_FOR_MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Choice = Choice {
        size: 300,
        own: false,
        holders: Some(1),
        peers: 25,
        limit: 512,
        queued: 0,
        round_trip: RoundTrip { least: 0, recent: 0 },
    };

    #[test]
    fn what_is_new_is_pushed_to_those_that_asked_for_it() {
        assert!(NEW.is_push());
        assert!(!Choice { limit: 0, ..NEW }.is_push(), "it asked for nothing");
        assert!(!Choice { size: 513, ..NEW }.is_push(), "it asked for less");
        assert!(!Choice { holders: Some(2), ..NEW }.is_push(), "another peer has it");
        assert!(!Choice { holders: None, ..NEW }.is_push(), "it came long ago");
    }

    #[test]
    fn own_posts_are_pushed_to_all_unless_they_are_large() {
        let own = Choice { own: true, limit: 0, holders: Some(0), ..NEW };
        assert!(own.is_push());
        assert!(Choice { size: 5 * 1024, ..own }.is_push());
        assert!(!Choice { size: 6 * 1024, ..own }.is_push(), "150 KiB for 25 peers");
        assert!(Choice { size: 6 * 1024, limit: 16 * 1024, ..own }.is_push(), "it asked for it");
    }

    #[test]
    fn everything_is_pushed_to_few_peers() {
        let few = Choice { peers: 4, limit: 0, size: 65_536, holders: Some(3), ..NEW };
        assert!(few.is_push());
        assert!(!Choice { peers: 5, ..few }.is_push());
        assert!(Choice { peers: 6, size: 512, ..few }.is_push(), "small");
        assert!(!Choice { peers: 7, size: 512, ..few }.is_push());
        assert!(!Choice { holders: None, ..few }.is_push(), "a peer that was away has most of it");
        assert!(!Choice { queued: FULL_QUEUE, ..few }.is_push());
    }

    #[test]
    fn the_busier_the_line_the_less_is_pushed() {
        for case in [NEW, Choice { own: true, ..NEW }] {
            assert!(Choice { queued: BUSY_QUEUE - 1, ..case }.is_push());
            assert!(!Choice { queued: BUSY_QUEUE, ..case }.is_push());
            let round_trip = |least, recent| RoundTrip { least, recent };
            assert!(!Choice { round_trip: round_trip(100, 201), ..case }.is_push());
            assert!(Choice { round_trip: round_trip(100, 200), ..case }.is_push());
            assert!(Choice { round_trip: round_trip(1, 100), ..case }.is_push(), "below 100 ms");
        }
    }

    #[test]
    fn announcements_of_small_new_envelopes_wait() {
        assert_eq!(NEW.wait(), WAIT);
        assert_eq!(Choice { size: 513, ..NEW }.wait(), Duration::ZERO, "most get it by requests");
        assert_eq!(Choice { holders: None, ..NEW }.wait(), Duration::ZERO, "it waited long enough");
    }

    #[test]
    fn the_more_peers_the_less_they_are_asked_to_push() {
        assert_eq!(push_limits(4), [0; 0], "they push everything");
        assert_eq!(push_limits(5), push_limits(12));
        assert!(push_limits(12).iter().zip(push_limits(13)).all(|(some, many)| many <= some));
        assert_eq!(push_limits(0), push_limits(1));
    }
}
