//! Which rule each peer applies to work, and which rules own envelopes must satisfy.

use std::{collections::VecDeque, sync::Mutex};

use p2p_identity::NodeId;
use p2p_world::{HashMap, HashSet};
use whisper_envelope::Dialect;
use whisper_pow::{Policy, Rule};

use crate::{
    lock::lock,
    peers::peer_rule::PeerRuleState,
    peers::remote::Remote,
    peers::work_settings::{PeerRule, Sealing, WorkSettings},
    wire::Wire,
};

/// Maximum number of peers whose learned rules are remembered.
const MAX_LEARNED: usize = 4096;

/// Determines the rule of each peer from the configuration, from the peer's client name, or from earlier disconnects.
#[derive(Debug)]
pub(crate) struct RuleLearner {
    settings: WorkSettings,
    learned: Mutex<LearnedRules>,
}

impl RuleLearner {
    pub(crate) fn new(settings: WorkSettings) -> Self {
        Self { settings, learned: Mutex::default() }
    }

    /// Which rule a new peer applies.
    pub(crate) fn rule_of(&self, remote: &Remote) -> PeerRuleState {
        if Wire::of(remote.dialect).rule.is_some() {
            return PeerRuleState::ANY;
        }
        let named = || match PeerRule::of_client(&remote.client) {
            PeerRule::Unknown => self.settings.fallback,
            named => named,
        };
        match self.settings.peers.get(&remote.id).copied().unwrap_or_else(named) {
            PeerRule::Any => PeerRuleState::ANY,
            PeerRule::Only(rule) => PeerRuleState::only(rule),
            PeerRule::Unknown => match lock(&self.learned).get(&remote.id) {
                Some(LearnedRule { rule, certain: false }) => PeerRuleState::suspected(rule),
                learned => PeerRuleState::learning(learned.map(|learned| learned.rule)),
            },
        }
    }

    /// A peer disconnected, perhaps because of something that it was sent. If that tells its rule, the rule is
    /// remembered. Returns the rule if it is certain enough to be used.
    pub(crate) fn handle_left(
        &self,
        now: u32,
        remote: &Remote,
        state: &PeerRuleState,
    ) -> Option<Rule> {
        let rule = state.learn(now)?;
        let used = lock(&self.learned).insert(remote.id, rule, remote.has_disconnected_us());
        used.then_some(rule)
    }

    /// The rules that a post of this dialect is sealed for: the first, which is mandatory, and the others, each once.
    /// `peer_rules` returns the rules that the connected peers need.
    pub(crate) fn seal_rules<R: IntoIterator<Item = Rule>>(
        &self,
        dialect: Dialect,
        peer_rules: impl FnOnce() -> R,
    ) -> (Rule, Vec<Rule>) {
        let wire = Wire::of(dialect);
        let Policy { seal, accept, .. } = wire.policy(&self.settings.policy);
        let (first, mut others) = match &self.settings.seal {
            _ if wire.rule.is_some() => (seal, Vec::new()),
            Sealing::Own => (seal, Vec::new()),
            Sealing::All => (seal, accept),
            Sealing::Peers => (seal, peer_rules().into_iter().collect()),
            Sealing::Rules(named) => match named.split_first() {
                Some((first, others)) => (*first, others.to_vec()),
                None => (seal, Vec::new()),
            },
        };
        let mut seen: HashSet<_> = [first].into_iter().collect();
        others.retain(|rule| seen.insert(*rule));
        (first, others)
    }
}

/// The rules that were learned from disconnects. When there are too many, the oldest is forgotten.
#[derive(Debug, Default)]
struct LearnedRules {
    rules: HashMap<NodeId, LearnedRule>,
    order: VecDeque<NodeId>,
}

/// The learned rule of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LearnedRule {
    rule: Rule,
    certain: bool,
}

impl LearnedRules {
    /// The rule of a peer, as far as it was learned.
    fn get(&self, id: &NodeId) -> Option<LearnedRule> {
        self.rules.get(id).copied()
    }

