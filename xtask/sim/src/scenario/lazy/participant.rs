//! One node of the network: it receives everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use p2p_server::Config;
use p2p_world::World;
use tokio::time::Instant;
use whisper_protocol::{
    FilterKey, FilterSpec, KeyId, Post, Recipient, SymmetricKey, Topic, Whisper, Work,
};

use super::liar;

const TOPIC: Topic = Topic(*b"lazy");

/// The time to live of messages, in seconds: longer than any run needs.
const TTL: u32 = 120;

/// Bytes of a message besides its content: flags, and the length of the content.
const HEADER: usize = 4;

/// What a node does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// It announces and never delivers.
    pub(super) lies: bool,
    /// It has `lazy/1`.
    pub(super) lazy: bool,
}

/// One node.
#[derive(Clone)]
pub(super) struct Participant {
    pub(super) whisper: Whisper,
    pub(super) traits: Traits,
    world: Arc<dyn World>,
    key: KeyId,
    arrivals: Arrivals,
}

/// When messages were posted and when they arrived.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    posted: BTreeMap<u64, Instant>,
    arrived: BTreeMap<(usize, u64), Instant>,
}

impl Participant {
    pub(super) fn new(
        index: usize,
        world: &Arc<dyn World>,
        traits: Traits,
        arrivals: &Arrivals,
    ) -> Self {
        let mut config = whisper_protocol::Config::simulated(Arc::clone(world));
        config.min_work = Work::ZERO;
        config.peers.lazy = traits.lazy;
        let whisper = Whisper::new(config);
        let key = whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
        let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
        let mut watch = whisper.watch(spec).expect("the key is there");
        let of_task = arrivals.clone();
        world.spawn(Box::pin(async move {
            while let Some(message) = watch.next().await {
                if let Some(number) = message.message.payload.first_chunk() {
                    of_task.arrived(index, u64::from_be_bytes(*number));
                }
            }
        }));
        Self { whisper, traits, world: Arc::clone(world), key, arrivals: arrivals.clone() }
    }

    /// `peers`: how many there will be.
    pub(super) fn configure(&self, config: Config, peers: usize) -> Config {
        let mut config = config.max_peers(2 * peers + 10).protocols(self.whisper.protocols());
        // All hosts of a simulation are in one network.
        config.settings.inbound.max_peers_per_network = Some(2 * peers + 10);
        match self.whisper.lazy_protocol() {
            Some(lazy) if self.traits.lies => config.protocol(liar::protocol(lazy)),
            Some(lazy) => config.protocol(lazy),
            None => config,
        }
    }

    /// Posts a message of this size before its encryption.
    pub(super) fn post(self, number: u64, size: usize) {
        self.arrivals.posted(number);
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(size.saturating_sub(HEADER).max(8), 0);
        let post = Post {
            topic: TOPIC,
            ttl: TTL,
            payload,
            pow_target: 0.0,
            ..Post::new(Recipient::Symmetric(self.key))
        };
        let whisper = self.whisper.clone();
        self.world.spawn(Box::pin(async move {
            // Without a receipt it arrives nowhere, which is seen.
            let _ = whisper.post(post).await;
        }));
    }
}

impl Arrivals {
    fn posted(&self, number: u64) {
        lock(&self.0).posted.insert(number, Instant::now());
    }

    fn arrived(&self, node: usize, number: u64) {
        lock(&self.0).arrived.entry((node, number)).or_insert_with(Instant::now);
    }

    /// Whether all of these have arrived.
    pub(super) fn has(&self, expected: &BTreeSet<(usize, u64)>) -> bool {
        let times = lock(&self.0);
        // Counting is quick; most calls end here.
        times.arrived.len() >= expected.len()
            && expected.iter().all(|key| times.arrived.contains_key(key))
    }

    /// How many of these have not arrived.
    pub(super) fn missing(&self, expected: &BTreeSet<(usize, u64)>) -> usize {
        let times = lock(&self.0);
        expected.iter().filter(|key| !times.arrived.contains_key(key)).count()
    }

    /// How long these took, in order. A node's own messages do not count.
    pub(super) fn latencies(&self, expected: &BTreeSet<(usize, u64)>) -> Vec<Duration> {
        let times = lock(&self.0);
        let took = |key: &(usize, u64)| Some(*times.arrived.get(key)? - *times.posted.get(&key.1)?);
        let took = expected.iter().filter_map(took);
        let mut took: Vec<Duration> = took.filter(|took| !took.is_zero()).collect();
        took.sort_unstable();
        took
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
