//! Any RLP value, decoded through the crate's public face.

use proptest::prelude::*;
use rlp_codec::{BufMut, Encodable, Error, Item, List, encode_list, list_length};

/// A byte string, or a list of trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    Bytes(Vec<u8>),
    List(Vec<Self>),
}

impl Tree {
    /// Decodes the whole of `input`. Recursive, hence `validate` first, which bounds the depth.
    pub(crate) fn parse(input: &[u8]) -> Result<Self, Error> {
        let item = Item::parse(input)?;
        item.validate()?;
        Self::read(item)
    }

    fn read(item: Item<'_>) -> Result<Self, Error> {
        if !item.is_list() {
            return item.bytes().map(|bytes| Self::Bytes(bytes.to_vec()));
        }
        item.list(|list: &mut List<'_>| list.map(|item| Self::read(item?)).collect())
            .map(Self::List)
    }

    fn elements(trees: &[Self]) -> Vec<&dyn Encodable> {
        trees.iter().map(|tree| tree as &dyn Encodable).collect()
    }
}

impl Encodable for Tree {
    fn encode(&self, out: &mut dyn BufMut) {
        match self {
            Self::Bytes(bytes) => bytes.as_slice().encode(out),
            Self::List(trees) => encode_list(out, &Self::elements(trees)),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.as_slice().length(),
            Self::List(trees) => list_length(&Self::elements(trees)),
        }
    }
}

/// Trees of up to 5 levels, with strings and lists on both sides of the 55-byte limit.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let bytes = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::collection::vec(any::<u8>(), 50..60),
        1 => prop::collection::vec(any::<u8>(), 250..260),
    ];
    bytes
        .prop_map(Tree::Bytes)
        .prop_recursive(5, 40, 6, |tree| prop::collection::vec(tree, 0..6).prop_map(Tree::List))
}

/// Few cases under miri, which is a thousand times slower and has no file system to keep failures in.
pub(crate) fn config() -> ProptestConfig {
    if cfg!(miri) {
        return ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) };
    }
    ProptestConfig::with_cases(512)
}
