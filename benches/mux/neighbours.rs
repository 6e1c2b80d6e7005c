//! The effect of one sub-protocol on another on the same connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use p2p_mux::{Channel, Config};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::wire::{Pair, pair};

/// Number of pings in one measurement.
const PINGS: usize = 250;
/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_millis(10);
/// Number of pings at the start that are not counted, because the flood has not reached its full rate yet.
const WARM_UP: usize = 25;

// The message codes of the sub-protocols.
const FLOOD: u64 = 0;
const PING: u64 = 1;
const PONG: u64 = 2;

/// Reports the round-trip time of a message of 100 bytes, sent every 10 ms, beside messages of 8 MiB without a pause.
pub(crate) fn ping_beside_flood(runtime: &Runtime) {
    let plain = Config { chunk: false, ..Config::default() };
    runtime.block_on(async {
        report("idle", in_two_slots(Config::default(), false).await);
        report("beside_flood_chunked", in_two_slots(Config::default(), true).await);
        report("beside_flood_plain", in_two_slots(plain, true).await);
        report("beside_flood_fifo", in_one_slot(plain).await);
    });
}

fn report(name: &str, mut millis: Vec<f64>) {
    for (share, at) in [("p50", 0.5), ("p99", 0.99)] {
        let value = benches::percentile(&mut millis, at);
        benches::measured(&format!("mux.ping_{share}_ms_{name}"), value);
    }
}

/// Pings and flood as two sub-protocols.
async fn in_two_slots(config: Config, flooded: bool) -> Vec<f64> {
    let Pair { mut near, mut far, mut tasks } = pair(&[("flood", 1), ("ping", 1)], config).await;
    let (ping_far, mut flood_far) = (far.remove(1), far.remove(0));
    let (ping_near, flood_near) = (near.remove(1), near.remove(0));
    if flooded {
        tasks.spawn(async move { flood(&flood_near.sender()).await });
        tasks.spawn(async move { while flood_far.recv().await.is_some() {} });
    }
    tasks.spawn(answer(ping_far));
    let (sender, receiver) = ping_near.split();
    let pongs = collect_pongs(&mut tasks, receiver);
    let times = ping(sender, pongs).await;
    tasks.shutdown().await;
    times
}

/// Pings and flood as one sub-protocol, whose messages are sent in order.
async fn in_one_slot(config: Config) -> Vec<f64> {
    let Pair { mut near, mut far, mut tasks } = pair(&[("all", 1)], config).await;
    tasks.spawn(answer(far.remove(0)));
    let (sender, receiver) = near.remove(0).split();
    let flooder = sender.clone();
    tasks.spawn(async move { flood(&flooder).await });
    let pongs = collect_pongs(&mut tasks, receiver);
    let times = ping(sender, pongs).await;
    tasks.shutdown().await;
    times
}

async fn flood(sender: &p2p_mux::Sender) {
    let large = Bytes::from(benches::bytes(8 << 20));
    while sender.send_raw(FLOOD, large.clone()).await.is_ok() {}
}

/// Answers every ping, and drops all other messages.
async fn answer(mut channel: Channel) {
    while let Some(message) = channel.recv().await {
        if message.code == PING && channel.send_raw(PONG, message.payload).await.is_err() {
            return;
        }
    }
}

/// Collects the pongs, each with its number and the time of its arrival.
fn collect_pongs(
    tasks: &mut JoinSet<()>,
    mut receiver: p2p_mux::Receiver,
) -> mpsc::Receiver<(usize, Instant)> {
    let (pongs, arrived) = mpsc::channel(PINGS);
    tasks.spawn(async move {
        while let Some(pong) = receiver.recv().await {
            record_pong(&pongs, &pong.payload).await;
        }
    });
    arrived
}

/// Records the arrival of a pong.
async fn record_pong(pongs: &mpsc::Sender<(usize, Instant)>, payload: &[u8]) {
    let number = payload.first_chunk().map_or(0, |number| usize::from_be_bytes(*number));
    // An error means that the measurement has ended.
    let _ = pongs.send((number, Instant::now())).await;
}

/// Sends a ping every [`PING_INTERVAL`] without waiting for answers. Returns the round-trip times in milliseconds.
async fn ping(sender: p2p_mux::Sender, mut pongs: mpsc::Receiver<(usize, Instant)>) -> Vec<f64> {
    let (times_sent, mut sent_at) = mpsc::channel(PINGS);
    let send = async move {
        let mut clock = interval(PING_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0..PINGS {
            clock.tick().await;
            let mut payload = [0x5a; 100];
            payload[..size_of::<usize>()].copy_from_slice(&number.to_be_bytes());
            times_sent.send(Instant::now()).await.expect("the receiver is there");
            let sent = sender.send_raw(PING, payload.to_vec()).await;
            sent.expect("the connection is open");
        }
    };
    let receive = async {
        let mut times = Vec::new();
        for expected in 0..PINGS {
            let (number, at) = pongs.recv().await.expect("the connection is open");
            let sent = sent_at.recv().await.expect("a ping is sent before its answer arrives");
            assert_eq!(number, expected, "in order");
            times.push((at - sent).as_secs_f64() * 1e3);
        }
        times.split_off(WARM_UP)
    };
    tokio::join!(send, receive).1
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
    let Pair { near, far, mut tasks } = pair(&protocols, Config::default()).await;
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
