//! shh/5 and shh/6 in one node: a pool for each, shared filters, and the formats of shh/5.

use crate::support::{
    NOW, RawPeer, TOPIC, amount, bundle, join_in, next, node, post, random_id, settings, spec,
    unsealed_in, watch,
};
use p2p_identity::SecretKey;
use p2p_mux::{DisconnectReason, Exit};
use whisper_envelope::Unsealed;
use whisper_pow::{Rule, Work};
use whisper_protocol::{
    Bloom, Config, Dialect, Envelope, EnvelopeOutcome, FilterKey, FilterSpec, Interest, Post,
    PostError, Recipient, Remote, Topic, Whisper,
};

fn old(payload: &[u8]) -> Envelope {
    unsealed_in(Dialect::V5, payload).seal(0)
}

fn new(payload: &[u8]) -> Envelope {
    unsealed_in(Dialect::V6, payload).seal(0)
}

/// The fields of an shh/5 envelope as RLP.
fn raw_v5(version: &[u8], aes_nonce: &[u8]) -> Vec<u8> {
    let string = |bytes: &[u8]| p2p_mux::rlp::encode(bytes);
    let fields = [
        string(version),
        p2p_mux::rlp::encode(&(NOW + 50)),
        p2p_mux::rlp::encode(&50_u32),
        string(&TOPIC.0),
        string(aes_nonce),
        string(&[7; 64]),
        p2p_mux::rlp::encode(&0_u64),
    ];
    bundle(fields.iter().map(Vec::as_slice)).to_vec()
}

#[tokio::test]
async fn a_message_of_either_dialect_reaches_the_same_filter() {
    let (a, b) = (node(), node());
    let mut watch = watch(&b);
    for dialect in [Dialect::V5, Dialect::V6] {
        join_in(dialect, &a, &b);
        a.post(Post { dialect, ..post(&a, b"symmetric") }).await.unwrap();
        assert_eq!(next(&mut watch).await, b"symmetric", "{dialect:?}");
    }
    assert_eq!((a.info().envelopes, b.info().envelopes), (2, 2));
}

