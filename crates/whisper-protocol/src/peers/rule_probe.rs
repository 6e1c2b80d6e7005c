//! Finding out which rule a peer applies to work, by what it is sent and whether it stays.

use whisper_pow::{Proof, Rule, Work};

/// A peer that disconnects within this many seconds after an envelope is assumed to refuse that envelope. go-ethereum
/// disconnects at once.
const MAX_DISCONNECT_DELAY_SECS: u32 = 10;

/// A peer that is still connected this many seconds after it was first sent too little work under a rule does not apply
/// that rule.
const PROBE_SECS: u32 = 5;

/// The rules that a peer may apply.
const CANDIDATES: [Rule; 2] = [Rule::GETH_1_8, Rule::EIP_627];

/// Tries out which of two rules a peer applies.
///
/// A peer that gets too little work under its rule disconnects. So that the disconnect tells the rule, envelopes with too
/// little work under the one rule are held back while those with too little under the other are tried.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleProbe {
    /// For each candidate: whether the peer stayed although it was sent too little work under it.
    tolerated: [bool; 2],
    /// The candidate under which the peer is now sent too little work, and since when.
    tried: Option<(usize, u32)>,
    /// When that was last sent.
    last: u32,
    /// The candidate that the peer probably applies, because it disconnected once without a reason. What has too little
    /// work under it is held back at first.
    suspected: Option<usize>,
    /// Until when that is held back; 0 before the peer was first to be sent anything.
    suspected_until: u32,
}

impl RuleProbe {
    /// A peer that disconnected once without a reason, as if it applied this rule.
    pub(crate) fn suspecting(rule: Rule) -> Self {
        let suspected = CANDIDATES.iter().position(|candidate| *candidate == rule);
        Self { suspected, ..Self::default() }
    }

    /// Whether the peer may apply this rule, as far as it was tried.
    pub(crate) fn may_apply(&self, rule: Rule) -> bool {
        let candidate = CANDIDATES.iter().position(|candidate| *candidate == rule);
        candidate.is_none_or(|candidate| !self.tolerated[candidate])
            && self.tolerated.contains(&false)
    }

    /// Whether an envelope is held back for now. `required`: the work that the peer requires.
    pub(crate) fn is_held_back(&self, proof: &Proof, required: Work) -> bool {
        let Some(low) = self.low(proof, required) else { return false };
        let other_is_tried =
            self.tried.is_some_and(|(tried, _)| tried != low && !self.tolerated[tried]);
        self.suspected == Some(low) || other_is_tried
    }

    /// The peer is sent an envelope.
    pub(crate) fn handle_sent(&mut self, now: u32, proof: &Proof, required: Work) {
        if let Some(low) = self.low(proof, required) {
            self.last = now;
            if self.tried.is_none_or(|(tried, _)| tried != low) {
                self.tried = Some((low, now));
            }
        }
    }

    /// Ends what has lasted long enough. Returns after how many seconds this is to be called again; 0 if something that
    /// was held back may be sent now.
    pub(crate) fn handle_clock(&mut self, now: u32) -> Option<u32> {
        let mut released = false;
        let mut waits = [None, None];
        if self.suspected.is_some() {
            if self.suspected_until == 0 {
                self.suspected_until = now.saturating_add(MAX_DISCONNECT_DELAY_SECS);
            }
            let wait = self.suspected_until.saturating_sub(now).min(MAX_DISCONNECT_DELAY_SECS);
            if wait == 0 {
                self.suspected = None;
                released = true;
            } else {
                waits[0] = Some(wait);
            }
        }
        if let Some((tried, since)) = self.tried {
            let wait = since.saturating_add(PROBE_SECS).saturating_sub(now).min(PROBE_SECS);
            if wait == 0 {
                released |= !self.tolerated[tried];
                self.tolerated[tried] = true;
            } else {
                waits[1] = Some(wait);
            }
        }
        if released { Some(0) } else { waits.into_iter().flatten().min() }
    }

    /// The peer just disconnected because of something that it was sent. Returns the rule that it applies, if the
    /// envelopes it was sent tell.
    pub(crate) fn learn(&self, now: u32) -> Option<Rule> {
        let (tried, _) = self.tried?;
        let late = now.saturating_sub(self.last) > MAX_DISCONNECT_DELAY_SECS;
        (!late).then_some(CANDIDATES[tried])
    }

