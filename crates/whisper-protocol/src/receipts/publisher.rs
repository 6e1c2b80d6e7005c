//! Publishes sealed envelopes and follows what becomes of them.

use std::sync::Arc;

use p2p_identity::NodeId;
use whisper_envelope::Envelope;
use whisper_pow::Rule;

use crate::{
    peers::direct::{DirectError, DirectSender},
    receipts::ending::ReceiptState,
    receipts::receipt::Receipt,
    receipts::sealing::{PostSeals, SealedPost},
    receipts::tracker::PostTracker,
    relay::admission::EnvelopeOutcome,
    relay::driver::RelayDriver,
    relay::reject_reason::RejectReason,
};

/// The states of all posts that are followed.
#[derive(Debug)]
pub(crate) struct PostStates {
    relays: Arc<RelayDriver>,
    tracker: Arc<PostTracker>,
}

impl PostStates {
    /// The state of a post that has not ended; `None` if it has, or is not followed.
    pub(crate) fn pending(&self, hash: &[u8; 32]) -> Option<ReceiptState> {
        self.update_unsent_reason(hash);
        self.tracker.progress(hash).map(ReceiptState::Pending)
    }

    /// The state of a post, while it is remembered.
    pub(crate) fn state(&self, hash: &[u8; 32]) -> Option<ReceiptState> {
        let ending = self.tracker.ending(hash);
        let ended = ending.and_then(|ending| ending.borrow().clone()).map(ReceiptState::Ended);
        ended.or_else(|| self.pending(hash))
    }

    /// The envelopes of a post by any of its hashes, while it is remembered.
    pub(crate) fn seals(&self, hash: &[u8; 32]) -> Option<PostSeals> {
        self.tracker.seals(hash)
    }

    fn update_unsent_reason(&self, hash: &[u8; 32]) {
        let Some(seals) = self.tracker.seals(hash) else { return };
        if let Some(reason) = self.relays.relays().unsent_reason(&seals.hashes()) {
            self.tracker.set_unsent_reason(hash, reason);
        }
    }
}

/// Publishes sealed envelopes and makes their receipts.
#[derive(Debug)]
pub(crate) struct Publisher {
    states: Arc<PostStates>,
    relays: Arc<RelayDriver>,
    tracker: Arc<PostTracker>,
    direct: Arc<DirectSender>,
}

impl Publisher {
    pub(crate) fn new(
        relays: Arc<RelayDriver>,
        tracker: Arc<PostTracker>,
        direct: Arc<DirectSender>,
    ) -> Self {
        let states = PostStates { relays: Arc::clone(&relays), tracker: Arc::clone(&tracker) };
        Self { states: Arc::new(states), relays, tracker, direct }
    }

    /// Puts the envelopes of a post into the pool and follows the post.
    pub(crate) fn publish(&self, post: SealedPost) -> Result<Receipt, RejectReason> {
        let (seals, (_, first)) = (post.seals(), post.first);
        let (hash, ending) =
            (*first.hash(), self.tracker.follow(seals.clone(), first.expiry(), false));
        if let Some(reason) = self.inject(first) {
            self.tracker.forget(&hash);
            return Err(reason);
        }
        for (_, envelope) in post.others {
            let hash = *envelope.hash();
            if self.inject(envelope).is_some() {
                self.tracker.handle_rejected(&hash);
            }
        }
        self.states.update_unsent_reason(&hash);
        let seals = self.tracker.seals(&hash).unwrap_or(seals);
        Ok(Receipt::new(seals, Arc::clone(&self.states), ending))
    }

    /// Puts an envelope into the pool. Returns why it was rejected.
    fn inject(&self, envelope: Envelope) -> Option<RejectReason> {
        match self.relays.inject(&[envelope]).pop() {
            Some(EnvelopeOutcome::Rejected(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Sends an envelope to one peer as a direct message and follows it. `rule`: what it was sealed under.
    pub(crate) async fn send_direct(
        &self,
        id: NodeId,
        rule: Rule,
        envelope: &Envelope,
    ) -> Result<Receipt, DirectError> {
        let seals = PostSeals::single(rule, *envelope.hash());
        let ending = self.tracker.follow(seals.clone(), envelope.expiry(), true);
        self.relays.notify_expiry(); // it is in no pool that would notify when it expires
        if let Err(error) = self.direct.send_envelope(id, envelope).await {
            self.tracker.forget(envelope.hash());
            return Err(error);
        }
        self.tracker.handle_handed(&id, false, &[*envelope.hash()]);
        if self.direct.dialect(&id).is_none() {
            self.tracker.handle_left(&id, None); // it disconnected before it was recorded as handed
        }
        Ok(Receipt::new(seals, Arc::clone(&self.states), ending))
    }

    /// The receipt of an earlier post by any of its hashes, while it is remembered.
    pub(crate) fn receipt(&self, hash: &[u8; 32]) -> Option<Receipt> {
        let (seals, ending) = (self.tracker.seals(hash)?, self.tracker.ending(hash)?);
        Some(Receipt::new(seals, Arc::clone(&self.states), ending))
    }

    /// The receipts of at most `count` posts, the newest first.
    pub(crate) fn latest(&self, count: usize) -> Vec<Receipt> {
        let hashes = self.tracker.latest(count);
        hashes.iter().filter_map(|hash| self.receipt(hash)).collect()
    }

    /// The envelopes of an earlier post by any of its hashes, while it is remembered.
    pub(crate) fn seals(&self, hash: &[u8; 32]) -> Option<PostSeals> {
        self.states.seals(hash)
    }

    /// The state of a post, while it is remembered.
    pub(crate) fn state(&self, hash: &[u8; 32]) -> Option<ReceiptState> {
        self.states.state(hash)
    }
}
