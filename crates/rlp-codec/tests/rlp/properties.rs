//! What holds for every value and every input.

use crate::tree::{Tree, config, tree};
use alloy_rlp::{Decodable, Encodable, decode_exact};
use proptest::prelude::*;
use rlp_codec::{BigEndian, Error, Item, List, Raw, decode, decode_list, encode, encode_list};

/// Bytes that are RLP, nearly RLP, or anything.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let nearly = (tree(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(
        |(tree, at, byte, cut)| {
            let mut bytes = encode(&tree);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at + 1);
            }
            bytes
        },
    );
    prop_oneof![prop::collection::vec(any::<u8>(), 0..80), nearly, small()]
}

/// What an integer, a boolean or a short array may be confused with.
fn small() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![0x00..=0x02u8, 0x7e..=0x92u8, 0xb7..=0xb9u8, 0xc0..=0xc2u8];
    let content = prop_oneof![Just(0x00), Just(0x01), Just(0x7f), Just(0x80), any::<u8>()];
    (header, prop::collection::vec(content, 0..20), any::<bool>()).prop_map(
        |(header, mut content, fit)| {
            if fit && (0x80..=0x92).contains(&header) {
                content.resize(usize::from(header - 0x80), 0x05);
            }
            content.insert(0, header);
            content
        },
    )
}

/// An item whose header has a length of its own, of the shortest form or not, and about as many bytes.
fn long() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..60usize, 250..260usize, 65_530..65_540usize];
    (any::<bool>(), 1..4usize, length, 0..3usize).prop_map(|(list, width, length, less)| {
        let first = if list { 0xf7 } else { 0xb7 } + u8::try_from(width).unwrap();
        let digits = length.to_be_bytes();
        let content = vec![0x05; length.saturating_sub(less)];
        [&[first], &digits[digits.len() - width..], &content].concat()
    })
}

/// How far reading a whole input came.
#[derive(Debug, PartialEq)]
enum Whole {
    /// To the elements, which are these, at that offset.
    Read((Vec<u8>, usize)),
    Refused(Error),
}

