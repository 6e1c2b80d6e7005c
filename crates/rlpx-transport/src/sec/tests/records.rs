//! Records in any order, split and size, and with any change.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::directory::Pieces;
use super::super::schedule::RECORDS_PER_KEY;
use super::super::{HEADER_SIZE, MAX_PIECE, Part, Piece, PieceError};
use super::sessions;
use crate::{FrameError, MAX_PAYLOAD, Opener, Session};

/// A message of `size` bytes that depend on its code.
fn payload(code: u64, size: usize) -> Vec<u8> {
    (0..size).map(|at| code.wrapping_add(at as u64).to_le_bytes()[0]).collect()
}

/// Puts the messages into records. Those of one batch share them.
fn seal(session: &mut Session, batches: &[Vec<(u64, usize)>]) -> BytesMut {
    let mut wire = BytesMut::new();
    for batch in batches {
        for &(code, size) in batch {
            session.sealer.put(code, &payload(code, size), &mut wire).unwrap();
        }
        session.sealer.finish(&mut wire);
    }
    wire
}

/// The records on a wire.
fn records(wire: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = wire;
    let mut records = Vec::new();
    while let Some(header) = rest.first_chunk() {
        let (record, after) = rest.split_at(HEADER_SIZE + usize::from(u16::from_be_bytes(*header)));
        records.push(record.to_vec());
        rest = after;
    }
    records
}

/// Opens everything in `input`.
fn open(opener: &mut Opener, input: &mut BytesMut) -> Result<Vec<(u64, usize)>, FrameError> {
    let mut messages = Vec::new();
    while let Some(message) = opener.open(input)? {
        assert_eq!(message.payload, payload(message.code, message.payload.len()));
        messages.push((message.code, message.payload.len()));
    }
    Ok(messages)
}

