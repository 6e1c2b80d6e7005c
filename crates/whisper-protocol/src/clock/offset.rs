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

use p2p_world::HashMap;

use crate::{relay::admission::SYNC_ALLOWANCE, relay::peer_slot::PeerSlot};

/// Minimum number of peers for a correction. Below it, only static peers count.
const MIN_PEERS: usize = 3;

/// Maximum time in seconds that an envelope is assumed to travel from the peer to this node.
const MAX_DELAY_SECS: i64 = 5;

/// The usual maximum age of an envelope in seconds: the default time to live plus the tolerance.
const TYPICAL_AGE_SECS: i64 = 60;

const ALLOWANCE: i64 = SYNC_ALLOWANCE as i64;

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
}

/// A connected peer that this node dialed.
#[derive(Debug)]
struct DialedPeer {
    is_static: bool,
    /// What its envelopes show; `None` if it sent none.
    range: Option<OffsetRange>,
}

/// What the connected peers that this node dialed show about their clocks.
#[derive(Debug)]
pub(crate) struct OffsetEstimate {
    peers: HashMap<PeerSlot, DialedPeer>,
    /// Maximum correction in seconds.
    max_secs: i64,
}

impl OffsetEstimate {
    pub(crate) fn new(max_secs: u32) -> Self {
        Self { peers: HashMap::default(), max_secs: max_secs.into() }
    }

    /// A peer that this node dialed joined.
    pub(crate) fn join(&mut self, slot: PeerSlot, is_static: bool) {
        self.peers.insert(slot, DialedPeer { is_static, range: None });
    }

    /// A peer left.
    pub(crate) fn leave(&mut self, slot: PeerSlot) {
        self.peers.remove(&slot);
    }

    /// The node's own clock was set: nothing is known about the differences any more.
    pub(crate) fn handle_clock_set(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.range = None);
    }

    /// A peer sent envelopes at `own` by this node's own clock; `lifetimes` are their times of sending and expiry.
    /// Returns whether they change what is known about the peer's clock. Peers that did not join are ignored.
    pub(crate) fn handle_envelopes(
        &mut self,
        own: u32,
        from: PeerSlot,
        lifetimes: impl IntoIterator<Item = (u32, u32)>,
    ) -> bool {
        let Some(DialedPeer { range, .. }) = self.peers.get_mut(&from) else { return false };
        let before = *range;
        for (sent, expiry) in lifetimes {
            let new = OffsetRange::new(own, sent, expiry);
            *range = Some(range.map_or(new, |earlier| new.with(earlier)));
        }
        before != *range
    }

    /// The correction of the node's own clock in seconds, positive if it is to be set forward. `now`: the present
    /// correction. It stays as long as most peers allow it; otherwise no correction is tried first.
    pub(crate) fn correction(&self, now: i64) -> i64 {
        let change = self.median_correction(now);
        if change == 0 || self.median_correction(0) == 0 {
            return if change == 0 { now } else { 0 };
        }
        // A clock that is further off was never set at all.
        if (now + change).abs() <= self.max_secs { now + change } else { 0 }
    }

    /// By how many seconds the peers' clocks are ahead of the node's own, if that is too much for a correction; otherwise 0.
    pub(crate) fn excess(&self) -> i64 {
        let offset = self.median_correction(0);
        if offset.abs() > self.max_secs { offset } else { 0 }
    }

    /// The median of the corrections that the peers show for a clock that is `ahead` of the node's own. If there are two
    /// middle values, the one closer to 0. Peers that sent nothing count as 0.
    fn median_correction(&self, ahead: i64) -> i64 {
        let is_few = self.peers.len() < MIN_PEERS;
        let counted = self.peers.values().filter(|peer| peer.is_static || !is_few);
        let correction = |peer: &DialedPeer| peer.range.map_or(0, |range| range.correction(ahead));
        let mut all: Vec<i64> = counted.map(correction).collect();
        if all.is_empty() {
            return 0;
        }
        all.sort_unstable();
        let (low, high) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
        if low > 0 { low } else { high.min(0) }
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
        assert_eq!(corrected(&[fast, fast, fast]), 199);
        assert_eq!(corrected(&[slow, slow, slow]), -301);
        assert_eq!(corrected(&[right, fast, fast, right]), 0, "half is no majority");
        assert_eq!(corrected(&[right, slow, slow, right]), 0);
        assert_eq!(corrected(&[slow, right, fast, fast, fast]), 199);
        assert_eq!(corrected(&[&[], fast, fast, &[]]), 0, "a silent peer counts as no difference");
        assert_eq!(corrected(&[&[], fast, fast]), 199);
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
        assert_eq!(by_all(&[(300, 200, 500)]), 100);
        assert_eq!(by_all(&[(300, 200, 500), (300, 2, 500)]), 298);
    }

    #[test]
    fn a_difference_beyond_the_maximum_is_not_followed() {
        assert_eq!(by_all(&[(600, 0, 50)]), 600);
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
        assert_eq!(estimate.correction(0), 300);
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
        assert_eq!(estimate.correction(0), 300);
        // One peer is silent, and one allows both clocks.
        estimate.join(d, false);
        estimate.join(e, false);
        assert!(estimate.handle_envelopes(NOW - 300, e, [(NOW - 300, NOW + 50)]));
        estimate.leave(a);
        assert_eq!((estimate.correction(300), estimate.correction(0)), (300, 0));
        // The own clock is set correctly.
        for slot in [b, c] {
            assert!(estimate.handle_envelopes(NOW, slot, [(NOW, NOW + 50)]));
            assert!(!estimate.handle_envelopes(NOW, slot, [(NOW, NOW + 50)]), "nothing new");
        }
        assert_eq!(estimate.correction(300), 300, "half of the peers");
        assert!(estimate.handle_envelopes(NOW, d, [(NOW, NOW + 50)]));
        assert_eq!(estimate.correction(300), 0);
        estimate.leave(b);
        estimate.leave(c);
        assert_eq!(estimate.correction(300), 300, "too few peers");
        assert!(!estimate.handle_envelopes(NOW, c, [(NOW, NOW + 50)]), "the slot is empty");
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
