//! Extensions of shh/6 by status-im: acknowledgements, rate limits, and packets for mail servers.

use crate::support::{
    NOW, RawPeer, TOPIC, bundle, envelope, join, next, node, post, settings, watch,
};
use bytes::Bytes;
use whisper_envelope::Unsealed;
use whisper_protocol::{
    Bloom, Config, ExtensionStats, ReceiptSettings, Whisper,
    packet::{
        Ack, Completion, Query, Rates, RefusedEnvelope, Request, Response, SyncRequest,
        SyncResponse,
    },
};

/// `[6, no work, every topic, no light client, confirmations]`.
const CONFIRMING: [u8; 6] = [0xc5, 0x06, 0x80, 0x80, 0x80, 0x01];

fn confirming() -> Whisper {
    let receipts = ReceiptSettings { confirmations: true, ..ReceiptSettings::default() };
    Whisper::new(Config { receipts, ..settings() })
}

async fn settled(node: &Whisper, expected: ExtensionStats) {
    while node.stats().extensions != expected {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn bundles_are_acknowledged_to_a_peer_with_confirmations() {
    let node = node();
    let mut watch = watch(&node);
    let mut peer = RawPeer::new(&node).after(&CONFIRMING).await;
    for payload in [b"first", b"other"] {
        let packet = bundle([&envelope(payload).raw()[..]]);
        peer.send(1, &packet).await;
        assert_eq!(peer.receive().await, (11, Ack::of(&packet).encode()));
        assert_eq!(next(&mut watch).await, payload);
    }
    // Empty bundles, and bundles with only known or refused envelopes, are acknowledged as well.
    peer.send(1, &[0xc0]).await;
    assert_eq!(peer.receive().await, (11, Ack::of(&[0xc0]).encode()));
}

#[tokio::test]
async fn refused_envelopes_are_reported_before_the_acknowledgement() {
    let node = node();
    let mut peer = RawPeer::new(&node).after(&CONFIRMING).await;
    let late = Unsealed::v6(NOW - 21, 50, TOPIC, &[0; 64]).seal(0);
    let without_end = Unsealed::v6(NOW + 50, 0, TOPIC, &[0; 64]).seal(0);
    let good = envelope(b"good");
    let packet = bundle([&late, &good, &without_end].map(|envelope| &envelope.raw()[..]));
    peer.send(1, &packet).await;
    let (code, answer) = peer.receive().await;
    assert_eq!(code, 12);
    let answer = Response::decode(&answer).unwrap();
    assert_eq!(answer.bundle, Ack::of(&packet).0);
    let told: Vec<_> =
        answer.refused.iter().map(|it| (it.hash, it.code, it.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (*late.hash(), RefusedEnvelope::CLOCK, "expired long ago"),
            (*without_end.hash(), RefusedEnvelope::OTHER, "time to live is zero"),
        ]
    );
    assert_eq!(peer.receive().await, (11, Ack::of(&packet).encode()));

    // Of many refused envelopes, only the first are reported.
    let many: Vec<_> =
        (0..300).map(|nonce| Unsealed::v6(NOW - 21, 50, TOPIC, &[0; 64]).seal(nonce)).collect();
    peer.send_envelopes(&many.iter().collect::<Vec<_>>()).await;
    let (code, answer) = peer.receive().await;
    assert_eq!((code, Response::decode(&answer).unwrap().refused.len()), (12, 256));
    assert_eq!(peer.receive().await.0, 11);
}

#[tokio::test]
async fn two_nodes_report_refused_envelopes_to_each_other() {
    let sender = confirming();
    let demanding = confirming();
    demanding.set_max_message_size(100).unwrap(); // not announced: the protocol has no message for it
    join(&sender, &demanding);
    sender.post(post(&sender, b"too large")).await.unwrap();
    while sender.stats().extensions.refused == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sender.stats().extensions.refused_for_the_clock, 0);
}

#[tokio::test]
async fn peers_without_confirmations_get_no_acknowledgement() {
    let node = confirming();
    let mut peer = RawPeer::greeted(&node).await;
    let mut watch = watch(&node);
    peer.send_envelopes(&[&envelope(b"not acknowledged")]).await;
    assert_eq!(next(&mut watch).await, b"not acknowledged");
    let own = envelope(b"own");
    assert_eq!(node.inject(own.clone()), whisper_protocol::EnvelopeOutcome::New);
    assert_eq!(peer.receive().await, (1, bundle([&own.raw()[..]])));
}

#[tokio::test]
async fn two_nodes_with_confirmations_acknowledge_to_each_other() {
    let (a, b) = (confirming(), confirming());
    let mut watch = watch(&b);
    join(&a, &b);
    for number in 0..3 {
        a.post(post(&a, &[number])).await.unwrap();
        assert_eq!(next(&mut watch).await, [number]);
    }
    while a.stats().extensions.acks == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.stats().extensions.unexpected, 0);
}

