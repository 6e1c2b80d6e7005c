//! What the link changes for a whole handshake, connection or node.

use std::time::Duration;

use p2p_mux::Config;
use rlpx_transport::{Initiator, Recipient, SecPolicy, SecSettings, Stock, StockSize};
use tokio::runtime::Runtime;

use crate::{
    crowd::Crowd,
    handshake::finish,
    links, ping,
    stream::keys,
    whisper_node::{Node, settings, throughput},
};

/// Measurements of the relay over each link, in turn.
const RELAYS: usize = 5;

/// Time until the memory of the handshakes is freed.
const SETTLE_TIME: Duration = Duration::from_secs(20);

/// Reports the processor time of both ends that `sec/1` adds, in microseconds, and as a share of a plain handshake.
pub(crate) fn handshakes() {
    if !benches::wanted("sec.handshake_us_extra sec.handshake_extra_share") {
        return;
    }
    let [(_, sec), (_, plain)] = links();
    let (near, far) = keys();
    let stock = Stock::new(&near, StockSize { keys: 0, peers: 0 });
    let handshake = |sec: &SecSettings| {
        let started = Initiator::start_with(&stock, &far.public_key(), sec, &mut rand::rng());
        let (near, far) = finish(started.expect("a library"), Recipient::with_sec(&far, sec));
        assert_eq!(near.link(), far.link());
    };
    let [of_sec, of_plain] =
        benches::in_turn(&mut (), |()| handshake(&sec), |()| handshake(&plain));
    benches::measured("sec.handshake_us_extra", (of_sec - of_plain) / 1e3);
    benches::measured("sec.handshake_extra_share", of_sec / of_plain - 1.0);
}

/// Reports the median round trip of a message of 100 bytes beside messages of 8 MiB without a pause, and the rate of these.
pub(crate) fn ping_beside_flood() {
    if !benches::wanted("sec.ping_p50_ms_beside_flood sec.rlpx_ping sec.flood_mbs sec.rlpx_flood") {
        return;
    }
    for (link, sec) in links() {
        let beside_flood = ping::in_two_slots(sec, Config::default(), true);
        let (mut millis, rate) = benches::one_thread().block_on(beside_flood);
        let case = format!("sec.{link}ping_p50_ms_beside_flood");
        benches::measured(&case, benches::percentile(&mut millis, 0.5));
        benches::measured(&format!("sec.{link}flood_mbs"), rate);
    }
}

/// Reports the envelopes per second from one node over a second to a third, all on one core.
pub(crate) fn relayed_envelopes() {
    if !benches::wanted("sec.whisper_throughput_eps sec.rlpx_whisper_throughput") {
        return;
    }
    let [(_, sec), (_, plain)] = links();
    let rounds = if benches::measuring() { RELAYS } else { 1 };
    let (mut over_sec, mut over_rlpx) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        over_sec.push(benches::one_thread().block_on(relay(sec.policy)));
        over_rlpx.push(benches::one_thread().block_on(relay(plain.policy)));
    }
    let [sec, plain] = [over_sec, over_rlpx].map(|mut rates| benches::percentile(&mut rates, 0.5));
    benches::measured("sec.whisper_throughput_eps", sec);
    benches::measured("sec.rlpx_whisper_throughput_eps", plain);
    benches::measured("sec.whisper_throughput_vs_rlpx", sec / plain);
}

async fn relay(sec: SecPolicy) -> f64 {
    let far = Node::start_over(sec, settings(), None).await;
    let middle = Node::start_over(sec, settings(), Some(&far)).await;
    let near = Node::start_over(sec, settings(), Some(&middle)).await;
    throughput(vec![near, middle, far]).await
}

/// Reports the resident memory of an idle peer over either link.
pub(crate) fn idle_peers() {
    if !benches::wanted("sec.idle_peer_kib sec.rlpx_idle_peer_kib") {
        return;
    }
    let (peers, settle) = match benches::measuring() {
        true => (1000, SETTLE_TIME),
        false => (3, Duration::ZERO),
    };
    let runtime = Runtime::new().expect("a runtime");
    for (link, sec) in links() {
        let mut crowd = Crowd::gather(&runtime, peers, sec.policy);
        std::thread::sleep(settle);
        benches::measured(&format!("sec.{link}idle_peer_kib"), crowd.kib_each());
        crowd.stop();
    }
}