    /// A peer disconnected, and what it was sent indicates `rule`. `gave_reason`: its disconnect message confirms that.
    /// The message may be lost, but a peer may also vanish for other reasons: then the second time counts. Returns
    /// whether the rule is certain now.
    fn insert(&mut self, id: NodeId, rule: Rule, gave_reason: bool) -> bool {
        let before = self.rules.get(&id).copied();
        if before.is_some_and(|before| before.certain && before.rule != rule) && !gave_reason {
            return false; // a certain rule has precedence
        }
        let certain = gave_reason || before.is_some_and(|before| before.rule == rule);
        self.rules.insert(id, LearnedRule { rule, certain });
        if before.is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_LEARNED
            && let Some(first) = self.order.pop_front()
        {
            self.rules.remove(&first);
        }
        certain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> NodeId {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        NodeId(bytes)
    }

    fn certain(rule: Rule) -> Option<LearnedRule> {
        Some(LearnedRule { rule, certain: true })
    }

    #[test]
    fn a_disconnect_without_a_reason_is_certain_the_second_time() {
        let (old, new) = (Rule::GETH_1_8, Rule::EIP_627);
        let mut learned = LearnedRules::default();
        assert!(!learned.insert(id(1), old, false));
        assert_eq!(learned.get(&id(1)), Some(LearnedRule { rule: old, certain: false }));
        assert!(!learned.insert(id(1), new, false), "another rule");
        assert!(learned.insert(id(1), new, false));
        assert_eq!(learned.get(&id(1)), certain(new));
        assert!(!learned.insert(id(1), old, false), "it vanished for another reason");
        assert_eq!(learned.get(&id(1)), certain(new));
        assert!(learned.insert(id(1), old, true), "it gave the reason");
        assert_eq!(learned.get(&id(1)), certain(old));
    }

    #[test]
    fn the_oldest_rule_is_forgotten() {
        let mut learned = LearnedRules::default();
        for number in 0..=MAX_LEARNED {
            assert!(learned.insert(id(number), Rule::EIP_627, true));
            assert!(learned.insert(id(number), Rule::GETH_1_8, true));
        }
        assert_eq!((learned.rules.len(), learned.order.len()), (MAX_LEARNED, MAX_LEARNED));
        assert_eq!(learned.get(&id(0)), None);
        assert_eq!(learned.get(&id(MAX_LEARNED)), certain(Rule::GETH_1_8));
    }

    #[test]
    fn the_configuration_precedes_the_client_name() {
        let (old, new) = (Rule::GETH_1_8, Rule::EIP_627);
        let settings = WorkSettings {
            peers: [(id(1), PeerRule::Only(new))].into(),
            fallback: PeerRule::Any,
            ..WorkSettings::default()
        };
        let learner = RuleLearner::new(settings);
        let rule_of = |number, client: &str, dialect| {
            let remote = Remote::new(dialect, id(number)).client(client);
            let state = learner.rule_of(&remote);
            (state.rule(), state.is_known())
        };
        let geth = "Geth/v1.8.27-stable/linux-amd64/go1.11.5";
        assert_eq!(rule_of(1, geth, Dialect::V6), (Some(new), true));
        assert_eq!(rule_of(2, geth, Dialect::V6), (Some(old), true));
        assert_eq!(rule_of(2, "", Dialect::V6), (None, true));
        assert_eq!(rule_of(1, geth, Dialect::V5), (None, true), "shh/5 has one rule");
    }

    #[test]
    fn a_post_is_sealed_for_each_rule_once() {
        let (old, new) = (Rule::GETH_1_8, Rule::EIP_627);
        for (seal, expected) in [
            (Sealing::Own, (new, vec![])),
            (Sealing::All, (new, vec![old])),
            (Sealing::Peers, (new, vec![Rule::NIM])),
            (Sealing::Rules(vec![]), (new, vec![])),
            (Sealing::Rules(vec![old]), (old, vec![])),
            (Sealing::Rules(vec![old, Rule::NIM, old]), (old, vec![Rule::NIM])),
        ] {
            let settings = WorkSettings { seal: seal.clone(), ..WorkSettings::default() };
            let learner = RuleLearner::new(settings);
            let rules = |dialect| learner.seal_rules(dialect, || [Rule::NIM, new, Rule::NIM]);
            assert_eq!(rules(Dialect::V6), expected, "{seal:?}");
            assert_eq!(rules(Dialect::V5), (old, vec![]), "shh/5 has one rule: {seal:?}");
        }
    }
}
