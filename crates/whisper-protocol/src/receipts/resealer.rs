//! Seals earlier posts under the rules of peers that connect later.

use std::sync::Arc;

use whisper_envelope::{Dialect, Envelope};
use whisper_pow::{Miner, Rule, Target, work};

use crate::{
    peers::rule_learner::RuleLearner,
    receipts::sealing::{PostEnvelope, PostSeals, SealTarget},
    receipts::tracker::PostTracker,
    relay::admission::EnvelopeOutcome,
    relay::driver::RelayDriver,
};

/// Seals the posts that are still in the pool under the rules that newly connected peers need.
///
/// A peer may apply a rule that no peer applied when a message was posted, or its rule may just have been learned. Without
/// this it would not be sent what was posted before.
#[derive(Debug)]
pub(crate) struct Resealer {
    relays: Arc<RelayDriver>,
    rules: Arc<RuleLearner>,
    tracker: Arc<PostTracker>,
    miner: Miner,
}

impl Resealer {
    pub(crate) fn new(
        relays: Arc<RelayDriver>,
        rules: Arc<RuleLearner>,
        tracker: Arc<PostTracker>,
        miner: Miner,
    ) -> Self {
        Self { relays, rules, tracker, miner }
    }

    /// Waits for peers to connect, and seals what they need. Never returns.
    pub(crate) async fn run(self) {
        loop {
            self.tracker.peer_joined().await;
            for (seals, missing) in self.tracker.unsealed_posts(&self.needed()) {
                for rule in missing {
                    self.reseal(&seals, rule).await;
                }
            }
        }
    }

    /// The rules that the connected peers need.
    fn needed(&self) -> Vec<Rule> {
        let peer_rules = || self.relays.relays().peer_rules(Dialect::V6);
        let (first, mut rules) = self.rules.seal_rules(Dialect::V6, peer_rules);
        rules.push(first);
        rules
    }

    /// Seals a post under one more rule and publishes the envelope, if the post is still in the pool.
    async fn reseal(&self, seals: &PostSeals, rule: Rule) {
        let first = seals.first.hash;
        let Some(SealTarget { work: enough, within }) = seals.target else { return };
        let Some(pooled) = self.relays.relays().own_envelope(Dialect::V6, &first) else { return };
        if work(rule, &pooled).is_ok_and(|work| work >= enough) {
            return self.tracker.handle_sealed(&first, rule, None);
        }
        let target = Target::AtLeast(enough);
        match self.miner.seal(pooled.unsealed(), rule, target, within).await {
            Ok(sealed) => self.publish(&first, rule, sealed.envelope),
            Err(_) => self.tracker.handle_unmet(&first, rule),
        }
    }

    fn publish(&self, first: &[u8; 32], rule: Rule, envelope: Envelope) {
        let hash = *envelope.hash();
        self.tracker.handle_sealed(first, rule, Some(PostEnvelope { rule, hash }));
        if let Some(EnvelopeOutcome::Rejected(_)) = self.relays.inject(&[envelope]).pop() {
            self.tracker.handle_rejected(&hash);
        }
    }
}

#[cfg(test)]
mod tests;
