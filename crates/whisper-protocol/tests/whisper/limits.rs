//! Rate limits in both directions.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use crate::support::{
    self, RawPeer, bundle, envelope, join, next, node, post, random_id, settings, watch,
};
use p2p_mux::{DisconnectReason, Exit, rlp::Item};
use tokio::time::{Instant, sleep};
use whisper_protocol::{
    AddressFilter, Config, EnvelopeOutcome, PeerSettings, Rate, RateLimits, Remote, Whisper,
};

const STATUS: &[u8] = &[0xc1, 0x06];

fn limits(peer: u32, ip: u32) -> RateLimits {
    let of = |most| Rate { messages: NonZeroU32::new(most), bytes: None };
    RateLimits { peer: of(peer), ip: of(ip), ..RateLimits::default() }
}

fn limited(rates: RateLimits) -> Whisper {
    let peers = PeerSettings { rates, ..PeerSettings::default() };
    Whisper::new(Config { peers, ..settings() })
}

/// Sends `packets` packets with one envelope each. Returns how many envelopes the node processed.
async fn taken(node: &Whisper, peer: &RawPeer, first: u8, packets: u8) -> u64 {
    let before = node.stats();
    for number in first..first + packets {
        peer.send_envelopes(&[&envelope(&[number])]).await;
    }
    loop {
        let now = node.stats();
        let taken = now.envelopes.received - before.envelopes.received;
        let dropped = now.limits.envelopes - before.limits.envelopes;
        if taken + dropped == u64::from(packets) {
            return taken;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn packets_beyond_the_limit_are_dropped_and_the_peer_stays() {
    let node = limited(limits(3, 0));
    let peer = RawPeer::greeted(&node).await;
    assert_eq!(taken(&node, &peer, 0, 10).await, 3);
    assert_eq!(node.stats().limits.over_peer, 7);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(taken(&node, &peer, 10, 10).await, 3);
    let other = RawPeer::greeted(&node).await;
    assert_eq!(taken(&node, &other, 20, 10).await, 3, "each peer has its own");
}

#[tokio::test(start_paused = true)]
async fn a_peer_beyond_the_tolerance_is_disconnected() {
    let node = limited(RateLimits { tolerance: Some(5), ..limits(1, 0) });
    let peer = RawPeer::greeted(&node).await;
    let flood = bundle([&envelope(b"again").raw()[..]]);
    for _ in 0..7 {
        peer.send(1, &flood).await;
    }
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    let stats = node.stats();
    assert_eq!((stats.limits.over_peer, stats.faults.over_limit), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn peers_of_one_address_share_and_the_exempt_do_not() {
    let friend = random_id();
    let rates = RateLimits {
        exempt: vec![friend],
        exempt_addresses: AddressFilter::new(
            |ip| matches!(ip, IpAddr::V4(ip) if ip.octets()[..2] == [10, 9]),
        ),
        ..limits(0, 2)
    };
    let node = limited(rates);
    let mut first = 0;
    for (id, ip, expected) in [
        (random_id(), [10, 0, 0, 1], 2),
        (random_id(), [10, 0, 0, 1], 0),
        (random_id(), [10, 0, 0, 2], 2),
        (friend, [10, 0, 0, 1], 9),
        (random_id(), [10, 9, 3, 3], 9),
    ] {
        let remote = Remote::from(id).ip(ip.into());
        let peer = RawPeer::who_is(&node, remote).after(STATUS).await;
        assert_eq!(taken(&node, &peer, first, 9).await, expected, "{ip:?}");
        first += 9;
    }
    assert_eq!(node.stats().limits.over_ip, 7 + 9 + 7);
}

#[tokio::test(start_paused = true)]
async fn requirements_of_a_peer_are_read_beyond_the_limit() {
    let node = limited(limits(1, 0));
    let mut peer = RawPeer::greeted(&node).await;
    peer.send_envelopes(&[&envelope(b"one")]).await;
    peer.send(3, &[&[0xb8, 64][..], &[0; 64]].concat()).await;
    peer.send(2, &[0x80]).await;
    while node.stats().limits.spared < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.inject(envelope(b"not wanted")), EnvelopeOutcome::New);
    peer.send(3, &[&[0xb8, 64][..], &[0xff; 64]].concat()).await;
    assert_eq!(peer.receive().await.0, 1, "not before it was wanted");
    assert_eq!(node.stats().limits.over_peer, 0);
}

#[tokio::test(start_paused = true)]
async fn direct_messages_of_trusted_peers_have_no_limit() {
    let node = limited(limits(1, 1));
    let peer = RawPeer::greeted(&node).await;
    node.mark_trusted(&peer.id).unwrap();
    for number in 0..50 {
        peer.send(127, envelope(&[number]).raw()).await;
    }
    while node.stats().sessions.direct_received < 50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.stats().limits.over_peer, 0);
}

#[tokio::test]
async fn the_limits_are_announced_as_status_im_does() {
    let node = limited(limits(5, 10));
    let mut peer = RawPeer::new(&node);
    let (_, status) = peer.receive().await;
    let (status, _) = Item::parse_prefix(&status).unwrap();
    assert_eq!(status.items().unwrap().nth(5).unwrap().unwrap().raw(), [0xc3, 10, 5, 0x80]);
    let without = support::node();
    let mut peer = RawPeer::new(&without);
    let (_, status) = peer.receive().await;
    let (status, _) = Item::parse_prefix(&status).unwrap();
    assert_eq!(status.items().unwrap().count(), 4, "without limits the status is go-ethereum's");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_announces_limits_is_sent_no_more_and_misses_nothing() {
    let (from, to) = (node(), limited(limits(10, 0)));
    let mut watch = watch(&to);
    join(&from, &to);
    let began = Instant::now();
    for number in 0..100_u8 {
        from.post(post(&from, &[number])).await.unwrap();
        // Otherwise one packet would contain all of them.
        sleep(Duration::from_millis(10)).await;
    }
    let mut received: Vec<_> = Vec::new();
    while received.len() < 100 {
        received.push(next(&mut watch).await);
    }
    received.sort();
    assert_eq!(received, (0..100_u8).map(|number| vec![number]).collect::<Vec<_>>());
    let (sent, limits) = (from.stats(), to.stats().limits);
    assert_eq!((limits.over_peer, limits.spared), (0, 0));
    assert!(sent.limits.waits > 5, "{sent:?}");
    let seconds = began.elapsed().as_secs() + 1;
    assert!(sent.relay.bundles <= 10 * seconds, "{} in {seconds} s", sent.relay.bundles);
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_be_announced_later_and_removed_again() {
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    peer.send(20, &[0xc3, 0x80, 0x01, 0x80]).await;
    while node.stats().extensions.rates < 1 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    for number in 0..3 {
        assert_eq!(node.inject(envelope(&[number])), EnvelopeOutcome::New);
        peer.receive().await;
    }
    assert!(began.elapsed() >= Duration::from_secs(2));
    peer.send(20, &[0xc3, 0x80, 0x80, 0x80]).await;
    while node.stats().extensions.rates < 2 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    for number in 3..50 {
        assert_eq!(node.inject(envelope(&[number])), EnvelopeOutcome::New);
        peer.receive().await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "but for the last wait");
}
