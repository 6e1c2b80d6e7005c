use std::cmp::Reverse;

use proptest::prelude::*;
use whisper_pow::Work;

use super::*;
use crate::relay::testing::{NOW, envelope, envelope_of_size, envelope_until, proven, work};

fn pool() -> Pool {
    pool_of(usize::MAX)
}

fn pool_of(budget: usize) -> Pool {
    Pool::new(budget, TableKeys::new(HashState::default()))
}

fn admit(pool: &mut Pool, number: u64, amount: f64) -> Admitted {
    admit_at(pool, NOW, &envelope(number), proven(amount), None)
}

fn admit_at(
    pool: &mut Pool,
    now: u32,
    envelope: &Envelope,
    proven: Proven,
    from: Option<u32>,
) -> Admitted {
    let entry = pool.table_keys.entry(envelope, proven, from);
    pool.admit(now, entry)
}

/// The ticket, if it was admitted as a new one.
fn new(admitted: Admitted) -> Option<Ticket> {
    match admitted {
        Admitted::New(entry) => Some(entry.ticket()),
        Admitted::Known(_) | Admitted::Full => None,
    }
}

fn hashes(pool: &Pool) -> Vec<[u8; 32]> {
    pool.iter().map(|entry| entry.hash()).collect()
}

#[test]
fn finds_the_envelopes_it_holds() {
    let mut pool = pool();
    let ticket = new(admit(&mut pool, 1, 1.0)).unwrap();
    let again = admit(&mut pool, 1, 1.0);
    assert!(matches!(again, Admitted::Known(known) if known == ticket), "{again:?}");
    let entry = pool.get(ticket).unwrap();
    assert_eq!((entry.raw(), entry.hash()), (envelope(1).raw().as_ref(), *envelope(1).hash()));
    assert_eq!((entry.work(), *entry.proof()), (proven(1.0).work, proven(1.0).proof));
    assert_eq!(pool.find(envelope(1).hash()).unwrap().ticket(), ticket);
    assert!(pool.find(envelope(2).hash()).is_none() && pool.len() == 1);
}

#[test]
fn remembers_when_and_from_where_an_envelope_arrived() {
    let mut pool = pool();
    for (number, now, from) in [(1, NOW + 5, Some(7)), (2, NOW, None)] {
        let admitted = admit_at(&mut pool, now, &envelope(number), proven(1.0), from);
        let entry = pool.get(new(admitted).unwrap()).unwrap();
        assert_eq!(
            (entry.stamp().from, entry.stamp().second),
            (from, NOW + 5),
            "the arrival time does not go back"
        );
    }
}

#[test]
fn expires_to_the_second() {
    let mut pool = pool();
    for (expiry, number) in [(NOW + 2, 1), (NOW + 1, 2), (NOW + 2, 3)] {
        admit_at(&mut pool, NOW, &envelope_until(expiry, number), proven(1.0), None);
    }
    assert_eq!(pool.next_expiry(), Some(NOW + 1));
    assert!(!pool.expire(NOW + 1, 9));
    assert_eq!(pool.len(), 3, "alive until the end of its second");
    pool.expire(NOW + 2, 9);
    assert_eq!((pool.len(), pool.next_expiry()), (2, Some(NOW + 2)));
    assert!(pool.expire(NOW + 3, 1), "one at a time");
    pool.expire(NOW + 3, 1);
    assert_eq!((pool.len(), pool.next_expiry(), pool.bytes()), (0, None, 0));
    assert_eq!(pool.counts().expired, 3);
    assert_eq!(pool.take_removed().len(), 3);
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
    let old = new(admit_at(&mut pool, NOW, &envelope_until(NOW, 1), proven(1.0), None)).unwrap();
    let new = new(admit_at(&mut pool, NOW + 1, &envelope(2), proven(1.0), None)).unwrap();
    assert!(pool.get(old).is_none() && pool.get(new).is_some());
    assert!(old > new, "of equals the earlier is first");
}

#[test]
fn what_has_expired_makes_room() {
    let size = cost(envelope(0).raw());
    let mut pool = pool_of(100 * size);
    for number in 0..100 {
        admit_at(&mut pool, NOW, &envelope_until(NOW, number), proven(2.0), None);
    }
    let large = envelope_of_size(64 + 60 * size, 200);
    assert!(new(admit_at(&mut pool, NOW + 1, &large, proven(1.0), None)).is_some());
    assert_eq!(pool.counts().evicted, 0);
}

