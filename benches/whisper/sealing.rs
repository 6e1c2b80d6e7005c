//! Posts beside a post whose proof of work does not end.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use whisper_envelope::SymmetricKey;
use whisper_protocol::{Client, Config, Post, Recipient, Topic, Whisper, Work};

use crate::node::{TOPIC, runtime};

/// The work of the posts that are measured: some milliseconds of one thread.
const WORK: f64 = 2.0;

/// Number of posts in one round, alone and beside the other.
fn posts() -> u64 {
    benches::size(100, 1)
}

/// Starts a post of another client that no proof of work ends. It is given up when the result is dropped.
pub(crate) fn endless(whisper: &Whisper) -> JoinSet<()> {
    let post = Post {
        pow_target: 1e15,
        pow_time: Duration::from_secs(3600),
        client: Client { key: 1, weight: 1 },
        ..post(whisper)
    };
    let (mut sealing, whisper) = (JoinSet::new(), whisper.clone());
    sealing.spawn(async move {
        let ended = whisper.post(post).await;
        panic!("it ended: {ended:?}");
    });
    sealing
}

fn post(whisper: &Whisper) -> Post {
    let key = whisper.keys().add_symmetric(SymmetricKey::random(&mut rand::rng()));
    let topic: Topic = TOPIC;
    Post { topic, payload: benches::bytes(200), ..Post::new(Recipient::Symmetric(key)) }
}

/// Reports how many times as long posts take beside an endless one. Its client and theirs have half of the processor each.
pub(crate) fn beside() {
    let mut ratios = Vec::new();
    for _ in 0..benches::size(5, 1) {
        let [alone, beside] = [false, true].map(|beside| runtime().block_on(seconds(beside)));
        ratios.push(beside / alone);
    }
    benches::measured("whisper.post_beside_post_times", benches::percentile(&mut ratios, 0.5));
}

async fn seconds(beside: bool) -> f64 {
    let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
    let other = beside.then(|| endless(&whisper));
    let clock = Instant::now();
    for _ in 0..posts() {
        let post = Post { pow_target: WORK, ..post(&whisper) };
        whisper.post(post).await.expect("it is sealed");
    }
    let seconds = clock.elapsed().as_secs_f64();
    drop(other);
    whisper.stop().await;
    seconds
}
