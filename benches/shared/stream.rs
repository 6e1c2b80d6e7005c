//! The transport alone: two ends of a connection over loopback.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::Bencher;
use p2p_identity::{NodeId, SecretKey};
use p2p_server::{ReceiveBuffer, prepare_socket};
use rand::TryRngCore;
use rlpx_transport::{
    HANDSHAKE_LIMIT, SecSettings, Stock, StockSize, Stream, accept_with, connect_with,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    spawn,
};

/// Two ends of a connection, without sub-protocols.
pub(crate) type Streams = (Stream<TcpStream>, Stream<TcpStream>);

/// Connects two ends. Both offer and answer `sec/1` as these settings say.
pub(crate) async fn streams(sec: SecSettings) -> Streams {
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    let (near, far) = tokio::join!(TcpStream::connect(addr), listener.accept());
    let (near, (far, _)) = (near.expect("a connection"), far.expect("a connection"));
    for io in [&near, &far] {
        prepare_socket(io, ReceiveBuffer::Automatic, Some(Duration::ZERO)).expect("a socket");
    }
    let (near_key, far_key) = keys();
    tokio::join!(dial(near, &near_key, far_key.id(), sec), answer(far, &far_key, sec))
}

/// The keys of the two ends.
pub(crate) fn keys() -> (SecretKey, SecretKey) {
    let mut rng = benches::rng();
    (SecretKey::random(&mut rng), SecretKey::random(&mut rng))
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

/// Measures messages in one direction: the time from the first write until the last one is read.
pub(crate) fn throughput(
    bencher: &mut Bencher<'_>,
    runtime: &Runtime,
    (near, mut far): Streams,
    payload: &Bytes,
) {
    let mut near = Some(near);
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let mut sender = near.take().expect("it came back");
            let payload = payload.clone();
            let clock = Instant::now();
            let sending = spawn(async move {
                for _ in 0..messages {
                    sender.write(16, &payload).await.expect("the connection is open");
                }
                sender.flush().await.expect("the connection is open");
                sender
            });
            for _ in 0..messages {
                let message = far.read().await.expect("the connection is open");
                assert!(message.is_some(), "not the end");
            }
            let spent = clock.elapsed();
            near = Some(sending.await.expect("no panic"));
            spent.max(Duration::from_nanos(1))
        })
    });
}
