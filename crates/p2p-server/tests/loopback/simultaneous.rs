//! Two nodes that dial each other at the same time over sockets. p2p-sim tests it with random delays.

use p2p_server::{Direction, Event, RefuseReason, Server};

use crate::support::{config, echo, soon, start};

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
