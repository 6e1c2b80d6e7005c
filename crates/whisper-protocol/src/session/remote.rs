//! Who is at the other end of a session.

use std::net::IpAddr;

use p2p_identity::NodeId;
use p2p_mux::{CloseReason, DisconnectReason, Peer};
use whisper_envelope::Dialect;

/// Who is at the other end of a session, as far as that is known before a word of Whisper is said.
///
/// Of an id alone, it speaks shh/6:
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
    /// The id that it proved to have.
    pub id: NodeId,
    /// The dialect that was agreed on.
    pub dialect: Dialect,
    /// What it calls itself: anybody's words. Empty if it was not asked.
    pub client: String,
    /// Its IP address, by which it shares a limit with others; `None` where there is no such thing.
    pub ip: Option<IpAddr>,
    /// Whether this node has chosen it, and not it this node. Only such peers are asked the time; see
    /// [`PeerSettings::clock_correction`](crate::PeerSettings::clock_correction).
    pub chosen: bool,
    /// Where the session runs on a connection.
    connection: Option<Peer>,
}

impl Remote {
    /// A peer of which nothing else is known.
    #[must_use]
    pub fn new(dialect: Dialect, id: NodeId) -> Self {
        Self { id, dialect, client: String::new(), ip: None, chosen: false, connection: None }
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

    /// Sets [`chosen`](Self::chosen).
    #[must_use]
    pub fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }

    /// The other end of a connection.
    pub(crate) fn of(dialect: Dialect, peer: Peer) -> Self {
        let remote = Self::new(dialect, peer.id()).client(peer.client()).chosen(!peer.is_inbound());
        let ip = peer.remote_addr().map(|addr| addr.ip());
        Self { ip, connection: Some(peer), ..remote }
    }

    /// Whether the peer ended the connection over something that it was sent: as far as its reason
    /// tells, which does not say what it was.
    pub(crate) fn has_cut_us(&self) -> bool {
        let closed = self.connection.as_ref().and_then(Peer::closed);
        matches!(closed, Some(CloseReason::ByPeer(DisconnectReason::Subprotocol)))
    }

    /// Whether the connection broke without a word. A peer's reason is lost where it hung up over bytes
    /// that it had not read yet.
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
