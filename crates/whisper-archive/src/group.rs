//! Appends that wait for the task that writes, and are written together.

use tokio::sync::{mpsc, oneshot};
use whisper_protocol::{Appended, ArchiveError, Envelope};

pub(crate) type Answer = Result<Vec<Appended>, ArchiveError>;

/// Number of appends that wait for the disk. Further ones wait in their callers.
const QUEUE: usize = 64;

/// Passes appends to the task that writes. It ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Appends(mpsc::Sender<Request>);

impl Appends {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(QUEUE);
        (Self(requests), receiver)
    }

    /// Waits until the envelopes are on the disk.
    pub(crate) async fn append(&self, envelopes: Vec<Envelope>) -> Answer {
        let (done, answer) = oneshot::channel();
        self.0.send(Request { envelopes, done }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// The task that writes has ended.
pub(crate) fn closed() -> ArchiveError {
    ArchiveError::new("the program ends, or the task that writes the archive has failed")
}

/// One append that waits for the disk.
#[derive(Debug)]
pub(crate) struct Request {
    envelopes: Vec<Envelope>,
    done: oneshot::Sender<Answer>,
}

/// Maximum number of envelopes that are written together. More wait for the next time.
const MAX_ENVELOPES: usize = 4096;

/// Maximum bytes of the envelopes that are written together.
const MAX_BYTES: usize = 16 << 20;

/// Appends that are written together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    requests: Vec<Request>,
    envelopes: usize,
    bytes: usize,
}

impl Group {
    pub(crate) fn push(&mut self, request: Request) {
        self.envelopes += request.envelopes.len();
        self.bytes += request.envelopes.iter().map(|envelope| envelope.raw().len()).sum::<usize>();
        self.requests.push(request);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.envelopes >= MAX_ENVELOPES || self.bytes >= MAX_BYTES
    }

    pub(crate) fn envelopes(&self) -> impl Iterator<Item = &Envelope> {
        self.requests.iter().flat_map(|request| &request.envelopes)
    }

    /// Tells each caller the outcome of its envelopes.
    pub(crate) fn answer(self, outcome: Answer) {
        let mut outcome = outcome.map(Vec::into_iter);
        for request in self.requests {
            let part = match &mut outcome {
                Ok(appended) => Ok(appended.take(request.envelopes.len()).collect()),
                Err(error) => Err(error.clone()),
            };
            // The caller may not wait any more.
            let _ = request.done.send(part);
        }
    }
}
