use std::cmp::Reverse;

use proptest::prelude::*;
use whisper_pow::Work;

use super::*;
use crate::relay::testing::{NOW, envelope, envelope_of_size, envelope_until, proven, work};

fn pool() -> Pool {
    Pool::new(usize::MAX, HashState::default())
}

fn admit(pool: &mut Pool, number: u64, amount: f64) -> Admitted {
    pool.admit(NOW, &envelope(number), proven(amount), None)
}

fn hashes(pool: &Pool) -> Vec<[u8; 32]> {
    pool.iter().map(PoolEntry::hash).collect()
}

#[test]
fn finds_the_envelopes_it_holds() {
    let mut pool = pool();
    let Admitted::New(ticket) = admit(&mut pool, 1, 1.0) else { panic!("refused") };
    assert_eq!(admit(&mut pool, 1, 1.0), Admitted::Known(ticket));
    let entry = pool.get(ticket).unwrap();
    assert_eq!((entry.raw(), entry.hash()), (envelope(1).raw().as_ref(), *envelope(1).hash()));
    assert_eq!((entry.work(), *entry.proof()), (proven(1.0).work, proven(1.0).proof));
    assert_eq!(pool.find(envelope(1).hash()), Some(ticket));
    assert_eq!((pool.find(envelope(2).hash()), pool.len()), (None, 1));
}

#[test]
fn remembers_when_and_from_where_an_envelope_arrived() {
    let mut pool = pool();
    for (number, now, from) in [(1, NOW + 5, Some(7)), (2, NOW, None)] {
        let admitted = pool.admit(now, &envelope(number), proven(1.0), from);
        let Admitted::New(ticket) = admitted else { panic!("refused") };
        let entry = pool.get(ticket).unwrap();
        assert_eq!(
            (entry.stamp().from, entry.stamp().second()),
            (from, NOW + 5),
            "the arrival time does not go back"
        );
    }
}

#[test]
fn expires_to_the_second() {
    let mut pool = pool();
    for (expiry, number) in [(NOW + 2, 1), (NOW + 1, 2), (NOW + 2, 3)] {
        pool.admit(NOW, &envelope_until(expiry, number), proven(1.0), None);
    }
    assert_eq!(pool.next_expiry(), Some(NOW + 1));
    pool.expire(NOW + 1);
    assert_eq!(pool.len(), 3, "alive until the end of its second");
    pool.expire(NOW + 2);
    assert_eq!((pool.len(), pool.next_expiry()), (2, Some(NOW + 2)));
    pool.expire(NOW + 3);
    assert_eq!((pool.len(), pool.next_expiry(), pool.bytes()), (0, None, 0));
    assert_eq!(pool.expired(), 3);
}

#[test]
fn highest_work_first_and_the_older_of_equals() {
    let mut pool = pool();
    for (number, amount) in [(1, 1.0), (2, 3.0), (3, 2.0), (4, 3.0)] {
        admit(&mut pool, number, amount);
    }
    let expected: Vec<_> = [2, 4, 3, 1].map(|number| *envelope(number).hash()).into();
    assert_eq!(hashes(&pool), expected);
}

#[test]
fn a_ticket_ends_with_its_envelope() {
    let mut pool = pool();
    let Admitted::New(old) = pool.admit(NOW, &envelope_until(NOW, 1), proven(1.0), None) else {
        panic!()
    };
    let Admitted::New(new) = pool.admit(NOW + 1, &envelope(2), proven(1.0), None) else { panic!() };
    assert_eq!(old.slot(), new.slot(), "the slot is reused");
    assert!(pool.get(old).is_none() && pool.get(new).is_some());
}

#[test]
fn a_full_pool_admits_only_more_work() {
    let size = cost(envelope(0).raw());
    let mut pool = Pool::new(2 * size, HashState::default());
    admit(&mut pool, 1, 1.0);
    admit(&mut pool, 2, 2.0);
    assert_eq!(admit(&mut pool, 3, 1.0), Admitted::Full, "equal work is not enough");
    assert!(matches!(admit(&mut pool, 4, 1.5), Admitted::New(_)));
    let expected: Vec<_> = [2, 4].map(|number| *envelope(number).hash()).into();
    assert_eq!((hashes(&pool), pool.evicted()), (expected, 1));
}

