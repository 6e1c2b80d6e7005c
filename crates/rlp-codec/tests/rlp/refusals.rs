//! Each way to be wrong: its kind, and the byte it points at.

use rlp_codec::{
    Decodable, Encodable, Error, ErrorKind, Item, Limits, MAX_DEPTH, decode, decode_list,
    decode_open_list, encode, rlp_list,
};

#[test]
fn headers() {
    let cases: [(&[u8], ErrorKind); 11] = [
        (&[], ErrorKind::Truncated),
        (&[0x82, 0x01], ErrorKind::Truncated),
        (&[0xc2, 0x01], ErrorKind::Truncated),
        (&[0xb9, 0x01], ErrorKind::Truncated),
        (&[0xb8, 0x38, 0x00], ErrorKind::Truncated),
        (&[0xff; 9], ErrorKind::Truncated),
        (&[0xb8, 0x01, 0x80], ErrorKind::NonCanonicalSize),
        (&[0xf8, 0x00], ErrorKind::NonCanonicalSize),
        (&[0xb9, 0x00, 0x38], ErrorKind::NonCanonicalSize),
        (&[0x81, 0x7f], ErrorKind::NonCanonicalByte),
        (&[0x81], ErrorKind::Truncated),
    ];
    for (input, kind) in cases {
        assert_eq!(Item::parse(input), Err(kind.at(0)), "{input:02x?}");
    }
    assert_eq!(Item::parse(&[0x01, 0x02]), Err(ErrorKind::TrailingBytes.at(1)));
    assert_eq!(Item::parse(&[0xc1, 0x01, 0xc0]), Err(ErrorKind::TrailingBytes.at(2)));
}