#[tokio::test]
async fn the_status_announces_confirmations() {
    let (confirming, plain) = (confirming(), node());
    let mut peer = RawPeer::new(&confirming);
    assert_eq!(peer.receive().await.1, CONFIRMING[..]);
    let mut peer = RawPeer::new(&plain);
    assert_eq!(peer.receive().await.1, [0xc4, 0x06, 0x80, 0x80, 0x80][..], "go-ethereum's");
}

#[tokio::test]
async fn reported_refusals_and_unexpected_ones_are_counted() {
    let node = confirming();
    let mut peer = RawPeer::new(&node).after(&CONFIRMING).await;
    let sent = envelope(b"sent");
    assert_eq!(node.inject(sent.clone()), whisper_protocol::EnvelopeOutcome::New);
    let (code, packet) = peer.receive().await;
    assert_eq!(code, 1);
    let (hash, other) = (*sent.hash(), [9; 32]);
    let refused = |hash, code| RefusedEnvelope { hash, code, text: "too new".into() };
    let ack = Ack::of(&packet);
    // 37 means a clock difference in one release and any other reason in another. The peer was not sent the second
    // envelope.
    let refused = vec![refused(hash, 37), refused(other, 1), refused(hash, 1)];
    let response = Response { bundle: ack.0, refused };
    peer.send(12, &response.encode()).await;
    peer.send(12, &Response { bundle: other, ..response }.encode()).await;
    peer.send(11, &ack.encode()).await;
    peer.send(11, &ack.encode()).await;
    let mut expected = ExtensionStats::default();
    (expected.refused, expected.refused_for_the_clock) = (1, 1);
    (expected.acks, expected.unexpected) = (1, 2);
    settled(&node, expected).await;
}

#[tokio::test]
async fn rate_limits_of_a_peer_are_respected() {
    let node = node();
    let [protocol, _] = node.protocols();
    let limits = |id| {
        let described: serde_json::Value =
            serde_json::from_str(&protocol.describe_peer(&id).unwrap()).unwrap();
        (described["confirmations"].clone(), described["rateLimits"].clone())
    };
    let status = [&[0xc9][..], &CONFIRMING[1..], &[0xc3, 0x01, 0x02, 0x03]].concat();
    let peer = RawPeer::new(&node).after(&status).await;
    while node.stats().sessions.established == 0 {
        tokio::task::yield_now().await;
    }
    let expected = serde_json::json!({ "ip": 1, "peer": 2, "topic": 3 });
    assert_eq!(limits(peer.id), (true.into(), expected));
    let changed = Rates { per_ip: 0, per_peer: 50, per_topic: 0 };
    peer.send(20, &changed.encode()).await;
    let stats = ExtensionStats { rates: 1, ..ExtensionStats::default() };
    settled(&node, stats).await;
    assert_eq!(limits(peer.id).1, serde_json::json!({ "ip": 0, "peer": 50, "topic": 0 }));
}

#[tokio::test]
async fn each_ignored_kind_of_packet_has_a_counter() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    let (cursor, bloom) = (Bytes::new(), Bloom::FULL);
    let sync = SyncRequest { lower: 0, upper: 1, bloom, limit: 1, cursor: cursor.clone() };
    peer.send(123, &sync.encode()).await;
    peer.send(124, &SyncResponse::new(&[], cursor, true, "").encode()).await;
    let done = Completion::Done { request: [1; 32], last: None, cursor: None };
    peer.send(125, &done.encode()).await;
    let query = Query { to: 1, ..Query::default() };
    peer.send(126, &Request::Open { id: [1; 32], query }.encode()).await;
    peer.send(126, envelope(b"sealed").raw()).await;
    peer.send_envelopes(&[&envelope(b"good")]).await;
    assert_eq!(next(&mut watch).await, b"good", "the session goes on");
    let stats = node.stats();
    assert_eq!(stats.sessions.requests_ignored, 2);
    let mut expected = ExtensionStats::default();
    (expected.sync_requests_ignored, expected.sync_responses_ignored) = (1, 1);
    expected.completions_ignored = 1;
    assert_eq!(stats.extensions, expected);
}

#[tokio::test]
async fn malformed_extension_packets_are_ignored_and_counted() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::new(&node).after(&CONFIRMING).await;
    let codes = [11, 12, 20, 123, 124, 125, 126];
    for code in codes {
        for payload in [&[][..], &[0xff], &[0xc1, 0xc0]] {
            peer.send(code, payload).await;
        }
    }
    peer.send_envelopes(&[&envelope(b"good")]).await;
    assert_eq!(next(&mut watch).await, b"good");
    let expected =
        ExtensionStats { malformed: 3 * codes.len() as u64, ..ExtensionStats::default() };
    assert_eq!(node.stats().extensions, expected);
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_acknowledgements_is_still_read() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::new(&node).after(&CONFIRMING).await;
    for number in 0..2000_u32 {
        peer.send_envelopes(&[&envelope(&number.to_be_bytes())]).await;
        assert_eq!(next(&mut watch).await, number.to_be_bytes());
    }
    assert!(node.stats().extensions.acks_unsent > 0);
}
