//! What is particular to the file: its restarts, what it removes, and damage.

mod blocks;
mod model;
mod upgrade;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use node_store::redb::{ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};
use p2p_world::{ClockedWorld, SystemWorld};
use tempfile::TempDir;
use tokio::time::sleep;
use whisper_envelope::Unsealed;
use whisper_protocol::{Bloom, HistoryFilter, Topic};

use super::{block::Position, *};

const HOUR: u64 = 3600;

fn envelope(number: u64) -> Envelope {
    let topic = Topic([u8::try_from(number % 3).unwrap(), 1, 2, 3]);
    Unsealed::v6(1_700_000_050, 50, topic, &[0; 64]).seal(number)
}

fn envelopes(numbers: std::ops::Range<u64>) -> Vec<Envelope> {
    numbers.map(envelope).collect()
}

/// A directory, and the clock of its machine, in seconds since 1970.
struct Place {
    dir: TempDir,
    clock: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000));
        Self { dir: tempfile::tempdir().unwrap(), clock }
    }

    fn open(&self, retention: Retention) -> (EmbeddedArchive, Option<MovedAside>) {
        let clock = Arc::clone(&self.clock);
        let now = move || std::time::UNIX_EPOCH + Duration::from_secs(clock.load(Relaxed));
        let world = ClockedWorld::shared(SystemWorld::shared(), now);
        EmbeddedArchive::open(world, &self.dir.path().join("archive"), retention).unwrap()
    }
}

/// Everything that the archive has: its arrival numbers and the envelopes.
async fn all(archive: &EmbeddedArchive) -> Vec<(u64, Envelope)> {
    let query = HistoryQuery::new(HistoryFilter::All).limit(usize::MAX);
    let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
    page.envelopes.into_iter().map(|stored| (stored.arrival, stored.envelope)).collect()
}

