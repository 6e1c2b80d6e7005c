//! Peers that break the protocol: each loses its session, with the right reason, and no other session ends.

use crate::support::{RawPeer, bundle, envelope, join, next, node, post, watch};
use p2p_mux::{DisconnectReason, Exit};
use whisper_protocol::{FaultStats, MAX_MESSAGE_SIZE, Whisper};

/// Sends a packet after the exchange of status packets. Checks that it ends the session, and that the session of an
/// honest peer continues.
async fn cut(code: u64, payload: &[u8]) -> FaultStats {
    let (node, honest) = (node(), node());
    let mut watch = watch(&honest);
    join(&node, &honest);
    let peer = RawPeer::greeted(&node).await;
    peer.send(code, payload).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    serves(&node, &mut watch).await;
    node.stats().faults
}

/// Does the same as [`cut`] with the first packet.
async fn cut_at_start(code: u64, payload: &[u8]) -> FaultStats {
    let (node, honest) = (node(), node());
    let mut watch = watch(&honest);
    join(&node, &honest);
    let peer = RawPeer::new(&node);
    peer.send(code, payload).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    serves(&node, &mut watch).await;
    node.stats().faults
}

async fn serves(node: &Whisper, elsewhere: &mut whisper_protocol::Watch) {
    node.post(post(node, b"still here")).await.unwrap();
    assert_eq!(next(elsewhere).await, b"still here");
}

#[tokio::test]
async fn the_first_packet_is_not_a_status() {
    assert_eq!(cut_at_start(1, &[0xc0]).await.not_status, 1);
    assert_eq!(cut_at_start(77, &[0xc0]).await.not_status, 1);
}

#[tokio::test]
async fn malformed_status() {
    for payload in [&[][..], &[0x06], &[0xc1, 0xc0], &[0xff; 20]] {
        assert_eq!(cut_at_start(0, payload).await.malformed_status, 1, "{payload:?}");
    }
}

#[tokio::test]
async fn the_empty_status_of_parity_has_a_reason_of_its_own() {
    let faults = cut_at_start(0, &[0xc0]).await;
    assert_eq!((faults.empty_status, faults.malformed_status), (1, 0));
}

#[tokio::test]
async fn status_of_another_version() {
    assert_eq!(cut_at_start(0, &[0xc1, 0x05]).await.wrong_version, 1);
}

#[tokio::test]
async fn requirements_that_are_not_numbers() {
    for bits in ["7ff8000000000000", "7ff0000000000000", "bff0000000000000"] {
        let status = hex::decode(format!("ca0688{bits}")).unwrap();
        assert_eq!(cut_at_start(0, &status).await.bad_work, 1);
        let requirement = hex::decode(format!("88{bits}")).unwrap();
        assert_eq!(cut(2, &requirement).await.bad_work, 1);
    }
}

#[tokio::test]
async fn blooms_of_another_length() {
    assert_eq!(cut_at_start(0, &[0xc4, 0x06, 0x80, 0x81, 0xff]).await.bad_bloom, 1);
    assert_eq!(cut(3, &[0x80]).await.bad_bloom, 1);
    assert_eq!(cut(3, &[&[0xb8, 63][..], &[0; 63]].concat()).await.bad_bloom, 1);
}

#[tokio::test]
async fn bodies_that_do_not_match_the_code() {
    for (code, payload) in [(1, &[0x05][..]), (1, &[]), (2, &[0xc0]), (3, &[0xc0]), (1, &[0xc9])] {
        assert_eq!(cut(code, payload).await.malformed_packet, 1, "{code} {payload:?}");
    }
}

#[tokio::test]
async fn a_malformed_envelope_after_a_good_one() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    let (before, after) = (envelope(b"before"), envelope(b"after"));
    peer.send(1, &bundle([&before.raw()[..], &[0xc1, 0x05], &after.raw()[..]])).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    assert_eq!(next(&mut watch).await, b"before");
    let stats = node.stats();
    assert_eq!((stats.faults.malformed_envelope, stats.envelopes.new), (1, 1));
}

#[tokio::test]
async fn a_packet_beyond_all_limits() {
    let (node, size) = (node(), MAX_MESSAGE_SIZE as usize + 1);
    let peer = RawPeer::greeted(&node).await;
    peer.send(1, &vec![0xc0; size]).await;
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    assert_eq!(node.stats().faults.packet_too_large, 1);
}

#[tokio::test(start_paused = true)]
async fn no_status_in_time() {
    let node = node();
    let peer = RawPeer::new(&node);
    let began = tokio::time::Instant::now();
    assert_eq!(peer.session.await.unwrap(), Err(Exit::Disconnect(DisconnectReason::Subprotocol)));
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(node.stats().faults.status_timeout, 1);
}

#[tokio::test]
async fn a_disconnect_is_no_violation() {
    let node = node();
    let peer = RawPeer::new(&node);
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    let peer = RawPeer::greeted(&node).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    let stats = node.stats();
    assert_eq!(
        (stats.sessions.opened, stats.sessions.established, stats.sessions.ended),
        (2, 1, 2)
    );
    assert_eq!(stats.faults, FaultStats::default());
}

#[tokio::test]
async fn packets_without_a_meaning_are_ignored_and_counted() {
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    for code in [4, 10, 13, 21, 122, 99] {
        peer.send(code, &[0xde, 0xad]).await;
    }
    peer.send(0, &[0xff]).await; // a second status, whatever it says
    peer.send(126, envelope(b"").raw()).await; // a request to a mail server
    peer.send(127, &[0xff]).await; // a direct message, not trusted
    peer.send_envelopes(&[&envelope(b"good")]).await;
    assert_eq!(next(&mut watch).await, b"good");
    let stats = node.stats().sessions;
    assert_eq!((stats.unknown_code, stats.second_status), (6, 1));
    assert_eq!((stats.requests_ignored, stats.direct_untrusted), (1, 1));
}

#[tokio::test]
async fn a_peer_that_does_not_read_delays_no_other_peer() {
    let (node, honest) = (node(), node());
    let mut watch = watch(&honest);
    join(&node, &honest);
    let silent = RawPeer::greeted(&node).await;
    let payload = vec![0; 4096];
    for _ in 0..100 {
        node.post(post(&node, &payload)).await.unwrap(); // many times what the pipe holds
        watch.next().await.unwrap();
    }
    silent.send_envelopes(&[&envelope(b"and is still read")]).await;
    assert_eq!(next(&mut watch).await, b"and is still read");
}

#[tokio::test]
async fn what_a_peer_sent_before_it_left_is_processed() {
    let node = node();
    let peer = RawPeer::greeted(&node).await;
    // The node has more to send than the pipe holds, so that sending fails as soon as the peer has left.
    for _ in 0..100 {
        node.post(post(&node, &[0; 4096])).await.unwrap();
    }
    // Several batches.
    let envelopes: Vec<_> = (0..400_u32).map(|number| envelope(&number.to_be_bytes())).collect();
    peer.send_envelopes(&envelopes.iter().collect::<Vec<_>>()).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    assert_eq!(node.stats().envelopes.received, 400);
}
