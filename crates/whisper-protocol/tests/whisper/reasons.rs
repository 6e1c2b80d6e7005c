//! Every drop reason: each is triggered here, counted, and recorded with the peer or the envelope that it concerns.

use crate::archive::TestArchive;
use crate::support::{
    HandClock, NOW, RawPeer, TOPIC, amount, bundle, envelope, node, random_id, settings, spec,
    unsealed,
};
use std::num::NonZeroU32;

use bytes::Bytes;
use p2p_identity::{NodeId, SecretKey};
use p2p_mux::Channel;
use tokio::task::yield_now;
use whisper_envelope::{Ciphertext, Dialect, Draft, Unsealed};
use whisper_pow::Policy;
use whisper_protocol::{
    Bloom, Config, Dropped, Envelope, EnvelopeOutcome, FilterKey, FilterSettings, FilterSpec,
    Interest, MAX_MESSAGE_SIZE, PeerSettings, QueueLimits, QueueSettings, Rate, RateLimits, Reason,
    Remote, Topic, TraceSettings, Whisper,
    packet::SyncRequest,
    trace_1::{QuestionId, TraceMessage, TraceQuestion, TraceStatus},
};

fn dropped(node: &Whisper, reason: Reason) -> Dropped {
    node.drops().into_iter().find(|dropped| dropped.reason == reason).expect("all are listed")
}

/// A node that has processed this packet of a peer, after the exchange of status packets.
async fn after(node: Whisper, code: u64, payload: &[u8]) -> Whisper {
    let peer = RawPeer::greeted(&node).await;
    peer.send(code, payload).await;
    drop(peer.channel);
    let _ = peer.session.await.unwrap(); // it may have been cut
    node
}

/// A node that has processed this packet as the first one of a peer.
async fn after_first(node: Whisper, code: u64, payload: &[u8]) -> Whisper {
    let peer = RawPeer::new(&node);
    peer.send(code, payload).await;
    assert!(peer.session.await.unwrap().is_err(), "it was cut");
    node
}

/// A node that was sent this envelope by a peer.
async fn after_envelope(node: Whisper, envelope: &Envelope) -> Whisper {
    after(node, 1, &bundle([&envelope.raw()[..]])).await
}

/// A node that was sent this as a direct message of a trusted peer.
async fn after_direct(node: Whisper, envelope: &Envelope, times: usize) -> Whisper {
    let peer = RawPeer::greeted(&node).await;
    node.mark_trusted(&peer.id).unwrap();
    for _ in 0..times {
        peer.send(127, envelope.raw()).await;
    }
    drop(peer.channel);
    let _ = peer.session.await.unwrap();
    node
}

/// A node that a peer has asked too much over `trace/1`.
async fn after_questions() -> Whisper {
    let node = node();
    let may_trace: std::sync::Arc<dyn Fn(&NodeId) -> bool + Send + Sync> =
        std::sync::Arc::new(|_| true);
    let _ = node.trace_protocol(TraceSettings { own: random_id(), network: 0, may_trace });
    let (near, mut far) = Channel::pipe();
    let session = tokio::spawn(node.attach_trace(random_id(), near));
    let send = async |message: TraceMessage| {
        let (code, payload) = message.encode();
        far.send_raw(code, payload).await.unwrap();
    };
    send(TraceMessage::Status(TraceStatus { network: 0 })).await;
    for number in 0..70 {
        let id = QuestionId([number; 16]);
        let question = TraceQuestion { id, hash: [2; 32], hops: 1, time: 1000, limit: 10 };
        send(TraceMessage::Question(question)).await;
    }
    // Its status, and an answer to each.
    for _ in 0..=70 {
        far.recv().await.unwrap();
    }
    drop(far);
    let _ = session.await.unwrap();
    node
}

fn of_times(expiry: u32, ttl: u32) -> Envelope {
    Unsealed::v6(expiry, ttl, TOPIC, &[0; 64]).seal(0)
}

fn of_size(data: usize) -> Envelope {
    Unsealed::v6(NOW + 50, 50, TOPIC, &vec![0; data]).seal(0)
}

fn in_order(settings: Config) -> Whisper {
    Whisper::new(Config { filters: FilterSettings { workers: 1, ..settings.filters }, ..settings })
}

