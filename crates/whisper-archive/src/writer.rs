//! The task that writes a store.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use whisper_protocol::ArchiveError;

use crate::group::{Answer, Group, Request};

/// Least time between two writes. An append waits at most this long for the write, which syncs the disk.
const GROUP_TIME: Duration = Duration::from_millis(50);

/// Time between two searches for what is to be removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// What a writer writes to.
pub(crate) trait Sink: Send + 'static {
    /// Stores the envelopes of a group, all of them or none. `None` if the program ends.
    fn append(&mut self, group: Group) -> impl Future<Output = Option<(Group, Answer)>> + Send;

    /// Removes a slice of what is too old. Returns whether there may be more; `None` if the program ends.
    fn prune(&mut self) -> impl Future<Output = Option<Result<bool, ArchiveError>>> + Send;
}

/// The newest arrival number, as readers see it.
#[derive(Debug, Clone)]
pub(crate) struct Newest(Arc<watch::Sender<u64>>);

impl Newest {
    pub(crate) fn new(newest: u64) -> (Self, watch::Receiver<u64>) {
        let (sender, receiver) = watch::channel(newest);
        (Self(Arc::new(sender)), receiver)
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn get(&self) -> u64 {
        *self.0.borrow()
    }

    /// The archive is another one, with this newest number.
    #[cfg(feature = "postgres")]
    pub(crate) fn reset(&self, newest: u64) {
        self.0.send_replace(newest);
    }

    /// Up to this number everything can be read.
    pub(crate) fn raise(&self, newest: u64) {
        self.0.send_if_modified(|last| {
            let later = newest > *last;
            *last = newest.max(*last);
            later
        });
    }
}

/// Writes a store, and removes what is too old.
pub(crate) struct Writer<S> {
    sink: S,
    next_write: Instant,
    next_prune: Instant,
    /// Dropped after the sink, because who closes the archive waits for it.
    newest: Newest,
}

impl<S: Sink> Writer<S> {
    pub(crate) fn new(sink: S, newest: Newest) -> Self {
        let now = Instant::now();
        Self { sink, next_write: now, next_prune: now, newest }
    }

    /// Runs until the last clone of the archive is dropped, or the program ends.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                biased;
                // First, so that appends without pause do not prevent it. It removes a slice at a time.
                () = sleep_until(self.next_prune) => {
                    if self.prune().await.is_break() {
                        return;
                    }
                }
                request = requests.recv() => {
                    let Some(request) = request else { return };
                    let group = self.collect(request, &mut requests).await;
                    self.write(group).await;
                }
            }
        }
    }

    /// Waits until the next write, and takes what comes meanwhile.
    async fn collect(&self, first: Request, requests: &mut mpsc::Receiver<Request>) -> Group {
        let mut group = Group::default();
        group.push(first);
        let due = sleep_until(self.next_write);
        tokio::pin!(due);
        while !group.is_full() {
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    Some(request) => group.push(request),
                    None => break,
                },
                () = &mut due => break,
            }
        }
        group
    }

    async fn write(&mut self, group: Group) {
        let Some((group, outcome)) = self.sink.append(group).await else { return };
        if let Ok(appended) = &outcome {
            self.newest.raise(appended.iter().map(|one| one.arrival).max().unwrap_or(0));
        }
        group.answer(outcome);
        self.next_write = Instant::now() + GROUP_TIME;
    }

    /// Removes a slice of what is too old. Breaks if the program ends.
    async fn prune(&mut self) -> ControlFlow<()> {
        let more = match self.sink.prune().await {
            None => return ControlFlow::Break(()),
            Some(Ok(more)) => more,
            Some(Err(error)) => {
                let error = whisper_protocol::identity::causes(&error);
                tracing::warn!(%error, "cannot remove old envelopes");
                false
            }
        };
        self.next_prune = Instant::now() + if more { GROUP_TIME } else { PRUNE_EVERY };
        ControlFlow::Continue(())
    }
}