/// The numbers of the envelopes of each topic, by the index.
async fn by_topics(archive: &EmbeddedArchive) -> Vec<u64> {
    let topics = (0..3).map(|topic| Topic([topic, 1, 2, 3])).collect();
    let query = HistoryQuery::new(HistoryFilter::Topics(topics)).limit(usize::MAX);
    let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
    page.envelopes.into_iter().map(|stored| stored.arrival).collect()
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_numbers() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    let id = archive.id();
    archive.append(envelopes(0..3)).await.unwrap();
    archive.close().await;
    let (archive, moved_aside) = place.open(Retention::default());
    assert!(archive.id() == id && moved_aside.is_none());
    assert_eq!(*archive.newest().borrow(), 3);
    let appended = archive.append(envelopes(2..4)).await.unwrap();
    let numbers: Vec<_> = appended.iter().map(|one| (one.arrival, one.known)).collect();
    assert_eq!(numbers, [(3, true), (4, false)]);
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_was_replaced_has_another_id() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    let id = archive.id();
    archive.append(envelopes(0..3)).await.unwrap();
    archive.close().await;
    std::fs::write(place.dir.path().join("archive"), [0xa5; 10_000]).unwrap();
    let (archive, moved_aside) = place.open(Retention::default());
    assert!(archive.id() != id && moved_aside.is_some());
    assert_eq!(*archive.newest().borrow(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_archive_in_which_damage_was_found_is_moved_aside_at_the_next_start() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    let id = archive.id();
    archive.append(envelopes(0..3)).await.unwrap();
    damage(&archive, 1, 2);
    assert_eq!(archive.damage().found(), None);
    let error = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap_err();
    assert!(error.is_damage());
    let found = archive.damage().found().unwrap();
    assert!(found.contains("moved aside at the next start"), "{found}");
    assert!(found.contains("envelope 2"), "{found}");
    // What is not damaged is served until then.
    archive.append(envelopes(3..4)).await.unwrap();
    let after = HistoryQuery::new(HistoryFilter::All).after(2);
    assert_eq!(archive.page(after).await.unwrap().envelopes.len(), 2);
    archive.close().await;

    let (archive, moved_aside) = place.open(Retention::default());
    let error = whisper_protocol::identity::causes(&moved_aside.unwrap().error).to_string();
    assert!(error.contains("envelope 2"), "{error}");
    assert!(archive.id() != id && all(&archive).await.is_empty());
    archive.append(envelopes(0..3)).await.unwrap();
    archive.close().await;
    let (archive, moved_aside) = place.open(Retention::default());
    assert!(moved_aside.is_none() && all(&archive).await.len() == 3);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_renewed_has_another_id_and_the_same_envelopes() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    let id = archive.id();
    archive.append(envelopes(0..3)).await.unwrap();
    let path = place.dir.path().join("archive");
    let renew = || EmbeddedArchive::renew(SystemWorld::shared(), &path);
    assert!(matches!(renew(), Err(OpenError::InUse { .. })));
    archive.close().await;
    let fresh = renew().unwrap();
    assert!(fresh != id);
    let (archive, moved_aside) = place.open(Retention::default());
    assert!(archive.id() == fresh && moved_aside.is_none());
    assert_eq!(all(&archive).await.len(), 3);
}

/// The number of rows of each table: arrivals, hashes, blocks, large envelopes, topics and hours.
fn rows(archive: &EmbeddedArchive) -> [u64; 6] {
    let count = |transaction: &ReadTransaction| {
        Ok([
            transaction.open_table(tables::ARRIVALS)?.len()?,
            transaction.open_table(tables::HASHES)?.len()?,
            transaction.open_table(tables::BLOCKS)?.len()?,
            transaction.open_table(tables::LARGE)?.len()?,
            transaction.open_table(tables::COUNTS)?.len()?,
            transaction.open_table(tables::HOURS)?.len()?,
        ])
    };
    archive.store.read(count).unwrap()
}

/// Makes the RLP of an envelope unreadable. `topic`: the first byte of its topic.
fn damage(archive: &EmbeddedArchive, topic: u8, arrival: u64) {
    change_block(archive, topic, |block| {
        let position = Position::START.seek(block, arrival).unwrap();
        let (row, _) = position.read(block).unwrap().unwrap();
        assert_eq!(row.arrival, arrival);
        let raw = block.len() - position.rest(block).len() + block::HEADER;
        block[raw] = 0x80;
    });
}

/// Changes the last block of a topic.
fn change_block(archive: &EmbeddedArchive, topic: u8, change: impl FnOnce(&mut Vec<u8>)) {
    let topic = u32::from_be_bytes([topic, 1, 2, 3]);
    let changed = archive.store.write(|transaction| {
        let mut blocks = transaction.open_table(tables::BLOCKS)?;
        let last = blocks.range((topic, 0)..=(topic, u64::MAX))?.next_back().unwrap()?;
        let (key, mut block) = (last.0.value(), last.1.value().to_vec());
        drop(last);
        change(&mut block);
        blocks.insert(key, block.as_slice())?;
        Ok(())
    });
    changed.unwrap();
}

/// Waits until the archive has removed what it should have removed by now.
async fn pruned() {
    sleep(Duration::from_secs(70)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_removed() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(2 * HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..1500)).await.unwrap();
    place.clock.fetch_add(HOUR, Relaxed);
    archive.append(envelopes(1500..1503)).await.unwrap();
    pruned().await;
    assert_eq!(all(&archive).await.len(), 1503);

    place.clock.fetch_add(HOUR + 60, Relaxed);
    pruned().await;
    let left = all(&archive).await;
    assert_eq!(left, (1501..).zip(envelopes(1500..1503)).collect::<Vec<_>>());
    assert_eq!(by_topics(&archive).await, [1501, 1502, 1503]);
    let page = archive.page(HistoryQuery::new(HistoryFilter::All).after(7)).await.unwrap();
    assert_eq!(page.oldest, 1501, "the reader is told that it has missed some");

    // They are new again, and the numbers go on even if everything is removed.
    place.clock.fetch_add(3 * HOUR, Relaxed);
    pruned().await;
    assert_eq!(all(&archive).await, []);
    assert_eq!(rows(&archive), [0; 6], "nothing is left in the indices");
    let again = archive.append(envelopes(0..1)).await.unwrap();
    assert_eq!(again, [Appended { arrival: 1504, known: false }]);
    assert_eq!(by_topics(&archive).await, [1504]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_for_a_moment_removes_nothing_and_does_not_stop_the_removal() {
    const AHEAD: u64 = 10 * 365 * 24 * HOUR;
    let place = Place::new();
    let max_age = Some(Duration::from_secs(2 * HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..3)).await.unwrap();
    place.clock.fetch_add(AHEAD, Relaxed);
    archive.append(envelopes(3..4)).await.unwrap();
    pruned().await;
    assert_eq!(all(&archive).await.len(), 4, "nothing is removed");

    place.clock.fetch_sub(AHEAD - HOUR, Relaxed);
    archive.append(envelopes(4..5)).await.unwrap();
    place.clock.fetch_add(HOUR + 60, Relaxed);
    pruned().await;
    assert_eq!(by_topics(&archive).await, [4, 5], "the others are too old");
    place.clock.fetch_add(HOUR, Relaxed);
    pruned().await;
    assert_eq!(rows(&archive), [0; 6]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_for_long_removes_nothing_at_its_start() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..3)).await.unwrap();
    archive.close().await;
    place.clock.fetch_add(40 * 24 * HOUR, Relaxed);
    let (archive, _) = place.open(Retention::default());
    pruned().await;
    assert_eq!(all(&archive).await.len(), 3, "the clock may be wrong");
    sleep(Duration::from_secs(HOUR)).await;
    assert_eq!(rows(&archive), [0; 6]);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_removed() {
    let place = Place::new();
    let size = envelope(1000).raw().len() as u64;
    let max_age = Some(Duration::from_secs(HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: Some(10 * size) });
    archive.append(envelopes(1000..1015)).await.unwrap();
    pruned().await;
    assert_eq!(by_topics(&archive).await, (6..=15).collect::<Vec<_>>());
    pruned().await;
    assert_eq!(all(&archive).await.len(), 10, "the age of what is left is known");
}

#[tokio::test(start_paused = true)]
async fn an_old_row_that_cannot_be_read_does_not_stop_the_removal() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..6)).await.unwrap();
    damage(&archive, 1, 2);
    place.clock.fetch_add(2 * HOUR, Relaxed);
    pruned().await;
    assert_eq!(rows(&archive), [0; 6], "nothing is left in any table");
    let page = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
    assert_eq!(page.oldest, 7);
}

#[tokio::test(start_paused = true)]
async fn an_envelope_whose_hash_begins_like_another_is_stored() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..1)).await.unwrap();
    let similar = archive.store.write(|transaction| {
        let hash = row::hash_key(envelope(1).hash());
        transaction.open_table(tables::HASHES)?.insert((hash, 1), ())?;
        Ok(())
    });
    similar.unwrap();
    let appended = archive.append(envelopes(1..2)).await.unwrap();
    assert_eq!(appended, [Appended { arrival: 2, known: false }]);
    let hashes = HistoryFilter::Hashes(vec![*envelope(1).hash()]);
    let page = archive.page(HistoryQuery::new(hashes)).await.unwrap();
    let stored: Vec<_> = page.envelopes.iter().map(|stored| &stored.envelope).collect();
    assert_eq!(stored, [&envelope(1)]);
}