    /// The candidate under which an envelope has too little work, unless the peer tolerates that.
    fn low(&self, proof: &Proof, required: Work) -> Option<usize> {
        if required == Work::ZERO {
            return None;
        }
        let is_low = |candidate: &usize| {
            let work = proof.work(CANDIDATES[*candidate]);
            !self.tolerated[*candidate] && work.is_some_and(|work| work < required)
        };
        (0..CANDIDATES.len()).find(is_low)
    }
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Topic, Unsealed};
    use whisper_pow::{Policy, work};

    use super::*;
    use crate::relay::testing::NOW;

    const OLD: Rule = Rule::GETH_1_8;
    const NEW: Rule = Rule::EIP_627;

    /// A proof with more work under `high` than under `low`, and an amount between.
    fn lopsided(high: Rule, low: Rule) -> (Proof, Work) {
        let unsealed = Unsealed::v6(NOW + 50, 50, Topic(*b"test"), &[0; 64]);
        let sealed = (0..).map(|nonce| unsealed.seal(nonce));
        let enough = |rule, it: &_| work(rule, it).unwrap();
        let found = sealed
            .map(|it| (enough(high, &it), enough(low, &it), it))
            .find(|(high, low, _)| high.get() > 16.0 * low.get())
            .unwrap();
        (Policy::default().proof(&found.2, 50).unwrap(), found.0)
    }

    #[test]
    fn a_disconnect_tells_under_which_rule_the_last_envelope_was_low() {
        let (old, new) = (lopsided(OLD, NEW), lopsided(NEW, OLD));
        let mut probe = RuleProbe::default();
        assert_eq!(probe.learn(NOW), None);
        probe.handle_sent(NOW, &old.0, Work::ZERO);
        assert_eq!(probe.learn(NOW), None, "the peer requires no work");
        probe.handle_sent(NOW, &old.0, old.1);
        assert_eq!(probe.learn(NOW + MAX_DISCONNECT_DELAY_SECS), Some(NEW));
        let later = probe.learn(NOW + MAX_DISCONNECT_DELAY_SECS + 1);
        assert_eq!(later, None, "it left because of something else");
        let mut probe = RuleProbe::default();
        probe.handle_sent(NOW, &new.0, new.1);
        assert_eq!(probe.learn(NOW), Some(OLD));
    }

    #[test]
    fn one_rule_is_tried_after_the_other() {
        let (old, new) = (lopsided(OLD, NEW), lopsided(NEW, OLD));
        let mut probe = RuleProbe::default();
        let held_back =
            |probe: &RuleProbe| [old, new].map(|(proof, work)| probe.is_held_back(&proof, work));
        assert_eq!((held_back(&probe), probe.handle_clock(NOW)), ([false, false], None));
        probe.handle_sent(NOW, &new.0, new.1);
        assert_eq!(held_back(&probe), [true, false], "low under the new one");
        assert_eq!(probe.handle_clock(NOW + 1), Some(PROBE_SECS - 1));
        probe.handle_sent(NOW + PROBE_SECS - 1, &new.0, new.1);
        assert_eq!([OLD, NEW].map(|rule| probe.may_apply(rule)), [true, true]);
        assert_eq!(probe.handle_clock(NOW + PROBE_SECS), Some(0), "it stayed");
        assert_eq!([OLD, NEW].map(|rule| probe.may_apply(rule)), [false, true]);
        assert_eq!(held_back(&probe), [false, false], "what was held back is not any more");
        probe.handle_sent(NOW + PROBE_SECS, &old.0, old.1);
        assert_eq!(probe.learn(NOW + PROBE_SECS), Some(NEW));
        assert_eq!(held_back(&probe), [false, false]);
        probe.handle_clock(NOW + 2 * PROBE_SECS);
        assert_eq!([OLD, NEW, Rule::NIM].map(|rule| probe.may_apply(rule)), [false; 3]);
    }

    #[test]
    fn what_is_low_under_a_suspected_rule_is_held_back_for_a_while() {
        let (old, new) = (lopsided(OLD, NEW), lopsided(NEW, OLD));
        let mut probe = RuleProbe::suspecting(OLD);
        let held_back =
            |probe: &RuleProbe| [old, new].map(|(proof, work)| probe.is_held_back(&proof, work));
        assert_eq!(held_back(&probe), [false, true]);
        assert_eq!(probe.handle_clock(NOW), Some(MAX_DISCONNECT_DELAY_SECS));
        assert_eq!(probe.handle_clock(NOW - 1000), Some(MAX_DISCONNECT_DELAY_SECS), "set back");
        assert_eq!(probe.handle_clock(NOW + MAX_DISCONNECT_DELAY_SECS - 1), Some(1));
        assert_eq!(probe.handle_clock(NOW + MAX_DISCONNECT_DELAY_SECS), Some(0));
        assert_eq!((held_back(&probe), probe.handle_clock(NOW)), ([false, false], None));
    }
}
