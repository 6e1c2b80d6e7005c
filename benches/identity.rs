//! Curve operations and the ECIES box, the main cost of a handshake and of an asymmetric message.

use criterion::{Criterion, criterion_group, criterion_main};
use p2p_identity::{SecretKey, ecies};

fn curve(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let (ours, theirs) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng).public_key());
    let digest = [7; 32];
    let signature = ours.sign(&digest);
    assert_eq!(signature.recover(&digest).map(|key| key.id()).ok(), Some(ours.id()));

    let mut group = criterion.benchmark_group("identity");
    group.bench_function("ecdh", |bencher| bencher.iter(|| ours.ecdh(&theirs)));
    group.bench_function("sign", |bencher| bencher.iter(|| ours.sign(&digest)));
    group.bench_function("recover", |bencher| bencher.iter(|| signature.recover(&digest)));
}

fn ecies_box(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let key = SecretKey::random(&mut rng);
    let text = benches::bytes(256);
    let sealed = ecies::seal(&key.public_key(), &text, b"", &mut rng);
    assert_eq!(ecies::open(&key, &sealed, b"").as_ref(), Ok(&text));

    let mut group = criterion.benchmark_group("identity");
    let to = key.public_key();
    group.bench_function("ecies_seal", |bencher| {
        bencher.iter(|| ecies::seal(&to, &text, b"", &mut rng));
    });
    group.bench_function("ecies_open", |bencher| bencher.iter(|| ecies::open(&key, &sealed, b"")));
}

criterion_group!(benches, curve, ecies_box);
criterion_main!(benches);
