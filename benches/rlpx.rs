//! RLPx: the handshake compared with its curve operations, frames compared with the Keccak of the same bytes (the MAC),
//! and a whole connection over loopback.

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_identity::SecretKey;
use rand::TryRngCore;
use rlpx_transport::{
    HANDSHAKE_LIMIT, HandshakeStep, Initiator, Recipient, SecSettings, Session, Stock, StockSize,
    Stream, accept, connect_with,
};
use secp256k1::{Message, Secp256k1, ecdh::shared_secret_point};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

/// Maximum number of frames that are sealed before a measured run of opening them.
const MAX_FRAMES_AHEAD: u64 = 64;
/// Maximum number of their bytes.
const MAX_BYTES_AHEAD: usize = 4 << 20;

/// A whole handshake in memory, both ends.
fn handshake_in_memory(near: &SecretKey, far: &SecretKey) -> Option<(Session, Session)> {
    let rng = &mut rand::rng();
    finish(Initiator::start(near, &far.public_key(), rng), Recipient::new(far))
}

fn finish(
    (initiator, auth): (Initiator, Vec<u8>),
    recipient: Recipient,
) -> Option<(Session, Session)> {
    let accepted = recipient.handle(&mut BytesMut::from(&auth[..]), &mut rand::rng()).ok()?;
    let HandshakeStep::Done(accepted) = accepted else { return None };
    let HandshakeStep::Done(session) =
        initiator.handle(&mut BytesMut::from(&accepted.ack[..])).ok()?
    else {
        return None;
    };
    Some((session, accepted.session))
}

fn sessions() -> (Session, Session) {
    let mut rng = benches::rng();
    handshake_in_memory(&SecretKey::random(&mut rng), &SecretKey::random(&mut rng))
        .expect("a good handshake")
}

fn handshake(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let mut group = criterion.benchmark_group("rlpx");
    group.bench_function("handshake", |bencher| bencher.iter(|| handshake_in_memory(&near, &far)));
    group.bench_function("primitives", primitives);

    let size = StockSize { keys: 2, peers: 1 };
    let (at_near, at_far) = (Stock::new(&near, size), Stock::new(&far, size));
    at_near.learn(&far.public_key());
    at_far.learn(&near.public_key());
    group.bench_function("handshake_known", |bencher| {
        bencher.iter_batched(
            || (at_near.refill(2, &mut rand::rng()), at_far.refill(2, &mut rand::rng())),
            |_| {
                let rng = &mut rand::rng();
                let started =
                    Initiator::start_with(&at_near, &far.public_key(), &SecSettings::off(), rng)
                        .expect("a good key");
                finish(started, Recipient::with_stock(&at_far, &SecSettings::off()))
                    .expect("a good handshake")
            },
            BatchSize::PerIteration,
        );
    });
}

/// Only the curve operations of both ends of a handshake: a signature and its recovery, and at each end two new keys and
/// four multiplications.
fn primitives(bencher: &mut Bencher<'_>) {
    let context = Secp256k1::new();
    let secret = secp256k1::SecretKey::from_byte_array(&[7; 32]).expect("a key");
    let public =
        secp256k1::SecretKey::from_byte_array(&[9; 32]).expect("a key").public_key(&context);
    let message = Message::from_digest([3; 32]);
    bencher.iter(|| {
        for _ in 0..4 {
            black_box(black_box(&secret).public_key(&context));
        }
        for _ in 0..8 {
            black_box(shared_secret_point(black_box(&public), &secret));
        }
        let signature = context.sign_ecdsa_recoverable(black_box(&message), &secret);
        context.recover_ecdsa(&message, black_box(&signature))
    });
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rlpx");
    for (size, name) in [(64, "64b"), (64 * 1024, "64k"), (1024 * 1024, "1m")] {
        let payload = benches::bytes(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("seal_{name}"), |bencher| seal(bencher, &payload, false));
        group.bench_function(format!("keccak_{name}"), |bencher| {
            bencher.iter(|| keccak_lanes::keccak256(&payload));
        });
        group.bench_function(format!("open_{name}"), |bencher| open(bencher, &payload, false));
        group.bench_function(format!("seal_{name}_snappy"), |bencher| {
            seal(bencher, &payload, true);
        });
        group.bench_function(format!("open_{name}_snappy"), |bencher| {
            open(bencher, &payload, true);
        });
    }
}

