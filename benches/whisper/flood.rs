//! A flood of valid envelopes of little work, beyond the pool's budget; and who is honest meanwhile.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use whisper_envelope::{Envelope, SymmetricKey, Unsealed};
use whisper_pow::{Rule, Task, search};
use whisper_protocol::{Settings, Verdict, Watch};

use crate::{
    node::{Node, draft, envelopes, runtime, settings},
    raw_peer::RawPeer,
};

/// The budget of the node that is flooded.
const BUDGET: usize = 4 << 20;

/// Envelopes of the flood: five times what fits.
const FLOOD: u64 = 50_000;

/// Envelopes in one packet of the flood.
const PACKET: usize = 200;

/// Honest messages while nothing else happens, and during the flood.
const MESSAGES: u64 = 100;

/// Zero bits of the honest: more than nearly all of the flood have by chance.
const HONEST_BITS: u32 = 12;

const PATIENCE: Duration = Duration::from_secs(5);

/// Reports how long honest messages take from one node to another while that is flooded by a third
/// peer, in times of what they take otherwise; and what the pool holds, in times of its budget.
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
    benches::measured("whisper.flood_pool_vs_budget", bytes as f64 / BUDGET as f64);
}

struct Measured {
    /// Milliseconds.
    idle: Vec<f64>,
    flooded: Vec<f64>,
    /// The most that the pool was seen to hold.
    bytes: usize,
}

async fn measure() -> Measured {
    let victim = Node::start_with(Settings { pool_bytes: BUDGET, ..settings() }, None).await;
    let honest = Node::start(Some(&victim)).await;
    let key = SymmetricKey::random(&mut rand::rng());
    let mut watch = victim.watch(&key);
    let sealed: Vec<Envelope> = (0..=2 * MESSAGES).map(|_| sealed(&draft(&key))).collect();
    let (first, rest) = sealed.split_at(1);
    honest_times(&honest, &mut watch, first, Duration::ZERO).await; // waits for the connection
    let (alone, beside) = rest.split_at(rest.len() / 2);
    let every = Duration::from_millis(5);
    let idle = honest_times(&honest, &mut watch, alone, every).await;

    let enode = victim.server.enode();
    let flood: Vec<Envelope> = envelopes(FLOOD, 300).collect();
    let flooder = tokio::spawn(async move {
        let peer = RawPeer::connect(&enode).await;
        for packet in flood.chunks(PACKET).cycle() {
            peer.send(packet).await;
        }
    });
    while victim.whisper.stats().relay.evicted == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let flooded = honest_times(&honest, &mut watch, beside, every).await;
    let bytes = victim.whisper.info().memory;
    flooder.abort();
    honest.stop().await;
    victim.stop().await;
    Measured { idle, flooded, bytes }
}

/// Milliseconds from posting on the honest node to delivery on the other.
async fn honest_times(
    honest: &Node,
    watch: &mut Watch,
    envelopes: &[Envelope],
    every: Duration,
) -> Vec<f64> {
    let mut times = Vec::new();
    for envelope in envelopes {
        let clock = Instant::now();
        assert_eq!(honest.whisper.inject(envelope.clone()), Verdict::New);
        let received = timeout(PATIENCE, watch.next()).await.expect("no message is lost");
        times.push(clock.elapsed().as_secs_f64() * 1e3);
        assert_eq!(received.map(|received| received.hash), Some(*envelope.hash()));
        sleep(every).await;
    }
    times
}

fn sealed(unsealed: &Unsealed) -> Envelope {
    let task = Task::new(Rule::EIP_627, unsealed).expect("it lives");
    let found = search(&task, 0..=u64::MAX, HONEST_BITS, || false).best.expect("a nonce");
    unsealed.seal(found.nonce)
}
