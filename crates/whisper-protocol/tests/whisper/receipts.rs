//! What becomes of a post: each ends in one state, and says how far it came before.

use std::time::Duration;

use crate::support::{HandClock, RawPeer, join, node, post, random_id, settings, unsealed};
use whisper_protocol::{
    Bloom, Config, Ending, Post, PostError, Progress, ReceiptSettings, ReceiptState, RefusalReason,
    SkippedPeers, Topic, UnsentReason, Whisper, Work,
    packet::{Ack, RefusedEnvelope, Response},
};

fn pending(state: ReceiptState) -> Progress {
    match state {
        ReceiptState::Pending(progress) => progress,
        ReceiptState::Ended(ending) => panic!("ended: {ending:?}"),
    }
}

/// A node whose posts are delivered when this number of peers has kept them.
fn asking(peers: usize) -> Whisper {
    let receipts = ReceiptSettings { peers, ..ReceiptSettings::default() };
    Whisper::new(Config { receipts, ..settings() })
}

/// A node that asks its peers to acknowledge, and a clock for it.
fn confirming() -> (Whisper, HandClock) {
    let clock = HandClock::new();
    let receipts = ReceiptSettings { confirmations: true, ..ReceiptSettings::default() };
    let settings = Config { receipts, world: clock.world(), ..settings() };
    (Whisper::new(settings), clock)
}

/// A peer's status: `[6, no work, bloom]`.
fn narrow(bloom: &Bloom) -> Vec<u8> {
    [&[0xf8, 0x44, 0x06, 0x80, 0xb8, 0x40][..], &bloom.0].concat()
}

