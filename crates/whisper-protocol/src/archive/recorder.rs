//! Passes every admitted envelope to the archive of this node.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};

use fair_queue::{FairQueue, Lane};
use p2p_identity::causes;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use whisper_envelope::Envelope;

use super::{Archive, ArchiveError};
use crate::{
    clock::Clock,
    delivery::arrival::Source,
    drops::Occurrence,
    lock::lock,
    stats::{Counter, Reason, counters::Counters},
};

/// Maximum number of bytes that wait for the archive. Beyond it, the source that holds the most loses its newest envelope.
const MAX_BYTES: usize = 32 << 20;

/// Bytes that wait from which on the sessions wait for room.
const MANY_BYTES: usize = MAX_BYTES / 2;

/// What an envelope takes beside its bytes.
const OVERHEAD: usize = 256;

/// Maximum number of envelopes of one append, and of their bytes but for those of the last one. They are stored together.
const MAX_APPEND: usize = 8192;
const MAX_APPEND_BYTES: usize = 8 << 20;

/// Time after which a failed append is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Time after the node has stopped in which the archive takes what is queued.
const LAST: Duration = Duration::from_secs(5);

type Queue = FairQueue<Source, (), (), Envelope>;

/// The envelopes that wait for the archive of this node. While there is no archive, it takes none.
#[derive(Debug)]
pub(crate) struct Recorder {
    state: Mutex<State>,
    /// Notified when there is something to append, or an archive.
    arrived: Notify,
    /// Notified when something was appended.
    room: Notify,
    clock: Clock,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct State {
    archive: Option<Arc<dyn Archive>>,
    /// Whether the last archive was given up, and there is no other one: what comes is lost.
    is_given_up: bool,
    queue: Queue,
}

impl State {
    fn empty() -> Self {
        // An envelope of the largest size is one turn.
        Self { archive: None, is_given_up: false, queue: Queue::new(1 << 20, MAX_BYTES) }
    }
}

impl Recorder {
    /// `clock`: when something was lost.
    pub(crate) fn new(clock: Clock, counters: Arc<Counters>) -> Self {
        let state = Mutex::new(State::empty());
        Self { state, arrived: Notify::new(), room: Notify::new(), clock, counters }
    }

    /// Envelopes go to this archive from now on.
    pub(crate) fn set_archive(&self, archive: Arc<dyn Archive>) {
        let mut state = lock(&self.state);
        (state.archive, state.is_given_up) = (Some(archive), false);
        drop(state);
        self.arrived.notify_one();
    }

    /// Queues new envelopes. Returns those that are lost, each with its source and its hash: they lose their place, or the archive
    /// was given up.
    #[must_use]
    pub(crate) fn offer<'a>(
        &self,
        source: Source,
        new: impl Iterator<Item = &'a Envelope>,
    ) -> Vec<(Source, [u8; 32])> {
        let mut state = lock(&self.state);
        if state.is_given_up {
            return new.map(|envelope| (source, *envelope.hash())).collect();
        }
        if state.archive.is_none() {
            return Vec::new();
        }
        let mut lost = Vec::new();
        for envelope in new {
            let lane = Lane { group: source, weight: 1, key: () };
            let size = envelope.raw().len() + OVERHEAD;
            let losers = state.queue.push(lane, (), size, envelope.detached());
            lost.extend(losers.into_iter().map(|job| (job.lane.group, *job.item.hash())));
        }
        drop(state);
        self.arrived.notify_one();
        lost
    }

    /// Waits while much waits for the archive, at most until `deadline`: relaying must not depend on a disk.
    pub(crate) async fn wait_for_room(&self, deadline: Instant) {
        if self.is_full() {
            // In a box: a session that waits for packets has no room for it.
            let _ = Box::pin(timeout_at(deadline, self.room())).await;
        }
    }

    fn is_full(&self) -> bool {
        lock(&self.state).queue.bytes() >= MANY_BYTES
    }