async fn refused(reason: Reason) -> Whisper {
    let small = || {
        let node = node();
        node.set_max_message_size(1000).unwrap();
        node
    };
    match reason.name() {
        "rejected.zero_ttl" => after_envelope(node(), &of_times(NOW, 0)).await,
        "rejected.ttl_beyond_expiry" => after_envelope(node(), &of_times(10, 11)).await,
        "rejected.from_the_future" => after_envelope(node(), &of_times(NOW + 61, 50)).await,
        "rejected.expired" => after_envelope(node(), &of_times(NOW - 1, 50)).await,
        "rejected.very_old" => after_envelope(node(), &of_times(NOW - 21, 50)).await,
        "rejected.too_large" => after_envelope(small(), &of_size(981)).await,
        "rejected.low_work" => {
            let demanding = Whisper::new(Config { min_work: amount(1e9), ..settings() });
            after_envelope(demanding, &envelope(b"idle")).await
        }
        "rejected.outside_bloom" => {
            let narrow = Bloom::of(Topic([1, 2, 3, 0]));
            let node = Whisper::new(Config { interest: Interest::Topics(narrow), ..settings() });
            after_envelope(node, &envelope(b"elsewhere")).await
        }
        "rejected.pool_full" => {
            let node = Whisper::new(Config { pool_bytes: 100, ..settings() });
            after_envelope(node, &envelope(b"does not fit")).await
        }
        "sessions.direct_too_large" => after_direct(small(), &of_size(981), 1).await,
        other => panic!("nothing provokes {other}"),
    }
}

async fn left_behind(reason: Reason) -> Whisper {
    match reason.name() {
        "relay.oversized" => {
            let node = node();
            node.set_max_message_size(MAX_MESSAGE_SIZE).unwrap();
            let peer = RawPeer::greeted(&node).await;
            assert_eq!(node.inject(of_size(1024 * 1024)), EnvelopeOutcome::New);
            hold(peer);
            node
        }
        "relay.expired" => {
            let clock = HandClock::new();
            let node = Whisper::new(Config { world: clock.world(), ..settings() });
            assert_eq!(node.inject(of_times(NOW + 1, 50)), EnvelopeOutcome::New);
            clock.advance(2);
            assert_eq!(node.inject(envelope(b"another")), EnvelopeOutcome::New);
            node
        }
        "relay.evicted" => {
            let (sealed, pool_bytes) = by_work();
            let node = Whisper::new(Config { pool_bytes, ..settings() });
            for sealed in [&sealed[0], &sealed[63]] {
                assert_eq!(node.inject(sealed.clone()), EnvelopeOutcome::New);
            }
            node
        }
        _ => refused(reason).await,
    }
}

/// Envelopes of one size by their work, the least first; and the size of a pool with room for one of them.
fn by_work() -> (Vec<Envelope>, usize) {
    let mut sealed: Vec<_> = (0..64).map(|nonce| unsealed(b"one or another").seal(nonce)).collect();
    sealed.sort_by_key(|sealed| Policy::default().work(sealed).unwrap());
    let alone = node();
    assert_eq!(alone.inject(sealed[0].clone()), EnvelopeOutcome::New);
    let pool_bytes = alone.info().pool_bytes * 3 / 2;
    (sealed, pool_bytes)
}

async fn put_aside(reason: Reason) -> Whisper {
    match reason.name() {
        "sessions.unknown_code" => after(node(), 77, &[0xc0]).await,
        "sessions.second_status" => after(node(), 0, &[0xc1, 0x06]).await,
        "sessions.requests_ignored" => after(node(), 126, envelope(b"request").raw()).await,
        "sessions.direct_untrusted" => after(node(), 127, envelope(b"direct").raw()).await,
        "sessions.requests_full" => {
            let node = node();
            let _unread = node.mail_requests(1);
            let peer = RawPeer::greeted(&node).await;
            peer.send(126, envelope(b"1").raw()).await;
            peer.send(126, envelope(b"2").raw()).await;
            drop(peer.channel);
            let _ = peer.session.await.unwrap();
            node
        }
        "limits.over_peer" => after_flood(limited(Some(1), None, Some(100))).await,
        "limits.over_ip" => after_flood(limited(None, Some(1), Some(100))).await,
        "trace.refused" => after_questions().await,
        "extensions.unexpected" => after(node(), 11, &hash_of_nothing()).await,
        "extensions.acks_unsent" => after_unread_acks().await,
        "extensions.sync_requests_ignored" => {
            let request = SyncRequest {
                lower: 0,
                upper: NOW,
                bloom: Bloom::FULL,
                limit: 10,
                cursor: Bytes::new(),
            };
            after(node(), 123, &request.encode()).await
        }
        "extensions.sync_responses_ignored" => {
            after(node(), 124, &[0xc4, 0xc0, 0x80, 0x80, 0x80]).await
        }
        "extensions.completions_ignored" => after(node(), 125, &hash_of_nothing()).await,
        "extensions.malformed" => after(node(), 11, &[0xc0]).await,
        "archive.lost" => {
            let node = node();
            node.set_max_message_size(MAX_MESSAGE_SIZE).unwrap();
            node.record(TestArchive::new());
            // Before the archive has its turn.
            for number in 0..5 {
                let large = Unsealed::v6(NOW + 50, 50, TOPIC, &vec![0; 8 << 20]).seal(number);
                assert_eq!(node.inject(large), EnvelopeOutcome::New);
            }
            node
        }
        _ => left_behind(reason).await,
    }
}

