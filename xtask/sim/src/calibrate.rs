//! The same network simulated and over real sockets: `cargo xtask sim calibrate`.
//!
//! The real one runs in one thread on loopback. Every line between two nodes leads through a proxy that holds each byte back
//! for the latency. A timer fires late, the more so on a busy machine. So it is measured how long the lines really took, and
//! those of the simulated network take as long. If they took much longer than the latency, nothing is compared.

mod proxy;
mod real;
mod simulated;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_server::Config;
use p2p_world::World;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;
use whisper_protocol::{
    FilterKey, FilterSpec, KeyId, Post, Recipient, SymmetricKey, Topic, Whisper, Work,
};

use crate::settings::Settings;

const TOPIC: Topic = Topic(*b"simu");

/// The latency of every line.
const LATENCY: Duration = Duration::from_millis(30);

/// Time until all nodes are connected, before the first post.
const CONNECT: Duration = Duration::from_secs(8);

/// Time between two posts.
const POST_EVERY: Duration = Duration::from_millis(500);

/// Time after the last post.
const SETTLE: Duration = Duration::from_secs(3);

const POSTS: u64 = 60;

/// How much bytes and latency may differ.
const TOLERANCE: f64 = 0.15;

/// What a network did.
#[derive(Debug)]
struct Measured {
    /// When a message reached a node, since it was posted; by node and number of the message.
    latencies: BTreeMap<(usize, u64), Duration>,
    /// Bytes on all lines, in both directions.
    bytes: u64,
}

impl Measured {
    /// `line`: the latency of every line.
    fn median(&self, line: Duration) -> Duration {
        // A node has its own messages at once.
        let mut latencies: Vec<Duration> =
            self.latencies.values().filter(|latency| **latency > line / 2).copied().collect();
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).copied().unwrap_or_default()
    }
}

/// Runs both networks and compares them. Returns whether they agree.
///
/// # Errors
///
/// A socket cannot be opened, or the machine is too busy.
pub(crate) fn run(settings: &Settings) -> Result<bool, String> {
    let (real, line) = real::run(settings).map_err(|error| format!("a real network: {error}"))?;
    if line > LATENCY.mul_f64(1.0 + TOLERANCE) {
        return Err(format!(
            "the machine is too busy: lines of {LATENCY:?} took {line:.1?}. Try again on an idle one."
        ));
    }
    let simulated = simulated::run(settings, line).map_err(|violation| violation.to_string())?;
    let same = simulated.latencies.keys().eq(real.latencies.keys());
    let (of_simulated, of_real) = (simulated.median(line), real.median(line));
    let (bytes, median) = (
        real.bytes as f64 / simulated.bytes.max(1) as f64,
        of_real.as_secs_f64() / of_simulated.as_secs_f64().max(1e-6),
    );
    println!(
        "{} nodes, {POSTS} posts, lines of {LATENCY:?}, which really took {line:.1?}",
        settings.nodes
    );
    println!("              simulated         real  real/simulated");
    println!("delivered    {:10} {:12}", simulated.latencies.len(), real.latencies.len());
    println!("bytes        {:10} {:12}  {bytes:.3}", simulated.bytes, real.bytes);
    println!("median        {of_simulated:>8.1?} {of_real:>12.1?}  {median:.3}");
    let is_close = |ratio: f64| (ratio - 1.0).abs() <= TOLERANCE;
    Ok(same && is_close(bytes) && is_close(median))
}

/// One node of both networks: it receives everything.
#[derive(Clone)]
struct Participant {
    whisper: Whisper,
    key: KeyId,
    arrivals: Arrivals,
}

/// When messages were posted and when they arrived.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    posted: BTreeMap<u64, Instant>,
    arrived: BTreeMap<(usize, u64), Instant>,
}

impl Participant {
    fn new(index: usize, world: &Arc<dyn World>, arrivals: &Arrivals) -> Self {
        let min_work = Work::new(0.001).unwrap_or_default();
        let config = whisper_protocol::Config::simulated(Arc::clone(world));
        let whisper = Whisper::new(whisper_protocol::Config { min_work, ..config });
        let key = whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
        let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
        let mut watch = whisper.watch(spec).expect("the key is there");
        let of_task = arrivals.clone();
        world.spawn(Box::pin(async move {
            while let Some(message) = watch.next().await {
                if let Ok(number) = message.message.payload[..].try_into() {
                    of_task.arrived(index, u64::from_be_bytes(number));
                }
            }
        }));
        Self { whisper, key, arrivals: arrivals.clone() }
    }

    fn configure(&self, config: Config) -> Config {
        config.protocols(self.whisper.protocols())
    }

    async fn post(self, number: u64) {
        self.arrivals.posted(number);
        let post = Post {
            topic: TOPIC,
            ttl: 100,
            payload: number.to_be_bytes().to_vec(),
            pow_target: 0.002,
            ..Post::new(Recipient::Symmetric(self.key))
        };
        // Without a receipt it arrives nowhere, which is seen.
        let _ = self.whisper.post(post).await;
    }
}

impl Arrivals {
    fn posted(&self, number: u64) {
        self.times(|times| times.posted.insert(number, Instant::now()));
    }

    fn arrived(&self, node: usize, number: u64) {
        self.times(|times| times.arrived.insert((node, number), Instant::now()));
    }

    fn measured(&self, bytes: u64) -> Measured {
        let latencies = self.times(|Times { posted, arrived }| {
            let since =
                |(key, at): (&(usize, u64), &Instant)| Some((*key, *at - *posted.get(&key.1)?));
            arrived.iter().filter_map(since).collect()
        });
        Measured { latencies, bytes }
    }

    fn times<T>(&self, change: impl FnOnce(&mut Times) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which node posts which message.
fn posts(settings: &Settings) -> Vec<usize> {
    let mut rng = StdRng::seed_from_u64(settings.seeds.first);
    (0..POSTS).map(|_| rng.random_range(0..settings.nodes)).collect()
}
