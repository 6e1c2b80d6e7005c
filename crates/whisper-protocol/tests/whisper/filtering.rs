//! Each criterion of filters, and mailboxes.

use std::time::Duration;

use crate::support::{
    self, HandClock, NOW, RawPeer, TOPIC, amount, envelope, next, node, post, settings, spec,
    unsealed, watch,
};
use p2p_identity::SecretKey;
use tokio::time::sleep;
use whisper_envelope::{Ciphertext, Dialect, Draft};
use whisper_pow::Policy;
use whisper_protocol::{
    Bloom, Config, EnvelopeOutcome, FilterId, FilterKey, FilterSettings, FilterSpec, Interest,
    PartialTopic, Post, QueueLimits, QueueSettings, Recipient, Topic, Whisper,
};

/// Waits until the workers have processed everything queued so far, and empties a mailbox.
async fn payloads(node: &Whisper, id: &FilterId) -> Vec<Vec<u8>> {
    let key = node.keys().new_symmetric();
    let topic = Topic(*b"mark");
    let mut mark = node.watch(FilterSpec::new(FilterKey::Symmetric(key)).topic(topic)).unwrap();
    let post = Post { topic, pow_target: 0.0, ..Post::new(Recipient::Symmetric(key)) };
    node.post(post).await.unwrap();
    mark.next().await.unwrap();
    let messages = node.take_messages(id).unwrap();
    messages.iter().map(|received| received.message.payload.to_vec()).collect()
}

fn one_worker() -> FilterSettings {
    FilterSettings { workers: 1, ..FilterSettings::default() }
}

/// One worker, so that messages are opened in the order of their arrival.
fn in_order() -> Config {
    Config { filters: one_worker(), ..settings() }
}

#[tokio::test]
async fn by_topic_and_key() {
    let node = Whisper::new(in_order());
    let key = node.keys().add_symmetric(support::key());
    let of = |key, topics: &[Topic]| {
        let topics = topics.iter().map(|topic| PartialTopic::from(*topic)).collect();
        let spec = FilterSpec { topics, ..FilterSpec::new(key) };
        node.subscribe(spec).unwrap()
    };
    let key = FilterKey::Symmetric(key);
    let (here, elsewhere) = (of(key, &[TOPIC]), of(key, &[Topic(*b"else")]));
    let (either, any) = (of(key, &[TOPIC, Topic(*b"else")]), of(key, &[]));
    let other_key = of(FilterKey::Symmetric(node.keys().new_symmetric()), &[TOPIC]);
    let private = of(FilterKey::Private(node.keys().new_key_pair()), &[TOPIC]);
    node.post(post(&node, b"here")).await.unwrap();
    node.post(Post { topic: Topic(*b"else"), ..post(&node, b"else") }).await.unwrap();
    let expected: [(FilterId, &[&[u8]]); 6] = [
        (here, &[b"here"]),
        (elsewhere, &[b"else"]),
        (either, &[b"here", b"else"]),
        (any, &[b"here", b"else"]),
        (other_key, &[]),
        (private, &[]),
    ];
    for (id, expected) in expected {
        assert_eq!(payloads(&node, &id).await, expected, "{id}");
    }
}

#[tokio::test]
async fn by_signer() {
    let node = Whisper::new(in_order());
    let author = SecretKey::random(&mut rand::rng());
    let signed = node.keys().add_private_key(author.clone());
    let other = node.keys().new_key_pair();
    let of = FilterSpec { signer: Some(author.public_key()), ..spec(&node) };
    let id = node.subscribe(of).unwrap();
    node.post(post(&node, b"without a signature")).await.unwrap();
    node.post(Post { sign: Some(other), ..post(&node, b"by another") }).await.unwrap();
    node.post(Post { sign: Some(signed), ..post(&node, b"by the author") }).await.unwrap();
    assert_eq!(payloads(&node, &id).await, [b"by the author"]);
    assert_eq!(node.stats().delivery.not_matching, 2);
}

#[tokio::test]
async fn by_work() {
    let node = Whisper::new(in_order());
    let policy = Policy::default();
    let work = |nonce, payload| policy.work(&unsealed(payload).seal(nonce)).unwrap().get();
    assert!(work(0, b"low") < 1e6, "no luck");
    let id = node.subscribe(FilterSpec { min_work: amount(1e6), ..spec(&node) }).unwrap();
    let all = node.subscribe(spec(&node)).unwrap();
    assert_eq!(node.inject(envelope(b"low")), EnvelopeOutcome::New);
    assert_eq!(payloads(&node, &id).await, [[0; 0]; 0]);
    assert_eq!(payloads(&node, &all).await, [b"low"], "which does not keep it from others");

    let sealed = envelope(b"enough");
    let exactly = policy.work(&sealed).unwrap();
    let id = node.subscribe(FilterSpec { min_work: exactly, ..spec(&node) }).unwrap();
    assert_eq!(node.inject(sealed), EnvelopeOutcome::New);
    assert_eq!(payloads(&node, &id).await, [b"enough"]);
}