/// Reads `[0x05, element]` with `read`, so that the element stands at the byte 2.
fn element<T>(element: &[u8], read: impl FnOnce(Item<'_>) -> Result<T, Error>) -> Option<Error> {
    let mut input = vec![0xc0 + 1 + u8::try_from(element.len()).unwrap(), 0x05];
    input.extend_from_slice(element);
    decode_list(&input, |list| {
        assert_eq!(list.uint::<u8>()?, 5);
        read(list.item()?)
    })
    .err()
}

#[test]
fn elements() {
    let at_2 = |kind: ErrorKind| Some(kind.at(2));
    assert_eq!(element(&[0x00], |item| item.uint::<u8>()), at_2(ErrorKind::LeadingZero));
    assert_eq!(
        element(&[0x82, 0x00, 0x01], |item| item.uint::<u16>()),
        at_2(ErrorKind::LeadingZero)
    );
    assert_eq!(element(&[0x82, 0x01, 0x00], |item| item.uint::<u8>()), at_2(ErrorKind::Overflow));
    assert_eq!(element(&[0x82, 0x01, 0x00], |item| item.padded::<1>()), at_2(ErrorKind::Overflow));
    assert_eq!(element(&[0xc0], |item| item.uint::<u8>()), at_2(ErrorKind::ExpectedBytes));
    assert_eq!(element(&[0xc0], |item| item.str().map(drop)), at_2(ErrorKind::ExpectedBytes));
    assert_eq!(element(&[0x80], |item| item.items().map(drop)), at_2(ErrorKind::ExpectedList));
    assert_eq!(element(&[0x02], |item| item.bool()), at_2(ErrorKind::NotBool));
    assert_eq!(element(&[0x00], |item| item.bool()), at_2(ErrorKind::NotBool));
    assert_eq!(element(&[0x81, 0xff], |item| item.str().map(drop)), at_2(ErrorKind::NotUtf8));
    let wrong_length = ErrorKind::WrongLength { expected: 4, actual: 2 };
    assert_eq!(element(&[0x82, 0x01, 0x02], |item| item.array::<4>()), at_2(wrong_length));
    assert_eq!(element(&[0x81, 0x05], |item| item.uint::<u8>()), at_2(ErrorKind::NonCanonicalByte));
    assert_eq!(element(&[0x83, 0x05], |item| item.uint::<u8>()), at_2(ErrorKind::Truncated));
    // One level down: the 0 in [5, [1, 0]].
    let inner = element(&[0xc2, 0x01, 0x00], |item| {
        item.items()?.map(|number| number?.uint()).collect::<Result<Vec<u8>, _>>()
    });
    assert_eq!(inner, Some(ErrorKind::LeadingZero.at(4)));
}

#[test]
fn numbers_of_elements() {
    let two = |list: &mut rlp_codec::List<'_>| Ok((list.uint::<u8>()?, list.uint::<u8>()?));
    assert_eq!(decode_list(&[0xc2, 1, 2], two), Ok((1, 2)));
    assert_eq!(decode_list(&[0xc1, 1], two), Err(ErrorKind::MissingItem.at(2)));
    assert_eq!(decode_list(&[0xc3, 1, 2, 3], two), Err(ErrorKind::ExtraItem.at(3)));
    assert_eq!(decode_list(&[0xc2, 1, 2, 3], two), Err(ErrorKind::TrailingBytes.at(3)));
    assert_eq!(decode_list(&[0x82, 1, 2], two), Err(ErrorKind::ExpectedList.at(0)));

    // EIP-8: both kinds of extra are for later versions, and are not even looked at.
    assert_eq!(decode_open_list(&[0xc4, 1, 2, 0x81, 3], two), Ok((1, 2)));
    assert_eq!(decode_open_list(&[0xc2, 1, 2, 0xff], two), Ok((1, 2)));
    assert_eq!(decode_open_list(&[0xc1, 1, 2], two), Err(ErrorKind::MissingItem.at(2)));
    // The inner list closed, the outer one open.
    let nested = |list: &mut rlp_codec::List<'_>| list.list(two);
    assert_eq!(decode_open_list(&[0xc5, 0xc2, 1, 2, 3, 4], nested), Ok((1, 2)));
    assert_eq!(
        decode_open_list(&[0xc5, 0xc3, 1, 2, 3, 4], nested),
        Err(ErrorKind::ExtraItem.at(4))
    );
}

/// The last element came with a later version: absent, present, and wrong are three things.
#[test]
fn optional_elements() {
    let read = |input: &[u8]| {
        decode_list(input, |list| {
            let id = list.uint::<u8>()?;
            let sequence = list.optional()?.map(|item| item.uint::<u64>()).transpose()?;
            Ok::<_, Error>((id, sequence))
        })
    };
    assert_eq!(read(&[0xc1, 7]), Ok((7, None)));
    assert_eq!(read(&[0xc2, 7, 0x80]), Ok((7, Some(0))));
    assert_eq!(read(&[0xc2, 7, 0xc0]), Err(ErrorKind::ExpectedBytes.at(2)));
    assert_eq!(read(&[0xc2, 7, 0x81]), Err(ErrorKind::Truncated.at(2)));
}

/// If the iterator repeated its error, a loop that skips errors would never end; one that
/// took the rest for read would let such a loop take half a list for a whole one.
#[test]
fn iteration_ends_after_an_error() {
    let items = Item::parse(&[0xc3, 0x01, 0x81, 0x01]).unwrap().items().unwrap();
    let seen: Vec<_> = items.map(|item| item.map(|item| item.offset())).collect();
    assert_eq!(seen, [Ok(1), Err(ErrorKind::NonCanonicalByte.at(2))]);

    let skipping = |list: &mut rlp_codec::List<'_>| Ok::<_, Error>(list.flatten().count());
    let half_read = decode_list(&[0xc3, 0x01, 0x81, 0x01], skipping);
    assert_eq!(half_read, Err(ErrorKind::ExtraItem.at(2)));
}

/// A rule that only the caller knows, in the caller's own error type.
#[test]
fn a_callers_own_error_passes_through() {
    #[derive(Debug, PartialEq)]
    enum Refusal {
        Rlp(Error),
        Odd(usize),
    }
    impl From<Error> for Refusal {
        fn from(error: Error) -> Self {
            Self::Rlp(error)
        }
    }
    let even = |input: &[u8]| {
        decode_list(input, |list| {
            let item = list.item()?;
            if item.uint::<u8>()? % 2 == 0 { Ok(()) } else { Err(Refusal::Odd(item.offset())) }
        })
    };
    assert_eq!(even(&[0xc1, 2]), Ok(()));
    assert_eq!(even(&[0xc1, 3]), Err(Refusal::Odd(1)));
    assert_eq!(even(&[0xc2, 2, 3]), Err(Refusal::Rlp(ErrorKind::ExtraItem.at(2))));
}

#[derive(Debug, PartialEq)]
struct Pair {
    left: u8,
    right: [u8; 2],
}
rlp_list!(struct Pair { left, right });

#[test]
fn types_of_the_macro_in_a_list() {
    let pair = Pair { left: 1, right: [2, 3] };
    let mut input = vec![0xc6, 0x05];
    input.extend(encode(&pair));
    assert_eq!(input.len(), 7);
    let read = |input: &[u8]| {
        decode_list(input, |list| Ok::<_, Error>((list.uint::<u8>()?, list.decode::<Pair>()?)))
    };
    assert_eq!(read(&input), Ok((5, pair)));

    // The fault is `left`, at the byte 3 of the whole input.
    input[3] = 0x00;
    assert_eq!(read(&input), Err(ErrorKind::LeadingZero.at(3)));
    assert_eq!(decode::<Pair>(&[0xc1, 1]).map_err(|error| error.kind), Err(ErrorKind::Truncated));
    // A pair with a third element is none, and a pair before other bytes must not eat them.
    let outside = [0xc1, 1, 0x82, 2, 3];
    assert!(decode::<Pair>(&outside).is_err());
    let extra = ErrorKind::Refused("extra list element");
    assert_eq!(decode::<Pair>(&[0xc5, 1, 0x82, 2, 3, 4]), Err(extra.at(5)));
}

/// A type of one's own may decode itself through an item; alloy's error keeps the kind.
#[test]
fn a_type_that_decodes_itself_by_the_view() {
    #[derive(Debug, PartialEq)]
    struct Even(u8);
    impl Decodable for Even {
        fn decode(input: &mut &[u8]) -> alloy_rlp::Result<Self> {
            let (item, rest) = Item::parse_prefix(input)?;
            let number = item.uint()?;
            if number % 2 != 0 {
                return Err(alloy_rlp::Error::Custom("odd"));
            }
            *input = rest;
            Ok(Self(number))
        }
    }
    assert_eq!(decode(&[2]), Ok(Even(2)));
    assert_eq!(decode::<Even>(&[3]), Err(ErrorKind::Refused("odd").at(0)));
    assert_eq!(decode::<Even>(&[0]), Err(ErrorKind::LeadingZero.at(0)));
    assert_eq!(decode::<Even>(&[0xc0]), Err(ErrorKind::ExpectedBytes.at(0)));
}

/// Lists in lists, `depth` deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..depth {
        // Built from the inside out, backwards: the header goes behind and all is reversed.
        let mut header = Vec::new();
        rlp_codec::Header { list: true, payload_length: bytes.len() }.encode(&mut header);
        bytes.extend(header.into_iter().rev());
    }
    bytes.reverse();
    bytes
}

