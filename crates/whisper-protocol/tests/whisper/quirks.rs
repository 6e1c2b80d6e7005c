//! Quirks of Whisper clients (PROTOCOL.md §6, by section): where this node behaves differently from them. Those in which it
//! behaves the same are in `observed` and `two_dialects`; 6.9 is tested where responses are decoded.

use std::time::Duration;

use crate::support::{
    self, HandClock, NOW, RawPeer, TOPIC, amount, bundle, envelope, next, node, post, random_id,
    settings, spec, unsealed, watch,
};
use keccak_lanes::keccak256;
use p2p_identity::SecretKey;
use p2p_mux::rlp::Item;
use whisper_envelope::{Bloom, Ciphertext, Dialect, Draft, Unsealed};
use whisper_protocol::{
    Config, Envelope, EnvelopeOutcome, FilterKey, FilterSpec, Interest, Post, PostError, Remote,
    Topic, Whisper,
};

/// An envelope of this topic that no key opens.
fn about(topic: Topic, number: u64) -> Envelope {
    Unsealed::v6(NOW + 50, 50, topic, &[0; 64]).seal(number)
}

async fn refused(node: &Whisper, peer: &RawPeer, envelope: &Envelope) {
    let total = |node: &Whisper| {
        let rejected = node.stats().rejected;
        rejected.low_work + rejected.outside_bloom
    };
    let before = total(node);
    peer.send_envelopes(&[envelope]).await;
    while total(node) == before {
        tokio::task::yield_now().await;
    }
}

