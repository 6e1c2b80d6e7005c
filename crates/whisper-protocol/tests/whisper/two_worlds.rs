//! go-ethereum 1.8 and 1.9 count work under different rules, and each disconnects a peer that sends an envelope with too
//! little work under its own. This node stays connected to both.

use std::collections::HashSet;

use crate::{
    geth_peer::{GethPeer, NEW, OLD},
    support::{
        NOW, RawPeer, amount, bundle, next, post, random_id, settings, unsealed, watch, world,
    },
};
use p2p_mux::{Channel, Exit};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};
use whisper_pow::{Rule, Task, Work, search, work};
use whisper_protocol::{
    Clock, Config, Dialect, Envelope, EnvelopeOutcome, EnvelopeState, PeerRule, Post, PostEnvelope,
    PostError, Remote, Sealing, Whisper, WorkSettings,
};

/// The requirement of the nodes in these tests.
const REQUIRED: f64 = 0.002;

fn demanding(work: WorkSettings) -> Whisper {
    Whisper::new(Config { min_work: amount(REQUIRED), work, ..settings() })
}

fn required() -> Work {
    Work::new(REQUIRED).unwrap()
}

fn is_enough(rule: Rule, envelope: &Envelope) -> bool {
    work(rule, envelope).unwrap() >= required()
}

/// An envelope with enough work under the one rule and too little under the other.
fn under(rule: Rule, other: Rule) -> Envelope {
    let draft = unsealed(b"for one world");
    let sealed = (0..).map(|nonce| draft.seal(nonce));
    sealed.into_iter().find(|it| is_enough(rule, it) && !is_enough(other, it)).unwrap()
}

fn under_both() -> Envelope {
    let draft = unsealed(b"for both worlds");
    let both = Task::new(Rule::EIP_627, &draft).unwrap().and(Rule::GETH_1_8);
    let bits = both.bits_for(required()).unwrap();
    draft.seal(search(&both, 0..=u64::MAX, bits, || false).best.unwrap().nonce)
}

/// The status of a node that requires work: `[6, the bits of 0.002, "", 0]`.
fn status() -> Vec<u8> {
    hex::decode("cc06883f60624dd2f1a9fc8080").unwrap()
}

/// A peer that behaves as go-ethereum does, connected to a node.
struct Strict {
    client: String,
    kept: UnboundedReceiver<Envelope>,
    session: JoinHandle<Result<(), Exit>>,
}

impl Strict {
    fn join(node: &Whisper, client: &str, rule: Rule) -> Self {
        let remote = Remote::new(Dialect::V6, random_id()).client(client);
        let (near, far) = Channel::pipe();
        tokio::spawn(node.attach(remote, near));
        let (peer, kept) = GethPeer::new(rule, REQUIRED, Clock::of(world(|| NOW)));
        let session = tokio::spawn(async move { peer.run(far, &[]).await });
        Self { client: client.to_owned(), kept, session }
    }

    /// Waits until it has kept these envelopes. It may keep others, since an envelope for another rule may have enough
    /// work under its own by chance. For one with too little work it disconnects.
    async fn keeps(&mut self, mut expected: HashSet<[u8; 32]>) {
        while !expected.is_empty() {
            expected.remove(self.kept.recv().await.unwrap().hash());
        }
        assert!(!self.session.is_finished(), "{} disconnected", self.client);
    }
}

