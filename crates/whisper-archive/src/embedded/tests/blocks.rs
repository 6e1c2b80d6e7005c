//! Envelopes of a topic are together in blocks.

use super::*;

const TOPIC: Topic = Topic([1, 1, 2, 3]);

/// An envelope with this number of bytes of data.
fn sized(number: u64, bytes: usize) -> Envelope {
    Unsealed::v6(1_700_000_050, 50, TOPIC, &vec![0; bytes]).seal(number)
}

/// An envelope of this size.
fn of_size(number: u64, size: usize) -> Envelope {
    let other = sized(number, size - 100).raw().len();
    let envelope = sized(number, 2 * size - 100 - other);
    assert_eq!(envelope.raw().len(), size);
    envelope
}

/// The envelopes by each filter, with their arrival numbers.
async fn by_each_filter(
    archive: &EmbeddedArchive,
    expected: &[(u64, Envelope)],
) -> [Vec<(u64, Envelope)>; 4] {
    let hashes = expected.iter().map(|(_, envelope)| *envelope.hash()).collect();
    let filters = [
        HistoryFilter::All,
        HistoryFilter::Topics(vec![TOPIC]),
        HistoryFilter::Bloom(Box::new(Bloom::of(TOPIC))),
        HistoryFilter::Hashes(hashes),
    ];
    let mut all = [const { Vec::new() }; 4];
    for (found, filter) in all.iter_mut().zip(filters) {
        let query = HistoryQuery::new(filter).limit(usize::MAX);
        let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
        *found =
            page.envelopes.into_iter().map(|stored| (stored.arrival, stored.envelope)).collect();
    }
    all
}

/// The bytes of all envelopes, as the archive knows them.
pub(super) fn bytes(archive: &EmbeddedArchive) -> u64 {
    let bytes = archive
        .store
        .read(|transaction| tables::number(&transaction.open_table(tables::META)?, tables::BYTES));
    bytes.unwrap()
}

#[tokio::test(start_paused = true)]
async fn blocks_are_filled_by_appends_and_after_restarts() {
    let place = Place::new();
    let expected: Vec<_> = (1..=30).map(|number| (number, sized(number, 256))).collect();
    for (number, envelope) in &expected {
        let (archive, moved_aside) = place.open(Retention::default());
        assert!(moved_aside.is_none());
        archive.append(vec![envelope.clone()]).await.unwrap();
        let row = block::HEADER + envelope.raw().len();
        let blocks = number.div_ceil((block::MAX_BYTES / row) as u64);
        assert_eq!(rows(&archive), [*number, *number, blocks, 0, 1, 1]);
        archive.close().await;
    }
    let (archive, _) = place.open(Retention::default());
    for found in by_each_filter(&archive, &expected).await {
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_envelope_may_be_larger_than_a_block() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    let sizes = [200, block::MAX_INSIDE, block::MAX_INSIDE + 1, 200, 100_000, 200];
    let expected: Vec<_> =
        (1..).zip(sizes).map(|(number, size)| (number, of_size(number, size))).collect();
    let envelopes: Vec<_> = expected.iter().map(|(_, envelope)| envelope.clone()).collect();
    archive.append(envelopes[..3].to_vec()).await.unwrap();
    archive.append(envelopes[3..].to_vec()).await.unwrap();
    assert_eq!(rows(&archive), [6, 6, 3, 2, 1, 1]);
    for found in by_each_filter(&archive, &expected).await {
        assert_eq!(found, expected);
    }
    let again = archive.append(envelopes).await.unwrap();
    let known = (1..=6).map(|arrival| Appended { arrival, known: true });
    assert_eq!(again, known.collect::<Vec<_>>());
    place.clock.fetch_add(2 * HOUR, Relaxed);
    pruned().await;
    assert_eq!((rows(&archive), bytes(&archive)), ([0; 6], 0));
}

#[tokio::test(start_paused = true)]
async fn a_page_begins_and_ends_within_a_block() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..150)).await.unwrap();
    assert!((6..50).contains(&rows(&archive)[2]), "some blocks of several envelopes");
    let numbers = |number| [number, 1, 2, 3];
    for filter in [
        HistoryFilter::All,
        HistoryFilter::Topics(vec![Topic(numbers(1)), Topic(numbers(2))]),
        HistoryFilter::Topics(vec![Topic(numbers(2))]),
    ] {
        for (after, limit) in (0..150).flat_map(|after| [(after, 10), (after, 100)]) {
            let until = after + 40;
            let query = HistoryQuery::new(filter.clone()).after(after).limit(limit);
            let page = archive.page(HistoryQuery { until, ..query }).await.unwrap();
            let found = page.envelopes.iter().map(|stored| (stored.arrival, &stored.envelope));
            let expected: Vec<_> = (after + 1..=until.min(150))
                .map(|arrival| (arrival, envelope(arrival - 1)))
                .filter(|(_, envelope)| filter.lets_through(envelope))
                .take(limit)
                .collect();
            assert!(found.eq(expected.iter().map(|(arrival, one)| (*arrival, one))), "{after}");
        }
    }
}

