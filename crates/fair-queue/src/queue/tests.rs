use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::*;

/// A lane of the only group.
fn lane<K>(key: K) -> Lane<(), K> {
    Lane { group: (), weight: 1, key }
}

fn items<G, K, P>(jobs: Vec<Job<G, K, P, u32>>) -> Vec<u32> {
    jobs.into_iter().map(|job| job.item).collect()
}

#[test]
fn the_highest_priority_of_a_key_is_first_then_the_oldest() {
    let mut queue = FairQueue::new(1, 1000);
    for (priority, item) in [(1, 0), (3, 1), (3, 2), (2, 3)] {
        assert!(queue.push(lane('a'), priority, 10, item).is_empty());
    }
    assert_eq!(items(core::iter::from_fn(|| queue.pop()).collect()), [1, 2, 3, 0]);
    assert!(queue.is_empty() && queue.bytes() == 0);
}

#[test]
fn the_key_that_holds_the_most_loses_its_newest_job_of_the_lowest_priority() {
    let mut queue = FairQueue::new(1, 100);
    for item in 0..9 {
        assert!(queue.push(lane("flood"), -i32::from(item == 4), 10, item).is_empty());
    }
    assert!(queue.push(lane("honest"), 0, 10, 100).is_empty());
    assert_eq!(items(queue.push(lane("honest"), 0, 10, 101)), [4], "the lowest priority");
    assert_eq!(items(queue.push(lane("honest"), 0, 10, 102)), [8], "the newest");
    assert_eq!(items(queue.push(lane("flood"), 0, 10, 9)), [9], "it is the heaviest itself");
    assert_eq!(items(queue.push(lane("flood"), 1, 10, 10)), [7], "a higher priority stays");
}

#[test]
fn a_job_larger_than_the_limit_is_dropped_and_frees_its_bytes() {
    let mut queue = FairQueue::new(1, 100);
    assert!(queue.push(lane('a'), 0, 50, 1).is_empty());
    assert_eq!(items(queue.push(lane('b'), 0, 101, 2)), [2]);
    assert_eq!((queue.len(), queue.bytes()), (1, 50));
}

#[test]
fn a_heavier_weight_may_hold_more() {
    let mut queue = FairQueue::new(1, 100);
    let mut dropped = Vec::new();
    for item in 0..100 {
        dropped.extend(queue.push(Lane { group: 0, weight: 1, key: () }, 0, 10, item));
        dropped.extend(queue.push(Lane { group: 1, weight: 4, key: () }, 0, 10, item));
    }
    let heavy = queue.retain(|group, (), _| *group == 0).len();
    assert_eq!((heavy, queue.len()), (8, 2));
}

#[test]
fn a_flood_of_dear_jobs_does_not_delay_a_cheap_one() {
    let mut queue = FairQueue::new(10, 100_000);
    for item in 0..1000 {
        assert!(queue.push(lane("flood"), 100, 10, item).is_empty());
    }
    assert!(queue.push(lane("honest"), 0, 10, 1000).is_empty());
    assert!(queue.push(lane("honest"), 0, 10, 1001).is_empty());
    let mut served = Vec::new();
    while let Some(job) = queue.pop() {
        queue.charge(&job.lane, if job.lane.key == "flood" { 40 } else { 5 });
        served.push(job.lane.key);
    }
    let honest: Vec<_> = (0..).zip(&served).filter(|(_, key)| **key == "honest").collect();
    assert!(honest[1].0 <= 2, "{:?}", &served[..8]);
}

#[test]
fn a_group_of_many_keys_gets_no_more_than_a_group_of_one() {
    let mut queue = FairQueue::new(10, 100_000);
    for item in 0..100 {
        assert!(queue.push(Lane { group: "crowd", weight: 1, key: item }, 0, 10, item).is_empty());
        assert!(queue.push(Lane { group: "single", weight: 1, key: 0 }, 0, 10, item).is_empty());
    }
    let mut single = 0;
    for _ in 0..100 {
        let job = queue.pop().unwrap();
        queue.charge(&job.lane, 10);
        single += u32::from(job.lane.group == "single");
    }
    assert_eq!(single, 50);
}

#[test]
fn retain_removes_from_all_keys() {
    let mut queue = FairQueue::new(1, 1000);
    for item in 0..10 {
        assert!(queue.push(lane(item % 2), 0, 10, item).is_empty());
    }
    let removed = items(queue.retain(|(), _, item| *item == 3));
    assert_eq!((removed.len(), queue.len(), queue.bytes()), (9, 1, 10));
    assert_eq!(items(vec![queue.pop().unwrap()]), [3]);
    assert!(queue.pop().is_none());
}

proptest! {
    /// Any calls: each job leaves exactly once, the limit holds, and the sums are those of the jobs that wait.
    #[test]
    fn no_job_is_lost_or_repeated(
        calls in prop::collection::vec(
            (0_u8..5, (0_u8..3, 1_u32..4, 0_u8..3), 0_u8..3, 0_usize..60),
            0..150,
        ),
    ) {
        let mut queue = FairQueue::new(16, 200);
        let mut waiting = alloc::collections::BTreeMap::new();
        for (number, (call, (group, weight, key), priority, size)) in (0_u32..).zip(calls) {
            let left = match call {
                0..3 => {
                    waiting.insert(number, size);
                    queue.push(Lane { group, weight, key }, priority, size, number)
                }
                3 => {
                    let job = queue.pop();
                    prop_assert_eq!(job.is_some(), !waiting.is_empty());
                    job.into_iter().inspect(|job| queue.charge(&job.lane, 7)).collect()
                }
                _ => queue.retain(|_, _, item| item % 3 != 0),
            };
            for job in left {
                prop_assert_eq!(waiting.remove(&job.item), Some(job.size));
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert_eq!(queue.bytes(), waiting.values().sum::<usize>());
            prop_assert!(queue.bytes() <= 200);
            let held: alloc::collections::BTreeSet<u32> = queue.iter().copied().collect();
            prop_assert!(held.iter().eq(waiting.keys()));
        }
    }
}
