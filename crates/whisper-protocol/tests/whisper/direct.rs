//! Direct messages: accepted only from trusted peers, exempt from all requirements except the size, and not relayed.

use crate::support::{
    self, NOW, RawPeer, TOPIC, amount, bundle, envelope, join, next, node, post, random_id,
    settings, spec, watch,
};
use p2p_mux::{DisconnectReason, Exit};
use whisper_envelope::{Dialect, Draft};
use whisper_protocol::{Config, Envelope, FilterSpec, Policy, Post, PostError, Whisper, Work};

/// An envelope that expired a day ago.
fn old(payload: &[u8]) -> Envelope {
    let key = support::key();
    let to = whisper_envelope::Recipient::Symmetric(&key);
    let draft = Draft::new(Dialect::V6, to, NOW - 86_400).topic(TOPIC).payload(payload);
    draft.encrypt(&mut rand::rng()).unwrap().seal(0)
}

fn demanding() -> Whisper {
    Whisper::new(Config { min_work: amount(1e9), ..settings() })
}

fn allowing(node: &Whisper) -> FilterSpec {
    FilterSpec { allow_p2p: true, ..spec(node) }
}

#[tokio::test]
async fn a_trusted_peer_reaches_the_filters_that_allow_it() {
    let (node, bystander) = (demanding(), node());
    let mut allowing = node.watch(allowing(&node)).unwrap();
    let forbidding = node.subscribe(spec(&node)).unwrap();
    let peer = RawPeer::greeted(&node).await;
    join(&node, &bystander);
    node.mark_trusted(&peer.id).unwrap();
    peer.send(127, old(b"alone").raw()).await;
    peer.send(127, &bundle([&old(b"batch 1").raw()[..], &old(b"batch 2").raw()[..]])).await;
    for expected in [&b"alone"[..], b"batch 1", b"batch 2"] {
        let received = allowing.next().await.unwrap();
        assert_eq!((&received.message.payload[..], received.direct), (expected, true));
        assert_eq!(received.sent, NOW - 86_400);
    }
    assert_eq!(node.take_messages(&forbidding).unwrap(), []);
    assert_eq!((node.info().envelopes, bystander.stats().envelopes.received), (0, 0));
    assert_eq!(node.stats().sessions.direct_received, 3);
}

#[tokio::test]
async fn a_filter_checks_the_work_of_a_direct_message() {
    let node = demanding();
    let sealed = old(b"worked for");
    let work = Policy::default().work(&sealed).unwrap();
    let watching = |min_work| node.watch(FilterSpec { min_work, ..allowing(&node) }).unwrap();
    let (mut fits, mut all) = (watching(work), watching(Work::ZERO));
    let demands = node
        .subscribe(FilterSpec { min_work: amount(work.get() * 1.01), ..allowing(&node) })
        .unwrap();
    let peer = RawPeer::greeted(&node).await;
    node.mark_trusted(&peer.id).unwrap();
    peer.send(127, sealed.raw()).await;
    assert_eq!(fits.next().await.unwrap().work, work.get());
    assert_eq!(next(&mut all).await, b"worked for");
    assert_eq!(node.take_messages(&demands).unwrap(), []);
}

#[tokio::test]
async fn direct_messages_of_other_peers_are_ignored() {
    let node = node();
    let mut watch = node.watch(allowing(&node)).unwrap();
    let peer = RawPeer::greeted(&node).await;
    peer.send(127, old(b"not wanted").raw()).await;
    peer.send_envelopes(&[&envelope(b"broadcast")]).await;
    assert_eq!(next(&mut watch).await, b"broadcast");
    assert_eq!(node.stats().sessions.direct_untrusted, 1);
}

#[tokio::test]
async fn the_size_limit_applies_to_trusted_peers() {
    let node = node();
    node.set_max_message_size(1000).unwrap();
    let mut watch = node.watch(allowing(&node)).unwrap();
    let peer = RawPeer::greeted(&node).await;
    node.mark_trusted(&peer.id).unwrap();
    peer.send(127, old(&[0; 1000]).raw()).await;
    peer.send(127, old(b"small").raw()).await;
    assert_eq!(next(&mut watch).await, b"small");
    assert_eq!(node.stats().sessions.direct_too_large, 1);
}

#[tokio::test]
async fn a_malformed_direct_message_ends_the_session() {
    for payload in [&[0x05][..], &[0xc1, 0x05], &[0xc2, 0xc1, 0x05]] {
        let node = node();
        let peer = RawPeer::greeted(&node).await;
        node.mark_trusted(&peer.id).unwrap();
        peer.send(127, payload).await;
        assert_eq!(
            peer.session.await.unwrap(),
            Err(Exit::Disconnect(DisconnectReason::Subprotocol))
        );
        let faults = node.stats().faults;
        assert_eq!(faults.malformed_packet + faults.malformed_envelope, 1);
    }
}

#[tokio::test]
async fn only_connected_peers_can_be_trusted() {
    let node = node();
    let id = random_id();
    let error = node.mark_trusted(&id).unwrap_err();
    let hash = hex::encode(id.hash());
    assert_eq!(error.to_string(), format!("Could not find peer with ID: {hash}"));
    let error = node.post(Post { target_peer: Some(id), ..post(&node, b"x") }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("Could not find peer with ID: {hash}"));
}

#[tokio::test]
async fn posted_to_one_peer() {
    let (a, b, c) = (node(), demanding(), node());
    let (joined, _) = (join(&a, &b), join(&a, &c));
    let mut at_b = b.watch(allowing(&b)).unwrap();
    let (mut at_a, mut at_c) = (a.watch(allowing(&a)).unwrap(), watch(&c));
    // The sessions are established when the first broadcast has arrived.
    a.post(post(&a, b"all")).await.unwrap();
    assert_eq!(next(&mut at_c).await, b"all");
    assert_eq!(next(&mut at_a).await, b"all");
    while b.mark_trusted(&joined.ids[1]).is_err() {
        tokio::task::yield_now().await;
    }
    let direct = |peer| Post { target_peer: Some(peer), ..post(&a, b"you alone") };
    let hash = a.post(direct(joined.ids[0])).await.unwrap().hash();
    let received = at_b.next().await.unwrap();
    assert_eq!((&received.message.payload[..], received.hash), (&b"you alone"[..], hash));
    assert!(received.direct);

    a.post(post(&a, b"all again")).await.unwrap();
    assert_eq!(next(&mut at_c).await, b"all again", "not the direct one");
    assert_eq!(next(&mut at_a).await, b"all again", "nor here");
    assert_eq!(a.stats().sessions.direct_sent, 1);

    let stranger = random_id();
    assert_eq!(a.post(direct(stranger)).await, Err(PostError::NoSuchPeer(stranger)));
}
