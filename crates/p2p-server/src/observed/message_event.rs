//! Events about the messages of sub-protocols, for subscribers.

use p2p_mux::{Capability, ObservedMessage};
use tokio::sync::broadcast::{self, error::RecvError};

/// A message that was received by a sub-protocol of this node, or sealed for the wire: its size and its
/// ends, not its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageEvent {
    /// A message.
    Message {
        /// The sub-protocol.
        capability: Capability,
        /// The peer, the direction, the code and the size.
        traffic: ObservedMessage,
    },
    /// The subscriber was too slow and has missed this number of messages, the oldest ones. Messages that
    /// the server itself could not pass on in time are not included; they are counted in
    /// [`SlotStats::unobserved`](p2p_mux::SlotStats::unobserved).
    Missed(u64),
}

/// A subscription to the messages of all sub-protocols, made by
/// [`Server::messages`](crate::Server::messages). It gets the messages from then on.
///
/// A slow subscriber does not slow down the connections; it misses messages. The events about peers
/// ([`Events`](crate::Events)) have their own buffer, which messages cannot fill.
#[derive(Debug)]
pub struct Messages(Option<broadcast::Receiver<MessageEvent>>);

impl Messages {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<MessageEvent>>) -> Self {
        Self(receiver)
    }

    /// The next message; `None` once the server has stopped and all messages are read, or at once if
    /// [`EventSettings::messages`](crate::EventSettings::messages) is off. Cancel-safe.
    pub async fn next(&mut self) -> Option<MessageEvent> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(MessageEvent::Missed(missed)),
            Err(RecvError::Closed) => {
                self.0 = None;
                None
            }
        }
    }
}
