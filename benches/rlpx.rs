//! RLPx: the handshake compared with its curve operations, frames compared with the Keccak of the same bytes (the MAC),
//! and a whole connection over loopback.

#[path = "shared/handshake.rs"]
mod handshake;
#[path = "shared/stream.rs"]
mod stream;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_identity::SecretKey;
use rlpx_transport::{Initiator, Recipient, SecSettings, Session, Stock, StockSize};
use secp256k1::{Message, Secp256k1, ecdh::shared_secret_point};

use handshake::finish;
use stream::{keys, streams};

/// Maximum number of frames that are sealed before a measured run of opening them.
const MAX_FRAMES_AHEAD: u64 = 64;
/// Maximum number of their bytes.
const MAX_BYTES_AHEAD: usize = 4 << 20;

/// A whole handshake in memory, both ends.
fn handshake_in_memory(near: &SecretKey, far: &SecretKey) -> (Session, Session) {
    let rng = &mut rand::rng();
    finish(Initiator::start(near, &far.public_key(), rng), Recipient::new(far))
}

fn sessions() -> (Session, Session) {
    let (near, far) = keys();
    handshake_in_memory(&near, &far)
}

fn handshakes(criterion: &mut Criterion) {
    let (near, far) = keys();
    let mut group = criterion.benchmark_group("rlpx");
    group.bench_function("handshake", |bencher| bencher.iter(|| handshake_in_memory(&near, &far)));
    group.bench_function("primitives", primitives);

    let size = StockSize { keys: 2, peers: 1 };
    let (at_near, at_far) = (Stock::new(&near, size), Stock::new(&far, size));
    at_near.learn(&far.public_key());
    at_far.learn(&near.public_key());
    let refill = || (at_near.refill(2, &mut rand::rng()), at_far.refill(2, &mut rand::rng()));
    let shake = || {
        let rng = &mut rand::rng();
        let started = Initiator::start_with(&at_near, &far.public_key(), &SecSettings::off(), rng)
            .expect("a good key");
        finish(started, Recipient::with_stock(&at_far, &SecSettings::off()))
    };
    group.bench_function("handshake_known", |bencher| {
        bencher.iter_batched(refill, |_| shake(), BatchSize::PerIteration);
    });
    // With the making of the keys, which a node does when it has nothing else to do.
    group.bench_function("handshake_known_refilled", |bencher| {
        bencher.iter(|| (refill(), shake()));
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
    let runtime = benches::one_thread();
    let mut group = criterion.benchmark_group("rlpx");
    for (size, name) in [(64, "64b"), (1024, "1k"), (64 * 1024, "64k"), (1024 * 1024, "1m")] {
        let payload = Bytes::from(benches::bytes(size));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("tcp_{name}"), |bencher| {
            let streams = runtime.block_on(streams(SecSettings::off()));
            stream::throughput(bencher, &runtime, streams, &payload);
        });
    }
}

criterion_group!(benches, handshakes, frames, tcp);
criterion_main!(benches);
