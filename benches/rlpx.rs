//! RLPx: the handshake, and frames against the hash that bounds them (the MAC is one Keccak over the same bytes).

use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_identity::SecretKey;
use rlpx_transport::{Initiator, Recipient, Session, Step};

/// Frames that are sealed ahead of a measured run of opening.
const AHEAD: u64 = 64;

/// A whole handshake in memory: the work of both ends.
fn shake(near: &SecretKey, far: &SecretKey) -> Option<(Session, Session)> {
    let mut rng = rand::rng();
    let (initiator, auth) = Initiator::start(near, &far.public_key(), &mut rng);
    let recipient = Recipient::new(far);
    let Step::Done(accepted) = recipient.handle(&mut BytesMut::from(&auth[..]), &mut rng).ok()?
    else {
        return None;
    };
    let Step::Done(session) = initiator.handle(&mut BytesMut::from(&accepted.ack[..])).ok()? else {
        return None;
    };
    Some((session, accepted.session))
}

fn sessions() -> (Session, Session) {
    let mut rng = benches::rng();
    shake(&SecretKey::random(&mut rng), &SecretKey::random(&mut rng)).expect("a good handshake")
}

fn handshake(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let (near, far) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let mut group = criterion.benchmark_group("rlpx");
    group.bench_function("handshake", |bencher| bencher.iter(|| shake(&near, &far)));
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rlpx");
    for (size, name) in [(64, "64b"), (64 * 1024, "64k")] {
        let payload = benches::bytes(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("seal_{name}"), |bencher| seal(bencher, &payload));
        group.bench_function(format!("open_{name}"), |bencher| open(bencher, &payload));
        group.bench_function(format!("keccak_{name}"), |bencher| {
            bencher.iter(|| keccak_lanes::keccak256(&payload));
        });
    }
}

fn seal(bencher: &mut Bencher<'_>, payload: &[u8]) {
    let (mut near, _) = sessions();
    let mut wire = BytesMut::with_capacity(2 * payload.len() + 256);
    bencher.iter(|| {
        wire.clear();
        near.sealer.seal(16, payload, &mut wire)
    });
}

/// Frames open only once and in order, so a run of them is sealed first, untimed.
fn open(bencher: &mut Bencher<'_>, payload: &[u8]) {
    let (mut near, mut far) = sessions();
    let mut wire = BytesMut::new();
    bencher.iter_custom(|iterations| {
        let mut spent = Duration::ZERO;
        let mut left = iterations;
        while left > 0 {
            let run = left.min(AHEAD);
            left -= run;
            for _ in 0..run {
                near.sealer.seal(16, payload, &mut wire).expect("it fits a frame");
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

criterion_group!(benches, handshake, frames);
criterion_main!(benches);
