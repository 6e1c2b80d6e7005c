//! An archive in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use p2p_world::HashMap;
use tokio::sync::watch;
use whisper_envelope::Envelope;

use super::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, HistoryPage, HistoryQuery,
    StoredEnvelope,
};
use crate::lock::lock;

/// An archive in memory, for tests and examples. Clones share it.
///
/// It keeps everything that is appended, and a page costs as much as is stored: it is no store for a node.
#[derive(Clone, Debug)]
pub struct MemoryArchive {
    id: Arc<Mutex<ArchiveId>>,
    state: Arc<Mutex<State>>,
    newest: Arc<watch::Sender<u64>>,
    fails: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    /// By arrival number.
    stored: BTreeMap<u64, Envelope>,
    /// Arrival numbers by hash.
    known: HashMap<[u8; 32], u64>,
}

impl MemoryArchive {
    /// An empty archive.
    #[must_use]
    pub fn new(id: ArchiveId) -> Self {
        Self {
            id: Arc::new(Mutex::new(id)),
            state: Arc::default(),
            newest: Arc::new(watch::Sender::new(0)),
            fails: Arc::default(),
        }
    }

    /// Lets every call fail, as if the disk were gone, or work again.
    pub fn set_failing(&self, fails: bool) {
        self.fails.store(fails, Relaxed);
    }

    /// Gives it another id, as a database gets one that was restored.
    pub fn renew(&self, id: ArchiveId) {
        *lock(&self.id) = id;
        self.newest.send_modify(|_| {});
    }

    /// Everything that is stored, in the order of the arrival numbers.
    #[must_use]
    pub fn stored(&self) -> Vec<Envelope> {
        lock(&self.state).stored.values().cloned().collect()
    }

    /// Appends at once, as [`Archive::append`] does.
    ///
    /// # Errors
    ///
    /// Only after [`set_failing`](Self::set_failing).
    pub fn append_now(
        &self,
        envelopes: impl IntoIterator<Item = Envelope>,
    ) -> Result<Vec<Appended>, ArchiveError> {
        self.check()?;
        let mut state = lock(&self.state);
        let appended = envelopes.into_iter().map(|envelope| state.append(envelope)).collect();
        self.newest.send_replace(state.newest());
        Ok(appended)
    }

    /// Reads at once, as [`Archive::page`] does.
    ///
    /// # Errors
    ///
    /// Only after [`set_failing`](Self::set_failing).
    pub fn page_now(&self, query: &HistoryQuery) -> Result<HistoryPage, ArchiveError> {
        self.check()?;
        Ok(lock(&self.state).page(query))
    }

    fn check(&self) -> Result<(), ArchiveError> {
        if self.fails.load(Relaxed) {
            return Err(ArchiveError::new("the disk is gone"));
        }
        Ok(())
    }
}

impl State {
    fn newest(&self) -> u64 {
        self.stored.last_key_value().map_or(0, |(arrival, _)| *arrival)
    }

    fn append(&mut self, envelope: Envelope) -> Appended {
        if let Some(arrival) = self.known.get(envelope.hash()) {
            return Appended { arrival: *arrival, known: true };
        }
        let arrival = self.newest() + 1;
        self.known.insert(*envelope.hash(), arrival);
        self.stored.insert(arrival, envelope);
        Appended { arrival, known: false }
    }

    fn page(&self, query: &HistoryQuery) -> HistoryPage {
        let (mut envelopes, mut bytes, mut more) = (Vec::new(), 0, false);
        let after = self.stored.range(query.after.saturating_add(1)..);
        for (arrival, envelope) in after.filter(|(arrival, one)| query.asks_for(**arrival, one)) {
            bytes += envelope.raw().len();
            more = envelopes.len() >= query.limit
                || (bytes > query.max_bytes && !envelopes.is_empty());
            if more {
                break;
            }
            envelopes.push(StoredEnvelope { arrival: *arrival, envelope: envelope.clone() });
        }
        let newest = self.newest();
        let last = envelopes.last().map_or(query.after, |stored| stored.arrival);
        let end = if more { last } else { query.until.min(newest).max(query.after) };
        HistoryPage { envelopes, end, more, oldest: 1, newest }
    }
}

impl Archive for MemoryArchive {
    fn id(&self) -> ArchiveId {
        *lock(&self.id)
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(async move { self.append_now(envelopes) })
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        Box::pin(async move { self.page_now(&query) })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}
