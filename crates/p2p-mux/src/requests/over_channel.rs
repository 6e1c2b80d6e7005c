//! Questions and answers over a channel.

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

/// The side that asks. Cheap to clone, for as many tasks as there are.
#[derive(Debug)]
pub struct Requests<A>(Arc<RequestTable<A>>);

/// The side that hears the answers of type `A`: it belongs to the loop that receives. When it is
/// dropped, and that loop has ended with it, every open question fails.
#[derive(Debug)]
pub struct Responses<A>(Arc<RequestTable<A>>);

#[derive(Debug)]
struct RequestTable<A> {
    pending: Mutex<PendingRequests<oneshot::Sender<A>>>,
    places: Semaphore,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer did not answer in time, or so many others were open that this one was never sent.
    #[error("no answer in time")]
    TimedOut,
    /// The sub-protocol or the connection has ended.
    #[error("the channel is closed")]
    Closed,
    /// The question could not be sent: a mistake of the caller.
    #[error("question that cannot be sent: {0}")]
    Send(SendError),
}

/// Questions to one peer, of which at most `limit` are open at a time. How questions and answers
/// look on the wire is for the sub-protocol; each has to carry the id.
///
/// ```
/// use std::time::Duration;
/// use p2p_mux::{Channel, requests};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const ASK: u64 = 0;
/// # const ANSWER: u64 = 1;
/// let (mut here, mut there) = Channel::pipe();
/// let (requests, answers) = requests::<u64>(8);
/// # tokio::spawn(async move {
/// #     while let Some(message) = there.recv().await {
/// #         let [id, number] = message.decode::<Vec<u64>>().unwrap()[..] else { return };
/// #         there.send(ANSWER, &vec![id, 2 * number]).await.unwrap();
/// #     }
/// # });
/// let sender = here.sender();
/// // The loop of the sub-protocol.
/// tokio::spawn(async move {
///     while let Some(message) = here.recv().await {
///         let [id, answer] = message.decode::<Vec<u64>>().unwrap()[..] else { return };
///         answers.handle(id, answer);
///     }
/// });
/// // Any other task.
/// let ask = |id| async move { sender.send(ASK, &vec![id, 21]).await };
/// assert_eq!(requests.request(Duration::from_secs(5), ask).await, Ok(42));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn requests<A>(limit: usize) -> (Requests<A>, Responses<A>) {
    let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
    let shared = Arc::new(RequestTable {
        pending: Mutex::new(PendingRequests::new(limit)),
        places: Semaphore::new(limit),
    });
    (Requests(Arc::clone(&shared)), Responses(shared))
}

impl<A> Requests<A> {
    /// Asks: `send` gets the question's id and sends it. The answer is awaited for `within`, which
    /// includes waiting until few enough other questions are open, and sending.
    ///
    /// Dropping the future gives the question up, and its place is free at once. The peer is not
    /// told, and may still answer ([`ResponseMatch::Late`]).
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
        let _place = self.0.places.acquire().await.map_err(|_| RequestError::Closed)?;
        let (give, take) = oneshot::channel();
        // There is a place, so what can fail this is only the end.
        let id = self.0.lock().open(give).map_err(|_| RequestError::Closed)?;
        let _question = Question { shared: &self.0, id };
        send(id).await?;
        take.await.map_err(|_| RequestError::Closed)
    }

    /// How many questions are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.lock().len()
    }
}

impl<A> Responses<A> {
    /// The peer answered a question. What to do about an answer that nobody waits for, is for the
    /// sub-protocol: [`ResponseMatch::Late`] happens to the honest, [`ResponseMatch::Unsolicited`] does not.
    pub fn handle(&self, id: u64, answer: A) -> ResponseMatch<()> {
        let matched = self.0.lock().handle_response(id);
        match matched {
            ResponseMatch::Open(whose) => match whose.send(answer) {
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
        // Plain data: whoever panicked has left it whole.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Drop for Responses<A> {
    fn drop(&mut self) {
        self.0.places.close();
        self.0.lock().close();
    }
}

impl<A> Clone for Requests<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A question as long as somebody waits for its answer.
struct Question<'a, A> {
    shared: &'a RequestTable<A>,
    id: u64,
}

impl<A> Drop for Question<'_, A> {
    fn drop(&mut self) {
        self.shared.lock().cancel(self.id);
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
