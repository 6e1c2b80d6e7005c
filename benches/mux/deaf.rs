//! What is left of a sub-protocol's throughput beside one that never takes its messages.

use std::time::Duration;

use bytes::Bytes;
use p2p_mux::Config;
use tokio::{runtime::Runtime, time::Instant};

use crate::wire::{Pair, pair};

/// How often the two are measured in turn.
const ROUNDS: usize = 3;

/// How long each is measured.
const WINDOW: Duration = Duration::from_millis(1500);

/// A stall that is over before the measurement begins, but longer than a busy machine keeps a task waiting.
const STALL: Duration = Duration::from_secs(1);

/// Two sub-protocols are flooded with messages of 4 KiB. The one takes what comes; the share of its throughput that is
/// left when the other never does, of what it has when the other takes its messages too. The stall itself comes before.
pub(crate) fn throughput_share(runtime: &Runtime) {
    let (mut beside_reader, mut beside_deaf) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        beside_reader.push(runtime.block_on(messages(true)));
        beside_deaf.push(runtime.block_on(messages(false)));
    }
    let share =
        benches::percentile(&mut beside_deaf, 0.5) / benches::percentile(&mut beside_reader, 0.5);
    benches::measured("mux.neighbour_throughput_share", share);
}

/// How many messages the good one got in a window.
async fn messages(neighbour_reads: bool) -> f64 {
    let config = Config { stall_limit: STALL, ..Config::default() };
    let Pair { mut near, mut far, mut tasks } = pair(&[("bad", 1), ("good", 1)], config).await;
    let (mut good, mut bad) = (far.remove(1), far.remove(0));
    let payload = Bytes::from(benches::bytes(4096));
    for channel in near.drain(..) {
        let payload = payload.clone();
        tasks.spawn(async move { while channel.send_raw(0, payload.clone()).await.is_ok() {} });
    }
    tasks.spawn(async move {
        while neighbour_reads && bad.recv().await.is_some() {}
        std::future::pending::<()>().await;
    });
    // Up to speed, and beyond the stall.
    let start = Instant::now();
    while start.elapsed() < 2 * STALL {
        good.recv().await.expect("the connection stands");
    }
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < WINDOW {
        good.recv().await.expect("the connection stands");
        count += 1.0;
    }
    tasks.shutdown().await;
    count / start.elapsed().as_secs_f64()
}
