//! The task that writes the file.

use std::{
    ops::ControlFlow,
    time::{Duration, UNIX_EPOCH},
};

use node_store::{Store, StoreError};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use whisper_protocol::{Appended, ArchiveError};

use super::{
    append,
    group::{Group, Request},
    prune,
};
use crate::Retention;

/// Least time between two writes. An append waits at most this long for the write, which syncs the disk.
const GROUP_TIME: Duration = Duration::from_millis(50);

/// Time between two searches for what is to be removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Writes the file, and removes what is too old.
pub(super) struct Writer {
    store: Store,
    retention: Retention,
    next_write: Instant,
    next_prune: Instant,
    /// Dropped after the file, because who closes the archive waits for it.
    newest: watch::Sender<u64>,
}

impl Writer {
    pub(super) fn new(store: Store, retention: Retention, newest: watch::Sender<u64>) -> Self {
        let now = Instant::now();
        Self { store, retention, next_write: now, next_prune: now, newest }
    }

    /// Runs until the last clone of the archive is dropped, or the program ends.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
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
        let minute = self.minute();
        let written = self.store.run(move |store| {
            let outcome: Result<Vec<Appended>, StoreError> =
                store.write(|transaction| append::write(transaction, minute, group.envelopes()));
            (group, outcome)
        });
        let Some((group, outcome)) = written.await else { return };
        if let Ok(appended) = &outcome {
            let newest = appended.iter().map(|appended| appended.arrival).max().unwrap_or(0);
            self.newest.send_if_modified(|last| {
                let later = newest > *last;
                *last = newest.max(*last);
                later
            });
        }
        group.answer(outcome.map_err(ArchiveError::new));
        self.next_write = Instant::now() + GROUP_TIME;
    }

    /// Removes a slice of what is too old. Breaks if the program ends.
    async fn prune(&mut self) -> ControlFlow<()> {
        let (minute, retention) = (self.minute(), self.retention);
        let pruned = self.store.run(move |store| {
            store.write(|transaction| prune::prune(transaction, minute, &retention))
        });
        let more = match pruned.await {
            None => return ControlFlow::Break(()),
            Some(Ok(more)) => more,
            Some(Err(error)) => {
                let error = ArchiveError::new(error);
                tracing::warn!(error = %whisper_protocol::identity::causes(&error), "cannot remove old envelopes");
                false
            }
        };
        self.next_prune = Instant::now() + if more { GROUP_TIME } else { PRUNE_EVERY };
        ControlFlow::Continue(())
    }

    /// The present, in minutes since 1970.
    fn minute(&self) -> u64 {
        let now = self.store.world().unix_time();
        now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
    }
}
