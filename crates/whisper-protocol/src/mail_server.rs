//! Requests for old envelopes: from peers to a mail server on this node, and from this node to a peer that is one.
//!
//! [`MailRequests`] passes the requests on, and its reader decides what to answer. [`MailServer`] answers them from an archive.

pub(crate) mod ask;
pub(crate) mod awaited;
mod cursor;
mod refusal;
mod server;
mod settings;
pub(crate) mod software;
mod sync;
mod turns;

use std::sync::{Arc, Mutex};

use p2p_identity::NodeId;
use tokio::sync::mpsc::{self, error::TrySendError};
use whisper_envelope::{Dialect, Envelope};

pub use ask::{MailAnswer, MailAsk, MailAskError, MailSeal};
use awaited::AwaitedAnswers;
pub use server::MailServer;
pub use settings::{MailServerSettings, OpenRequests};

use crate::{
    lock::lock,
    peers::direct::{DirectError, DirectSender},
    stats::Reason,
    wire::PacketKind,
    wire::packet::{Completion, Request, SyncResponse},
};

/// Peers' requests for old envelopes, made by [`Whisper::mail_requests`](crate::Whisper::mail_requests).
///
/// ```
/// # use whisper_protocol::{Envelope, Whisper};
/// # async fn serve(whisper: Whisper, archive: Vec<Envelope>) {
/// let mut requests = whisper.mail_requests(64);
/// while let Some(request) = requests.next().await {
///     for envelope in &archive {
///         // An error means that the peer has disconnected.
///         if request.answer(envelope).await.is_err() {
///             break;
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct MailRequests {
    receiver: mpsc::Receiver<MailRequest>,
}

impl MailRequests {
    /// Waits for the next request; `None` if another reader has replaced this one, or the node has stopped.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<MailRequest> {
        self.receiver.recv().await
    }
}

/// A peer's request for old envelopes.
///
/// Any peer can send requests, as many as the limits allow: whether it may have what it asks for must follow from the
/// request itself.
#[derive(Debug)]
pub struct MailRequest {
    /// The peer.
    pub peer: NodeId,
    /// The dialect that the peer speaks.
    pub dialect: Dialect,
    /// The content of the request.
    pub request: Request,
    direct: Arc<DirectSender>,
}

impl MailRequest {
    /// Sends an envelope to the peer as a direct message. The peer accepts it if it trusts this node. Waits while the
    /// peer does not read, or limits its rate.
    ///
    /// # Errors
    ///
    /// If the peer has disconnected, or speaks another dialect than that of the envelope.
    pub async fn answer(&self, envelope: &Envelope) -> Result<(), DirectError> {
        self.direct.send_envelope(self.peer, envelope).await
    }

    /// Sends several envelopes in one packet, as [`answer`](Self::answer) does. go-ethereum's clients understand only packets of
    /// one: use it only for a request that allows it ([`packet::Query::batch`](crate::packet::Query::batch)).
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub async fn answer_all(&self, envelopes: &[Envelope]) -> Result<(), DirectError> {
        self.direct.send_envelopes(self.peer, self.dialect, envelopes).await
    }

    /// Tells the peer that the answer is complete. Only status-im's nodes understand it; others ignore it.
    ///
    /// # Errors
    ///
    /// If the peer has disconnected, or the dialect has no such packet.
    pub async fn complete(&self, completion: &Completion) -> Result<(), DirectError> {
        let (peer, dialect) = (self.peer, self.dialect);
        self.direct.send(peer, dialect, PacketKind::Completion, completion.encode()).await
    }

    /// Sends another mail server a part of the answer to a [`Request::Sync`].
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub async fn respond(&self, response: &SyncResponse) -> Result<(), DirectError> {
        let (peer, dialect) = (self.peer, self.dialect);
        self.direct.send(peer, dialect, PacketKind::SyncResponse, response.encode()).await
    }
}

/// What the sessions have to do with mail servers: the queue between them and the reader of requests, and the answers to this
/// node's own requests.
#[derive(Debug)]
pub(crate) struct MailQueue {
    reader: Mutex<Option<mpsc::Sender<MailRequest>>>,
    direct: Arc<DirectSender>,
    pub(crate) awaited: AwaitedAnswers,
}

impl MailQueue {
    pub(crate) fn new(direct: Arc<DirectSender>) -> Self {
        Self { reader: Mutex::default(), direct, awaited: AwaitedAnswers::default() }
    }

    /// Replaces the reader by a new one.
    pub(crate) fn open(&self, capacity: usize) -> MailRequests {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        *lock(&self.reader) = Some(sender);
        MailRequests { receiver }
    }

    /// The reader gets no more requests.
    pub(crate) fn close(&self) {
        *lock(&self.reader) = None;
    }

    /// Passes a peer's request to the reader. The error is the reason for dropping it.
    pub(crate) fn push(
        &self,
        peer: NodeId,
        dialect: Dialect,
        request: Request,
    ) -> Result<(), Reason> {
        let reader = lock(&self.reader).clone();
        match reader.as_ref().map(mpsc::Sender::try_reserve) {
            Some(Ok(permit)) => {
                let direct = Arc::clone(&self.direct);
                permit.send(MailRequest { peer, dialect, request, direct });
                Ok(())
            }
            Some(Err(TrySendError::Full(()))) => Err(Reason::RequestsFull),
            Some(Err(TrySendError::Closed(()))) | None => Err(Reason::RequestIgnored),
        }
    }
}

impl From<Envelope> for Request {
    fn from(envelope: Envelope) -> Self {
        Self::Sealed(envelope)
    }
}
