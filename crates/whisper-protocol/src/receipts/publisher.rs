//! Publishes sealed envelopes and follows what becomes of them.

use std::sync::Arc;

use p2p_identity::NodeId;
use whisper_envelope::Envelope;

use crate::{
    peers::direct::{DirectError, DirectSender},
    receipts::ending::ReceiptState,
    receipts::receipt::Receipt,
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

    fn update_unsent_reason(&self, hash: &[u8; 32]) {
        if let Some(reason) = self.relays.relays().unsent_reason(hash) {
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

    /// Puts an envelope into the pool and follows it.
    pub(crate) fn publish(&self, envelope: Envelope) -> Result<Receipt, RejectReason> {
        let receipt = self.follow(&envelope, false);
        let hash = receipt.hash();
        if let Some(EnvelopeOutcome::Rejected(reason)) = self.relays.inject(&[envelope]).pop() {
            self.tracker.forget(&hash);
            return Err(reason);
        }
        self.states.update_unsent_reason(&hash);
        Ok(receipt)
    }

    /// Sends an envelope to one peer as a direct message and follows it.
    pub(crate) async fn send_direct(
        &self,
        id: NodeId,
        envelope: &Envelope,
    ) -> Result<Receipt, DirectError> {
        let receipt = self.follow(envelope, true);
        self.relays.notify_expiry(); // it is in no pool that would notify when it expires
        if let Err(error) = self.direct.send_envelope(id, envelope).await {
            self.tracker.forget(envelope.hash());
            return Err(error);
        }
        self.tracker.handle_handed(&id, false, &[*envelope.hash()]);
        if self.direct.dialect(&id).is_none() {
            self.tracker.handle_left(&id, None); // it disconnected before it was recorded as handed
        }
        Ok(receipt)
    }

    /// Starts to follow a post. Must be called before the post can be sent to any peer.
    fn follow(&self, envelope: &Envelope, direct: bool) -> Receipt {
        let hash = *envelope.hash();
        let ending = self.tracker.follow(hash, envelope.expiry(), direct);
        Receipt::new(hash, Arc::clone(&self.states), ending)
    }

    /// The receipt of an earlier post, while it is remembered.
    pub(crate) fn receipt(&self, hash: &[u8; 32]) -> Option<Receipt> {
        Some(Receipt::new(*hash, Arc::clone(&self.states), self.tracker.ending(hash)?))
    }

    /// The state of a post, while it is remembered.
    pub(crate) fn state(&self, hash: &[u8; 32]) -> Option<ReceiptState> {
        self.states.state(hash)
    }
}
