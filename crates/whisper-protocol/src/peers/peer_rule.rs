//! Which rule one peer applies to the work of the envelopes that it is sent.

use whisper_pow::{Proof, Rule, Work};

use crate::relay::pool::PoolEntry;

/// A peer that disconnects within this many seconds after an envelope is assumed to refuse that envelope. go-ethereum
/// disconnects at once.
const MAX_DISCONNECT_DELAY_SECS: u32 = 10;

/// Which rule a peer applies to work, and what its disconnect would tell about that.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerRuleState {
    only: Option<Rule>,
    /// Whether the rule may still be learned: neither the peer's name nor the configuration tells it.
    learning: bool,
    /// The rule under which the last such envelope had less work than the peer requires, and when it was sent.
    low: Option<(Rule, u32)>,
}

impl PeerRuleState {
    /// Work under any accepted rule suffices.
    pub(crate) const ANY: Self = Self { only: None, learning: false, low: None };

    /// The peer is known to apply this rule.
    pub(crate) fn only(rule: Rule) -> Self {
        Self { only: Some(rule), ..Self::ANY }
    }

    /// The peer's rule is not known. `learned`: what earlier disconnects told.
    pub(crate) fn learning(learned: Option<Rule>) -> Self {
        Self { only: learned, learning: true, low: None }
    }

    /// The one rule that the peer applies, as far as it is known.
    pub(crate) fn rule(&self) -> Option<Rule> {
        self.only
    }

    /// Whether it is known for sure how the peer counts work.
    pub(crate) fn is_known(&self) -> bool {
        !self.learning
    }

    /// The work that the peer will compute. Zero under a rule for which this node computes no hash.
    pub(crate) fn work(&self, entry: &PoolEntry) -> Work {
        match self.only {
            Some(rule) => entry.proof().work(rule).unwrap_or_default(),
            None => entry.work(),
        }
    }

    /// The peer, which requires this work, is sent an envelope.
    pub(crate) fn handle_sent(&mut self, now: u32, proof: &Proof, required: Work) {
        if !self.learning {
            return;
        }
        let is_low = |rule: &Rule| proof.work(*rule).is_some_and(|work| work < required);
        if let Some(low) = [Rule::GETH_1_8, Rule::EIP_627].into_iter().find(is_low) {
            self.low = Some((low, now));
        }
    }

    /// The peer just disconnected because of something that it was sent. Returns the rule that it applies, if the
    /// envelopes it was sent tell.
    pub(crate) fn learn(&self, now: u32) -> Option<Rule> {
        let (rule, sent) = self.low?;
        (now.saturating_sub(sent) <= MAX_DISCONNECT_DELAY_SECS).then_some(rule)
    }
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Topic, Unsealed};
    use whisper_pow::{Policy, work};

    use super::*;
    use crate::relay::testing::NOW;

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
        let old = lopsided(Rule::GETH_1_8, Rule::EIP_627);
        let new = lopsided(Rule::EIP_627, Rule::GETH_1_8);
        let mut state = PeerRuleState::learning(None);
        assert_eq!(state.learn(NOW), None);
        state.handle_sent(NOW, &old.0, Work::ZERO);
        assert_eq!(state.learn(NOW), None, "the peer requires no work");
        state.handle_sent(NOW, &old.0, old.1);
        assert_eq!(state.learn(NOW + MAX_DISCONNECT_DELAY_SECS), Some(Rule::EIP_627));
        let later = state.learn(NOW + MAX_DISCONNECT_DELAY_SECS + 1);
        assert_eq!(later, None, "it left because of something else");
        state.handle_sent(NOW, &new.0, new.1);
        assert_eq!(state.learn(NOW), Some(Rule::GETH_1_8));
    }

    #[test]
    fn a_known_rule_is_not_learned_again() {
        let (proof, required) = lopsided(Rule::GETH_1_8, Rule::EIP_627);
        for mut known in [PeerRuleState::ANY, PeerRuleState::only(Rule::GETH_1_8)] {
            known.handle_sent(NOW, &proof, required);
            assert_eq!(known.learn(NOW), None);
        }
        // A rule that was learned by mistake, because the peer left for another reason, is replaced.
        let mut learned = PeerRuleState::learning(Some(Rule::GETH_1_8));
        learned.handle_sent(NOW, &proof, required);
        assert_eq!(learned.learn(NOW), Some(Rule::EIP_627));
    }
}
