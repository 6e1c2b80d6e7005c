//! How it comes to be known that the node's clock is wrong, and what follows.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI32, Ordering},
};

use whisper_envelope::Envelope;

use crate::{
    clock::skew::Skew, hub::Hub, lock::lock, relay::Seat, session::remote::Remote, settings::Clock,
};

/// From which change on it is worth a line in the log, in seconds.
const WORTH_TELLING: u32 = 10;

/// The node's own clock, and by how much it is corrected.
#[derive(Debug)]
pub(crate) struct Corrector {
    own: Clock,
    correction: Arc<AtomicI32>,
    skew: Mutex<Skew>,
}

impl Corrector {
    /// Corrects the clock by `longest` seconds at most.
    pub(crate) fn new(own: Clock, longest: u32) -> Self {
        Self { own, correction: Arc::default(), skew: Mutex::new(Skew::new(longest)) }
    }

    /// The clock that all of the node goes by.
    pub(crate) fn corrected(&self) -> Clock {
        let (own, correction) = (self.own.clone(), Arc::clone(&self.correction));
        Clock::new(move || own.now().saturating_add_signed(correction.load(Ordering::Relaxed)))
    }

    /// By how many seconds the clock is corrected, forward if positive.
    pub(crate) fn correction(&self) -> i32 {
        self.correction.load(Ordering::Relaxed)
    }

    /// Looks at what the peers show, after a change. Whether the clock was set.
    fn correct(&self, skew: &Skew) -> bool {
        let before = self.correction();
        let after = skew.correction(before.into());
        let after = i32::try_from(after).unwrap_or(before); // bounded by far less
        self.correction.store(after, Ordering::Relaxed);
        if before.abs_diff(after) > WORTH_TELLING {
            tracing::warn!(
                seconds = after,
                "this machine's clock differs from most peers' and is corrected by so much"
            );
        }
        before != after
    }
}

impl Hub {
    /// A peer has taken its seat. Those that this node has chosen tell it the time.
    pub(crate) fn compare_clocks(&self, seat: Seat, remote: &Remote) {
        if remote.chosen && self.settings.peers.clock_correction > 0 {
            self.change_skew(|skew| {
                skew.join(seat);
                true
            });
        }
    }

    /// The peer is about to leave its seat.
    pub(crate) fn stop_comparing(&self, seat: Seat) {
        self.change_skew(|skew| {
            skew.leave(seat);
            true
        });
    }

    /// What the envelopes that a peer has just sent tell of its clock.
    pub(crate) fn look_at_clock(&self, from: Seat, envelopes: &[Envelope]) {
        let own = self.corrector.own.now();
        let life = |envelope: &Envelope| Some((envelope.sent()?, envelope.expiry()));
        let lives = envelopes.iter().filter_map(life);
        self.change_skew(|skew| skew.handle_envelopes(own, from, lives));
    }

    fn change_skew(&self, change: impl FnOnce(&mut Skew) -> bool) {
        let corrector = &self.corrector;
        let mut skew = lock(&corrector.skew);
        if change(&mut skew) && corrector.correct(&skew) {
            self.ring(); // what is to expire may be due
        }
    }
}
