//! Requests for old envelopes: from peers to whoever keeps an archive here, and from here to a peer
//! that does.
//!
//! Whisper itself only carries them. What is asked for in one, and whether to answer, is the mail
//! server's business.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use p2p_identity::NodeId;
use tokio::sync::mpsc::{self, error::TrySendError};
use whisper_envelope::{Dialect, Envelope};

use crate::{
    drops::reason::Reason,
    hub::Hub,
    lock::lock,
    whisper::Whisper,
    wire::packet::{Completion, Request},
    wire::{Kind, Wire},
};

/// A packet for one peer alone could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectError {
    /// No peer of this id is connected, or its connection ended.
    #[error("Could not find peer with ID: {0}")]
    NoSuchPeer(NodeId),
    /// The peer is connected and speaks another dialect, or one without such a packet.
    #[error("peer with ID {id} does not speak shh/{}", .dialect.version())]
    OtherDialect {
        /// The peer.
        id: NodeId,
        /// The dialect of what was to be sent.
        dialect: Dialect,
    },
}

/// Requests of peers for old envelopes, made by [`Whisper::requests`](crate::Whisper::requests).
///
/// ```
/// # use whisper_protocol::{Envelope, Settings, Whisper};
/// # async fn serve(whisper: Whisper, archive: Vec<Envelope>) {
/// let mut requests = whisper.requests(64);
/// while let Some(request) = requests.next().await {
///     for envelope in &archive {
///         // An error says that the peer is gone.
///         if request.answer(envelope).await.is_err() {
///             break;
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Requests {
    receiver: mpsc::Receiver<HistoricRequest>,
}

impl Requests {
    /// Waits for the next request; `None` when somebody else reads them from now on, or the node is
    /// gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<HistoricRequest> {
        self.receiver.recv().await
    }
}

/// A peer's request for old envelopes.
///
/// Anybody can send one, and as many as the limits allow: whether the peer may have what it asks for
/// is to be found out from the request itself.
#[derive(Debug)]
pub struct HistoricRequest {
    /// Who asks.
    pub peer: NodeId,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// What it says.
    pub request: Request,
    hub: Arc<Hub>,
}

impl HistoricRequest {
    /// Sends an envelope as a direct message to the peer, which takes it if it trusts this node. Waits
    /// while the peer does not read, or wants to be sent no more at the moment.
    ///
    /// # Errors
    ///
    /// If the peer is gone, or the envelope is of another dialect than it speaks.
    pub async fn answer(&self, envelope: &Envelope) -> Result<(), DirectError> {
        self.hub.send_direct(self.peer, envelope).await
    }

    /// Tells the peer that this was all, in the words of status-im's nodes; others ignore it.
    ///
    /// # Errors
    ///
    /// If the peer is gone, or the dialect has no such packet.
    pub async fn complete(&self, completion: &Completion) -> Result<(), DirectError> {
        let (peer, dialect) = (self.peer, self.dialect);
        self.hub.send_to(peer, dialect, Kind::Completion, completion.encode()).await
    }
}

/// Who reads the requests, if anybody does.
#[derive(Debug, Default)]
pub(crate) struct Historic(Mutex<Option<mpsc::Sender<HistoricRequest>>>);

impl Hub {
    /// A peer asks for old envelopes.
    pub(crate) fn handle_request(
        self: &Arc<Self>,
        peer: NodeId,
        dialect: Dialect,
        request: Request,
    ) {
        let reader = lock(&self.historic.0).clone();
        match reader.as_ref().map(mpsc::Sender::try_reserve) {
            Some(Ok(place)) => {
                let hub = Arc::clone(self);
                place.send(HistoricRequest { peer, dialect, request, hub });
                self.counters.sessions.requests_taken.one();
            }
            Some(Err(TrySendError::Full(()))) => self.note(Reason::RequestsFull, peer),
            Some(Err(TrySendError::Closed(()))) | None => self.note(Reason::RequestIgnored, peer),
        }
    }

    /// Sends a direct message to a peer that speaks the envelope's dialect.
    pub(crate) async fn send_direct(
        &self,
        id: NodeId,
        envelope: &Envelope,
    ) -> Result<(), DirectError> {
        self.send_to(id, envelope.dialect(), Kind::Direct, envelope.raw().clone()).await?;
        self.counters.sessions.direct_sent.one();
        Ok(())
    }

    /// Sends a packet to one peer, at the pace it wants.
    async fn send_to(
        &self,
        id: NodeId,
        dialect: Dialect,
        kind: Kind,
        payload: Bytes,
    ) -> Result<(), DirectError> {
        let (seat, link) = self.peers.link(&id).ok_or(DirectError::NoSuchPeer(id))?;
        let code = Wire::of(dialect).code(kind).filter(|_| seat.dialect() == dialect);
        let code = code.ok_or(DirectError::OtherDialect { id, dialect })?;
        link.outlet.room().await;
        link.outlet.send(code, payload).await.map_err(|_| DirectError::NoSuchPeer(id))
    }
}

impl Whisper {
    /// The requests of peers for old envelopes, from now on; whoever has read them so far gets no
    /// more. `capacity`: how many wait at most, at least 1; what comes beyond is dropped and counted
    /// ([`Reason::RequestsFull`]). While nobody reads them they are counted and ignored.
    #[must_use]
    pub fn requests(&self, capacity: usize) -> Requests {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        *lock(&self.hub().historic.0) = Some(sender);
        Requests { receiver }
    }

    /// Asks a peer for old envelopes, which it sends as direct messages. It is trusted from now on, as
    /// by [`mark_trusted`](Self::mark_trusted), or its answer would be ignored; and only filters that
    /// allow direct messages get it.
    ///
    /// # Errors
    ///
    /// If no such peer is connected, or a sealed request is of another dialect than it speaks.
    pub async fn request_historic(
        &self,
        peer: NodeId,
        request: impl Into<Request>,
    ) -> Result<(), DirectError> {
        let (hub, request) = (self.hub(), request.into());
        let (seat, _) = hub.peers.link(&peer).ok_or(DirectError::NoSuchPeer(peer))?;
        let dialect = match &request {
            Request::Sealed(envelope) => envelope.dialect(),
            Request::Open(_) => seat.dialect(),
        };
        hub.peers.trust(peer);
        hub.send_to(peer, dialect, Kind::Request, request.encode()).await
    }
}

impl From<Envelope> for Request {
    fn from(envelope: Envelope) -> Self {
        Self::Sealed(envelope)
    }
}
