//! Which rule one peer applies to the work of the envelopes that it is sent.

use whisper_pow::{Proof, Rule, Work};

use crate::{peers::rule_probe::RuleProbe, relay::pool::PoolEntry};

/// Which rule a peer applies to work, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerRuleState {
    only: Option<Rule>,
    /// Set if the rule may still be learned: neither the peer's name nor the configuration tells it.
    probe: Option<RuleProbe>,
}

/// Whether a peer is to be sent an envelope, as far as its work counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleCheck {
    Enough,
    /// It would count as too little.
    TooLittle,
    /// Not yet: other envelopes are tried first.
    HeldBack,
}

impl PeerRuleState {
    /// Work under any accepted rule suffices.
    pub(crate) const ANY: Self = Self { only: None, probe: None };

    /// The peer is known to apply this rule.
    pub(crate) fn only(rule: Rule) -> Self {
        Self { only: Some(rule), probe: None }
    }

    /// The peer's rule is not known. `learned`: what earlier disconnects told.
    pub(crate) fn learning(learned: Option<Rule>) -> Self {
        Self { only: learned, probe: Some(RuleProbe::default()) }
    }

    /// The peer's rule is not known. It disconnected once without a reason, as if it applied this rule.
    pub(crate) fn suspected(rule: Rule) -> Self {
        Self { only: None, probe: Some(RuleProbe::suspecting(rule)) }
    }

    /// The one rule that the peer applies, as far as it is known.
    pub(crate) fn rule(&self) -> Option<Rule> {
        self.only
    }

    /// The rules that a post must be sealed under so that the peer accepts one of its envelopes. `accepted`: those that a
    /// peer with an unknown rule may apply.
    pub(crate) fn needed<'a>(&self, accepted: &'a [Rule]) -> impl Iterator<Item = Rule> + use<'a> {
        let (only, probe) = (self.only, self.probe);
        let accepted = if only.is_none() { accepted } else { &[] };
        let possible =
            move |rule: &Rule| probe.as_ref().is_some_and(|probe| probe.may_apply(*rule));
        only.into_iter().chain(accepted.iter().copied().filter(possible))
    }

    /// Whether it is known for sure how the peer counts work.
    pub(crate) fn is_known(&self) -> bool {
        self.probe.is_none()
    }

    /// Whether the peer, which requires this work, is to be sent an envelope.
    pub(crate) fn check(&self, entry: &PoolEntry, required: Work) -> RuleCheck {
        // Zero under a rule for which this node computes no hash.
        let work = match self.only {
            Some(rule) => entry.proof().work(rule).unwrap_or_default(),
            None => entry.work(),
        };
        let probe = self.probe.as_ref().filter(|_| self.only.is_none());
        if work < required {
            RuleCheck::TooLittle
        } else if probe.is_some_and(|probe| probe.is_held_back(entry.proof(), required)) {
            RuleCheck::HeldBack
        } else {
            RuleCheck::Enough
        }
    }

    /// The peer, which requires this work, is sent an envelope.
    pub(crate) fn handle_sent(&mut self, now: u32, proof: &Proof, required: Work) {
        if let Some(probe) = &mut self.probe {
            probe.handle_sent(now, proof, required);
        }
    }

    /// Returns after how many seconds this is to be called again; 0 if something that was held back may be sent now.
    pub(crate) fn handle_clock(&mut self, now: u32) -> Option<u32> {
        self.probe.as_mut()?.handle_clock(now)
    }

    /// The peer just disconnected because of something that it was sent. Returns the rule that it applies, if the
    /// envelopes it was sent tell.
    pub(crate) fn learn(&self, now: u32) -> Option<Rule> {
        self.probe.as_ref()?.learn(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_needed_under_the_rule_of_the_peer_or_under_all() {
        let (old, accepted) = (Rule::GETH_1_8, [Rule::EIP_627, Rule::GETH_1_8]);
        for (state, needed) in [
            (PeerRuleState::ANY, &[][..]),
            (PeerRuleState::only(old), &[old]),
            (PeerRuleState::learning(Some(old)), &[old]),
            (PeerRuleState::learning(None), &accepted),
            (PeerRuleState::suspected(old), &accepted),
        ] {
            assert!(state.needed(&accepted).eq(needed.iter().copied()), "{state:?}");
        }
    }
}