fn batches() -> impl Strategy<Value = Vec<Vec<(u64, usize)>>> {
    let sizes = prop_oneof![
        6 => 0..200_usize,
        2 => MAX_PIECE - 20..MAX_PIECE + 20,
        1 => 0..70_000_usize,
    ];
    let codes = prop_oneof![0..300_u64, any::<u64>()];
    vec(vec((codes, sizes), 1..12), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn messages_arrive_however_the_bytes_are_split(
        batches in batches(),
        cuts in vec(1..20_000_usize, 1..20),
    ) {
        let (mut near, mut far) = sessions(1);
        let mut wire = seal(&mut near, &batches);
        let mut input = BytesMut::new();
        let mut heard = Vec::new();
        for cut in cuts.into_iter().cycle() {
            if wire.is_empty() {
                break;
            }
            input.extend_from_slice(&wire.split_to(cut.min(wire.len())));
            heard.extend(open(&mut far.opener, &mut input).unwrap());
        }
        prop_assert_eq!(heard, batches.concat());
        prop_assert!(input.is_empty() && far.opener.is_between_frames());
    }

    /// No message after the change is heard, and none that was not said. A changed length may make the opener wait.
    #[test]
    fn any_flipped_bit_ends_the_connection(batches in batches(), bit in any::<prop::sample::Index>()) {
        let (mut near, mut far) = sessions(1);
        let mut wire = seal(&mut near, &batches);
        let bit = bit.index(8 * wire.len());
        let changed = bit / 8;
        wire[changed] ^= 1 << (bit % 8);
        let before = wire.len();
        let mut heard = Vec::new();
        let failed = loop {
            match far.opener.open(&mut wire) {
                Ok(Some(message)) => heard.push((message.code, message.payload.len())),
                Ok(None) => break false,
                Err(error) => {
                    prop_assert_eq!(error, FrameError::Record);
                    break true;
                }
            }
        };
        let said = batches.concat();
        prop_assert!(said.starts_with(&heard) && heard.len() < said.len());
        if !failed {
            // It waits for a record that is longer than the sealed one: whatever comes is refused.
            prop_assert!(before - wire.len() <= changed);
            wire.resize(wire.len() + 20_000, 0);
            prop_assert_eq!(far.opener.open(&mut wire), Err(FrameError::Record));
        }
        prop_assert_eq!(far.opener.open(&mut BytesMut::new()), Err(FrameError::Failed));
    }

    /// The records arrive exchanged, repeated, or without one of them.
    #[test]
    fn reordered_repeated_and_missing_records_are_refused(
        sizes in vec(0..300_usize, 3..8),
        at in any::<prop::sample::Index>(),
        what in 0..3_u8,
    ) {
        let (mut near, mut far) = sessions(1);
        let batches: Vec<_> = sizes.iter().map(|&size| vec![(1, size)]).collect();
        let wire = seal(&mut near, &batches);
        let mut sent = records(&wire);
        prop_assert_eq!(sent.len(), sizes.len());
        let at = at.index(sent.len() - 1);
        match what {
            0 => sent.swap(at, at + 1),
            1 => sent.insert(at, sent[at].clone()),
            _ => drop(sent.remove(at)),
        }
        let right = if what == 1 { at + 1 } else { at };
        let mut input = BytesMut::from(&sent.concat()[..]);
        for &size in &sizes[..right] {
            let message = far.opener.open(&mut input).unwrap().unwrap();
            prop_assert_eq!(message.payload.len(), size);
        }
        prop_assert_eq!(far.opener.open(&mut input), Err(FrameError::Record));
    }

    /// A cut stream is an end inside a record, or the end after a whole one, which the layer above must confirm.
    #[test]
    fn truncation_adds_nothing(batches in batches(), cut in any::<prop::sample::Index>()) {
        let (mut near, mut far) = sessions(1);
        let wire = seal(&mut near, &batches);
        let cut = cut.index(wire.len());
        let mut input = BytesMut::from(&wire[..cut]);
        let heard = open(&mut far.opener, &mut input).unwrap();
        prop_assert!(batches.concat().starts_with(&heard));
        let ends = records(&wire).into_iter().scan(0, |end, record| {
            *end += record.len();
            Some(*end)
        });
        let at_a_border = cut == 0 || ends.collect::<Vec<_>>().contains(&cut);
        prop_assert_eq!(input.is_empty(), at_a_border);
    }

    /// Records of one direction are none of the other, and none of another connection.
    #[test]
    fn a_record_opens_at_its_receiver_only(size in 0..2000_usize) {
        let (mut near, mut far) = sessions(1);
        let wire = seal(&mut near, &[vec![(1, size)]]);
        let reflected = near.opener.open(&mut BytesMut::from(&wire[..]));
        prop_assert_eq!(reflected, Err(FrameError::Record));
        let (_, mut other) = sessions(2);
        let replayed = other.opener.open(&mut BytesMut::from(&wire[..]));
        prop_assert_eq!(replayed, Err(FrameError::Record));
        prop_assert_eq!(open(&mut far.opener, &mut BytesMut::from(&wire[..])), Ok(vec![(1, size)]));
    }

    /// Any plaintext is a list of pieces with all its data, or refused.
    #[test]
    fn any_plaintext_is_read_without_panic(plaintext in vec(any::<u8>(), 0..200)) {
        let total = plaintext.len();
        if let Ok(mut pieces) = Pieces::new(plaintext.into()) {
            let mut size = 0;
            while !pieces.is_empty() {
                let Ok(piece) = pieces.next() else { return Ok(()) };
                size += piece.data.len();
            }
            prop_assert!(size < total);
        }
    }
}

#[test]
fn small_messages_share_a_record() {
    let (mut near, mut far) = sessions(1);
    let batch: Vec<_> = (0..200).map(|code| (code, 64)).collect();
    let mut wire = seal(&mut near, std::slice::from_ref(&batch));
    assert_eq!((records(&wire).len(), near.sealer.records()), (1, 1));
    assert_eq!(open(&mut far.opener, &mut wire), Ok(batch));
    assert_eq!(far.opener.records(), 1);
}

#[test]
fn no_record_is_longer_than_the_limit() {
    let (mut near, mut far) = sessions(1);
    let batch = vec![(u64::MAX, 1 << 20), (1, MAX_PIECE), (2, MAX_PIECE + 1), (3, 0)];
    let mut wire = seal(&mut near, std::slice::from_ref(&batch));
    let longest = records(&wire).iter().map(Vec::len).max().unwrap();
    assert!(longest <= HEADER_SIZE + 16 * 1024 + 16, "{longest}");
    assert_eq!(open(&mut far.opener, &mut wire), Ok(batch));
}

#[test]
fn a_key_is_replaced_by_count() {
    let (mut near, mut far) = sessions(1);
    let (mut wire, mut input) = (BytesMut::new(), BytesMut::new());
    for _ in 0..=RECORDS_PER_KEY {
        wire.clear();
        near.sealer.seal(1, b"", &mut wire).unwrap();
        input.extend_from_slice(&wire);
        assert!(far.opener.open(&mut input).unwrap().is_some());
    }
    // An opener that did not replace its key refuses the record.
    assert_eq!(far.opener.records(), u64::from(RECORDS_PER_KEY) + 1);
}

#[test]
fn what_exceeds_the_limit_is_refused_before_it_arrives() {
    let (mut near, mut far) = sessions(1);
    far.opener.set_limit(20_000);
    let mut wire = seal(&mut near, &[vec![(1, 20_000)], vec![(1, 20_001)]]);
    assert_eq!(far.opener.open(&mut wire).unwrap().unwrap().payload.len(), 20_000);
    let oversized = FrameError::Oversized { size: 20_001, limit: 20_000 };
    assert_eq!(far.opener.open(&mut wire), Err(oversized));
    let too_large = FrameError::TooLarge { size: MAX_PAYLOAD + 1, limit: MAX_PAYLOAD };
    let refused = near.sealer.put(1, &vec![0; MAX_PAYLOAD + 1], &mut wire);
    assert_eq!(refused, Err(too_large));
}

/// An authentic peer that sends pieces in a wrong order, to an end that reads whole messages.
#[test]
fn pieces_in_a_wrong_order_are_refused() {
    let begin = |code| (code, Part::Begin { length: 10 }, &b"four"[..]);
    let more = |code, data| (code, Part::More, data);
    let abort = |code| (code, Part::Abort, &b""[..]);
    for (pieces, expected) in [
        (vec![more(1, &b"data"[..])], PieceError::NotBegun { code: 1 }),
        (vec![abort(1)], PieceError::NotBegun { code: 1 }),
        (vec![begin(1), begin(2)], PieceError::Unfinished { code: 2 }),
        (vec![begin(1), more(2, b"data")], PieceError::NotBegun { code: 2 }),
        (vec![begin(1), more(1, b"sevenme")], PieceError::Overrun { code: 1 }),
        (vec![begin(1), more(1, b"")], PieceError::Data { size: 0 }),
        (vec![(1, Part::Abort, b"data")], PieceError::Data { size: 4 }),
        (vec![(1, Part::Begin { length: 4 }, b"four")], PieceError::Overrun { code: 1 }),
    ] {
        let (mut near, mut far) = sessions(1);
        let mut wire = BytesMut::new();
        for (code, part, data) in &pieces {
            near.sealer.put_piece(*code, *part, data, &mut wire).unwrap();
        }
        near.sealer.finish(&mut wire);
        assert_eq!(far.opener.open(&mut wire), Err(expected.into()), "{pieces:?}");
        assert!(far.opener.is_failed());
    }
}

#[test]
fn an_aborted_message_is_forgotten() {
    let (mut near, mut far) = sessions(1);
    let mut wire = BytesMut::new();
    for (part, data) in [
        (Part::Begin { length: 10 }, &b"four"[..]),
        (Part::Abort, b""),
        (Part::Begin { length: 5 }, b"four"),
        (Part::More, b"!"),
    ] {
        near.sealer.put_piece(1, part, data, &mut wire).unwrap();
        near.sealer.finish(&mut wire);
    }
    assert_eq!(far.opener.open(&mut wire).unwrap().unwrap().payload, b"four!"[..]);
}

#[test]
fn pieces_are_read_one_by_one() {
    let (mut near, mut far) = sessions(1);
    let mut wire = seal(&mut near, &[vec![(1, 3), (2, 20_000)]]);
    let mut pieces = Vec::new();
    while let Some(Piece { code, part, data }) = far.opener.open_piece(&mut wire).unwrap() {
        pieces.push((code, part, data.len()));
    }
    let begin = Part::Begin { length: 20_000 };
    let expected =
        [(1, Part::Whole, 3), (2, begin, MAX_PIECE), (2, Part::More, 20_000 - MAX_PIECE)];
    assert_eq!(pieces, expected);
}
