//! What a second thread gains, for a busy node with several shapes of traffic.
//!
//! The gain of a second thread for proof of work, which shares nothing, is measured beside it: on a machine whose cores
//! are shared with others it shows what was to be had. The peers of the node take processor time of the same machine. So
//! each shape has a bound: the gain if the second thread cost nothing and no core was ever idle.

use std::{
    hint::black_box,
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keccak_lanes::{Keccak256, Search, Zeros};
use tokio::{runtime::Builder, sync::Barrier, task::JoinSet};
use whisper_envelope::Envelope;

use crate::{
    clients::{Client, envelopes},
    node::Node,
};

/// Number of envelopes in one packet of a sender.
const PACKET: usize = 8;

/// A shape of traffic.
struct Shape {
    name: &'static str,
    senders: usize,
    receivers: usize,
    /// Envelopes of all senders together.
    envelopes: usize,
}

const SHAPES: [Shape; 3] = [
    Shape { name: "multi_8x8", senders: 8, receivers: 8, envelopes: 48_000 },
    Shape { name: "fanout_50", senders: 1, receivers: 50, envelopes: 12_000 },
    Shape { name: "ingest_8", senders: 8, receivers: 0, envelopes: 160_000 },
];

/// Reports for each shape the envelopes a second with one thread and with two, and their ratio; and the ratio for proof
/// of work.
pub(crate) fn gains() {
    let pow = proof_of_work_gain();
    benches::measured("relay.pow_2t_vs_1t", pow);
    for shape in &SHAPES {
        if !benches::wanted(&format!("relay.{}_1t_eps", shape.name)) {
            continue;
        }
        let one = rate(shape, 1);
        let two = rate(shape, 2);
        let name = shape.name;
        benches::measured(&format!("relay.{name}_1t_eps"), one.envelopes);
        benches::measured(&format!("relay.{name}_2t_eps"), two.envelopes);
        benches::measured(&format!("relay.{name}_1t_cpu_us"), one.cpu_micros);
        benches::measured(&format!("relay.{name}_2t_cpu_us"), two.cpu_micros);
        let gain = two.envelopes / one.envelopes;
        benches::measured(&format!("relay.{name}_2t_vs_1t"), gain);
        benches::measured(&format!("relay.{name}_gain_vs_pow"), gain / pow);
        benches::measured(&format!("relay.{name}_gain_bound"), one.bound_of_two_threads());
    }
}

/// How fast a node is.
struct Rate {
    /// Envelopes a second into the node, until it has sent them to all receivers.
    envelopes: f64,
    /// Processor time of the node for each of them, in microseconds.
    cpu_micros: f64,
    /// That of its peers.
    peers_micros: f64,
}

impl Rate {
    /// The greatest gain that a second thread can bring on this machine, whose cores the peers use as well.
    #[expect(clippy::cast_precision_loss, reason = "a few cores")]
    fn bound_of_two_threads(&self) -> f64 {
        let cores = thread::available_parallelism().map_or(1, NonZero::get) as f64;
        let (node, all) = (self.cpu_micros, self.cpu_micros + self.peers_micros);
        (2e6 / node).min(cores * 1e6 / all) / self.envelopes
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(shape: &Shape, threads: usize) -> Rate {
    let count = if benches::measuring() { shape.envelopes } else { 80 };
    let mut node = Node::start(threads);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = envelopes(count, 120);
    let (seconds, [node_cpu, peers_cpu]) = runtime.block_on(transfer(shape, &mut node, &all));
    node.stop();
    let count = count as f64;
    let [cpu_micros, peers_micros] = [node_cpu, peers_cpu].map(|cpu| cpu * 1e6 / count);
    Rate { envelopes: count / seconds, cpu_micros, peers_micros }
}

/// The seconds that it takes, and those of processor time of the node and of its peers.
async fn transfer(shape: &Shape, node: &mut Node, all: &[Envelope]) -> (f64, [f64; 2]) {
    let mut senders = Vec::new();
    for part in all.chunks(all.len().div_ceil(shape.senders)) {
        let mut sender = Client::sender(&node.enode).await;
        let sealed = sender.seal(part, PACKET).concat();
        senders.push((sender, sealed));
    }
    let mut receivers = Vec::new();
    for _ in 0..shape.receivers {
        receivers.push(Client::receiver(&node.enode).await);
    }
    let peers = (shape.senders + shape.receivers) as u64;
    while node.usage().established < peers {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bytes = all.iter().map(|envelope| envelope.raw().len()).sum();
    let start = Arc::new(Barrier::new(shape.senders + shape.receivers + 1));
    let (mut sending, mut receiving) = (JoinSet::new(), JoinSet::new());
    for (mut sender, sealed) in senders {
        let start = Arc::clone(&start);
        sending.spawn(async move {
            start.wait().await;
            sender.write(&sealed).await;
            sender
        });
    }
    for mut receiver in receivers {
        let start = Arc::clone(&start);
        receiving.spawn(async move {
            start.wait().await;
            receiver.read(bytes, &mut Vec::with_capacity(256 * 1024)).await;
            receiver
        });
    }
    let before = [node.usage().cpu, benches::processor_seconds()];
    start.wait().await;
    let clock = Instant::now();
    let senders = sending.join_all().await;
    let receivers = receiving.join_all().await;
    while node.usage().new < all.len() as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let seconds = clock.elapsed().as_secs_f64();
    let after = [node.usage().cpu, benches::processor_seconds()];
    drop((senders, receivers));
    (seconds, [after[0] - before[0], after[1] - before[1]])
}

/// The speed of two threads of proof of work over that of one.
fn proof_of_work_gain() -> f64 {
    let rounds = if benches::measuring() { 9 } else { 1 };
    let search = Search::after(&Keccak256::new().chain(&[7; 300]));
    let work = || black_box(search.find(Zeros::Leading(60), 0, 500_000));
    let took = |threads: usize| {
        let start = Instant::now();
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        start.elapsed().as_secs_f64()
    };
    let mut gains: Vec<f64> = (0..rounds).map(|_| 2.0 * took(1) / took(2)).collect();
    benches::percentile(&mut gains, 0.5)
}
