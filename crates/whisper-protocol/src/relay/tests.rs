use std::{collections::HashSet, sync::mpsc, thread};

use whisper_envelope::Topic;

use super::*;
use crate::{
    relay::feed::bundle::Bundle,
    relay::peer_state::PACKET_LIMIT,
    relay::testing::{
        NOW, eager, envelope, envelope_about, envelope_of_size, envelope_until, proven, work,
    },
    wire::V6,
};

fn relay() -> Relay {
    let config = Config { min_work: Work::ZERO, pool_bytes: usize::MAX, ..Config::default() };
    Relay::new(Dialect::V6, &config, HashState::default())
}

fn join(relay: &Relay, theirs: Status) -> PeerSlot {
    let ours = relay.status();
    relay.join(NodeId([0; 64]), theirs, ours, PeerRuleState::ANY)
}

fn admit(relay: &Relay, from: Option<PeerSlot>, number: u64, amount: f64) -> EnvelopeOutcome {
    admit_one(relay, NOW, from, &envelope(number), proven(amount))
}

fn admit_one(
    relay: &Relay,
    now: u32,
    from: Option<PeerSlot>,
    envelope: &Envelope,
    proven: Proven,
) -> EnvelopeOutcome {
    let (outcomes, _) = relay.admit(now, Duration::ZERO, from, &[(envelope, proven)]);
    outcomes[0]
}

/// The envelope with this number, as a peer sends it.
fn unhashed(number: u64) -> Unhashed {
    Unhashed::decode(Dialect::V6, envelope(number).raw().clone()).unwrap()
}

fn poll(relay: &Relay, slot: PeerSlot) -> Transmit {
    relay.poll_transmit(NOW, slot, 0).0
}

fn unpacked(bundle: &Bundle) -> Vec<Envelope> {
    let [packet] = bundle.packets(&V6) else { panic!("not one packet") };
    (V6.envelopes)(packet).unwrap().map(|it| it.unwrap().into_envelope()).collect()
}

/// All bundles that a peer is sent until it is idle.
fn bundles(relay: &Relay, slot: PeerSlot) -> Vec<Vec<Envelope>> {
    let mut bundles = Vec::new();
    loop {
        match poll(relay, slot) {
            Transmit::Envelopes(bundle) => bundles.push(unpacked(&bundle)),
            Transmit::Again => {}
            Transmit::Idle => return bundles,
            other => panic!("not asked for: {other:?}"),
        }
    }
}

fn nonces(relay: &Relay, slot: PeerSlot) -> Vec<u64> {
    bundles(relay, slot).concat().iter().map(Envelope::nonce).collect()
}

#[test]
fn a_new_envelope_goes_to_all_peers_except_its_source() {
    let relay = relay();
    let [a, b, c] = [(); 3].map(|()| join(&relay, eager()));
    assert_eq!(admit(&relay, Some(a), 1, 1.0), EnvelopeOutcome::New);
    assert_eq!(admit(&relay, Some(b), 1, 1.0), EnvelopeOutcome::Known);
    assert_eq!(nonces(&relay, a), [0; 0]);
    assert_eq!(nonces(&relay, b), [0; 0], "it sent the envelope itself");
    assert_eq!(nonces(&relay, c), [1]);
    assert_eq!(nonces(&relay, c), [0; 0], "once");
}

#[test]
fn late_joiners_get_all_live_envelopes_highest_work_first() {
    let relay = relay();
    for (number, amount) in [(1, 1.0), (2, 3.0), (3, 2.0)] {
        admit(&relay, None, number, amount);
    }
    admit_one(&relay, NOW - 5, None, &envelope_until(NOW - 1, 4), proven(9.0));
    let slot = join(&relay, eager());
    let mut sent = [3, 9].map(unhashed).to_vec();
    relay.handle_known(slot, &mut sent);
    assert_eq!(sent.iter().map(Unhashed::nonce).collect::<Vec<_>>(), [9], "the peer has 3 already");
    assert_eq!(nonces(&relay, slot), [2, 1]);
}

