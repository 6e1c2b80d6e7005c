//! Posts between this node and peers that behave as go-ethereum 1.8 and 1.9 do, over real sockets.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use p2p_identity::SecretKey;
use p2p_server::{Config as ServerConfig, Event, Server};
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;
use whisper_envelope::Draft;
use whisper_pow::{Miner, Rule, Target};
use whisper_protocol::{Clock, Config, Dialect, Envelope, Post, Whisper};

use crate::{
    geth_peer::{GethPeer, NEW, OLD},
    support::{TOPIC, amount, bundle, key, next, post, watch, world},
};

/// What go-ethereum requires by default.
const MIN_WORK: f64 = 0.2;

/// What go-ethereum did with a packet of envelopes.
#[derive(Deserialize)]
struct Recorded {
    client: String,
    rule: String,
    name: String,
    now: u32,
    envelopes: Vec<String>,
    kept: Vec<usize>,
    disconnects: bool,
}

fn rule(name: &str) -> Rule {
    match name {
        "geth-1.8" => Rule::GETH_1_8,
        "eip-627" => Rule::EIP_627,
        _ => panic!("{name}"),
    }
}

#[test]
fn the_peer_of_these_tests_judges_as_go_ethereum_does() {
    let recorded: Vec<Recorded> =
        serde_json::from_str(include_str!("../vectors/geth-verdicts.json")).unwrap();
    for case in recorded {
        let name = format!("{}: {}", case.client, case.name);
        let envelope = |raw: &String| {
            Envelope::decode(Dialect::V6, Bytes::from(hex::decode(raw).unwrap())).unwrap()
        };
        let envelopes: Vec<_> = case.envelopes.iter().map(envelope).collect();
        let clock = Clock::of(world(move || case.now));
        let (peer, mut kept) = GethPeer::new(rule(&case.rule), MIN_WORK, clock);
        let stays = peer.read(&bundle(envelopes.iter().map(|envelope| &envelope.raw()[..])));
        assert_eq!(stays, !case.disconnects, "{name}");
        for index in case.kept {
            assert_eq!(kept.try_recv().unwrap().hash(), envelopes[index].hash(), "{name}");
        }
        assert!(kept.try_recv().is_err(), "{name}");
    }
}

/// This node with its server.
struct Node {
    whisper: Whisper,
    server: Server,
}

fn server() -> ServerConfig {
    ServerConfig::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0")
}

impl Node {
    async fn start(peers: &[&Server]) -> Self {
        let whisper = Whisper::new(Config { min_work: amount(MIN_WORK), ..Config::default() });
        let mut config = server().protocols(whisper.protocols());
        for peer in peers {
            config = config.static_node(peer.enode());
        }
        Self { whisper, server: Server::start(config).await.unwrap() }
    }

    async fn wait_for_peers(&self, peers: u64) {
        while self.whisper.stats().sessions.established < peers {
            tokio::task::yield_now().await;
        }
    }

    /// Posts `number` messages, one after another.
    async fn post(&self, number: usize) {
        for number in 0..number {
            let post = Post {
                pow_target: 0.5,
                pow_time: Duration::from_secs(10),
                ..post(&self.whisper, format!("{number}").as_bytes())
            };
            assert_eq!(self.whisper.post(post).await.unwrap().unmet(), []);
        }
    }

