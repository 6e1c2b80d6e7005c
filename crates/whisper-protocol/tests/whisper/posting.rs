//! Posts, and the errors of posts with go-ethereum's texts.

use std::time::Duration;

use crate::support::{self, NOW, TOPIC, amount, node, post, settings, watch};
use p2p_identity::SecretKey;
use whisper_pow::{Policy, Rule};
use whisper_protocol::{
    Config, Post, PostError, Recipient, RejectReason, Topic, Whisper, WorkSettings,
};

fn demanding(min_work: f64) -> Whisper {
    Whisper::new(Config { min_work: amount(min_work), ..settings() })
}

#[tokio::test]
async fn mistakes_and_their_texts() {
    let node = demanding(0.2);
    let good = Post { pow_target: 0.2, ..post(&node, b"x") };
    let unknown = support::node().keys().new_symmetric();
    let huge = vec![0; 2 << 20];
    let cases = [
        (Post { to: Recipient::Symmetric(unknown), ..good.clone() }, "non-existent key ID"),
        (
            Post { sign: Some(unknown), ..good.clone() },
            "invalid id: there is no key pair to sign with",
        ),
        (Post { topic: Topic([0; 4]), ..good.clone() }, "missing topic(s)"),
        (
            Post { pow_target: 0.1, ..good.clone() },
            "message rejected, PoW too low (had 0.1, needed 0.2)",
        ),
        (
            Post { pow_target: 0.0, ..good.clone() },
            "message rejected, PoW too low (had 0, needed 0.2)",
        ),
        (
            Post { pow_target: -1.0, ..good.clone() },
            "message rejected, PoW too low (had -1, needed 0.2)",
        ),
        (Post { pow_target: f64::NAN, ..good.clone() }, "invalid PoW: NaN"),
        (Post { payload: huge, ..good.clone() }, "huge messages are not allowed ["),
        (
            Post { pow_target: 1e15, pow_time: Duration::ZERO, ..good.clone() },
            "failed to reach the PoW target, specified pow time (0 seconds) was insufficient",
        ),
    ];
    for (post, text) in cases {
        let error = node.post(post).await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    assert_eq!(node.info().envelopes, 0);
    assert!(node.post(good).await.is_ok());
}

/// Without time there is no search, and so no target is reached, however low: go-ethereum's `Seal` does the same.
#[tokio::test]
async fn a_target_without_time_is_never_reached() {
    let node = node();
    for pow_target in [1e-9, 0.2] {
        let post = Post { pow_target, pow_time: Duration::ZERO, ..post(&node, b"x") };
        let refused = node.post(post.clone()).await;
        assert_eq!(refused, Err(PostError::PowTimeTooShort(Duration::ZERO)));
        // It is reported before the other mistakes of go-ethereum's later checks.
        let huge = Post { payload: vec![0; 2 << 20], ..post };
        assert_eq!(node.post(huge).await, Err(PostError::PowTimeTooShort(Duration::ZERO)));
    }
    let post = Post { pow_target: 0.0, pow_time: Duration::ZERO, ..post(&node, b"x") };
    assert!(node.post(post).await.is_ok());
}

#[tokio::test]
async fn a_time_to_live_beyond_the_last_timestamp() {
    let node = node();
    let post = Post { ttl: u32::MAX, ..post(&node, b"x") };
    assert!(matches!(node.post(post).await, Err(PostError::Draft(_))));
}

#[tokio::test]
async fn asymmetric_messages_need_no_topic() {
    let node = node();
    let to = Recipient::Asymmetric(SecretKey::random(&mut rand::rng()).public_key());
    assert!(node.post(Post { pow_target: 0.0, ..Post::new(to) }).await.is_ok());
}

#[tokio::test]
async fn the_work_asked_for_is_done_under_the_chosen_rule() {
    for rule in [Rule::EIP_627, Rule::GETH_1_8] {
        let policy = Policy { seal: rule, accept: vec![rule] };
        let rules = WorkSettings { policy, ..WorkSettings::default() };
        let node = Whisper::new(Config { min_work: amount(0.2), work: rules, ..settings() });
        let mut watch = watch(&node);
        node.post(Post { pow_target: 0.5, ttl: 0, ..post(&node, b"x") }).await.unwrap();
        let received = watch.next().await.unwrap();
        assert!(received.work >= 0.5, "{}", received.work);
        assert_eq!((received.ttl, received.sent), (50, NOW));
    }
}

#[tokio::test]
async fn a_negative_target_takes_all_of_its_time_and_is_dated_to_its_end() {
    let node = node();
    let mut watch = watch(&node);
    let post = Post { pow_target: -1.0, pow_time: Duration::from_secs(1), ..post(&node, b"x") };
    // It is below any requirement of the node, but may be sent to a single peer.
    let too_low = PostError::PowTooLow { had: -1.0, needed: amount(0.0) };
    assert_eq!(node.post(post.clone()).await, Err(too_low));
    let other = support::node();
    let joined = support::join(&node, &other);
    node.post(support::post(&node, b"connected?")).await.unwrap();
    watch.next().await.unwrap();
    let mut allowing = other
        .watch(whisper_protocol::FilterSpec { allow_p2p: true, ..support::spec(&other) })
        .unwrap();
    while other.mark_trusted(&joined.ids[1]).is_err() {
        tokio::task::yield_now().await;
    }
    node.post(Post { target_peer: Some(joined.ids[0]), ..post }).await.unwrap();
    let received = loop {
        let received = allowing.next().await.unwrap();
        if received.direct {
            break received;
        }
    };
    assert_eq!(received.sent, NOW + 1);
}

#[tokio::test]
async fn the_node_may_reject_its_own_envelope() {
    // The clock passes the expiry while the message is sealed.
    let clock = support::HandClock::new();
    let ticking = {
        let clock = clock.clone();
        support::world(move || {
            clock.advance(2);
            clock.now() - 2
        })
    };
    let node = Whisper::new(Config { world: ticking, ..settings() });
    let refused = node.post(Post { ttl: 1, ..post(&node, b"x") }).await;
    assert_eq!(refused, Err(PostError::Rejected(RejectReason::Expired)));
}

#[tokio::test]
async fn settings_out_of_range() {
    let node = node();
    let error = node.set_max_message_size(10_485_761).unwrap_err();
    assert_eq!(error.to_string(), "message size too large [10485761>10485760]");
    node.set_min_work(amount(0.7));
    node.set_max_message_size(600).unwrap();
    let info = node.info();
    assert_eq!((info.min_work, info.max_message_size), (amount(0.7), 600));
    assert_eq!(TOPIC, Topic(*b"test"));
}

#[tokio::test]
async fn the_protocol_describes_node_and_peers() {
    let node = demanding(0.2);
    let [protocol, of_old] = node.protocols();
    assert_eq!(protocol.capability().to_string(), "shh/6");
    assert_eq!(protocol.length(), 128);
    assert_eq!((of_old.capability().to_string(), of_old.length()), ("shh/5".into(), 64));
    let described: serde_json::Value =
        serde_json::from_str(&protocol.describe_node().unwrap()).unwrap();
    let expected = r#"{"clockCorrection":0,"clockExcess":0,"filters":0,"maxMessageSize":1048576,
        "minimumPoW":0.2,"version":"6.0",
        "versions":["6.0","5.0"]}"#;
    assert_eq!(described, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    assert_eq!(protocol.describe_peer(&support::random_id()), None);

    let peer = support::RawPeer::greeted(&node).await;
    let described = loop {
        match protocol.describe_peer(&peer.id) {
            Some(described) => break described,
            None => tokio::task::yield_now().await,
        }
    };
    let described: serde_json::Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["version"], 6);
    assert_eq!(described["pow"], 0.0);
    assert_eq!(described["bloom"], format!("0x{}", "ff".repeat(64)));
}
