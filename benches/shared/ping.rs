//! The round trips of small messages beside the flood of another sub-protocol on the same connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use p2p_mux::{Channel, Config};
use rlpx_transport::SecSettings;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::channel::{Pair, pair};

/// Number of pings in one measurement.
fn pings() -> usize {
    benches::size(250, 5)
}

/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_millis(10);
/// Number of pings at the start that are not counted, because the flood has not reached its full rate yet.
fn warm_up() -> usize {
    benches::size(25, 2)
}

// The message codes of the sub-protocols.
pub(crate) const FLOOD: u64 = 0;
const PING: u64 = 1;
const PONG: u64 = 2;

/// Pings and a flood as two sub-protocols. Returns the round trips in milliseconds, and the megabytes per second of the
/// flood.
pub(crate) async fn in_two_slots(
    sec: SecSettings,
    config: Config,
    flooded: bool,
) -> (Vec<f64>, f64) {
    let slots = [("flood", 1), ("ping", 1)];
    let Pair { mut near, mut far, mut tasks } = pair(sec, &slots, config).await;
    let (ping_far, flood_far) = (far.remove(1), far.remove(0));
    let (ping_near, flood_near) = (near.remove(1), near.remove(0));
    let received = Arc::new(AtomicU64::new(0));
    if flooded {
        tasks.spawn(async move { flood(&flood_near.sender()).await });
        tasks.spawn(count(flood_far, Arc::clone(&received)));
    }
    tasks.spawn(answer(ping_far));
    let (sender, receiver) = ping_near.split();
    let pongs = collect_pongs(&mut tasks, receiver);
    let clock = Instant::now();
    let times = ping(sender, pongs).await;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = received.load(Relaxed) as f64 / clock.elapsed().as_secs_f64() / 1e6;
    tasks.shutdown().await;
    (times, rate)
}

/// Counts the bytes that arrive.
async fn count(mut channel: Channel, received: Arc<AtomicU64>) {
    while let Some(message) = channel.recv().await {
        received.fetch_add(message.payload.len() as u64, Relaxed);
    }
}

/// Sends messages of 8 MiB without a pause.
pub(crate) async fn flood(sender: &p2p_mux::Sender) {
    let large = Bytes::from(benches::bytes(8 << 20));
    while sender.send_raw(FLOOD, large.clone()).await.is_ok() {}
}

/// Answers every ping, and drops all other messages.
pub(crate) async fn answer(mut channel: Channel) {
    while let Some(message) = channel.recv().await {
        if message.code == PING && channel.send_raw(PONG, message.payload).await.is_err() {
            return;
        }
    }
}

/// Collects the pongs, each with its number and the time of its arrival.
pub(crate) fn collect_pongs(
    tasks: &mut JoinSet<()>,
    mut receiver: p2p_mux::Receiver,
) -> mpsc::Receiver<(usize, Instant)> {
    let (pongs, arrived) = mpsc::channel(pings());
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
pub(crate) async fn ping(
    sender: p2p_mux::Sender,
    mut pongs: mpsc::Receiver<(usize, Instant)>,
) -> Vec<f64> {
    let (times_sent, mut sent_at) = mpsc::channel(pings());
    let send = async move {
        let mut clock = interval(PING_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0..pings() {
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
        for expected in 0..pings() {
            let (number, at) = pongs.recv().await.expect("the connection is open");
            let sent = sent_at.recv().await.expect("a ping is sent before its answer arrives");
            assert_eq!(number, expected, "in order");
            times.push((at - sent).as_secs_f64() * 1e3);
        }
        times.split_off(warm_up())
    };
    tokio::join!(send, receive).1
}