#[test]
fn new_envelopes_are_not_looked_for_in_a_pool_that_is_in_use() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit(&relay, None, 3, 1.0);
    let left = |numbers: &[u64]| {
        let mut sent: Vec<_> = numbers.iter().copied().map(unhashed).collect();
        relay.handle_known(slot, &mut sent);
        sent.iter().map(Unhashed::nonce).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let ((done, is_done), left) = (mpsc::channel(), &left);
        let pool = relay.pool();
        scope.spawn(move || done.send(left(&[8, 9])));
        let without_wait = is_done.recv_timeout(Duration::from_secs(10));
        drop(pool);
        assert_eq!(without_wait, Ok(vec![8, 9]));
    });
    assert_eq!(left(&[3, 9]), [9], "what came lately is looked for");
}

#[test]
fn envelopes_that_arrive_while_a_late_joiner_catches_up_are_sent_once_in_order() {
    let relay = relay();
    for number in 0..2000 {
        admit(&relay, None, number, 1.0 + number as f64);
    }
    let slot = join(&relay, eager());
    let Transmit::Envelopes(first) = poll(&relay, slot) else { panic!("nothing") };
    let first = unpacked(&first);
    admit(&relay, None, 5000, 1e6);
    admit(&relay, None, 5001, 0.5);
    let rest = nonces(&relay, slot);
    assert_eq!((rest.first(), rest.last()), (Some(&5000), Some(&5001)));
    let all: HashSet<_> = first.iter().map(Envelope::nonce).chain(rest.iter().copied()).collect();
    assert_eq!((all.len(), first.len() + rest.len()), (2002, 2002));
}

#[test]
fn bundles_stay_below_the_limit() {
    let relay = relay();
    let slot = join(&relay, eager());
    let sizes = [10, 30_000, 40_000, 64 * 1024, 500_000, PACKET_LIMIT - 64, 100, 100];
    for (number, size) in (0..).zip(sizes) {
        admit_one(&relay, NOW, None, &envelope_of_size(size, number), proven(1.0));
    }
    let bundles = bundles(&relay, slot);
    assert_eq!(bundles.concat().len(), sizes.len());
    for bundle in &bundles {
        let bytes: usize = bundle.iter().map(|envelope| envelope.raw().len()).sum();
        assert!(bytes <= PACKET_LIMIT && (bytes <= 32 * 1024 - 16 || bundle.len() == 1), "{bytes}");
    }
}

#[test]
fn an_envelope_that_fits_into_no_packet_is_not_sent_and_is_counted() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit_one(&relay, NOW, None, &envelope_of_size(PACKET_LIMIT, 1), proven(2.0));
    admit(&relay, None, 2, 1.0);
    assert_eq!(nonces(&relay, slot), [2]);
    assert_eq!(relay.stats().oversized, 1);
}

#[test]
fn a_peer_gets_what_it_wants_and_the_rest_when_it_requires_less() {
    let relay = relay();
    let slot = join(&relay, Status { min_work: work(2.0), ..eager() });
    admit(&relay, None, 1, 1.0);
    admit(&relay, None, 2, 2.0);
    assert_eq!(nonces(&relay, slot), [2]);
    relay.handle_min_work(slot, work(1.0));
    assert_eq!(relay.take_wakes(), [slot]);
    assert_eq!(nonces(&relay, slot), [1]);
    relay.handle_min_work(slot, work(5.0));
    admit(&relay, None, 3, 3.0);
    assert_eq!(nonces(&relay, slot), [0; 0]);
}

#[test]
fn a_peer_gets_the_topics_of_its_bloom_and_others_when_it_asks_for_them() {
    let (first, second) = (Topic([1, 2, 3, 0]), Topic([201, 202, 203, 0]));
    let relay = relay();
    let slot = join(&relay, Status { bloom: Bloom::of(first), ..eager() });
    for (topic, number) in [(first, 1), (second, 2)] {
        admit_one(&relay, NOW, None, &envelope_about(topic, number), proven(1.0));
    }
    assert_eq!(nonces(&relay, slot), [1]);
    relay.handle_bloom(slot, Bloom::of(second));
    assert_eq!(nonces(&relay, slot), [2]);
}

#[test]
fn a_peer_that_keeps_changing_its_bloom_waits_and_misses_nothing() {
    let relay = relay();
    let slot = join(&relay, Status { bloom: Bloom::EMPTY, ..eager() });
    admit(&relay, None, 1, 1.0);
    let toggle = |relay: &Relay, now| {
        relay.handle_bloom(slot, Bloom::of(Topic(*b"else")));
        relay.handle_bloom(slot, Bloom::EMPTY);
        relay.poll_transmit(now, slot, 0).0
    };
    let served = (0..99).take_while(|_| !matches!(toggle(&relay, NOW), Transmit::Later(_)));
    assert!(served.count() < 10);
    assert!(matches!(poll(&relay, slot), Transmit::Later(1..)));
    relay.handle_bloom(slot, Bloom::FULL);
    let Transmit::Later(seconds) = poll(&relay, slot) else { panic!("at once") };
    let Transmit::Envelopes(bundle) = relay.poll_transmit(NOW + seconds, slot, 0).0 else {
        panic!("not even after {seconds} s")
    };
    assert_eq!(unpacked(&bundle).len(), 1);
}