impl From<Error> for Whole {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Asserts that a shorthand of a list gives what the item gives, be it an error, and goes as far.
fn shorthand<'a, T: PartialEq + std::fmt::Debug>(
    input: &'a [u8],
    short: impl FnOnce(&mut List<'a>) -> Result<T, Error>,
    long: impl FnOnce(Item<'a>) -> Result<T, Error>,
) {
    let mut list = Item::parse(input).unwrap().items().unwrap();
    let mut same = list.clone();
    let (short, long) = (short(&mut list), same.item().and_then(long));
    assert_eq!(short, long, "{input:02x?}");
    if short.is_ok() {
        assert_eq!((list.rest(), list.offset()), (same.rest(), same.offset()), "{input:02x?}");
    }
}

/// Asserts that the view and alloy take the same inputs for the same values.
fn agree<'a, T: Decodable + PartialEq + std::fmt::Debug>(
    input: &'a [u8],
    read: impl FnOnce(Item<'a>) -> Result<T, Error>,
) {
    let ours = Item::parse(input).and_then(read);
    let theirs = decode_exact::<T>(input).ok();
    assert_eq!(ours.ok(), theirs, "{input:02x?}");
    assert_eq!(decode::<T>(input).ok(), theirs, "{input:02x?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_value_decodes_to_itself(tree in tree()) {
        let bytes = encode(&tree);
        prop_assert_eq!(bytes.len(), tree.length());
        prop_assert_eq!(Tree::parse(&bytes), Ok(tree));
    }

    /// No input panics, and each value has one encoding only: what is taken encodes to itself.
    #[test]
    fn an_input_is_canonical_or_refused(input in input()) {
        match Tree::parse(&input) {
            Ok(tree) => prop_assert_eq!(encode(&tree), input),
            Err(error) => prop_assert!(error.offset <= input.len()),
        }
    }

    /// Reading some elements as something they may not be must not panic either.
    #[test]
    fn no_reader_panics(input in input()) {
        if let Ok((item, _)) = Item::parse_prefix(&input) {
            let _ = (item.uint::<u8>(), item.padded::<3>(), item.bool(), item.str());
            let _ = item.open_list(|list| Ok::<_, Error>((list.array::<2>()?, list.uint::<usize>()?)));
            let _ = item.list(|list| list.decode::<Vec<u16>>());
            let count = item.items().map_or(0, Iterator::count);
            prop_assert!(count <= input.len());
        }
    }

    /// An error in a part points at the same byte as in the whole.
    #[test]
    fn offsets_count_from_the_start_of_the_input(tree in tree(), before: Vec<u8>) {
        let list = encode(&Tree::List(vec![Tree::Bytes(before), tree]));
        let element = Item::parse(&list).unwrap().items().unwrap().nth(1).unwrap().unwrap();
        prop_assert!(list[element.offset()..].starts_with(element.raw()));
        prop_assert!(list.ends_with(element.payload()));
    }

    #[test]
    fn integers_agree_with_alloy(input in prop_oneof![small(), input()]) {
        agree::<u8>(&input, |item| item.uint());
        agree::<u16>(&input, |item| item.uint());
        agree::<u32>(&input, |item| item.uint());
        agree::<u64>(&input, |item| item.uint());
        agree::<u128>(&input, |item| item.uint());
        agree::<usize>(&input, |item| item.uint());
    }

    #[test]
    fn other_types_agree_with_alloy(input in prop_oneof![small(), input()]) {
        agree::<bool>(&input, |item| item.bool());
        agree::<[u8; 1]>(&input, |item| item.array());
        agree::<[u8; 4]>(&input, |item| item.array());
        agree::<String>(&input, |item| item.str().map(String::from));
        agree::<alloy_rlp::Bytes>(&input, |item| item.bytes().map(|b| b.to_vec().into()));
        agree::<Vec<u16>>(&input, |item| {
            item.list(|list: &mut List<'_>| list.map(|item| item?.uint()).collect())
        });
        agree::<Vec<Vec<bool>>>(&input, |item| {
            item.items()?.map(|item| item?.items()?.map(|item| item?.bool()).collect()).collect()
        });
    }

    /// Lists read strings, integers and lists by short ways, which know nothing of what is wrong.
    #[test]
    fn a_list_and_its_items_agree(element in prop_oneof![small(), long(), input()]) {
        let mut input = Vec::new();
        encode_list(&mut input, &[&Raw(&element)]);
        shorthand(&input, List::bytes, |item| item.bytes());
        shorthand(&input, List::str, |item| item.str());
        shorthand(&input, List::uint::<u8>, |item| item.uint());
        shorthand(&input, List::uint::<u64>, |item| item.uint());
        shorthand(&input, List::uint::<u128>, |item| item.uint());
        shorthand(&input, List::array::<4>, |item| item.array());
        shorthand(&input, List::array::<64>, |item| item.array());
        let place = |list: List<'_>| (list.rest().to_vec(), list.offset());
        shorthand(&input, |list| list.items().map(place), |item| item.items().map(place));
        // The same of a list that is the whole input; after an error of `read` nothing else is wrong.
        let whole = decode_list(&element, |list| Err::<(), _>(Whole::Read(place(list.clone()))));
        let items = Item::parse(&element).and_then(|item| item.items()).map(place);
        prop_assert_eq!(whole, Err(items.map_or_else(Whole::Refused, Whole::Read)));
    }

    #[test]
    fn integers_of_any_size_lose_their_leading_zeros(number: u128, zeros in 0..20usize) {
        let mut wide = vec![0; zeros];
        wide.extend_from_slice(&number.to_be_bytes());
        let bytes = encode(&BigEndian(&wide));
        prop_assert_eq!(bytes.len(), BigEndian(&wide).length());
        prop_assert_eq!(&bytes, &encode(&number));
        prop_assert_eq!(Item::parse(&bytes).unwrap().padded::<16>(), Ok(number.to_be_bytes()));
    }
}