    async fn room(&self) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable(); // before the check, so that no notification is missed
            if !self.is_full() {
                return;
            }
            room.await;
        }
    }

    /// Appends what is queued, until the node stops. What is queued then is still appended, if the archive takes it at once;
    /// then the archive is released.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut end = pin!(async {
            stop.cancelled().await;
            sleep(LAST).await;
        });
        loop {
            match self.take() {
                Some((archive, envelopes)) => {
                    let appended = self.append(&*archive, &envelopes, &stop, end.as_mut()).await;
                    if let Err(error) = appended {
                        let (error, count) = (causes(&error), self.give_up(&archive, envelopes));
                        tracing::error!(
                            %error,
                            count,
                            "cannot store envelopes in the archive: they are lost, and so are later ones"
                        );
                        if stop.is_cancelled() {
                            break;
                        }
                    }
                }
                None if stop.is_cancelled() => break,
                None => {
                    _ = stop.run_until_cancelled(self.arrived.notified()).await;
                }
            }
        }
        lock(&self.state).archive = None;
    }

    fn take(&self) -> Option<(Arc<dyn Archive>, Vec<Envelope>)> {
        let mut state = lock(&self.state);
        let archive = Arc::clone(state.archive.as_ref()?);
        let (mut envelopes, mut bytes) = (Vec::new(), 0);
        while envelopes.len() < MAX_APPEND && bytes < MAX_APPEND_BYTES {
            let Some(job) = state.queue.pop() else { break };
            bytes += job.size;
            state.queue.charge(&job.lane, u32::try_from(job.size).unwrap_or(u32::MAX));
            envelopes.push(job.item);
        }
        (!envelopes.is_empty()).then_some((archive, envelopes))
    }

    /// Stores nothing more in this archive. `lost`: the envelopes that it did not take. Returns the number of these, and of those that
    /// waited for it.
    fn give_up(&self, archive: &Arc<dyn Archive>, mut lost: Vec<Envelope>) -> usize {
        let mut state = lock(&self.state);
        let is_present =
            state.archive.as_ref().is_some_and(|present| Arc::ptr_eq(present, archive));
        // Otherwise what waits is for another one.
        if is_present {
            let mut given_up = std::mem::replace(&mut *state, State::empty());
            state.is_given_up = true;
            lost.extend(std::iter::from_fn(|| given_up.queue.pop()).map(|job| job.item));
        }
        drop(state);
        self.room.notify_waiters();
        let now = self.clock.now();
        for envelope in &lost {
            let occurrence = Occurrence::at(now).of(envelope.hash());
            self.counters.record(Reason::Unarchived, occurrence);
        }
        lost.len()
    }

    /// Appends until it succeeds: nothing is lost while the disk is full for a moment. It gives up when the archive is damaged, when
    /// it fails after the node has stopped, or at the `end`.
    async fn append(
        &self,
        archive: &dyn Archive,
        envelopes: &[Envelope],
        stop: &CancellationToken,
        mut end: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), ArchiveError> {
        let count = envelopes.len();
        loop {
            let appended = tokio::select! {
                biased;
                appended = archive.append(envelopes.to_vec()) => appended,
                () = end.as_mut() => Err(ArchiveError::new("it does not answer")),
            };
            let error = match appended {
                Ok(appended) => {
                    let new = appended.iter().filter(|appended| !appended.known).count();
                    self.counters.add(Counter::ArchivedNew, new);
                    self.room.notify_waiters();
                    return Ok(());
                }
                Err(error) => error,
            };
            self.counters.one(Counter::ArchiveFailed);
            if stop.is_cancelled() || error.is_damage() {
                return Err(error);
            }
            tracing::warn!(
                error = %causes(&error),
                count,
                "cannot store envelopes in the archive: this is repeated until it works"
            );
            _ = stop.run_until_cancelled(sleep(RETRY)).await;
        }
    }
}
