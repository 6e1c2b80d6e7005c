//! Two nodes over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeSet, num::NonZeroU32};

use p2p_identity::SecretKey;
use p2p_mux::{CloseReason, DisconnectReason, Exit, Protocol, rlp::Item};
use p2p_server::{Event, Events, Server};
use tokio::sync::mpsc;
use whisper_envelope::Unsealed;
use whisper_pow::{Rule, Work, work};
use whisper_protocol::{
    Clock, Config, Dialect, Ending, Envelope, EnvelopeOutcome, FilterKey, FilterSpec, KeyId,
    PeerSettings, Post, PostError, Rate, RateLimits, Recipient, RefusalReason, Topic, Watch,
    Whisper,
};

const TOPIC: Topic = Topic(*b"test");

struct Node {
    whisper: Whisper,
    server: Server,
    key: KeyId,
}

fn config() -> p2p_server::Config {
    p2p_server::Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0")
}

impl Node {
    async fn start(to: Option<&Self>) -> Self {
        Self::speaking(&Whisper::protocols, to).await
    }

    /// A node that has only these versions of Whisper.
    async fn speaking<P: AsRef<[Protocol]>>(
        protocols: &dyn Fn(&Whisper) -> P,
        to: Option<&Self>,
    ) -> Self {
        let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
        let mut config = config().protocols(protocols(&whisper).as_ref().to_vec());
        if let Some(to) = to {
            config = config.static_node(to.server.enode());
        }
        let server = Server::start(config).await.unwrap();
        let key = whisper.keys().symmetric_from_password("loopback");
        Self { whisper, server, key }
    }

    fn watch(&self) -> Watch {
        let spec = FilterSpec::new(FilterKey::Symmetric(self.key)).topic(TOPIC);
        self.whisper.watch(spec).unwrap()
    }

    async fn post(&self, payload: &str) {
        self.post_in(Dialect::V6, payload).await;
    }

    async fn post_in(&self, dialect: Dialect, payload: &str) {
        let post = Post {
            dialect,
            topic: TOPIC,
            payload: payload.into(),
            pow_target: 0.0,
            ..Post::new(Recipient::Symmetric(self.key))
        };
        self.whisper.post(post).await.unwrap();
    }

