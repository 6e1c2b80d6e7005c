//! A flood of valid envelopes with little work that exceeds the pool's budget.

use crate::support::{
    HandClock, NOW, RawPeer, bundle, envelope, join, next, settings, unsealed, watch,
};
use whisper_envelope::Unsealed;
use whisper_pow::{Policy, Work};
use whisper_protocol::{Config, Envelope, EnvelopeOutcome, Topic, Whisper};

const BUDGET: usize = 256 * 1024;

/// Maximum number of envelopes of 256 bytes in the pool.
const FIT: usize = BUDGET / 256;

fn work(envelope: &Envelope) -> Work {
    Policy::default().work(envelope).unwrap()
}

fn node() -> Whisper {
    Whisper::new(Config { pool_bytes: BUDGET, ..settings() })
}

/// Distinct envelopes of 256 bytes whose work is below `limit`.
fn flood(limit: Work) -> impl Iterator<Item = Envelope> {
    let unsealed = Unsealed::v6(NOW + 50, 50, Topic(*b"junk"), &[0; 256]);
    let sealed = (0..).map(move |nonce| unsealed.seal(nonce));
    sealed.filter(move |envelope| work(envelope) < limit)
}

/// An envelope of this message with at least this work.
fn sealed(payload: &[u8], least: Work) -> Envelope {
    let draft = unsealed(payload);
    (0..).map(|nonce| draft.seal(nonce)).find(|envelope| work(envelope) >= least).unwrap()
}

#[tokio::test]
async fn memory_stays_within_the_budget_and_high_work_survives() {
    let node = node();
    let mut watch = watch(&node);
    let limit = Work::new(0.05).unwrap();
    let dear: Vec<Envelope> = (0..50_u8).map(|number| sealed(&[number], limit)).collect();
    let (before, meanwhile) = dear.split_at(25);
    let flooder = RawPeer::greeted(&node).await;
    let honest = RawPeer::greeted(&node).await;
    for (one, number) in before.iter().zip(0_u8..) {
        honest.send_envelopes(&[one]).await;
        assert_eq!(next(&mut watch).await, [number]);
    }
    let flood: Vec<Envelope> = flood(limit).take(5 * FIT).collect();
    let mut meanwhile = meanwhile.iter().zip(25_u8..);
    for packet in flood.chunks(flood.len() / 25) {
        flooder.send(1, &bundle(packet.iter().map(|envelope| &envelope.raw()[..]))).await;
        if let Some((one, number)) = meanwhile.next() {
            honest.send_envelopes(&[one]).await;
            assert_eq!(next(&mut watch).await, [number], "honest ones pass");
        }
        assert!(node.info().pool_bytes <= BUDGET, "{} bytes", node.info().pool_bytes);
    }
    let sent = (flood.len() + dear.len()) as u64;
    while node.stats().envelopes.received < sent {
        tokio::task::yield_now().await;
    }
    assert!(node.info().pool_bytes <= BUDGET);
    let stats = node.stats();
    assert!(stats.relay.evicted > 0 && stats.rejected.pool_full > 0, "{stats:?}");
    assert_eq!(stats.envelopes.new - stats.relay.evicted, node.info().envelopes as u64);
    for envelope in &dear {
        assert_eq!(node.inject(envelope.clone()), EnvelopeOutcome::Known, "high work survives");
    }
    // The envelopes of the flood that are left have the most work.
    let kept = |it: &&Envelope| node.inject((*it).clone()) == EnvelopeOutcome::Known;
    let (kept, gone): (Vec<&Envelope>, Vec<&Envelope>) = flood.iter().partition(kept);
    let least = kept.iter().map(|it| work(it)).min().unwrap();
    assert!(kept.len() > FIT * 2 / 5 && gone.iter().all(|it| work(it) <= least));
    assert!(!flooder.session.is_finished() && !honest.session.is_finished());
}

#[tokio::test]
async fn an_evicted_envelope_that_arrives_again_is_not_delivered_again() {
    let clock = HandClock::new();
    let with_clock = |budget| Config { pool_bytes: budget, world: clock.world(), ..settings() };
    let (node, far) = (Whisper::new(with_clock(BUDGET)), Whisper::new(with_clock(usize::MAX)));
    let mut watch = watch(&node);
    let cheap = envelope(b"cheap");
    for node in [&node, &far] {
        assert_eq!(node.inject(cheap.clone()), EnvelopeOutcome::New);
    }
    assert_eq!(next(&mut watch).await, b"cheap");
    let unsealed = Unsealed::v6(NOW + 10, 10, Topic(*b"junk"), &[0; 256]);
    let dear = (0..).map(|nonce| unsealed.seal(nonce)).filter(|it| work(it) > work(&cheap));
    let _ = node.inject_all(&dear.take(FIT).collect::<Vec<_>>());
    assert!(node.stats().relay.evicted > 0);

    // When there is room again, a peer that still has it sends it again.
    clock.advance(11);
    join(&node, &far);
    assert_eq!(far.inject(envelope(b"other")), EnvelopeOutcome::New);
    assert_eq!(next(&mut watch).await, b"other", "the only one that is new to the filter");
    while node.stats().delivery.repeated == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.inject(cheap), EnvelopeOutcome::Known, "it has come");
    assert_eq!(node.stats().delivery.delivered, 2);
}

/// Otherwise the other peers find it in the pool later, which costs several times as much.
#[tokio::test]
async fn what_was_read_is_sent_on_before_more_is_read() {
    let node = Whisper::new(settings());
    let sender = RawPeer::greeted(&node).await;
    let mut receiver = RawPeer::greeted(&node).await;
    let all: Vec<Envelope> = flood(Work::new(1e9).unwrap()).take(160).collect();
    for packet in all.chunks(8) {
        sender.send_envelopes(&packet.iter().collect::<Vec<_>>()).await;
    }
    assert_eq!(receiver.receive().await.0, 1);
    let new = node.stats().envelopes.new;
    assert!((1..160).contains(&new), "{new} were read before any was sent");
}