#[test]
fn a_bloom_in_the_form_of_go_ethereum_is_served() {
    let topic = Topic([0, 1, 2, 0]);
    let relay = relay();
    let slot = join(&relay, Status { bloom: Bloom::of_overwriting(topic), ..eager() });
    admit_one(&relay, NOW, None, &envelope_about(topic, 1), proven(1.0));
    assert_eq!(nonces(&relay, slot), [1]);
}

#[test]
fn envelopes_for_a_peer_that_does_not_read_are_deferred_and_not_lost() {
    const MANY: u64 = 6000;
    let relay = relay();
    let slot = join(&relay, eager());
    assert_eq!(nonces(&relay, slot), [0; 0], "it has caught up");
    for number in 0..MANY {
        admit(&relay, None, number, (number % 100) as f64);
    }
    let sent = nonces(&relay, slot);
    assert!(relay.stats().deferred > 0);
    assert_eq!(sent.len() as u64, MANY);
    assert_eq!(sent.iter().collect::<HashSet<_>>().len() as u64, MANY, "none twice");
    assert!(sent.is_sorted_by_key(|number| std::cmp::Reverse(number % 100)), "highest work first");
}

#[test]
fn a_reused_pool_slot_does_not_count_as_known() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit_one(&relay, NOW - 9, Some(slot), &envelope_until(NOW - 1, 1), proven(1.0));
    assert_eq!(relay.handle_timeout(NOW).0, None);
    admit(&relay, None, 2, 1.0);
    assert_eq!(nonces(&relay, slot), [2]);
}

#[test]
fn an_envelope_that_expired_in_the_queue_is_not_sent() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit_one(&relay, NOW - 9, None, &envelope_until(NOW - 1, 1), proven(1.0));
    assert_eq!(nonces(&relay, slot), [0; 0]);
}

#[test]
fn a_peer_that_did_not_read_before_all_expired_has_nothing_to_do() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit_one(&relay, NOW - 9, None, &envelope_until(NOW - 1, 1), proven(1.0));
    let _ = relay.handle_timeout(NOW);
    assert_eq!(nonces(&relay, slot), [0; 0]);
    assert_eq!(relay.stats().deferred, 1);
    admit(&relay, None, 2, 1.0);
    assert_eq!((relay.take_wakes(), nonces(&relay, slot)), (vec![slot], vec![2]));
}

#[test]
fn an_idle_peer_is_woken_once() {
    let relay = relay();
    let slot = join(&relay, eager());
    admit(&relay, None, 1, 1.0);
    assert_eq!(relay.take_wakes(), [], "it has not been idle yet");
    nonces(&relay, slot);
    admit(&relay, None, 2, 1.0);
    admit(&relay, None, 3, 1.0);
    assert_eq!(relay.take_wakes(), [slot]);
    nonces(&relay, slot);
    admit(&relay, Some(slot), 4, 1.0);
    assert_eq!(relay.take_wakes(), [], "nothing to send");
}

#[test]
fn changed_requirements_are_sent_to_peers_that_do_not_know_them() {
    let relay = relay();
    let slot = join(&relay, eager());
    assert!(matches!(poll(&relay, slot), Transmit::Idle));
    relay.require(|requirements| requirements.set_min_work(NOW, work(7.0)));
    relay.require(|requirements| requirements.set_min_work(NOW, work(8.0)));
    relay.require(|requirements| requirements.set_bloom(NOW, Bloom::EMPTY));
    assert_eq!(relay.take_wakes(), [slot]);
    let told = poll(&relay, slot);
    assert!(matches!(told, Transmit::MinWork(least) if least == work(8.0)), "{told:?}");
    let told = poll(&relay, slot);
    assert!(matches!(told, Transmit::Bloom(Bloom::EMPTY)), "{told:?}");
    assert!(matches!(poll(&relay, slot), Transmit::Idle));

    let knows = relay.status();
    let slot = relay.join(NodeId([0; 64]), eager(), knows, PeerRuleState::ANY);
    assert!(matches!(poll(&relay, slot), Transmit::Idle));
}