/// A node with limits on packets per second.
fn limited(peer: Option<u32>, ip: Option<u32>, tolerance: Option<u32>) -> Whisper {
    let of = |most: Option<u32>| Rate { messages: most.and_then(NonZeroU32::new), bytes: None };
    let rates = RateLimits { peer: of(peer), ip: of(ip), tolerance, ..RateLimits::default() };
    let peers = PeerSettings { rates, ..PeerSettings::default() };
    Whisper::new(Config { peers, ..settings() })
}

/// A node that a peer has sent two packets at once.
async fn after_flood(node: Whisper) -> Whisper {
    let remote = Remote::from(random_id()).ip([10, 0, 0, 1].into());
    let peer = RawPeer::who_is(&node, remote).after(&[0xc1, 0x06]).await;
    for payload in [b"1", b"2"] {
        peer.send_envelopes(&[&envelope(payload)]).await;
    }
    drop(peer.channel);
    let _ = peer.session.await.unwrap(); // it may have been cut
    node
}

/// A peer that stays, and says and reads nothing more.
fn hold(peer: RawPeer) {
    tokio::spawn(async move {
        let _channel = peer.channel;
        drop(peer.session.await);
    });
}

/// 32 bytes, as RLP.
fn hash_of_nothing() -> Vec<u8> {
    [&[0xa0][..], &[0; 32]].concat()
}

/// A node whose peer wants its bundles acknowledged and reads nothing.
async fn after_unread_acks() -> Whisper {
    let node = node();
    let peer = RawPeer::new(&node);
    peer.send(0, &[0xc5, 0x06, 0x80, 0x80, 0x80, 0x01]).await;
    for _ in 0..1000 {
        peer.send(1, &[0xc0]).await;
    }
    hold(peer);
    node
}

async fn cut(reason: Reason) -> Whisper {
    let no_number = hex::decode("887ff8000000000000").unwrap();
    match reason.name() {
        "faults.not_status" => after_first(node(), 1, &[0xc0]).await,
        "faults.status_timeout" => {
            let node = node();
            let peer = RawPeer::new(&node);
            let _ = peer.session.await.unwrap();
            node
        }
        "faults.empty_status" => after_first(node(), 0, &[0xc0]).await,
        "faults.malformed_status" => after_first(node(), 0, &[0x06]).await,
        "faults.wrong_version" => after_first(node(), 0, &[0xc1, 0x05]).await,
        "faults.both_light" => {
            let peers = PeerSettings { restrict_light: true, ..PeerSettings::default() };
            let light = Whisper::new(Config { light: true, peers, ..settings() });
            after_first(light, 0, &[0xc4, 0x06, 0x80, 0x80, 0x01]).await
        }
        "faults.over_limit" => after_flood(limited(Some(1), None, Some(0))).await,
        "faults.bad_work" => after(node(), 2, &no_number).await,
        "faults.bad_bloom" => after(node(), 3, &[0x80]).await,
        "faults.malformed_packet" => after(node(), 1, &[0x05]).await,
        "faults.malformed_envelope" => after(node(), 1, &[0xc2, 0xc1, 0x05]).await,
        "faults.packet_too_large" => {
            after(node(), 1, &vec![0xc0; MAX_MESSAGE_SIZE as usize + 1]).await
        }
        _ => put_aside(reason).await,
    }
}

/// Something that a filter's key opens, and which is nonsense.
fn nonsense(node: &Whisper) -> Envelope {
    let secret = SecretKey::random(&mut rand::rng());
    let public = secret.public_key();
    let key = FilterKey::Private(node.keys().add_private_key(secret));
    node.subscribe(FilterSpec::new(key).topic(TOPIC)).unwrap();
    let sealed = Ciphertext::asymmetric(Dialect::V6, &public, &[0x03, 0x01], &mut rand::rng());
    let to = whisper_envelope::Recipient::Asymmetric(&public);
    Draft::new(Dialect::V6, to, NOW).topic(TOPIC).enclose(&sealed).unwrap().seal(0)
}

