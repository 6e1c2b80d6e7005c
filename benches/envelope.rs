//! Envelopes: making and opening messages, and decoding an envelope as a relay does.

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SecretKey, SymmetricKey, Topic};

const SENT: u32 = 1_700_000_000;

fn draft<'a>(to: Recipient<'a>, payload: &'a [u8]) -> Draft<'a> {
    Draft::new(Dialect::V6, to, SENT).payload(payload).topic(Topic(*b"news"))
}

fn symmetric(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let key = SymmetricKey::random(&mut rng);
    let payload = benches::bytes(200);
    let draft = draft(Recipient::Symmetric(&key), &payload);
    let envelope = draft.encrypt(&mut rng).expect("a good draft").seal(0);
    assert_eq!(
        envelope.open_symmetric(&key).map(|message| message.payload).as_deref(),
        Ok(&payload[..])
    );

    let mut group = criterion.benchmark_group("envelope");
    group.bench_function("seal_symmetric", |bencher| bencher.iter(|| draft.encrypt(&mut rng)));
    group
        .bench_function("open_symmetric", |bencher| bencher.iter(|| envelope.open_symmetric(&key)));
    let raw = Bytes::copy_from_slice(envelope.raw());
    group.bench_function("decode_256b", |bencher| {
        bencher.iter(|| Envelope::decode(Dialect::V6, raw.clone()));
    });
}

fn asymmetric(criterion: &mut Criterion) {
    let mut rng = benches::rng();
    let (key, signer) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let payload = benches::bytes(180);
    let public = key.public_key();
    let draft = draft(Recipient::Asymmetric(&public), &payload).sign(&signer);
    let envelope = draft.encrypt(&mut rng).expect("a good draft").seal(0);
    assert_eq!(
        envelope.open_asymmetric(&key).map(|message| message.signer),
        Ok(Some(signer.public_key()))
    );

    let mut group = criterion.benchmark_group("envelope");
    group.bench_function("open_asymmetric", |bencher| {
        bencher.iter(|| envelope.open_asymmetric(&key));
    });
}

criterion_group!(benches, symmetric, asymmetric);
criterion_main!(benches);
