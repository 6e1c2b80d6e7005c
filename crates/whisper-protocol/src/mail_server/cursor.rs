//! Where the next page of an answer begins.

use keccak_lanes::keccak256;

use super::refusal::Refusal;
use crate::{
    ArchiveId,
    wire::packet::{Cursor, Query},
};

/// Bytes of the digest in a cursor.
const DIGEST: usize = 20;

/// A cursor after this arrival number: `arrival 8 ‖ archive id 8 ‖ digest 20`. Clients only return it.
///
/// The digest binds it to what the request asks for: the same cursor with another filter would leave out what the other
/// filter lets through and the first did not.
pub(super) fn encode(arrival: u64, archive: ArchiveId, query: &Query) -> Cursor {
    let mut cursor = [0; 36];
    cursor[..8].copy_from_slice(&arrival.to_be_bytes());
    cursor[8..16].copy_from_slice(&archive.0);
    let digest = digest(&cursor[..16], query);
    cursor[16..].copy_from_slice(&digest);
    cursor
}

/// The arrival number of a cursor. 40 bytes are read like 36: status-go's binary form asks for them.
pub(super) fn decode(archive: ArchiveId, query: &Query) -> Result<u64, Refusal> {
    let Some((cursor, _)) = query.cursor.split_first_chunk::<36>() else {
        return if query.cursor.is_empty() { Ok(0) } else { Err(Refusal::Cursor) };
    };
    if cursor[8..16] != archive.0 {
        return Err(Refusal::OtherArchive);
    }
    if cursor[16..] != digest(&cursor[..16], query) {
        return Err(Refusal::Cursor);
    }
    let arrival = cursor.first_chunk().copied().unwrap_or_default();
    Ok(u64::from_be_bytes(arrival))
}

fn digest(place: &[u8], query: &Query) -> [u8; DIGEST] {
    let mut input = place.to_vec();
    input.extend_from_slice(&query.from.to_be_bytes());
    input.extend_from_slice(&query.to.to_be_bytes());
    input.extend_from_slice(query.bloom.as_ref().map_or(&[], |bloom| &bloom.0));
    for topic in &query.topics {
        input.extend_from_slice(&topic.0);
    }
    let digest = keccak256(&input);
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Bloom, Topic};

    use super::*;

    const ARCHIVE: ArchiveId = ArchiveId([7; 8]);

    fn query() -> Query {
        Query { from: 1, to: 2, bloom: Some(Bloom::FULL), limit: 9, ..Query::default() }
    }

    #[test]
    fn a_cursor_is_read_back() {
        let cursor = encode(u64::MAX - 5, ARCHIVE, &query()).to_vec();
        let next = Query { cursor: cursor.clone().into(), limit: 100, ..query() };
        assert_eq!(decode(ARCHIVE, &next), Ok(u64::MAX - 5), "the limit may change");
        let longer = [&cursor[..], &[0; 4]].concat();
        assert_eq!(decode(ARCHIVE, &Query { cursor: longer.into(), ..query() }), Ok(u64::MAX - 5));
        assert_eq!(decode(ARCHIVE, &query()), Ok(0), "the beginning");
    }

    #[test]
    fn a_cursor_of_something_else_is_refused() {
        let cursor = encode(5, ARCHIVE, &query());
        let with = |cursor: &[u8], query| Query { cursor: cursor.to_vec().into(), ..query };
        assert_eq!(decode(ArchiveId([8; 8]), &with(&cursor, query())), Err(Refusal::OtherArchive));
        let other = Query { topics: vec![Topic(*b"news")], ..query() };
        assert_eq!(decode(ARCHIVE, &with(&cursor, other)), Err(Refusal::Cursor));
        assert_eq!(
            decode(ARCHIVE, &with(&cursor, Query { to: 3, ..query() })),
            Err(Refusal::Cursor)
        );
        let mut forged = cursor;
        forged[7] = 6;
        assert_eq!(decode(ARCHIVE, &with(&forged, query())), Err(Refusal::Cursor));
        assert_eq!(decode(ARCHIVE, &with(&cursor[..35], query())), Err(Refusal::Cursor));
    }
}
