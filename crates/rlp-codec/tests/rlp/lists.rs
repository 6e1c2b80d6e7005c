//! Structs and enums as lists.

use proptest::prelude::*;
use rlp_codec::{ErrorKind, decode, encode, rlp_list};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    key: String,
    value: u64,
}
rlp_list!(struct Pair { key, value });

#[derive(Clone, Debug, PartialEq, Eq)]
struct Nothing {}
rlp_list!(
    struct Nothing {}
);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Get { key: String },
    Put { pair: Pair, more: Vec<Pair> },
    Clear,
}
rlp_list!(enum Call { 0 => Get { key }, 1 => Put { pair, more }, 300 => Clear {} });

fn pairs() -> impl Strategy<Value = Pair> {
    (".{0,60}", any::<u64>()).prop_map(|(key, value)| Pair { key, value })
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        ".{0,60}".prop_map(|key| Call::Get { key }),
        (pairs(), prop::collection::vec(pairs(), 0..5))
            .prop_map(|(pair, more)| Call::Put { pair, more }),
        Just(Call::Clear),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(call in calls()) {
        let bytes = encode(&call);
        prop_assert_eq!(rlp_codec::Encodable::length(&call), bytes.len());
        prop_assert_eq!(decode(&bytes), Ok(call));
    }

    #[test]
    fn only_the_canonical_encoding_is_accepted(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(call) = decode::<Call>(&bytes) {
            prop_assert_eq!(encode(&call), bytes);
        }
    }

    #[test]
    fn a_changed_byte_gives_another_value_or_an_error(call in calls(), at: prop::sample::Index, with: u8) {
        let mut bytes = encode(&call);
        let at = at.index(bytes.len());
        let changed = bytes[at] != with;
        bytes[at] = with;
        if let Ok(other) = decode::<Call>(&bytes) {
            prop_assert_eq!(other != call, changed);
            prop_assert_eq!(encode(&other), bytes);
        }
    }
}

#[test]
fn a_struct_is_the_list_of_its_fields() {
    let pair = Pair { key: "cat".into(), value: 5 };
    assert_eq!(encode(&pair), [0xc5, 0x83, b'c', b'a', b't', 5]);
    assert_eq!(encode(&Nothing {}), [0xc0]);
    assert_eq!(decode(&[0xc0]), Ok(Nothing {}));
}

#[test]
fn lists_of_another_length_are_refused() {
    let kind = |bytes: &[u8]| decode::<Pair>(bytes).unwrap_err().kind;
    assert_eq!(kind(&[0xc1, b'a']), ErrorKind::Truncated);
    assert_eq!(kind(&[0xc3, b'a', 1, 2]), ErrorKind::Refused("extra list element"));
    assert_eq!(kind(&[0xc2, b'a', 1, 2]), ErrorKind::TrailingBytes);
    assert_eq!(kind(b"a"), ErrorKind::ExpectedList);
    assert_eq!(kind(&[0xf8]), ErrorKind::Truncated);
}

#[test]
fn numbers_without_a_variant_are_refused() {
    let kind = |bytes: &[u8]| decode::<Call>(bytes).unwrap_err().kind;
    assert_eq!(kind(&[0xc1, 2]), ErrorKind::Refused("unknown variant"));
    assert_eq!(kind(&[0xc0]), ErrorKind::Truncated);
    assert_eq!(decode(&[0xc3, 0x82, 1, 44]), Ok(Call::Clear));
}
