//! RLP: what we decode and encode most, against alloy-rlp as one would use it by hand.
//!
//! Both sides do the same work: they end with the same owned value, so both copy the strings once, and both refuse what
//! is not canonical. alloy's side is its derive macros, which are what its users write.

use std::{fmt::Debug, hint::black_box};

use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use rlp_codec::{Error, Fields, List, decode_list};

/// The first message of every connection.
#[derive(Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Hello {
    version: u64,
    client: String,
    capabilities: Vec<Capability>,
    port: u16,
    id: [u8; 64],
}

#[derive(Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Capability {
    name: String,
    version: u64,
}

/// A shh/6 envelope: the commonest message of a Whisper node.
#[derive(Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Envelope {
    expiry: u32,
    ttl: u32,
    topic: [u8; 4],
    data: Bytes,
    nonce: u64,
}

fn decode_hello(input: &[u8]) -> Result<Hello, Error> {
    let capability = |list: &mut List<'_>| {
        Ok::<_, Error>(Capability { name: list.str()?.to_owned(), version: list.uint()? })
    };
    decode_list(input, |list| {
        Ok(Hello {
            version: list.uint()?,
            client: list.str()?.to_owned(),
            capabilities: list.list(|list| list.each(|list| list.list(capability)))?,
            port: list.uint()?,
            id: list.array()?,
        })
    })
}

fn encode_hello(hello: &Hello, out: &mut Vec<u8>) {
    let Hello { version, client, capabilities, port, id } = hello;
    Fields((version, client, capabilities, port, id)).encode(out);
}

fn decode_envelope(input: &[u8]) -> Result<Envelope, Error> {
    decode_list(input, |list| {
        Ok(Envelope {
            expiry: list.uint()?,
            ttl: list.uint()?,
            topic: list.array()?,
            data: Bytes::copy_from_slice(list.bytes()?),
            nonce: list.uint()?,
        })
    })
}

fn encode_envelope(envelope: &Envelope, out: &mut Vec<u8>) {
    let Envelope { expiry, ttl, topic, data, nonce } = envelope;
    Fields((expiry, ttl, topic, data, nonce)).encode(out);
}

fn decode_integers(input: &[u8]) -> Result<Vec<u64>, Error> {
    decode_list(input, |list| list.each(List::uint))
}

fn encode_integers(numbers: &Vec<u64>, out: &mut Vec<u8>) {
    numbers.encode(out);
}

/// The four benchmarks of one type: `NAME_decode` and `NAME_encode` are ours, with `_alloy` the others. All four are
/// called by their types, or the compiler could build one side into the loop and would have to call the other.
fn compare<T: Debug + PartialEq + Encodable + Decodable>(
    criterion: &mut Criterion,
    name: &str,
    value: &T,
    decode: impl Fn(&[u8]) -> Result<T, Error>,
    encode: impl Fn(&T, &mut Vec<u8>),
) {
    let mut raw = Vec::new();
    encode(value, &mut raw);
    assert_eq!(raw, alloy_rlp::encode(value));
    assert_eq!(decode(&raw).as_ref(), Ok(value));
    assert_eq!(alloy_rlp::decode_exact::<T>(&raw).as_ref(), Ok(value));

    let mut group = criterion.benchmark_group("rlp");
    group.bench_function(format!("{name}_decode"), |bencher| {
        bencher.iter(|| decode(black_box(&raw)));
    });
    group.bench_function(format!("{name}_decode_alloy"), |bencher| {
        bencher.iter(|| alloy_rlp::decode_exact::<T>(black_box(&raw)));
    });
    let mut out = Vec::with_capacity(2 * raw.len());
    group.bench_function(format!("{name}_encode"), |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(black_box(value), &mut out);
        });
    });
    group.bench_function(format!("{name}_encode_alloy"), |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(value).encode(&mut out);
        });
    });
}

fn hello(criterion: &mut Criterion) {
    let capability = |name: &str, version| Capability { name: name.to_owned(), version };
    let hello = Hello {
        version: 5,
        client: "WhisperNode/v0.1.0/linux-x86_64".to_owned(),
        capabilities: vec![capability("chunk", 1), capability("shh", 5), capability("shh", 6)],
        port: 30303,
        id: [0xab; 64],
    };
    compare(criterion, "hello", &hello, decode_hello, encode_hello);
}

fn envelope(criterion: &mut Criterion) {
    let data = Bytes::from(benches::bytes(1024));
    let envelope =
        Envelope { expiry: 1_700_000_000, ttl: 50, topic: *b"news", data, nonce: 123_456 };
    compare(criterion, "envelope", &envelope, decode_envelope, encode_envelope);
}

fn integers(criterion: &mut Criterion) {
    let numbers: Vec<u64> = (0..1000_u64).map(|number| number.pow(6)).collect();
    compare(criterion, "integers_1000", &numbers, decode_integers, encode_integers);
}

criterion_group!(benches, hello, envelope, integers);
criterion_main!(benches);
