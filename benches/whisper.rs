//! The Whisper node: one hop from a post to its delivery, and what taking in an envelope costs.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use p2p_mux::identity::SecretKey;
use p2p_server::{Config, Server};
use tokio::{runtime::Runtime, time::timeout};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SymmetricKey};
use whisper_node::{Clock, FilterKey, FilterSpec, Settings, Topic, Verdict, Whisper};

/// Messages of which a hop's percentiles are taken.
const MESSAGES: u32 = 200;

/// What a message may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);

const TOPIC: Topic = Topic(*b"news");

/// A node and its connections.
struct Node {
    whisper: Whisper,
    server: Server,
}

impl Node {
    async fn start(knows: Option<&Self>) -> Self {
        let whisper = Whisper::new(settings());
        let mut config = Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
        config = config.protocols(whisper.protocols());
        if let Some(other) = knows {
            config = config.static_node(other.server.enode());
        }
        Self { whisper, server: Server::start(config).await.expect("a free port") }
    }

    async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

/// No proof of work: the hop is measured, not the search.
fn settings() -> Settings {
    Settings { min_work: 0.0, ..Settings::default() }
}

/// A sealed message of 200 bytes that no other is equal to.
fn envelope(key: &SymmetricKey, number: u64) -> Envelope {
    let payload = benches::bytes(200);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), Clock::system().now());
    let unsealed =
        draft.payload(&payload).topic(TOPIC).encrypt(&mut rand::rng()).expect("a good draft");
    unsealed.seal(number)
}

/// Milliseconds from posting a message on one node to its delivery on the other, message after message.
async fn hops() -> Vec<f64> {
    let near = Node::start(None).await;
    let far = Node::start(Some(&near)).await;
    let key = SymmetricKey::random(&mut rand::rng());
    let spec = FilterSpec::new(FilterKey::Symmetric(far.whisper.keys().add_symmetric(key.clone())))
        .topic(TOPIC);
    let mut watch = far.whisper.watch(spec).expect("the key is there");

    // The first message waits for the connection; it is not counted.
    let mut times = Vec::new();
    for number in 0..=u64::from(MESSAGES) {
        let envelope = envelope(&key, number);
        let hash = *envelope.hash();
        let clock = Instant::now();
        assert_eq!(near.whisper.inject(envelope), Verdict::New);
        let received = timeout(PATIENCE, watch.next())
            .await
            .expect("no message is lost")
            .expect("the node runs");
        times.push(clock.elapsed().as_secs_f64() * 1e3);
        assert_eq!(received.hash, hash, "in order, and none twice");
    }
    far.stop().await;
    near.stop().await;
    times.split_off(1)
}

fn hop(_: &mut Criterion) {
    let mut times = Runtime::new().expect("a runtime").block_on(hops());
    benches::measured("whisper.hop_p50_ms", benches::percentile(&mut times, 0.5));
    benches::measured("whisper.hop_p99_ms", benches::percentile(&mut times, 0.99));
}

fn inject(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let whisper = Whisper::new(settings());
    let key = SymmetricKey::random(&mut rand::rng());
    let mut group = criterion.benchmark_group("whisper");
    let mut number = 0;
    group.bench_function("inject", |bencher| {
        let fresh = || {
            number += 1;
            envelope(&key, number)
        };
        bencher.iter_batched(fresh, |envelope| whisper.inject(envelope), BatchSize::SmallInput);
    });
}

criterion_group!(benches, hop, inject);
criterion_main!(benches);
