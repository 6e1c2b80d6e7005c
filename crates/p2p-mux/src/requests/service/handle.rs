//! A peer that speaks a service.

use core::{fmt, marker::PhantomData};
use std::time::Duration;

use bytes::Bytes;
use p2p_identity::NodeId;
use rlp_codec::Encodable;
use thiserror::Error;

use super::wire::{self, NOTICE, REQUEST};
use crate::{Peer, RequestError, Requests, SendError, Sender};

/// A connected peer that speaks a [`Service`](crate::Service). Cheap to clone. It does not keep the connection open.
pub struct ServicePeer<Q, A> {
    peer: Peer,
    sender: Sender,
    pub(super) requests: Requests<Result<A, String>>,
    timeout: Duration,
    request: PhantomData<fn(Q)>,
}

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There was no response.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The peer refused the request. The text is from the peer and may contain anything.
    #[error("the peer refused the request: {0:?}")]
    Refused(String),
}

impl<Q: Encodable, A> ServicePeer<Q, A> {
    /// Sends a request and waits for the response, for at most [`ServiceLimits::timeout`](crate::ServiceLimits::timeout).
    ///
    /// Dropping the future cancels the request; the peer is not told.
    ///
    /// # Errors
    ///
    /// [`ServiceError`].
    pub async fn request(&self, request: &Q) -> Result<A, ServiceError> {
        let send = |id| self.sender.send_raw(REQUEST, wire::request(id, request));
        let response = self.requests.request(self.timeout, send).await?;
        response.map_err(ServiceError::Refused)
    }

    /// Sends a request to which the peer does not respond, once there is room for it.
    ///
    /// # Errors
    ///
    /// [`SendError`], except for [`SendError::Full`].
    pub async fn notify(&self, request: &Q) -> Result<(), SendError> {
        self.sender.send_raw(NOTICE, wire::notice(request)).await
    }
}

impl<Q, A> ServicePeer<Q, A> {
    pub(super) const fn new(
        peer: Peer,
        sender: Sender,
        requests: Requests<Result<A, String>>,
        timeout: Duration,
    ) -> Self {
        Self { peer, sender, requests, timeout, request: PhantomData }
    }

    pub(super) fn try_notify(&self, payload: Bytes) -> Result<(), SendError> {
        self.sender.try_send_raw(NOTICE, payload)
    }

    /// The node id of the peer.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.peer.id()
    }

    /// The connection.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }
}

// Not derived, because a derive would require the same traits of `Q` and `A`.

impl<Q, A> Clone for ServicePeer<Q, A> {
    fn clone(&self) -> Self {
        let (peer, sender, requests) =
            (self.peer.clone(), self.sender.clone(), self.requests.clone());
        Self { peer, sender, requests, timeout: self.timeout, request: PhantomData }
    }
}

impl<Q, A> fmt::Debug for ServicePeer<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServicePeer").field(&self.peer).finish()
    }
}
