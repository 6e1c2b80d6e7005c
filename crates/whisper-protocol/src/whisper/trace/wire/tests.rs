use proptest::prelude::*;

use super::*;
use crate::{EnvelopeSource, SkipReason, identity::NodeId};

fn arrival() -> impl Strategy<Value = TraceArrival> {
    let source = prop_oneof![
        Just(EnvelopeSource::Here),
        any::<u8>().prop_map(|byte| EnvelopeSource::Peer(NodeId([byte; 64]))),
        Just(EnvelopeSource::Forgotten),
    ];
    (source, any::<u32>()).prop_map(|(source, at)| TraceArrival { source, at })
}

fn record() -> impl Strategy<Value = TraceRecord> {
    let state = prop_oneof![
        Just(TraceState::Unknown),
        arrival().prop_map(TraceState::Pooled),
        (arrival(), any::<u32>(), any::<bool>())
            .prop_map(|(arrival, at, evicted)| TraceState::Left { arrival, at, evicted }),
    ];
    let reason = prop_oneof![Just("rejected.low_work"), Just("relay.expired"), Just("")];
    let drop =
        (reason, any::<u32>()).prop_map(|(reason, at)| TraceDrop { reason: reason.to_owned(), at });
    let fate = prop_oneof![
        Just(PeerFate::Sent),
        Just(PeerFate::Received),
        Just(PeerFate::NotSent(SkipReason::OutsideBloom)),
        Just(PeerFate::NotSent(SkipReason::LowWork)),
        Just(PeerFate::NotSent(SkipReason::Oversized)),
        Just(PeerFate::NotSent(SkipReason::LightClient)),
        Just(PeerFate::NotSent(SkipReason::Pending)),
    ];
    let peer = (any::<[u8; 16]>(), fate)
        .prop_map(|(peer, fate)| TracedPeer { peer: PeerPrefix(peer), fate });
    let drops = prop::collection::vec(drop, 0..4);
    let peers = prop::collection::vec(peer, 0..4);
    (any::<u8>(), state, drops, peers).prop_map(|(byte, state, drops, peers)| TraceRecord {
        node: NodeId([byte; 64]),
        state,
        drops,
        peers,
    })
}

fn message() -> impl Strategy<Value = TraceMessage> {
    let question = (any::<[u8; 16]>(), any::<[u8; 32]>(), any::<(u8, u32, u32)>());
    let answer = (any::<[u8; 16]>(), prop::collection::vec(record(), 0..4), any::<bool>());
    prop_oneof![
        any::<u64>().prop_map(|network| TraceMessage::Status(TraceStatus { network })),
        question.prop_map(|(id, hash, (hops, time, limit))| {
            TraceMessage::Question(TraceQuestion { id: QuestionId(id), hash, hops, time, limit })
        }),
        answer.prop_map(|(id, records, is_cut)| {
            TraceMessage::Answer(TraceAnswer { id: QuestionId(id), records, is_cut })
        }),
        (3..8_u64).prop_map(TraceMessage::Reserved),
    ]
}

proptest! {
    #[test]
    fn a_message_is_read_as_it_was_written(message in message()) {
        let (code, payload) = message.encode();
        prop_assert_eq!(TraceMessage::decode(code, &payload), Ok(message));
    }

    #[test]
    fn any_bytes_are_read_or_refused(code in 0..9_u64, bytes: Vec<u8>) {
        let _ = TraceMessage::decode(code, &bytes);
    }
}

/// The bytes of a question, by hand from the specification.
#[test]
fn a_question_has_the_specified_bytes() {
    let question =
        TraceQuestion { id: QuestionId([1; 16]), hash: [2; 32], hops: 3, time: 1000, limit: 5 };
    let mut expected = vec![0xf7, 0x90];
    expected.extend([1; 16]);
    expected.push(0xa0);
    expected.extend([2; 32]);
    expected.extend([3, 0x82, 0x03, 0xe8, 5]);
    assert_eq!(TraceMessage::Question(question).encode(), (1, expected.into()));
}

#[test]
fn what_is_not_a_record_is_refused() {
    let record = TraceRecord {
        node: NodeId([1; 64]),
        state: TraceState::Unknown,
        drops: vec![TraceDrop { reason: "a\u{1b}[2J".to_owned(), at: 1 }],
        peers: Vec::new(),
    };
    let decoded = |record: TraceRecord| {
        let answer = TraceAnswer { id: QuestionId([0; 16]), records: vec![record], is_cut: false };
        let (code, payload) = TraceMessage::Answer(answer).encode();
        TraceMessage::decode(code, &payload)
    };
    assert_eq!(decoded(record.clone()), Err(TraceMessageError::Reason));
    let drop = TraceDrop { reason: "a".to_owned(), at: 1 };
    let many = TraceRecord { drops: vec![drop; 17], ..record };
    assert_eq!(decoded(many), Err(TraceMessageError::Drops { count: 17 }));
    let huge = vec![0; MAX_ANSWER_BYTES + 1];
    let size = TraceMessageError::Size { bytes: huge.len() };
    assert_eq!(TraceMessage::decode(2, &huge), Err(size));
    assert_eq!(TraceMessage::decode(8, &[0xc0]), Err(TraceMessageError::Code { code: 8 }));
    // A record with a state and without a source, and the other way round.
    for (state, source_kind) in [(1, 0), (0, 1), (4, 1), (1, 4)] {
        let record = list(&[
            &[1_u8; 64],
            &state,
            &source_kind,
            &"",
            &0_u64,
            &0_u64,
            &Raw(&[0xc0]),
            &Raw(&[0xc0]),
        ]);
        let answer = list(&[&[0_u8; 16], &Raw(&list_of([record].into_iter())), &0_u64]);
        let wrong = TraceMessageError::State { state, source_kind };
        assert_eq!(TraceMessage::decode(2, &answer), Err(wrong));
    }
}
