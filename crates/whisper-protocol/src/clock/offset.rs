//! Estimates from the peers' envelopes how wrong this node's clock is. A pure machine.
//!
//! Whisper has no message for the time, but each envelope that a peer sends says something about the peer's clock. The
//! peer accepted the envelope when its clock was at most 10 s before the time of sending, and it sends the envelope only
//! while it is alive. So each envelope limits the peer's clock on both sides, and all envelopes of one peer limit it
//! more closely. If this node's clock is outside these limits, one of the two clocks is wrong. If more than half of the
//! peers show that, this node's clock is.
//!
//! Only peers that this node dialed count: a single party can open many inbound connections and become the majority. If
//! they are few, only static peers count, which the operator has chosen: one is enough. A clock inside the limits, as
//! every correct one is, is never changed.
//!
//! Peers may be wrong for a while, and limits say nothing about what comes later: they count for [`GENERATION_SECS`] to
//! twice as long. A correction is never larger than the limits of that time need: the clock stays [`LAG_SECS`] from what
//! the peers show, on the side of the node's own clock, unless they prove that the own clock is ahead. So nodes that follow
//! each other, because one of them was wrong once, come back to their own clocks step by step.

use p2p_world::HashMap;

use crate::{relay::admission::SYNC_ALLOWANCE, relay::peer_slot::PeerSlot};

/// Minimum number of peers for a correction. Below it, only static peers count.
const MIN_PEERS: usize = 3;

/// Maximum time in seconds that an envelope is assumed to travel from the peer to this node.
const MAX_DELAY_SECS: i64 = 5;

/// The usual maximum age of an envelope in seconds: the default time to live plus the tolerance.
const TYPICAL_AGE_SECS: i64 = 60;

/// After this time by the own clock a new generation of limits begins. The last two count.
const GENERATION_SECS: u32 = 30;

const ALLOWANCE: i64 = SYNC_ALLOWANCE as i64;

/// By how many seconds a corrected clock stays closer to the own one than the peers' newest envelopes are: most of what the
/// protocol tolerates.
const LAG_SECS: i64 = ALLOWANCE - 2;

/// Limits of the offset of a peer's clock from this node's own clock, in seconds; positive if the peer's is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OffsetRange {
    min: i64,
    max: i64,
}

impl OffsetRange {
    /// The limits that one envelope shows. It arrived just now, at `own` by this node's own clock.
    fn new(own: u32, sent: u32, expiry: u32) -> Self {
        let (own, sent, expiry) = (i64::from(own), i64::from(sent), i64::from(expiry));
        Self { min: sent - ALLOWANCE - own, max: expiry + MAX_DELAY_SECS - own }
    }

    /// Combines the limits with those of earlier envelopes. If the two contradict each other, a clock was set in
    /// between, and the later ones count.
    fn with(self, earlier: Self) -> Self {
        let both = Self { min: self.min.max(earlier.min), max: self.max.min(earlier.max) };
        if both.min <= both.max { both } else { self }
    }

    /// The correction of a clock that is `ahead` of the node's own, if this peer's clock is right. 0 if both may be
    /// right. Otherwise the clock is set so that the newest envelope was sent just now. That envelope may be old, so
    /// backwards the correction exceeds what is proven by [`TYPICAL_AGE_SECS`] at most.
    fn correction(self, ahead: i64) -> i64 {
        let (min, max) = (self.min - ahead, self.max - ahead);
        let newest = min + ALLOWANCE;
        if min > 0 {
            newest.min(max)
        } else if max < 0 {
            newest.max(max - TYPICAL_AGE_SECS)
        } else {
            0
        }
    }

    /// The correction closest to 0 that this peer needs, if it is to have the sign of `correction`. It may have the other.
    /// What proves that the own clock is ahead shows well by how much; there is no lag then, so that no one gets the node's
    /// messages before their time.
    fn least(self, correction: i64) -> i64 {
        let lag = match correction {
            1.. => -LAG_SECS,
            _ if self.max < 0 => 0,
            _ => LAG_SECS,
        };
        (self.min + ALLOWANCE + lag).min(self.max)
    }
}

/// What the envelopes of a peer show: the limits of two generations, `None` without envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shown {
    recent: Option<OffsetRange>,
    earlier: Option<OffsetRange>,
}

impl Shown {
    fn range(self) -> Option<OffsetRange> {
        match (self.recent, self.earlier) {
            (Some(recent), Some(earlier)) => Some(recent.with(earlier)),
            (one, other) => one.or(other),
        }
    }

    fn add(&mut self, new: OffsetRange) {
        self.recent = Some(self.recent.map_or(new, |before| new.with(before)));
    }