/// More topics than blocks are kept open.
#[tokio::test(start_paused = true)]
async fn a_page_of_all_topics_goes_through_many_topics_in_turn() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    let expected: Vec<_> = (0..3 * 1100_u32)
        .map(|number| {
            let topic = Topic((number % 1100).to_be_bytes());
            Unsealed::v6(1_700_000_050, 50, topic, &[0; 16]).seal(number.into())
        })
        .collect();
    archive.append(expected.clone()).await.unwrap();
    assert_eq!(rows(&archive)[2], 1100);
    assert!(all(&archive).await.into_iter().eq((1..).zip(expected)));
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_block_is_removed() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(2 * HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..100)).await.unwrap();
    place.clock.fetch_add(HOUR, Relaxed);
    archive.append(envelopes(100..110)).await.unwrap();
    let size = envelope(0).raw().len() as u64;
    assert_eq!(bytes(&archive), 110 * size);
    place.clock.fetch_add(HOUR + 60, Relaxed);
    pruned().await;
    assert_eq!(all(&archive).await, (101..).zip(envelopes(100..110)).collect::<Vec<_>>());
    assert_eq!(by_topics(&archive).await, (101..=110).collect::<Vec<_>>());
    assert_eq!((rows(&archive), bytes(&archive)), ([10, 10, 3, 0, 3, 1], 10 * size));
    let left = archive.store.read(|transaction| {
        let blocks = transaction.open_table(tables::BLOCKS)?;
        let bytes = blocks.iter()?.map(|entry| Ok(entry?.1.value().len()));
        bytes.sum::<Result<usize, node_store::redb::Error>>()
    });
    assert_eq!(left.unwrap() as u64, 10 * (size + block::HEADER as u64));
    // The blocks go on.
    archive.append(envelopes(110..120)).await.unwrap();
    assert_eq!(by_topics(&archive).await, (101..=120).collect::<Vec<_>>());
}

/// What is written after the damage could not be read.
#[tokio::test(start_paused = true)]
async fn nothing_is_appended_to_a_damaged_block() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..6)).await.unwrap();
    change_block(&archive, 1, |block| block.truncate(block.len() - 1));
    let error = archive.append(envelopes(6..9)).await.unwrap_err();
    assert!(error.is_damage());
    let text = whisper_protocol::identity::causes(&error).to_string();
    assert!(text.contains("envelope 5: its block ends within it"), "{text}");
    let other = archive.append(vec![envelope(6)]).await.unwrap();
    assert_eq!(other, [Appended { arrival: 7, known: false }], "another topic is not damaged");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_block_does_not_stop_the_removal() {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(2 * HOUR));
    let (archive, _) = place.open(Retention { max_age, max_bytes: None });
    archive.append(envelopes(0..6)).await.unwrap();
    place.clock.fetch_add(HOUR, Relaxed);
    archive.append(envelopes(6..12)).await.unwrap();
    // The size of the first row of the block, and nothing at all.
    change_block(&archive, 1, |block| block[block::HEADER - 1] ^= 1);
    change_block(&archive, 2, Vec::clear);
    place.clock.fetch_add(HOUR + 60, Relaxed);
    pruned().await;
    let query = HistoryQuery::new(HistoryFilter::Topics(vec![Topic([0, 1, 2, 3])]));
    let page = archive.page(query).await.unwrap();
    assert_eq!((page.envelopes.len(), page.oldest), (2, 7), "what is not damaged is left");
    place.clock.fetch_add(2 * HOUR, Relaxed);
    pruned().await;
    assert_eq!((rows(&archive), bytes(&archive)), ([0; 6], 0));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_not_in_its_block_is_missed() {
    let place = Place::new();
    let (archive, _) = place.open(Retention::default());
    archive.append(envelopes(0..6)).await.unwrap();
    change_block(&archive, 1, Vec::clear);
    let hashes = HistoryFilter::Hashes(vec![*envelope(1).hash()]);
    for filter in [HistoryFilter::All, hashes] {
        let error = archive.page(HistoryQuery::new(filter)).await.unwrap_err();
        let text = whisper_protocol::identity::causes(&error).to_string();
        assert!(text.contains("envelope 2: it is missing"), "{text}");
    }
}
