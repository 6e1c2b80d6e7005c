//! Structs and enums of `rlp_list!`: every shape, every form of a field, and what is refused.

use core::fmt::Debug;

use rlp_codec::{Decodable, Encodable, ErrorKind, decode, encode, rlp_list};

#[derive(Debug, PartialEq)]
struct Empty {}
rlp_list!(
    struct Empty {}
);

#[derive(Debug, PartialEq)]
struct Pair<A, B>(A, B);
rlp_list!(struct Pair<A, B>(first, second));

#[derive(Debug, PartialEq)]
struct Record {
    id: u64,
    content: Vec<u8>,
    note: Option<String>,
    tail: Option<u64>,
}
rlp_list!(struct Record { id, content as bytes, note as optional, tail as trailing });

#[derive(Debug, PartialEq)]
enum Message<T> {
    Unit,
    Empty {},
    Named { value: T, raw: Vec<u8> },
    Unnamed(T, Option<u64>),
}
rlp_list!(enum Message<T> {
    0 => Unit,
    1 => Empty {},
    0x80 => Named { value, raw as bytes },
    300 => Unnamed(value, tail as trailing),
});

#[derive(Debug, PartialEq)]
struct Wrapped<T>(T);
rlp_list!(newtype Wrapped<T>);

#[derive(Debug, PartialEq)]
struct Blob(Box<[u8]>);
rlp_list!(newtype Blob as bytes);

/// `value` has this encoding, its length is the announced one, and it is read back.
fn encodes<T: Encodable + Decodable + Debug + PartialEq>(value: T, encoded: &[u8]) {
    assert_eq!(encode(&value), encoded, "{value:?}");
    assert_eq!(value.length(), encoded.len(), "{value:?}");
    assert_eq!(decode(encoded), Ok(value));
}

#[test]
fn structs() {
    encodes(Empty {}, &[0xc0]);
    encodes(Pair(1u8, "a".to_owned()), &[0xc2, 1, b'a']);
    encodes(
        Pair(vec![Empty {}, Empty {}], Pair(true, [7u8; 2])),
        &[0xc8, 0xc2, 0xc0, 0xc0, 0xc4, 1, 0x82, 7, 7],
    );
}

#[test]
fn forms_of_fields() {
    let record = |note: Option<&str>, tail| Record {
        id: 9,
        content: vec![200, 1],
        note: note.map(str::to_owned),
        tail,
    };
    encodes(record(None, None), &[0xc5, 9, 0x82, 200, 1, 0xc0]);
    encodes(record(Some(""), None), &[0xc6, 9, 0x82, 200, 1, 0xc1, 0x80]);
    encodes(record(Some("a"), Some(0)), &[0xc7, 9, 0x82, 200, 1, 0xc1, b'a', 0x80]);
}

#[test]
fn enums() {
    encodes(Message::<u8>::Unit, &[0xc1, 0x80]);
    encodes(Message::<u8>::Empty {}, &[0xc1, 1]);
    encodes(Message::Named { value: 5u8, raw: vec![1] }, &[0xc4, 0x81, 0x80, 5, 1]);
    encodes(Message::Unnamed(Wrapped(5u8), None), &[0xc4, 0x82, 1, 44, 5]);
    encodes(Message::Unnamed(Pair(1u8, 2u8), Some(3)), &[0xc7, 0x82, 1, 44, 0xc2, 1, 2, 3]);
}

#[test]
fn newtypes() {
    encodes(Wrapped(1024u64), &[0x82, 4, 0]);
    encodes(Wrapped(vec![1u64]), &[0xc1, 1]);
    encodes(Blob([1, 2].into()), &[0x82, 1, 2]);
}

#[test]
fn refusals() {
    let extra = ErrorKind::Refused("extra list element");
    let record = |input: &[u8]| decode::<Record>(input).map_err(|error| error.kind);
    assert_eq!(record(&[0xc1, 9]), Err(ErrorKind::Truncated));
    // A list in place of bytes, a bare value in place of an option, an option with two values.
    assert_eq!(record(&[0xc4, 9, 0xc1, 1, 0xc0]), Err(ErrorKind::ExpectedBytes));
    assert_eq!(record(&[0xc3, 9, 0x80, b'a']), Err(ErrorKind::ExpectedList));
    assert_eq!(record(&[0xc5, 9, 0x80, 0xc2, b'a', b'b']), Err(extra));
    assert_eq!(record(&[0xc5, 9, 0x80, 0xc0, 1, 1]), Err(extra));

    let message = |input: &[u8]| decode::<Message<u8>>(input).map_err(|error| error.kind);
    assert_eq!(message(&[0xc1, 2]), Err(ErrorKind::Refused("unknown variant")));
    assert_eq!(message(&[0xc0]), Err(ErrorKind::Truncated));
    assert_eq!(message(&[0xc2, 1, 1]), Err(extra));
    assert_eq!(message(&[1]), Err(ErrorKind::ExpectedList));
}