    async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

async fn next(watch: &mut Watch) -> String {
    let received = watch.next().await.unwrap();
    String::from_utf8(received.message.payload.to_vec()).unwrap()
}

/// Waits until a connection ends. Returns the reason.
async fn dropped(events: &mut Events) -> CloseReason {
    loop {
        if let Event::Dropped { closed, .. } = events.next().await.unwrap() {
            return closed;
        }
    }
}

#[tokio::test]
async fn two_hundred_messages_none_lost_and_none_twice() {
    const MESSAGES: usize = 200;
    let a = Node::start(None).await;
    let mut at_a = a.watch();
    // Half of them are posted before the nodes are connected.
    for number in 0..MESSAGES / 2 {
        a.post(&format!("a{number}")).await;
    }
    let b = Node::start(Some(&a)).await;
    let mut at_b = b.watch();
    for number in MESSAGES / 2..MESSAGES {
        let (by_a, by_b) = (format!("a{number}"), format!("b{number}"));
        tokio::join!(a.post(&by_a), b.post(&by_b));
    }
    let from_a = (0..MESSAGES).map(|number| format!("a{number}"));
    let from_b = (MESSAGES / 2..MESSAGES).map(|number| format!("b{number}"));
    let expected: BTreeSet<_> = from_a.chain(from_b).collect();
    for watch in [&mut at_a, &mut at_b] {
        let mut received = BTreeSet::new();
        while received.len() < expected.len() {
            let payload = next(watch).await;
            assert!(received.insert(payload.clone()), "{payload} twice");
        }
        assert_eq!(received, expected);
    }
    for node in [&a, &b] {
        let stats = node.whisper.stats();
        assert_eq!(stats.envelopes.new, expected.len() as u64);
        assert_eq!(stats.delivery.delivered, expected.len() as u64);
        assert_eq!(stats.relay.sent + stats.envelopes.received, expected.len() as u64);
    }
    b.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn the_highest_version_that_both_have_runs() {
    let both = Node::start(None).await;
    let old: &dyn Fn(&Whisper) -> [Protocol; 1] = &|whisper| [whisper.protocols()[1].clone()];
    for (peer, version, dialect) in [
        (Node::start(Some(&both)).await, 6, Dialect::V6),
        (Node::speaking(old, Some(&both)).await, 5, Dialect::V5),
    ] {
        let mut watch = peer.watch();
        both.post_in(dialect, "hello").await;
        assert_eq!(next(&mut watch).await, "hello");
        let peers = both.server.peers();
        let shh = &peers.iter().find(|it| it.node_id == peer.server.enode().id).unwrap().protocols;
        let shh: serde_json::Value = serde_json::from_str(shh["shh"].as_str()).unwrap();
        assert_eq!(shh["version"], version);
        peer.stop().await;
    }
    both.stop().await;
}

/// A peer that applies the rule of go-ethereum 1.8 without announcing it. It disconnects if an envelope has too little
/// work under it, and reports the other envelopes that it is sent.
fn strict(read: mpsc::UnboundedSender<[u8; 32]>) -> Protocol {
    Protocol::new("shh", 6, 128, move |_, mut channel| {
        let read = read.clone();
        async move {
            channel.send_raw(0, hex::decode("cc06883f60624dd2f1a9fc8080").unwrap()).await?;
            while let Some(message) = channel.recv().await {
                let bundle = Item::parse(&message.payload).unwrap();
                for item in bundle.items().into_iter().flatten().filter(|_| message.code == 1) {
                    let raw = message.payload.slice_ref(item.unwrap().raw());
                    let envelope = Envelope::decode(Dialect::V6, raw).unwrap();
                    if work(Rule::GETH_1_8, &envelope).unwrap().get() < 0.002 {
                        return Err(Exit::Disconnect(DisconnectReason::Subprotocol));
                    }
                    read.send(*envelope.hash()).unwrap();
                }
            }
            Ok(())
        }
    })
}

/// An envelope with enough work under `rule` and too little under `other`.
fn only_under(rule: Rule, other: Rule) -> Envelope {
    let draft = Unsealed::v6(Clock::system().now() + 50, 50, TOPIC, &[7; 256]);
    let enough = |rule, it: &_| work(rule, it).unwrap().get() >= 0.002;
    let mut sealed = (0..).map(|nonce| draft.seal(nonce));
    sealed.find(|it| enough(rule, it) && !enough(other, it)).unwrap()
}

#[tokio::test]
async fn the_rule_of_a_peer_is_learned_when_it_disconnects() {
    let a = Node::start(None).await;
    let for_new = only_under(Rule::EIP_627, Rule::GETH_1_8);
    let for_old = only_under(Rule::GETH_1_8, Rule::EIP_627);
    assert_eq!(a.whisper.inject(for_new), EnvelopeOutcome::New);
    let key = SecretKey::random(&mut rand::rng());
    let (read, mut was_read) = mpsc::unbounded_channel();
    let connect = || {
        let config = p2p_server::Config::new(key.clone()).listen("127.0.0.1:0").name("unknown/v1");
        config.protocol(strict(read.clone())).static_node(a.server.enode())
    };
    let peer = Server::start(connect()).await.unwrap();
    let closed = dropped(&mut peer.events()).await;
    assert_eq!(
        closed,
        CloseReason::ByUs(DisconnectReason::Subprotocol),
        "the first time it is not known"
    );
    peer.stop().await;
    while a.whisper.stats().work.learned == 0 {
        tokio::task::yield_now().await;
    }

    let peer = Server::start(connect()).await.unwrap();
    assert_eq!(a.whisper.inject(for_old.clone()), EnvelopeOutcome::New);
    assert_eq!(was_read.recv().await, Some(*for_old.hash()));
    assert_eq!(peer.peer_count(), 1, "the second time it is");
    peer.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn a_peer_that_violates_the_protocol_is_told_the_reason() {
    let a = Node::start(None).await;
    let b = Node::start(Some(&a)).await;
    let mut at_b = b.watch();
    let rogue = Protocol::new("shh", 6, 128, |_, mut channel| async move {
        channel.send_raw(0, vec![0xc1, 0x06]).await?;
        channel.send_raw(1, vec![0x05]).await?;
        while channel.recv().await.is_some() {}
        Ok(())
    });
    let config = config().protocol(rogue).static_node(a.server.enode());
    let rogue = Server::start(config).await.unwrap();
    let closed = dropped(&mut rogue.events()).await;
    assert_eq!(closed, CloseReason::ByPeer(DisconnectReason::Subprotocol));
    assert!(a.whisper.stats().faults.malformed_packet > 0);
    rogue.stop().await;

    a.post("still here").await;
    assert_eq!(next(&mut at_b).await, "still here");
    b.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn a_post_is_refused_if_the_peer_disconnects_because_of_it() {
    let a = Node::start(None).await;
    let strict = Protocol::new("shh", 6, 128, |_, mut channel| async move {
        channel.send_raw(0, vec![0xc1, 0x06]).await?;
        while let Some(message) = channel.recv().await {
            if message.code == 127 {
                return Err(Exit::Disconnect(DisconnectReason::Subprotocol));
            }
        }
        Ok(())
    });
    let peer =
        Server::start(config().protocol(strict).static_node(a.server.enode())).await.unwrap();
    let (id, to) = (peer.id(), Recipient::Symmetric(a.key));
    let post = Post { topic: TOPIC, pow_target: 0.0, target_peer: Some(id), ..Post::new(to) };
    let mut receipt = loop {
        match a.whisper.post(post.clone()).await {
            Err(PostError::NoSuchPeer(_)) => tokio::task::yield_now().await, // not seated yet
            posted => break posted.unwrap(),
        }
    };
    let reason = RefusalReason::Disconnected(DisconnectReason::Subprotocol);
    assert_eq!(receipt.ended().await, Ending::Refused { peer: id, reason });
    peer.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn the_limit_of_an_address_applies_to_its_connections() {
    let rate = Rate { messages: NonZeroU32::new(1), bytes: None };
    let rates = RateLimits { ip: rate, tolerance: None, ..RateLimits::default() };
    let peers = PeerSettings { rates, ..PeerSettings::default() };
    let whisper = Whisper::new(Config { peers, ..Config::default() });
    let node = Server::start(config().protocols(whisper.protocols())).await.unwrap();
    let many_packets = Protocol::new("shh", 6, 128, |_, mut channel| async move {
        channel.send_raw(0, vec![0xc1, 0x06]).await?;
        for _ in 0..50 {
            channel.send_raw(1, vec![0xc0]).await?;
        }
        while channel.recv().await.is_some() {}
        Ok(())
    });
    let peer = config().protocol(many_packets).static_node(node.enode());
    let peer = Server::start(peer).await.unwrap();
    while whisper.stats().limits.over_ip == 0 {
        tokio::task::yield_now().await;
    }
    peer.stop().await;
    node.stop().await;
    whisper.stop().await;
}
