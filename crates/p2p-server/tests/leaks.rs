//! A server that has stopped leaves nothing behind: no task, no socket, no memory. The test has a process of
//! its own, so that only its own resources are counted.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, time::Duration};

use p2p_server::{
    Config, Event, Server,
    identity::{Enode, SecretKey},
    mux::{self, LocalNode, Origin, Protocol, exchange_hello},
    transport::{HANDSHAKE_LIMIT, connect},
};
use tokio::{net::TcpStream, runtime::Handle, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// Peers in each round.
const PEERS: usize = 50;

/// Number of rounds, unless `P2P_SERVER_LEAK_ROUNDS` sets it.
const ROUNDS: usize = 8;

/// Number of rounds after which the memory of the allocator no longer grows.
const WARM_UP: usize = 3;

/// Maximum growth of the resident memory in all rounds after [`WARM_UP`], in bytes. A leak of one connection
/// for each round would exceed it in the full run.
const MAX_GROWTH: usize = 4 << 20;

fn quiet() -> Protocol {
    Protocol::new("quiet", 1, 1, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// Runs a peer without a server until the other end closes the connection.
async fn peer(enode: Enode) {
    let key = SecretKey::random(&mut rand::rng());
    let socket = TcpStream::connect(enode.socket_addr().unwrap()).await.unwrap();
    let stream = connect(socket, &key, &enode.id, HANDSHAKE_LIMIT).await.unwrap();
    let local =
        LocalNode { client: "peer".into(), protocols: vec![quiet()], port: 0, id: key.id() };
    let negotiated = exchange_hello(stream, &local, &mux::Config::default()).await.unwrap();
    negotiated.run(Origin::default(), CancellationToken::new()).1.await;
}

async fn round() {
    let config = Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
    let server = Server::start(config.protocol(quiet())).await.unwrap();
    let mut events = server.events();
    let mut peers = JoinSet::new();
    for n in 1..=PEERS {
        peers.spawn(peer(server.enode()));
        while server.peer_count() < n {
            assert!(matches!(events.next().await, Some(Event::Added { .. })));
        }
    }
    server.stop().await;
    while let Some(ended) = peers.join_next().await {
        ended.unwrap();
    }
}

/// Number of open file descriptors of this process.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_has_stopped() {
    let rounds = std::env::var("P2P_SERVER_LEAK_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (mut warm, tasks_before, descriptors_before) = (0, tasks(), descriptors());
    for n in 1..=rounds {
        timeout(Duration::from_secs(60), round()).await.expect("a round ends");
        assert_eq!(tasks(), tasks_before, "after round {n}");
        assert_eq!(descriptors(), descriptors_before, "after round {n}");
        if n == WARM_UP {
            warm = resident();
        }
    }
    let grown = resident().saturating_sub(warm);
    println!(
        "{rounds} rounds of {PEERS} peers: {grown} bytes more in memory than after the warm-up"
    );
    assert!(grown < MAX_GROWTH, "{grown} bytes");
}
