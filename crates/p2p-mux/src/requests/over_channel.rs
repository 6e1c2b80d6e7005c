//! Requests and responses over a channel.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::{PendingRequests, ResponseMatch, SendError};

/// Sends requests. Cheap to clone, for use by several tasks.
#[derive(Debug)]
pub struct Requests<A>(Arc<RequestTable<A>>);

/// Handles responses of type `A`. It belongs to the loop that receives; when it is dropped, every
/// open request fails.
#[derive(Debug)]
pub struct Responses<A>(Arc<RequestTable<A>>);

#[derive(Debug)]
struct RequestTable<A> {
    pending: Mutex<PendingRequests<oneshot::Sender<A>>>,
    /// A permit for each further request that may be open.
    permits: Semaphore,
}

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer did not respond in time, or the request was not sent because too many others were
    /// open.
    #[error("no response in time")]
    TimedOut,
    /// The sub-protocol or the connection has ended.
    #[error("the channel is closed")]
    Closed,
    /// The request could not be sent: an error of the caller.
    #[error("cannot send the request")]
    Send(#[source] SendError),
}

/// Matches requests to one peer with their responses. At most `limit` requests are open at any moment.
///
/// The sub-protocol defines the messages. Each request and each response must contain the id.
///
/// ```
/// use std::time::Duration;
/// use p2p_mux::{Channel, requests};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const REQUEST: u64 = 0;
/// # const RESPONSE: u64 = 1;
/// let (mut here, mut there) = Channel::pipe();
/// let (requests, responses) = requests::<u64>(8);
/// # tokio::spawn(async move {
/// #     while let Some(message) = there.recv().await {
/// #         let [id, number] = message.decode::<Vec<u64>>().unwrap()[..] else { return };
/// #         there.send(RESPONSE, &vec![id, 2 * number]).await.unwrap();
/// #     }
/// # });
/// let sender = here.sender();
/// // The loop of the sub-protocol.
/// tokio::spawn(async move {
///     while let Some(message) = here.recv().await {
///         let [id, response] = message.decode::<Vec<u64>>().unwrap()[..] else { return };
///         responses.handle(id, response);
///     }
/// });
/// // Any other task.
/// let send = |id| async move { sender.send(REQUEST, &vec![id, 21]).await };
/// assert_eq!(requests.request(Duration::from_secs(5), send).await, Ok(42));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn requests<A>(limit: usize) -> (Requests<A>, Responses<A>) {
    requests_from(limit, 0)
}

/// Same as [`requests`], with the first id `first`. Responses with lower ids are late.
pub(super) fn requests_from<A>(limit: usize, first: u64) -> (Requests<A>, Responses<A>) {
    let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
    let table = Arc::new(RequestTable {
        pending: Mutex::new(PendingRequests::starting_at(limit, first)),
        permits: Semaphore::new(limit),
    });
    (Requests(Arc::clone(&table)), Responses(table))
}

impl<A> Requests<A> {
    /// Sends a request and waits for its response, in all for at most `within`. This includes the time
    /// until a request may be open. `send` gets the id and sends the message.
    ///
    /// Dropping the future cancels the request. The peer is not told and may still respond
    /// ([`ResponseMatch::Late`]).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request<SendFuture>(
        &self,
        within: Duration,
        send: impl FnOnce(u64) -> SendFuture,
    ) -> Result<A, RequestError>
    where
        SendFuture: Future<Output = Result<(), SendError>>,
    {
        timeout(within, self.exchange(send)).await.unwrap_or(Err(RequestError::TimedOut))
    }

    async fn exchange<SendFuture>(
        &self,
        send: impl FnOnce(u64) -> SendFuture,
    ) -> Result<A, RequestError>
    where
        SendFuture: Future<Output = Result<(), SendError>>,
    {
        let _permit = self.0.permits.acquire().await.map_err(|_| RequestError::Closed)?;
        let (sender, response) = oneshot::channel();
        // With a permit this fails only if the table is closed.
        let id = self.0.lock().open(sender).map_err(|_| RequestError::Closed)?;
        let _open = OpenRequest { table: &self.0, id };
        send(id).await?;
        response.await.map_err(|_| RequestError::Closed)
    }

    /// Number of open requests.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.lock().len()
    }
}

impl<A> Responses<A> {
    /// Passes a response to its request.
    ///
    /// If it matches no open request, the sub-protocol decides what to do:
    /// [`ResponseMatch::Late`] is no error of the peer, [`ResponseMatch::Unsolicited`] is one.
    pub fn handle(&self, id: u64, response: A) -> ResponseMatch<()> {
        let matched = self.0.lock().handle_response(id);
        match matched {
            ResponseMatch::Open(sender) => match sender.send(response) {
                Ok(()) => ResponseMatch::Open(()),
                Err(_) => ResponseMatch::Late,
            },
            ResponseMatch::Late => ResponseMatch::Late,
            ResponseMatch::Unsolicited => ResponseMatch::Unsolicited,
        }
    }
}

impl<A> RequestTable<A> {
    fn lock(&self) -> MutexGuard<'_, PendingRequests<oneshot::Sender<A>>> {
        // Poisoning is ignored: the table is consistent after every statement.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Drop for Responses<A> {
    fn drop(&mut self) {
        self.0.permits.close();
        self.0.lock().close();
    }
}

impl<A> Clone for Requests<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// An open request. Dropping it cancels the request.
struct OpenRequest<'a, A> {
    table: &'a RequestTable<A>,
    id: u64,
}

impl<A> Drop for OpenRequest<'_, A> {
    fn drop(&mut self) {
        self.table.lock().cancel(self.id);
    }
}

impl From<SendError> for RequestError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed => Self::Closed,
            error => Self::Send(error),
        }
    }
}
