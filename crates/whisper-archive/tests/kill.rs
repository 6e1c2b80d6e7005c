//! A process that is killed while it appends loses nothing that it has acknowledged.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use node_store::test_util::Killed;
use p2p_world::SystemWorld;
use whisper_archive::{EmbeddedArchive, Retention};
use whisper_envelope::Unsealed;
use whisper_protocol::{Archive as _, Envelope, HistoryFilter, HistoryQuery, Topic};

/// Kills with one file. Then there is a new one, because a larger file takes longer.
const PER_FILE: u32 = 50;

fn envelope(number: u64) -> Envelope {
    let topic = Topic([u8::try_from(number % 7).unwrap(), 1, 2, 3]);
    Unsealed::v6(1_700_000_050, 50, topic, &number.to_be_bytes()).seal(1)
}

fn open(path: &Path) -> EmbeddedArchive {
    let opened = EmbeddedArchive::open(SystemWorld::shared(), path, Retention::default());
    let (archive, moved_aside) = opened.unwrap();
    assert!(moved_aside.is_none(), "{moved_aside:?}");
    archive
}

#[tokio::test]
async fn a_killed_writer_loses_nothing() {
    let killed = Killed::test("a_killed_writer_loses_nothing");
    if let Some(path) = killed.writer() {
        return append_without_end(&path).await;
    }
    let mut dir = tempfile::tempdir().unwrap();
    let mut before = 0;
    for kill in 0..killed.times() {
        if kill % PER_FILE == 0 {
            (dir, before) = (tempfile::tempdir().unwrap(), 0);
        }
        let path = dir.path().join("archive");
        let acknowledged = killed.kill_while_writing(&path);
        let archive = open(&path);
        let newest = *archive.newest().borrow();
        assert!(
            newest >= acknowledged && acknowledged > before,
            "{kill}: {newest}, {acknowledged}"
        );
        check(&archive, before, newest).await;
        archive.close().await;
        before = newest;
    }
}

/// The envelopes from one arrival number to another are there, in the log and in the indices.
async fn check(archive: &EmbeddedArchive, after: u64, newest: u64) {
    let topics = (0..7).map(|number| Topic([number, 1, 2, 3])).collect();
    let hashes = (after + 1..=newest).map(|number| *envelope(number).hash()).collect();
    for filter in [HistoryFilter::All, HistoryFilter::Topics(topics), HistoryFilter::Hashes(hashes)]
    {
        let limit = usize::try_from(newest - after).unwrap();
        let query = HistoryQuery::new(filter).after(after).limit(limit);
        let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
        assert_eq!((page.envelopes.len(), page.end, page.more), (limit, newest, false));
        for stored in page.envelopes {
            assert_eq!(stored.envelope, envelope(stored.arrival));
        }
    }
}

async fn append_without_end(path: &Path) {
    let archive = open(path);
    let first = *archive.newest().borrow() + 1;
    for number in (first..).step_by(50) {
        archive.append((number..number + 50).map(envelope).collect()).await.unwrap();
        Killed::acknowledge(number + 49);
    }
}
