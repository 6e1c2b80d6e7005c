//! What happens to the peers of a server and on its way outside, for whoever wants to follow it.

use std::{net::SocketAddr, sync::Arc};

use p2p_mux::{CloseReason, identity::NodeId};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    dial::Kind,
    error::DialError,
    nat::NatEvent,
    slots::{Direction, Refusal},
};

/// Something that happened to a peer, or to the node's own address, in the order in which the server
/// decided it.
///
/// What is refused before the other end has proved its identity is only counted (see
/// [`Stats`](crate::Stats)): otherwise anyone who can open sockets could push these events out of
/// the buffer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A peer is connected, and its sub-protocols run.
    Added {
        /// The peer.
        id: NodeId,
        /// Who dialled.
        direction: Direction,
        /// The other end of the socket, or `0.0.0.0:0` where it is not known.
        remote_addr: SocketAddr,
        /// What it calls itself. Chosen by the peer: do not trust it, and escape it before
        /// printing.
        client: String,
    },
    /// A peer is no longer connected, and its sub-protocols have ended.
    Dropped {
        /// The peer.
        id: NodeId,
        /// Who ended it, and why.
        closed: CloseReason,
    },
    /// An attempt to reach a node failed. A static node is tried again, a found one is not; see
    /// [`Server::next_action`](crate::Server::next_action).
    DialFailed {
        /// The node.
        id: NodeId,
        /// What it was dialled as; `None` if it was removed in the meantime.
        kind: Option<Kind>,
        /// Why.
        cause: Arc<DialError>,
    },
    /// An inbound connection was refused.
    Refused {
        /// Who wanted to connect.
        id: NodeId,
        /// From where.
        remote_addr: SocketAddr,
        /// Why not.
        refusal: Refusal,
    },
    /// Something happened between the node and the gateway that it asks for mappings.
    Nat(NatEvent),
    /// The subscriber was too slow: so many events were lost for it, the oldest ones. The next are
    /// complete again.
    Missed(u64),
}

/// A subscription to the events of a server, from the moment it was made. Made by
/// [`Server::events`](crate::Server::events).
///
/// The buffer is bounded ([`EventSettings::buffer`](crate::EventSettings::buffer)); a subscriber that
/// falls behind never holds up the server, it gets an [`Event::Missed`].
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Event>>);

impl Events {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self(receiver)
    }

    /// The next event; `None` once the server has stopped and all events are read. Dropping the
    /// future loses nothing.
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
