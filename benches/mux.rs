//! One connection with a sub-protocol on it: `Channel::send` on one node to `Channel::recv` on another, over loopback.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_identity::SecretKey;
use p2p_mux::{Channel, Config, Local, Origin, Protocol, greet};
use rlpx_transport::{HANDSHAKE_LIMIT, accept, connect};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Two nodes, each with the channel of its sub-protocol.
struct Pair {
    near: Channel,
    far: Channel,
    tasks: JoinSet<()>,
}

/// A protocol that hands its channel out and lives as long as the connection.
fn local(key: &SecretKey, channels: mpsc::Sender<Channel>) -> Local {
    let protocol = Protocol::new("bench", 1, 1, move |_, channel| {
        let channels = channels.clone();
        async move {
            // Nobody is left to take it: the measurement is over.
            let _ = channels.send(channel).await;
            std::future::pending().await
        }
    });
    Local { client: "bench".into(), protocols: vec![protocol], port: 0, id: key.id() }
}

async fn pair() -> Pair {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    let far_id = far.id();
    let (near_channels, mut at_near) = mpsc::channel(1);
    let (far_channels, mut at_far) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (io, _) = listener.accept().await.expect("a call");
        let stream = accept(io, &far, HANDSHAKE_LIMIT).await.expect("a handshake");
        live(stream, local(&far, far_channels)).await;
    });
    tasks.spawn(async move {
        let io = TcpStream::connect(addr).await.expect("an answer");
        io.set_nodelay(true).expect("a socket");
        let stream = connect(io, &near, &far_id, HANDSHAKE_LIMIT).await.expect("a handshake");
        live(stream, local(&near, near_channels)).await;
    });
    let near = at_near.recv().await.expect("the connection stands");
    let far = at_far.recv().await.expect("the connection stands");
    Pair { near, far, tasks }
}

async fn live(stream: rlpx_transport::Stream<TcpStream>, local: Local) {
    let greeted = greet(stream, &local, &Config::default()).await.expect("a protocol in common");
    let (_peer, life) = greeted.run(Origin::default(), CancellationToken::new());
    life.await;
}

/// The time from the first send to the last arrival.
fn stream(bencher: &mut Bencher<'_>, runtime: &Runtime, payload: &bytes::Bytes) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let Pair { near, mut far, mut tasks } = pair().await;
            let clock = Instant::now();
            let payload = payload.clone();
            tasks.spawn(async move {
                for _ in 0..messages {
                    near.send_raw(0, payload.clone()).await.expect("the connection stands");
                }
                std::future::pending::<()>().await;
            });
            for _ in 0..messages {
                far.recv().await.expect("the connection stands");
            }
            let spent = clock.elapsed();
            tasks.shutdown().await;
            spent.max(Duration::from_nanos(1))
        })
    });
}

fn channel(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("mux");
    for (size, name) in [(64, "64b"), (64 * 1024, "64k")] {
        let payload = bytes::Bytes::from(benches::bytes(size));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("channel_{name}"), |bencher| {
            stream(bencher, &runtime, &payload);
        });
    }
}

criterion_group!(benches, channel);
criterion_main!(benches);
