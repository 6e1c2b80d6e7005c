//! By how much this node's clock is wrong, as far as its peers show: a pure machine.
//!
//! Whisper has no words for the time, but what a peer passes on tells of its clock. It took an
//! envelope when its clock was not more than 10 s before the one in which that was sent, and passes
//! it on while it is alive. So each envelope bounds the peer's clock from both sides, those of one
//! peer together more and more closely; and if this node's clock is outside of that, one of the two
//! is wrong. When more than half of the peers show it, this node is.
//!
//! Only peers count that the node has chosen itself: whoever comes in may be one of many that somebody
//! has made up, to be the majority. And a clock that is inside of the bounds, as every right one is,
//! is never touched.

use std::collections::HashMap;

use crate::{relay::Seat, relay::admission::SYNC_ALLOWANCE};

/// Of fewer peers nothing is believed.
const FEWEST: usize = 3;

/// How late an envelope may come in: the time that it may take on its way from the peer.
const LATE: i64 = 5;

/// How old what goes around usually is at most: the default time to live, and the tolerance.
const USUAL: i64 = 60;

const ALLOWANCE: i64 = SYNC_ALLOWANCE as i64;

/// By how many seconds a peer's clock is ahead of this node's own: at least, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    least: i64,
    most: i64,
}

impl Bounds {
    /// What an envelope tells that has just come in, when it is `own` by this node's own clock.
    fn new(own: u32, sent: u32, expiry: u32) -> Self {
        let (own, sent, expiry) = (i64::from(own), i64::from(sent), i64::from(expiry));
        Self { least: sent - ALLOWANCE - own, most: expiry + LATE - own }
    }

    /// With what an earlier envelope told. If the two contradict each other, a clock has been set
    /// meanwhile, and the later one counts.
    fn with(self, earlier: Self) -> Self {
        let both = Self { least: self.least.max(earlier.least), most: self.most.min(earlier.most) };
        if both.least <= both.most { both } else { self }
    }

    /// By how much a clock is to be set that is `ahead` of the node's own, if this peer's is right: not
    /// at all if it may be right as well. Otherwise until the newest envelope was sent just now; but
    /// that may be an old one, so not much more than there is proof of.
    fn off(self, ahead: i64) -> i64 {
        let (least, most) = (self.least - ahead, self.most - ahead);
        let newest = least + ALLOWANCE;
        if least > 0 {
            newest.min(most)
        } else if most < 0 {
            newest.max(most - USUAL)
        } else {
            0
        }
    }
}

/// What the chosen peers that are connected show of their clocks.
#[derive(Debug)]
pub(crate) struct Skew {
    peers: HashMap<Seat, Option<Bounds>>,
    /// What the clock is never corrected beyond, in seconds.
    longest: i64,
}

impl Skew {
    pub(crate) fn new(longest: u32) -> Self {
        Self { peers: HashMap::new(), longest: longest.into() }
    }

    /// A chosen peer has come.
    pub(crate) fn join(&mut self, seat: Seat) {
        self.peers.insert(seat, None);
    }

    /// A peer is gone.
    pub(crate) fn leave(&mut self, seat: Seat) {
        self.peers.remove(&seat);
    }

    /// A peer sent envelopes, when it was `own` by this node's own clock: when each was sent and when
    /// it expires. Whether that shows anything new; those that were not chosen show nothing.
    pub(crate) fn handle_envelopes(
        &mut self,
        own: u32,
        from: Seat,
        lives: impl IntoIterator<Item = (u32, u32)>,
    ) -> bool {
        let Some(shown) = self.peers.get_mut(&from) else { return false };
        let before = *shown;
        for (sent, expiry) in lives {
            let new = Bounds::new(own, sent, expiry);
            *shown = Some(shown.map_or(new, |earlier| new.with(earlier)));
        }
        before != *shown
    }

    /// By how many seconds the node's own clock is to be corrected, forward if positive, where it is
    /// corrected by `now` at present. That holds as long as it may be right by what most of the peers
    /// show. If it is not, the own clock comes first.
    pub(crate) fn correction(&self, now: i64) -> i64 {
        let off = self.off(now);
        if off == 0 || self.off(0) == 0 {
            return if off == 0 { now } else { 0 };
        }
        // Who is further off has no clock at all.
        if (now + off).abs() <= self.longest { now + off } else { 0 }
    }

    /// By how much a clock is off that is `ahead` of the node's own: the middle one of what the peers
    /// show, none where one of two middle ones says so. One that has shown nothing is content.
    fn off(&self, ahead: i64) -> i64 {
        if self.peers.len() < FEWEST {
            return 0;
        }
        let off = self.peers.values().map(|shown| shown.map_or(0, |shown| shown.off(ahead)));
        let mut off: Vec<i64> = off.collect();
        off.sort_unstable();
        let (low, high) = (off[(off.len() - 1) / 2], off[off.len() / 2]);
        if low > 0 { low } else { high.min(0) }
    }
}

#[cfg(test)]
mod tests {
    use p2p_identity::NodeId;
    use proptest::prelude::*;
    use whisper_envelope::Dialect;

    use super::*;
    use crate::{
        relay::Relay,
        relay::gauge::Gauge,
        relay::testing::{NOW, eager},
        settings::Settings,
    };

