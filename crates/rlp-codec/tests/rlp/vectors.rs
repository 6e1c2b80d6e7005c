//! The RLP suites of `ethereum/tests`.

use crate::tree::Tree;
use rlp_codec::{BigEndian, BufMut, Encodable, Error, ErrorKind, Item, encode, encode_list};
use serde_json::Value;

/// The name, the value (or verdict) and the encoding of each case of a suite.
fn cases(suite: &str) -> Vec<(String, Value, Vec<u8>)> {
    let suite: serde_json::Map<String, Value> = serde_json::from_str(suite).unwrap();
    let case = |(name, case): (String, Value)| {
        let out = hex::decode(case["out"].as_str().unwrap()).unwrap();
        (name, case["in"].clone(), out)
    };
    suite.into_iter().map(case).collect()
}

/// A value of a suite, to be encoded by the type it is meant to have.
struct Json<'a>(&'a Value);

impl Encodable for Json<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        match self.0 {
            Value::Number(number) => number.as_u64().unwrap().encode(out),
            Value::String(text) => match text.strip_prefix('#') {
                Some(digits) => BigEndian(&big_integer(digits)).encode(out),
                None => text.as_str().encode(out),
            },
            Value::Array(values) => {
                let values: Vec<_> = values.iter().map(Json).collect();
                let values: Vec<_> = values.iter().map(|value| value as &dyn Encodable).collect();
                encode_list(out, &values);
            }
            other => panic!("no RLP for {other}"),
        }
    }
}

/// The big-endian bytes of a decimal number.
fn big_integer(decimal: &str) -> Vec<u8> {
    let mut bytes = vec![0u8; 64];
    for digit in decimal.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            let value = u32::from(*byte) * 10 + carry;
            *byte = u8::try_from(value & 0xff).unwrap();
            carry = value >> 8;
        }
        assert_eq!(carry, 0, "more than 64 bytes");
    }
    bytes
}

/// Whether `item` reads as `value`, by the method for the type it is meant to have.
fn check(item: Item<'_>, value: &Value) -> Result<(), Error> {
    match value {
        Value::Number(number) => assert_eq!(item.uint::<u64>()?, number.as_u64().unwrap()),
        Value::String(text) => match text.strip_prefix('#') {
            Some(digits) => {
                let expected = big_integer(digits);
                assert_eq!(item.padded::<64>()?, expected[..]);
                assert!(expected.ends_with(item.digits()?));
                let small = u128::from_be_bytes(expected[48..].try_into().unwrap());
                let fits = expected[..48] == [0; 48];
                let overflow = Err(item.error(ErrorKind::Overflow));
                assert_eq!(item.uint::<u128>(), if fits { Ok(small) } else { overflow });
            }
            None => assert_eq!(item.str()?, text),
        },
        Value::Array(values) => {
            item.list(|list| values.iter().try_for_each(|value| check(list.item()?, value)))?;
        }
        other => panic!("no RLP for {other}"),
    }
    Ok(())
}

#[test]
fn values_encode_and_decode() {
    let cases = cases(include_str!("../vectors/rlptest.json"));
    assert_eq!(cases.len(), 28);
    for (name, value, out) in cases {
        assert_eq!(hex::encode(encode(&Json(&value))), hex::encode(&out), "{name}");
        check(Item::parse(&out).unwrap(), &value).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(encode(&Tree::parse(&out).unwrap()), out, "{name}");
    }
}

#[test]
fn invalid_encodings_are_refused() {
    let cases = cases(include_str!("../vectors/invalidRLPTest.json"));
    assert_eq!(cases.len(), 19);
    for (name, verdict, out) in cases {
        assert_eq!(verdict, "INVALID", "{name}");
        let error = Tree::parse(&out).expect_err(&name);
        assert!(error.offset < out.len(), "{name}: {error}");
    }
}

#[test]
fn the_random_example_is_taken() {
    for (name, verdict, out) in cases(include_str!("../vectors/randomExample.json")) {
        assert_eq!(verdict, "VALID", "{name}");
        assert_eq!(encode(&Tree::parse(&out).unwrap()), out, "{name}");
    }
}

/// Decodes `input` as one or more values after another, as a reader of a stream would.
fn parse_sequence(mut input: &[u8]) -> Result<Vec<Tree>, Error> {
    let mut trees = Vec::new();
    loop {
        let (item, rest) = Item::parse_prefix(input)?;
        trees.push(Tree::parse(item.raw())?);
        if rest.is_empty() {
            return Ok(trees);
        }
        input = rest;
    }
}

/// pyrlp's cases are of a stream: T4, `dog` and three more bytes, is valid as four strings.
#[test]
fn pyrlp_cases_are_judged_as_a_stream() {
    let cases = cases(include_str!("../vectors/pyRlpInvalidCases.json"));
    assert_eq!(cases.len(), 13);
    for (name, verdict, out) in cases {
        let trees = parse_sequence(&out);
        assert_eq!(trees.is_ok(), verdict == "VALID", "{name}: {trees:?}");
        // As a whole input none of them will do, for T4 has bytes left over.
        let error = Tree::parse(&out).expect_err(&name);
        if let Ok(trees) = trees {
            assert_eq!(trees.iter().flat_map(encode).collect::<Vec<_>>(), out, "{name}");
            assert_eq!(error, ErrorKind::TrailingBytes.at(4), "{name}");
        }
    }
}
