//! A clock that follows the peers' clocks if this node's own clock is wrong.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI32, Ordering},
};

use tokio::time::Instant;
use whisper_envelope::Unsealed;

use crate::{
    clock::{Clock, offset::OffsetEstimate},
    lock::lock,
    peers::remote::Remote,
    relay::peer_slot::PeerSlot,
};

/// Smallest change of the correction that is logged, in seconds.
const MIN_LOGGED_CHANGE_SECS: u32 = 10;

/// By how many seconds the own clock may differ from the time that has passed without having been set. The protocol tolerates
/// as much.
const MAX_OWN_DRIFT_SECS: u64 = 9;

/// What the peers show, and when the own clock was read for it.
#[derive(Debug)]
struct Observed {
    estimate: OffsetEstimate,
    /// The last reading of the own clock, and when that was.
    read: Option<(u32, Instant)>,
}

impl Observed {
    /// Whether the own clock was set since the last call. Then what the peers showed is out of date.
    fn was_set(&mut self, own: u32, now: Instant) -> bool {
        let before = self.read.replace((own, now));
        let was_set = before.is_some_and(|(before, at)| {
            let passed = now.saturating_duration_since(at).as_secs();
            (u64::from(before) + passed).abs_diff(own.into()) > MAX_OWN_DRIFT_SECS
        });
        if was_set {
            self.estimate.handle_clock_set();
        }
        was_set
    }
}

/// The node's own clock, and its correction.
#[derive(Debug)]
pub(crate) struct ClockCorrector {
    own: Clock,
    correction: Arc<AtomicI32>,
    /// By how many seconds the peers' clocks are ahead, if that is too much for a correction; otherwise 0.
    excess: AtomicI32,
    observed: Mutex<Observed>,
}

impl ClockCorrector {
    /// `max_secs`: maximum correction in seconds; 0 turns it off.
    pub(crate) fn new(own: Clock, max_secs: u32) -> Self {
        let observed = Observed { estimate: OffsetEstimate::new(max_secs), read: None };
        let (excess, observed) = (AtomicI32::new(0), Mutex::new(observed));
        Self { own, correction: Arc::default(), excess, observed }
    }

    /// The corrected clock. All of the node uses it.
    pub(crate) fn corrected(&self) -> Clock {
        let (own, correction) = (self.own.clone(), Arc::clone(&self.correction));
        Clock::new(move || own.now().saturating_add_signed(correction.load(Ordering::Relaxed)))
    }

    /// The corrected time, in seconds since 1970.
    pub(crate) fn now(&self) -> u32 {
        self.own.now().saturating_add_signed(self.correction())
    }

    /// The correction in seconds, positive if the clock is set forward.
    pub(crate) fn correction(&self) -> i32 {
        self.correction.load(Ordering::Relaxed)
    }

    /// By how many seconds the peers' clocks are ahead of the node's own, if that is too much for a correction; otherwise
    /// 0.
    pub(crate) fn excess(&self) -> i32 {
        self.excess.load(Ordering::Relaxed)
    }

    /// A peer joined. Only peers that this node dialed count. Returns whether the correction changed.
    pub(crate) fn join(&self, slot: PeerSlot, remote: &Remote) -> bool {
        if !remote.dialed {
            return false;
        }
        let estimate = &mut lock(&self.observed).estimate;
        estimate.join(slot, remote.is_static());
        self.correct(estimate)
    }

    /// A peer is about to leave. Returns whether the correction changed.
    pub(crate) fn leave(&self, slot: PeerSlot) -> bool {
        let estimate = &mut lock(&self.observed).estimate;
        estimate.leave(slot);
        self.correct(estimate)
    }

