//! Explanations of what happened to an envelope.

use crate::support::{
    HandClock, NOW, RawPeer, TOPIC, amount, envelope, join, next, node, post, settings, spec, watch,
};
use p2p_identity::SecretKey;
use whisper_envelope::Unsealed;
use whisper_protocol::{
    Bloom, Config, EnvelopeOutcome, EnvelopeSource, EnvelopeState, FilterKey, FilterOutcome,
    FilterSpec, PeerTrace, PooledEnvelope, Reason, ReceiptState, RejectReason, SkipReason, Topic,
    Whisper,
};

fn pooled(node: &Whisper, hash: &[u8; 32]) -> PooledEnvelope {
    match node.explain(hash).state {
        EnvelopeState::Pooled(pooled) => *pooled,
        other => panic!("not in the pool: {other:?}"),
    }
}

async fn joined(node: &Whisper, peers: u64) {
    while node.stats().sessions.established < peers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_source_and_the_peers_with_the_reasons_for_skipping_them() {
    let node = node();
    let status = |bits: &str, bloom: &Bloom| {
        hex::decode(format!("f84c0688{bits}b840{bloom}")).unwrap() // 6, work, bloom
    };
    let idle = "3f50624dd2f1a9fc"; // 0.001
    let strict = "41dfffffffc00000"; // 2^31 - 1
    let source = RawPeer::greeted(&node).await;
    let mut reader = RawPeer::greeted(&node).await;
    let elsewhere = Bloom::of(Topic([1, 2, 3, 0]));
    let other = RawPeer::new(&node).after(&status(idle, &elsewhere)).await;
    let demanding = RawPeer::new(&node).after(&status(strict, &Bloom::FULL)).await;
    let mut last = watch(&node);

    let sent = envelope(b"hello");
    source.send_envelopes(&[&sent]).await;
    assert_eq!(next(&mut last).await, b"hello");
    assert_eq!(reader.receive().await.0, 1);
    reader.send_envelopes(&[&sent, &envelope(b"mark")]).await;
    assert_eq!(next(&mut last).await, b"mark");

    let pooled = pooled(&node, sent.hash());
    assert_eq!((pooled.source, pooled.arrived), (EnvelopeSource::Peer(source.id), NOW));
    assert_eq!((pooled.topic, pooled.size, pooled.expiry), (TOPIC, sent.raw().len(), NOW + 50));
    let of = |peer: &RawPeer, sent, received, skipped| PeerTrace {
        peer: peer.id,
        sent,
        received,
        skipped,
    };
    assert_eq!(
        pooled.peers,
        [
            of(&source, false, true, None),
            of(&reader, true, true, None),
            of(&other, false, false, Some(SkipReason::OutsideBloom)),
            of(&demanding, false, false, Some(SkipReason::LowWork)),
        ]
    );
}

#[tokio::test]
async fn an_envelope_that_left_is_remembered_and_not_confused_with_its_successor() {
    let node = node();
    let gone = RawPeer::greeted(&node).await;
    let (first, own) = (envelope(b"first"), envelope(b"own"));
    gone.send_envelopes(&[&first]).await;
    drop(gone.channel);
    gone.session.await.unwrap().unwrap();
    let successor = RawPeer::greeted(&node).await;
    let second = envelope(b"second");
    successor.send_envelopes(&[&second]).await;
    while node.info().envelopes < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.inject(own.clone()), EnvelopeOutcome::New);
    for (envelope, source) in [
        (first, EnvelopeSource::Peer(gone.id)),
        (second, EnvelopeSource::Peer(successor.id)),
        (own, EnvelopeSource::Here),
    ] {
        assert_eq!(pooled(&node, envelope.hash()).source, source);
    }
}

#[tokio::test]
async fn the_outcome_of_each_filter() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    let mut fetched = watch(&node);
    let subscribe = |spec| node.subscribe(spec).unwrap();
    let in_mailbox = subscribe(spec(&node));
    let low_work = subscribe(FilterSpec { min_work: amount(1e9), ..spec(&node) });
    let other_key = FilterKey::Symmetric(node.keys().new_symmetric());
    let not_opened = subscribe(FilterSpec::new(other_key).topic(TOPIC));
    let signer = Some(SecretKey::random(&mut rand::rng()).public_key());
    let other_signer = subscribe(FilterSpec { signer, ..spec(&node) });
    let _elsewhere = subscribe(FilterSpec::new(other_key).topic(Topic(*b"else")));
    let sent = envelope(b"hello");
    assert_eq!(node.inject(sent.clone()), EnvelopeOutcome::New);
    assert_eq!(next(&mut fetched).await, b"hello");
    while node.stats().delivery.delivered < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(1);
    let late = subscribe(spec(&node));

    let pooled = pooled(&node, sent.hash());
    assert_eq!((pooled.filters.len(), pooled.more_filters, pooled.queued), (6, 0, false));
    for (id, outcome) in [
        (fetched.id(), FilterOutcome::Fetched),
        (in_mailbox, FilterOutcome::InMailbox),
        (low_work, FilterOutcome::LowWork),
        (not_opened, FilterOutcome::NotOpened),
        (other_signer, FilterOutcome::OtherSigner),
        (late, FilterOutcome::MadeLater),
    ] {
        let trace = pooled.filters.iter().find(|trace| trace.id == id).expect("on its topic");
        assert_eq!(trace.outcome, outcome);
    }
}

#[tokio::test]
async fn rejected_envelopes_and_departed_ones() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { world: clock.world(), ..settings() });
    let peer = RawPeer::greeted(&node).await;
    let old = Unsealed::v6(NOW - 1, 50, TOPIC, &[0; 64]).seal(0);
    let short = Unsealed::v6(NOW + 5, 50, TOPIC, &[0; 64]).seal(0);
    peer.send_envelopes(&[&old, &short]).await;
    while node.info().envelopes < 1 {
        tokio::task::yield_now().await;
    }
    let refused = node.explain(old.hash());
    assert_eq!(refused.state, EnvelopeState::Unknown);
    let (reason, occurrence) = refused.drops[0];
    assert_eq!((reason, refused.drops.len()), (Reason::Expired, 1));
    assert_eq!((occurrence.at, occurrence.peer), (NOW, Some(peer.id)));
    assert_eq!(occurrence.rejected, Some(RejectReason::Expired));

    clock.advance(6);
    assert_eq!(node.inject(envelope(b"another")), EnvelopeOutcome::New);
    let source = EnvelopeSource::Peer(peer.id);
    let gone = EnvelopeState::Left { source, arrived: NOW, left: NOW + 6, evicted: false };
    let explanation = node.explain(short.hash());
    assert_eq!(explanation.state, gone);
    assert_eq!(explanation.drops[0].0, Reason::EndOfLife);
    let nothing = node.explain(&[9; 32]);
    assert_eq!((nothing.state, nothing.drops), (EnvelopeState::Unknown, vec![]));
}

#[tokio::test]
async fn a_post_with_its_receipt() {
    let (a, b) = (node(), node());
    join(&a, &b);
    joined(&a, 1).await;
    let receipt = a.post(post(&a, b"hello")).await.unwrap();
    while b.info().envelopes < 1 {
        tokio::task::yield_now().await;
    }
    let explanation = a.explain(&receipt.hash());
    let Some(ReceiptState::Pending(progress)) = explanation.receipt else { panic!("no receipt") };
    assert_eq!((progress.handed, progress.unsent), (1, None));
    assert_eq!(b.explain(&receipt.hash()).receipt, None, "it was posted elsewhere");
}
