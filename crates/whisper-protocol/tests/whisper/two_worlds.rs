//! go-ethereum 1.8 and 1.9 count work under different rules, and each disconnects a peer that sends an envelope with too
//! little work under its own. This node stays connected to both.

use std::collections::HashSet;

use crate::support::{RawPeer, amount, bundle, post, random_id, settings, unsealed};
use bytes::Bytes;
use p2p_mux::{Channel, rlp::Item};
use tokio::task::JoinHandle;
use whisper_pow::{Policy, Rule, Task, Work, search, work};
use whisper_protocol::{
    Config, Dialect, Envelope, EnvelopeOutcome, PeerRule, Post, PostError, Remote, Sealing,
    Whisper, WorkSettings,
};

/// The requirement of the nodes in these tests.
const REQUIRED: f64 = 0.002;

const OLD: &str = "Geth/v1.8.27-stable/linux-amd64/go1.19.8";
const NEW: &str = "Geth/v1.9.6-stable-bd059680/linux-amd64/go1.13";

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

fn envelopes(packet: &Bytes) -> Vec<Envelope> {
    let list = Item::parse(packet).unwrap().items().unwrap();
    list.map(|item| Envelope::decode(Dialect::V6, packet.slice_ref(item.unwrap().raw())).unwrap())
        .collect()
}

/// A peer that applies one rule, as go-ethereum does: it disconnects at the first envelope with too little work under it.
/// Returns the envelopes before it, and whether it disconnected.
struct Strict {
    remote: Remote,
    read: JoinHandle<(Vec<[u8; 32]>, bool)>,
}

impl Strict {
    /// Connects the peer. `until`: the number of envelopes that it waits for.
    fn join(node: &Whisper, client: &str, rule: Rule, until: usize) -> Self {
        let remote = Remote::new(Dialect::V6, random_id()).client(client);
        let (near, mut far) = Channel::pipe();
        tokio::spawn(node.attach(remote.clone(), near));
        let read = tokio::spawn(async move {
            far.send_raw(0, status()).await.unwrap();
            let mut read = Vec::new();
            while read.len() < until {
                let Some(message) = far.recv().await else { break };
                if message.code != 1 {
                    continue;
                }
                for envelope in envelopes(&message.payload) {
                    if !is_enough(rule, &envelope) {
                        return (read, true);
                    }
                    read.push(*envelope.hash());
                }
            }
            (read, false)
        });
        Self { remote, read }
    }
}

async fn joined(node: &Whisper, peers: u64) {
    while node.stats().sessions.established < peers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn peers_with_both_rules_stay_connected_and_get_what_satisfies_their_rule() {
    let node = demanding(WorkSettings::default());
    let old = Strict::join(&node, OLD, Rule::GETH_1_8, 3);
    let new = Strict::join(&node, NEW, Rule::EIP_627, 3);
    let mut source = RawPeer::new(&node).after(&status()).await;
    joined(&node, 3).await;

    let (for_old, for_new) =
        (under(Rule::GETH_1_8, Rule::EIP_627), under(Rule::EIP_627, Rule::GETH_1_8));
    let for_both = under_both();
    source.send_envelopes(&[&for_old, &for_new]).await;
    source.send_envelopes(&[&for_both]).await;
    // Posts are sealed under both rules.
    let own = Post { pow_target: REQUIRED, ..post(&node, b"own") };
    let own = node.post(own).await.unwrap().hash();

    for (peer, only) in [(old, for_old), (new, for_new)] {
        let (read, cut) = peer.read.await.unwrap();
        assert!(!cut, "{} hung up", peer.remote.client);
        let expected = HashSet::from([*only.hash(), *for_both.hash(), own]);
        assert_eq!(HashSet::from_iter(read), expected, "{}", peer.remote.client);
    }
    assert_eq!(node.stats().work.sealed_for_all, 1);
    let (code, _) = source.receive().await;
    assert_eq!(code, 1, "and the source the one that was posted here");
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
        let read = Strict::join(&node, client, rule, 1).read.await.unwrap();
        assert_eq!(read, (vec![*expected.hash()], false), "{client}");
    }
}

#[tokio::test]
async fn a_configured_rule_has_precedence_over_the_client_name() {
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
async fn the_rules_that_a_post_satisfies_are_configured() {
    let enough = |node: &Whisper, hash: [u8; 32]| {
        let filter = node.subscribe(crate::support::spec(node)).unwrap();
        let all = node.all_messages(&filter).unwrap();
        assert!(all.iter().any(|received| received.hash == hash));
    };
    for (seal, client, sealed_for_all) in [
        (Sealing::Peers, OLD, 1),
        (Sealing::Peers, NEW, 0),
        (Sealing::Peers, "unknown", 0),
        (Sealing::All, NEW, 1),
        (Sealing::Own, OLD, 0),
    ] {
        let node = demanding(WorkSettings { seal, ..WorkSettings::default() });
        let remote = Remote::new(Dialect::V6, random_id()).client(client);
        let _peer = RawPeer::who_is(&node, remote).after(&status()).await;
        joined(&node, 1).await;
        let post = Post { pow_target: REQUIRED, ..post(&node, b"x") };
        let hash = node.post(post).await.unwrap().hash();
        enough(&node, hash);
        assert_eq!(node.stats().work.sealed_for_all, sealed_for_all, "{seal:?} {client}");
    }
}

#[tokio::test]
async fn a_post_without_time_for_all_rules_satisfies_the_first() {
    let policy = Policy::default();
    let node = demanding(WorkSettings { seal: Sealing::All, policy, ..WorkSettings::default() });
    // 20 bits are found quickly under one rule, but not under both.
    let post = Post {
        pow_target: 40.0,
        ttl: 50,
        pow_time: std::time::Duration::from_millis(100),
        ..post(&node, b"x")
    };
    let mut tries = 1;
    while node.post(post.clone()).await == Err(PostError::PowTimeTooShort(post.pow_time)) {
        tries += 1;
    }
    assert_eq!((node.info().envelopes, node.stats().work.sealed_for_one), (1, tries));
    let easy = Post { pow_target: REQUIRED, pow_time: std::time::Duration::from_secs(60), ..post };
    node.post(easy).await.unwrap();
    assert_eq!(node.stats().work.sealed_for_all, 1);
}
