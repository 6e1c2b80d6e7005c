//! Two nodes connected over loopback; the benchmark gets the channels of their sub-protocols.

use std::{net::SocketAddr, time::Duration};

use p2p_identity::{NodeId, SecretKey};
use p2p_mux::{Channel, Config, LocalNode, Origin, Protocol, exchange_hello};
use p2p_server::{ReceiveBuffer, prepare_socket};
use rand::TryRngCore;
use rlpx_transport::{
    HANDSHAKE_LIMIT, SecSettings, Stock, StockSize, Stream, accept_with, connect_with,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// The name and weight of a sub-protocol.
pub(crate) type NameAndWeight = (&'static str, u32);

/// Two nodes, each with the channels of its sub-protocols in the given order.
pub(crate) struct Pair {
    pub(crate) near: Vec<Channel>,
    pub(crate) far: Vec<Channel>,
    pub(crate) tasks: JoinSet<()>,
}

/// Connects two nodes over plain RLPx that have these sub-protocols, with three codes each.
pub(crate) async fn pair(protocols: &[NameAndWeight], config: Config) -> Pair {
    pair_over(SecSettings::off(), protocols, config).await
}

/// As [`pair`], over a link of the caller's choice.
pub(crate) async fn pair_over(
    sec: SecSettings,
    protocols: &[NameAndWeight],
    config: Config,
) -> Pair {
    let (near_io, far_io, near, far) = sockets().await;
    let far_id = far.id();
    let (near_local, near_channels) = local(&near, protocols);
    let (far_local, far_channels) = local(&far, protocols);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let stream = answer(far_io, &far, sec).await;
        run(stream, far_local, config).await;
    });
    tasks.spawn(async move {
        let stream = dial(near_io, &near, far_id, sec).await;
        run(stream, near_local, config).await;
    });
    Pair { near: receive_all(near_channels).await, far: receive_all(far_channels).await, tasks }
}

async fn dial(io: TcpStream, key: &SecretKey, to: NodeId, sec: SecSettings) -> Stream<TcpStream> {
    let stock = Stock::new(key, StockSize { keys: 0, peers: 0 });
    connect_with(io, &stock, &to, &sec, HANDSHAKE_LIMIT, rand::rngs::OsRng.unwrap_err())
        .await
        .expect("a handshake")
}

async fn answer(io: TcpStream, key: &SecretKey, sec: SecSettings) -> Stream<TcpStream> {
    let stock = Stock::new(key, StockSize { keys: 0, peers: 0 });
    accept_with(io, &stock, |_| sec, HANDSHAKE_LIMIT, rand::rngs::OsRng.unwrap_err())
        .await
        .expect("a handshake")
}

/// Two ends of a transport connection with Snappy, without sub-protocols.
pub(crate) async fn streams() -> (Stream<TcpStream>, Stream<TcpStream>) {
    let (near, far) = streams_over(SecSettings::off()).await;
    let with_snappy = |mut stream: Stream<TcpStream>| {
        stream.enable_snappy();
        stream
    };
    (with_snappy(near), with_snappy(far))
}

/// As [`streams`], without Snappy, over a link of the caller's choice.
pub(crate) async fn streams_over(sec: SecSettings) -> (Stream<TcpStream>, Stream<TcpStream>) {
    let (near_io, far_io, near, far) = sockets().await;
    let far_id = far.id();
    tokio::join!(dial(near_io, &near, far_id, sec), answer(far_io, &far, sec))
}

async fn sockets() -> (TcpStream, TcpStream, SecretKey, SecretKey) {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    let (near_io, far_io) = tokio::join!(TcpStream::connect(addr), listener.accept());
    let (near_io, (far_io, _)) = (near_io.expect("a connection"), far_io.expect("a connection"));
    for io in [&near_io, &far_io] {
        prepare_socket(io, ReceiveBuffer::Automatic, Some(Duration::ZERO)).expect("a socket");
    }
    (near_io, far_io, near, far)
}

/// Sub-protocols that pass their channels on and run as long as the connection.
fn local(
    key: &SecretKey,
    protocols: &[NameAndWeight],
) -> (LocalNode, Vec<mpsc::Receiver<Channel>>) {
    let (protocols, channels) = protocols
        .iter()
        .map(|&(name, weight)| {
            let (sender, receiver) = mpsc::channel(1);
            let run = move |_, channel| {
                let sender = sender.clone();
                async move {
                    // An error means that the measurement has ended.
                    let _ = sender.send(channel).await;
                    std::future::pending().await
                }
            };
            (Protocol::new(name, 1, 3, run).weight(weight), receiver)
        })
        .unzip();
    (LocalNode { client: "bench".into(), protocols, port: 0, id: key.id() }, channels)
}

async fn receive_all(waiting: Vec<mpsc::Receiver<Channel>>) -> Vec<Channel> {
    let mut channels = Vec::new();
    for mut channel in waiting {
        channels.push(channel.recv().await.expect("the connection is open"));
    }
    channels
}

async fn run(stream: Stream<TcpStream>, local: LocalNode, config: Config) {
    let negotiated = exchange_hello(stream, &local, &config).await.expect("a common sub-protocol");
    let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
    run.await;
}
