//! Many connections: the time until a new node has its first peer, and the cost of a thousand idle peers.

#[path = "shared/crowd.rs"]
mod crowd;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use p2p_mux::identity::SecretKey;
use p2p_server::{Config, Event, Server};
use rlpx_transport::SecPolicy;
use tokio::runtime::Runtime;

use crowd::{Crowd, quiet};

/// Time before the measurement of idle peers, for the first pings and until the memory of the handshakes is freed.
const SETTLE_TIME: Duration = Duration::from_secs(20);

/// Time of that measurement: two rounds of pings in each direction.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// A node with a sub-protocol that sends nothing.
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
    let (peers, settle, idle_time) = match benches::measuring() {
        true => (1000, SETTLE_TIME, IDLE_TIME),
        false => (10, Duration::ZERO, Duration::from_millis(100)),
    };
    let runtime = Runtime::new().expect("a runtime");
    let mut crowd = Crowd::gather(&runtime, peers, SecPolicy::default());
    benches::measured("server.accept_1000_s", crowd.gathered.as_secs_f64());
    std::thread::sleep(settle);
    benches::measured("server.idle_peer_kib", crowd.kib_each());
    let before = crowd.usage().seconds;
    std::thread::sleep(idle_time);
    let spent = crowd.usage().seconds - before;
    benches::measured("server.idle_cpu_share", spent / idle_time.as_secs_f64());
    crowd.stop();
}

criterion_group!(benches, connect, idle);
criterion_main!(benches);