#[test]
fn nesting_is_bounded() {
    let deepest = nested(MAX_DEPTH);
    assert_eq!(Item::parse(&deepest).unwrap().validate(), Ok(()));

    let deeper = nested(MAX_DEPTH + 1);
    // 32 lists of up to 31 bytes each have a header of one byte.
    let too_deep = ErrorKind::TooDeep.at(MAX_DEPTH);
    assert_eq!(Item::parse(&deeper).unwrap().validate(), Err(too_deep));

    let bottomless = nested(if cfg!(miri) { 1000 } else { 100_000 });
    let error = Item::parse(&bottomless).unwrap().validate().unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooDeep);
}

#[test]
fn validation_finds_what_parsing_leaves() {
    // [[1], "a", [non-canonical]] and the same with the fault in the string after the lists.
    let input = [0xc6, 0xc1, 0x01, b'a', 0xc2, 0x81, 0x00];
    let item = Item::parse(&input).unwrap();
    assert_eq!(item.validate(), Err(ErrorKind::NonCanonicalByte.at(5)));
    let input = [0xc5, 0xc1, 0xc0, 0xc0, 0x82, 0x00];
    assert_eq!(Item::parse(&input).unwrap().validate(), Err(ErrorKind::Truncated.at(4)));
}

/// What is kept of a message goes out as it came in.
#[test]
fn an_item_is_passed_on_unread() {
    let inner = encode(&vec![1u64, 1000]);
    let input = encode(&vec![vec![1u64, 1000], vec![]]);
    let item = Item::parse(&input).unwrap().items().unwrap().item().unwrap();
    assert_eq!(encode(&item), inner);
    assert_eq!(item.length(), inner.len());
}

