//! By which rule the work of what one peer is sent is measured.

use whisper_pow::{Proof, Rule, Work};

use crate::relay::pool::Entry;

/// For how many seconds after an envelope a peer may leave so that it counts as leaving over that.
/// go-ethereum leaves at once.
const SUSPICION: u32 = 10;

/// By which rule the work of what one peer is sent is measured, and what its leaving would tell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gauge {
    only: Option<Rule>,
    /// Neither its name nor the operator says by which rule it goes.
    learning: bool,
    /// The rule under which what it was sent last had less work than it requires, and when that was.
    low: Option<(Rule, u32)>,
}

impl Gauge {
    /// Work under any accepted rule is enough.
    pub(crate) const ANY: Self = Self { only: None, learning: false, low: None };

    /// It is sure by which rule the peer goes.
    pub(crate) fn only(rule: Rule) -> Self {
        Self { only: Some(rule), ..Self::ANY }
    }

    /// It is not sure. `learned`: what an earlier leaving told.
    pub(crate) fn learning(learned: Option<Rule>) -> Self {
        Self { only: learned, learning: true, low: None }
    }

    /// The one rule by which the peer goes, as far as is known.
    pub(crate) fn rule(&self) -> Option<Rule> {
        self.only
    }

    /// Whether it is known how the peer counts.
    pub(crate) fn is_sure(&self) -> bool {
        !self.learning
    }

    /// The work that the peer will find. None under a rule that this node does not hash for.
    pub(crate) fn work(&self, entry: &Entry) -> Work {
        match self.only {
            Some(rule) => entry.proof().work(rule).unwrap_or_default(),
            None => entry.work(),
        }
    }

    /// The peer is sent an envelope, and requires so much work.
    pub(crate) fn handle_sent(&mut self, now: u32, proof: &Proof, required: Work) {
        if !self.learning {
            return;
        }
        let is_low = |rule: &Rule| proof.work(*rule).is_some_and(|work| work < required);
        if let Some(low) = [Rule::GETH_1_8, Rule::EIP_627].into_iter().find(is_low) {
            self.low = Some((low, now));
        }
    }

    /// The peer has just left over something that it was sent: the rule by which it goes, if what it
    /// was sent tells.
    pub(crate) fn learn(&self, now: u32) -> Option<Rule> {
        let (rule, sent) = self.low?;
        (now.saturating_sub(sent) <= SUSPICION).then_some(rule)
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
    fn leaving_tells_by_which_rule_the_last_one_was_low() {
        let old = lopsided(Rule::GETH_1_8, Rule::EIP_627);
        let new = lopsided(Rule::EIP_627, Rule::GETH_1_8);
        let mut gauge = Gauge::learning(None);
        assert_eq!(gauge.learn(NOW), None);
        gauge.handle_sent(NOW, &old.0, Work::ZERO);
        assert_eq!(gauge.learn(NOW), None, "nothing is too little for nothing");
        gauge.handle_sent(NOW, &old.0, old.1);
        assert_eq!(gauge.learn(NOW + SUSPICION), Some(Rule::EIP_627));
        assert_eq!(gauge.learn(NOW + SUSPICION + 1), None, "it left over something else");
        gauge.handle_sent(NOW, &new.0, new.1);
        assert_eq!(gauge.learn(NOW), Some(Rule::GETH_1_8));
    }

    #[test]
    fn what_is_sure_is_not_learned_anew() {
        let (proof, required) = lopsided(Rule::GETH_1_8, Rule::EIP_627);
        for mut sure in [Gauge::ANY, Gauge::only(Rule::GETH_1_8)] {
            sure.handle_sent(NOW, &proof, required);
            assert_eq!(sure.learn(NOW), None);
        }
        // What was learned by mistake, because the peer left for another reason, is.
        let mut learned = Gauge::learning(Some(Rule::GETH_1_8));
        learned.handle_sent(NOW, &proof, required);
        assert_eq!(learned.learn(NOW), Some(Rule::EIP_627));
    }
}