    /// Begins a new generation.
    fn rotate(&mut self) {
        self.earlier = self.recent.take();
    }
}

/// A connected peer that this node dialed.
#[derive(Debug)]
struct DialedPeer {
    is_static: bool,
    shown: Shown,
}

impl DialedPeer {
    fn range(&self) -> Option<OffsetRange> {
        self.shown.range()
    }
}

/// What the connected peers that this node dialed show about their clocks.
#[derive(Debug)]
pub(crate) struct OffsetEstimate {
    peers: HashMap<PeerSlot, DialedPeer>,
    /// Maximum correction in seconds.
    max_secs: i64,
    /// When the present generation of limits began, by the own clock.
    generation: u32,
}

impl OffsetEstimate {
    pub(crate) fn new(max_secs: u32) -> Self {
        Self { peers: HashMap::default(), max_secs: max_secs.into(), generation: 0 }
    }

    /// A peer that this node dialed joined.
    pub(crate) fn join(&mut self, slot: PeerSlot, is_static: bool) {
        self.peers.insert(slot, DialedPeer { is_static, shown: Shown::default() });
    }

    /// A peer left.
    pub(crate) fn leave(&mut self, slot: PeerSlot) {
        self.peers.remove(&slot);
    }

    /// The node's own clock was set: nothing is known about the differences any more.
    pub(crate) fn handle_clock_set(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.shown = Shown::default());
    }

    /// A peer sent envelopes at `own` by this node's own clock; `lifetimes` are their times of sending and expiry.
    /// Returns whether what is known about the peers' clocks has changed. Peers that did not join are ignored.
    pub(crate) fn handle_envelopes(
        &mut self,
        own: u32,
        from: PeerSlot,
        lifetimes: impl IntoIterator<Item = (u32, u32)>,
    ) -> bool {
        let is_new_generation = self.begin_generation(own);
        let Some(peer) = self.peers.get_mut(&from) else { return is_new_generation };
        let before = peer.range();
        for (sent, expiry) in lifetimes {
            peer.shown.add(OffsetRange::new(own, sent, expiry));
        }
        is_new_generation || before != peer.range()
    }

    /// Begins a new generation of limits if it is time. Returns whether it was.
    fn begin_generation(&mut self, own: u32) -> bool {
        let age = own.abs_diff(self.generation);
        if age < GENERATION_SECS {
            return false;
        }
        for peer in self.peers.values_mut() {
            peer.shown.rotate();
            if age >= 2 * GENERATION_SECS {
                peer.shown.rotate();
            }
        }
        self.generation = own;
        true
    }

    /// The correction of the node's own clock in seconds, positive if it is to be set forward. `now`: the present
    /// correction. As long as most peers allow it, it only becomes smaller; otherwise no correction is tried first.
    pub(crate) fn correction(&self, now: i64) -> i64 {
        let change = self.median_correction(now);
        if change == 0 {
            return self.least(now);
        }
        if self.median_correction(0) == 0 {
            return 0;
        }
        // A clock that is further off was never set at all.
        let is_small = (now + change).abs() <= self.max_secs;
        if is_small { self.least(now + change) } else { 0 }
    }

    /// The part of a correction that most of the peers need that sent something; all of it if none did.
    fn least(&self, correction: i64) -> i64 {
        let ranges = self.counted().filter_map(DialedPeer::range);
        let mut all: Vec<i64> = ranges.map(|range| range.least(correction)).collect();
        all.sort_unstable();
        if all.is_empty() {
            correction
        } else if correction > 0 {
            correction.min(all[(all.len() - 1) / 2]).max(0)
        } else {
            correction.max(all[all.len() / 2]).min(0)
        }
    }

    /// By how many seconds the peers' clocks are ahead of the node's own, if that is too much for a correction; otherwise 0.
    pub(crate) fn excess(&self) -> i64 {
        let offset = self.median_correction(0);
        if offset.abs() > self.max_secs { offset } else { 0 }
    }

    /// The median of the corrections that the peers show for a clock that is `ahead` of the node's own. If there are two
    /// middle values, the one closer to 0. Peers that sent nothing count as 0.
    fn median_correction(&self, ahead: i64) -> i64 {
        let correction =
            |peer: &DialedPeer| peer.range().map_or(0, |range| range.correction(ahead));
        let mut all: Vec<i64> = self.counted().map(correction).collect();
        if all.is_empty() {
            return 0;
        }
        all.sort_unstable();
        let (low, high) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
        if low > 0 { low } else { high.min(0) }
    }

    fn counted(&self) -> impl Iterator<Item = &DialedPeer> {
        let is_few = self.peers.len() < MIN_PEERS;
        self.peers.values().filter(move |peer| peer.is_static || !is_few)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::relay::testing::{NOW, slots};

    /// The correction when each peer sends envelopes with this offset of its clock, age and time to live, in seconds.
    fn corrected(peers: &[&[(i64, u32, u32)]]) -> i64 {
        let mut estimate = OffsetEstimate::new(600);
        for (slot, envelopes) in slots::<5>().into_iter().zip(peers) {
            estimate.join(slot, false);
            let lifetimes = envelopes.iter().map(|(ahead, age, ttl)| {
                let sent = u32::try_from(i64::from(NOW) + ahead).unwrap() - age;
                (sent, sent + ttl)
            });
            estimate.handle_envelopes(NOW, slot, lifetimes);
        }
        estimate.correction(0)
    }

    /// The correction when three peers send the same.
    fn by_all(envelopes: &[(i64, u32, u32)]) -> i64 {
        corrected(&[envelopes; 3])
    }

    #[test]
    fn a_majority_of_different_clocks_is_followed() {
        let (right, fast, slow) = (&[(0, 1, 50)][..], &[(200, 1, 50)][..], &[(-300, 1, 50)][..]);
        assert_eq!(corrected(&[fast, fast]), 0, "two are too few");
        assert_eq!(corrected(&[fast, fast, fast]), 191);
        assert_eq!(corrected(&[slow, slow, slow]), -301);
        assert_eq!(corrected(&[right, fast, fast, right]), 0, "half is no majority");
        assert_eq!(corrected(&[right, slow, slow, right]), 0);
        assert_eq!(corrected(&[slow, right, fast, fast, fast]), 191);
        assert_eq!(corrected(&[&[], fast, fast, &[]]), 0, "a silent peer counts as no difference");
        assert_eq!(corrected(&[&[], fast, fast]), 191);
    }

    #[test]
    fn envelopes_that_a_correct_clock_accepts_correct_nothing() {
        for shown in [(0, 0, 1), (0, 50, 50), (10, 0, 50), (-4, 50, 50), (40, 30, 50)] {
            assert_eq!(by_all(&[shown]), 0, "{shown:?}");
        }
    }

    #[test]
    fn an_old_envelope_does_not_set_the_clock_far_back_and_a_new_one_sets_it_right() {
        // Alive for another 100 s by clocks that are 300 s behind: proves 195 s, no more.
        let old = (-300, 5000, 5100);
        assert_eq!(by_all(&[old]), -255);
        assert_eq!(by_all(&[old, (-300, 0, 50)]), -300);
        assert_eq!(by_all(&[(300, 200, 500)]), 92);
        assert_eq!(by_all(&[(300, 200, 500), (300, 2, 500)]), 290);
    }

    #[test]
    fn a_difference_beyond_the_maximum_is_not_followed() {
        assert_eq!(by_all(&[(600, 0, 50)]), 592);
        assert_eq!(by_all(&[(601, 0, 50)]), 0);
        assert_eq!(by_all(&[(-700, 0, 50)]), 0);
    }

    #[test]
    fn one_static_peer_is_enough_while_others_are_few() {
        let (mut estimate, [a, b, c, ..]) = (OffsetEstimate::new(600), slots::<5>());
        estimate.join(a, true);
        assert_eq!(estimate.correction(0), 0, "it sent nothing");
        estimate.join(b, false);
        assert!(estimate.handle_envelopes(NOW - 300, a, [(NOW, NOW + 50)]));
        assert_eq!(estimate.correction(0), 292);
        estimate.join(c, false);
        assert_eq!(estimate.correction(0), 0, "the others are the majority");
    }

    #[test]
    fn a_difference_beyond_the_maximum_is_known() {
        for (ahead, excess) in [(3600, 3600), (-3600, -3600), (600, 0), (0, 0)] {
            let (mut estimate, [a, ..]) = (OffsetEstimate::new(600), slots::<5>());
            estimate.join(a, true);
            let own = NOW.checked_add_signed(-ahead).unwrap();
            estimate.handle_envelopes(own, a, [(NOW, NOW + 50)]);
            assert_eq!((estimate.correction(0) == 0, estimate.excess()), (ahead != 600, excess));
        }
    }

    #[test]
    fn a_correction_stays_until_most_peers_contradict_it() {
        let (mut estimate, [a, b, c, d, e]) = (OffsetEstimate::new(600), slots::<5>());
        for slot in [a, b, c] {
            estimate.join(slot, false);
            assert!(estimate.handle_envelopes(NOW - 300, slot, [(NOW, NOW + 50)]));
        }
        assert_eq!(estimate.correction(0), 292);
        // One peer is silent, and one allows both clocks.
        estimate.join(d, false);
        estimate.join(e, false);
        assert!(estimate.handle_envelopes(NOW - 300, e, [(NOW - 300, NOW + 50)]));
        estimate.leave(a);
        assert_eq!((estimate.correction(292), estimate.correction(0)), (292, 0));
        // The clocks of the peers are set back.
        let back = NOW - 300;
        assert!(estimate.handle_envelopes(back, b, [(back, NOW - 250)]));
        assert!(!estimate.handle_envelopes(back, b, [(back, NOW - 250)]), "nothing new");
        assert_eq!(estimate.correction(292), 0, "one of three needs it");
        estimate.leave(b);
        estimate.leave(c);
        assert_eq!(estimate.correction(292), 292, "too few peers");
        assert!(!estimate.handle_envelopes(back, c, [(back, NOW)]), "the slot is empty");
    }

    /// What the correction becomes when peers with this offset of their clocks, which caused a correction, are right again. An
    /// envelope comes each second.
    fn corrected_after(offset: i64, seconds: u32) -> i64 {
        let (mut estimate, [a, b, c, ..]) = (OffsetEstimate::new(600), slots::<5>());
        let mut correction = 0;
        [a, b, c].into_iter().for_each(|slot| estimate.join(slot, false));
        for second in 0..=seconds {
            let own = NOW + second;
            // The first ones are about to expire.
            let by_peer = if second == 0 {
                own.checked_add_signed(i32::try_from(offset).unwrap()).unwrap()
            } else {
                own
            };
            let (age, ttl) = if second == 0 && offset < 0 { (49, 50) } else { (1, 200) };
            for slot in [a, b, c] {
                if estimate.handle_envelopes(own, slot, [(by_peer - age, by_peer - age + ttl)]) {
                    correction = estimate.correction(correction);
                }
            }
        }
        correction
    }

    #[test]
    fn peers_whose_clocks_are_right_again_are_not_followed_any_more() {
        for offset in [-300, -60, -40, -20, 12, 20, 40, 60, 300] {
            assert_ne!(corrected_after(offset, 0), 0, "{offset}: followed");
            assert_eq!(corrected_after(offset, 2 * GENERATION_SECS), 0, "{offset}");
        }
    }

    #[test]
    fn nodes_that_follow_each_other_come_back() {
        for first in [-30, 30, 300] {
            // Each dials the next one, and all follow a clock that was wrong.
            let (mut ring, [slot]) = ([0; 4].map(|_| OffsetEstimate::new(600)), slots::<1>());
            ring.iter_mut().for_each(|estimate| estimate.join(slot, true));
            let (mut corrections, mut own) = ([first; 4], NOW);
            while corrections != [0; 4] {
                own += 1;
                assert!(own < NOW + 3600, "{corrections:?}");
                let clocks = corrections;
                for (node, estimate) in ring.iter_mut().enumerate() {
                    let sent = own
                        .checked_add_signed(i32::try_from(clocks[(node + 1) % 4]).unwrap())
                        .unwrap();
                    estimate.handle_envelopes(own, slot, [(sent, sent + 50)]);
                    corrections[node] = estimate.correction(corrections[node]);
                }
            }
        }
    }

    #[test]
    fn a_clock_that_is_behind_stays_corrected() {
        let (mut estimate, slots, mut correction) = (OffsetEstimate::new(600), slots::<3>(), 0);
        slots.iter().for_each(|slot| estimate.join(*slot, false));
        for second in 0..600 {
            let own = NOW + second;
            // Each envelope comes from one peer alone.
            let slot = slots[second as usize % 3];
            if estimate.handle_envelopes(own, slot, [(own + 24, own + 74)]) {
                correction = estimate.correction(correction);
            }
            assert_eq!(correction, if second < 1 { 0 } else { 16 }, "{second}");
        }
    }

    proptest! {
        #[test]
        fn any_envelopes_are_bounded(
            shown in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 0..50),
        ) {
            let (mut estimate, slots, mut correction) = (OffsetEstimate::new(600), slots::<5>(), 0);
            slots.iter().for_each(|slot| estimate.join(*slot, false));
            for (number, (own, sent, expiry)) in shown.into_iter().enumerate() {
                estimate.handle_envelopes(own, slots[number % 5], [(sent, expiry)]);
                correction = estimate.correction(correction);
                prop_assert!((-600..=600).contains(&correction));
            }
        }
    }
}
