//! Many connections: the time until a new node has its first peer, and the cost of a thousand idle peers.

#[path = "server/crowd.rs"]
mod crowd;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use p2p_mux::{Protocol, identity::SecretKey};
use p2p_server::{Config, Event, Server};
use tokio::runtime::Runtime;

/// A sub-protocol that sends nothing and runs until the connection ends.
fn quiet() -> Protocol {
    Protocol::new("bench", 1, 1, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// A node with that sub-protocol.
fn config() -> Config {
    Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0").protocol(quiet())
}

/// Starts a node that has `host` as its static node. Returns the time until they are connected.
async fn join(host: &Server) -> Duration {
    let clock = Instant::now();
    let node = Server::start(config().static_node(host.enode())).await.expect("a free port");
    let mut events = node.events();
    while node.peer_count() == 0 {
        let event = events.next().await.expect("the server runs");
        assert!(matches!(event, Event::Added { .. }), "{event:?}");
    }
    let spent = clock.elapsed();
    node.stop().await;
    spent
}

fn connect(criterion: &mut Criterion) {
    crowd::run_node_if_asked();
    let runtime = Runtime::new().expect("a runtime");
    let host = runtime.block_on(Server::start(config())).expect("a free port");
    let mut group = criterion.benchmark_group("server");
    group.sampling_mode(criterion::SamplingMode::Flat);
    group.bench_function("connect", |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(async {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    spent += join(&host).await;
                }
                spent
            })
        });
    });
    runtime.block_on(host.stop());
}

fn idle(_: &mut Criterion) {
    crowd::measure(&Runtime::new().expect("a runtime"));
}

criterion_group!(benches, connect, idle);
criterion_main!(benches);
