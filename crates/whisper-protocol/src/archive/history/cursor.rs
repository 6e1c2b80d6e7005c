//! Where a reader of several archives goes on.

use std::{fmt, str::FromStr};

use keccak_lanes::Keccak256;
use p2p_mux::rlp::{BufMut, Encodable, Error, Item, List, encode_list, list_length};

use super::bound::Bound;
use crate::{ArchiveId, archive::wire::ArchiveQuery};

/// Where a reader of archives goes on: for each archive, up to which arrival number it has been read. A default one is the
/// beginning.
///
/// A reader keeps it, for example as the text that `to_string` makes and `parse` reads. It also remembers which envelopes came
/// from one archive and are still to come from another, so that they are not delivered twice. Therefore it grows by 21 bytes
/// for each of them, up to 84 KiB for an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryCursor {
    /// What was asked; `None` at the beginning.
    pub(super) question: Option<[u8; 8]>,
    /// Of everything that was delivered.
    pub(super) latest: Bound,
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
    /// Envelopes that expire later and are not within `forgotten` are in `expected` if they came from other archives only.
    pub(super) horizon: u32,
    pub(super) forgotten: Bound,
    /// Envelopes that came from other archives and not from this one; ascending.
    pub(super) expected: Vec<ExpectedPlace>,
}

/// An envelope that came from another archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExpectedPlace {
    pub(super) key: HashKey,
    pub(super) expiry: u32,
    /// The index of that archive in the cursor, or [`NO_SOURCE`].
    pub(super) source: u8,
}

/// The beginning of a hash: long enough that two envelopes with the same cannot be found.
pub(super) type HashKey = [u8; 16];

/// The beginning of a node id: enough to notice that a node has another archive.
pub(super) type NodeTag = [u8; 8];

/// Bytes of a hash key and an expiry.
const ENTRY: usize = 20;

/// The source of what came from an archive that is not in the cursor any more.
pub(super) const NO_SOURCE: u8 = 255;

/// Maximum number of expected envelopes of an archive in a cursor.
pub(super) const MAX_EXPECTED: usize = 4096;

/// Maximum number of archives in a cursor.
pub(super) const MAX_ARCHIVES: usize = 16;

const VERSION: u8 = 2;

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
            &[
                &VERSION,
                &question,
                &self.latest.expiry,
                &self.latest.sent,
                &self.archives,
                &&seen[..],
            ],
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
    let latest = bound(&mut list)?;
    let archives = list.list(|list| list.each(|list| list.list(place)))?;
    let seen = split(list.bytes()?);
    list.finish()?;
    let places = archives.into_iter().collect::<Option<Vec<_>>>();
    let cursor = places.zip(seen);
    let cursor = cursor.map(|(archives, seen)| HistoryCursor { question, latest, archives, seen });
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

fn bound(list: &mut List<'_>) -> Result<Bound, Error> {
    Ok(Bound { expiry: list.uint()?, sent: list.uint()? })
}

fn place(list: &mut List<'_>) -> Result<Option<ArchivePlace>, Error> {
    let (id, node) = (ArchiveId(list.array()?), list.array()?);
    let (end, horizon, forgotten) = (list.uint()?, list.uint()?, bound(list)?);
    let (entries, sources) = (split(list.bytes()?), list.bytes()?);
    let is_source = |source: &u8| usize::from(*source) < MAX_ARCHIVES || *source == NO_SOURCE;
    let entries =
        entries.filter(|entries| entries.len() == sources.len() && sources.iter().all(is_source));
    Ok(entries.map(|entries| {
        let one =
            |((key, expiry), source): (_, &u8)| ExpectedPlace { key, expiry, source: *source };
        let expected = entries.into_iter().zip(sources).map(one).collect();
        ArchivePlace { id, node, end, horizon, forgotten, expected }
    }))
}

/// Expected envelopes, or seen messages, from their bytes.
fn split(bytes: &[u8]) -> Option<Vec<(HashKey, u32)>> {
    let (chunks, rest) = bytes.as_chunks::<ENTRY>();
    let is_valid = rest.is_empty()
        && chunks.len() <= MAX_EXPECTED
        && chunks.windows(2).all(|pair| pair[0] < pair[1]);
    let one = |chunk: &[u8; ENTRY]| {
        let expiry = std::array::from_fn(|index| chunk[16 + index]);
        (std::array::from_fn(|index| chunk[index]), u32::from_be_bytes(expiry))
    };
    is_valid.then(|| chunks.iter().map(one).collect())
}

/// The opposite of [`split`].
fn joined(entries: &[(HashKey, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRY * entries.len());
    for (key, expiry) in entries {
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&expiry.to_be_bytes());
    }
    bytes
}

impl ArchivePlace {
    fn with<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let entries: Vec<_> = self.expected.iter().map(|one| (one.key, one.expiry)).collect();
        let sources: Vec<_> = self.expected.iter().map(|one| one.source).collect();
        let Bound { expiry, sent } = &self.forgotten;
        let entries = joined(&entries);
        write(&[
            &self.id.0,
            &self.node,
            &self.end,
            &self.horizon,
            expiry,
            sent,
            &&entries[..],
            &&sources[..],
        ])
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

/// A digest of what is asked: with another question, a cursor would leave out what only that one asks for. `messages`: a
/// digest of what opens the envelopes; what it did not want was left out as well. `label`: whose cursor it is.
pub(super) fn question(asked: &ArchiveQuery, messages: Option<[u8; 32]>, label: &str) -> [u8; 8] {
    let hash = Keccak256::new().chain(&asked.encode());
    let hash = messages.iter().fold(hash, |hash, messages| hash.chain(messages));
    let digest = hash.chain(label.as_bytes()).finalize();
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> HistoryCursor {
        let one = |key, source| ExpectedPlace { key: [key; 16], expiry: 8, source };
        let place = |id| ArchivePlace {
            id,
            node: [5; 8],
            end: 300,
            horizon: 7,
            forgotten: Bound { expiry: 8, sent: 9 },
            expected: vec![one(1, 0), one(2, NO_SOURCE)],
        };
        HistoryCursor {
            question: Some([3; 8]),
            latest: Bound { expiry: 1_700_000_000, sent: 1_600_000_000 },
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
            latest: Bound { expiry: 256, sent: 255 },
            archives: vec![ArchivePlace {
                id: ArchiveId([1; 8]),
                node: [2; 8],
                end: 5,
                horizon: 0,
                forgotten: Bound { expiry: 1, sent: 0 },
                expected: vec![ExpectedPlace { key: [4; 16], expiry: 6, source: 0 }],
            }],
            seen: Vec::new(),
        };
        assert_eq!(
            small.to_string(),
            "f83e0288030303030303030382010081ffedec88010101010101010188020202020202020205\
             8001809404040404040404040404040404040404000000060080"
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
        let mut unknown = cursor();
        unknown.archives[0].expected[0].source = 16;
        for bad in [twice, unsorted, many, unknown] {
            assert_eq!(HistoryCursor::from_bytes(&bad.to_bytes()), Err(ParseCursorError));
        }
        for text in ["nonsense", "c0", "c102", "0"] {
            assert_eq!(text.parse::<HistoryCursor>(), Err(ParseCursorError));
        }
    }
}
