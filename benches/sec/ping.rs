//! A small message of one sub-protocol beside the flood of another, over either link.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use p2p_mux::Config;
use rlpx_transport::SecSettings;
use tokio::{runtime::Runtime, time::sleep};

use crate::wire::{Pair, pair_over};

const PINGS: usize = 250;
const PING_INTERVAL: Duration = Duration::from_millis(10);
/// Pings at the start that are not counted.
const WARM_UP: usize = 25;

/// Reports the median round trip of a message of 100 bytes beside messages of 8 MiB without a pause, and the rate of these.
pub(crate) fn beside_flood(runtime: &Runtime) {
    if !benches::wanted("sec.ping_p50_ms_beside_flood sec.flood_mbs rlpx") {
        return;
    }
    for (link, sec) in crate::links() {
        let (mut millis, rate) = runtime.block_on(measure(sec));
        benches::measured(
            &format!("sec.{link}ping_p50_ms_beside_flood"),
            benches::percentile(&mut millis, 0.5),
        );
        benches::measured(&format!("sec.{link}flood_mbs"), rate);
    }
}

/// The round trips in milliseconds, and the megabytes per second of the flood.
async fn measure(sec: SecSettings) -> (Vec<f64>, f64) {
    let slots = [("flood", 1), ("ping", 1)];
    let Pair { mut near, mut far, mut tasks } = pair_over(sec, &slots, Config::default()).await;
    let (mut ping_far, mut flood_far) = (far.remove(1), far.remove(0));
    let (mut ping, flood) = (near.remove(1), near.remove(0));
    tasks.spawn(async move {
        let large = Bytes::from(benches::bytes(8 << 20));
        while flood.send_raw(0, large.clone()).await.is_ok() {}
    });
    let received = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&received);
    tasks.spawn(async move {
        while let Some(message) = flood_far.recv().await {
            count.fetch_add(message.payload.len() as u64, Relaxed);
        }
    });
    tasks.spawn(async move {
        while let Some(message) = ping_far.recv().await {
            if ping_far.send_raw(1, message.payload).await.is_err() {
                return;
            }
        }
    });
    let pings = if benches::measuring() { PINGS } else { WARM_UP + 1 };
    let (clock, mut millis) = (Instant::now(), Vec::new());
    for _ in 0..pings {
        sleep(PING_INTERVAL).await;
        let sent = Instant::now();
        ping.send_raw(0, vec![0x5a; 100]).await.expect("the connection is open");
        ping.recv().await.expect("the connection is open");
        millis.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = received.load(Relaxed) as f64 / clock.elapsed().as_secs_f64() / 1e6;
    tasks.shutdown().await;
    (millis.split_off(WARM_UP), rate)
}
