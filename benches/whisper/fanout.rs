//! One node with 100 peers, to all of which it passes on what one more sends.
//!
//! The node is a process of its own, this same program started again, so that its peers' share of
//! the processor is not counted.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use p2p_identity::Enode;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    node::{Node, envelopes, runtime},
    raw_peer::RawPeer,
};

/// Set for the process that is the node.
const NODE: &str = "BENCH_WHISPER_FANOUT_NODE";

const PEERS: usize = 100;

/// Sent in all, one a millisecond.
const ENVELOPES: u64 = 3000;

/// The first so many are not counted: the connections are new.
const WARM_UP: u64 = 500;

const PATIENCE: Duration = Duration::from_secs(20);

/// The clock ticks of Linux's accounts.
const TICKS_A_SECOND: f64 = 100.0;

/// Whether this process is the node.
pub(crate) fn is_node() -> bool {
    env::var_os(NODE).is_some()
}

/// Runs the node: says where it listens, and what processor time it has taken whenever it is asked.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(crate) fn node() {
    let runtime = runtime();
    let node = runtime.block_on(Node::start(None));
    println!("{}", node.server.enode());
    for _ in stdin().lines() {
        println!("{}", processor_seconds());
    }
}

fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name, in parentheses, may contain spaces; times come 12th and 13th after it.
    let after = stat.rsplit(')').next().expect("a name");
    let fields = after.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_A_SECOND
}

/// The node's process.
struct Process {
    child: Child,
    ask: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Self {
        let program = env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--bench", "whisper.fanout"])
            .env(NODE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let ask = child.stdin.take().expect("a pipe");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, ask, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("the node says something");
        line.trim().to_owned()
    }

    fn processor_seconds(&mut self) -> f64 {
        writeln!(self.ask).expect("the node listens");
        self.line().parse().expect("a number")
    }

    fn stop(mut self) {
        drop(self.ask);
        self.child.wait().expect("the node ends");
    }
}

/// Reports the time from the sending of an envelope to its arrival at each of the peers, and the
/// node's share of one core meanwhile.
pub(crate) fn latency_and_share() {
    let mut process = Process::start();
    let enode: Enode = process.line().parse().expect("where the node listens");
    let (mut millis, share) = runtime().block_on(fan_out(&enode, &mut process));
    process.stop();
    benches::measured("whisper.fanout_100_p50_ms", benches::percentile(&mut millis, 0.5));
    benches::measured("whisper.fanout_100_p99_ms", benches::percentile(&mut millis, 0.99));
    benches::measured("whisper.fanout_100_cpu_share", share);
}

async fn fan_out(enode: &Enode, process: &mut Process) -> (Vec<f64>, f64) {
    let source = RawPeer::connect(enode).await;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        peers.push(RawPeer::connect(enode).await);
    }
    let start = Instant::now();
    let mut arrivals = JoinSet::new();
    for peer in peers {
        arrivals.spawn(timeout(PATIENCE, arrivals_at(peer, start)));
    }
    let before = process.processor_seconds();
    let sent = Arc::new(send(&source, start).await);
    let mut millis = Vec::new();
    while let Some(arrived) = arrivals.join_next().await {
        let arrived = arrived.expect("no panic").expect("nothing is lost");
        let times = arrived.iter().zip(sent.iter()).skip(WARM_UP.try_into().expect("few"));
        millis.extend(times.map(|(arrived, sent)| (arrived - sent) * 1e3));
    }
    let share = (process.processor_seconds() - before) / start.elapsed().as_secs_f64();
    (millis, share)
}

/// One envelope a millisecond. When each was sent, in seconds from the start.
async fn send(source: &RawPeer, start: Instant) -> Vec<f64> {
    let mut every = interval(Duration::from_millis(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for envelope in envelopes(ENVELOPES, 50) {
        every.tick().await;
        sent.push(start.elapsed().as_secs_f64());
        source.send(&[envelope]).await;
    }
    sent
}

/// When each envelope arrived, by its number.
async fn arrivals_at(mut peer: RawPeer, start: Instant) -> Vec<f64> {
    let count = usize::try_from(ENVELOPES).expect("few");
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
