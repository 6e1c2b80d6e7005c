use whisper_envelope::Topic;

use super::*;
use crate::relay::testing::{
    NOW, envelope, envelope_about, envelope_of_size, envelope_until, work,
};

const ALL: Wanted = Wanted { min_work: Work::ZERO, bloom: Bloom::FULL };

fn with_work(amount: f64) -> Wanted {
    Wanted { min_work: work(amount), ..ALL }
}

/// What is kept for a peer that was told that the node requires this.
fn told(wanted: Wanted) -> KeptEnvelopes {
    let kept = KeptEnvelopes::default();
    kept.handle_told(wanted);
    kept
}

/// An envelope sent `seconds` from now, which lives for 50 s.
fn ahead(seconds: u32, number: u64) -> Envelope {
    envelope_until(NOW + seconds + 50, number)
}

fn keep(kept: &KeptEnvelopes, envelope: Envelope, ahead: u32) -> bool {
    let outcome = EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead });
    kept.keep(&[envelope], &[outcome]) == (1, 0)
}

/// Keeps an envelope that has only this work.
fn keep_weak(kept: &KeptEnvelopes, envelope: Envelope, amount: f64) -> bool {
    let (work, required) = (work(amount), work(1e6));
    let outcome = EnvelopeOutcome::Rejected(RejectReason::LowWork { work, required });
    kept.keep(&[envelope], &[outcome]) == (0, 1)
}

fn keep_unwanted(kept: &KeptEnvelopes, envelope: Envelope) -> bool {
    let outcome = EnvelopeOutcome::Rejected(RejectReason::OutsideBloom);
    kept.keep(&[envelope], &[outcome]) == (0, 1)
}

fn used(kept: &KeptEnvelopes) -> usize {
    kept.lock().memory.bytes()
}

#[test]
fn their_memory_is_counted() {
    let kept = told(ALL);
    let size = ahead(20, 1).raw().len();
    assert!(keep(&kept, ahead(20, 1), 20));
    assert!(keep_weak(&kept, envelope(2), 1.0));
    assert_eq!(used(&kept), 2 * (size + ENTRY_BYTES));
    assert_eq!(kept.take_due(NOW + 20, &with_work(2.0)).len(), 1);
    assert_eq!(used(&kept), size + ENTRY_BYTES);
    assert_eq!(kept.take_due(NOW + 20, &ALL).len(), 1);
    assert_eq!((used(&kept), kept.is_empty()), (0, true));
}

#[test]
fn early_envelopes_are_returned_when_their_time_has_come_the_earliest_first() {
    let kept = KeptEnvelopes::default();
    assert_eq!(kept.wait(NOW, &ALL), None);
    for (seconds, number) in [(300, 1), (20, 2), (20, 3)] {
        assert!(keep(&kept, ahead(seconds, number), seconds));
        assert!(!keep(&kept, ahead(seconds, number), seconds), "once");
    }
    assert_eq!((kept.wait(NOW, &ALL), kept.take_due(NOW + 19, &ALL)), (Some(20), Vec::new()));
    let due = kept.take_due(NOW + 20, &ALL);
    let mut nonces: Vec<u64> = due.iter().map(Envelope::nonce).collect();
    nonces.sort_unstable();
    assert_eq!((nonces, kept.wait(NOW, &ALL)), (vec![2, 3], Some(300)));
    assert_eq!(kept.take_due(NOW + 1000, &ALL).len(), 1);
    assert_eq!(kept.wait(NOW, &ALL), None);
    assert_eq!(kept.lock().bytes, 0);
}

#[test]
fn only_envelopes_from_the_near_future_are_kept() {
    let kept = told(ALL);
    let batch = [ahead(20, 1), ahead(20, 2), ahead(20, 3)];
    let outcomes = [
        EnvelopeOutcome::New,
        EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead: 20 }),
        EnvelopeOutcome::Rejected(RejectReason::TooLarge { size: 1, limit: 0 }),
    ];
    assert_eq!(kept.keep(&batch, &outcomes), (1, 0));
    assert!(keep(&kept, ahead(MAX_AHEAD_SECS, 4), MAX_AHEAD_SECS));
    assert!(!keep(&kept, ahead(MAX_AHEAD_SECS + 1, 5), MAX_AHEAD_SECS + 1));
}