/// The hashes are written in their own order, and the numbers stay in that of the append.
#[tokio::test(start_paused = true)]
async fn an_append_with_doubles_has_the_numbers_in_its_own_order() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(5..7)).await.unwrap();
    let batch = [envelopes(0..6), envelopes(3..9)].concat();
    let appended = archive.append(batch.clone()).await.unwrap();
    let numbers: Vec<_> = appended.iter().map(|one| (one.arrival, one.known)).collect();
    let new = [3, 4, 5, 6, 7].map(|number| (number, false));
    let known = [(1, true), (6, true), (7, true), (1, true), (2, true)];
    assert_eq!(numbers, [&new[..], &known, &[(8, false), (9, false)]].concat());
    let again = archive.append(batch).await.unwrap();
    let same = again.iter().zip(&appended);
    assert!(same.clone().all(|(now, then)| now.known && now.arrival == then.arrival), "{same:?}");
    let hashes = (0..9).map(|number| *envelope(number).hash()).collect();
    let page = archive.page(HistoryQuery::new(HistoryFilter::Hashes(hashes))).await.unwrap();
    assert_eq!(page.envelopes.len(), 9);
    assert_eq!(rows(&archive)[..2], [9, 9]);
}

#[tokio::test(start_paused = true)]
async fn appends_without_pause_do_not_prevent_the_removal() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..3)).await.unwrap();
    place.clock.fetch_add(2 * HOUR, Relaxed);
    // Each append is as much as is written at once, so that one waits while another is written.
    let appending = [0, 1].map(|half| {
        let archive = archive.clone();
        tokio::spawn(async move {
            for round in 0..4 {
                let first = 10 + 4096 * (2 * round + half);
                archive.append(envelopes(first..first + 4096)).await.unwrap();
            }
            archive.page(HistoryQuery::new(HistoryFilter::All).limit(1)).await.unwrap().oldest
        })
    });
    tokio::time::advance(Duration::from_secs(61)).await;
    for appended in appending {
        assert_eq!(appended.await.unwrap(), 4, "the old ones are removed by now");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_not_left_out() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..3)).await.unwrap();
    damage(&archive, 1, 2);
    let refused = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap_err();
    let text = whisper_protocol::identity::causes(&refused).to_string();
    assert!(text.contains("is damaged") && text.contains("envelope 2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_bloom_reads_no_envelope_of_another_topic() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..3)).await.unwrap();
    // Who reads this row fails.
    damage(&archive, 2, 3);
    let bloom = |topic| HistoryFilter::Bloom(Box::new(Bloom::of(Topic([topic, 1, 2, 3]))));
    let page = archive.page(HistoryQuery::new(bloom(0))).await.unwrap();
    // The bits of the topic of the second envelope are among those of the first.
    assert_eq!((page.envelopes.len(), page.end), (2, 3));
    assert!(archive.page(HistoryQuery::new(bloom(2))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn appends_are_written_together_and_each_gets_its_own_answer() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..1)).await.unwrap();
    let appends = (0..20_u64).map(|number| {
        let archive = archive.clone();
        async move { archive.append(envelopes(number * 2..number * 2 + 2)).await.unwrap() }
    });
    let tasks: Vec<_> = appends.map(tokio::spawn).collect();
    for (number, task) in (0..20).zip(tasks) {
        let appended = task.await.unwrap();
        let expected = [2 * number + 1, 2 * number + 2];
        assert_eq!(appended.iter().map(|one| one.arrival).collect::<Vec<_>>(), expected);
    }
    assert_eq!(all(&archive).await.len(), 40);
}

/// Who asks for what hardly anyone sends does not make the archive read everything at once.
#[tokio::test(start_paused = true)]
async fn a_page_ends_when_enough_was_read_and_says_how_far_it_is_complete() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..300)).await.unwrap();
    let topic = Topic([0, 1, 2, 3]);
    let rare = Unsealed::v5(0, 1_700_000_050, 50, topic, Some([1; 12]), &[0; 64]).seal(1);
    archive.append(vec![rare.clone()]).await.unwrap();
    for filter in [
        HistoryFilter::All,
        HistoryFilter::Topics((0..3).map(|topic| Topic([topic, 1, 2, 3])).collect()),
        HistoryFilter::Bloom(Box::new(Bloom::FULL)),
    ] {
        let mut query = HistoryQuery::new(filter);
        query.dialect = Some(whisper_protocol::Dialect::V5);
        for end in [70, 140, 210, 280] {
            let page = page::read(&archive.store, &query, 70).unwrap();
            assert_eq!((page.envelopes.len(), page.end, page.more), (0, end, true), "{query:?}");
            query = query.after(end);
        }
        let page = page::read(&archive.store, &query, 70).unwrap();
        assert_eq!((page.end, page.more, page.newest), (301, false, 301));
        assert_eq!(page.envelopes[0].envelope, rare);
    }
}
