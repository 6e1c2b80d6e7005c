//! The effect of one sub-protocol on another on the same connection.

use std::time::Duration;

use bytes::Bytes;
use p2p_mux::Config;
use rlpx_transport::SecSettings;
use tokio::runtime::Runtime;

use crate::{
    channel::{Pair, pair},
    ping::{FLOOD, answer, collect_pongs, flood, in_two_slots, ping},
};

/// Reports the round-trip time of a message of 100 bytes, sent every 10 ms, beside messages of 8 MiB without a pause.
pub(crate) fn ping_beside_flood(runtime: &Runtime) {
    let plain = Config { chunk: false, ..Config::default() };
    let beside = |config, flooded| in_two_slots(SecSettings::off(), config, flooded);
    runtime.block_on(async {
        report("idle", beside(Config::default(), false).await.0);
        report("beside_flood_chunked", beside(Config::default(), true).await.0);
        report("beside_flood_plain", beside(plain, true).await.0);
        report("beside_flood_fifo", in_one_slot(plain).await);
    });
}

fn report(name: &str, mut millis: Vec<f64>) {
    for (share, at) in [("p50", 0.5), ("p99", 0.99)] {
        let value = benches::percentile(&mut millis, at);
        benches::measured(&format!("mux.ping_{share}_ms_{name}"), value);
    }
}

/// Pings and flood as one sub-protocol, whose messages are sent in order.
async fn in_one_slot(config: Config) -> Vec<f64> {
    let Pair { mut near, mut far, mut tasks } =
        pair(SecSettings::off(), &[("all", 1)], config).await;
    tasks.spawn(answer(far.remove(0)));
    let (sender, receiver) = near.remove(0).split();
    let flooder = sender.clone();
    tasks.spawn(async move { flood(&flooder).await });
    let pongs = collect_pongs(&mut tasks, receiver);
    let times = ping(sender, pongs).await;
    tasks.shutdown().await;
    times
}

/// Two sub-protocols that always send, in messages of 500 bytes and of 40 kB. Reports the bytes of the first divided by
/// those of the second, with equal weights and with 3:1.
pub(crate) fn shares(runtime: &Runtime) {
    for (case, weight) in [("mux.equal_bytes_ratio", 1), ("mux.weighted_bytes_ratio", 3)] {
        benches::measured(case, runtime.block_on(share_of(weight)));
    }
}

async fn share_of(weight: u32) -> f64 {
    let protocols = [("large", 1), ("small", weight)];
    let Pair { near, far, mut tasks } =
        pair(SecSettings::off(), &protocols, Config::default()).await;
    for (channel, size) in near.into_iter().zip([40_000, 500]) {
        let payload = Bytes::from(benches::bytes(size));
        tasks.spawn(async move {
            while channel.send_raw(FLOOD, payload.clone()).await.is_ok() {}
            std::future::pending::<()>().await;
        });
    }
    let mut counts = Vec::new();
    for mut channel in far {
        let (count, counted) = tokio::sync::watch::channel(0.0);
        counts.push(counted);
        tasks.spawn(async move {
            while let Some(message) = channel.recv().await {
                count.send_modify(|bytes| *bytes += message.payload.len() as f64);
            }
            std::future::pending::<()>().await;
        });
    }
    let now = || counts.iter().map(|count| *count.borrow()).collect::<Vec<f64>>();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = now();
    tokio::time::sleep(Duration::from_millis(800)).await;
    let after = now();
    tasks.shutdown().await;
    (after[1] - before[1]) / (after[0] - before[0])
}