#[test]
fn a_full_pool_admits_only_more_work() {
    let size = cost(envelope(0).raw());
    let mut pool = pool_of(2 * size);
    admit(&mut pool, 1, 1.0);
    admit(&mut pool, 2, 2.0);
    assert!(matches!(admit(&mut pool, 3, 1.0), Admitted::Full), "equal work is not enough");
    assert!(new(admit(&mut pool, 4, 1.5)).is_some());
    let expected: Vec<_> = [2, 4].map(|number| *envelope(number).hash()).into();
    assert_eq!((hashes(&pool), pool.counts().evicted), (expected, 1));
}

#[test]
fn nothing_is_evicted_if_the_room_would_not_suffice() {
    let mut pool = pool_of(4 * cost(envelope(0).raw()));
    for (number, amount) in [(1, 1.0), (2, 5.0), (3, 1.0), (4, 1.0)] {
        admit(&mut pool, number, amount);
    }
    let large = envelope_of_size(64 + 3 * cost(envelope(0).raw()), 9);
    let refused = admit_at(&mut pool, NOW, &large, proven(4.0), None);
    assert!(matches!(refused, Admitted::Full), "it would need all four");
    assert_eq!((pool.len(), pool.counts().evicted), (4, 0));
    let refused = admit_at(&mut pool, NOW, &envelope_of_size(10_000, 9), proven(9.0), None);
    assert!(matches!(refused, Admitted::Full));
}

/// The specification of the pool: a list that is searched each time.
#[derive(Default)]
struct Naive(Vec<(Envelope, Work)>);

impl Naive {
    fn admit(&mut self, now: u32, budget: usize, envelope: Envelope, work: Work) {
        if self.0.iter().any(|(known, _)| *known == envelope) {
            return;
        }
        self.expire(now);
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

    fn expire(&mut self, now: u32) {
        self.0.retain(|(envelope, _)| envelope.expiry() >= now);
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
        let (mut pool, mut naive, mut now) = (pool_of(BUDGET), Naive::default(), NOW);
        let mut tickets = vec![Ticket::FIRST];
        for (passed, lives, number, size, amount) in arrivals {
            now += passed;
            let topic = whisper_envelope::Topic(*b"prop");
            let unsealed = whisper_envelope::Unsealed::v6(now + lives, 50, topic, &vec![0; size]);
            let (envelope, work) = (unsealed.seal(number), work(amount.into()));
            let admitted = admit_at(&mut pool, now, &envelope, Proven { work, ..proven(0.0) }, None);
            tickets.extend(new(admitted));
            pool.expire(now, usize::MAX);
            naive.admit(now, BUDGET, envelope, work);
            naive.expire(now);
            prop_assert!(pool.bytes() <= BUDGET);
            prop_assert_eq!(hashes(&pool), naive.hashes());
            prop_assert_eq!(pool.bytes(), naive.0.iter().map(|(it, _)| cost(it.raw())).sum::<usize>());
            let first = naive.0.iter().map(|(envelope, _)| envelope.expiry()).min();
            prop_assert_eq!(pool.next_expiry(), first);
            let order = order(&pool);
            let walked: Vec<_> = order.iter().map(|ticket| pool.get(*ticket).unwrap().hash()).collect();
            prop_assert_eq!(walked, naive.hashes());
            for ticket in &tickets {
                let below: Vec<_> = order.iter().filter(|other| *other < ticket).copied().collect();
                let from: Vec<_> = order.iter().filter(|other| *other <= ticket).copied().collect();
                prop_assert_eq!(descend(&pool, Bound::Excluded(*ticket)), below);
                prop_assert_eq!(descend(&pool, Bound::Included(*ticket)), from);
                prop_assert_eq!(pool.get(*ticket).is_some(), order.contains(ticket));
            }
        }
    }
}

/// All tickets of the pool in order.
fn order(pool: &Pool) -> Vec<Ticket> {
    descend(pool, Bound::Included(Ticket::FIRST))
}

fn descend(pool: &Pool, from: Bound<Ticket>) -> Vec<Ticket> {
    pool.descend(from).map(|entry| entry.ticket()).collect()
}
