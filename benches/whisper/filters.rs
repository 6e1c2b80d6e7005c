//! One envelope against many filters.

use std::time::{Duration, Instant};

use tokio::{task::yield_now, time::timeout};
use whisper_envelope::SymmetricKey;
use whisper_node::{
    FilterKey, FilterSettings, FilterSpec, Keys, Settings, Topic, Verdict, Watch, Whisper,
};

use crate::node::{TOPIC, message, one_thread, settings};

/// Envelopes of which the median is taken.
const ENVELOPES: u64 = 100;

/// Filters on the envelope's topic, of which one opens it.
const ON_TOPIC: u32 = 10;

/// Filters that are all on the envelope's topic.
const CROWD: u32 = 1000;

const PATIENCE: Duration = Duration::from_secs(20);

/// Reports the time from a post to its delivery with ever more filters, ten of them on its topic;
/// and what one more trial of a key costs.
pub(crate) fn times() {
    let mut micros = [1_000, 10_000, 100_000].map(|filters| median(filters, ON_TOPIC));
    for (case, micros) in [
        ("whisper.filter_1k_us", micros[0]),
        ("whisper.filter_10k_us", micros[1]),
        ("whisper.filter_100k_us", micros[2]),
    ] {
        benches::measured(case, micros);
    }
    benches::measured("whisper.filter_100k_vs_1k", micros[2] / micros[0]);
    micros[0] = median(CROWD, CROWD) - median(1, 1);
    // On the average half of the keys are tried before the one that opens it.
    benches::measured("whisper.trial_decrypt_us", micros[0] / (f64::from(CROWD) / 2.0));
}

/// Microseconds from a post to its delivery, with so many filters, each with a key of its own.
fn median(filters: u32, on_topic: u32) -> f64 {
    one_thread().block_on(async {
        let node = Whisper::new(Settings {
            filters: FilterSettings { workers: 1, ..Default::default() },
            ..settings()
        });
        let key = SymmetricKey::random(&mut rand::rng());
        let mut watch = watch(&node, node.keys().add_symmetric(key.clone()), TOPIC);
        let others: Vec<Watch> =
            (1..filters).map(|number| other(&node, number, number < on_topic)).collect();
        let mut micros = Vec::new();
        for number in 0..ENVELOPES {
            let envelope = message(&key, number);
            yield_now().await;
            let clock = Instant::now();
            assert_eq!(node.inject(envelope), Verdict::New);
            let received = timeout(PATIENCE, watch.next()).await.expect("no message is lost");
            micros.push(clock.elapsed().as_secs_f64() * 1e6);
            assert!(received.is_some());
        }
        drop(others);
        benches::percentile(&mut micros, 0.5)
    })
}

fn other(node: &Whisper, number: u32, on_topic: bool) -> Watch {
    let keys: &Keys = node.keys();
    let key = keys.add_symmetric(SymmetricKey::random(&mut rand::rng()));
    watch(node, key, if on_topic { TOPIC } else { Topic(number.to_be_bytes()) })
}

fn watch(node: &Whisper, key: whisper_node::KeyId, topic: Topic) -> Watch {
    let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(topic);
    node.watch(spec).expect("the key is there")
}
