//! A node with many idle peers. It runs in another process ([`NodeProcess`]).

use std::{
    env, fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use benches::NodeProcess;
use p2p_mux::{
    Config as ConnectionConfig, LocalNode, NegotiatedConnection, Origin, Protocol, exchange_hello,
    identity::SecretKey,
};
use p2p_server::{Config, Server};
use rlpx_transport::{HANDSHAKE_LIMIT, SecPolicy, connect};
use tokio::{net::TcpStream, runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The environment variable of the process that is the node: its number of peers, and its policy for `sec/1`.
const NODE: &str = "BENCH_CROWD_NODE";

/// Maximum number of peers that connect at the same time.
const MAX_CONNECTING: usize = 16;

/// A node in another process, and its idle peers in this one.
pub(crate) struct Crowd {
    node: NodeProcess,
    peers: usize,
    /// What the node used without peers.
    before: Usage,
    /// The time until the node had all peers.
    pub(crate) gathered: Duration,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Starts a node and connects the peers. `sec`: the policy of the node; its peers have the default.
    pub(crate) fn gather(runtime: &Runtime, peers: usize, sec: SecPolicy) -> Self {
        let mut node = NodeProcess::start(NODE, &format!("{peers} {sec}"), &[]);
        let addr = node.line().parse().expect("an address");
        let before = usage(&mut node, "now");
        let clock = Instant::now();
        let tasks = runtime.block_on(gather(addr, peers));
        usage(&mut node, "full");
        Self { node, peers, before, gathered: clock.elapsed(), tasks }
    }

    /// The resident memory of the node for each peer, in KiB.
    pub(crate) fn kib_each(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of peers")]
        let peers = self.peers as f64;
        (self.usage().bytes - self.before.bytes) / peers / 1024.0
    }

    /// What the node uses now.
    pub(crate) fn usage(&mut self) -> Usage {
        usage(&mut self.node, "now")
    }

    /// Ends the connections and the node.
    pub(crate) fn stop(self) {
        drop(self.tasks);
        self.node.stop();
    }
}

/// The resources that the node uses.
pub(crate) struct Usage {
    /// Resident memory, in bytes.
    bytes: f64,
    /// Processor time since the start, in seconds.
    pub(crate) seconds: f64,
}

/// The resources that the node uses: now, or as soon as it is "full".
fn usage(node: &mut NodeProcess, when: &str) -> Usage {
    let line = node.ask(when);
    let (bytes, seconds) = line.split_once(' ').expect("two numbers");
    Usage { bytes: bytes.parse().expect("a number"), seconds: seconds.parse().expect("a number") }
}

/// Connects idle peers. They are connected as long as the returned tasks.
async fn gather(addr: SocketAddr, peers: usize) -> JoinSet<()> {
    let (mut connecting, mut crowd) = (JoinSet::new(), JoinSet::new());
    let mut left = peers;
    loop {
        while left > 0 && connecting.len() < MAX_CONNECTING {
            connecting.spawn(connect_peer(addr));
            left -= 1;
        }
        let Some(negotiated) = connecting.join_next().await else { return crowd };
        let negotiated = negotiated.expect("no panic");
        let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
        crowd.spawn(async { drop(run.await) });
    }
}

/// Connects one peer and exchanges Hello.
async fn connect_peer(addr: SocketAddr) -> NegotiatedConnection<TcpStream> {
    let key = SecretKey::random(&mut rand::rng());
    let io = TcpStream::connect(addr).await.expect("the node listens");
    let stream = connect(io, &key, &node_key().id(), HANDSHAKE_LIMIT).await.expect("a handshake");
    let (client, protocols) = ("bench".into(), vec![quiet()]);
    let local = LocalNode { client, protocols, port: 0, id: key.id() };
    exchange_hello(stream, &local, &ConnectionConfig::default())
        .await
        .expect("a common sub-protocol")
}

/// A sub-protocol that sends nothing and runs until the connection ends.
pub(crate) fn quiet() -> Protocol {
    Protocol::new("bench", 1, 1, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// The node's key, which its peers know.
fn node_key() -> SecretKey {
    SecretKey::random(&mut benches::rng())
}

/// Runs the node and exits, if this process was started as the node.
pub(crate) fn run_node_if_asked() {
    if let Ok(asked) = env::var(NODE) {
        let (peers, sec) = asked.split_once(' ').expect("a number and a policy");
        let node = node(peers.parse().expect("a number"), sec.parse().expect("a policy"));
        Runtime::new().expect("a runtime").block_on(node);
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn node(peers: usize, sec: SecPolicy) {
    // All peers have one address. With the default limit their handshakes could be evicted.
    let config = Config::new(node_key()).max_peers(peers).max_pending(2 * peers);
    let config = config.listen("127.0.0.1:0");
    let server = Server::start(config.sec(sec).protocol(quiet())).await.expect("a free port");
    println!("{}", server.listen_addr().expect("it listens"));
    let mut events = server.events();
    loop {
        let mut line = String::new();
        let read = move || std::io::stdin().read_line(&mut line).map(|length| (length, line));
        let read = tokio::task::spawn_blocking(read).await.expect("no panic");
        match read.expect("a pipe") {
            (0, _) => return server.stop().await,
            (_, line) if line.trim() == "full" => {
                while server.peer_count() < peers {
                    events.next().await.expect("the server runs");
                }
            }
            _ => {}
        }
        println!("{} {}", benches::resident(), processor_seconds());
    }
}

/// The processor time of the threads of this process, in seconds. Linux counts it in nanoseconds here; its figure for the
/// whole process counts ticks of 10 ms, which is too coarse for pings of some microseconds. 0 on other systems.
fn processor_seconds() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let taken = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.filter_map(taken).sum::<Duration>().as_secs_f64()
}
