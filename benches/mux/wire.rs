//! Two nodes connected over loopback, in the hands of a benchmark.

use std::net::SocketAddr;

use p2p_identity::SecretKey;
use p2p_mux::{Channel, Config, LocalNode, Origin, Protocol, exchange_hello};
use p2p_server::{DEFAULT_RECEIVE_BUFFER, prepare_socket};
use rlpx_transport::{HANDSHAKE_LIMIT, Stream, accept, connect};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// A sub-protocol as a benchmark wants it: name and weight.
pub(crate) type Wanted = (&'static str, u32);

/// Two nodes, each with the channels of its sub-protocols, in the order in which they were wanted.
pub(crate) struct Pair {
    pub(crate) near: Vec<Channel>,
    pub(crate) far: Vec<Channel>,
    pub(crate) tasks: JoinSet<()>,
}

/// Connects two nodes that have these sub-protocols, of three codes each.
pub(crate) async fn pair(protocols: &[Wanted], config: Config) -> Pair {
    let (near_io, far_io, near, far) = sockets().await;
    let far_id = far.id();
    let (near_local, near_channels) = local(&near, protocols);
    let (far_local, far_channels) = local(&far, protocols);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let stream = accept(far_io, &far, HANDSHAKE_LIMIT).await.expect("a handshake");
        live(stream, far_local, config).await;
    });
    tasks.spawn(async move {
        let stream = connect(near_io, &near, &far_id, HANDSHAKE_LIMIT).await.expect("a handshake");
        live(stream, near_local, config).await;
    });
    Pair { near: all(near_channels).await, far: all(far_channels).await, tasks }
}

/// The same without anything above the transport, Snappy on.
pub(crate) async fn streams() -> (Stream<TcpStream>, Stream<TcpStream>) {
    let (near_io, far_io, near, far) = sockets().await;
    let far_id = far.id();
    let (near, far) = tokio::join!(
        async { connect(near_io, &near, &far_id, HANDSHAKE_LIMIT).await.expect("a handshake") },
        async { accept(far_io, &far, HANDSHAKE_LIMIT).await.expect("a handshake") },
    );
    let with_snappy = |mut stream: Stream<TcpStream>| {
        stream.enable_snappy();
        stream
    };
    (with_snappy(near), with_snappy(far))
}

async fn sockets() -> (TcpStream, TcpStream, SecretKey, SecretKey) {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    let (near_io, far_io) = tokio::join!(TcpStream::connect(addr), listener.accept());
    let (near_io, (far_io, _)) = (near_io.expect("an answer"), far_io.expect("a call"));
    for io in [&near_io, &far_io] {
        prepare_socket(io, Some(DEFAULT_RECEIVE_BUFFER)).expect("a socket");
    }
    (near_io, far_io, near, far)
}

/// Sub-protocols that hand their channels out and live as long as the connection.
fn local(key: &SecretKey, protocols: &[Wanted]) -> (LocalNode, Vec<mpsc::Receiver<Channel>>) {
    let (protocols, channels) = protocols
        .iter()
        .map(|&(name, weight)| {
            let (give, take) = mpsc::channel(1);
            let run = move |_, channel| {
                let give = give.clone();
                async move {
                    // Nobody is left to take it: the measurement is over.
                    let _ = give.send(channel).await;
                    std::future::pending().await
                }
            };
            (Protocol::new(name, 1, 3, run).weight(weight), take)
        })
        .unzip();
    (LocalNode { client: "bench".into(), protocols, port: 0, id: key.id() }, channels)
}

async fn all(waiting: Vec<mpsc::Receiver<Channel>>) -> Vec<Channel> {
    let mut channels = Vec::new();
    for mut channel in waiting {
        channels.push(channel.recv().await.expect("the connection stands"));
    }
    channels
}

async fn live(stream: Stream<TcpStream>, local: LocalNode, config: Config) {
    let greeted = exchange_hello(stream, &local, &config).await.expect("a protocol in common");
    let (_peer, life) = greeted.run(Origin::default(), CancellationToken::new());
    life.await;
}
