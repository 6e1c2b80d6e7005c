//! RLP: the zero-copy view compared with a separate, simple encoder.

use rlp_codec::{Encodable, Error, Item, Limits, text};

/// A whole item, owned.
enum Tree {
    Bytes(Vec<u8>),
    List(Vec<Self>),
}

/// A parsed item covers exactly its bytes. A valid item has exactly one encoding.
pub fn rlp_item(data: &[u8]) {
    match Item::parse_prefix(data) {
        Ok((item, rest)) => {
            assert_eq!([item.raw(), rest].concat(), data);
            assert_eq!(rlp_codec::encode(&item), item.raw());
            assert_eq!(item.offset(), 0);
            assert_eq!(Item::parse(data).is_ok(), rest.is_empty());
            check_whole(item);
        }
        Err(error) => assert_inside(error, data),
    }
}

fn check_whole(item: Item<'_>) {
    match item.validate() {
        Ok(()) => {
            let tree = tree(item).unwrap_or_else(|error| panic!("a valid item: {error}"));
            assert_eq!(encode(&tree), item.raw());
        }
        Err(error) => assert_inside(error, item.raw()),
    }
}

fn tree(item: Item<'_>) -> Result<Tree, Error> {
    if !item.is_list() {
        return Ok(Tree::Bytes(item.bytes()?.to_vec()));
    }
    Ok(Tree::List(item.items()?.map(|item| tree(item?)).collect::<Result<_, _>>()?))
}

/// RLP as defined in appendix B of the Yellow Paper, written as simply as possible.
fn encode(tree: &Tree) -> Vec<u8> {
    let (body, offset) = match tree {
        Tree::Bytes(bytes) if bytes.len() == 1 && bytes[0] < 0x80 => return bytes.clone(),
        Tree::Bytes(bytes) => (bytes.clone(), 0x80),
        Tree::List(items) => (items.iter().flat_map(encode).collect(), 0xc0),
    };
    let length: Vec<u8> =
        body.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = if body.len() < 56 {
        vec![offset + low_byte(body.len())]
    } else {
        vec![offset + 55 + low_byte(length.len())]
    };
    if body.len() >= 56 {
        out.extend(length);
    }
    out.extend(body);
    out
}

fn low_byte(small: usize) -> u8 {
    u8::try_from(small).unwrap_or_else(|_| panic!("{small} is a small length"))
}

/// The bytes decoded as each type encode to the same bytes. The bytes as a value encode to bytes that decode to the same
/// value.
pub fn rlp_roundtrip(data: &[u8]) {
    same_bytes::<u8>(data);
    same_bytes::<u64>(data);
    same_bytes::<u128>(data);
    same_bytes::<bool>(data);
    same_bytes::<[u8; 32]>(data);
    same_bytes::<Vec<u64>>(data);
    same_bytes::<Vec<String>>(data);

    let numbers: Vec<u64> = data
        .chunks(5)
        .map(|chunk| chunk.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        .collect();
    let mut out = Vec::new();
    rlp_codec::encode_list(&mut out, &[&data, &numbers, &data.len()]);
    let decoded = rlp_codec::decode_list(&out, |list| {
        let bytes = list.bytes()?.to_vec();
        let numbers =
            list.items()?.map(|number| number?.uint()).collect::<Result<Vec<u64>, Error>>()?;
        Ok::<_, Error>((bytes, numbers, list.uint::<usize>()?))
    });
    assert_eq!(decoded, Ok((data.to_vec(), numbers, data.len())));
    // An open list accepts additional elements, which a strict one refuses.
    let first = rlp_codec::decode_open_list(&out, |list| list.bytes().map(<[u8]>::to_vec));
    assert_eq!(first, Ok::<_, Error>(data.to_vec()));
    assert!(rlp_codec::decode_list(&out, |list| list.bytes().map(<[u8]>::to_vec)).is_err());
}

/// The text form: a dump parses to the same bytes, and a parsed text has one dump.
pub fn rlp_text(data: &[u8]) {
    match text::dump(data) {
        Ok(dumped) => assert_eq!(text::parse(&dumped).as_deref(), Ok(data)),
        Err(error) => {
            assert_inside(error, data);
            assert_eq!(Item::parse_within(data, Limits::default()), Err(error));
        }
    }
    let Ok(written) = std::str::from_utf8(data) else { return };
    match text::parse(written) {
        Ok(bytes) => {
            let dumped = text::dump(&bytes).unwrap_or_else(|error| panic!("a valid item: {error}"));
            assert_eq!(text::parse(&dumped), Ok(bytes));
        }
        Err(error) => assert!(error.offset <= data.len(), "{error}"),
    }
}

fn same_bytes<T: Encodable + rlp_codec::Decodable>(data: &[u8]) {
    match rlp_codec::decode::<T>(data) {
        Ok(value) => assert_eq!(rlp_codec::encode(&value), data),
        Err(error) => assert_inside(error, data),
    }
}

/// The offset of an error is inside the input, or at its end.
fn assert_inside(error: Error, data: &[u8]) {
    assert!(error.offset <= data.len(), "{error} in {} bytes", data.len());
}
