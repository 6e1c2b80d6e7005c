//! The human-readable form and its reverse.

use crate::tree::{Tree, config, tree};
use proptest::prelude::*;
use rlp_codec::{
    ErrorKind, MAX_DEPTH, encode,
    text::{TextErrorKind, dump, parse},
};

#[test]
fn each_kind_has_its_form() {
    for (bytes, text) in [
        (&[0x80][..], "0x"),
        (&[0x00], "0x00"),
        (&[0x82, b'o', b'k'], "0x6f6b"),
        (&[0x83, b'd', b'o', b'g'], "\"dog\""),
        (&[0x84, b'"', b'\\', b' ', b'~'], "\"\\\"\\\\ ~\""),
        (&[0x83, b'd', b'o', 0x7f], "0x646f7f"),
        (&[0xc0], "[]"),
        (&[0xc3, 0xc0, 0xc1, 0xc0], "[\n  [],\n  [\n    [],\n  ],\n]"),
        (&[0xc2, 0x05, 0x80], "[\n  0x05,\n  0x,\n]"),
    ] {
        assert_eq!(dump(bytes).as_deref(), Ok(text));
        assert_eq!(parse(text).as_deref(), Ok(bytes), "{text}");
    }
}

/// What people write is more than what is written for them.
#[test]
fn other_spellings() {
    for (text, bytes) in [
        (" [ 1 ,0x02, \"\" ] \n", &[0xc3, 1, 2, 0x80][..]),
        ("[1,]", &[0xc1, 1]),
        ("0", &[0x80]),
        ("127", &[0x7f]),
        ("128", &[0x81, 0x80]),
        ("0xAbCd", &[0x82, 0xab, 0xcd]),
        ("0x00", &[0x00]),
        ("\"é\"", &[0x82, 0xc3, 0xa9]),
        ("\"0x\"", &[0x82, b'0', b'x']),
        ("[[[]]]", &[0xc2, 0xc1, 0xc0]),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(bytes), "{text}");
    }
    let largest = parse("340282366920938463463374607431768211455").unwrap();
    assert_eq!(largest, encode(&u128::MAX));
}

#[test]
fn texts_that_are_no_item() {
    use TextErrorKind as Kind;
    for (text, kind, offset) in [
        ("", Kind::NoItem, 0),
        ("  ", Kind::NoItem, 2),
        ("dog", Kind::NoItem, 0),
        ("-1", Kind::NoItem, 0),
        ("[1,,2]", Kind::NoItem, 3),
        ("[,]", Kind::NoItem, 1),
        ("]", Kind::NoItem, 0),
        ("[1 2]", Kind::NoComma, 3),
        ("[1x]", Kind::NoComma, 2),
        ("0X12", Kind::Trailing, 1),
        ("[1", Kind::OpenList, 2),
        ("[1,", Kind::OpenList, 3),
        ("[", Kind::OpenList, 1),
        ("\"dog", Kind::OpenString, 4),
        ("\"dog\\", Kind::Escape, 4),
        ("\"a\\n\"", Kind::Escape, 2),
        ("\"a\nb\"", Kind::Control, 2),
        ("0x123", Kind::HalfByte, 5),
        ("0x1g", Kind::HalfByte, 3),
        ("0x12g", Kind::Trailing, 4),
        ("01", Kind::LeadingZero, 0),
        ("340282366920938463463374607431768211456", Kind::Overflow, 0),
        ("1 2", Kind::Trailing, 2),
        ("[] []", Kind::Trailing, 3),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deepest = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let bytes = parse(&deepest).unwrap();
    assert_eq!(dump(&bytes).map(|text| parse(&text)), Ok(Ok(bytes)));

    let deeper = format!("[{deepest}]");
    let error = parse(&deeper).unwrap_err();
    assert_eq!((error.kind, error.offset), (TextErrorKind::TooDeep, MAX_DEPTH));
    let bottomless = "[".repeat(if cfg!(miri) { 1000 } else { 100_000 });
    assert_eq!(parse(&bottomless).unwrap_err().kind, TextErrorKind::TooDeep);
}

#[test]
fn what_is_not_canonical_has_no_text() {
    assert_eq!(dump(&[]), Err(ErrorKind::Truncated.at(0)));
    assert_eq!(dump(&[0x05, 0x05]), Err(ErrorKind::TrailingBytes.at(1)));
    assert_eq!(dump(&[0xc3, 0xc2, 0x81, 0x05]), Err(ErrorKind::NonCanonicalByte.at(2)));
    assert_eq!(dump(&[0xc2, 0x05, 0x82]), Err(ErrorKind::Truncated.at(2)));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_text_reads_as_what_it_was_made_of(tree in tree()) {
        let bytes = encode(&tree);
        let text = dump(&bytes).unwrap();
        prop_assert_eq!(parse(&text), Ok(bytes));
        prop_assert!(text.is_ascii());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        match dump(&bytes) {
            Ok(text) => prop_assert_eq!(parse(&text), Ok(bytes)),
            Err(error) => prop_assert!(error.offset <= bytes.len() && Tree::parse(&bytes).is_err()),
        }
    }

    /// What is read has one written form, from which nothing is lost.
    #[test]
    fn no_text_panics(text in prop_oneof!["\\PC*", "[\\[\\]\",0x1a \\\\]{0,30}", "(\\[|\\],?|0x..,|[0-9]{1,3},|\"a*\",){0,12}"]) {
        match parse(&text) {
            Ok(bytes) => prop_assert_eq!(parse(&dump(&bytes).unwrap()), Ok(bytes)),
            Err(error) => prop_assert!(error.offset <= text.len()),
        }
    }
}
