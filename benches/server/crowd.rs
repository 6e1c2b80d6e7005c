//! A node with a thousand peers that say nothing: what each takes of the memory, what all of them take of the
//! processor, and how long it takes until all are there.
//!
//! The node is a process of its own, this same program started again, so that what its peers cost is not counted.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use p2p_mux::{
    Config as Connection, LocalNode, NegotiatedConnection, Origin, exchange_hello,
    identity::SecretKey,
};
use p2p_server::{Config, Server};
use rlpx_transport::{HANDSHAKE_LIMIT, connect};
use tokio::{net::TcpStream, runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Set for the process that is the node.
const NODE: &str = "BENCH_SERVER_CROWD_NODE";

/// As many connect at once.
const AT_ONCE: usize = 16;

/// Until the first pings are over, and what a connection needed to begin with is given back.
const SETTLE: Duration = Duration::from_secs(20);

/// Two rounds of pings in each direction.
const WATCH: Duration = Duration::from_secs(30);

/// Reports the three figures.
pub(crate) fn measure(runtime: &Runtime) {
    let (peers, settle, watch) = match benches::measuring() {
        true => (1000, SETTLE, WATCH),
        false => (10, Duration::ZERO, Duration::from_millis(100)),
    };
    let (mut node, addr) = Node::start(peers);
    let before = node.ask("now");
    let clock = Instant::now();
    let crowd = runtime.block_on(gather(addr, peers));
    node.ask("full");
    benches::measured("server.accept_1000_s", clock.elapsed().as_secs_f64());
    std::thread::sleep(settle);
    let idle = node.ask("now");
    std::thread::sleep(watch);
    let later = node.ask("now");
    benches::measured("server.idle_peer_kib", (idle.bytes - before.bytes) / number(peers) / 1024.0);
    let spent = later.seconds - idle.seconds;
    benches::measured("server.idle_cpu_share", spent / watch.as_secs_f64());
    drop(crowd);
    node.stop();
}

#[expect(clippy::cast_precision_loss, reason = "a count of peers, or of bytes in memory")]
const fn number(count: usize) -> f64 {
    count as f64
}

/// The node as the process that started it sees it.
struct Node {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

/// What the node has taken since it started.
struct Cost {
    bytes: f64,
    seconds: f64,
}

impl Node {
    /// Starts it with room for so many peers. Where it listens.
    fn start(peers: usize) -> (Self, SocketAddr) {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .env(NODE, peers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let asks = child.stdin.take().expect("a pipe");
        let says = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut node = Self { child, asks, says };
        let addr = node.line().parse().expect("an address");
        (node, addr)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("the node answers");
        line.trim().to_owned()
    }

    /// Asks what it has taken by now, or by the time at which it is full.
    fn ask(&mut self, when: &str) -> Cost {
        writeln!(self.asks, "{when}").expect("the node listens");
        let line = self.line();
        let (bytes, seconds) = line.split_once(' ').expect("two numbers");
        Cost {
            bytes: bytes.parse().expect("a number"),
            seconds: seconds.parse().expect("a number"),
        }
    }

    fn stop(self) {
        let Self { mut child, asks, says } = self;
        drop((asks, says));
        child.wait().expect("the node ends");
    }
}

/// Connects so many peers that say nothing. They stay as long as what is returned.
async fn gather(addr: SocketAddr, peers: usize) -> JoinSet<()> {
    let (mut arriving, mut crowd) = (JoinSet::new(), JoinSet::new());
    let mut left = peers;
    loop {
        while left > 0 && arriving.len() < AT_ONCE {
            arriving.spawn(arrive(addr));
            left -= 1;
        }
        let Some(greeted) = arriving.join_next().await else { return crowd };
        let greeted = greeted.expect("the node lets it in");
        let (_peer, life) = greeted.run(Origin::default(), CancellationToken::new());
        crowd.spawn(async { drop(life.await) });
    }
}

/// One of them, up to Hello.
async fn arrive(addr: SocketAddr) -> NegotiatedConnection<TcpStream> {
    let key = SecretKey::random(&mut rand::rng());
    let io = TcpStream::connect(addr).await.expect("the node listens");
    let stream = connect(io, &key, &node_key().id(), HANDSHAKE_LIMIT).await.expect("a handshake");
    let (client, protocols) = ("bench".into(), vec![super::quiet()]);
    let local = LocalNode { client, protocols, port: 0, id: key.id() };
    exchange_hello(stream, &local, &Connection::default()).await.expect("a protocol in common")
}

/// The node's key, which its peers know.
fn node_key() -> SecretKey {
    SecretKey::random(&mut benches::rng())
}

/// Is the node, if that is what this process was started for, and then does not return.
pub(crate) fn be_the_node() {
    if let Some(peers) = env::var_os(NODE) {
        let peers = peers.to_str().and_then(|peers| peers.parse().ok()).expect("a number");
        Runtime::new().expect("a runtime").block_on(node(peers));
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn node(peers: usize) {
    // All come from one address: with the default, those whose Hello waits would be taken for idlers.
    let config = Config::new(node_key()).max_peers(peers).max_pending(2 * peers);
    let config = config.listen("127.0.0.1:0");
    let server = Server::start(config.protocol(super::quiet())).await.expect("a free port");
    println!("{}", server.listen_addr().expect("it listens"));
    let mut events = server.events();
    loop {
        let mut line = String::new();
        let read = move || std::io::stdin().read_line(&mut line).map(|length| (length, line));
        let read = tokio::task::spawn_blocking(read).await.expect("it can wait");
        match read.expect("a pipe") {
            (0, _) => return server.stop().await,
            (_, line) if line.trim() == "full" => {
                while server.peer_count() < peers {
                    events.next().await.expect("the server runs");
                }
            }
            _ => {}
        }
        println!("{} {}", benches::resident(), spent());
    }
}

/// The processor time that this process's threads have taken, in seconds. Linux counts it to the nanosecond here; what
/// it says of the whole process is a guess by ticks of 10 ms, and a peer's ping takes some microseconds. 0 elsewhere.
fn spent() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let taken = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.filter_map(taken).sum::<Duration>().as_secs_f64()
}
