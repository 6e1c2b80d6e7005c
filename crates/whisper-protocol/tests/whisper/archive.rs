//! What a node stores in its archive, and what its archive answers to peers.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_mux::Channel;
use tokio::{
    sync::{RwLock, Semaphore, watch},
    task::yield_now,
};
use whisper_envelope::Dialect;
use whisper_protocol::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, ArchiveSettings, Envelope,
    HistoryCursor, HistoryEvent, HistoryFilter, HistoryPage, HistoryQuery, HistoryRequest,
    MemoryArchive,
    archive_1::{ArchiveMessage, ArchiveQuery, ArchiveStatus},
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
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    _ = node.inject(later.clone());
    archive.set_failing(false);
    archive.newest().wait_for(|newest| *newest == 2).await.unwrap();
    assert_eq!(archive.stored(), [during, later]);
}

/// An archive whose file is damaged.
#[derive(Debug)]
struct DamagedArchive(MemoryArchive);

impl Archive for DamagedArchive {
    fn id(&self) -> ArchiveId {
        self.0.id()
    }

    fn append(&self, _envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(async { Err(ArchiveError::damaged("a damaged page")) })
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        self.0.page(query)
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest()
    }
}

/// It would never succeed. Meanwhile the queue would fill up, and peers would wait for it.
#[tokio::test(start_paused = true)]
async fn a_damaged_archive_is_given_up() {
    let (node, archive) = (node(), TestArchive::new());
    let damaged = Arc::new(DamagedArchive(MemoryArchive::new(ArchiveId([1; 8]))));
    node.record(Arc::clone(&damaged) as _);
    _ = node.inject(envelope(b"lost"));
    while Arc::strong_count(&damaged) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.stats().archive.lost, 1, "what it did not take");
    tokio::time::advance(Duration::from_secs(60)).await;
    for content in [b"not taken", b"not taken either"] as [&[u8]; 2] {
        _ = node.inject(envelope(content));
    }
    assert_eq!(node.stats().archive.failed, 1, "it is not repeated");
    assert_eq!(node.stats().archive.lost, 3, "what came later is counted");
    // Another archive gets what arrives from then on.
    node.record(Arc::clone(&archive) as _);
    let later = envelope(b"later");
    _ = node.inject(later.clone());
    archive.newest().wait_for(|newest| *newest == 1).await.unwrap();
    assert_eq!(archive.stored(), [later]);
    assert_eq!(node.stats().archive.lost, 3);
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

/// An archive whose database does not answer.
#[derive(Debug)]
struct FrozenArchive {
    memory: MemoryArchive,
    /// Whether it still says what it has.
    is_described: bool,
    /// Number of calls that wait for an answer.
    waiting: AtomicUsize,
}

impl FrozenArchive {
    fn wait<T: Send + 'static>(&self) -> ArchiveFuture<'_, T> {
        self.waiting.fetch_add(1, Relaxed);
        Box::pin(std::future::pending())
    }
}

impl Archive for FrozenArchive {
    fn id(&self) -> ArchiveId {
        self.memory.id()
    }

    fn append(&self, _: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        self.wait()
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        if query.limit == 0 && self.is_described { self.memory.page(query) } else { self.wait() }
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.memory.newest()
    }
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_does_not_answer_does_not_keep_a_node_from_stopping() {
    for is_described in [false, true] {
        let (node, memory) = (node(), MemoryArchive::new(ArchiveId([7; 8])));
        let waiting = AtomicUsize::new(0);
        let archive = Arc::new(FrozenArchive { memory, is_described, waiting });
        node.record(Arc::clone(&archive) as _);
        node.serve_archive(Arc::clone(&archive) as _, ArchiveSettings::default());
        _ = node.inject(envelope(b"last words"));
        let request = HistoryRequest::new(HistoryFilter::All, HistoryCursor::default());
        let mut history = node.history(request).unwrap();
        let reader = tokio::spawn(async move { while history.next().await.is_some() {} });
        // An append and a page.
        while archive.waiting.load(Relaxed) < 2 {
            yield_now().await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let stopped = tokio::time::timeout(Duration::from_secs(60), node.stop()).await;
        assert_eq!(stopped, Ok(()), "{is_described}");
        reader.await.unwrap();
    }
}

/// An archive on a slow disk: a page that was begun is read to its end.
#[derive(Clone, Debug)]
struct SlowArchive {
    archive: MemoryArchive,
    /// Pages that are being read.
    reading: Arc<AtomicUsize>,
    disk: Arc<Semaphore>,
}

impl Archive for SlowArchive {
    fn id(&self) -> ArchiveId {
        self.archive.id()
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        self.archive.append(envelopes)
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        if query.limit == 0 {
            return self.archive.page(query);
        }
        let slow = self.clone();
        slow.reading.fetch_add(1, Relaxed);
        let reading = tokio::spawn(async move {
            let _turn = slow.disk.acquire().await;
            slow.reading.fetch_sub(1, Relaxed);
            slow.archive.page_now(&query)
        });
        Box::pin(async move { reading.await.unwrap() })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.archive.newest()
    }
}

#[tokio::test]
async fn peers_that_ask_and_leave_do_not_make_more_readers_than_there_may_be() {
    let (disk, node) = (Arc::new(Semaphore::new(0)), node());
    let memory = MemoryArchive::new(ArchiveId([7; 8]));
    let archive = SlowArchive { archive: memory, reading: Arc::default(), disk };
    archive.append(vec![envelope(b"stored")]).await.unwrap();
    node.serve_archive(Arc::new(archive.clone()), ArchiveSettings::default());
    let query = ArchiveQuery { credit: 1000, ..ArchiveQuery::new(1, HistoryFilter::All) };
    let messages = [
        ArchiveMessage::Status(ArchiveStatus { archive: None }),
        ArchiveMessage::Query(Box::new(query)),
    ];
    for number in 10..30 {
        let (near, far) = Channel::pipe();
        let id = |number| NodeId([number; 64]);
        let session = tokio::spawn(node.attach_archive(id(1), id(number), near));
        for message in &messages {
            let (code, payload) = message.encode();
            far.send_raw(code, payload).await.unwrap();
        }
        for _ in 0..50 {
            yield_now().await;
        }
        drop(far);
        let _ = session.await.unwrap();
    }
    assert_eq!(archive.reading.load(Relaxed), 8);
    // Those who wait for a reader get one.
    archive.disk.add_permits(Semaphore::MAX_PERMITS);
    while archive.reading.load(Relaxed) > 0 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_reads_of_a_node_are_not_limited_like_those_of_a_peer() {
    let (node, archive) = (node(), MemoryArchive::new(ArchiveId([7; 8])));
    archive.append_now([envelope(b"stored")]).unwrap();
    let settings = ArchiveSettings { max_queries: 2, ..ArchiveSettings::default() };
    node.serve_archive(Arc::new(archive), settings);
    let mut readers = Vec::new();
    for _ in 0..20 {
        let request = HistoryRequest::new(HistoryFilter::All, HistoryCursor::default()).live();
        let mut reader = node.history(request).unwrap();
        let first = reader.next().await.unwrap();
        assert!(matches!(first, HistoryEvent::Envelopes(_)), "{first:?}");
        readers.push(reader);
    }
}
