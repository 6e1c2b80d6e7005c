//! The bytes of each message, and messages that are refused.

use proptest::prelude::*;

use super::*;

fn id(number: u8) -> ShortId {
    ShortId([number; 8])
}

fn of_each_kind() -> [LazyMessage; 6] {
    let announced = |class, number| Announced { class, id: id(number) };
    [
        LazyMessage::Start(Salt(*b"0123456789abcdef")),
        LazyMessage::Have(vec![announced(0, 1)]),
        LazyMessage::Have(vec![announced(0, 1), announced(0, 2), announced(8, 3)]),
        LazyMessage::Want(vec![id(1), id(3)]),
        LazyMessage::Push(4096),
        LazyMessage::Again,
    ]
}

/// The examples of the specification.
#[test]
fn the_bytes_of_each_message() {
    let written = of_each_kind().map(|message| {
        let (code, payload) = message.encode();
        format!("{code} {}", hex::encode(payload))
    });
    let expected = [
        "0 d19030313233343536373839616263646566",
        "1 cbca80880101010101010101",
        "1 ded2809001010101010101010202020202020202ca08880303030303030303",
        "2 d19001010101010101010303030303030303",
        "3 c3821000",
        "4 c0",
    ];
    assert_eq!(written, expected);
}

/// A later version may add elements and messages; but every byte belongs to something.
#[test]
fn further_elements_are_ignored_and_further_bytes_are_not() {
    for message in of_each_kind() {
        let (code, payload) = message.encode();
        assert_eq!(LazyMessage::decode(code, &payload), Ok(message.clone()));
        let mut longer = Vec::new();
        let items = Item::parse(&payload).unwrap().payload();
        rlp::encode_list(&mut longer, &[&rlp::Raw(items), &"more"]);
        // The groups of HAVE are a list without an end.
        if code != 1 {
            assert_eq!(LazyMessage::decode(code, &longer), Ok(message));
        }
        let trailing = [&payload[..], &[0]].concat();
        assert!(matches!(LazyMessage::decode(code, &trailing), Err(LazyMessageError::Rlp(_))));
        for length in 0..payload.len() {
            assert!(LazyMessage::decode(code, &payload[..length]).is_err(), "{code} {length}");
        }
    }
    assert_eq!(LazyMessage::decode(5, b"anything"), Ok(LazyMessage::Reserved(5)));
    assert_eq!(LazyMessage::decode(8, &[0xc0]), Err(LazyMessageError::Code { code: 8 }));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let decode = |code, items: &[&dyn Encodable]| LazyMessage::decode(code, &list(items));
    let group = |class: u64, ids: &[u8]| list(&[&class, &ids]);
    let have = |group: &[u8]| decode(1, &[&rlp::Raw(group)]);
    assert_eq!(have(&group(17, &[1; 8])), Err(LazyMessageError::Class { class: 17 }));
    for length in [0, 7, 9] {
        let ids = vec![1; length];
        assert_eq!(have(&group(1, &ids)), Err(LazyMessageError::Ids { length }));
        assert_eq!(decode(2, &[&&ids[..]]), Err(LazyMessageError::Ids { length }));
    }
    assert_eq!(decode(1, &[]), Err(LazyMessageError::Count { count: 0 }));
    let many = vec![id(1); MAX_IDS + 1];
    let (code, payload) = LazyMessage::Want(many).encode();
    let refused = Err(LazyMessageError::Count { count: MAX_IDS + 1 });
    assert_eq!(LazyMessage::decode(code, &payload), refused);
    assert!(matches!(decode(0, &[&&[0_u8; 15][..]]), Err(LazyMessageError::Rlp(_))));
    assert!(matches!(decode(3, &[&u64::MAX]), Err(LazyMessageError::Rlp(_))));
}

#[test]
fn an_envelope_is_in_the_least_class_that_it_fits_into() {
    let classes = [(0, 0), (256, 0), (257, 1), (1024, 2), (65_536, 8), (65_537, 9)];
    for (bytes, class) in classes {
        assert_eq!(class_of(bytes), class, "{bytes}");
    }
    assert_eq!((class_of(usize::MAX), class_bytes(MAX_CLASS)), (MAX_CLASS, 16 << 20));
}

/// It fits into one block of a plain RLPx frame, with the code and what Snappy adds.
#[test]
fn the_announcement_of_one_envelope_is_short() {
    let one = LazyMessage::Have(vec![Announced { class: 4, id: id(7) }]);
    assert_eq!(one.encode().1.len(), 12);
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(code in 0..9_u64, bytes: Vec<u8>) {
        if let Ok(message) = LazyMessage::decode(code, &bytes)
            && !matches!(message, LazyMessage::Reserved(_))
        {
            let (code, payload) = message.encode();
            let again = LazyMessage::decode(code, &payload).unwrap();
            prop_assert_eq!(again.encode(), (code, payload));
        }
    }
}
