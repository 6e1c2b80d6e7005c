//! Messages between nodes that are connected by pipes.

use crate::support::{
    self, HandClock, RawPeer, amount, bundle, envelope, join, next, node, post, settings, watch,
};
use std::collections::HashSet;

use p2p_identity::SecretKey;
use whisper_protocol::{
    Config, EnvelopeOutcome, FilterKey, FilterSettings, FilterSpec, Post, Recipient, Topic, Whisper,
};

#[tokio::test]
async fn a_message_is_delivered_once_there_and_here() {
    let (a, b) = (node(), node());
    let (mut at_a, mut at_b) = (watch(&a), watch(&b));
    join(&a, &b);
    let hash = a.post(post(&a, b"first")).await.unwrap().hash();
    for watch in [&mut at_a, &mut at_b] {
        let first = watch.next().await.unwrap();
        assert_eq!((&first.message.payload[..], first.hash), (&b"first"[..], hash));
        assert_eq!((first.ttl, first.sent, first.topic), (50, support::NOW, support::TOPIC));
        assert_eq!((first.recipient, first.signer(), first.direct), (None, None, false));
    }
    a.post(post(&a, b"second")).await.unwrap();
    for watch in [&mut at_a, &mut at_b] {
        assert_eq!(next(watch).await, b"second", "the first not twice");
    }
    let stats = b.stats();
    assert_eq!((stats.envelopes.new, stats.delivery.delivered), (2, 2));
    assert_eq!(stats.relay.sent, 0, "nothing goes back to where it came from");
}

#[tokio::test]
async fn a_signed_message_for_one_recipient() {
    let (a, b) = (node(), node());
    join(&a, &b);
    let (author, reader) =
        (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
    let key = b.keys().add_private_key(reader.clone());
    let mut watch = b.watch(FilterSpec::new(FilterKey::Private(key))).unwrap();
    let post = Post {
        sign: Some(a.keys().add_private_key(author.clone())),
        payload: b"for you".to_vec(),
        padding: Some(vec![1, 2, 3]),
        pow_target: 0.0,
        ..Post::new(Recipient::Asymmetric(reader.public_key()))
    };
    a.post(post).await.unwrap();
    let received = watch.next().await.unwrap();
    assert_eq!(received.message.payload, &b"for you"[..]);
    assert_eq!(received.message.padding, &[1, 2, 3][..]);
    assert_eq!(received.signer(), Some(&author.public_key()));
    assert_eq!(received.recipient, Some(reader.public_key()));
    assert_eq!(received.topic, Topic([0; 4]));
}

#[tokio::test]
async fn relayed_along_a_line_also_by_nodes_that_cannot_open_it() {
    let nodes: Vec<Whisper> = (0..4).map(|_| node()).collect();
    nodes.windows(2).for_each(|pair| drop(join(&pair[0], &pair[1])));
    let mut last = watch(&nodes[3]);
    for payload in [b"one", b"two"] {
        nodes[0].post(post(&nodes[0], payload)).await.unwrap();
        assert_eq!(next(&mut last).await, payload);
    }
    assert_eq!(nodes[1].stats().delivery.opened, 0);
}

#[tokio::test]
async fn in_a_ring_each_node_delivers_once() {
    const MESSAGES: u8 = 50;
    let nodes: Vec<Whisper> = (0..4).map(|_| node()).collect();
    let mut watches: Vec<_> = nodes.iter().map(watch).collect();
    for index in 0..nodes.len() {
        join(&nodes[index], &nodes[(index + 1) % nodes.len()]);
    }
    for number in 0..MESSAGES {
        let node = &nodes[usize::from(number) % nodes.len()];
        node.post(post(node, &[number])).await.unwrap();
    }
    for (watch, node) in watches.iter_mut().zip(&nodes) {
        let mut payloads = Vec::new();
        for _ in 0..MESSAGES {
            payloads.extend(next(watch).await);
        }
        payloads.sort_unstable();
        assert_eq!(payloads, (0..MESSAGES).collect::<Vec<_>>());
        assert_eq!(node.stats().envelopes.new, u64::from(MESSAGES));
    }
}

#[tokio::test]
async fn a_later_peer_gets_the_live_envelopes() {
    let clock = HandClock::new();
    let late = || Whisper::new(Config { world: clock.world(), ..settings() });
    let a = late();
    a.post(Post { ttl: 5, ..post(&a, b"short") }).await.unwrap();
    a.post(Post { ttl: 100, ..post(&a, b"long") }).await.unwrap();
    clock.advance(6);
    let b = late();
    let mut at_b = watch(&b);
    join(&a, &b);
    assert_eq!(next(&mut at_b).await, b"long");
    assert_eq!(b.stats().envelopes.received, 1);
}

#[tokio::test(start_paused = true)]
async fn envelopes_leave_the_pool_at_their_expiry() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    assert_eq!(node.inject(envelope(b"lives 50 s")), EnvelopeOutcome::New);
    let held = node.info();
    assert!(held.envelopes == 1 && held.pool_bytes > 0, "{held:?}");
    for _ in 0..50 {
        clock.advance(1);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(node.info().envelopes, 1);
    }
    clock.advance(1);
    while node.info().envelopes > 0 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!((node.info().pool_bytes, node.stats().relay.expired), (0, 1));
}

