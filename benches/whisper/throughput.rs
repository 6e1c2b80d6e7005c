//! The number of envelopes per second from one node to another.

use std::time::{Duration, Instant};

use tokio::{runtime::Runtime, task::yield_now, time::sleep};
use whisper_protocol::EnvelopeOutcome;

use crate::node::{Node, envelopes, one_thread, runtime};

/// Number of envelopes, as in the measurements of go-ethereum and libp2p.
const ENVELOPES: u64 = 20_000;

/// Number of envelopes that are injected before other tasks can run.
const BATCH: usize = 256;

/// Reports the figures with one thread for each core, and with one thread.
pub(crate) fn envelopes_per_second() {
    for (case, runtime) in [
        ("whisper.throughput_eps", runtime as fn() -> Runtime),
        ("whisper.throughput_one_core_eps", one_thread),
    ] {
        let seconds = runtime().block_on(transfer());
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        benches::measured(case, ENVELOPES as f64 / seconds);
    }
}

/// Seconds from the first injected envelope until the other node has all of them.
async fn transfer() -> f64 {
    let far = Node::start(None).await;
    let near = Node::start(Some(&far)).await;
    while far.whisper.stats().sessions.established == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let all: Vec<_> = envelopes(ENVELOPES, 50).collect();
    let clock = Instant::now();
    for batch in all.chunks(BATCH) {
        let verdicts = near.whisper.inject_all(batch);
        assert!(verdicts.iter().all(|verdict| *verdict == EnvelopeOutcome::New));
        yield_now().await;
    }
    while (far.whisper.info().envelopes as u64) < ENVELOPES {
        sleep(Duration::from_micros(500)).await;
    }
    let seconds = clock.elapsed().as_secs_f64();
    near.stop().await;
    far.stop().await;
    seconds
}