async fn taken(node: &Whisper, peer: &RawPeer, envelope: &Envelope) {
    let before = node.stats().envelopes.new;
    peer.send_envelopes(&[envelope]).await;
    while node.stats().envelopes.new == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn quirk_6_1_plaintexts_that_crash_go_ethereum_are_dropped() {
    for dialect in [Dialect::V5, Dialect::V6] {
        let node = node();
        let secret = SecretKey::random(&mut rand::rng());
        let public = secret.public_key();
        let key = node.keys().add_private_key(secret);
        let mut watch = node.watch(FilterSpec::new(FilterKey::Private(key))).unwrap();
        let to = whisper_envelope::Recipient::Asymmetric(&public);
        for plaintext in [&[0x03, 0x01][..], &[0x01], &[0x01, 0x09, 0xaa], &[]] {
            let sealed = Ciphertext::asymmetric(dialect, &public, plaintext, &mut rand::rng());
            let draft = Draft::new(dialect, to, NOW).topic(TOPIC);
            let crash = draft.enclose(&sealed).unwrap().seal(0);
            assert_eq!(node.inject(crash), EnvelopeOutcome::New, "passed on like any other");
        }
        let good = Draft::new(dialect, to, NOW).topic(TOPIC).payload(b"good");
        let good = good.encrypt(&mut rand::rng()).unwrap().seal(0);
        assert_eq!(node.inject(good), EnvelopeOutcome::New);
        assert_eq!(next(&mut watch).await, b"good");
        while node.stats().delivery.malformed < 4 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn quirk_6_2_the_required_work_holds_from_the_start() {
    let node = Whisper::new(Config { min_work: amount(1000.0), ..settings() });
    let peer = RawPeer::greeted(&node).await;
    refused(&node, &peer, &envelope(b"too little")).await;
    assert_eq!(node.stats().rejected.low_work, 1);
}

#[tokio::test]
async fn quirk_6_3_the_bloom_and_its_tolerance_hold_from_the_start() {
    let (old, new) = (Topic([1, 2, 3, 0]), Topic([101, 102, 103, 0]));
    let clock = HandClock::new();
    let interest = Interest::Topics(Bloom::of(old));
    let node = Whisper::new(Config { interest, world: clock.world(), ..settings() });
    let peer = RawPeer::greeted(&node).await;
    refused(&node, &peer, &about(new, 0)).await;
    node.set_bloom(Bloom::of(new));
    taken(&node, &peer, &about(new, 1)).await;
    taken(&node, &peer, &about(old, 2)).await;
    clock.advance(10);
    taken(&node, &peer, &about(old, 3)).await;
    clock.advance(1);
    refused(&node, &peer, &about(old, 4)).await;
    assert_eq!(node.stats().rejected.outside_bloom, 2);
}

#[tokio::test]
async fn quirk_6_4_the_work_of_a_direct_message_is_known_to_the_filter() {
    let node = node();
    let demanding = FilterSpec { allow_p2p: true, min_work: amount(1e-12), ..spec(&node) };
    let mut watch = node.watch(demanding).unwrap();
    let peer = RawPeer::greeted(&node).await;
    node.mark_trusted(&peer.id).unwrap();
    peer.send(127, envelope(b"direct").raw()).await;
    assert_eq!(next(&mut watch).await, b"direct");
}

#[tokio::test]
async fn quirk_6_5_a_light_client_relays_nothing_and_gets_its_mail() {
    let node = Whisper::new(Config { light: true, ..settings() });
    let mut watch = watch(&node); // a filter that does not ask for direct messages
    let (sender, mut other) = (RawPeer::greeted(&node).await, RawPeer::greeted(&node).await);
    sender.send_envelopes(&[&envelope(b"mail")]).await;
    assert_eq!(next(&mut watch).await, b"mail");
    let own = envelope(b"own");
    assert_eq!(node.inject(own.clone()), EnvelopeOutcome::New);
    assert_eq!(other.receive().await, (1, bundle([&own.raw()[..]])), "and nothing before it");
}

#[tokio::test]
async fn quirk_6_6_valid_envelopes_are_kept_from_a_bundle_with_invalid_ones() {
    let node = Whisper::new(Config { min_work: amount(1e-4), ..settings() });
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    let rule = whisper_pow::Policy::default();
    let work = |it: &Envelope| rule.work(it).unwrap().get();
    let enough = |payload: &[u8], enough: bool| {
        let draft = unsealed(payload);
        (0..).map(|nonce| draft.seal(nonce)).find(|it| (work(it) >= 1e-4) == enough).unwrap()
    };
    let (before, low) = (enough(b"before", true), enough(b"low", false));
    let (after, old) =
        (enough(b"after", true), Unsealed::v6(NOW - 21, 50, TOPIC, &[0; 64]).seal(0));
    peer.send_envelopes(&[&before, &low, &old, &after]).await;
    let mut payloads = [next(&mut watch).await, next(&mut watch).await];
    payloads.sort();
    assert_eq!(payloads, [&b"after"[..], b"before"]);
    assert!(!peer.session.is_finished(), "go-ethereum would have hung up");
}

#[tokio::test]
async fn quirk_6_7_why_a_direct_message_does_not_arrive() {
    let node = node();
    let mut allowing = node.watch(FilterSpec { allow_p2p: true, ..spec(&node) }).unwrap();
    let forbidding = node.subscribe(spec(&node)).unwrap();
    let id = random_id();
    let connect = || RawPeer::who_is(&node, Remote::from(id)).after(&[0xc1, 0x06]);
    let peer = connect().await;
    // The first reason: the peer is not trusted. It is counted.
    peer.send(127, envelope(b"untrusted").raw()).await;
    while node.stats().sessions.direct_untrusted == 0 {
        tokio::task::yield_now().await;
    }
    node.mark_trusted(&id).unwrap();
    drop(peer.channel);
    peer.session.await.unwrap().unwrap();
    // go-ethereum forgets the mark with the connection; here it holds.
    let again = connect().await;
    again.send(127, envelope(b"trusted").raw()).await;
    assert_eq!(next(&mut allowing).await, b"trusted");
    // The second: the filter does not allow it.
    assert_eq!(node.take_messages(&forbidding).unwrap(), []);
}

#[tokio::test]
async fn quirk_6_8_a_backlog_goes_in_packets_below_1_mib() {
    const MANY: usize = 60;
    let node = node();
    for number in 0..MANY {
        let large = Unsealed::v6(NOW + 50, 50, TOPIC, &vec![7; 60_000]).seal(number as u64);
        assert_eq!(node.inject(large), EnvelopeOutcome::New);
    }
    let mut peer = RawPeer::greeted(&node).await;
    let mut received = 0;
    while received < MANY {
        let (_, packet) = peer.receive().await;
        assert!(packet.len() <= 1024 * 1024, "{} bytes", packet.len());
        received += Item::parse(&packet).unwrap().items().unwrap().count();
    }
    assert_eq!(received, MANY);
}

#[tokio::test]
async fn quirk_6_10_the_hash_of_an_envelope_is_that_of_its_bytes() {
    let node = node();
    let mut watch = watch(&node);
    let sent = envelope(b"known by its bytes");
    let expected = keccak256(sent.raw());
    assert_eq!(node.inject(sent), EnvelopeOutcome::New);
    assert_eq!(watch.next().await.unwrap().hash, expected);
}

#[tokio::test]
async fn quirk_6_11_a_required_work_of_zero_is_valid() {
    let node = Whisper::new(Config { min_work: amount(1.0), ..settings() });
    let mut peer = RawPeer::greeted(&node).await;
    node.set_min_work(amount(0.0));
    assert_eq!(peer.receive().await, (2, vec![0x80].into()));
    let wanted = envelope(b"without work");
    peer.send(2, &[0x88, 0x42, 0x02, 0xa0, 0x5f, 0x20, 0, 0, 0]).await; // 1e10
    peer.send(2, &[0x80]).await;
    assert_eq!(node.inject(wanted.clone()), EnvelopeOutcome::New);
    assert_eq!(peer.receive().await, (1, bundle([&wanted.raw()[..]])));
}

#[tokio::test]
async fn quirk_6_12_targets_of_zero_and_below() {
    let demanding = Whisper::new(Config { min_work: amount(0.2), ..settings() });
    for pow_target in [0.0, -1.0] {
        let post = Post { pow_target, ..post(&demanding, b"x") };
        let too_low = PostError::PowTooLow { had: pow_target, needed: amount(0.2) };
        assert_eq!(demanding.post(post).await, Err(too_low));
    }
    let node = node();
    let mut watch = watch(&node);
    node.post(Post { pow_target: 0.0, ..post(&node, b"no work") }).await.unwrap();
    assert_eq!(watch.next().await.unwrap().sent, NOW);
    // All of the time is worked, and the message is sent at its end: for one peer, as no work was
    // promised.
    let far = support::node();
    let joined = support::join(&node, &far);
    let mut at_far = far.watch(FilterSpec { allow_p2p: true, ..spec(&far) }).unwrap();
    assert_eq!(next(&mut at_far).await, b"no work");
    far.mark_trusted(&joined.ids[1]).unwrap();
    let post = Post {
        pow_target: -1.0,
        pow_time: Duration::from_secs(1),
        target_peer: Some(joined.ids[0]),
        ..post(&node, b"worked")
    };
    node.post(post).await.unwrap();
    assert_eq!(at_far.next().await.unwrap().sent, NOW + 1);
}
