//! A flood of valid envelopes with little work, beyond the budget of the pool, and honest messages beside it.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use whisper_envelope::{Envelope, SymmetricKey, Unsealed};
use whisper_pow::{Rule, Task, search};
use whisper_protocol::{Config, EnvelopeOutcome, Watch};

use crate::{
    node::{Node, draft, envelopes, runtime, settings},
    raw_peer::RawPeer,
};

/// The pool budget of the flooded node, in bytes.
fn budget() -> usize {
    benches::size(4 << 20, 256 << 10)
}

/// Number of envelopes in the flood, five times the budget.
fn flood() -> u64 {
    benches::size(50_000, 4000)
}

/// Number of envelopes in one packet of the flood.
const PACKET: usize = 200;

/// Number of honest messages without the flood, and during it.
fn messages() -> u64 {
    benches::size(100, 3)
}

/// Zero bits of the honest messages; nearly all envelopes of the flood have fewer.
const HONEST_BITS: u32 = 12;

/// Time after which a message counts as lost.
const DELIVERY_LIMIT: Duration = Duration::from_secs(5);

/// Reports the time of honest messages from one node to another while a third peer floods the second one, absolute
/// and as a multiple of the time without the flood, and the size of the pool as a multiple of its budget.
pub(crate) fn latency() {
    let Measured { mut idle, mut flooded, bytes } = runtime().block_on(measure());
    let ratio = |at, idle: &mut [f64], flooded: &mut [f64]| {
        benches::percentile(flooded, at) / benches::percentile(idle, at)
    };
    benches::measured("whisper.flood_p50_ms", benches::percentile(&mut flooded, 0.5));
    benches::measured("whisper.flood_p99_ms", benches::percentile(&mut flooded, 0.99));
    benches::measured("whisper.flood_vs_idle_p50", ratio(0.5, &mut idle, &mut flooded));
    benches::measured("whisper.flood_vs_idle_p99", ratio(0.99, &mut idle, &mut flooded));
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    benches::measured("whisper.flood_pool_vs_budget", bytes as f64 / budget() as f64);
}

struct Measured {
    /// Times without the flood, in milliseconds.
    idle: Vec<f64>,
    /// Times during the flood, in milliseconds.
    flooded: Vec<f64>,
    /// The size of the pool after the flood, in bytes.
    bytes: usize,
}

async fn measure() -> Measured {
    let victim = Node::start_with(Config { pool_bytes: budget(), ..settings() }, None).await;
    let honest = Node::start(Some(&victim)).await;
    let key = SymmetricKey::random(&mut rand::rng());
    let mut watch = victim.watch(&key);
    let sealed: Vec<Envelope> = (0..=2 * messages()).map(|_| sealed(&draft(&key))).collect();
    let (first, rest) = sealed.split_at(1);
    honest_times(&honest, &mut watch, first, Duration::ZERO).await; // waits for the connection
    let (alone, beside) = rest.split_at(rest.len() / 2);
    let pause = Duration::from_millis(5);
    let idle = honest_times(&honest, &mut watch, alone, pause).await;

    let enode = victim.server.enode();
    let flood: Vec<Envelope> = envelopes(flood(), 300).collect();
    let flooder = tokio::spawn(async move {
        let peer = RawPeer::connect(&enode).await;
        for packet in flood.chunks(PACKET).cycle() {
            peer.send(packet).await;
        }
    });
    while victim.whisper.stats().relay.evicted == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let flooded = honest_times(&honest, &mut watch, beside, pause).await;
    let bytes = victim.whisper.info().pool_bytes;
    flooder.abort();
    honest.stop().await;
    victim.stop().await;
    Measured { idle, flooded, bytes }
}

/// The times from posting on the honest node to delivery on the other one, in milliseconds.
async fn honest_times(
    honest: &Node,
    watch: &mut Watch,
    envelopes: &[Envelope],
    pause: Duration,
) -> Vec<f64> {
    let mut times = Vec::new();
    for envelope in envelopes {
        let clock = Instant::now();
        assert_eq!(honest.whisper.inject(envelope.clone()), EnvelopeOutcome::New);
        let received = timeout(DELIVERY_LIMIT, watch.next()).await.expect("no message is lost");
        times.push(clock.elapsed().as_secs_f64() * 1e3);
        assert_eq!(received.map(|received| received.hash), Some(*envelope.hash()));
        sleep(pause).await;
    }
    times
}

/// Seals an envelope with [`HONEST_BITS`] of work.
pub(crate) fn sealed(unsealed: &Unsealed) -> Envelope {
    let task = Task::new(Rule::EIP_627, unsealed).expect("a time to live");
    let found = search(&task, 0..=u64::MAX, HONEST_BITS, || false).best.expect("a nonce");
    unsealed.seal(found.nonce)
}
