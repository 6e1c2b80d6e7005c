//! Where a reader of several archives goes on.

use std::{fmt, str::FromStr};

use keccak_lanes::keccak256;
use p2p_mux::rlp::{BufMut, Encodable, Error, Item, List, encode_list, list_length};

use crate::{ArchiveId, archive::wire::ArchiveQuery};

/// Where a reader of archives goes on: for each archive, up to which arrival number it has been read. A default one is the
/// beginning.
///
/// A reader keeps it, for example as the text that `to_string` makes and `parse` reads. It also remembers which envelopes came
/// from one archive and are still to come from another, so that they are not delivered twice. Therefore it grows by 20 bytes
/// for each of them, up to 80 KiB for an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryCursor {
    /// What was asked; `None` at the beginning.
    pub(super) question: Option<[u8; 8]>,
    /// The latest expiry of all envelopes that were delivered.
    pub(super) latest_expiry: u32,
    pub(super) archives: Vec<ArchivePlace>,
    /// Messages that were delivered and may come again in another envelope: the beginning of the hash of their content, and
    /// their expiry; ascending.
    pub(super) seen: Vec<(HashKey, u32)>,
}

/// How far one archive has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchivePlace {
    pub(super) id: ArchiveId,
    /// The beginning of the id of the node that has it.
    pub(super) node: NodeTag,
    /// The archive was read up to this arrival number.
    pub(super) end: u64,
    /// Envelopes that expire later are in `expected` if they came from other archives only. Earlier ones may be missing.
    pub(super) horizon: u32,
    /// Envelopes that came from other archives and not from this one, with their expiry; ascending.
    pub(super) expected: Vec<(HashKey, u32)>,
}

/// The beginning of a hash: long enough that two envelopes with the same cannot be found.
pub(super) type HashKey = [u8; 16];

/// The beginning of a node id: enough to notice that a node has another archive.
pub(super) type NodeTag = [u8; 8];

/// Bytes of an expected envelope: the beginning of its hash, and its expiry.
const EXPECTED: usize = 20;

/// Maximum number of expected envelopes of an archive in a cursor.
pub(super) const MAX_EXPECTED: usize = 4096;

/// Maximum number of archives in a cursor.
pub(super) const MAX_ARCHIVES: usize = 16;

const VERSION: u8 = 1;

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a cursor of this version: use it as it was given out, or an empty text for the beginning"
)]
pub struct ParseCursorError;

impl HistoryCursor {
    /// The arrival number up to which an archive has been read; 0 if it has not been.
    #[must_use]
    pub fn end(&self, archive: ArchiveId) -> u64 {
        let places = self.archives.iter().filter(|place| place.id == archive);
        places.map(|place| place.end).max().unwrap_or(0)
    }

    /// The archives that have been read. One that was read at two nodes is there twice.
    pub fn archives(&self) -> impl Iterator<Item = ArchiveId> {
        self.archives.iter().map(|place| place.id)
    }

    /// The cursor in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        let question = self.question.as_ref().map_or(&[][..], |question| question);
        let mut out = Vec::new();
        let seen = joined(&self.seen);
        encode_list(
            &mut out,
            &[&VERSION, &question, &self.latest_expiry, &self.archives, &&seen[..]],
        );
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    ///
    /// [`ParseCursorError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseCursorError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        read(bytes).map_err(|_| ParseCursorError)?.ok_or(ParseCursorError)
    }
}

/// `None` if the values cannot be those of a cursor.
fn read(bytes: &[u8]) -> Result<Option<HistoryCursor>, Error> {
    let mut list = Item::parse(bytes)?.items()?;
    if list.uint::<u8>()? != VERSION {
        return Ok(None);
    }
    let question = list.item()?;
    let question = if question.bytes()?.is_empty() { None } else { Some(question.array()?) };
    let latest_expiry = list.uint()?;
    let archives = list.list(|list| list.each(|list| list.list(place)))?;
    let seen = split(list.bytes()?);
    list.finish()?;
    let places = archives.into_iter().collect::<Option<Vec<_>>>();
    let cursor = places.zip(seen);
    let cursor =
        cursor.map(|(archives, seen)| HistoryCursor { question, latest_expiry, archives, seen });
    Ok(cursor.filter(|cursor| {
        let mut places: Vec<_> =
            cursor.archives.iter().map(|place| (place.id, place.node)).collect();
        places.sort_unstable();
        places.dedup();
        cursor.archives.len() <= MAX_ARCHIVES
            && places.len() == cursor.archives.len()
            && *cursor != HistoryCursor::default()
    }))
}

