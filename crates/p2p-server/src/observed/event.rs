//! Events about peers and the external address, for subscribers.

use std::{net::SocketAddr, sync::Arc};

use p2p_mux::{CloseReason, ProtocolEnd, identity::NodeId, transport::Link};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    access::RefuseReason, dial::NodeKind, error::DialError, nat::NatEvent, slots::Direction,
};

/// An event about a peer or about the external address. Events come in the order in which the server
/// decided them.
///
/// A connection that is refused before the other end has proved its identity is only counted (see
/// [`Stats`](crate::Stats)); otherwise anyone who can open sockets could flood the buffer of events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A peer is connected, and its sub-protocols run.
    Added {
        /// The peer.
        id: NodeId,
        /// Which end dialed.
        direction: Direction,
        /// The address of the other end, or `0.0.0.0:0` if it is unknown.
        remote_addr: SocketAddr,
        /// The client name in its Hello. Chosen by the peer: do not trust it, and escape it before
        /// printing.
        client: String,
        /// How the connection is encrypted.
        link: Link,
    },
    /// A peer is no longer connected, and its sub-protocols have ended.
    Dropped {
        /// The peer.
        id: NodeId,
        /// Which end closed the connection, and why.
        closed: CloseReason,
    },
    /// A sub-protocol failed or panicked on the connection with a peer. The connection continues, unless the settings of
    /// the sub-protocol say otherwise.
    ProtocolFailed(ProtocolEnd),
    /// An attempt to reach a node failed. A static node is dialed again, a found one is not; see
    /// [`Server::next_action`](crate::Server::next_action).
    DialFailed {
        /// The node.
        id: NodeId,
        /// Why it was planned; `None` if it was removed in the meantime.
        kind: Option<NodeKind>,
        /// Why the attempt failed.
        error: Arc<DialError>,
    },
    /// An inbound connection was refused.
    Refused {
        /// The node that connected.
        id: NodeId,
        /// Its address.
        remote_addr: SocketAddr,
        /// Why it was refused.
        reason: RefuseReason,
    },
    /// An event about the gateway and its mappings.
    Nat(NatEvent),
    /// The subscriber was too slow and has missed this number of events, the oldest ones. No event is
    /// missing after this one.
    Missed(u64),
}

/// A subscription to the events of a server, made by [`Server::events`](crate::Server::events). It gets
/// the events from then on.
///
/// The buffer is bounded ([`EventSettings::buffer`](crate::EventSettings::buffer)). A slow subscriber does
/// not slow down the server; it gets an [`Event::Missed`].
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Event>>);

impl Events {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self(receiver)
    }

    /// The next event; `None` once the server has stopped and all events are read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(RecvError::Closed) => {
                self.0 = None;
                None
            }
        }
    }
}
