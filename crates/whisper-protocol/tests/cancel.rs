//! Dropping the future of a post stops its proof of work. The test is a program of its own, because it counts threads.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use p2p_identity::SecretKey;
use whisper_protocol::{Config, Post, Recipient, Whisper};

/// Number of threads that seal envelopes.
fn miners() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "whisper-pow").count()
}

#[tokio::test]
async fn dropping_the_future_ends_the_search() {
    let node = Whisper::new(Config::default());
    let to = Recipient::Asymmetric(SecretKey::random(&mut rand::rng()).public_key());
    let hopeless = Post { pow_target: 1e30, pow_time: Duration::from_secs(3600), ..Post::new(to) };
    {
        let mut sealing = pin!(node.post(hopeless));
        poll_fn(|cx| match sealing.as_mut().poll(cx) {
            Poll::Pending => Poll::Ready(()),
            Poll::Ready(done) => panic!("posted: {done:?}"),
        })
        .await;
        while miners() == 0 {
            tokio::task::yield_now().await;
        }
    }
    while miners() > 0 {
        tokio::task::yield_now().await;
    }
}