#[tokio::test]
async fn a_mailbox_drops_the_oldest_and_counts() {
    let mailbox = QueueLimits { items: 2, bytes: usize::MAX };
    let filters = FilterSettings { mailbox, ..one_worker() };
    let node = Whisper::new(Config { filters, ..settings() });
    let id = node.subscribe(spec(&node)).unwrap();
    for (delivered, payload) in (1..).zip([b"1", b"2", b"3", b"4"]) {
        node.post(post(&node, payload)).await.unwrap();
        while node.stats().delivery.delivered < delivered {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(payloads(&node, &id).await, [b"3", b"4"]);
    assert_eq!(payloads(&node, &id).await, [[0; 0]; 0], "fetched once");
    let delivery = node.stats().delivery;
    // The marks that `payloads` posts are delivered as well.
    assert_eq!((delivery.mailbox_full, delivery.delivered), (2, 4 + 2));
}

#[tokio::test]
async fn what_does_not_fit_into_the_message_queue_is_delivered_later() {
    let broadcast = QueueLimits { items: 3, bytes: usize::MAX };
    let queues = QueueSettings { broadcast, ..QueueSettings::default() };
    let node = Whisper::new(Config { queues, ..in_order() });
    let mut watch = watch(&node);
    // On a runtime with one thread, no worker runs in between.
    for number in 0..5 {
        assert_eq!(node.inject(envelope(&[number])), EnvelopeOutcome::New, "relayed all the same");
    }
    let mut delivered = Vec::new();
    while delivered.len() < 5 {
        delivered.extend(next(&mut watch).await);
    }
    delivered.sort_unstable();
    assert_eq!(delivered, [0, 1, 2, 3, 4]);
    let delivery = node.stats().delivery;
    assert_eq!((delivery.queue_retried, delivery.message_queue_full), (2, 0));
}

#[tokio::test]
async fn a_filter_keeps_its_key_and_ends_when_it_is_removed() {
    let node = Whisper::new(in_order());
    let key = node.keys().add_symmetric(support::key());
    let id = node.subscribe(FilterSpec::new(FilterKey::Symmetric(key))).unwrap();
    assert!(node.keys().delete_symmetric(&key));
    node.post(post(&node, b"still")).await.unwrap();
    assert_eq!(payloads(&node, &id).await, [b"still"]);
    assert!(node.unsubscribe(&id) && !node.unsubscribe(&id));
    assert!(node.take_messages(&id).is_none() && node.all_messages(&id).is_none());
}

#[tokio::test]
async fn a_watch_is_a_filter_until_it_is_dropped() {
    let node = node();
    let watch = watch(&node);
    let id = watch.id();
    assert!(node.take_messages(&id).is_some());
    drop(watch);
    assert!(node.take_messages(&id).is_none());
}

#[tokio::test]
async fn all_messages_are_found_in_the_pool() {
    let node = Whisper::new(in_order());
    node.post(post(&node, b"before the filter")).await.unwrap();
    node.post(Post { topic: Topic(*b"else"), ..post(&node, b"elsewhere") }).await.unwrap();
    let id = node.subscribe(spec(&node)).unwrap();
    assert_eq!(payloads(&node, &id).await, [[0; 0]; 0]);
    for _ in 0..2 {
        let all = node.all_messages(&id).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].message.payload, &b"before the filter"[..]);
    }
}

#[tokio::test]
async fn envelopes_that_no_key_opens_are_counted() {
    let node = Whisper::new(in_order());
    let key = FilterKey::Symmetric(node.keys().new_symmetric());
    let id = node.subscribe(FilterSpec::new(key).topic(TOPIC)).unwrap();
    node.post(post(&node, b"for others")).await.unwrap();
    assert_eq!(payloads(&node, &id).await, [[0; 0]; 0]);
    assert_eq!(node.stats().delivery.not_opened, 1);
}

