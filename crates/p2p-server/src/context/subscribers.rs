//! The channels to the subscribers of a server.

use p2p_mux::{ObservedMessage, Protocol};
use tokio::sync::{broadcast, mpsc};

use super::Lifecycle;
use crate::{
    config::EventSettings,
    observed::{Event, Events, MessageEvent, Messages},
};

/// The subscribers to events and messages.
pub(crate) struct Subscribers {
    /// `None` once the server has stopped, which ends the subscriptions.
    events: Option<broadcast::Sender<Event>>,
    /// `None` if messages are off, or once the server has stopped.
    messages: Option<broadcast::Sender<MessageEvent>>,
    buffer: usize,
}

impl Subscribers {
    pub(crate) fn new(settings: EventSettings) -> Self {
        let buffer = settings.buffer.max(1);
        Self {
            events: Some(broadcast::Sender::new(buffer)),
            messages: settings.messages.then(|| broadcast::Sender::new(buffer)),
            buffer,
        }
    }

    /// Sends an event to all subscribers.
    pub(crate) fn send(&self, event: Event) {
        if let Some(events) = &self.events {
            // An error only means that there is no subscriber.
            let _ = events.send(event);
        }
    }

    pub(crate) fn events(&self) -> Events {
        Events::new(self.events.as_ref().map(broadcast::Sender::subscribe))
    }

    pub(crate) fn messages(&self) -> Messages {
        Messages::new(self.messages.as_ref().map(broadcast::Sender::subscribe))
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&mut self) {
        (self.events, self.messages) = (None, None);
    }

    /// The sub-protocol, with tasks that send its failures and, if messages are on, its messages to the subscribers.
    pub(crate) fn observe(&self, protocol: Protocol, lifecycle: &Lifecycle) -> Protocol {
        let protocol = self.observe_ends(protocol, lifecycle);
        let Some(messages) = self.messages.clone() else { return protocol };
        let capability = protocol.capability().clone();
        let (observer, mut traffic) = mpsc::channel::<ObservedMessage>(self.buffer);
        let stop = lifecycle.stop_token();
        // The task also ends with the last connection that runs the sub-protocol.
        lifecycle.spawn(async move {
            let forward = async {
                while let Some(traffic) = traffic.recv().await {
                    let capability = capability.clone();
                    // An error only means that there is no subscriber.
                    let _ = messages.send(MessageEvent::Message { capability, traffic });
                }
            };
            stop.run_until_cancelled(forward).await;
        });
        protocol.observe(observer)
    }

    fn observe_ends(&self, protocol: Protocol, lifecycle: &Lifecycle) -> Protocol {
        let Some(events) = self.events.clone() else { return protocol };
        let (observer, mut ends) = mpsc::channel(self.buffer);
        let stop = lifecycle.stop_token();
        lifecycle.spawn(async move {
            let forward = async {
                while let Some(end) = ends.recv().await {
                    // An error only means that there is no subscriber.
                    let _ = events.send(Event::ProtocolFailed(end));
                }
            };
            stop.run_until_cancelled(forward).await;
        });
        protocol.observe_ends(observer)
    }
}
