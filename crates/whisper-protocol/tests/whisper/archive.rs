//! What a node stores in its archive, and what its archive answers to peers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::{RwLock, watch};
use whisper_envelope::Dialect;
use whisper_protocol::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, Bloom, Envelope, HistoryFilter,
    HistoryPage, HistoryQuery, StoredEnvelope,
};

use crate::support::{RawPeer, envelope, node, unsealed_in};

/// An archive in memory, which can fail and be slow.
#[derive(Debug)]
pub(crate) struct MemoryArchive {
    id: ArchiveId,
    stored: Mutex<Vec<Envelope>>,
    pub(crate) fails: AtomicBool,
    /// The arrival number of an envelope that cannot be read; 0: none.
    pub(crate) damaged: AtomicU64,
    /// Pages are read while it can be locked for reading.
    pub(crate) gate: RwLock<()>,
    /// Number of pages that were asked for.
    pub(crate) asked: AtomicUsize,
    newest: watch::Sender<u64>,
}

impl MemoryArchive {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_id([7; 8])
    }

    pub(crate) fn with_id(id: [u8; 8]) -> Arc<Self> {
        let (id, stored) = (ArchiveId(id), Mutex::default());
        let (fails, damaged) = (AtomicBool::new(false), AtomicU64::new(0));
        let (gate, asked, newest) = (RwLock::new(()), AtomicUsize::new(0), watch::Sender::new(0));
        Arc::new(Self { id, stored, fails, damaged, gate, asked, newest })
    }

    pub(crate) fn stored(&self) -> Vec<Envelope> {
        self.stored.lock().unwrap().clone()
    }

    fn append_now(&self, envelopes: &[Envelope]) -> Result<Vec<Appended>, ArchiveError> {
        if self.fails.load(Relaxed) {
            return Err(ArchiveError::new("the disk is full"));
        }
        let mut stored = self.stored.lock().unwrap();
        let append = |envelope: &Envelope| {
            let known = stored.iter().position(|other| other == envelope);
            if known.is_none() {
                stored.push(envelope.clone());
            }
            let arrival = known.map_or(stored.len(), |index| index + 1) as u64;
            Appended { arrival, known: known.is_some() }
        };
        let appended = envelopes.iter().map(append).collect();
        self.newest.send_replace(stored.len() as u64);
        Ok(appended)
    }

    fn page_now(&self, query: &HistoryQuery) -> Result<HistoryPage, ArchiveError> {
        if self.fails.load(Relaxed) {
            return Err(ArchiveError::new("the disk is gone"));
        }
        let stored = self.stored();
        let matching = (1..).zip(&stored).filter(|(arrival, envelope)| {
            *arrival > query.after
                && *arrival <= query.until
                && query.dialect.is_none_or(|dialect| dialect == envelope.dialect())
                && query.sent.contains(&envelope.sent().unwrap())
                && match &query.filter {
                    HistoryFilter::All => true,
                    HistoryFilter::Topics(topics) => topics.contains(&envelope.topic()),
                    HistoryFilter::Bloom(bloom) => bloom.contains(&Bloom::of(envelope.topic())),
                    HistoryFilter::Hashes(hashes) => hashes.contains(envelope.hash()),
                }
        });
        let (mut envelopes, mut bytes, mut more) = (Vec::new(), 0, false);
        for (arrival, envelope) in matching {
            bytes += envelope.raw().len();
            more = envelopes.len() == query.limit
                || (bytes > query.max_bytes && !envelopes.is_empty());
            if more {
                break;
            }
            if arrival == self.damaged.load(Relaxed) {
                return Err(ArchiveError::new("a damaged row"));
            }
            envelopes.push(StoredEnvelope { arrival, envelope: envelope.clone() });
        }
        let last = envelopes.last().map_or(query.after, |stored| stored.arrival);
        let newest = query.until.min(stored.len() as u64);
        let end = if more { last } else { newest.max(query.after) };
        Ok(HistoryPage { envelopes, end, more, oldest: 1 })
    }
}

impl Archive for MemoryArchive {
    fn id(&self) -> ArchiveId {
        self.id
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(async move { self.append_now(&envelopes) })
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        self.asked.fetch_add(1, Relaxed);
        Box::pin(async move {
            let _may_read = self.gate.read().await;
            self.page_now(&query)
        })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

#[tokio::test]
async fn what_is_admitted_is_stored_once() {
    let (node, archive) = (node(), MemoryArchive::new());
    node.record(Arc::clone(&archive) as _);
    let peer = RawPeer::greeted(&node).await;
    let (first, second, own) = (envelope(b"first"), envelope(b"second"), envelope(b"own"));
    let hopeless = unsealed_in(Dialect::V6, b"expired").sent_at(1).seal(0);
    peer.send_envelopes(&[&first, &hopeless, &first, &second]).await;
    _ = node.inject(own.clone());
    archive.newest().wait_for(|newest| *newest == 3).await.unwrap();
    let mut stored = archive.stored();
    stored.sort_by_key(|envelope| *envelope.hash());
    let mut expected = [first, second, own];
    expected.sort_by_key(|envelope| *envelope.hash());
    assert_eq!(stored, expected);
    assert_eq!(node.stats().archive.stored, 3);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_stored_is_stored_later() {
    let (node, archive) = (node(), MemoryArchive::new());
    archive.fails.store(true, Relaxed);
    node.record(Arc::clone(&archive) as _);
    let (during, later) = (envelope(b"during the fault"), envelope(b"later"));
    _ = node.inject(during.clone());
    while node.stats().archive.failed < 3 {
        tokio::task::yield_now().await;
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
    }
    _ = node.inject(later.clone());
    archive.fails.store(false, Relaxed);
    archive.newest().wait_for(|newest| *newest == 2).await.unwrap();
    assert_eq!(archive.stored(), [during, later]);
}

#[tokio::test]
async fn what_is_queued_when_the_node_stops_is_stored() {
    let (node, archive) = (node(), MemoryArchive::new());
    node.record(Arc::clone(&archive) as _);
    let last = envelope(b"last words");
    _ = node.inject(last.clone());
    node.stop().await;
    assert_eq!(archive.stored(), [last]);
}
