//! RLP: what we decode and encode most, against alloy-rlp as one would use it by hand. Both sides end with the same
//! owned value, so both copy the data once.

use std::hint::black_box;

use alloy_rlp::{Decodable as _, Encodable as _, RlpDecodable, RlpEncodable};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use rlp_codec::Error;

/// A shh/6 envelope: the commonest message of a Whisper node.
#[derive(Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Envelope {
    expiry: u32,
    ttl: u32,
    topic: [u8; 4],
    data: Bytes,
    nonce: u64,
}

fn decode(input: &[u8]) -> Result<Envelope, Error> {
    rlp_codec::decode_list(input, |list| {
        Ok(Envelope {
            expiry: list.uint()?,
            ttl: list.uint()?,
            topic: list.array()?,
            data: Bytes::copy_from_slice(list.bytes()?),
            nonce: list.uint()?,
        })
    })
}

fn encode(envelope: &Envelope, out: &mut Vec<u8>) {
    let Envelope { expiry, ttl, topic, data, nonce } = envelope;
    rlp_codec::encode_list(out, &[expiry, ttl, topic, data, nonce]);
}

fn envelope(criterion: &mut Criterion) {
    let data = Bytes::from(benches::bytes(1024));
    let envelope =
        Envelope { expiry: 1_700_000_000, ttl: 50, topic: *b"news", data, nonce: 123_456 };
    let raw = rlp_codec::encode(&envelope);
    assert_eq!(decode(&raw).as_ref(), Ok(&envelope));

    let mut group = criterion.benchmark_group("rlp");
    group.bench_function("envelope_decode", |bencher| bencher.iter(|| decode(black_box(&raw))));
    group.bench_function("envelope_decode_alloy", |bencher| {
        bencher.iter(|| Envelope::decode(&mut black_box(raw.as_slice())));
    });
    let mut out = Vec::with_capacity(2 * raw.len());
    group.bench_function("envelope_encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(black_box(&envelope), &mut out);
        });
    });
    group.bench_function("envelope_encode_alloy", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&envelope).encode(&mut out);
        });
    });
}

fn integers(criterion: &mut Criterion) {
    let numbers: Vec<u64> = (0..1000_u64).map(|number| number.pow(6)).collect();
    let raw = rlp_codec::encode(&numbers);
    let decode = |raw| {
        rlp_codec::decode_list(raw, |list| {
            list.map(|number| number?.uint()).collect::<Result<Vec<u64>, Error>>()
        })
    };
    assert_eq!(decode(&raw), Ok(numbers));
    let mut group = criterion.benchmark_group("rlp");
    group
        .bench_function("integers_1000_decode", |bencher| bencher.iter(|| decode(black_box(&raw))));
}

criterion_group!(benches, envelope, integers);
criterion_main!(benches);
