//! The memory of a node with 500 peers that send as fast as they can and read nothing.
//!
//! The node runs in another process ([`NodeProcess`]).

use std::{
    env,
    io::Read as _,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use benches::NodeProcess;
use bytes::Bytes;
use p2p_identity::{NodeId, SecretKey};
use p2p_mux::{Config, LocalNode, MemoryBudget, Origin, Protocol, base, exchange_hello};
use rlpx_transport::{HANDSHAKE_LIMIT, accept, connect};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// The environment variable of the process that is the node.
const NODE: &str = "BENCH_MUX_HOSTILE_NODE";

/// The memory budget of the node, the default of a server.
const BUDGET: usize = 256 << 20;

/// Number of hostile peers.
fn hostile() -> usize {
    benches::size(500, 5)
}

/// Time of the measurement, three times the time limit after which a connection is closed.
fn duration() -> Duration {
    Duration::from_secs(benches::size(15, 1))
}

/// The maximum of the resident memory of the node, in bytes.
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Time between an answer to the honest peer and its next request.
const REQUEST_PAUSE: Duration = Duration::from_millis(20);

/// Reports the growth of the resident memory of the node as a multiple of its budget, and how long an honest peer waits
/// for an answer.
pub(crate) fn resident_memory(runtime: &Runtime) {
    let mut node = NodeProcess::start(NODE, "1", &[]);
    let addr = node.line().parse().expect("an address");
    let mut waits = runtime.block_on(attack(addr));
    let grown: f64 = node.stop().trim().parse().expect("a number of bytes");
    benches::measured("mux.hostile_500_rss_vs_budget", grown / budget());
    benches::measured("mux.hostile_500_honest_p50_ms", benches::percentile(&mut waits, 0.5));
    benches::measured("mux.hostile_500_honest_p99_ms", benches::percentile(&mut waits, 0.99));
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
const fn budget() -> f64 {
    BUDGET as f64
}

/// The node's key, which its peers know.
fn key() -> SecretKey {
    SecretKey::random(&mut benches::rng())
}

/// Runs all peers. Returns how long the honest one waited for each answer, in milliseconds.
async fn attack(addr: SocketAddr) -> Vec<f64> {
    let mut tasks = JoinSet::new();
    let payload = Bytes::from(benches::bytes(16 * 1024));
    let id = key().id();
    let (waits, mut waited) = mpsc::channel(1024);
    tasks.spawn(ask(addr, id, waits));
    waited.recv().await.expect("the honest peer is connected before the others");
    for _ in 0..hostile() {
        let payload = payload.clone();
        tasks.spawn(async move {
            loop {
                flood(addr, &id, &payload).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let mut millis = Vec::new();
    let end = tokio::time::sleep(duration());
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return millis,
            wait = waited.recv() => millis.push(wait.expect("the honest peer stays connected")),
        }
    }
}

/// A peer that sends without end and reads nothing, until the connection is closed.
async fn flood(addr: SocketAddr, id: &NodeId, payload: &Bytes) -> Option<()> {
    let key = SecretKey::random(&mut rand::rng());
    let io = TcpStream::connect(addr).await.ok()?;
    let mut stream = connect(io, &key, id, HANDSHAKE_LIMIT).await.ok()?;
    let hello = local(&key, Protocol::new("echo", 1, 1, |_, _| async { Ok(()) }));
    stream.write(base::HELLO, &hello.hello(&Config::default()).encode()).await.ok()?;
    stream.flush().await.ok()?;
    stream.read().await.ok()??;
    stream.enable_snappy();
    let first = 16 + if Config::default().chunk { p2p_mux::Chunks::offer().length } else { 0 };
    while stream.write(first, payload).await.is_ok() && stream.flush().await.is_ok() {}
    Some(())
}

/// An honest peer: it sends requests and waits for each answer.
async fn ask(addr: SocketAddr, id: NodeId, waits: mpsc::Sender<f64>) {
    let key = SecretKey::random(&mut rand::rng());
    let protocol = Protocol::new("echo", 1, 1, move |_, mut channel| {
        let waits = waits.clone();
        async move {
            loop {
                let asked = Instant::now();
                channel.send(0, "question").await?;
                if channel.recv().await.is_none() {
                    return Ok(());
                }
                waits.send(asked.elapsed().as_secs_f64() * 1e3).await?;
                tokio::time::sleep(REQUEST_PAUSE).await;
            }
        }
    });
    let io = TcpStream::connect(addr).await.expect("the node listens");
    let stream = connect(io, &key, &id, HANDSHAKE_LIMIT).await.expect("a handshake");
    let local = local(&key, protocol);
    let negotiated =
        exchange_hello(stream, &local, &Config::default()).await.expect("a common sub-protocol");
    drop(local);
    let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
    run.await;
}

fn local(key: &SecretKey, protocol: Protocol) -> LocalNode {
    LocalNode { client: "bench".into(), protocols: vec![protocol], port: 0, id: key.id() }
}

/// Runs the node and exits, if this process was started as the node.
pub(crate) fn run_node_if_asked() {
    if env::var_os(NODE).is_some() {
        Runtime::new().expect("a runtime").block_on(node());
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn node() {
    let memory = MemoryBudget::resident(BUDGET);
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    let start = benches::resident();
    std::thread::spawn(|| {
        loop {
            PEAK_BYTES.fetch_max(benches::resident(), Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let serving = tokio::spawn(serve(listener, memory));
    // Until the other process closes the pipe.
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    let waited = tokio::task::spawn_blocking(wait).await.expect("no panic");
    waited.expect("a pipe");
    serving.abort();
    println!("{}", PEAK_BYTES.load(Relaxed).saturating_sub(start));
}

async fn serve(listener: TcpListener, memory: MemoryBudget) {
    let echo = Protocol::new("echo", 1, 1, |_, mut channel| async move {
        while let Some(message) = channel.recv().await {
            channel.send_raw(message.code, message.payload).await?;
        }
        Ok(())
    });
    loop {
        let (io, _) = listener.accept().await.expect("a connection");
        let (memory, echo) = (memory.clone(), echo.clone());
        tokio::spawn(async move {
            let key = key();
            let stream = accept(io, &key, HANDSHAKE_LIMIT).await.ok()?;
            let local = local(&key, echo);
            let negotiated = exchange_hello(stream, &local, &Config::default()).await.ok()?;
            let negotiated = negotiated.with_memory(&memory);
            let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
            Some(run.await)
        });
    }
}
