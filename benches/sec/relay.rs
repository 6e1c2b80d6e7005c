//! Envelopes from one node over a second to a third, over either link.

use std::time::{Duration, Instant};

use p2p_identity::SecretKey;
use p2p_server::Server;
use rlpx_transport::{SecPolicy, SecSettings};
use tokio::{task::yield_now, time::sleep};
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Clock, Config, EnvelopeOutcome, Topic, Whisper, Work};

const ENVELOPES: u64 = 20_000;
/// Envelopes that are injected before other tasks can run.
const BATCH: usize = 256;

struct Node {
    whisper: Whisper,
    server: Server,
}

/// Reports the rate from A over B to C with all nodes on one core.
pub(crate) fn envelopes_per_second() {
    if !benches::wanted("sec.relay_eps sec.rlpx_relay_eps") {
        return;
    }
    for (link, sec) in crate::links() {
        let count = if benches::measuring() { ENVELOPES } else { 10 };
        let seconds = crate::one_thread().block_on(relay(sec.policy, count));
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        benches::measured(&format!("sec.{link}relay_eps"), count as f64 / seconds);
    }
}

async fn start(policy: SecPolicy, other: Option<&Node>) -> Node {
    let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
    let key = SecretKey::random(&mut rand::rng());
    let mut config = p2p_server::Config::new(key).listen("127.0.0.1:0").sec(policy);
    config = config.protocols(whisper.protocols());
    if let Some(other) = other {
        config = config.static_node(other.server.enode());
    }
    Node { whisper, server: Server::start(config).await.expect("a free port") }
}

/// Seconds from the first injected envelope until the third node has all of them.
async fn relay(policy: SecPolicy, count: u64) -> f64 {
    let far = start(policy, None).await;
    let middle = start(policy, Some(&far)).await;
    let near = start(policy, Some(&middle)).await;
    while middle.whisper.stats().sessions.established < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    let link = middle.server.peers()[0].network.link.clone();
    assert_eq!(link.starts_with("sec/1"), policy != SecSettings::off().policy, "{link}");
    let all: Vec<Envelope> = envelopes(count).collect();
    let clock = Instant::now();
    for batch in all.chunks(BATCH) {
        let outcomes = near.whisper.inject_all(batch);
        assert!(outcomes.iter().all(|outcome| *outcome == EnvelopeOutcome::New));
        yield_now().await;
    }
    while (far.whisper.info().envelopes as u64) < count {
        sleep(Duration::from_micros(500)).await;
    }
    let seconds = clock.elapsed().as_secs_f64();
    for node in [near, middle, far] {
        node.server.stop().await;
        node.whisper.stop().await;
    }
    seconds
}

/// Different sealed envelopes with 256 bytes of data, which no filter opens.
fn envelopes(count: u64) -> impl Iterator<Item = Envelope> {
    let mut data = benches::bytes(256);
    let expiry = Clock::system().now() + 50;
    (0..count).map(move |number| {
        data[..8].copy_from_slice(&number.to_be_bytes());
        Unsealed::v6(expiry, 50, Topic(*b"else"), &data).seal(number)
    })
}
