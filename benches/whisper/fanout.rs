//! One node that passes on the envelopes of one peer to 100 others.
//!
//! The node runs in another process ([`NodeProcess`]).

use std::{
    env, fs,
    io::stdin,
    sync::Arc,
    time::{Duration, Instant},
};

use benches::NodeProcess;
use p2p_identity::Enode;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    node::{Node, envelopes, runtime},
    raw_peer::RawPeer,
};

/// The environment variable of the process that is the node.
const NODE: &str = "BENCH_WHISPER_FANOUT_NODE";

fn peer_count() -> usize {
    benches::size(100, 3)
}

/// Number of envelopes, one in each millisecond.
fn count() -> u64 {
    benches::size(3000, 20)
}

/// Number of envelopes at the start that are not counted, because the connections are new.
fn warm_up() -> usize {
    benches::size(500, 5)
}

/// Time limit for the arrival of all envelopes.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(20);

/// Clock ticks per second in the figures of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Whether this process is the node.
pub(crate) fn is_node() -> bool {
    env::var_os(NODE).is_some()
}

/// Runs the node. It prints its URL, and for each line of its input its processor time.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(crate) fn node() {
    let runtime = runtime();
    let node = runtime.block_on(Node::start(None));
    println!("{}", node.server.enode());
    for _ in stdin().lines() {
        println!("{}", processor_seconds());
    }
}

/// The processor time of this process, in seconds.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name, in parentheses, may contain spaces; times come 12th and 13th after it.
    let after = stat.rsplit(')').next().expect("a name");
    let fields = after.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_PER_SECOND
}

/// The processor time of the node since its start, in seconds.
fn processor_seconds_of(process: &mut NodeProcess) -> f64 {
    process.ask("").parse().expect("a number")
}

/// Reports the time from the sending of an envelope to its arrival at each peer, and the share of one core that
/// the node takes.
pub(crate) fn latency_and_share() {
    let mut process = NodeProcess::start(NODE, "1", &["--bench", "whisper.fanout"]);
    let enode: Enode = process.line().parse().expect("an enode URL");
    let (mut millis, share) = runtime().block_on(fan_out(&enode, &mut process));
    process.stop();
    benches::measured("whisper.fanout_100_p50_ms", benches::percentile(&mut millis, 0.5));
    benches::measured("whisper.fanout_100_p99_ms", benches::percentile(&mut millis, 0.99));
    benches::measured("whisper.fanout_100_cpu_share", share);
}

async fn fan_out(enode: &Enode, process: &mut NodeProcess) -> (Vec<f64>, f64) {
    let source = RawPeer::connect(enode).await;
    let mut peers = Vec::new();
    for _ in 0..peer_count() {
        peers.push(RawPeer::connect(enode).await);
    }
    let start = Instant::now();
    let mut arrivals = JoinSet::new();
    for peer in peers {
        arrivals.spawn(timeout(ARRIVAL_LIMIT, arrivals_at(peer, start)));
    }
    let before = processor_seconds_of(process);
    let sent = Arc::new(send(&source, start).await);
    let mut millis = Vec::new();
    while let Some(arrived) = arrivals.join_next().await {
        let arrived = arrived.expect("no panic").expect("no envelope is lost");
        let times = arrived.iter().zip(sent.iter()).skip(warm_up());
        millis.extend(times.map(|(arrived, sent)| (arrived - sent) * 1e3));
    }
    let share = (processor_seconds_of(process) - before) / start.elapsed().as_secs_f64();
    (millis, share)
}

/// Sends one envelope in each millisecond. Returns when each was sent, in seconds from the start.
async fn send(source: &RawPeer, start: Instant) -> Vec<f64> {
    let mut clock = interval(Duration::from_millis(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for envelope in envelopes(count(), 50) {
        clock.tick().await;
        sent.push(start.elapsed().as_secs_f64());
        source.send(&[envelope]).await;
    }
    sent
}

/// When each envelope arrived, by its number, in seconds from the start.
async fn arrivals_at(mut peer: RawPeer, start: Instant) -> Vec<f64> {
    let count = usize::try_from(count()).expect("few");
    let mut arrived = vec![0.0; count];
    let mut left = count;
    while left > 0 {
        let numbers = peer.recv().await;
        let now = start.elapsed().as_secs_f64();
        left -= numbers.len();
        for number in numbers {
            arrived[usize::try_from(number).expect("few")] = now;
        }
    }
    arrived
}
