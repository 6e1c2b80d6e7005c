//! Wrong clocks: early envelopes are processed when their time comes, and the node's own clock follows the clocks of
//! dialed peers.

use std::time::Duration;

use crate::support::{
    HandClock, NOW, RawPeer, TOPIC, bundle, envelope, key, next, post, random_id, settings, watch,
};
use tokio::{task::yield_now, time::sleep};
use whisper_envelope::{Dialect, Draft, Recipient, Unsealed};
use whisper_protocol::{Config, Envelope, PeerSettings, Remote, Whisper};

/// A message that was sent `ahead` seconds after [`NOW`] and lives for 50 s.
fn sent(ahead: i32, payload: &[u8]) -> Envelope {
    let key = key();
    let draft =
        Draft::new(Dialect::V6, Recipient::Symmetric(&key), NOW.checked_add_signed(ahead).unwrap());
    draft.topic(TOPIC).payload(payload).encrypt(&mut rand::rng()).unwrap().seal(0)
}

#[tokio::test(start_paused = true)]
async fn an_early_envelope_is_processed_when_its_time_comes() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    let mut watch = watch(&node);
    let (mut sender, mut other) = (RawPeer::greeted(&node).await, RawPeer::greeted(&node).await);
    let (early, never) = (sent(60, b"early"), sent(601, b"never"));
    sender.send_envelopes(&[&early, &early, &never]).await;
    while node.stats().rejected.from_the_future < 3 {
        yield_now().await;
    }
    assert_eq!(node.stats().envelopes.early, 1, "once, and not what is far too early");
    clock.advance(59);
    sleep(Duration::from_secs(60)).await;
    assert_eq!((node.stats().envelopes.new, node.stats().rejected.from_the_future), (0, 3));
    clock.advance(1);
    assert_eq!(next(&mut watch).await, b"early");
    assert_eq!((node.stats().envelopes.new, node.stats().envelopes.late), (1, 1));
    assert_eq!(other.receive().await, (1, bundle([&early.raw()[..]])), "relayed");
    // It is not sent back to its source.
    let later = Unsealed::v6(NOW + 110, 50, TOPIC, &[0; 64]).seal(7);
    assert_eq!(node.inject(later.clone()), whisper_protocol::EnvelopeOutcome::New);
    assert_eq!(sender.receive().await, (1, bundle([&later.raw()[..]])));
    clock.advance(1000);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(node.stats().envelopes.received, 3, "and nothing is taken twice");
    assert_eq!(node.stats().rejected.very_old, 0);
}

/// Three peers of this node, which dialed them if `chosen`.
async fn peers(node: &Whisper, chosen: bool) -> [RawPeer; 3] {
    let peer = || {
        let remote = Remote::new(Dialect::V6, random_id()).dialed(chosen);
        RawPeer::who_is(node, remote).after(&[0xc1, 0x06])
    };
    [peer().await, peer().await, peer().await]
}

async fn received(node: &Whisper, from: &RawPeer, envelope: &Envelope) {
    let before = node.stats().envelopes.received;
    from.send_envelopes(&[envelope]).await;
    while node.stats().envelopes.received == before {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_wrong_clock_follows_the_dialed_peers() {
    for ahead in [200, -200] {
        let node = Whisper::new(settings());
        let mut watch = watch(&node);
        let peers = peers(&node, true).await;
        let present = sent(ahead, b"from the present");
        received(&node, &peers[0], &present).await;
        assert_eq!((node.info().clock_correction, node.stats().envelopes.new), (0, 0));
        received(&node, &peers[1], &present).await;
        // A clock that is set forward stays a little behind, within what the protocol tolerates.
        let correction = if ahead > 0 { ahead - 8 } else { ahead };
        assert_eq!((node.info().clock_correction, node.stats().envelopes.new), (correction, 1));
        assert_eq!(next(&mut watch).await, b"from the present");
        node.post(post(&node, b"answer")).await.unwrap();
        let answer = watch.next().await.unwrap();
        assert_eq!(answer.sent, NOW.checked_add_signed(correction).unwrap());
        assert_eq!(node.stats().faults, Default::default(), "no peer is disconnected");
    }
}

#[tokio::test]
async fn inbound_peers_and_a_maximum_of_zero_leave_the_clock_unchanged() {
    let fixed = PeerSettings { clock_correction: 0, ..PeerSettings::default() };
    let inbound = Whisper::new(settings());
    let told_not_to = Whisper::new(Config { peers: fixed, ..settings() });
    for (node, chosen) in [(inbound, false), (told_not_to, true)] {
        for peer in peers(&node, chosen).await {
            received(&node, &peer, &sent(200, b"from elsewhere")).await;
        }
        assert_eq!((node.info().clock_correction, node.stats().envelopes.new), (0, 0));
        let peer = RawPeer::greeted(&node).await;
        received(&node, &peer, &envelope(b"by the own clock")).await;
        assert_eq!(node.stats().envelopes.new, 1);
    }
}