#[tokio::test]
async fn in_v5_a_signed_message_for_one_recipient_too() {
    let (a, b) = (node(), node());
    join_in(Dialect::V5, &a, &b);
    let (author, reader) =
        (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
    let key = b.keys().add_private_key(reader.clone());
    let mut watch = b.watch(FilterSpec::new(FilterKey::Private(key))).unwrap();
    // The AES nonce shows that this envelope is symmetric, so no key pair is tried on it.
    a.post(Post { dialect: Dialect::V5, ..post(&a, b"not for you") }).await.unwrap();
    let post = Post {
        dialect: Dialect::V5,
        sign: Some(a.keys().add_private_key(author.clone())),
        payload: b"for you".to_vec(),
        pow_target: 0.0,
        ..Post::new(Recipient::Asymmetric(reader.public_key()))
    };
    a.post(post).await.unwrap();
    let received = watch.next().await.unwrap();
    assert_eq!(received.message.payload, &b"for you"[..]);
    assert_eq!(received.signer(), Some(&author.public_key()));
}

#[tokio::test]
async fn an_envelope_stays_in_its_dialect() {
    let node = node();
    let (mut of_old, mut of_new) =
        (RawPeer::greeted_in_v5(&node).await, RawPeer::greeted(&node).await);
    for number in 0..3 {
        let (old, new) = (old(&[number]), new(&[number]));
        assert_eq!(
            (node.inject(old.clone()), node.inject(new.clone())),
            (EnvelopeOutcome::New, EnvelopeOutcome::New)
        );
        assert_eq!(of_old.receive().await, (1, old.raw().clone()), "one bare envelope a packet");
        assert_eq!(of_new.receive().await, (1, bundle([&new.raw()[..]])));
    }
    assert_eq!((node.info().envelopes, node.stats().relay.sent), (6, 6));
}

#[tokio::test]
async fn all_messages_are_those_of_both_pools() {
    let node = node();
    let filter = node.subscribe(spec(&node)).unwrap();
    assert_eq!(node.inject(old(b"old")), EnvelopeOutcome::New);
    assert_eq!(node.inject(new(b"new")), EnvelopeOutcome::New);
    let all = node.all_messages(&filter).unwrap();
    let payloads: Vec<_> = all.iter().map(|it| it.message.payload.to_vec()).collect();
    assert_eq!(payloads, [b"new", b"old"]);
}

#[tokio::test]
async fn the_status_of_v5_is_a_bare_5() {
    let node = node();
    let mut peer = RawPeer::who_is(&node, Remote::new(Dialect::V5, random_id()));
    let (code, status) = peer.receive().await;
    assert_eq!((code, &status[..]), (0, &[5][..]));
    peer.send(0, &[0xc1, 0x05]).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    let peer = RawPeer::who_is(&node, Remote::new(Dialect::V5, random_id()));
    peer.send(0, &[0x06]).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    let faults = node.stats().faults;
    assert_eq!((faults.malformed_status, faults.wrong_version), (1, 1));
}

#[tokio::test]
async fn v5_has_no_messages_for_requirements() {
    let interest = Interest::Topics(Bloom::of(Topic([1, 2, 3, 0])));
    let node = Whisper::new(Config { interest, ..settings() });
    let mut peer = RawPeer::greeted_in_v5(&node).await;
    node.set_min_work(amount(1e-9));
    node.set_bloom(Bloom::EMPTY);
    let envelope = old(b"of another topic");
    assert_eq!(node.inject(envelope.clone()), EnvelopeOutcome::New);
    assert_eq!(peer.receive().await, (1, envelope.raw().clone()), "and nothing before it");
    // The peer cannot know that this topic is not wanted.
    let mut watch = watch(&node);
    peer.send(1, old(b"theirs").raw()).await;
    assert_eq!(next(&mut watch).await, b"theirs");
}

#[tokio::test]
async fn quirk_6_28_low_work_in_v5_is_dropped_silently() {
    let node = Whisper::new(Config { min_work: amount(1e6), ..settings() });
    let mut watch = watch(&node);
    let peer = RawPeer::greeted_in_v5(&node).await;
    peer.send(1, old(b"low").raw()).await;
    while node.stats().rejected.low_work == 0 {
        tokio::task::yield_now().await;
    }
    node.set_min_work(amount(0.0));
    peer.send(1, old(b"still here").raw()).await;
    assert_eq!(next(&mut watch).await, b"still here");
    assert!(!peer.session.is_finished());
}

#[tokio::test]
async fn quirk_6_28_a_higher_envelope_version_is_pooled_and_forwarded_and_not_opened() {
    let node = node();
    let mut watch = watch(&node);
    let (sender, mut other) =
        (RawPeer::greeted_in_v5(&node).await, RawPeer::greeted_in_v5(&node).await);
    for version in [&[1][..], &[1, 2, 3, 4]] {
        let raw = raw_v5(version, &[9; 12]);
        sender.send(1, &raw).await;
        assert_eq!(other.receive().await, (1, raw.into()), "{version:?}");
    }
    sender.send(1, old(b"of version 0").raw()).await;
    assert_eq!(next(&mut watch).await, b"of version 0");
    let stats = node.stats();
    assert_eq!((stats.envelopes.new, stats.delivery.opened, stats.delivery.not_opened), (3, 1, 2));
}

#[tokio::test]
async fn quirk_6_28_a_long_version_or_an_aes_nonce_of_another_length_disconnects() {
    for raw in [raw_v5(&[1; 5], &[9; 12]), raw_v5(&[0], &[9; 11]), raw_v5(&[0], &[9; 13])] {
        assert_eq!(cut_in_v5(1, &raw).await.malformed_envelope, 1);
    }
}

#[tokio::test]
async fn quirk_6_17_the_other_form_of_a_messages_packet_disconnects() {
    let listed = bundle([&old(b"in a list").raw()[..]]);
    assert_eq!(cut_in_v5(1, &listed).await.malformed_envelope, 1);
    assert_eq!(cut_in_v5(1, &[0xc0]).await.malformed_envelope, 1);
    assert_eq!(cut_in_v5(1, &[0x05]).await.malformed_envelope, 1);
    assert_eq!(cut_in_v5(1, &[]).await.malformed_packet, 1);
    let node = node();
    let peer = RawPeer::greeted(&node).await;
    peer.send(1, new(b"bare").raw()).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    assert_eq!(node.stats().faults.malformed_envelope, 1);
}

async fn cut_in_v5(code: u64, payload: &[u8]) -> whisper_protocol::FaultStats {
    let node = node();
    let peer = RawPeer::greeted_in_v5(&node).await;
    peer.send(code, payload).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    node.stats().faults
}

#[tokio::test]
async fn work_in_v5_is_done_and_counted_under_its_only_rule() {
    let node = Whisper::new(Config { min_work: amount(0.01), ..settings() });
    let mut watch = watch(&node);
    let post = Post { dialect: Dialect::V5, pow_target: 0.01, ..post(&node, b"old") };
    node.post(post).await.unwrap();
    assert!(watch.next().await.unwrap().work >= 0.01);

    let draft = unsealed_in(Dialect::V5, b"by another rule");
    let asked = Work::new(0.01).unwrap();
    let good = |rule, it: &Envelope| whisper_pow::work(rule, it).unwrap() >= asked;
    let sealed = (0..)
        .map(|nonce| draft.seal(nonce))
        .find(|it| good(Rule::EIP_627, it) && !good(Rule::GETH_1_8, it))
        .unwrap();
    assert!(matches!(node.inject(sealed), EnvelopeOutcome::Rejected(_)));
}

#[tokio::test]
async fn direct_messages_and_requests_have_codes_of_their_own_in_v5() {
    let (node, far) = (node(), node());
    let spec = FilterSpec { allow_p2p: true, ..spec(&far) };
    let mut at_far = far.watch(spec).unwrap();
    let joined = join_in(Dialect::V5, &node, &far);
    let mut peer = RawPeer::greeted_in_v5(&node).await;
    peer.send(3, old(b"a request").raw()).await;
    peer.send(2, &[0xff]).await;
    for code in [4, 63, 11, 126, 127] {
        peer.send(code, &[0xff]).await;
    }
    assert_eq!(node.inject(old(b"after that")), EnvelopeOutcome::New);
    assert_eq!(peer.receive().await.0, 1);
    assert_eq!(next(&mut at_far).await, b"after that");
    let stats = node.stats().sessions;
    assert_eq!((stats.requests_ignored, stats.direct_untrusted, stats.unknown_code), (1, 1, 5));

    far.mark_trusted(&joined.ids[1]).unwrap();
    let direct = |dialect, payload| Post {
        dialect,
        target_peer: Some(joined.ids[0]),
        ..post(&node, payload)
    };
    node.post(direct(Dialect::V5, b"direct")).await.unwrap();
    let received = at_far.next().await.unwrap();
    assert_eq!((&received.message.payload[..], received.direct), (&b"direct"[..], true));
    let refused = node.post(direct(Dialect::V6, b"it would not be understood")).await;
    let expected = PostError::OtherDialect { id: joined.ids[0], dialect: Dialect::V6 };
    assert_eq!(refused, Err(expected));
}

#[tokio::test]
async fn a_malformed_packet_in_one_dialect_does_not_affect_the_other() {
    let node = node();
    let mut watch = watch(&node);
    let (of_old, of_new) = (RawPeer::greeted_in_v5(&node).await, RawPeer::greeted(&node).await);
    of_old.send(1, new(b"of the other dialect").raw()).await;
    assert!(of_old.session.await.unwrap().is_err());
    of_new.send_envelopes(&[&new(b"good")]).await;
    assert_eq!(next(&mut watch).await, b"good");
    let of_none = Unsealed::v5(0, NOW + 50, 0, TOPIC, None, &[0; 64]).seal(0);
    assert!(matches!(node.inject(of_none), EnvelopeOutcome::Rejected(_)), "a time to live of zero");
}
