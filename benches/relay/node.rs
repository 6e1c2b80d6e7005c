//! The node, in a process of its own.

use std::env;

use benches::NodeProcess;
use p2p_identity::{Enode, SecretKey};
use p2p_server::Server;
use tokio::runtime::Builder;
use whisper_protocol::{Config, Whisper, Work};

/// The environment variable of the process that is the node: its number of threads.
const NODE: &str = "BENCH_RELAY_NODE";

/// Maximum number of peers, in any case.
const MAX_PEERS: usize = 2000;

/// A node in another process.
pub(crate) struct Node {
    process: NodeProcess,
    pub(crate) enode: Enode,
}

/// What the node has done so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) established: u64,
    /// Envelopes that were new.
    pub(crate) new: u64,
    /// Envelopes sent to peers.
    pub(crate) sent: u64,
    /// Processor time in seconds.
    pub(crate) cpu: f64,
    /// Resident memory in bytes.
    pub(crate) resident: f64,
}

impl Node {
    /// Starts a node with this number of threads.
    pub(crate) fn start(threads: usize) -> Self {
        let mut process = NodeProcess::start(NODE, &threads.to_string(), &[]);
        let enode = process.line().parse().expect("an enode URL");
        Self { process, enode }
    }

    pub(crate) fn usage(&mut self) -> Usage {
        let line = self.process.ask("");
        let numbers = line.split(' ').map(|number| number.parse().expect("a number"));
        let numbers: Vec<f64> = numbers.collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        let count = |index: usize| numbers[index] as u64;
        Usage {
            established: count(0),
            new: count(1),
            sent: count(2),
            cpu: numbers[3],
            resident: numbers[4],
        }
    }

    pub(crate) fn stop(self) {
        self.process.stop();
    }
}

/// Runs the node and exits, if this process was started as the node.
pub(crate) fn run_if_asked() {
    if let Ok(threads) = env::var(NODE) {
        let threads = threads.parse().expect("a number");
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        runtime.expect("a runtime").block_on(run());
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn run() {
    let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
    // All peers have one address. With the default limit their handshakes could be evicted.
    let config = p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
        .listen("127.0.0.1:0")
        .max_peers(MAX_PEERS)
        .max_pending(MAX_PEERS);
    let server = Server::start(config.protocols(whisper.protocols())).await.expect("a free port");
    println!("{}", server.enode());
    loop {
        let mut line = String::new();
        let read = move || std::io::stdin().read_line(&mut line);
        if tokio::task::spawn_blocking(read).await.expect("no panic").expect("a pipe") == 0 {
            return;
        }
        let stats = whisper.stats();
        let (established, new, sent) =
            (stats.sessions.established, stats.envelopes.new, stats.relay.sent);
        let (cpu, resident) = (benches::processor_seconds(), benches::resident());
        println!("{established} {new} {sent} {cpu} {resident}");
    }
}