    /// A peer sent these envelopes just now. Returns whether the correction changed.
    pub(crate) fn handle_envelopes<'a>(
        &self,
        from: PeerSlot,
        envelopes: impl IntoIterator<Item = &'a Unsealed>,
    ) -> bool {
        let own = self.own.now();
        let lifetime = |envelope: &Unsealed| Some((envelope.sent()?, envelope.expiry()));
        let lifetimes = envelopes.into_iter().filter_map(lifetime);
        let mut observed = lock(&self.observed);
        // Who sets a clock sets it right, so the correction ends. If not, the envelopes show it.
        let was_set = observed.was_set(own, Instant::now());
        let before = if was_set { self.correction.swap(0, Ordering::Relaxed) } else { 0 };
        let is_news = observed.estimate.handle_envelopes(own, from, lifetimes);
        let has_changed = is_news && self.correct(&observed.estimate);
        has_changed || before != 0
    }

    fn correct(&self, estimate: &OffsetEstimate) -> bool {
        let before = self.correction();
        let after = estimate.correction(before.into());
        let after = i32::try_from(after).unwrap_or(before); // its maximum is far below
        self.correction.store(after, Ordering::Relaxed);
        if before.abs_diff(after) > MIN_LOGGED_CHANGE_SECS {
            tracing::warn!(
                seconds = after,
                "this machine's clock differs from the clocks of most peers and is corrected"
            );
        }
        self.warn_of_excess(estimate);
        before != after
    }

    /// Says that the clock is wrong by more than may be corrected, once until it is right again.
    fn warn_of_excess(&self, estimate: &OffsetEstimate) {
        let limit = i64::from(i32::MAX);
        let excess = i32::try_from(estimate.excess().clamp(-limit, limit)).unwrap_or_default();
        let before = self.excess.swap(excess, Ordering::Relaxed);
        if excess != 0 && before == 0 {
            let seconds = excess.unsigned_abs();
            let side = if excess > 0 { "behind" } else { "ahead of" };
            tracing::warn!(
                "the clock of this machine is about {seconds} s {side} those of the peers, too much for a correction: \
                 set it, otherwise neither end takes the envelopes of the other"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use p2p_identity::NodeId;
    use whisper_envelope::Dialect;

    use super::*;
    use crate::relay::testing::{NOW, envelope_until, slots};

    fn remote(dialed: bool) -> Remote {
        Remote::new(Dialect::V6, NodeId([1; 64])).dialed(dialed)
    }

    #[test]
    fn follows_the_peers_that_this_node_dialed() {
        let corrector = ClockCorrector::new(Clock::new(|| NOW), 600);
        let corrected = corrector.corrected();
        let ahead = envelope_until(NOW + 250, 1); // sent 200 s from now
        for (slot, dialed) in slots::<3>().into_iter().zip([true, true, false]) {
            assert!(!corrector.join(slot, &remote(dialed)));
            assert!(!corrector.handle_envelopes(slot, [ahead.unsealed()]), "too few peers");
        }
        let third = slots::<4>()[3];
        assert!(corrector.join(third, &remote(true)), "two of three peers are ahead");
        assert!(!corrector.handle_envelopes(third, [ahead.unsealed()]), "and the third agrees");
        assert_eq!((corrector.correction(), corrected.now()), (192, NOW + 192));
        assert_eq!(corrector.now(), NOW + 192);
    }

    #[test]
    fn a_clock_that_is_set_right_is_not_corrected_any_more() {
        let own = Arc::new(AtomicI32::new(0));
        let read = Arc::clone(&own);
        let clock = Clock::new(move || NOW.saturating_add_signed(read.load(Ordering::Relaxed)));
        let corrector = ClockCorrector::new(clock, 600);
        own.store(-25, Ordering::Relaxed);
        let fresh = envelope_until(NOW + 50, 1); // sent just now
        for slot in slots::<3>() {
            corrector.join(slot, &remote(true));
            corrector.handle_envelopes(slot, [fresh.unsealed()]);
        }
        assert_eq!((corrector.correction(), corrector.now()), (17, NOW - 8));
        own.store(0, Ordering::Relaxed);
        let [first, ..] = slots::<3>();
        assert!(corrector.handle_envelopes(first, [fresh.unsealed()]), "an expiry may have come");
        assert_eq!((corrector.correction(), corrector.now()), (0, NOW));
    }

    #[test]
    fn a_maximum_of_zero_turns_it_off() {
        let corrector = ClockCorrector::new(Clock::new(|| NOW), 0);
        let ahead = envelope_until(NOW + 250, 1);
        for slot in slots::<3>() {
            assert!(!corrector.join(slot, &remote(true)));
            assert!(!corrector.handle_envelopes(slot, [ahead.unsealed()]));
        }
        assert_eq!((corrector.correction(), corrector.excess()), (0, 200));
    }
}
