//! Many connections: how long a new node takes until its first peer runs, and what a thousand peers that say nothing
//! cost.

#[path = "server/crowd.rs"]
mod crowd;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use p2p_mux::{Protocol, identity::SecretKey};
use p2p_server::{Config, Event, Server};
use tokio::runtime::Runtime;

/// A protocol that says nothing and waits for the end.
fn quiet() -> Protocol {
    Protocol::new("bench", 1, 1, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// A node that runs it.
fn config() -> Config {
    Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0").protocol(quiet())
}

/// Starts a node that knows one other, and waits until the two are connected.
async fn join(host: &Server) -> Duration {
    let clock = Instant::now();
    let guest = Server::start(config().static_node(host.enode())).await.expect("a free port");
    let mut events = guest.events();
    while guest.peer_count() == 0 {
        let event = events.next().await.expect("the server runs");
        assert!(matches!(event, Event::Added { .. }), "{event:?}");
    }
    let spent = clock.elapsed();
    guest.stop().await;
    spent
}

fn connect(criterion: &mut Criterion) {
    crowd::be_the_node();
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
