//! Appends that are written together.

use tokio::sync::oneshot;
use whisper_protocol::{Appended, ArchiveError, Envelope};

pub(crate) type Answer = Result<Vec<Appended>, ArchiveError>;

/// One append that waits for the disk.
#[derive(Debug)]
pub(crate) struct Request {
    envelopes: Vec<Envelope>,
    done: oneshot::Sender<Answer>,
}

impl Request {
    pub(crate) fn new(envelopes: Vec<Envelope>) -> (Self, oneshot::Receiver<Answer>) {
        let (done, answer) = oneshot::channel();
        (Self { envelopes, done }, answer)
    }
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
