//! The promises, for any archive.

use std::ops::RangeInclusive;

use proptest::prelude::*;
use whisper_protocol::{
    Archive, ArchiveId, Bloom, Dialect, Envelope, HistoryFilter, HistoryQuery, MemoryArchive, Topic,
};

use crate::samples::{SENT, envelope, sample};

/// Calls a macro with the names of the promises below.
macro_rules! every {
    ($macro:ident) => {
        $macro! {
            an_envelope_is_stored_once,
            what_arrives_late_is_not_missed,
            a_full_page_is_not_always_followed_by_another,
            an_append_wakes_readers,
            pages_have_limits
        }
    };
}
pub(crate) use every;

/// Envelopes keep the number that they got first.
pub(crate) async fn an_envelope_is_stored_once(archive: &dyn Archive) {
    let twice = vec![envelope(1, 1), envelope(1, 2), envelope(1, 1)];
    let appended = archive.append(twice.clone()).await.unwrap();
    let numbers = |appended: &[whisper_protocol::Appended]| {
        appended.iter().map(|one| (one.arrival, one.known)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&appended), [(1, false), (2, false), (1, true)]);
    let again = archive.append(twice).await.unwrap();
    assert_eq!(numbers(&again), [(1, true), (2, true), (1, true)]);
    assert_eq!(*archive.newest().borrow(), 2);
}

/// What was sent long ago and arrives late is on the next page.
pub(crate) async fn what_arrives_late_is_not_missed(archive: &dyn Archive) {
    archive.append(vec![envelope(1, 1), envelope(1, 2)]).await.unwrap();
    let query = HistoryQuery::new(HistoryFilter::Topics(vec![Topic([1, 1, 2, 3])]));
    let first = archive.page(query.clone()).await.unwrap();
    assert_eq!((first.envelopes.len(), first.end, first.more), (2, 2, false));

    let late = sample(Dialect::V6, 1, SENT - 600, 3);
    archive.append(vec![late.clone(), envelope(2, 4)]).await.unwrap();
    let next = archive.page(query.after(first.end)).await.unwrap();
    let stored = next.envelopes.iter().map(|stored| (stored.arrival, &stored.envelope));
    assert_eq!(stored.collect::<Vec<_>>(), [(3, &late)]);
    assert_eq!(next.end, 4, "complete also for what does not match");
}

/// A page that ends exactly at the limit says that nothing is left.
pub(crate) async fn a_full_page_is_not_always_followed_by_another(archive: &dyn Archive) {
    archive.append((1..=4).map(|number| envelope(1, number)).collect()).await.unwrap();
    for filter in [
        HistoryFilter::All,
        HistoryFilter::Topics(vec![Topic([1, 1, 2, 3])]),
        HistoryFilter::Bloom(Box::new(Bloom::of(Topic([1, 1, 2, 3])))),
    ] {
        let query = HistoryQuery::new(filter);
        let page = archive.page(query.clone().limit(4)).await.unwrap();
        assert_eq!((page.envelopes.len(), page.end, page.more), (4, 4, false));
        let page = archive.page(query.limit(3)).await.unwrap();
        assert_eq!((page.envelopes.len(), page.end, page.more), (3, 3, true));
    }
}

/// Readers of the newest number are woken by an append.
pub(crate) async fn an_append_wakes_readers(archive: &dyn Archive) {
    let mut newest = archive.newest();
    assert_eq!(*newest.borrow_and_update(), 0);
    archive.append(vec![envelope(1, 1), envelope(1, 2)]).await.unwrap();
    newest.changed().await.unwrap();
    assert_eq!(*newest.borrow_and_update(), 2);
    let page = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
    assert_eq!(page.end, 2, "what is announced can be read");
}

