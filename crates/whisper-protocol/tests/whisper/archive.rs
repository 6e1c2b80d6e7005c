//! What a node stores in its archive, and what its archive answers to peers.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::{RwLock, watch};
use whisper_envelope::Dialect;
use whisper_protocol::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, Envelope, HistoryPage, HistoryQuery,
    MemoryArchive,
};

use crate::support::{RawPeer, envelope, node, unsealed_in};

/// An archive in memory, which can be slow and have damaged rows.
#[derive(Debug)]
pub(crate) struct TestArchive {
    memory: MemoryArchive,
    /// The arrival number of an envelope that cannot be read; 0: none.
    pub(crate) damaged: AtomicU64,
    /// Pages are read while it can be locked for reading.
    pub(crate) gate: RwLock<()>,
    /// Number of pages that were asked for.
    pub(crate) asked: AtomicUsize,
}

impl TestArchive {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_id([7; 8])
    }

    pub(crate) fn with_id(id: [u8; 8]) -> Arc<Self> {
        let memory = MemoryArchive::new(ArchiveId(id));
        let (damaged, gate, asked) = (AtomicU64::new(0), RwLock::new(()), AtomicUsize::new(0));
        Arc::new(Self { memory, damaged, gate, asked })
    }
}

impl Deref for TestArchive {
    type Target = MemoryArchive;

    fn deref(&self) -> &MemoryArchive {
        &self.memory
    }
}

impl Archive for TestArchive {
    fn id(&self) -> ArchiveId {
        self.memory.id()
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        self.memory.append(envelopes)
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        self.asked.fetch_add(1, Relaxed);
        Box::pin(async move {
            let _may_read = self.gate.read().await;
            let page = self.page_now(&query)?;
            let damaged = self.damaged.load(Relaxed);
            if page.envelopes.iter().any(|stored| stored.arrival == damaged) {
                return Err(ArchiveError::new("a damaged row"));
            }
            Ok(page)
        })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.memory.newest()
    }
}

#[tokio::test]
async fn what_is_admitted_is_stored_once() {
    let (node, archive) = (node(), TestArchive::new());
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
    let (node, archive) = (node(), TestArchive::new());
    archive.set_failing(true);
    node.record(Arc::clone(&archive) as _);
    let (during, later) = (envelope(b"during the fault"), envelope(b"later"));
    _ = node.inject(during.clone());
    while node.stats().archive.failed < 3 {
        tokio::task::yield_now().await;
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
    }
    _ = node.inject(later.clone());
    archive.set_failing(false);
    archive.newest().wait_for(|newest| *newest == 2).await.unwrap();
    assert_eq!(archive.stored(), [during, later]);
}

#[tokio::test]
async fn what_is_queued_when_the_node_stops_is_stored() {
    let (node, archive) = (node(), TestArchive::new());
    node.record(Arc::clone(&archive) as _);
    let last = envelope(b"last words");
    _ = node.inject(last.clone());
    node.stop().await;
    assert_eq!(archive.stored(), [last]);
}