#[test]
fn what_was_refused_for_its_work_is_returned_when_less_is_required() {
    let kept = told(with_work(1.0));
    kept.handle_told(with_work(1e6));
    assert!(keep_weak(&kept, envelope(1), 2.0));
    assert!(!keep_weak(&kept, envelope(1), 2.0), "once");
    assert!(!keep_weak(&kept, envelope(2), 0.5), "the peer was never told that this is enough");
    assert!(keep_weak(&kept, envelope(3), 20.0));
    assert_eq!(kept.wait(NOW, &with_work(1e6)), Some(0), "it is examined once");
    assert_eq!(kept.take_due(NOW, &with_work(1e6)), []);
    assert_eq!(kept.wait(NOW, &with_work(1e6)), Some(51), "until it has expired");
    assert!(keep_weak(&kept, envelope(4), 1.5));
    assert_eq!(kept.wait(NOW, &with_work(1e6)), Some(51), "no other is examined again for it");
    assert_eq!(kept.wait(NOW, &with_work(10.0)), Some(0));
    let nonces = |due: &[Envelope]| due.iter().map(Envelope::nonce).collect::<Vec<_>>();
    assert_eq!(nonces(&kept.take_due(NOW, &with_work(10.0))), [3]);
    let mut both = nonces(&kept.take_due(NOW, &with_work(1.0)));
    both.sort_unstable();
    assert_eq!(both, [1, 4]);
    assert!(kept.is_empty());
}

#[test]
fn what_was_refused_for_its_topic_is_returned_when_the_topic_is_wanted_again() {
    let (topic, other) = (Topic(*b"test"), Topic(*b"else"));
    let of = |topic| Wanted { bloom: Bloom::of(topic), ..ALL };
    let kept = told(of(topic));
    kept.handle_told(Wanted { bloom: Bloom::EMPTY, ..ALL });
    assert!(keep_unwanted(&kept, envelope_about(topic, 1)));
    assert!(
        !keep_unwanted(&kept, envelope_about(other, 2)),
        "the peer was never told that it is wanted"
    );
    assert_eq!(kept.take_due(NOW, &of(other)), []);
    assert_eq!(kept.take_due(NOW, &of(topic)).len(), 1);
}

#[test]
fn nothing_refused_is_kept_beyond_its_expiry() {
    let kept = told(ALL);
    assert!(keep_weak(&kept, envelope(1), 1.0));
    assert_eq!(kept.take_due(NOW + 50, &with_work(2.0)), []);
    assert!(!kept.is_empty(), "it is alive in the second of its expiry");
    assert_eq!(kept.wait(NOW + 51, &with_work(2.0)), Some(0));
    assert_eq!(kept.take_due(NOW + 51, &with_work(2.0)), []);
    assert_eq!((used(&kept), kept.is_empty()), (0, true));
}

#[test]
fn many_are_returned_a_batch_at_a_time() {
    let kept = told(ALL);
    let count = 2 * MAX_BATCH + 1;
    assert!((0..count as u64).all(|number| keep_weak(&kept, envelope(number), 1.0)));
    let batches: Vec<usize> = (0..4).map(|_| kept.take_due(NOW, &ALL).len()).collect();
    assert_eq!(batches, [MAX_BATCH, MAX_BATCH, 1, 0]);
}

#[test]
fn number_and_bytes_are_limited() {
    let kept = told(ALL);
    let early = (0..MAX_KEPT as u64 / 2).filter(|number| keep(&kept, ahead(20, *number), 20));
    assert_eq!(early.count(), MAX_KEPT / 2);
    let refused = (0..MAX_KEPT as u64).filter(|number| keep_weak(&kept, envelope(*number), 1.0));
    assert_eq!(refused.count(), MAX_KEPT / 2, "one room for both kinds");
    // What is early takes the place of what was refused, as long as there is any.
    let early = (0..MAX_KEPT as u64).filter(|number| keep(&kept, ahead(30, *number), 30));
    assert_eq!(early.count(), MAX_KEPT / 2);
    assert_eq!(kept.lock().len(), MAX_KEPT);
    assert!(kept.lock().refused.is_empty());
    let kept = told(ALL);
    let large = |number| envelope_of_size(100_000, number);
    let most = MAX_KEPT_BYTES / 100_000;
    assert_eq!((0..100).filter(|it| keep_weak(&kept, large(*it), 1.0)).count(), most);
    assert_eq!((0..100).filter(|it| keep(&kept, large(*it), 20)).count(), most);
    assert!(kept.lock().bytes <= MAX_KEPT_BYTES);
    let due = kept.take_due(u32::MAX, &ALL);
    assert_eq!((due.len(), kept.lock().bytes), (most, 0));
}
