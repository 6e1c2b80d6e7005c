//! From a sealed envelope to its receipt.

use std::sync::Arc;

use p2p_identity::NodeId;
use whisper_envelope::Envelope;

use crate::{
    historic::DirectError,
    hub::Hub,
    receipts::receipt::{Nobody, Receipt, ReceiptState},
    relay::admission::{Rejection, Verdict},
};

impl Hub {
    /// Puts an envelope that was posted here into the pool, and follows it.
    pub(crate) fn publish(self: &Arc<Self>, envelope: Envelope) -> Result<Receipt, Rejection> {
        let receipt = self.follow(&envelope, false);
        let hash = receipt.hash();
        if let Some(Verdict::Rejected(rejection)) = self.inject(&[envelope]).pop() {
            self.tracker.forget(&hash);
            return Err(rejection);
        }
        if let Some(nobody) = self.nobody(&hash) {
            self.tracker.set_nobody(&hash, nobody);
        }
        Ok(receipt)
    }

    /// Sends an envelope that was posted here to one peer alone, and follows it.
    pub(crate) async fn post_direct(
        self: &Arc<Self>,
        id: NodeId,
        envelope: &Envelope,
    ) -> Result<Receipt, DirectError> {
        let receipt = self.follow(envelope, true);
        self.ring(); // it is in no pool that would tell when it expires
        if let Err(error) = self.send_direct(id, envelope).await {
            self.tracker.forget(envelope.hash());
            return Err(error);
        }
        self.tracker.handle_handed(&id, false, &[*envelope.hash()]);
        if self.peers.link(&id).is_none() {
            self.tracker.handle_left(&id, None); // it left before it was noted that it has it
        }
        Ok(receipt)
    }

    /// Follows a post, before it can be handed to anybody.
    pub(crate) fn follow(self: &Arc<Self>, envelope: &Envelope, direct: bool) -> Receipt {
        let hash = *envelope.hash();
        let ending = self.tracker.follow(hash, envelope.expiry(), direct);
        Receipt::new(hash, Arc::clone(self), ending)
    }

    /// The receipt of an earlier post, while it is remembered.
    pub(crate) fn receipt(self: &Arc<Self>, hash: &[u8; 32]) -> Option<Receipt> {
        Some(Receipt::new(*hash, Arc::clone(self), self.tracker.ending(hash)?))
    }

    /// What can be said of an open post now; `None` if it is not open.
    pub(crate) fn receipt_state(&self, hash: &[u8; 32]) -> Option<ReceiptState> {
        if let Some(nobody) = self.nobody(hash) {
            self.tracker.set_nobody(hash, nobody);
        }
        self.tracker.progress(hash).map(ReceiptState::Pending)
    }

    /// Ends the posts that have expired.
    pub(crate) fn end_posts(&self, now: u32) {
        self.tracker.handle_clock(now, |hash| self.nobody(hash));
    }

    /// Why a pooled envelope was sent to nobody, as far as it can be said.
    fn nobody(&self, hash: &[u8; 32]) -> Option<Nobody> {
        self.find_in_relays(|relay| relay.nobody(hash))
    }
}
