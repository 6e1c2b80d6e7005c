//! The receipt that the author of a post gets.

use std::sync::Arc;

use tokio::sync::watch;
use whisper_pow::Rule;

use crate::{
    receipts::ending::{Ending, ReceiptState},
    receipts::publisher::PostStates,
    receipts::sealing::{PostEnvelope, PostSeals},
};

/// The receipt of a post, made by [`Whisper::post`](crate::Whisper::post). Dropping it has no effect;
/// [`Whisper::receipt`](crate::Whisper::receipt) makes a new one.
#[derive(Debug, Clone)]
pub struct Receipt {
    seals: PostSeals,
    states: Arc<PostStates>,
    ending: watch::Receiver<Option<Ending>>,
}

const STOPPED: ReceiptState = ReceiptState::Ended(Ending::Stopped);

impl Receipt {
    pub(crate) fn new(
        seals: PostSeals,
        states: Arc<PostStates>,
        ending: watch::Receiver<Option<Ending>>,
    ) -> Self {
        Self { seals, states, ending }
    }

    /// The hash of the envelope under the first rule ([`Sealing`](crate::Sealing)).
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.seals.first.hash
    }

    /// All envelopes of the post; the first one is that of [`hash`](Self::hash). A receipt is found by the hash of any of
    /// them. There may be more later: the post is sealed again when a peer connects that needs another rule.
    #[must_use]
    pub fn envelopes(&self) -> Vec<PostEnvelope> {
        let seals = self.states.seals(&self.hash());
        seals.as_ref().unwrap_or(&self.seals).envelopes().copied().collect()
    }

    /// The rules that the post should have been sealed for, but whose work was not reached in time. Peers that apply one of
    /// them are not sent it.
    #[must_use]
    pub fn unmet(&self) -> &[Rule] {
        &self.seals.unmet
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> ReceiptState {
        let ending = self.ending.borrow().clone();
        match ending {
            Some(ending) => ReceiptState::Ended(ending),
            None => self.states.pending(&self.seals.first.hash).unwrap_or(STOPPED),
        }
    }

    /// Waits until the post has ended. Usually that takes the time that a peer must stay connected
    /// ([`ReceiptSettings::stay`](crate::ReceiptSettings::stay)); if no peer accepts the post, the rest of the envelope's
    /// life. Dropping the future loses nothing.
    pub async fn ended(&mut self) -> Ending {
        match self.ending.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or(Ending::Stopped),
            Err(_) => Ending::Stopped, // the node no longer exists
        }
    }
}

/// Receipts of the same post are equal.
impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        self.seals.first == other.seals.first
    }
}

impl Eq for Receipt {}
