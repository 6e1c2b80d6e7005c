//! RLP: decoding and encoding of the most frequent messages, compared with alloy-rlp.
//!
//! Both crates do the same work: the result is the same owned value, both copy the strings once, and both refuse input
//! that is not canonical. alloy-rlp is used through its derive macros, as its users do.

use std::{fmt::Debug, hint::black_box};

use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use benches::{in_turn, measured, wanted};
use bytes::Bytes;
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

/// A shh/6 envelope, the most frequent message of a Whisper node.
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

/// Decodes and encodes one type with both crates in turn. Reports the time of this crate, and the time of alloy-rlp as a
/// multiple of it. All four functions are passed in the same way, so that the compiler does not inline only some of them.
fn compare<T: Debug + PartialEq + Encodable + Decodable>(
    name: &str,
    value: &T,
    decode: impl Fn(&[u8]) -> Result<T, Error>,
    encode: impl Fn(&T, &mut Vec<u8>),
) {
    if !wanted(&format!("rlp.{name}_decode rlp.{name}_encode")) {
        return;
    }
    let mut raw = Vec::new();
    encode(value, &mut raw);
    assert_eq!(raw, alloy_rlp::encode(value));
    assert_eq!(decode(&raw).as_ref(), Ok(value));
    assert_eq!(alloy_rlp::decode_exact::<T>(&raw).as_ref(), Ok(value));

    let decoding = in_turn(
        &mut (),
        |()| drop(black_box(decode(black_box(&raw)))),
        |()| drop(black_box(alloy_rlp::decode_exact::<T>(black_box(&raw)))),
    );
    let encoding = in_turn(
        &mut Vec::with_capacity(raw.len()),
        |out| {
            out.clear();
            encode(black_box(value), out);
        },
        |out| {
            out.clear();
            black_box(value).encode(out);
        },
    );
    for (way, [ours, theirs]) in [("decode", decoding), ("encode", encoding)] {
        measured(&format!("rlp.{name}_{way}_ns"), ours);
        measured(&format!("rlp.{name}_{way}_vs_alloy"), theirs / ours);
    }
}

fn hello() {
    let capability = |name: &str, version| Capability { name: name.to_owned(), version };
    let hello = Hello {
        version: 5,
        client: "WhisperNode/v0.1.0/linux-x86_64".to_owned(),
        capabilities: vec![capability("chunk", 1), capability("shh", 5), capability("shh", 6)],
        port: 30303,
        id: [0xab; 64],
    };
    compare("hello", &hello, decode_hello, encode_hello);
}

fn envelope() {
    let data = Bytes::from(benches::bytes(1024));
    let envelope =
        Envelope { expiry: 1_700_000_000, ttl: 50, topic: *b"news", data, nonce: 123_456 };
    compare("envelope", &envelope, decode_envelope, encode_envelope);
}

fn integers() {
    let numbers: Vec<u64> = (0..1000_u64).map(|number| number.pow(6)).collect();
    compare("integers_1000", &numbers, decode_integers, encode_integers);
}

fn main() {
    hello();
    envelope();
    integers();
}
