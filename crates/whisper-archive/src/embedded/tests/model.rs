//! The archive and a list do the same with any appends, removals, restarts and questions.

use proptest::prelude::*;
use whisper_protocol::{Dialect, StoredEnvelope};

use super::*;

const AGE: u64 = 60;
const MAX_BYTES: u64 = 40_000;

/// Bytes of data. The last two are larger than a block.
const SIZES: [usize; 6] = [16, 300, 300, 1500, 4096, 9000];

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u8, u8, u32, u64)>),
    /// This number of minutes pass.
    Wait(u64),
    Restart,
    Ask(Box<HistoryQuery>),
}

/// What the archive should have: the minute of its arrival with each envelope.
#[derive(Default)]
struct List {
    rows: Vec<(u64, StoredEnvelope)>,
    newest: u64,
    removed: u64,
}

fn sample((topic, size, hours, number): (u8, u8, u32, u64)) -> Envelope {
    let (topic, sent) = (Topic([topic, 1, 2, 3]), 1_700_000_000 + hours * 1800);
    let data = vec![0; SIZES[usize::from(size)]];
    match number % 2 {
        0 => Unsealed::v5(0, sent + 50, 50, topic, Some([1; 12]), &data).seal(number),
        _ => Unsealed::v6(sent + 50, 50, topic, &data).seal(number),
    }
}

impl List {
    fn append(&mut self, minute: u64, envelope: &Envelope) -> Appended {
        let same = |(_, stored): &&(u64, StoredEnvelope)| {
            stored.envelope.raw() == envelope.raw()
                && stored.envelope.dialect() == envelope.dialect()
        };
        if let Some((_, stored)) = self.rows.iter().find(same) {
            return Appended { arrival: stored.arrival, known: true };
        }
        self.newest += 1;
        let arrival = self.newest;
        self.rows.push((minute, StoredEnvelope { arrival, envelope: envelope.clone() }));
        Appended { arrival, known: false }
    }

    fn bytes(&self) -> u64 {
        self.rows.iter().map(|(_, stored)| stored.envelope.raw().len() as u64).sum()
    }

    fn prune(&mut self, minute: u64) {
        while let Some((arrived, first)) = self.rows.first()
            && (*arrived < minute - AGE || self.bytes() > MAX_BYTES)
        {
            self.removed = first.arrival;
            self.rows.remove(0);
        }
    }

    fn page(&self, query: &HistoryQuery) -> HistoryPage {
        let (mut envelopes, mut bytes, mut more) = (Vec::new(), 0, false);
        for (_, stored) in &self.rows {
            if !query.asks_for(stored.arrival, &stored.envelope) {
                continue;
            }
            bytes += stored.envelope.raw().len();
            more = envelopes.len() >= query.limit
                || (bytes > query.max_bytes && !envelopes.is_empty());
            if more {
                break;
            }
            envelopes.push(stored.clone());
        }
        let end = match envelopes.last() {
            _ if !more => query.until.min(self.newest).max(query.after),
            Some(last) => last.arrival,
            None => query.after,
        };
        HistoryPage { end, more, envelopes, oldest: self.removed + 1, newest: self.newest }
    }
}

fn envelope_keys() -> impl Strategy<Value = (u8, u8, u32, u64)> {
    (0..4_u8, 0..6_u8, 0..3_u32, 0..200_u64)
}

fn queries() -> impl Strategy<Value = HistoryQuery> {
    let topics = prop::collection::vec((0..5_u8).prop_map(|topic| Topic([topic, 1, 2, 3])), 0..4);
    let hashes = prop::collection::vec(envelope_keys(), 0..9);
    let filter = prop_oneof![
        Just(HistoryFilter::All),
        topics.clone().prop_map(HistoryFilter::Topics),
        topics.prop_map(|topics| {
            let bloom = topics.into_iter().map(Bloom::of).fold(Bloom([0; 64]), Bloom::union);
            HistoryFilter::Bloom(Box::new(bloom))
        }),
        Just(HistoryFilter::Bloom(Box::new(Bloom::FULL))),
        hashes.prop_map(|all| {
            HistoryFilter::Hashes(all.into_iter().map(|one| *sample(one).hash()).collect())
        }),
    ];
    let dialect = prop::option::of(prop_oneof![Just(Dialect::V5), Just(Dialect::V6)]);
    let sent = (0..3_u32, 0..3_u32).prop_map(|(from, more)| {
        1_700_000_000 + from * 1800..=1_700_000_000 + (from + more) * 1800
    });
    let sent = prop_oneof![Just(0..=u32::MAX), sent];
    let until = prop_oneof![Just(u64::MAX), 0..150_u64];
    let limit = prop_oneof![Just(usize::MAX), 0..30_usize];
    let max_bytes = prop_oneof![Just(usize::MAX), 0..20_000_usize];
    (filter, dialect, sent, 0..150_u64, until, limit, max_bytes).prop_map(
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = prop::collection::vec(envelope_keys(), 1..40).prop_map(Step::Append);
    let ask = queries().prop_map(|query| Step::Ask(Box::new(query)));
    let step = prop_oneof![
        4 => append,
        2 => (1..50_u64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
        12 => ask,
    ];
    prop::collection::vec(step, 1..60)
}

async fn run(steps: Vec<Step>) {
    let place = Place::new();
    let max_age = Some(Duration::from_secs(AGE * 60));
    let retention = Retention { max_age, max_bytes: Some(MAX_BYTES) };
    let (mut archive, mut list) = (place.open(retention).0, List::default());
    for step in steps {
        let minute = place.clock.load(Relaxed) / 60;
        match step {
            Step::Append(envelopes) => {
                let envelopes: Vec<_> = envelopes.into_iter().map(sample).collect();
                let expected: Vec<_> =
                    envelopes.iter().map(|envelope| list.append(minute, envelope)).collect();
                assert_eq!(archive.append(envelopes).await.unwrap(), expected);
                pruned().await;
                list.prune(minute);
            }
            Step::Wait(minutes) => {
                place.clock.fetch_add(60 * minutes, Relaxed);
                pruned().await;
                list.prune(minute + minutes);
            }
            Step::Restart => {
                archive.close().await;
                archive = place.open(retention).0;
            }
            Step::Ask(query) => {
                assert_eq!(
                    archive.page(*query.clone()).await.unwrap(),
                    list.page(&query),
                    "{query:?}"
                );
            }
        }
        assert_eq!(blocks::bytes(&archive), list.bytes());
        let topics: std::collections::BTreeSet<_> =
            list.rows.iter().map(|(_, stored)| stored.envelope.topic().0).collect();
        let [arrivals, hashes, _, _, counts, _] = rows(&archive);
        let expected = list.rows.len() as u64;
        assert_eq!((arrivals, hashes, counts), (expected, expected, topics.len() as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_archive_is_as_a_list(steps in steps()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(run(steps));
    }
}
