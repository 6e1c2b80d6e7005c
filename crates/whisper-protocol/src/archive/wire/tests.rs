//! The bytes of each message, and messages that are refused.

use proptest::prelude::*;
use whisper_envelope::{Bloom, Dialect, EnvelopeError, Topic, Unsealed};

use super::*;
use crate::{ArchiveId, HistoryFilter, StoredEnvelope};

const ARCHIVE: ArchiveId = ArchiveId([7; 8]);

fn query() -> ArchiveQuery {
    ArchiveQuery {
        dialect: Some(Dialect::V6),
        sent: 16..=1024,
        archive: Some(ARCHIVE),
        after: 300,
        until: 0,
        limit: 50,
        credit: 65_536,
        tail: true,
        proof: None,
        ..ArchiveQuery::new(9, HistoryFilter::Topics(vec![Topic(*b"news"), Topic(*b"chat")]))
    }
}

fn stored(arrival: u64) -> StoredEnvelope {
    let envelope = match arrival % 2 {
        0 => Unsealed::v6(1000, 50, Topic(*b"news"), b"data").seal(arrival),
        _ => Unsealed::v5(0, 1000, 50, Topic(*b"news"), Some([1; 12]), b"data").seal(arrival),
    };
    StoredEnvelope { arrival, envelope }
}

fn page() -> ArchivePage {
    let envelopes = vec![stored(1), stored(2)];
    ArchivePage { id: 9, envelopes, end: 300, oldest: 1, newest: 301, state: PageState::Tail }
}

fn of_each_kind() -> [ArchiveMessage; 7] {
    let summary = ArchiveSummary { id: ARCHIVE, oldest: 1, newest: 300 };
    let text = "start over".to_owned();
    [
        ArchiveMessage::Status(ArchiveStatus { archive: Some(summary) }),
        ArchiveMessage::Status(ArchiveStatus { archive: None }),
        ArchiveMessage::Query(Box::new(query())),
        ArchiveMessage::Page(page()),
        ArchiveMessage::Credit(ArchiveCredit { id: 9, bytes: 4096 }),
        ArchiveMessage::Cancel(ArchiveCancel { id: 9 }),
        ArchiveMessage::Refusal(ArchiveRefusal { id: 9, code: RefusalCode::Replaced, text }),
    ]
}

/// The examples of the specification.
#[test]
fn the_bytes_of_each_message() {
    let written = of_each_kind().map(|message| {
        let (code, payload) = message.encode();
        format!("{code} {}", hex::encode(payload))
    });
    let expected = include_str!("tests/messages.txt");
    assert_eq!(written.join("\n"), expected.trim_end());
}

#[test]
fn every_message_is_read_back() {
    for message in of_each_kind() {
        let (code, payload) = message.encode();
        assert_eq!(ArchiveMessage::decode(code, &payload), Ok(message));
    }
    for filter in [
        HistoryFilter::All,
        HistoryFilter::Bloom(Box::new(Bloom::of(Topic(*b"news")))),
        HistoryFilter::Hashes(vec![[1; 32], [2; 32]]),
    ] {
        let query = ArchiveQuery { proof: Some([3; 32]), ..ArchiveQuery::new(1, filter) };
        let message = ArchiveMessage::Query(Box::new(query));
        let (code, payload) = message.encode();
        assert_eq!(ArchiveMessage::decode(code, &payload), Ok(message));
    }
}

/// A later version may add elements and messages; but every byte belongs to something.
#[test]
fn further_elements_are_ignored_and_further_bytes_are_not() {
    for message in of_each_kind() {
        let (code, payload) = message.encode();
        let mut longer = Vec::new();
        let items = Item::parse(&payload).unwrap().payload();
        rlp::encode_list(&mut longer, &[&rlp::Raw(items), &"more"]);
        assert_eq!(ArchiveMessage::decode(code, &longer), Ok(message));
        let trailing = [&payload[..], &[0]].concat();
        assert!(matches!(
            ArchiveMessage::decode(code, &trailing),
            Err(ArchiveMessageError::Rlp(_))
        ));
        for length in 0..payload.len() {
            assert!(ArchiveMessage::decode(code, &payload[..length]).is_err(), "{code} {length}");
        }
    }
    assert_eq!(ArchiveMessage::decode(6, b"anything"), Ok(ArchiveMessage::Reserved(6)));
    let beyond = ArchiveMessage::decode(16, &[0xc0]);
    assert_eq!(beyond, Err(ArchiveMessageError::Code { code: 16 }));
}

