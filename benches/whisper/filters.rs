//! One envelope against many filters.

use std::time::{Duration, Instant};

use tokio::{task::yield_now, time::timeout};
use whisper_envelope::SymmetricKey;
use whisper_protocol::{
    Config, EnvelopeOutcome, FilterKey, FilterSettings, FilterSpec, Keys, Topic, Watch, Whisper,
};

use crate::node::{TOPIC, message, message_on, settings};

/// Number of envelopes, of whose times the median is taken.
fn envelopes() -> u64 {
    benches::size(100, 3)
}

/// Number of filters on the topic of the envelope, of which one opens it.
const ON_TOPIC: u32 = 10;

/// Number of filters on the topic of an envelope that no filter opens.
fn tried() -> u32 {
    benches::size(1000, 10)
}

/// The topic of the message after each envelope that no filter opens.
const MARK: Topic = Topic(*b"mark");

/// Time after which a message counts as lost.
const DELIVERY_LIMIT: Duration = Duration::from_secs(20);

/// Reports the time from a post to its delivery for different numbers of filters, ten of them on its topic, and the
/// time for trying one more key.
pub(crate) fn times() {
    let micros = benches::size([1_000, 10_000, 100_000], [20, 30, 40]).map(median);
    for (case, micros) in [
        ("whisper.filter_1k_us", micros[0]),
        ("whisper.filter_10k_us", micros[1]),
        ("whisper.filter_100k_us", micros[2]),
    ] {
        benches::measured(case, micros);
    }
    benches::measured("whisper.filter_100k_vs_1k", micros[2] / micros[0]);
    let trials = failed_trials(tried()) - failed_trials(0);
    benches::measured("whisper.trial_decrypt_us", trials / f64::from(tried()));
}

/// The median time from a post to its delivery, in microseconds. Each filter has another key.
fn median(filters: u32) -> f64 {
    benches::one_thread().block_on(async {
        let node = node();
        let key = SymmetricKey::random(&mut rand::rng());
        let mut watch = watch(&node, node.keys().add_symmetric(key.clone()), TOPIC);
        let others: Vec<Watch> =
            (1..filters).map(|number| other(&node, number, number < ON_TOPIC)).collect();
        let mut micros = Vec::new();
        for number in 0..envelopes() {
            let envelope = message(&key, number);
            yield_now().await;
            let clock = Instant::now();
            assert_eq!(node.inject(envelope), EnvelopeOutcome::New);
            let received = timeout(DELIVERY_LIMIT, watch.next()).await.expect("no message is lost");
            micros.push(clock.elapsed().as_secs_f64() * 1e6);
            assert!(received.is_some());
        }
        drop(others);
        benches::percentile(&mut micros, 0.5)
    })
}

/// The median time for trying this number of keys on an envelope that none of them opens, and then delivering the
/// message after it, in microseconds.
fn failed_trials(keys: u32) -> f64 {
    benches::one_thread().block_on(async {
        let node = node();
        let (key, foreign) =
            (SymmetricKey::random(&mut rand::rng()), SymmetricKey::random(&mut rand::rng()));
        let mut mark = watch(&node, node.keys().add_symmetric(key.clone()), MARK);
        let others: Vec<Watch> = (0..keys).map(|number| other(&node, number, true)).collect();
        let mut micros = Vec::new();
        for number in 0..envelopes() {
            let pair = [message(&foreign, number), message_on(MARK, &key, number)];
            yield_now().await;
            let clock = Instant::now();
            assert_eq!(node.inject_all(&pair), [EnvelopeOutcome::New; 2]);
            let received = timeout(DELIVERY_LIMIT, mark.next()).await.expect("no message is lost");
            micros.push(clock.elapsed().as_secs_f64() * 1e6);
            assert!(received.is_some());
        }
        drop(others);
        benches::percentile(&mut micros, 0.5)
    })
}

/// A node with one worker, so that envelopes are opened in order.
fn node() -> Whisper {
    let filters = FilterSettings { workers: 1, ..Default::default() };
    Whisper::new(Config { filters, ..settings() })
}

fn other(node: &Whisper, number: u32, on_topic: bool) -> Watch {
    let keys: &Keys = node.keys();
    let key = keys.add_symmetric(SymmetricKey::random(&mut rand::rng()));
    watch(node, key, if on_topic { TOPIC } else { Topic(number.to_be_bytes()) })
}

fn watch(node: &Whisper, key: whisper_protocol::KeyId, topic: Topic) -> Watch {
    let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(topic);
    node.watch(spec).expect("a known key")
}
