//! A server that starts, has peers and stops leaves nothing behind: no task, no socket, no memory. A
//! process of its own, so that nobody else's are counted.
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

/// Rounds, unless `P2P_SERVER_LEAK_ROUNDS` says how many.
const ROUNDS: usize = 8;

/// Rounds after which the allocator has what it needs.
const WARM_UP: usize = 3;

/// The most that the resident memory may grow by in the rounds after that, however many: less than a
/// connection, and far less than a server, times the rounds of the full run.
const SLACK: usize = 4 << 20;

fn quiet() -> Protocol {
    Protocol::new("quiet", 1, 1, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// A peer without a server, until the other end closes.
async fn peer(enode: Enode) {
    let key = SecretKey::random(&mut rand::rng());
    let socket = TcpStream::connect(enode.socket_addr().unwrap()).await.unwrap();
    let stream = connect(socket, &key, &enode.id, HANDSHAKE_LIMIT).await.unwrap();
    let local =
        LocalNode { client: "peer".into(), protocols: vec![quiet()], port: 0, id: key.id() };
    let greeted = exchange_hello(stream, &local, &mux::Config::default()).await.unwrap();
    greeted.run(Origin::default(), CancellationToken::new()).1.await;
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

/// What this process has open.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What this process has in memory, in bytes.
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
    println!("{rounds} rounds of {PEERS} peers: {grown} bytes more in memory than when warm");
    assert!(grown < SLACK, "{grown} bytes");
}