/// The limits of a page.
pub(crate) async fn pages_have_limits(archive: &dyn Archive) {
    let size = envelope(1, 1).raw().len();
    archive.append((1..=5).map(|number| envelope(1, number)).collect()).await.unwrap();
    let query = HistoryQuery::new(HistoryFilter::All);
    for (max_bytes, expected) in [(0, 1), (size, 1), (2 * size, 2), (3 * size - 1, 2)] {
        let page = archive.page(HistoryQuery { max_bytes, ..query.clone() }).await.unwrap();
        assert_eq!((page.envelopes.len(), page.more), (expected, true), "{max_bytes}");
    }
    let none = archive.page(query.clone().after(2).limit(0)).await.unwrap();
    assert_eq!((none.envelopes.len(), none.end, none.more), (0, 2, true));
    let beyond = archive.page(query.after(9)).await.unwrap();
    assert_eq!((beyond.envelopes.len(), beyond.end, beyond.more), (0, 9, false));
}

/// A batch of envelopes of few topics, times and numbers, so that some are the same.
pub(crate) fn batches() -> impl Strategy<Value = Vec<Vec<Envelope>>> {
    let one =
        (any::<bool>(), 0..6_u8, 0..4_u32, 0..12_u64).prop_map(|(old, topic, hours, number)| {
            let dialect = if old { Dialect::V5 } else { Dialect::V6 };
            sample(dialect, topic, SENT + hours * 1800, number)
        });
    prop::collection::vec(prop::collection::vec(one, 1..20), 1..6)
}

/// Any query about such envelopes.
pub(crate) fn queries() -> impl Strategy<Value = HistoryQuery> {
    let topic = (0..8_u8).prop_map(|topic| Topic([topic, 1, 2, 3]));
    let topics = prop::collection::vec(topic, 0..6);
    let filter = prop_oneof![
        Just(HistoryFilter::All),
        topics.clone().prop_map(HistoryFilter::Topics),
        topics.prop_map(|topics| {
            let bloom =
                topics.into_iter().map(Bloom::of).fold(Bloom::of(Topic([9; 4])), Bloom::union);
            HistoryFilter::Bloom(Box::new(bloom))
        }),
        Just(HistoryFilter::Bloom(Box::new(Bloom([0xff; 64])))),
        prop::collection::vec((0..6_u8, 0..12_u64), 0..9).prop_map(|some| {
            let hash = |(topic, number)| *envelope(topic, number).hash();
            HistoryFilter::Hashes(some.into_iter().map(hash).collect())
        }),
    ];
    let dialect = prop::option::of(prop_oneof![Just(Dialect::V5), Just(Dialect::V6)]);
    let sent = prop_oneof![
        Just(0..=u32::MAX),
        (0..4_u32, 0..3_u32).prop_map(|(from, more)| -> RangeInclusive<u32> {
            SENT + from * 1800..=SENT + (from + more) * 1800
        }),
    ];
    let until = prop_oneof![Just(u64::MAX), 0..60_u64];
    let max_bytes = prop_oneof![Just(usize::MAX), 0..2000_usize];
    (filter, dialect, sent, 0..60_u64, until, 0..30_usize, max_bytes).prop_map(
        |(filter, dialect, sent, after, until, limit, max_bytes)| HistoryQuery {
            filter,
            dialect,
            sent,
            after,
            until,
            limit,
            max_bytes,
        },
    )
}

/// The archive answers as the one in memory, which is a list.
pub(crate) async fn it_answers_as_a_list(
    archive: &dyn Archive,
    batches: Vec<Vec<Envelope>>,
    queries: Vec<HistoryQuery>,
) {
    let list = MemoryArchive::new(ArchiveId([0; 8]));
    for batch in batches {
        let expected = list.append_now(batch.clone()).unwrap();
        assert_eq!(archive.append(batch).await.unwrap(), expected);
    }
    for query in queries {
        let page = archive.page(query.clone()).await.unwrap();
        assert_eq!(page, list.page_now(&query).unwrap(), "{query:?}");
    }
}