/// `03 01` crashes go-ethereum: it announces a length of three bytes, but has only one byte.
#[tokio::test]
async fn a_malformed_plaintext_is_counted() {
    let node = node();
    let secret = SecretKey::random(&mut rand::rng());
    let public = secret.public_key();
    let key = node.keys().add_private_key(secret);
    let mut watch = node.watch(FilterSpec::new(FilterKey::Private(key)).topic(TOPIC)).unwrap();
    let to = whisper_envelope::Recipient::Asymmetric(&public);
    let peer = RawPeer::greeted(&node).await;
    for plaintext in [&[0x03, 0x01][..], &[], &[0x01], &[0x01, 0x02, 0xaa], &[0x04; 70]] {
        let sealed = Ciphertext::asymmetric(Dialect::V6, &public, plaintext, &mut rand::rng());
        let draft = Draft::new(Dialect::V6, to, NOW).topic(TOPIC);
        peer.send_envelopes(&[&draft.enclose(&sealed).unwrap().seal(0)]).await;
    }
    let good = Draft::new(Dialect::V6, to, NOW).topic(TOPIC).payload(b"good");
    peer.send_envelopes(&[&good.encrypt(&mut rand::rng()).unwrap().seal(0)]).await;
    assert_eq!(next(&mut watch).await, b"good");
    while node.stats().delivery.malformed < 5 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn by_the_beginning_of_a_topic() {
    let node = Whisper::new(in_order());
    let key = FilterKey::Symmetric(node.keys().add_symmetric(support::key()));
    let of = |topic: &[u8]| FilterSpec::new(key).topic(PartialTopic::new(topic).unwrap());
    let ids = [&b"t"[..], b"tes", b"test", b"e"].map(|topic| node.subscribe(of(topic)).unwrap());
    node.post(post(&node, b"here")).await.unwrap();
    node.post(Post { topic: Topic(*b"else"), ..post(&node, b"else") }).await.unwrap();
    for (id, expected) in ids.iter().zip([&b"here"[..], b"here", b"here", b"else"]) {
        assert_eq!(payloads(&node, id).await, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_filter_is_removed_and_a_used_one_stays() {
    let idle = Some(Duration::from_secs(60));
    let filters = FilterSettings { idle, ..one_worker() };
    let node = Whisper::new(Config { filters, ..settings() });
    let [asked, forgotten] = [0; 2].map(|_| node.subscribe(spec(&node)).unwrap());
    let mut watched = watch(&node);
    for _ in 0..5 {
        sleep(Duration::from_secs(59)).await;
        assert!(node.take_messages(&asked).is_some());
    }
    assert!(node.take_messages(&forgotten).is_none());
    assert_eq!((node.stats().delivery.idle_filters, node.info().filters), (1, 2));
    node.post(post(&node, b"still")).await.unwrap();
    assert_eq!(next(&mut watched).await, b"still");
}

/// The next bloom that the node announces to this peer.
async fn announced(peer: &mut RawPeer) -> Bloom {
    let (code, payload) = peer.receive().await;
    assert_eq!((code, payload.len()), (3, 66));
    Bloom(payload[2..].try_into().unwrap())
}

#[tokio::test]
async fn the_bloom_follows_the_filters_both_ways_and_is_announced() {
    let node = Whisper::new(Config { interest: Interest::Filters, ..settings() });
    assert_eq!(node.bloom(), Bloom::EMPTY);
    let mut peer = RawPeer::greeted(&node).await;
    let other = Topic(*b"else");
    let (here, both) = (Bloom::of(TOPIC), Bloom::of(TOPIC).union(Bloom::of(other)));
    let watched = watch(&node);
    assert_eq!(announced(&mut peer).await, here);
    let elsewhere =
        node.subscribe(FilterSpec { topics: vec![other.into()], ..spec(&node) }).unwrap();
    assert_eq!(announced(&mut peer).await, both);
    let again = node.subscribe(spec(&node)).unwrap(); // asks for nothing new
    let any = node.subscribe(FilterSpec { topics: Vec::new(), ..spec(&node) }).unwrap();
    assert_eq!(announced(&mut peer).await, Bloom::FULL);
    assert!(node.unsubscribe(&any));
    assert_eq!(announced(&mut peer).await, both);
    drop(watched); // another filter still wants this topic
    assert!(node.unsubscribe(&elsewhere));
    assert_eq!(announced(&mut peer).await, here);
    assert!(node.unsubscribe(&again));
    assert_eq!(announced(&mut peer).await, Bloom::EMPTY);
    // A configured bloom is combined with the topics of the filters.
    node.set_bloom(Bloom::of(other));
    assert_eq!(announced(&mut peer).await, Bloom::of(other));
    let _watched = watch(&node);
    assert_eq!(announced(&mut peer).await, both);
}

#[tokio::test]
async fn the_topics_of_the_old_bloom_are_accepted_for_ten_seconds() {
    let clock = HandClock::new();
    let interest = Interest::Filters;
    let node = Whisper::new(Config { interest, world: clock.world(), ..settings() });
    let id = node.subscribe(spec(&node)).unwrap();
    clock.advance(11);
    assert!(node.unsubscribe(&id));
    let peer = RawPeer::greeted(&node).await;
    for (number, seconds, outside) in [(0, 10, 0), (1, 1, 1)] {
        clock.advance(seconds);
        peer.send_envelopes(&[&envelope(&[number])]).await;
        while node.stats().envelopes.received < u64::from(number) + 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(node.stats().rejected.outside_bloom, outside, "{number}");
    }
}