#[tokio::test]
async fn requirements_are_announced() {
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    node.set_min_work(amount(0.2));
    assert_eq!(peer.receive().await, (2, hex_bytes("883fc999999999999a")));
    let bloom = whisper_protocol::Bloom::of(support::TOPIC);
    node.set_bloom(bloom);
    let (code, payload) = peer.receive().await;
    assert_eq!((code, &payload[2..]), (3, &bloom.0[..]));

    let mut newcomer = RawPeer::new(&node);
    let (code, status) = newcomer.receive().await;
    assert_eq!((code, status.len()), (0, 2 + 1 + 9 + 66 + 1), "a narrow bloom in the status");
}

#[tokio::test]
async fn a_peer_is_sent_only_the_envelopes_that_it_asks_for() {
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    peer.send(2, &hex_bytes("884202a05f20000000")).await; // work of 1e10
    peer.send(2, &hex_bytes("05")).await; // 2.5e-323: next to nothing, but it is an answer
    peer.send(3, &[&[0xb8, 64][..], &[0; 64]].concat()).await;
    peer.send(3, &[&[0xb8, 64][..], &[0xff; 64]].concat()).await;
    let envelope = envelope(b"wanted");
    assert_eq!(node.inject(envelope.clone()), EnvelopeOutcome::New);
    assert_eq!(peer.receive().await, (1, bundle([&envelope.raw()[..]])));
}

#[tokio::test]
async fn all_envelopes_of_a_large_bundle_are_processed() {
    let filters = FilterSettings { workers: 1, ..FilterSettings::default() };
    let node = Whisper::new(Config { filters, ..settings() });
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    // First many small envelopes, more than one batch; then large ones.
    for (count, size) in [(512_usize, 2), (10, 100_000)] {
        let payload = |number: usize| [&number.to_be_bytes()[..], &vec![0; size]].concat();
        let envelopes: Vec<_> = (0..count).map(|number| envelope(&payload(number))).collect();
        peer.send_envelopes(&envelopes.iter().collect::<Vec<_>>()).await;
        // Those with more work may be first.
        let mut missing: HashSet<_> = envelopes.iter().map(|envelope| *envelope.hash()).collect();
        while !missing.is_empty() {
            assert!(missing.remove(&watch.next().await.unwrap().hash));
        }
    }
}

#[tokio::test]
async fn an_envelope_does_not_keep_alive_the_packet_it_came_in() {
    let node = node();
    let peer = RawPeer::greeted(&node).await;
    let (wanted, refused) = (envelope(b"kept"), support::unsealed(&[0; 60_000]).seal(0));
    node.set_max_message_size(1000).unwrap();
    let packet = bundle([&refused.raw()[..], &wanted.raw()[..]]);
    peer.channel.send_raw(1, packet.clone()).await.unwrap();
    while node.info().envelopes == 0 || !packet.is_unique() {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.stats().rejected.too_large, 1);
}

#[tokio::test]
async fn stopping_ends_sessions_and_watches() {
    let (a, b) = (node(), node());
    let mut watch = watch(&a);
    let joined = join(&a, &b);
    a.post(post(&a, b"last")).await.unwrap();
    assert_eq!(next(&mut watch).await, b"last");
    a.stop().await;
    assert!(watch.next().await.is_none());
    for session in joined.sessions {
        assert_eq!(session.await.unwrap(), Ok(()), "stopping is no violation");
    }
    assert!(support::watch(&a).next().await.is_none(), "a new watch ends at once");
}

#[tokio::test]
async fn sessions_end_with_the_last_handle() {
    let (a, b) = (node(), node());
    let joined = join(&a, &b);
    drop(a);
    for session in joined.sessions {
        assert_eq!(session.await.unwrap(), Ok(()));
    }
}

fn hex_bytes(text: &str) -> bytes::Bytes {
    hex::decode(text).unwrap().into()
}
