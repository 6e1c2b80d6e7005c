//! Light clients: they send their own posts and relay nothing.

use crate::support::{RawPeer, envelope, join, next, node, post, settings, spec, watch};
use p2p_mux::{DisconnectReason, Exit};
use whisper_protocol::{Config, EnvelopeOutcome, PeerSettings, Whisper};

/// A status of a light client.
const LIGHT: &[u8] = &[0xc4, 0x06, 0x80, 0x80, 0x01];

fn light() -> Whisper {
    Whisper::new(Config { light: true, ..settings() })
}

#[tokio::test]
async fn it_sends_only_its_own_posts_also_to_later_peers() {
    let (source, light, sink) = (node(), light(), node());
    let (mut at_light, mut at_sink) = (watch(&light), watch(&sink));
    join(&source, &light);
    join(&light, &sink);
    source.post(post(&source, b"from afar")).await.unwrap();
    assert_eq!(next(&mut at_light).await, b"from afar", "it hears everything");
    light.post(post(&light, b"my own")).await.unwrap();
    assert_eq!(next(&mut at_sink).await, b"my own");
    let late = node();
    let mut at_late = watch(&late);
    join(&light, &late);
    assert_eq!(next(&mut at_late).await, b"my own");
    assert_eq!(light.stats().relay.sent, 3, "to each of its peers");

    // From now on it relays, including what is still alive.
    light.set_light(false);
    assert_eq!(next(&mut at_late).await, b"from afar");
    assert_eq!(next(&mut at_sink).await, b"from afar");
    assert_eq!(light.stats().relay.sent, 5);
    light.set_light(true);
    source.post(post(&source, b"again")).await.unwrap();
    while next(&mut at_light).await != b"again" {}
    light.post(post(&light, b"the last")).await.unwrap();
    assert_eq!(next(&mut at_sink).await, b"the last");
}

#[tokio::test]
async fn the_status_announces_a_light_client() {
    let node = light();
    for (light, word) in [(true, 1), (false, 0x80)] {
        node.set_light(light);
        let mut peer = RawPeer::new(&node);
        assert_eq!(peer.receive().await.1.last(), Some(&word));
        assert_eq!(node.info().light, light);
    }
}

#[tokio::test]
async fn a_light_peer_is_sent_what_it_wants() {
    let node = node();
    let mut peer = RawPeer::new(&node);
    peer.send(0, LIGHT).await;
    peer.receive().await;
    let envelope = envelope(b"for all");
    assert_eq!(node.inject(envelope.clone()), EnvelopeOutcome::New);
    let (code, payload) = peer.receive().await;
    assert!(code == 1 && payload.ends_with(envelope.raw()));
}

#[tokio::test]
async fn two_light_clients_disconnect_if_configured() {
    let restricted = PeerSettings { restrict_light: true, ..PeerSettings::default() };
    for (light, restrict, refused) in
        [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
    {
        let peers = if restrict { restricted.clone() } else { PeerSettings::default() };
        let node = Whisper::new(Config { light, peers, ..settings() });
        let mut watch = node.watch(spec(&node)).unwrap();
        let peer = RawPeer::new(&node);
        peer.send(0, LIGHT).await;
        if refused {
            assert_eq!(
                peer.session.await.unwrap(),
                Err(Exit::Disconnect(DisconnectReason::Subprotocol))
            );
        } else {
            peer.send_envelopes(&[&envelope(b"hello")]).await;
            assert_eq!(next(&mut watch).await, b"hello");
        }
        assert_eq!(node.stats().faults.both_light, u64::from(refused));
        assert_eq!(node.stats().sessions.both_light, u64::from(light && !refused));
    }
}