#[test]
fn limits_are_what_they_say() {
    // [1, [2, "dog"], []]
    let input = [0xc8, 0x01, 0xc5, 0x02, 0x83, b'd', b'o', b'g', 0xc0];
    let all = Limits { bytes: 9, items: 6, depth: 2 };
    assert_eq!(Item::parse_within(&input, all), Item::parse(&input));
    for (limits, refused) in [
        (Limits { bytes: 8, ..all }, ErrorKind::TooLong.at(8)),
        (Limits { items: 5, ..all }, ErrorKind::TooManyItems.at(8)),
        (Limits { items: 0, ..all }, ErrorKind::TooManyItems.at(0)),
        (Limits { depth: 1, ..all }, ErrorKind::TooDeep.at(2)),
        (Limits { depth: 0, ..all }, ErrorKind::TooDeep.at(0)),
    ] {
        assert_eq!(Item::parse_within(&input, limits), Err(refused), "{limits:?}");
    }
    assert!(Item::parse_within(&[0x05], Limits { depth: 0, ..all }).is_ok());
    // No limit lets more through than can be walked.
    let limits = Limits { depth: usize::MAX, ..Limits::default() };
    let error = Item::parse_within(&nested(MAX_DEPTH + 1), limits).unwrap_err();
    assert_eq!(error, ErrorKind::TooDeep.at(MAX_DEPTH));
}

/// A reader that takes nothing would be called forever.
#[test]
fn each_element_is_read_by_who_reads_each() {
    let read = |input: &[u8]| decode_list(input, |list| list.each(rlp_codec::List::uint::<u8>));
    assert_eq!(read(&[0xc0]), Ok::<_, Error>(vec![]));
    assert_eq!(read(&[0xc2, 1, 0]), Err(ErrorKind::LeadingZero.at(2)));
    let idle = decode_list(&[0xc2, 1, 2], |list| list.each(|_| Ok::<_, Error>(())));
    assert_eq!(idle, Err(ErrorKind::ExtraItem.at(1)));
}

/// Room for elements costs no more than twice the bytes that are there, whatever the first promises.
#[test]
fn room_for_each_element_is_made_at_once_and_bounded_by_the_input() {
    let numbers: Vec<u64> = (0..1000).map(|number: u64| number.pow(6)).collect();
    let raw = rlp_codec::encode(&numbers);
    let mut room = Vec::new();
    let read = decode_list(&raw, |list| {
        let numbers = list.each(rlp_codec::List::uint::<u64>)?;
        room.push(numbers.capacity());
        Ok::<_, Error>(numbers)
    });
    assert_eq!(read, Ok(numbers));
    assert!(room[0] >= 1000 && room[0] * 8 <= 2 * raw.len(), "{room:?}");

    // A short one before a long one, and a long one before short ones.
    let long = [7; 1000];
    for (elements, most) in [([&[7][..], &long], 1 + 1003 / 8), ([&long, &[7]], 4)] {
        let mut raw = Vec::new();
        rlp_codec::encode_list(&mut raw, &[&elements[0], &elements[1]]);
        let read = decode_list(&raw, |list| list.each(rlp_codec::List::bytes)).unwrap();
        assert_eq!(read, elements);
        assert!(read.capacity() <= most, "{}", read.capacity());
    }
}
