//! Two nodes that dial each other at the same time: over sockets, and over a network in memory with random
//! delays.

use std::{env, time::Duration};

use p2p_server::{
    Direction, Event, RefuseReason, Server,
    identity::{Enode, SecretKey},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::time::{sleep, timeout};

use crate::{
    candidates::once,
    memory::Net,
    support::{config, echo, quiet, soon, start},
};

const ROUNDS: u8 = 40;

/// One server, and the outbound connections that it has reported.
struct End {
    server: Server,
    events: p2p_server::Events,
    outbound: u64,
}

impl End {
    async fn step(&mut self) {
        if let Event::Added { direction: Direction::Outbound, .. } =
            self.events.next().await.unwrap()
        {
            self.outbound += 1;
        }
    }

    /// Whether every dial that began has ended, as a peer or as a failure.
    fn is_done(&self) -> bool {
        let stats = self.server.stats();
        stats.dials == stats.dial_failures.total() + self.outbound
    }
}

#[tokio::test]
async fn exactly_one_connection_survives() {
    meet(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_connection_survives_on_several_threads() {
    meet(100).await;
}

async fn meet(first_key: u8) {
    let mut duplicates = 0;
    for round in 0..ROUNDS {
        let (echo_a, mut heard_a) = echo(1);
        let (echo_b, mut heard_b) = echo(2);
        // Other keys in each round, so that either end can have the smaller id.
        let a = start(config(first_key + 2 * round + 1).protocol(echo_a)).await;
        let b = start(config(first_key + 2 * round + 2).protocol(echo_b)).await;
        let mut ends = [&a, &b].map(|server| End {
            server: server.clone(),
            events: server.events(),
            outbound: 0,
        });
        a.add_peer(b.enode());
        b.add_peer(a.enode());
        let [end_a, end_b] = &mut ends;
        soon(async {
            // Done when no dial is running and both ends have the same socket. The two ends cannot be
            // checked at the same instant. While both are connected no dial begins, so checking the
            // connection before and after the dials is enough.
            while !(same_connection(&a, &b)
                && end_a.is_done()
                && end_b.is_done()
                && same_connection(&a, &b))
            {
                tokio::select! {
                    () = end_a.step() => {}
                    () = end_b.step() => {}
                }
            }
        })
        .await;
        // The connection works: both sub-protocols got their answer.
        assert!(soon(heard_a.recv()).await.is_some());
        assert!(soon(heard_b.recv()).await.is_some());
        assert_eq!((a.peer_count(), b.peer_count()), (1, 1));
        assert!(same_connection(&a, &b), "the remaining connection stays");
        let refused = a.stats().refused.get(RefuseReason::AlreadyConnected)
            + b.stats().refused.get(RefuseReason::AlreadyConnected);
        duplicates += refused + a.stats().dropped + b.stats().dropped;
        a.stop().await;
        b.stop().await;
    }
    assert!(duplicates > 0, "there never were two connections");
}

/// Whether the only peer of each is the other, over the same socket.
fn same_connection(a: &Server, b: &Server) -> bool {
    match (a.peers().as_slice(), b.peers().as_slice()) {
        ([to_b], [to_a]) => {
            to_b.network.local_address == to_a.network.remote_address
                && to_b.network.remote_address == to_a.network.local_address
        }
        _ => false,
    }
}

/// Number of rounds in memory, unless `P2P_SERVER_RUNS` sets it.
const MEMORY_ROUNDS: u64 = 150;

#[tokio::test(start_paused = true)]
async fn exactly_one_connection_survives_random_delays() {
    let runs = env::var("P2P_SERVER_RUNS").ok().and_then(|text| text.parse().ok());
    for found in [false, true] {
        let mut crossed = 0;
        for round in 0..runs.unwrap_or(MEMORY_ROUNDS) {
            crossed += u64::from(meet_in_memory(round, found).await > 1);
        }
        assert!(crossed > 0, "there never were two connections");
    }
}

/// One round in memory. Each node is a static node of the other, or a found one if `found`. Returns the number
/// of connections that were begun.
async fn meet_in_memory(round: u64, found: bool) -> u64 {
    let mut rng = StdRng::seed_from_u64(round);
    let delay = 1 << rng.random_range(0..10);
    let net = Net::new(round, delay);
    let mut servers = Vec::new();
    for _ in 0..2 {
        let config = p2p_server::Config::new(SecretKey::random(&mut rng));
        let server = start(config.protocol(quiet()).node_dialer(net.dialer())).await;
        net.add(&server);
        servers.push(server);
    }
    let dial = async |from: &Server, to: &Server, wait| {
        sleep(Duration::from_millis(wait)).await;
        if found {
            // A node without a TCP port is not dialed; the network in memory uses the id only.
            from.add_candidates(once(Enode { tcp: 30_303, ..to.enode() }));
        } else {
            from.add_peer(to.enode());
        }
    };
    let waits = [rng.random_range(0..=delay), rng.random_range(0..=delay)];
    tokio::join!(
        dial(&servers[0], &servers[1], waits[0]),
        dial(&servers[1], &servers[0], waits[1])
    );
    let settled = || net.open() == 1 && servers.iter().all(|server| server.peer_count() == 1);
    // Longer than any attempt takes, so no attempt is running after it.
    let quiet_for = Duration::from_secs(20);
    let met = timeout(Duration::from_secs(300), async {
        while !settled() || !stays(quiet_for, settled).await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let left = || format!("round {round}, found {found}: {} connections are left", net.open());
    assert!(met.await.is_ok(), "{}", left());
    for server in &servers {
        server.stop().await;
    }
    net.begun()
}

/// Whether the condition holds at 20 times in this span.
async fn stays(span: Duration, what: impl Fn() -> bool) -> bool {
    for _ in 0..20 {
        sleep(span / 20).await;
        if !what() {
            return false;
        }
    }
    true
}
