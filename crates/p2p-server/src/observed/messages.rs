//! What sub-protocols say and hear, for whoever wants to watch.

use std::sync::Arc;

use p2p_mux::{Capability, ObservedMessage, Protocol};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};

use crate::{context::Shared, server::Server};

/// A message that was handed to a sub-protocol of this node, or sealed for the wire: its sizes and
/// ends, not its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageEvent {
    /// A message.
    Message {
        /// The sub-protocol.
        capability: Capability,
        /// Which peer, which way, which code, how many bytes.
        traffic: ObservedMessage,
    },
    /// The subscriber was too slow: so many were lost for it, the oldest ones. What came faster than
    /// the server could pass it on is not among them; it is counted in
    /// [`SlotStats::unobserved`](p2p_mux::SlotStats::unobserved).
    Missed(u64),
}

/// A subscription to the messages of all sub-protocols, from the moment it was made. Made by
/// [`Server::messages`].
///
/// Nobody waits for it: a connection is as fast as without, and what a subscriber is too slow for it
/// misses. The events about peers have a buffer of their own ([`Events`](crate::Events)), which messages
/// cannot fill.
#[derive(Debug)]
pub struct Messages(Option<broadcast::Receiver<MessageEvent>>);

impl Messages {
    /// The next message; `None` once the server has stopped and all are read, or at once where
    /// [`EventSettings::messages`](crate::EventSettings::messages) is off. Dropping the future loses
    /// nothing.
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

impl Server {
    /// Subscribes to the messages that all sub-protocols say and hear from now on: geth's message
    /// events, to debug a sub-protocol with. They must have been switched on when the server started
    /// ([`EventSettings::messages`](crate::EventSettings::messages)).
    #[must_use]
    pub fn messages(&self) -> Messages {
        let state = self.shared.state();
        Messages(state.messages.as_ref().map(broadcast::Sender::subscribe))
    }
}

impl Shared {
    /// The sub-protocol, watched if that is wanted.
    pub(crate) fn watched(self: &Arc<Self>, protocol: Protocol) -> Protocol {
        let Some(told) = self.state().messages.clone() else { return protocol };
        let capability = protocol.capability().clone();
        let (observer, mut traffic) = mpsc::channel(self.event_buffer);
        // Ends with the last connection that runs the sub-protocol, when nobody has it any more.
        self.tasks.spawn(self.quit.clone().run_until_cancelled_owned(async move {
            while let Some(traffic) = traffic.recv().await {
                let capability = capability.clone();
                // An error only says that nobody listens.
                let _ = told.send(MessageEvent::Message { capability, traffic });
            }
        }));
        protocol.observe(observer)
    }
}
