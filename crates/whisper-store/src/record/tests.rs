use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use whisper_protocol::identity::SecretKey;
use whisper_protocol::{
    Dialect, FilterId, FilterKey, FilterSpec, KeyId, Message, PartialTopic, ReceivedMessage,
    StoredFilter, StoredKey, StoredMessage, SymmetricKey, Topic, Work,
};

use super::*;

fn encode(record: &impl Record) -> Vec<u8> {
    let mut out = Vec::new();
    record.encode(&mut out);
    assert_eq!(out.len(), record.length());
    out
}

fn pair(byte: u8) -> SecretKey {
    // 32 bytes 0xff are above the order of the curve.
    SecretKey::from_bytes(&[byte.clamp(1, 0xfe); 32]).unwrap()
}

fn key(byte: u8) -> StoredKey {
    match byte % 2 {
        0 => StoredKey::Pair(pair(byte)),
        _ => StoredKey::Symmetric(SymmetricKey::from_bytes([byte; 32])),
    }
}

fn filters() -> impl Strategy<Value = StoredFilter> {
    let topics = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=4), 0..4);
    let (byte, flag) = (any::<u8>(), any::<bool>());
    let rest = (0_u8..3, 0.0_f64..1e9, any::<u32>(), ".{0,9}");
    (byte, topics, (flag, flag, flag), rest).prop_map(|(byte, topics, flags, rest)| {
        let (dialect, work, made, name) = rest;
        let id = KeyId::from_bytes([byte; 32]);
        let key = key(byte);
        let spec = FilterSpec {
            key: match key {
                StoredKey::Pair(_) => FilterKey::Private(id),
                StoredKey::Symmetric(_) => FilterKey::Symmetric(id),
            },
            signer: flags.0.then(|| pair(byte).public_key()),
            topics: topics.iter().map(|topic| PartialTopic::new(topic).unwrap()).collect(),
            dialect: [None, Some(Dialect::V5), Some(Dialect::V6)][usize::from(dialect)],
            min_work: Work::new(work).unwrap(),
            allow_p2p: flags.1,
            acknowledge: flags.2,
            ..FilterSpec::new(FilterKey::Private(id))
        };
        StoredFilter {
            id: FilterId::from_bytes([byte; 32]),
            application: name.into(),
            spec,
            key,
            made,
        }
    })
}

fn messages() -> impl Strategy<Value = StoredMessage> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let numbers = (any::<u32>(), any::<u32>(), 0.0_f64..1e9);
    (any::<u8>(), bytes.clone(), bytes, (any::<bool>(), any::<bool>()), numbers).prop_map(
        |(byte, payload, padding, (waits, signed), (ttl, sent, work))| {
            let message = Message {
                payload: payload.into(),
                padding: padding.into(),
                signature: signed.then_some([byte; 65]),
                signer: signed.then(|| pair(byte).public_key()),
            };
            let received = ReceivedMessage {
                message,
                hash: [byte; 32],
                work,
                ttl,
                sent,
                topic: Topic([byte; 4]),
                recipient: signed.then(|| pair(byte).public_key()),
                direct: !signed,
            };
            let message = waits.then(|| Arc::new(received));
            StoredMessage { number: 7, content: [byte; 32], expiry: ttl, message }
        },
    )
}

proptest! {
    #[test]
    fn a_filter_is_read_as_it_was_written(filter in filters()) {
        let read = read_filter(&encode(&FilterRecord(&filter))).unwrap();
        prop_assert_eq!(&read.spec, &filter.spec);
        let parts = |filter: &StoredFilter| {
            (filter.id, filter.application.clone(), filter.made, key::secret_parts(&filter.key))
        };
        prop_assert_eq!(parts(&read), parts(&filter));
    }

    #[test]
    fn a_message_is_read_as_it_was_written(stored in messages()) {
        let StoredMessage { number, content, expiry, message } =
            read_message(7, &encode(&MessageRecord(&stored))).unwrap();
        prop_assert_eq!((number, content, expiry), (7, stored.content, stored.expiry));
        prop_assert_eq!(message, stored.message);
    }

    #[test]
    fn a_key_is_read_as_it_was_written(byte in any::<u8>(), name in ".{0,9}") {
        let (id, stored) = (KeyId::from_bytes([byte; 32]), key(byte));
        let record = encode(&KeyRecord { application: &name, id, key: &stored });
        let (read_name, read_id, read) = read_key(&record).unwrap();
        prop_assert_eq!((read_name, read_id), (&*name, id));
        prop_assert_eq!(key::secret_parts(&read), key::secret_parts(&stored));
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written(application in ".{0,9}", name in ".{0,9}", cursor in prop::collection::vec(any::<u8>(), 0..99)) {
        let record = encode(&CursorRecord { application: &application, name: &name, cursor: &cursor });
        prop_assert_eq!(read_cursor(&record).unwrap(), (&*application, &*name, &*cursor));
    }
}

/// Files of version 1 have private keys without their public keys.
#[test]
fn a_private_key_of_version_1_is_read() {
    let mut record = Vec::new();
    let (id, secret) = ([7; 32], pair(9).to_bytes());
    rlp_codec::encode_list(&mut record, &[&"team", &id, &1_u8, &*secret]);
    let (_, _, StoredKey::Pair(read)) = read_key(&record).unwrap() else { panic!() };
    assert_eq!((read.to_bytes(), read.public_key()), (secret, pair(9).public_key()));
}

#[test]
fn impossible_records_are_refused() {
    let id = KeyId::from_bytes([1; 32]);
    let record = |kind: u8, secret: [u8; 32]| {
        let mut out = Vec::new();
        rlp_codec::encode_list(&mut out, &[&"", &id.to_bytes(), &kind, &secret]);
        out
    };
    assert_eq!(read_key(&record(4, [1; 32])).unwrap_err(), RecordError::Kind { kind: 4 });
    assert_eq!(read_key(&record(1, [0; 32])).unwrap_err(), RecordError::Key);
    assert_eq!(read_key(&record(1, [0xff; 32])).unwrap_err(), RecordError::Key);
    assert_eq!(read_key(&record(3, [1; 32])).unwrap_err(), RecordError::Key, "no public key");
    assert!(matches!(read_filter(&record(1, [1; 32])), Err(RecordError::Rlp(_))));
    assert!(matches!(read_message(1, &[]), Err(RecordError::Rlp(_))));
    let empty =
        Message { payload: Bytes::new(), padding: Bytes::new(), signature: None, signer: None };
    let message = ReceivedMessage {
        message: empty,
        hash: [0; 32],
        work: f64::NAN,
        ttl: 0,
        sent: 0,
        topic: Topic([0; 4]),
        recipient: None,
        direct: false,
    };
    let stored =
        StoredMessage { number: 1, content: [0; 32], expiry: 0, message: Some(Arc::new(message)) };
    assert_eq!(read_message(1, &encode(&MessageRecord(&stored))).unwrap_err(), RecordError::Work);
}
