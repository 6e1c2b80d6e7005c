//! Files of older versions.

use node_store::redb::{TableDefinition, TableHandle as _, WriteTransaction};

use super::*;
use crate::keys::topic_key;

/// The tables of version 1: an envelope had a row of its own.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const HASHES: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("hashes");
const TOPICS: TableDefinition<'_, (u32, u64), (u32, u8)> = TableDefinition::new("topics");
const COUNTS: TableDefinition<'_, u32, u64> = TableDefinition::new("counts");
const HOURS: TableDefinition<'_, u32, (u64, u64)> = TableDefinition::new("hours");
const MINUTES: TableDefinition<'_, u64, u64> = TableDefinition::new("minutes");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

const FIRST: Layout = Layout {
    what: "the archive",
    version: 1,
    create: |transaction| {
        transaction.open_table(LOG)?;
        transaction.open_table(HASHES)?;
        transaction.open_table(TOPICS)?;
        transaction.open_table(COUNTS)?;
        transaction.open_table(HOURS)?;
        transaction.open_table(MINUTES)?;
        transaction.open_table(META)?;
        Ok(())
    },
    upgrades: &[],
    on_damage: OnDamage::MoveAside,
};

const ID: u64 = 0x0102_0304_0506_0708;

/// The first two were removed.
const REMOVED: u64 = 2;

fn old_file(place: &Place, write: impl FnOnce(&WriteTransaction)) {
    let path = place.dir.path().join("archive");
    let store = Store::open(SystemWorld::shared(), &path, &FIRST).unwrap().store;
    let written = store.write(|transaction| {
        write(transaction);
        Ok(())
    });
    written.unwrap();
}

/// Writes as version 1 did.
fn write_old(transaction: &WriteTransaction, envelopes: &[(u64, Envelope)]) {
    let mut bytes = 0;
    for (arrival, envelope) in envelopes {
        let (arrival, topic) = (*arrival, topic_key(envelope.topic()));
        let hash = u64::from_be_bytes(envelope.hash()[..8].try_into().unwrap());
        let sent = 1_700_000_000;
        bytes += envelope.raw().len() as u64;
        let row = [&[6], &envelope.raw()[..]].concat();
        transaction.open_table(LOG).unwrap().insert(arrival, &row[..]).unwrap();
        transaction.open_table(HASHES).unwrap().insert((hash, arrival), ()).unwrap();
        transaction.open_table(TOPICS).unwrap().insert((topic, arrival), (sent, 6)).unwrap();
        let mut counts = transaction.open_table(COUNTS).unwrap();
        let count = counts.get(topic).unwrap().map_or(0, |count| count.value());
        counts.insert(topic, count + 1).unwrap();
    }
    let (first, last) = (envelopes[0].0, envelopes[envelopes.len() - 1].0);
    transaction.open_table(HOURS).unwrap().insert(1_700_000_000 / 3600, (first, last)).unwrap();
    transaction.open_table(MINUTES).unwrap().insert(1_700_000_000 / 60, first).unwrap();
    let mut meta = transaction.open_table(META).unwrap();
    for (name, number) in [("id", ID), ("newest", last), ("removed", REMOVED), ("bytes", bytes)] {
        meta.insert(name, number).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_file_has_the_same_envelopes_and_numbers() {
    let place = Place::new();
    // More than is in memory at once.
    let large = |number: u64| {
        Unsealed::v6(1_700_000_050, 50, Topic([9; 4]), &vec![0; 1 << 20]).seal(number)
    };
    let all_of_them = envelopes(0..300).into_iter().chain((0..17).map(large));
    let old: Vec<_> = (REMOVED + 1..).zip(all_of_them).collect();
    old_file(&place, |transaction| write_old(transaction, &old));
    let max_age = Some(Duration::from_secs(HOUR));
    for _ in 0..2 {
        let (archive, moved_aside) = place.open(Retention { max_age, max_bytes: None });
        assert!(moved_aside.is_none(), "{moved_aside:?}");
        assert_eq!(archive.id(), ArchiveId(ID.to_be_bytes()));
        assert_eq!(*archive.newest().borrow(), 319);
        assert_eq!(all(&archive).await, old);
        assert_eq!(by_topics(&archive).await, (3..=302).collect::<Vec<_>>());
        let page = archive.page(HistoryQuery::new(HistoryFilter::All).after(317)).await.unwrap();
        assert_eq!((page.oldest, page.newest, page.envelopes[0].arrival), (3, 319, 318));
        archive.close().await;
    }
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    let again = archive.append(vec![envelope(7), large(3), envelope(300)]).await.unwrap();
    let numbers: Vec<_> = again.iter().map(|one| (one.arrival, one.known)).collect();
    assert_eq!(numbers, [(10, true), (306, true), (320, false)]);
    let tables = archive.store.read(|transaction| {
        Ok(transaction.list_tables()?.map(|table| table.name().to_owned()).collect::<Vec<_>>())
    });
    let tables = tables.unwrap();
    assert!(!tables.iter().any(|name| name == "log" || name == "topics"), "{tables:?}");
    place.clock.fetch_add(2 * HOUR, Relaxed);
    pruned().await;
    assert_eq!(rows(&archive), [0; 6]);
}

#[tokio::test(start_paused = true)]
async fn an_older_file_that_is_damaged_is_moved_aside() {
    let place = Place::new();
    let old: Vec<_> = (REMOVED + 1..).zip(envelopes(0..5)).collect();
    for row in [&[6, 0xc0][..], &[], &[7]] {
        old_file(&place, |transaction| {
            write_old(transaction, &old);
            transaction.open_table(LOG).unwrap().insert(4, row).unwrap();
        });
        let (archive, moved_aside) = place.open(Retention::default());
        let error = whisper_protocol::identity::causes(&moved_aside.unwrap().error).to_string();
        assert!(error.contains("is damaged") && error.contains("envelope 4"), "{error}");
        assert!(archive.id() != ArchiveId(ID.to_be_bytes()) && all(&archive).await.is_empty());
        archive.close().await;
        std::fs::remove_file(place.dir.path().join("archive")).unwrap();
    }
}