fn place(list: &mut List<'_>) -> Result<Option<ArchivePlace>, Error> {
    let (id, node) = (ArchiveId(list.array()?), list.array()?);
    let (end, horizon) = (list.uint()?, list.uint()?);
    let expected = split(list.bytes()?);
    Ok(expected.map(|expected| ArchivePlace { id, node, end, horizon, expected }))
}

/// Expected envelopes, or seen messages, from their bytes.
fn split(bytes: &[u8]) -> Option<Vec<(HashKey, u32)>> {
    let (chunks, rest) = bytes.as_chunks::<EXPECTED>();
    let is_valid = rest.is_empty()
        && chunks.len() <= MAX_EXPECTED
        && chunks.windows(2).all(|pair| pair[0] < pair[1]);
    let one = |chunk: &[u8; EXPECTED]| {
        let expiry = std::array::from_fn(|index| chunk[16 + index]);
        (std::array::from_fn(|index| chunk[index]), u32::from_be_bytes(expiry))
    };
    is_valid.then(|| chunks.iter().map(one).collect())
}

/// The opposite of [`split`].
fn joined(entries: &[(HashKey, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(EXPECTED * entries.len());
    for (key, expiry) in entries {
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&expiry.to_be_bytes());
    }
    bytes
}

impl ArchivePlace {
    fn with<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let expected = joined(&self.expected);
        write(&[&self.id.0, &self.node, &self.end, &self.horizon, &&expected[..]])
    }
}

impl Encodable for ArchivePlace {
    fn encode(&self, out: &mut dyn BufMut) {
        self.with(|items| encode_list(out, items));
    }

    fn length(&self) -> usize {
        self.with(list_length)
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl FromStr for HistoryCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(&hex::decode(text.trim()).map_err(|_| ParseCursorError)?)
    }
}

/// A digest of what is asked: with another filter, a cursor would leave out what the other filter lets through.
pub(super) fn question(asked: &ArchiveQuery) -> [u8; 8] {
    let digest = keccak256(&asked.encode());
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> HistoryCursor {
        let expected = vec![([1; 16], 8), ([2; 16], 9)];
        let (node, expected) = ([5; 8], &expected);
        let place =
            |id| ArchivePlace { id, node, end: 300, horizon: 7, expected: expected.clone() };
        HistoryCursor {
            question: Some([3; 8]),
            latest_expiry: 1_700_000_000,
            archives: vec![place(ArchiveId([1; 8])), place(ArchiveId([2; 8]))],
            seen: vec![([4; 16], 5)],
        }
    }

    #[test]
    fn a_cursor_is_read_back() {
        for cursor in [cursor(), HistoryCursor::default()] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            assert_eq!(HistoryCursor::from_bytes(&cursor.to_bytes()), Ok(cursor));
        }
        assert_eq!(cursor().end(ArchiveId([2; 8])), 300);
        assert_eq!(cursor().end(ArchiveId([3; 8])), 0);
    }

    #[test]
    fn the_format_does_not_change() {
        let small = HistoryCursor {
            question: Some([3; 8]),
            latest_expiry: 256,
            archives: vec![ArchivePlace {
                id: ArchiveId([1; 8]),
                node: [2; 8],
                end: 5,
                horizon: 0,
                expected: Vec::new(),
            }],
            seen: Vec::new(),
        };
        assert_eq!(
            small.to_string(),
            "e501880303030303030303820100d6d588010101010101010188020202020202020205808080"
        );
    }

    #[test]
    fn other_texts_are_refused() {
        let whole = cursor().to_bytes();
        for length in 1..whole.len() {
            assert_eq!(HistoryCursor::from_bytes(&whole[..length]), Err(ParseCursorError));
        }
        let mut twice = cursor();
        twice.archives[1] = twice.archives[0].clone();
        let mut unsorted = cursor();
        unsorted.archives[0].expected.reverse();
        let mut many = cursor();
        let one = |id| ArchivePlace { id: ArchiveId([id; 8]), ..cursor().archives[0].clone() };
        many.archives = (0..=16).map(one).collect();
        for bad in [twice, unsorted, many] {
            assert_eq!(HistoryCursor::from_bytes(&bad.to_bytes()), Err(ParseCursorError));
        }
        for text in ["nonsense", "c0", "c102", "0"] {
            assert_eq!(text.parse::<HistoryCursor>(), Err(ParseCursorError));
        }
    }
}