#[test]
fn nothing_is_evicted_if_the_room_would_not_suffice() {
    let mut pool = Pool::new(4 * cost(envelope(0).raw()), HashState::default());
    for (number, amount) in [(1, 1.0), (2, 5.0), (3, 1.0), (4, 1.0)] {
        admit(&mut pool, number, amount);
    }
    let large = envelope_of_size(64 + 3 * cost(envelope(0).raw()), 9);
    assert_eq!(
        pool.admit(NOW, &large, proven(4.0), None),
        Admitted::Full,
        "it would need all four"
    );
    assert_eq!((pool.len(), pool.evicted()), (4, 0));
    assert_eq!(pool.admit(NOW, &envelope_of_size(10_000, 9), proven(9.0), None), Admitted::Full);
}

/// The specification of the pool: a list that is searched each time.
#[derive(Default)]
struct Naive(Vec<(Envelope, Work)>);

impl Naive {
    fn admit(&mut self, now: u32, budget: usize, envelope: Envelope, work: Work) {
        if self.0.iter().any(|(known, _)| *known == envelope) {
            return;
        }
        self.0.retain(|(envelope, _)| envelope.expiry() >= now);
        let mut rest = self.0.clone();
        while rest.iter().map(|(it, _)| cost(it.raw())).sum::<usize>() + cost(envelope.raw())
            > budget
        {
            // Of equals the one that arrived last.
            let lowest = (0..rest.len()).rev().min_by_key(|index| rest[*index].1);
            match lowest {
                Some(lowest) if rest[lowest].1 < work => rest.remove(lowest),
                _ => return,
            };
        }
        rest.push((envelope, work));
        self.0 = rest;
    }

    fn hashes(&self) -> Vec<[u8; 32]> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(_, work)| Reverse(*work));
        sorted.iter().map(|(envelope, _)| *envelope.hash()).collect()
    }
}

proptest! {
    #[test]
    fn is_a_bounded_sorted_list(
        arrivals in prop::collection::vec(
            (0_u32..3, 0_u32..20, 0_u64..12, 0_usize..400, 0_u8..6),
            1..80,
        )
    ) {
        const BUDGET: usize = 3000;
        let (mut pool, mut naive, mut now) = (Pool::new(BUDGET, HashState::default()), Naive::default(), NOW);
        let mut tickets = vec![Ticket::FIRST];
        for (passed, lives, number, size, amount) in arrivals {
            now += passed;
            let topic = whisper_envelope::Topic(*b"prop");
            let unsealed = whisper_envelope::Unsealed::v6(now + lives, 50, topic, &vec![0; size]);
            let (envelope, work) = (unsealed.seal(number), work(amount.into()));
            let admitted = pool.admit(now, &envelope, Proven { work, ..proven(0.0) }, None);
            if let Admitted::New(ticket) = admitted {
                tickets.push(ticket);
            }
            naive.admit(now, BUDGET, envelope, work);
            prop_assert!(pool.bytes() <= BUDGET);
            prop_assert_eq!(hashes(&pool), naive.hashes());
            prop_assert_eq!(pool.bytes(), naive.0.iter().map(|(it, _)| cost(it.raw())).sum::<usize>());
            let first = naive.0.iter().map(|(envelope, _)| envelope.expiry()).min();
            prop_assert_eq!(pool.next_expiry(), first);
            let order = order(&pool);
            let walked: Vec<_> = order.iter().map(|ticket| pool.get(*ticket).unwrap().hash()).collect();
            prop_assert_eq!(walked, naive.hashes());
            for ticket in &tickets {
                let below = order.iter().find(|other| *other < ticket);
                let at_or_below = order.iter().find(|other| *other <= ticket);
                prop_assert_eq!(pool.below(*ticket), below.copied());
                prop_assert_eq!(pool.at_or_below(*ticket), at_or_below.copied());
                prop_assert_eq!(pool.get(*ticket).is_some(), order.contains(ticket));
            }
        }
    }
}

/// All tickets of the pool in order.
fn order(pool: &Pool) -> Vec<Ticket> {
    let first = pool.at_or_below(Ticket::FIRST);
    std::iter::successors(first, |ticket| pool.below(*ticket)).collect()
}
