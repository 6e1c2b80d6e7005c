//! The other end of a session.

use std::net::IpAddr;

use p2p_identity::NodeId;
use p2p_mux::{CloseReason, DisconnectReason, Peer};
use whisper_envelope::Dialect;

use crate::relay::lazy::wire::{NAME, VERSION};

/// The other end of a session, as far as it is known before the first Whisper packet.
///
/// Made from an id alone, it speaks shh/6:
///
/// ```
/// use p2p_mux::identity::SecretKey;
/// use whisper_protocol::{Dialect, Remote};
///
/// let id = SecretKey::random(&mut rand::rng()).id();
/// assert_eq!(Remote::from(id).dialect, Dialect::V6);
/// let remote = Remote::new(Dialect::V6, id).client("Geth/v1.8.27-stable/linux-amd64/go1.11.5");
/// ```
#[derive(Debug, Clone)]
pub struct Remote {
    /// The id, which the peer has proven.
    pub id: NodeId,
    /// The dialect that was agreed on.
    pub dialect: Dialect,
    /// The client name that the peer sent. It may be any text. Empty if unknown.
    pub client: String,
    /// The IP address, for the limit per address; `None` if there is none.
    pub ip: Option<IpAddr>,
    /// Whether this node dialed the peer. Only the clocks of such peers count; see
    /// [`PeerSettings::clock_correction`](crate::PeerSettings::clock_correction).
    pub dialed: bool,
    /// The connection, if the session runs on one.
    connection: Option<Peer>,
}

impl Remote {
    /// A peer about which nothing else is known.
    #[must_use]
    pub fn new(dialect: Dialect, id: NodeId) -> Self {
        Self { id, dialect, client: String::new(), ip: None, dialed: false, connection: None }
    }

    /// Sets [`client`](Self::client).
    #[must_use]
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.client = name.into();
        self
    }

    /// Sets [`ip`](Self::ip).
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Sets [`dialed`](Self::dialed).
    #[must_use]
    pub fn dialed(mut self, dialed: bool) -> Self {
        self.dialed = dialed;
        self
    }

    /// The other end of a connection.
    pub(crate) fn of(dialect: Dialect, peer: Peer) -> Self {
        let remote = Self::new(dialect, peer.id()).client(peer.client()).dialed(!peer.is_inbound());
        let ip = peer.remote_addr().map(|addr| addr.ip());
        Self { ip, connection: Some(peer), ..remote }
    }

    /// Whether the connection has `lazy/1`.
    pub(crate) fn has_lazy(&self) -> bool {
        let shared = self.connection.as_ref().map_or(&[][..], Peer::shared);
        shared.iter().any(|shared| shared.name == NAME && shared.version == VERSION)
    }

    /// Whether the operator chose to dial the peer.
    pub(crate) fn is_static(&self) -> bool {
        self.connection.as_ref().is_some_and(Peer::is_static)
    }

    /// Whether the peer ended the connection because of something that it was sent. The disconnect reason does not say
    /// which packet it was.
    pub(crate) fn has_disconnected_us(&self) -> bool {
        let closed = self.connection.as_ref().and_then(Peer::closed);
        matches!(closed, Some(CloseReason::ByPeer(DisconnectReason::Subprotocol)))
    }

    /// The peer has done something useful that has cost it work.
    pub(crate) fn set_useful(&self) {
        if let Some(peer) = &self.connection {
            peer.set_useful();
        }
    }

    /// Whether the connection broke without a disconnect message. A peer that closes the socket with unread data loses
    /// its message.
    pub(crate) fn has_vanished(&self) -> bool {
        let closed = self.connection.as_ref().and_then(Peer::closed);
        matches!(closed, Some(CloseReason::Lost(_)))
    }
}

impl From<NodeId> for Remote {
    fn from(id: NodeId) -> Self {
        Self::new(Dialect::V6, id)
    }
}