    fn seats<const N: usize>() -> [Seat; N] {
        let mut relay = Relay::new(Dialect::V6, &Settings::default());
        [(); N].map(|()| relay.join(NodeId([0; 64]), eager(), eager(), Gauge::ANY))
    }

    /// What follows when peers whose clocks are so far ahead pass on what was sent so many seconds
    /// before their present, to live for so long.
    fn corrected(peers: &[&[(i64, u32, u32)]]) -> i64 {
        let mut skew = Skew::new(600);
        for (seat, envelopes) in seats::<5>().into_iter().zip(peers) {
            skew.join(seat);
            let lives = envelopes.iter().map(|(ahead, age, ttl)| {
                let sent = u32::try_from(i64::from(NOW) + ahead).unwrap() - age;
                (sent, sent + ttl)
            });
            skew.handle_envelopes(NOW, seat, lives);
        }
        skew.correction(0)
    }

    /// What follows when three peers pass on the same.
    fn by_all(envelopes: &[(i64, u32, u32)]) -> i64 {
        corrected(&[envelopes; 3])
    }

    #[test]
    fn a_majority_that_is_elsewhere_is_followed() {
        let (right, fast, slow) = (&[(0, 1, 50)][..], &[(200, 1, 50)][..], &[(-300, 1, 50)][..]);
        assert_eq!(corrected(&[fast, fast]), 0, "two are too few");
        assert_eq!(corrected(&[fast, fast, fast]), 199);
        assert_eq!(corrected(&[slow, slow, slow]), -301);
        assert_eq!(corrected(&[right, fast, fast, right]), 0, "half is no majority");
        assert_eq!(corrected(&[right, slow, slow, right]), 0);
        assert_eq!(corrected(&[slow, right, fast, fast, fast]), 199);
        assert_eq!(corrected(&[&[], fast, fast, &[]]), 0, "silence is consent");
        assert_eq!(corrected(&[&[], fast, fast]), 199);
    }

    #[test]
    fn what_a_right_clock_lets_pass_corrects_nothing() {
        for shown in [(0, 0, 1), (0, 50, 50), (10, 0, 50), (-4, 50, 50), (40, 30, 50)] {
            assert_eq!(by_all(&[shown]), 0, "{shown:?}");
        }
    }

    #[test]
    fn an_old_envelope_does_not_set_the_clock_far_back_and_a_new_one_sets_it_right() {
        // Alive for another 100 s, by clocks that are 300 s behind: proof of 195 s, no more.
        let old = (-300, 5000, 5100);
        assert_eq!(by_all(&[old]), -255);
        assert_eq!(by_all(&[old, (-300, 0, 50)]), -300);
        assert_eq!(by_all(&[(300, 200, 500)]), 100);
        assert_eq!(by_all(&[(300, 200, 500), (300, 2, 500)]), 298);
    }

    #[test]
    fn who_is_off_by_too_much_is_not_followed() {
        assert_eq!(by_all(&[(600, 0, 50)]), 600);
        assert_eq!(by_all(&[(601, 0, 50)]), 0);
        assert_eq!(by_all(&[(-700, 0, 50)]), 0);
    }

    #[test]
    fn a_correction_holds_until_most_show_that_it_is_wrong() {
        let (mut skew, [a, b, c, d, e]) = (Skew::new(600), seats());
        for seat in [a, b, c] {
            skew.join(seat);
            assert!(skew.handle_envelopes(NOW - 300, seat, [(NOW, NOW + 50)]));
        }
        assert_eq!(skew.correction(0), 300);
        // One that says nothing, and one by which both may be right.
        skew.join(d);
        skew.join(e);
        assert!(skew.handle_envelopes(NOW - 300, e, [(NOW - 300, NOW + 50)]));
        skew.leave(a);
        assert_eq!((skew.correction(300), skew.correction(0)), (300, 0));
        // The own clock is set right.
        for seat in [b, c] {
            assert!(skew.handle_envelopes(NOW, seat, [(NOW, NOW + 50)]));
            assert!(!skew.handle_envelopes(NOW, seat, [(NOW, NOW + 50)]), "nothing new");
        }
        assert_eq!(skew.correction(300), 300, "half of the peers");
        assert!(skew.handle_envelopes(NOW, d, [(NOW, NOW + 50)]));
        assert_eq!(skew.correction(300), 0);
        skew.leave(b);
        skew.leave(c);
        assert_eq!(skew.correction(300), 300, "too few to say anything");
        assert!(!skew.handle_envelopes(NOW, c, [(NOW, NOW + 50)]), "nobody sits there");
    }

    proptest! {
        #[test]
        fn any_envelopes_are_bounded(
            shown in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 0..50),
        ) {
            let (mut skew, seats, mut correction) = (Skew::new(600), seats::<5>(), 0);
            seats.iter().for_each(|seat| skew.join(*seat));
            for (number, (own, sent, expiry)) in shown.into_iter().enumerate() {
                skew.handle_envelopes(own, seats[number % 5], [(sent, expiry)]);
                correction = skew.correction(correction);
                prop_assert!((-600..=600).contains(&correction));
            }
        }
    }
}
