//! A node with a thousand peers: the memory of each while idle, and the processor time to send one envelope to one of
//! them, at 50 envelopes a second.

use std::time::Duration;

use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    clients::{Client, envelopes},
    node::Node,
};

/// Number of envelopes a second.
const RATE: u32 = 50;

/// Time until the memory of the handshakes is freed.
const SETTLE_TIME: Duration = Duration::from_secs(3);

/// Reports both figures.
pub(crate) fn measure() {
    let (peers, count, settle) = match benches::measuring() {
        true => (1000, 350, SETTLE_TIME),
        false => (3, 5, Duration::ZERO),
    };
    let mut node = Node::start(2);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(crowd(&mut node, peers, count, settle));
    node.stop();
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
async fn crowd(node: &mut Node, peers: usize, count: usize, settle: Duration) {
    let empty = node.usage();
    let all = envelopes(count, 120);
    let mut sender = Client::sender(&node.enode).await;
    let sealed = sender.seal(&all, 1);
    let mut crowd = Vec::new();
    for _ in 0..peers {
        crowd.push(Client::receiver(&node.enode).await);
    }
    while node.usage().established <= peers as u64 {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(settle).await;
    let before = node.usage();
    let each = (before.resident - empty.resident) / (peers + 1) as f64;
    benches::measured("relay.idle_peer_kib", each / 1024.0);
    let mut receiving = JoinSet::new();
    let bytes = all.iter().map(|envelope| envelope.raw().len()).sum();
    for mut client in crowd {
        receiving.spawn(async move {
            client.read(bytes, &mut Vec::with_capacity(4096)).await;
            client
        });
    }
    let mut clock = interval(Duration::from_secs(1) / RATE);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for packet in sealed {
        clock.tick().await;
        sender.write(&packet).await;
    }
    drop(receiving.join_all().await);
    let after = node.usage();
    let deliveries = (after.sent - before.sent) as f64;
    let micros = (after.cpu - before.cpu) * 1e6 / deliveries;
    benches::measured("relay.cpu_us_per_delivery_1000_peers_50s", micros);
}