    async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

/// The texts of `number` envelopes.
async fn texts(kept: &mut UnboundedReceiver<Envelope>, number: usize) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    while texts.len() < number {
        let message = kept.recv().await.unwrap().open_symmetric(&key()).unwrap();
        texts.insert(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    texts
}

/// Envelopes as a node that seals under this rule makes them.
async fn envelopes(rule: Rule, number: usize) -> Vec<Envelope> {
    let (miner, mut envelopes) = (Miner::new(), Vec::new());
    for number in 0..number {
        let (key, payload) = (key(), format!("{number}"));
        let recipient = whisper_envelope::Recipient::Symmetric(&key);
        let draft = Draft::new(Dialect::V6, recipient, Clock::system().now()).topic(TOPIC);
        let unsealed = draft.payload(payload.as_bytes()).encrypt(&mut rand::rng()).unwrap();
        let (target, within) = (Target::AtLeast(amount(0.5)), Duration::from_secs(60));
        envelopes.push(miner.seal(&unsealed, rule, target, within).await.unwrap().envelope);
    }
    envelopes
}

fn numbers(number: usize) -> BTreeSet<String> {
    (0..number).map(|number| format!("{number}")).collect()
}

#[tokio::test]
async fn with_1_8_two_hundred_posts_arrive_each_way_whichever_end_dials() {
    const POSTS: usize = 200;
    let own = envelopes(Rule::GETH_1_8, POSTS).await;
    for we_dial in [true, false] {
        let (peer, mut kept) = GethPeer::new(Rule::GETH_1_8, MIN_WORK, Clock::system());
        let config = server().name(OLD).protocol(peer.protocol(own.clone()));
        let (geth, node) = if we_dial {
            let geth = Server::start(config).await.unwrap();
            let node = Node::start(&[&geth]).await;
            (geth, node)
        } else {
            let node = Node::start(&[]).await;
            let geth = Server::start(config.static_node(node.server.enode())).await.unwrap();
            (geth, node)
        };
        let mut received = watch(&node.whisper);
        node.wait_for_peers(1).await;
        node.post(POSTS).await;
        assert_eq!(texts(&mut kept, POSTS).await, numbers(POSTS));
        let mut at_ours = BTreeSet::new();
        while at_ours.len() < POSTS {
            at_ours.insert(String::from_utf8(next(&mut received).await).unwrap());
        }
        assert_eq!(at_ours, numbers(POSTS));
        assert_eq!(node.whisper.stats().sessions.ended, 0, "we dial: {we_dial}");
        geth.stop().await;
        node.stop().await;
    }
}

#[tokio::test]
async fn between_1_8_and_1_9_both_get_what_is_posted_here_and_stay() {
    const POSTS: usize = 20;
    let (old, mut kept_by_old) = GethPeer::new(Rule::GETH_1_8, MIN_WORK, Clock::system());
    let (new, mut kept_by_new) = GethPeer::new(Rule::EIP_627, MIN_WORK, Clock::system());
    let old = Server::start(server().name(OLD).protocol(old.protocol(Vec::new()))).await.unwrap();
    let new = Server::start(server().name(NEW).protocol(new.protocol(Vec::new()))).await.unwrap();
    let node = Node::start(&[&old, &new]).await;
    node.wait_for_peers(2).await;
    node.post(POSTS).await;
    assert_eq!(texts(&mut kept_by_old, POSTS).await, numbers(POSTS));
    assert_eq!(texts(&mut kept_by_new, POSTS).await, numbers(POSTS));
    assert_eq!(node.whisper.stats().sessions.ended, 0);
    for geth in [old, new] {
        geth.stop().await;
    }
    node.stop().await;
}

#[tokio::test]
async fn a_peer_whose_rule_is_unknown_gets_the_first_burst_as_well() {
    const POSTS: usize = 20;
    for rule in [Rule::GETH_1_8, Rule::EIP_627] {
        let (peer, mut kept) = GethPeer::new(rule, MIN_WORK, Clock::system());
        let config =
            server().name("wnode/v6.0/linux-amd64/go1.11").protocol(peer.protocol(Vec::new()));
        let geth = Server::start(config).await.unwrap();
        let mut events = geth.events();
        let node = Node::start(&[&geth]).await;
        node.wait_for_peers(1).await;
        node.post(POSTS).await;
        assert_eq!(texts(&mut kept, POSTS).await, numbers(POSTS), "{rule:?}");
        // What is low under its rule is tried at some time, and tells the rule.
        loop {
            if let Event::Dropped { .. } = events.next().await.unwrap() {
                break;
            }
        }
        while node.whisper.stats().work.learned == 0 {
            tokio::task::yield_now().await;
        }
        geth.stop().await;
        node.stop().await;
    }
}
