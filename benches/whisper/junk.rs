//! Delivery beside junk: one peer sends envelopes with little work that must be tried with many private keys.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use p2p_identity::SecretKey;
use tokio::time::{MissedTickBehavior, interval, timeout};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SymmetricKey, Unsealed};
use whisper_protocol::{FilterKey, FilterSpec, Topic, Watch};

use crate::{
    flood::sealed,
    node::{Node, OTHER, TOPIC, draft, now, runtime},
    raw_peer::RawPeer,
};

/// Number of filters with a private key on the topic of the junk. A trial with such a key is expensive.
fn filters() -> usize {
    benches::size(50, 2)
}

/// Number of honest messages, one every [`PAUSE`].
fn count() -> usize {
    benches::size(30, 2)
}

/// Time between two honest messages.
const PAUSE: Duration = Duration::from_millis(100);

/// Interval between two packets of junk.
const JUNK_INTERVAL: Duration = Duration::from_millis(10);

/// Time for the delivery of what is late after the last honest message was sent.
fn delivery_limit() -> Duration {
    Duration::from_secs(benches::size(5, 1))
}

/// Reports the share of honest messages that are delivered beside junk at 500 and 2000 envelopes per second, on the same
/// topic and on another one, and the median of their times as a multiple of that without junk.
pub(crate) fn delivery() {
    let idle = runtime().block_on(measure(TOPIC, 0));
    for (place, topic) in [("same_topic", TOPIC), ("other_topic", OTHER)] {
        for rate in [500, 2000] {
            let beside = runtime().block_on(measure(topic, rate));
            let case = |figure| format!("whisper.junk_{rate}_{place}_{figure}");
            benches::measured(&case("delivered"), beside.share);
            benches::measured(&case("p50_vs_idle"), beside.p50 / idle.p50);
        }
    }
}

struct Measured {
    /// The share of honest messages that were delivered.
    share: f64,
    /// The median time of the delivered ones, in milliseconds.
    p50: f64,
}

/// The delivery of honest messages on [`TOPIC`] beside `rate` envelopes of junk per second on `topic`.
async fn measure(topic: Topic, rate: usize) -> Measured {
    let victim = Node::start(None).await;
    let filters: Vec<Watch> = (0..filters()).map(|_| private_filter(&victim, topic)).collect();
    let key = SymmetricKey::random(&mut rand::rng());
    let mut watch = victim.watch(&key);
    let enode = victim.server.enode();
    let honest = RawPeer::connect(&enode).await;
    let messages: Vec<Envelope> = (0..count()).map(|_| sealed(&draft(&key))).collect();
    let junk = (rate > 0).then(|| {
        let unsealed = junk(topic);
        tokio::spawn(
            async move { send_junk(&RawPeer::connect(&enode).await, &unsealed, rate).await },
        )
    });
    while junk.is_some() && victim.whisper.info().envelopes < 100 {
        tokio::task::yield_now().await;
    }
    let count = messages.len();
    let sending = tokio::spawn(async move {
        let (mut pauses, mut sent) = (interval(PAUSE), HashMap::new());
        for message in messages {
            pauses.tick().await;
            sent.insert(*message.hash(), Instant::now());
            honest.send(&[message]).await;
        }
        (honest, sent)
    });
    let mut arrived = Vec::new();
    let all = PAUSE * u32::try_from(count).unwrap_or(u32::MAX) + delivery_limit();
    let receiving = async {
        while arrived.len() < count
            && let Some(received) = watch.next().await
        {
            arrived.push((received.hash, Instant::now()));
        }
    };
    // What is late counts as lost.
    let _ = timeout(all, receiving).await;
    let (_honest, sent) = sending.await.expect("the connection is open");
    if let Some(junk) = junk {
        junk.abort();
    }
    drop(filters);
    victim.stop().await;
    let took = |(hash, at): &([u8; 32], Instant)| at.duration_since(sent[hash]).as_secs_f64() * 1e3;
    let mut times: Vec<f64> = arrived.iter().map(took).collect();
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = times.len() as f64 / count as f64;
    let p50 = if times.is_empty() { f64::INFINITY } else { benches::percentile(&mut times, 0.5) };
    Measured { share, p50 }
}

fn private_filter(node: &Node, topic: Topic) -> Watch {
    let key = FilterKey::Private(node.whisper.keys().new_key_pair());
    node.whisper.watch(FilterSpec::new(key).topic(topic)).expect("a known key")
}

/// An envelope for a key that no filter has. With every nonce it is another envelope.
fn junk(topic: Topic) -> Unsealed {
    let foreign = SecretKey::random(&mut rand::rng()).public_key();
    let draft = Draft::new(Dialect::V6, Recipient::Asymmetric(&foreign), now());
    draft.payload(&benches::bytes(100)).topic(topic).encrypt(&mut rand::rng()).expect("a draft")
}

/// Sends `rate` envelopes per second until it is aborted.
async fn send_junk(peer: &RawPeer, unsealed: &Unsealed, rate: usize) {
    let mut packets = interval(JUNK_INTERVAL);
    packets.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut number = 0_u64;
    loop {
        packets.tick().await;
        let next = |_| {
            number += 1;
            unsealed.seal(number)
        };
        let packet: Vec<Envelope> = (0..rate / 100).map(next).collect();
        peer.send(&packet).await;
    }
}
