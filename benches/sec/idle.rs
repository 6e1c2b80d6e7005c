//! The memory of idle peers, over either link. Each node is a process of its own.

use std::{env, time::Duration};

use benches::NodeProcess;
use p2p_mux::{
    Config as ConnectionConfig, LocalNode, Origin, Protocol, exchange_hello, identity::SecretKey,
};
use p2p_server::{Config, Server};
use rlpx_transport::{HANDSHAKE_LIMIT, SecPolicy, connect};
use tokio::{net::TcpStream, runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The environment variable of the process that is the node: its policy.
const NODE: &str = "BENCH_SEC_NODE";

/// Time until the memory of the handshakes is freed.
const SETTLE_TIME: Duration = Duration::from_secs(20);

/// Reports the resident memory of an idle peer over `sec/1` and over plain RLPx.
pub(crate) fn memory() {
    if !benches::wanted("sec.idle_peer_kib sec.rlpx_idle_peer_kib") {
        return;
    }
    let (peers, settle) = match benches::measuring() {
        true => (1000, SETTLE_TIME),
        false => (3, Duration::ZERO),
    };
    let runtime = Runtime::new().expect("a runtime");
    for (link, policy) in [("", SecPolicy::Require), ("rlpx_", SecPolicy::Off)] {
        let mut node = NodeProcess::start(NODE, policy.name(), &[]);
        let addr: std::net::SocketAddr = node.line().parse().expect("an address");
        let bytes = |node: &mut NodeProcess| node.ask("now").parse::<f64>().expect("a number");
        let before = bytes(&mut node);
        let crowd = runtime.block_on(gather(addr, peers));
        std::thread::sleep(settle);
        let each = (bytes(&mut node) - before) / f64::from(peers);
        benches::measured(&format!("sec.{link}idle_peer_kib"), each / 1024.0);
        drop(crowd);
        node.stop();
    }
}

/// Connects idle peers. They are connected as long as the returned tasks.
async fn gather(addr: std::net::SocketAddr, peers: u32) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    for _ in 0..peers {
        let key = SecretKey::random(&mut rand::rng());
        let io = TcpStream::connect(addr).await.expect("the node listens");
        let to = node_key().id();
        let stream = connect(io, &key, &to, HANDSHAKE_LIMIT).await.expect("a handshake");
        let local =
            LocalNode { client: "bench".into(), protocols: vec![quiet()], port: 0, id: key.id() };
        let negotiated = exchange_hello(stream, &local, &ConnectionConfig::default())
            .await
            .expect("a common sub-protocol");
        let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
        crowd.spawn(async { drop(run.await) });
    }
    crowd
}

/// A sub-protocol that says nothing.
fn quiet() -> Protocol {
    Protocol::new("quiet", 1, 1, |_, mut channel| async move {
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
    if let Ok(policy) = env::var(NODE) {
        let policy = policy.parse().expect("a policy");
        Runtime::new().expect("a runtime").block_on(node(policy));
        std::process::exit(0);
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
async fn node(policy: SecPolicy) {
    let config = Config::new(node_key()).max_peers(2000).max_pending(2000).listen("127.0.0.1:0");
    let server = Server::start(config.sec(policy).protocol(quiet())).await.expect("a free port");
    println!("{}", server.listen_addr().expect("it listens"));
    loop {
        let mut line = String::new();
        let read = move || std::io::stdin().read_line(&mut line);
        match tokio::task::spawn_blocking(read).await.expect("no panic").expect("a pipe") {
            0 => return server.stop().await,
            _ => println!("{}", benches::resident()),
        }
    }
}