#[test]
fn peer_slots_are_reused() {
    let relay = relay();
    let [a, b] = [(); 2].map(|()| join(&relay, eager()));
    admit(&relay, None, 1, 1.0);
    relay.leave(a);
    let c = join(&relay, eager());
    assert_eq!(a, c);
    assert_eq!(nonces(&relay, c), [1], "a new peer, not the old one's queue");
    assert_eq!(nonces(&relay, b), [1]);
}

#[test]
fn a_full_pool_rejects() {
    let config = Config { pool_bytes: 10, ..Config::default() };
    let relay = Relay::new(Dialect::V6, &config, HashState::default());
    let outcome = admit(&relay, None, 1, 1.0);
    assert_eq!(outcome, EnvelopeOutcome::Rejected(RejectReason::PoolFull));
}

#[test]
fn peers_that_are_sent_the_same_share_a_bundle() {
    let relay = relay();
    let [a, b, c] = [(); 3].map(|()| join(&relay, eager()));
    for slot in [a, b, c] {
        assert_eq!(nonces(&relay, slot), [0; 0], "it has caught up");
    }
    let [one, two] = [envelope(1), envelope(2)];
    let _ = relay.admit(NOW, Duration::ZERO, Some(c), &[(&one, proven(1.0)), (&two, proven(2.0))]);
    let Transmit::Envelopes(first) = poll(&relay, a) else { panic!("nothing for a") };
    admit(&relay, Some(c), 3, 9.0);
    let Transmit::Envelopes(second) = poll(&relay, b) else { panic!("nothing for b") };
    assert!(Arc::ptr_eq(&first, &second), "although more has come meanwhile");
    let sent: Vec<_> = unpacked(&first).iter().map(Envelope::nonce).collect();
    assert_eq!((sent, nonces(&relay, b), nonces(&relay, c)), (vec![2, 1], vec![3], vec![]));
}

#[test]
fn many_expired_envelopes_are_removed_a_few_at_a_time() {
    let relay = relay();
    let count = 3 * MAX_EXPIRED;
    for number in 0..count as u64 {
        admit_one(&relay, NOW - 9, None, &envelope_until(NOW - 1, number), proven(1.0));
    }
    let mut calls = 0;
    while let (Some(next), _) = relay.handle_timeout(NOW) {
        assert!(next < NOW, "there is more to remove");
        calls += 1;
        assert_eq!(relay.pool().len(), count - calls * MAX_EXPIRED);
    }
    assert_eq!((calls, relay.stats().expired), (2, count as u64));
}

/// Threads that admit, and one for each peer that takes bundles out and waits to be woken.
#[test]
fn peers_on_other_threads_get_everything_once() {
    const EACH: u64 = 400;
    let relay = relay();
    let slots = [(); 3].map(|()| join(&relay, eager()));
    for slot in slots {
        assert_eq!(nonces(&relay, slot), [0; 0], "it has caught up");
    }
    let (wakes, waits): (Vec<_>, Vec<_>) = slots.map(|_| mpsc::channel()).into_iter().unzip();
    let admit = |first: u64| {
        for number in first..first + EACH {
            let from = (number % 4 == 0).then_some(slots[0]);
            admit(&relay, from, number, (number % 7) as f64);
            for slot in relay.take_wakes() {
                wakes[slot.index].send(()).expect("it waits");
            }
        }
    };
    let take = |slot: PeerSlot, wait: &mpsc::Receiver<()>, count: usize| {
        let mut all = Vec::new();
        while all.len() < count {
            match poll(&relay, slot) {
                Transmit::Envelopes(bundle) => all.extend(unpacked(&bundle)),
                Transmit::Again => {}
                _ => wait.recv_timeout(Duration::from_secs(60)).expect("it is woken"),
            }
        }
        all.iter().map(Envelope::nonce).collect::<HashSet<u64>>().len()
    };
    let total = usize::try_from(4 * EACH).unwrap();
    thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || admit(part * EACH));
        }
        for (slot, wait) in slots.into_iter().zip(waits) {
            let count = if slot == slots[0] { total * 3 / 4 } else { total };
            scope.spawn(move || assert_eq!(take(slot, &wait, count), count, "none twice"));
        }
    });
}