fn of_queues(queues: QueueSettings) -> Config {
    Config { queues, ..settings() }
}

fn of_mailbox(mailbox: QueueLimits) -> Config {
    Config { filters: FilterSettings { mailbox, ..FilterSettings::default() }, ..settings() }
}

/// A node with an envelope that expires before a worker runs.
fn expired_in_queue() -> Whisper {
    let clock = HandClock::new();
    let node = in_order(Config { world: clock.world(), ..settings() });
    node.subscribe(spec(&node)).unwrap();
    let envelope = envelope(b"late");
    let expiry = envelope.expiry();
    assert_eq!(node.inject(envelope), EnvelopeOutcome::New);
    clock.advance(expiry + 1 - NOW);
    node
}

async fn undelivered(reason: Reason) -> Whisper {
    let one = QueueLimits { items: 1, bytes: usize::MAX };
    let listening = |settings: Config, spec_of: fn(&Whisper) -> FilterSpec| {
        let node = in_order(settings);
        node.subscribe(spec_of(&node)).unwrap();
        node
    };
    let (node, envelopes) = match reason.name() {
        "delivery.message_queue_full" => {
            // The queue has room for the first one only, and the pool for the last one.
            let queues = QueueSettings { broadcast: one, ..QueueSettings::default() };
            let (envelopes, pool_bytes) = by_work();
            let node = listening(Config { pool_bytes, ..of_queues(queues) }, spec);
            (node, [0, 31, 63].map(|rank| envelopes[rank].clone()).to_vec())
        }
        "delivery.queue_expired" => return expired_in_queue(),
        "delivery.direct_queue_full" => {
            let node = listening(
                of_queues(QueueSettings { direct: one, ..QueueSettings::default() }),
                spec,
            );
            return after_direct(node, &envelope(b"direct"), 3).await;
        }
        "delivery.not_opened" => {
            let other = |node: &Whisper| {
                FilterSpec::new(FilterKey::Symmetric(node.keys().new_symmetric())).topic(TOPIC)
            };
            (listening(settings(), other), vec![envelope(b"for others")])
        }
        "delivery.malformed" => {
            let node = in_order(settings());
            let envelope = nonsense(&node);
            (node, vec![envelope])
        }
        "delivery.not_matching" => {
            let demanding = |node: &Whisper| FilterSpec { min_work: amount(1e9), ..spec(node) };
            (listening(settings(), demanding), vec![envelope(b"idle")])
        }
        "delivery.repeated" => {
            let allowing = |node: &Whisper| FilterSpec { allow_p2p: true, ..spec(node) };
            let node = listening(settings(), allowing);
            return after_direct(node, &envelope(b"twice"), 2).await;
        }
        "delivery.mailbox_full" => {
            let node = listening(of_mailbox(one), spec);
            (node, vec![envelope(b"1"), envelope(b"2")])
        }
        _ => return cut(reason).await,
    };
    for envelope in envelopes {
        assert_eq!(node.inject(envelope), EnvelopeOutcome::New);
    }
    node
}

/// Makes it happen on a node of its own.
async fn provoked(reason: Reason) -> Whisper {
    undelivered(reason).await
}

/// The counter in the statistics that has the reason's name.
fn counted(node: &Whisper, reason: Reason) -> Option<u64> {
    let stats = serde_json::to_value(node.stats()).unwrap();
    let path = format!("/{}", reason.name().replace('.', "/"));
    stats.pointer(&path)?.as_u64()
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_provoked_counted_and_told() {
    for reason in Reason::ALL {
        let node = provoked(*reason).await;
        let mut patience = 10_000;
        while dropped(&node, *reason).count == 0 {
            patience -= 1;
            assert!(patience > 0, "{reason} did not occur: {:?}", node.stats());
            yield_now().await;
        }
        let dropped = dropped(&node, *reason);
        assert_eq!(counted(&node, *reason), Some(dropped.count), "{reason}");
        let last = dropped.last[0];
        assert!((NOW..NOW + 60).contains(&last.at), "{reason}");
        assert!(
            last.peer.is_some() || last.envelope.is_some(),
            "{reason} without a peer or an envelope"
        );
        let group = reason.name().split('.').next();
        assert_eq!(last.rejected.is_some(), group == Some("rejected"), "{reason}");
    }
}
