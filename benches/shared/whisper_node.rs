//! Whisper nodes that are connected over loopback, and envelopes that they relay.

use std::time::{Duration, Instant};

use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use rand::RngCore as _;
use rlpx_transport::SecPolicy;
use tokio::{task::yield_now, time::sleep};
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Clock, Config, EnvelopeOutcome, Topic, Whisper, Work};

/// The topic of envelopes without a filter.
pub(crate) const OTHER: Topic = Topic(*b"else");

/// Number of envelopes, as in the measurements of go-ethereum and libp2p.
const ENVELOPES: u64 = 20_000;

/// Number of envelopes that are injected before other tasks can run.
const BATCH: usize = 256;

/// A node and its connections.
pub(crate) struct Node {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
}

impl Node {
    /// A node that connects to `other`, if there is one.
    pub(crate) async fn start_over(sec: SecPolicy, settings: Config, other: Option<&Self>) -> Self {
        let whisper = Whisper::new(settings);
        let mut config =
            p2p_server::Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
        config = config.max_peers(200).sec(sec).protocols(whisper.protocols());
        if let Some(other) = other {
            config = config.static_node(other.server.enode());
        }
        Self { whisper, server: Server::start(config).await.expect("a free port") }
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

/// Settings without proof of work, because the relay is measured, not the search.
pub(crate) fn settings() -> Config {
    Config { min_work: Work::ZERO, ..Config::default() }
}

pub(crate) fn now() -> u32 {
    Clock::system().now()
}

/// Sealed envelopes with 256 bytes of data and a time to live of `ttl` seconds, which no filter opens. Like encrypted
/// ones, they have nothing in common that Snappy could use.
pub(crate) fn envelopes(count: u64, ttl: u32) -> impl Iterator<Item = Envelope> {
    let (mut rng, mut data) = (benches::rng(), [0; 256]);
    let expiry = now() + ttl;
    (0..count).map(move |number| {
        rng.fill_bytes(&mut data);
        Unsealed::v6(expiry, ttl, OTHER, &data).seal(number)
    })
}

/// Envelopes per second from the first node of a line to the last one. Stops the nodes.
pub(crate) async fn throughput(nodes: Vec<Node>) -> f64 {
    let (near, far) = (&nodes[0].whisper, &nodes[nodes.len() - 1].whisper);
    for (index, node) in nodes.iter().enumerate() {
        let neighbours = if index == 0 || index + 1 == nodes.len() { 1 } else { 2 };
        while node.whisper.stats().sessions.established < neighbours {
            sleep(Duration::from_millis(1)).await;
        }
    }
    let count = if benches::measuring() { ENVELOPES } else { BATCH as u64 };
    let all: Vec<_> = envelopes(count, 50).collect();
    let clock = Instant::now();
    for batch in all.chunks(BATCH) {
        let outcomes = near.inject_all(batch);
        assert!(outcomes.iter().all(|outcome| *outcome == EnvelopeOutcome::New));
        yield_now().await;
    }
    while (far.info().envelopes as u64) < count {
        sleep(Duration::from_micros(500)).await;
    }
    let seconds = clock.elapsed().as_secs_f64();
    for node in nodes {
        node.stop().await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = count as f64 / seconds;
    rate
}
