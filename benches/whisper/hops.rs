//! The time from a post on one node to its delivery on another, one or three hops away: with messages at intervals, as people and
//! machines send them, with one after the other, when every thread is awake and every cache is warm, and while the node seals a
//! post on all threads.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use whisper_envelope::SymmetricKey;
use whisper_protocol::EnvelopeOutcome;

use crate::{
    node::{Node, message, runtime},
    sealing::endless,
};

/// Number of messages, of whose times the percentiles are taken.
fn messages() -> u64 {
    benches::size(200, 3)
}

/// Time after which a message counts as lost.
const DELIVERY_LIMIT: Duration = Duration::from_secs(5);

/// The time between two messages at intervals.
const PACE: Duration = Duration::from_millis(20);

/// Reports the times for one hop, and for a line of four nodes.
pub(crate) fn latency() {
    for (nodes, pace, seals, name) in [
        (2, Duration::ZERO, false, "hop"),
        (4, Duration::ZERO, false, "line3"),
        (2, PACE, false, "hop_paced"),
        (4, PACE, false, "line3_paced"),
        (2, PACE, true, "hop_sealing"),
    ] {
        let mut times = runtime().block_on(line(nodes, pace, seals));
        for (percentile, at) in [("p50", 0.5), ("p99", 0.99)] {
            let case = format!("whisper.{name}_{percentile}_ms");
            benches::measured(&case, benches::percentile(&mut times, at));
        }
    }
}

/// The times from posting on the first node to delivery on the last one, in milliseconds. After each message there is a pause of
/// `pace`. `seals`: the first node does proof of work meanwhile.
async fn line(length: usize, pace: Duration, seals: bool) -> Vec<f64> {
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..length {
        nodes.push(Node::start(nodes.last()).await);
    }
    let key = SymmetricKey::random(&mut rand::rng());
    let (near, mut watch) = (&nodes[0], nodes[length - 1].watch(&key));
    let sealing = seals.then(|| endless(&near.whisper));
    // The first message waits for the connections; it is not counted.
    let mut times = Vec::new();
    for number in 0..=messages() {
        if !pace.is_zero() {
            sleep(pace).await;
        }
        let envelope = message(&key, number);
        let hash = *envelope.hash();
        let clock = Instant::now();
        assert_eq!(near.whisper.inject(envelope), EnvelopeOutcome::New);
        let received = timeout(DELIVERY_LIMIT, watch.next())
            .await
            .expect("no message is lost")
            .expect("the node runs");
        times.push(clock.elapsed().as_secs_f64() * 1e3);
        assert_eq!(received.hash, hash, "messages arrive in order, each once");
    }
    drop(sealing);
    for node in nodes {
        node.stop().await;
    }
    times.split_off(1)
}
