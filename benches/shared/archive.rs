//! What is measured of an archive, whatever keeps it.

use std::{env, future::Future, time::Instant};

use futures_util::future::try_join_all;
use rand::{Rng as _, rngs::StdRng};
use whisper_archive::Retention;
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Archive, Bloom, HistoryFilter, HistoryQuery, Topic};

/// Number of topics. Ten of them have one envelope in a hundred, so that a page of 100 is a part of 10 000 arrivals.
const TOPICS: u64 = 1000;

/// Number of envelopes of one append.
const APPEND: u64 = 1024;

/// Number of appends that wait at the same time.
const APPENDS: u64 = 4;

/// Number of pages of each kind.
const PAGES: usize = 2000;

/// Nothing is removed while it is measured.
pub(crate) const FOREVER: Retention = Retention { max_age: None, max_bytes: None };

/// The figures of one kind of store.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
}

/// Number of envelopes of the small archive, and of the large one. The variable `ARCHIVE_BENCH_LARGE` sets another large one, for
/// a machine without the disk or the time.
fn counts() -> [u64; 2] {
    if !benches::measuring() {
        return [20_000, 21_000];
    }
    let large = env::var("ARCHIVE_BENCH_LARGE").ok().and_then(|text| text.parse().ok());
    [100_000, large.unwrap_or(10_000_000)]
}

pub(crate) fn topic(number: u64) -> Topic {
    let mixed = (number % TOPICS).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Topic(u32::try_from(mixed).unwrap_or_default().to_be_bytes())
}

/// An envelope with 256 bytes of data.
pub(crate) fn envelope(number: u64, rng: &mut StdRng) -> Envelope {
    let mut data = [0; 256];
    rand::RngCore::fill_bytes(rng, &mut data);
    let sent = 1_700_000_000 + u32::try_from(number / 100).unwrap_or_default();
    Unsealed::v6(sent + 50, 50, topic(rng.random_range(0..TOPICS)), &data).seal(number)
}

impl Layer {
    fn measured(&self, case: &str, value: f64) {
        benches::measured(&format!("{}.{case}", self.name), value);
    }

    /// Fills an archive and reads it, at both sizes. `bytes` returns what it takes on the disk.
    pub(crate) async fn run<F: Future<Output = u64>>(
        &self,
        archive: &dyn Archive,
        bytes: impl FnOnce() -> F,
    ) {
        let [small, large] = counts();
        let mut rng = benches::rng();
        let (filled, seconds) = timed(fill(archive, 0..small, &mut rng)).await;
        self.measured("append_eps", as_f64(filled) / seconds);
        let [topics, blooms] = self.pages(archive, small, &mut rng).await;
        let (filled, seconds) = timed(fill(archive, small..large, &mut rng)).await;
        eprintln!("{filled} envelopes more in {seconds:.0} s");
        self.measured("bytes_per_envelope", as_f64(bytes().await) / as_f64(large));
        let [mut later, mut later_blooms] = self.pages(archive, large, &mut rng).await;
        self.measured("page_p99_ms", benches::percentile(&mut later, 0.99));
        self.measured("page_10m_vs_100k", ratio(later, topics));
        self.measured("bloom_p99_ms", benches::percentile(&mut later_blooms, 0.99));
        self.measured("bloom_10m_vs_100k", ratio(later_blooms, blooms));
    }

    /// The milliseconds of pages of 100, by ten topics and by the bloom of ten topics.
    async fn pages(&self, archive: &dyn Archive, count: u64, rng: &mut StdRng) -> [Vec<f64>; 2] {
        let pages = if benches::measuring() { PAGES } else { 5 };
        let mut took = [Vec::with_capacity(pages), Vec::with_capacity(pages)];
        for _ in 0..pages {
            let ten: Vec<Topic> = (0..10).map(|_| topic(rng.random_range(0..TOPICS))).collect();
            let bloom = ten.iter().copied().map(Bloom::of).reduce(Bloom::union);
            let bloom = HistoryFilter::Bloom(Box::new(bloom.expect("ten topics")));
            let after = rng.random_range(0..count - 15_000);
            for (took, filter) in took.iter_mut().zip([HistoryFilter::Topics(ten), bloom]) {
                let (page, seconds) =
                    timed(archive.page(HistoryQuery::new(filter).after(after))).await;
                assert_eq!(page.expect("a page").envelopes.len(), 100);
                took.push(seconds * 1e3);
            }
        }
        let medians = took.clone().map(|mut took| benches::percentile(&mut took, 0.5));
        eprintln!("medians over {count} envelopes: {medians:.3?} ms by topics and by bloom");
        took
    }
}

/// Appends new envelopes. Returns how many.
pub(crate) async fn fill(
    archive: &dyn Archive,
    numbers: std::ops::Range<u64>,
    rng: &mut StdRng,
) -> u64 {
    let (mut next, end) = (numbers.start, numbers.end);
    while next < end {
        let mut appends = Vec::new();
        for _ in 0..APPENDS {
            let to = end.min(next + APPEND);
            appends.push((next..to).map(|number| envelope(number, rng)).collect::<Vec<_>>());
            next = to;
        }
        let appends = appends.into_iter().filter(|append| !append.is_empty());
        try_join_all(appends.map(|append| archive.append(append))).await.expect("room on the disk");
    }
    end - numbers.start
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, f64) {
    let clock = Instant::now();
    let result = work.await;
    (result, clock.elapsed().as_secs_f64())
}

/// The ratio of the medians.
fn ratio(mut one: Vec<f64>, mut other: Vec<f64>) -> f64 {
    benches::percentile(&mut one, 0.5) / benches::percentile(&mut other, 0.5)
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