fn refused(message: &ArchiveMessage) -> ArchiveMessageError {
    let (code, payload) = message.encode();
    ArchiveMessage::decode(code, &payload).unwrap_err()
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let ask = |filter| refused(&ArchiveMessage::Query(Box::new(ArchiveQuery::new(1, filter))));
    for count in [0, MAX_VALUES + 1] {
        let topics = HistoryFilter::Topics(vec![Topic([1; 4]); count]);
        assert_eq!(ask(topics), ArchiveMessageError::Values { count });
        let hashes = HistoryFilter::Hashes(vec![[1; 32]; count]);
        assert_eq!(ask(hashes), ArchiveMessageError::Values { count });
    }
    let answer = |page| refused(&ArchiveMessage::Page(page));
    let twice = ArchivePage { envelopes: vec![stored(2), stored(2)], ..page() };
    assert_eq!(answer(twice), ArchiveMessageError::Order);
    let beyond = ArchivePage { envelopes: vec![stored(302)], ..page() };
    assert_eq!(answer(beyond), ArchiveMessageError::Order);
    let filled = |count| {
        let envelopes = (1..=count).map(stored).collect();
        ArchiveMessage::Page(ArchivePage { envelopes, end: count, ..page() })
    };
    assert_eq!(refused(&filled(1001)), ArchiveMessageError::Envelopes);
    let (code, payload) = filled(1000).encode();
    assert!(ArchiveMessage::decode(code, &payload).is_ok());
    let mut out = Vec::new();
    rlp::encode_list(&mut out, &[&1_u8, &rlp::Raw(&[0xc1, 4])]);
    let unknown = ArchiveMessage::decode(1, &out);
    assert_eq!(unknown, Err(ArchiveMessageError::FilterKind { kind: 4 }));
    // What the type cannot express.
    let (_, payload) = ArchiveMessage::Query(Box::new(query())).encode();
    let mut other = payload.to_vec();
    let version = other.iter().position(|byte| *byte == 6).unwrap();
    other[version] = 7;
    let unknown = ArchiveMessage::decode(1, &other);
    assert_eq!(unknown, Err(ArchiveMessageError::Dialect { version: 7 }));
    other[version] = 6;
    other[version + 1] = 0x7f;
    other[version + 2..version + 5].copy_from_slice(&[0x82, 0, 1]);
    assert!(matches!(ArchiveMessage::decode(1, &other), Err(ArchiveMessageError::Rlp(_))));
    other[version + 2..version + 5].copy_from_slice(&[0x82, 0x01, 0x00]);
    assert!(ArchiveMessage::decode(1, &other).is_ok());
    let (_, payload) = ArchiveMessage::Page(page()).encode();
    let mut other = payload.to_vec();
    *other.last_mut().unwrap() = 3;
    let unknown = ArchiveMessage::decode(2, &other);
    assert_eq!(unknown, Err(ArchiveMessageError::State { state: 3 }));
    let mut out = Vec::new();
    let empty: [&dyn Encodable; 3] = [&1_u8, &6_u8, &rlp::Raw(&[0xc0])];
    let mut envelope = Vec::new();
    rlp::encode_list(&mut envelope, &empty);
    let mut envelopes = Vec::new();
    rlp::encode_list(&mut envelopes, &[&rlp::Raw(&envelope)]);
    rlp::encode_list(&mut out, &[&1_u8, &rlp::Raw(&envelopes), &1_u8, &1_u8, &1_u8, &0_u8]);
    let malformed = ArchiveMessage::decode(2, &out);
    assert!(matches!(malformed, Err(ArchiveMessageError::Envelope(EnvelopeError::Rlp(_)))));
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(code in 0..7_u64, bytes: Vec<u8>) {
        if let Ok(message) = ArchiveMessage::decode(code, &bytes) {
            let (code, payload) = message.encode();
            prop_assert_eq!(ArchiveMessage::decode(code, &payload), Ok(message));
        }
    }
}
