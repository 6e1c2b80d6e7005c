//! The throughput of a sub-protocol beside one that never takes its messages.

use std::time::Duration;

use bytes::Bytes;
use p2p_mux::Config;
use rlpx_transport::SecSettings;
use tokio::{runtime::Runtime, time::Instant};

use crate::channel::{Pair, pair};

/// Number of measurements of each of the two, in turn.
fn rounds() -> usize {
    benches::size(3, 1)
}

/// Time of each measurement.
fn window() -> Duration {
    Duration::from_millis(benches::size(1500, 100))
}

/// The stall limit of the connection. The stall ends before the measurement begins; the limit is longer than a task
/// waits on a busy machine.
const STALL_LIMIT: Duration = Duration::from_secs(1);

/// Two sub-protocols are flooded with messages of 4 KiB, and one of them takes all its messages. Reports its throughput
/// while the other takes none, as a share of its throughput while the other takes all. The stall is not measured.
pub(crate) fn throughput_share(runtime: &Runtime) {
    let (mut beside_reader, mut beside_deaf) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        beside_reader.push(runtime.block_on(messages(true)));
        beside_deaf.push(runtime.block_on(messages(false)));
    }
    let share =
        benches::percentile(&mut beside_deaf, 0.5) / benches::percentile(&mut beside_reader, 0.5);
    benches::measured("mux.neighbour_throughput_share", share);
}

/// Messages per second of the good sub-protocol.
async fn messages(neighbour_reads: bool) -> f64 {
    let config = Config { stall_limit: STALL_LIMIT, ..Config::default() };
    let slots = [("bad", 1), ("good", 1)];
    let Pair { mut near, mut far, mut tasks } = pair(SecSettings::off(), &slots, config).await;
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
    // Beyond the stall, and at full speed.
    let start = Instant::now();
    while start.elapsed() < 2 * STALL_LIMIT {
        good.recv().await.expect("the connection is open");
    }
    let (start, window, mut count) = (Instant::now(), window(), 0.0);
    while start.elapsed() < window {
        good.recv().await.expect("the connection is open");
        count += 1.0;
    }
    tasks.shutdown().await;
    count / start.elapsed().as_secs_f64()
}
