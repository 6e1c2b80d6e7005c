//! Any RLP value, decoded through the crate's public face.

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