async fn joined(node: &Whisper, peers: u64) {
    while node.stats().sessions.established < peers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_1_8_and_a_1_9_peer_each_get_what_has_enough_work_under_their_rule() {
    let node = demanding(WorkSettings::default());
    let old = Strict::join(&node, OLD, Rule::GETH_1_8);
    let new = Strict::join(&node, NEW, Rule::EIP_627);
    let mut source = RawPeer::new(&node).after(&status()).await;
    joined(&node, 3).await;

    let (for_old, for_new) =
        (under(Rule::GETH_1_8, Rule::EIP_627), under(Rule::EIP_627, Rule::GETH_1_8));
    let for_both = under_both();
    source.send_envelopes(&[&for_old, &for_new]).await;
    source.send_envelopes(&[&for_both]).await;
    let own = node.post(Post { pow_target: 1.0, ..post(&node, b"own") }).await.unwrap();
    let [by_new, by_old] = sealed_for(&own.envelopes(), [Rule::EIP_627, Rule::GETH_1_8]);
    assert_eq!(own.hash(), by_new);

    for (mut peer, only, own) in [(old, for_old, by_old), (new, for_new, by_new)] {
        let expected = HashSet::from([*only.hash(), *for_both.hash(), own]);
        peer.keeps(expected).await;
    }
    assert_eq!(node.stats().work.sealed_for_all, 1);
    let (code, _) = source.receive().await;
    assert_eq!(code, 1, "and the source the one that was posted here");
}

/// The hashes of a post's envelopes, which must be for these rules.
fn sealed_for<const N: usize>(envelopes: &[PostEnvelope], rules: [Rule; N]) -> [[u8; 32]; N] {
    assert!(envelopes.iter().map(|envelope| envelope.rule).eq(rules));
    std::array::from_fn(|index| envelopes[index].hash)
}

#[tokio::test]
async fn later_peers_get_what_satisfies_their_rule() {
    let node = demanding(WorkSettings::default());
    let (for_old, for_new) =
        (under(Rule::GETH_1_8, Rule::EIP_627), under(Rule::EIP_627, Rule::GETH_1_8));
    for envelope in [&for_old, &for_new] {
        assert_eq!(node.inject(envelope.clone()), EnvelopeOutcome::New);
    }
    for (client, rule, expected) in [(OLD, Rule::GETH_1_8, for_old), (NEW, Rule::EIP_627, for_new)]
    {
        let mut peer = Strict::join(&node, client, rule);
        peer.keeps([*expected.hash()].into()).await;
    }
}

#[tokio::test]
async fn a_post_is_sealed_again_for_a_peer_that_connects_later() {
    let node = demanding(WorkSettings::default());
    let post = Post { pow_target: 1.0, ..post(&node, b"early") };
    let receipt = node.post(post).await.unwrap();
    sealed_for(&receipt.envelopes(), [Rule::EIP_627]);
    let mut old = Strict::join(&node, OLD, Rule::GETH_1_8);
    while receipt.envelopes().len() < 2 {
        tokio::task::yield_now().await;
    }
    let [_, by_old] = sealed_for(&receipt.envelopes(), [Rule::EIP_627, Rule::GETH_1_8]);
    old.keeps([by_old].into()).await;
    assert_eq!(node.receipt(&by_old), Some(receipt));
}

/// Connects two nodes that know each other by their client names.
fn connect(a: &Whisper, b: &Whisper) {
    let (near, far) = Channel::pipe();
    let remote = || Remote::new(Dialect::V6, random_id()).client("WhisperNode/v0.1.0");
    tokio::spawn(a.attach(remote(), near));
    tokio::spawn(b.attach(remote(), far));
}

#[tokio::test]
async fn a_filter_receives_a_message_once_that_has_several_envelopes() {
    let node = demanding(WorkSettings { seal: Sealing::All, ..WorkSettings::default() });
    let other = demanding(WorkSettings::default());
    connect(&node, &other);
    let (mut here, mut there) = (watch(&node), watch(&other));
    let filter = other.subscribe(crate::support::spec(&other)).unwrap();
    for text in [&b"one"[..], b"two"] {
        let post = Post { pow_target: 1.0, ..post(&node, text) };
        assert_eq!(node.post(post).await.unwrap().envelopes().len(), 2);
    }
    for watch in [&mut here, &mut there] {
        assert_eq!((next(watch).await, next(watch).await), (b"one".to_vec(), b"two".to_vec()));
    }
    while other.stats().delivery.repeated < 4 {
        tokio::task::yield_now().await; // the second envelopes, in two filters
    }
    assert_eq!(other.take_messages(&filter).unwrap().len(), 2);
    assert_eq!((other.all_messages(&filter).unwrap().len(), other.info().envelopes), (2, 4));
}

#[tokio::test]
async fn a_post_is_found_by_the_hash_of_each_envelope() {
    let node = demanding(WorkSettings::default());
    let mut old = Strict::join(&node, OLD, Rule::GETH_1_8);
    joined(&node, 1).await;
    let receipt = node.post(Post { pow_target: 1.0, ..post(&node, b"x") }).await.unwrap();
    let hashes = sealed_for(&receipt.envelopes(), [Rule::EIP_627, Rule::GETH_1_8]);
    old.keeps([hashes[1]].into()).await;
    for hash in hashes {
        let found = node.receipt(&hash).unwrap();
        assert_eq!((found.hash(), found.state()), (receipt.hash(), receipt.state()));
        let explained = node.explain(&hash);
        assert_eq!((explained.hash, explained.envelopes), (hash, receipt.envelopes()));
        assert_eq!(explained.receipt, Some(receipt.state()));
        let EnvelopeState::Pooled(pooled) = explained.state else { panic!("not pooled") };
        assert!(pooled.peers.iter().all(|peer| peer.sent && peer.skipped.is_none()));
    }
    assert!(node.receipt(&[1; 32]).is_none());
}

#[tokio::test]
async fn what_the_operator_says_counts_for_more_than_a_name() {
    let named = Remote::new(Dialect::V6, random_id()).client(NEW);
    let rule = PeerRule::Only(Rule::GETH_1_8);
    let peers = [(named.id, rule)].into();
    let node = demanding(WorkSettings { peers, fallback: rule, ..WorkSettings::default() });
    let nameless = Remote::new(Dialect::V6, random_id());
    let [protocol, _] = node.protocols();
    let for_old = under(Rule::GETH_1_8, Rule::EIP_627);
    let for_new = under(Rule::EIP_627, Rule::GETH_1_8);
    for remote in [named, nameless] {
        let mut peer = RawPeer::who_is(&node, remote).after(&status()).await;
        for envelope in [&for_new, &for_old] {
            let _known_the_second_time = node.inject(envelope.clone());
        }
        assert_eq!(peer.receive().await, (1, bundle([&for_old.raw()[..]])));
        let described = protocol.describe_peer(&peer.id).unwrap();
        assert!(described.contains(r#""powRule":"geth-1.8""#), "{described}");
    }
}

#[tokio::test]
async fn the_rules_that_a_post_is_sealed_for_are_configured() {
    let enough = |node: &Whisper, hashes: Vec<[u8; 32]>| {
        let filter = node.subscribe(crate::support::spec(node)).unwrap();
        let all = node.all_messages(&filter).unwrap();
        assert!(all.iter().any(|received| hashes.contains(&received.hash)));
    };
    for (seal, client, sealed_for_all) in [
        (Sealing::Peers, OLD, 1),
        (Sealing::Peers, NEW, 0),
        (Sealing::Peers, "of a client with another name", 1),
        (Sealing::Rules(vec![Rule::GETH_1_8, Rule::EIP_627]), NEW, 1),
        (Sealing::Rules(vec![Rule::GETH_1_8]), NEW, 0),
        (Sealing::All, NEW, 1),
        (Sealing::Own, OLD, 0),
    ] {
        let work = WorkSettings { seal: seal.clone(), ..WorkSettings::default() };
        let node = demanding(work);
        let remote = Remote::new(Dialect::V6, random_id()).client(client);
        let _peer = RawPeer::who_is(&node, remote).after(&status()).await;
        joined(&node, 1).await;
        let post = Post { pow_target: REQUIRED, ..post(&node, b"x") };
        let envelopes = node.post(post).await.unwrap().envelopes();
        enough(&node, envelopes.iter().map(|envelope| envelope.hash).collect());
        assert_eq!(node.stats().work.sealed_for_all, sealed_for_all, "{seal:?} {client}");
    }
}

#[tokio::test]
async fn a_rule_that_is_not_met_in_time_is_named_in_the_receipt() {
    let node = demanding(WorkSettings { seal: Sealing::All, ..WorkSettings::default() });
    // 20 bits: sometimes found in time.
    let post = Post {
        pow_target: 40.0,
        ttl: 50,
        pow_time: std::time::Duration::from_millis(100),
        ..post(&node, b"x")
    };
    let receipt = loop {
        match node.post(post.clone()).await {
            Err(PostError::PowTimeTooShort(time)) => assert_eq!(time, post.pow_time),
            Ok(receipt) if receipt.unmet().is_empty() => {}
            receipt => break receipt.unwrap(),
        }
    };
    assert_eq!(receipt.unmet(), [Rule::GETH_1_8]);
    sealed_for(&receipt.envelopes(), [Rule::EIP_627]);
    assert_eq!(node.stats().work.sealed_for_one, 1);
    let easy = Post { pow_target: 1.0, pow_time: std::time::Duration::from_secs(60), ..post };
    let before = node.stats().work.sealed_for_all;
    let receipt = node.post(easy).await.unwrap();
    assert_eq!((receipt.unmet(), node.stats().work.sealed_for_all), (&[][..], before + 1));
}

#[tokio::test]
async fn the_first_rule_of_the_setting_names_the_post() {
    for (rules, first) in [
        (vec![Rule::GETH_1_8, Rule::EIP_627], Rule::GETH_1_8),
        (vec![Rule::EIP_627, Rule::GETH_1_8], Rule::EIP_627),
    ] {
        let seal = Sealing::Rules(rules.clone());
        let node = demanding(WorkSettings { seal, ..WorkSettings::default() });
        let receipt = node.post(Post { pow_target: 1.0, ..post(&node, b"x") }).await.unwrap();
        let [named, _] = sealed_for(&receipt.envelopes(), [rules[0], rules[1]]);
        assert_eq!((rules[0], receipt.hash()), (first, named));
    }
}
