//! What happens to the peers, pushed to a client as it happens: `admin_subscribe("peerEvents")`.

use futures_util::stream;
use p2p_identity::NodeId;
use p2p_mux::Direction;
use p2p_server::{Event, Events, MessageEvent, Messages};
use schemars::JsonSchema;
use serde::Serialize;

use super::Admin;
use crate::declare::api::{Api, Feed};
use crate::namespace::enode::hashed;

/// The only thing to subscribe to here.
const PEER_EVENTS: Feed = Feed {
    subscribe: "admin_subscribe",
    notification: "admin_subscription",
    unsubscribe: "admin_unsubscribe",
    what: "peerEvents",
};

/// An event: the names, and the fields in the order, of go-ethereum's. What does not apply is left out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PeerEvent")]
struct PeerEventJson {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The peer's id as in `admin_peers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    /// Who dropped the peer, and why; or that events were missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Of a message: the name of its sub-protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// Of a message: its code in the sub-protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_code: Option<u64>,
    /// Of a message: the bytes of its payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_size: Option<usize>,
}

impl PeerEventJson {
    fn new(kind: &'static str) -> Self {
        Self { kind, peer: None, error: None, protocol: None, msg_code: None, msg_size: None }
    }

    fn about(kind: &'static str, peer: &NodeId) -> Self {
        Self { peer: Some(hashed(peer)), ..Self::new(kind) }
    }

    fn missed(events: u64) -> Self {
        let error = Some(format!("{events} events came too fast"));
        Self { error, ..Self::new("missed") }
    }

    /// What a client is told of an event, if anything.
    fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Added { id, .. } => Self::about("add", id),
            Event::Dropped { id, closed } => {
                Self { error: Some(closed.to_string()), ..Self::about("drop", id) }
            }
            Event::Missed(events) => Self::missed(*events),
            _ => return None,
        })
    }

    /// The same of a message.
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

/// What happens to the peers, and where the server was told to say so, each message of theirs.
struct PeerEvents {
    events: Events,
    /// `None` once there are no more.
    messages: Option<Messages>,
}

impl PeerEvents {
    /// What comes next for a client; `None` when the server has stopped.
    async fn next(&mut self) -> Option<PeerEventJson> {
        loop {
            let Some(messages) = &mut self.messages else {
                match PeerEventJson::of(&self.events.next().await?) {
                    None => continue,
                    told => return told,
                }
            };
            let told = tokio::select! {
                event = self.events.next() => PeerEventJson::of(&event?),
                message = messages.next() => match message {
                    Some(message) => PeerEventJson::of_message(&message),
                    None => {
                        self.messages = None;
                        None
                    }
                },
            };
            if told.is_some() {
                return told;
            }
        }
    }
}

pub(super) fn declare(api: &mut Api<Admin>) {
    api.subscription(PEER_EVENTS, [], |admin, ()| {
        let events =
            PeerEvents { events: admin.server.events(), messages: Some(admin.server.messages()) };
        Ok(stream::unfold(events, |mut events| async {
            let event = events.next().await?;
            Some((event, events))
        }))
    })
    .about(
        "Pushes what happens to the peers, as it happens; answers the name of the subscription.",
    );
}
