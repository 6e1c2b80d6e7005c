//! Every reason to reject an envelope: it is counted, and the session continues.

use crate::support::{
    self, HandClock, NOW, RawPeer, TOPIC, amount, bundle, envelope, next, node, settings, unsealed,
    watch,
};
use whisper_envelope::Unsealed;
use whisper_pow::{Policy, Rule};
use whisper_protocol::{
    Bloom, Config, Envelope, EnvelopeOutcome, Interest, RejectReason, RejectedStats,
    SYNC_ALLOWANCE, Topic, Whisper,
};

/// An envelope with these times that no key opens.
fn of_times(expiry: u32, ttl: u32) -> Envelope {
    Unsealed::v6(expiry, ttl, TOPIC, &[0; 64]).seal(0)
}

/// Sends an envelope over a session, and then a valid one to check that the session continues.
async fn refused(node: &Whisper, envelope: &Envelope) -> RejectedStats {
    let mut watch = watch(node);
    let peer = RawPeer::greeted(node).await;
    let before = node.stats().rejected;
    assert_eq!(before, RejectedStats::default());
    peer.send_envelopes(&[envelope]).await;
    peer.send_envelopes(&[&support::envelope(b"good")]).await;
    assert_eq!(next(&mut watch).await, b"good", "the session goes on");
    assert!(!peer.session.is_finished());
    node.stats().rejected
}

#[tokio::test]
async fn time_to_live_of_zero() {
    assert_eq!(refused(&node(), &of_times(NOW, 0)).await.zero_ttl, 1);
}

#[tokio::test]
async fn time_to_live_beyond_expiry() {
    assert_eq!(refused(&node(), &of_times(10, 11)).await.ttl_beyond_expiry, 1);
}

#[tokio::test]
async fn from_the_future() {
    assert_eq!(refused(&node(), &of_times(NOW + 61, 50)).await.from_the_future, 1);
}

#[tokio::test]
async fn expired() {
    assert_eq!(refused(&node(), &of_times(NOW - 20, 50)).await.expired, 1);
}

#[tokio::test]
async fn very_old() {
    assert_eq!(refused(&node(), &of_times(NOW - 21, 50)).await.very_old, 1);
}

#[tokio::test]
async fn too_large() {
    let node = node();
    node.set_max_message_size(1000).unwrap();
    let large = Unsealed::v6(NOW + 50, 50, TOPIC, &[0; 981]).seal(0);
    assert_eq!(refused(&node, &large).await.too_large, 1);
}

#[tokio::test]
async fn outside_the_bloom() {
    let node = Whisper::new(Config { interest: Interest::Topics(Bloom::of(TOPIC)), ..settings() });
    let elsewhere = Unsealed::v6(NOW + 50, 50, Topic([1, 2, 3, 0]), &[0; 64]).seal(0);
    assert_eq!(refused(&node, &elsewhere).await.outside_bloom, 1);
    assert_eq!(node.inject(elsewhere), EnvelopeOutcome::New, "but it may be sent from here");
}

#[tokio::test]
async fn low_work() {
    // Without a zero bit, 300 bytes for 50 seconds have a work of 2^-13.9.
    let node = Whisper::new(Config { min_work: amount(0.001), ..settings() });
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    let policy = Policy::default();
    let works = |sealed: &Envelope| policy.work(sealed).unwrap().get() >= 0.001;
    let draft = unsealed(b"enough");
    let low = (0..).map(|nonce| draft.clone().seal(nonce)).find(|it| !works(it)).unwrap();
    let high = (0..).map(|nonce| draft.clone().seal(nonce)).find(works).unwrap();
    peer.send_envelopes(&[&low, &high]).await;
    let received = watch.next().await.unwrap();
    assert_eq!((received.hash, received.work), (*high.hash(), policy.work(&high).unwrap().get()));
    assert_eq!(node.stats().rejected.low_work, 1);
    assert!(!peer.session.is_finished(), "the rules differ, so it may be a misunderstanding");
    assert!(matches!(node.inject(low), EnvelopeOutcome::Rejected(RejectReason::LowWork { .. })));
}

/// A peer that kept to what it was told does not send an envelope again.
#[tokio::test(start_paused = true)]
async fn what_was_refused_for_its_work_is_admitted_when_less_is_required() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    let mut watch = watch(&node);
    let mut peer = RawPeer::greeted(&node).await;
    node.set_min_work(amount(1e6));
    assert_eq!(peer.receive().await.0, 2, "the new requirement");
    clock.advance(SYNC_ALLOWANCE + 1);
    peer.send_envelopes(&[&envelope(b"late")]).await;
    while node.stats().rejected.low_work == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((node.stats().envelopes.held, node.stats().envelopes.late), (1, 0));
    node.set_min_work(amount(0.0));
    assert_eq!(next(&mut watch).await, b"late");
    assert_eq!((node.stats().rejected.low_work, node.stats().envelopes.late), (1, 1));
}

#[tokio::test]
async fn full_pool() {
    let node = Whisper::new(Config { pool_bytes: 100, ..settings() });
    let peer = RawPeer::greeted(&node).await;
    let first = envelope(b"does not fit");
    assert_eq!(node.inject(first.clone()), EnvelopeOutcome::Rejected(RejectReason::PoolFull));
    peer.send_envelopes(&[&first]).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    assert_eq!((node.stats().rejected.pool_full, node.info().envelopes), (2, 0));
}

#[tokio::test]
async fn work_under_either_rule_is_accepted() {
    for rule in [Rule::GETH_1_8, Rule::EIP_627] {
        let node = Whisper::new(Config { min_work: amount(0.01), ..settings() });
        let work = |envelope: &Envelope| whisper_pow::work(rule, envelope).unwrap().get();
        let draft = unsealed(b"work");
        let sealed = (0..).map(|nonce| draft.clone().seal(nonce)).find(|it| work(it) >= 0.01);
        assert_eq!(node.inject(sealed.unwrap()), EnvelopeOutcome::New, "{rule:?}");
    }
}

#[tokio::test]
async fn known_envelopes_are_counted_and_not_delivered_again() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    let once = envelope(b"once");
    peer.send_envelopes(&[&once, &once]).await;
    peer.send_envelopes(&[&once, &envelope(b"other")]).await;
    peer.send(1, &bundle([])).await;
    // The one with more work may be first.
    let mut delivered = [next(&mut watch).await, next(&mut watch).await];
    delivered.sort_unstable();
    assert_eq!(delivered, [&b"once"[..], b"other"]);
    let stats = node.stats().envelopes;
    assert_eq!((stats.received, stats.new, stats.known), (4, 2, 2));
    assert_eq!(node.inject(once), EnvelopeOutcome::Known);
}
