//! A node with a thousand idle peers: the memory for each, the processor time for all, and the time until all are
//! connected.
//!
//! The node runs in another process ([`NodeProcess`]).

use std::{
    env, fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use benches::NodeProcess;
use p2p_mux::{
    Config as ConnectionConfig, LocalNode, NegotiatedConnection, Origin, exchange_hello,
    identity::SecretKey,
};
use p2p_server::{Config, Server};
use rlpx_transport::{HANDSHAKE_LIMIT, connect};
use tokio::{net::TcpStream, runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The environment variable of the process that is the node: its number of peers.
const NODE: &str = "BENCH_SERVER_CROWD_NODE";

/// Maximum number of peers that connect at the same time.
const MAX_CONNECTING: usize = 16;

/// Time before the measurement, for the first pings and until the memory of the handshakes is freed.
const SETTLE_TIME: Duration = Duration::from_secs(20);

/// Time of the measurement: two rounds of pings in each direction.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Measures and reports the figures.
pub(crate) fn measure(runtime: &Runtime) {
    let (peers, settle, idle_time) = match benches::measuring() {
        true => (1000, SETTLE_TIME, IDLE_TIME),
        false => (10, Duration::ZERO, Duration::from_millis(100)),
    };
    let mut node = NodeProcess::start(NODE, &peers.to_string(), &[]);
    let addr = node.line().parse().expect("an address");
    let before = usage(&mut node, "now");
    let clock = Instant::now();
    let crowd = runtime.block_on(gather(addr, peers));
    usage(&mut node, "full");
    benches::measured("server.accept_1000_s", clock.elapsed().as_secs_f64());
    std::thread::sleep(settle);
    let idle = usage(&mut node, "now");
    std::thread::sleep(idle_time);
    let later = usage(&mut node, "now");
    benches::measured("server.idle_peer_kib", (idle.bytes - before.bytes) / number(peers) / 1024.0);
    let spent = later.seconds - idle.seconds;
    benches::measured("server.idle_cpu_share", spent / idle_time.as_secs_f64());
    drop(crowd);
    node.stop();
}

#[expect(clippy::cast_precision_loss, reason = "a count of peers, or of bytes in memory")]
const fn number(count: usize) -> f64 {
    count as f64
}

/// The resources that the node uses.
struct Usage {
    /// Resident memory, in bytes.
    bytes: f64,
    /// Processor time since the start, in seconds.
    seconds: f64,
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
    let (client, protocols) = ("bench".into(), vec![super::quiet()]);
    let local = LocalNode { client, protocols, port: 0, id: key.id() };
    exchange_hello(stream, &local, &ConnectionConfig::default())
        .await
        .expect("a common sub-protocol")
}

/// The node's key, which its peers know.
fn node_key() -> SecretKey {
    SecretKey::random(&mut benches::rng())
}

/// Runs the node and exits, if this process was started as the node.
pub(crate) fn run_node_if_asked() {
    if let Some(peers) = env::var_os(NODE) {
        let peers = peers.to_str().and_then(|peers| peers.parse().ok()).expect("a number");
        Runtime::new().expect("a runtime").block_on(node(peers));
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn node(peers: usize) {
    // All peers have one address. With the default limit their handshakes could be evicted.
    let config = Config::new(node_key()).max_peers(peers).max_pending(2 * peers);
    let config = config.listen("127.0.0.1:0");
    let server = Server::start(config.protocol(super::quiet())).await.expect("a free port");
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