fn seal(bencher: &mut Bencher<'_>, payload: &[u8], snappy: bool) {
    let (mut near, _) = sessions();
    if snappy {
        near.sealer.enable_snappy();
    }
    let mut wire = BytesMut::with_capacity(2 * payload.len() + 256);
    bencher.iter(|| {
        wire.clear();
        near.sealer.seal(16, payload, &mut wire)
    });
}

/// Frames can be opened only once and in order, so a run of them is sealed before; that is not measured.
fn open(bencher: &mut Bencher<'_>, payload: &[u8], snappy: bool) {
    let (mut near, mut far) = sessions();
    if snappy {
        near.sealer.enable_snappy();
        far.opener.enable_snappy();
    }
    let ahead = MAX_FRAMES_AHEAD.min((MAX_BYTES_AHEAD / payload.len()) as u64);
    let mut wire = BytesMut::new();
    bencher.iter_custom(|iterations| {
        let mut spent = Duration::ZERO;
        let mut left = iterations;
        while left > 0 {
            let run = left.min(ahead);
            left -= run;
            for _ in 0..run {
                near.sealer.seal(16, payload, &mut wire).expect("a payload within the limit");
            }
            let clock = Instant::now();
            for _ in 0..run {
                let message =
                    far.opener.open(&mut wire).expect("a good frame").expect("a whole frame");
                assert_eq!(message.payload.len(), payload.len());
            }
            spent += clock.elapsed();
        }
        spent
    });
}

/// One direction of a connection over loopback, with both ends on one thread.
fn tcp(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("rlpx");
    for (size, name) in [(64, "64b"), (1024, "1k"), (64 * 1024, "64k"), (1024 * 1024, "1m")] {
        let payload = benches::bytes(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("tcp_{name}"), |bencher| {
            stream(bencher, &runtime, &payload);
        });
    }
}

/// The time from the first send to the arrival of the last message.
fn stream(bencher: &mut Bencher<'_>, runtime: &Runtime, payload: &[u8]) {
    let (mut near, mut far) = runtime.block_on(connected());
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let clock = Instant::now();
            let sending = async {
                for _ in 0..messages {
                    near.write(16, payload).await.expect("the connection is open");
                }
                near.flush().await.expect("the connection is open");
            };
            let receiving = async {
                for _ in 0..messages {
                    let message = far.read().await.expect("the connection is open");
                    assert_eq!(message.expect("a message").payload.len(), payload.len());
                }
            };
            tokio::join!(sending, receiving);
            clock.elapsed()
        })
    });
}

async fn connected() -> (Stream<TcpStream>, Stream<TcpStream>) {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let id = far.id();
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    let dialing = async {
        let io = TcpStream::connect(addr).await.expect("a connection");
        io.set_nodelay(true).expect("a socket");
        let stock = Stock::new(&near, StockSize { keys: 0, peers: 0 });
        let off = SecSettings::off();
        connect_with(io, &stock, &id, &off, HANDSHAKE_LIMIT, rand::rngs::OsRng.unwrap_err())
            .await
            .expect("a handshake")
    };
    let listening = async {
        let (io, _) = listener.accept().await.expect("a connection");
        accept(io, &far, HANDSHAKE_LIMIT).await.expect("a handshake")
    };
    tokio::join!(dialing, listening)
}

criterion_group!(benches, handshake, frames, tcp);
criterion_main!(benches);
