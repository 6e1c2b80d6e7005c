//! Events of peers, pushed to clients: `admin_subscribe("peerEvents")`.

use futures_util::stream;
use p2p_identity::{NodeId, causes};
use p2p_mux::Direction;
use p2p_server::{Event, Events, MessageEvent, Messages};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::AdminContext;
use crate::declare::api::Api;
use crate::declare::signature::SubscriptionNames;
use crate::namespace::node_name::hashed_id;

/// The only subscription of this namespace.
const PEER_EVENTS: SubscriptionNames = SubscriptionNames {
    subscribe: "admin_subscribe",
    notification: "admin_subscription",
    unsubscribe: "admin_unsubscribe",
    what: "peerEvents",
};

/// An event: go-ethereum's fields in its order. Fields that do not apply are left out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PeerEvent")]
struct PeerEventJson {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The peer's id, as in `admin_peers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    /// How the connection with an added peer is encrypted, as in `admin_peers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Which end dropped the peer, and why; or that events were missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Name of the sub-protocol of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// Code of a message in its sub-protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_code: Option<u64>,
    /// Payload size of a message, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_size: Option<usize>,
}

impl PeerEventJson {
    fn new(kind: &'static str) -> Self {
        let (peer, link, error, protocol) = (None, None, None, None);
        Self { kind, peer, link, error, protocol, msg_code: None, msg_size: None }
    }

    fn about(kind: &'static str, peer: &NodeId) -> Self {
        Self { peer: Some(hashed_id(peer)), ..Self::new(kind) }
    }

    fn missed(events: u64) -> Self {
        let error = Some(format!("{events} events came too fast"));
        Self { error, ..Self::new("missed") }
    }

    /// The notification about an event, if clients are told about it.
    fn of_event(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Added { id, link, .. } => {
                Self { link: Some(link.to_string()), ..Self::about("add", id) }
            }
            Event::Dropped { id, closed } => {
                Self { error: Some(causes(closed).to_string()), ..Self::about("drop", id) }
            }
            Event::Missed(events) => Self::missed(*events),
            _ => return None,
        })
    }

    /// The notification about a message.
    fn of_message(event: &MessageEvent) -> Option<Self> {
        Some(match event {
            MessageEvent::Message { capability, traffic } => {
                let kind = match traffic.direction {
                    Direction::In => "msgrecv",
                    Direction::Out => "msgsend",
                };
                Self {
                    protocol: Some(capability.name.clone()),
                    msg_code: Some(traffic.code),
                    msg_size: Some(traffic.length),
                    ..Self::about(kind, &traffic.peer)
                }
            }
            MessageEvent::Missed(events) => Self::missed(*events),
            _ => return None,
        })
    }
}

/// The events of peers, and of their messages if the server is configured to report them.
struct PeerEvents {
    events: Events,
    /// `None` after their end.
    messages: Option<Messages>,
}

impl PeerEvents {
    /// The next notification. `None` when the server has stopped.
    async fn next(&mut self) -> Option<PeerEventJson> {
        loop {
            let Some(messages) = &mut self.messages else {
                match PeerEventJson::of_event(&self.events.next().await?) {
                    None => continue,
                    notification => return notification,
                }
            };
            let notification = tokio::select! {
                biased;
                // First, because it is rare: connections cannot be made as fast as messages.
                event = self.events.next() => PeerEventJson::of_event(&event?),
                message = messages.next() => match message {
                    Some(message) => PeerEventJson::of_message(&message),
                    None => {
                        self.messages = None;
                        None
                    }
                },
            };
            if notification.is_some() {
                return notification;
            }
        }
    }
}

pub(super) fn declare(api: &mut Api<AdminContext>) {
    api.subscription(PEER_EVENTS, [], |admin, _, ()| {
        let events =
            PeerEvents { events: admin.server.events(), messages: Some(admin.server.messages()) };
        Ok(stream::unfold(events, |mut events| async {
            let event = events.next().await?;
            Some((event, events))
        }))
    })
    .about("Subscribes to events of peers; returns the id of the subscription.");
}