#[tokio::test(start_paused = true)]
async fn peers_that_stay_have_kept_it() {
    let (a, b, c) = (asking(2), node(), node());
    let _joined = (join(&a, &b), join(&a, &c));
    let began = tokio::time::Instant::now();
    let mut receipt = a.post(post(&a, b"hello")).await.unwrap();
    let delivered = Ending::Delivered { peers: 2, acknowledged: 0 };
    assert_eq!(receipt.ended().await, delivered);
    assert_eq!(began.elapsed().as_secs(), 2, "go-ethereum would have cut the connection by now");
    assert_eq!(receipt.state(), ReceiptState::Ended(delivered.clone()));
    let again = a.receipt(&receipt.hash()).expect("it is remembered");
    assert_eq!(again.state(), ReceiptState::Ended(delivered));
    assert_eq!(a.stats().posts.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn without_peers_a_post_is_unsent_until_one_connects() {
    let a = asking(1);
    let mut receipt = a.post(post(&a, b"early")).await.unwrap();
    assert_eq!(pending(receipt.state()).unsent, Some(UnsentReason::NoPeers));
    let b = node();
    join(&a, &b);
    assert_eq!(receipt.ended().await, Ending::Delivered { peers: 1, acknowledged: 0 });
}

#[tokio::test(start_paused = true)]
async fn an_unsent_post_ends_at_its_expiry_with_the_reason() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    let _peer = RawPeer::new(&node).after(&narrow(&Bloom::of(Topic([1, 2, 3, 0])))).await;
    let mut receipt = node.post(Post { ttl: 5, ..post(&node, b"elsewhere") }).await.unwrap();
    let unsent = UnsentReason::Unwanted(SkippedPeers { bloom: 1, ..SkippedPeers::default() });
    assert_eq!(pending(receipt.state()).unsent, Some(unsent));
    clock.advance(6);
    assert_eq!(receipt.ended().await, Ending::Unsent(unsent));
    assert_eq!(node.stats().posts.unsent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_too_few_peers_kept_expires() {
    let clock = HandClock::new();
    let receipts = ReceiptSettings { peers: 2, ..ReceiptSettings::default() };
    let node = Whisper::new(Config { world: clock.world(), receipts, ..settings() });
    let mut peer = RawPeer::greeted(&node).await;
    let mut receipt = node.post(Post { ttl: 5, ..post(&node, b"for two") }).await.unwrap();
    assert_eq!(peer.receive().await.0, 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let progress = pending(receipt.state());
    assert_eq!((progress.handed, progress.kept, progress.unsent), (1, 1, None));
    clock.advance(6);
    assert_eq!(receipt.ended().await, Ending::Expired { handed: 1, kept: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_disconnects_at_once_has_not_kept_the_post() {
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    let receipt = node.post(post(&node, b"hello")).await.unwrap();
    assert_eq!(peer.receive().await.0, 1);
    drop(peer.channel);
    peer.session.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let progress = pending(receipt.state());
    assert_eq!((progress.handed, progress.kept, progress.left), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_confirmations_keeps_a_post_by_acknowledging_it() {
    let (node, _) = confirming();
    let mut peer = RawPeer::new(&node).after(&[0xc5, 0x06, 0x80, 0x80, 0x80, 0x01]).await;
    let mut receipt = node.post(post(&node, b"hello")).await.unwrap();
    let (code, packet) = peer.receive().await;
    assert_eq!(code, 1);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(pending(receipt.state()).kept, 0, "to stay is not enough");
    peer.send(11, &Ack::of(&packet).encode()).await;
    assert_eq!(receipt.ended().await, Ending::Delivered { peers: 1, acknowledged: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_text_of_the_peer() {
    let (node, clock) = confirming();
    let mut peer = RawPeer::new(&node).after(&[0xc5, 0x06, 0x80, 0x80, 0x80, 0x01]).await;
    let mut receipt = node.post(Post { ttl: 5, ..post(&node, b"hello") }).await.unwrap();
    let (_, packet) = peer.receive().await;
    let text = "very old message";
    let refused = RefusedEnvelope { hash: receipt.hash(), code: 36, text: text.into() };
    let response = Response { bundle: Ack::of(&packet).0, refused: vec![refused] };
    peer.send(12, &response.encode()).await;
    peer.send(11, &Ack::of(&packet).encode()).await;
    while node.stats().extensions.acks == 0 {
        tokio::task::yield_now().await;
    }
    let reason = RefusalReason::Answered { code: 36, text: text.into() };
    assert_eq!(pending(receipt.state()).refused, Some((peer.id, reason.clone())));
    clock.advance(6);
    assert_eq!(receipt.ended().await, Ending::Refused { peer: peer.id, reason });
}

#[tokio::test(start_paused = true)]
async fn direct_messages_have_receipts() {
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    let direct = |payload| Post { target_peer: Some(peer.id), ..post(&node, payload) };
    let mut kept = node.post(direct(b"kept")).await.unwrap();
    assert_eq!(kept.ended().await, Ending::Delivered { peers: 1, acknowledged: 0 });
    let mut lost = node.post(direct(b"lost")).await.unwrap();
    assert_eq!((peer.receive().await.0, peer.receive().await.0), (127, 127));
    let id = peer.id;
    drop(peer.channel);
    assert_eq!(lost.ended().await, Ending::Left { peer: id });
    let stranger = random_id();
    let refused = node.post(Post { target_peer: Some(stranger), ..post(&node, b"x") }).await;
    assert_eq!(refused, Err(PostError::NoSuchPeer(stranger)));
}

#[tokio::test(start_paused = true)]
async fn a_direct_message_without_an_answer_expires() {
    let clock = HandClock::new();
    let receipts = ReceiptSettings { stay: Duration::from_secs(3600), ..Default::default() };
    let node = Whisper::new(Config { receipts, world: clock.world(), ..settings() });
    let peer = RawPeer::greeted(&node).await;
    let direct = Post { target_peer: Some(peer.id), ..post(&node, b"unheard") };
    let mut receipt = node.post(direct).await.unwrap();
    clock.advance(51);
    assert_eq!(receipt.ended().await, Ending::Expired { handed: 1, kept: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_post_evicted_from_the_own_pool_ends() {
    let alone = node();
    let size = alone.post(post(&alone, b"one")).await.map(|_| alone.info().pool_bytes).unwrap();
    let pool_bytes = size * 3 / 2;
    let node = Whisper::new(Config { pool_bytes, min_work: Work::ZERO, ..settings() });
    let mut receipt = node.post(post(&node, b"one")).await.unwrap();
    // One of the many envelopes has more work than the post.
    let better = (0..4096).map(|nonce| unsealed(b"two").seal(nonce));
    let evicted = better.into_iter().any(|sealed| {
        let _ = node.inject(sealed);
        node.stats().relay.evicted > 0
    });
    assert!(evicted);
    assert_eq!(receipt.ended().await, Ending::Evicted { handed: 0, kept: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_rejected_post_has_no_receipt_and_stopping_ends_all() {
    let node = Whisper::new(Config { pool_bytes: 100, ..settings() });
    assert!(matches!(node.post(post(&node, b"x")).await, Err(PostError::Rejected(_))));
    assert_eq!(node.stats().posts, whisper_protocol::PostStats::default());
    assert!(node.receipt(&[0; 32]).is_none());

    let node = asking(1);
    let mut receipt = node.post(post(&node, b"x")).await.unwrap();
    node.stop().await;
    assert_eq!(receipt.ended().await, Ending::Stopped);
}
