//! The receipt that the author of a post gets.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    receipts::ending::{Ending, ReceiptState},
    receipts::publisher::PostStates,
};

/// The receipt of a post, made by [`Whisper::post`](crate::Whisper::post). Dropping it has no effect;
/// [`Whisper::receipt`](crate::Whisper::receipt) makes a new one.
#[derive(Debug, Clone)]
pub struct Receipt {
    hash: [u8; 32],
    states: Arc<PostStates>,
    ending: watch::Receiver<Option<Ending>>,
}

const STOPPED: ReceiptState = ReceiptState::Ended(Ending::Stopped);

impl Receipt {
    pub(crate) fn new(
        hash: [u8; 32],
        states: Arc<PostStates>,
        ending: watch::Receiver<Option<Ending>>,
    ) -> Self {
        Self { hash, states, ending }
    }

    /// The hash of the envelope.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> ReceiptState {
        let ending = self.ending.borrow().clone();
        match ending {
            Some(ending) => ReceiptState::Ended(ending),
            None => self.states.pending(&self.hash).unwrap_or(STOPPED),
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
        self.hash == other.hash
    }
}

impl Eq for Receipt {}
