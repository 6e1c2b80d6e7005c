use whisper_envelope::{Topic, Unsealed};

use super::*;
use crate::{Rule, search};

const NEVER: u32 = u32::MAX;
const TICK: Duration = Duration::from_millis(1);

fn order(client: u64, enough: u32, budget: Duration) -> Order {
    let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 100]);
    Order {
        task: Task::new(Rule::GETH_1_8, &unsealed).unwrap(),
        enough,
        budget,
        meter: Meter::new(),
        account: Account::default(),
        client: Client { key: client, weight: 1 },
    }
}

/// Pretends to search blocks of one tick each, in one thread, until `job` is finished; the number of blocks.
fn blocks_until(jobs: &mut Jobs, job: JobId) -> usize {
    for blocks in 1.. {
        let block = jobs.next_block().unwrap();
        let finished = jobs.finish_block(&block, Search::NOTHING, TICK);
        if finished.is_some_and(|finished| finished.job == job) {
            return blocks;
        }
    }
    unreachable!()
}

#[test]
fn a_short_job_ends_early_beside_endless_ones_of_another_client() {
    let mut jobs = Jobs::new(1 << 20);
    for _ in 0..40 {
        jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
    }
    (0..1000).for_each(|_| {
        let block = jobs.next_block().unwrap();
        jobs.finish_block(&block, Search::NOTHING, TICK);
    });
    let short = jobs.insert(order(2, NEVER, 10 * TICK)).unwrap();
    let blocks = blocks_until(&mut jobs, short);
    assert!(blocks <= 21, "{blocks} blocks for a job of 10");
}

#[test]
fn jobs_of_one_client_take_turns() {
    let mut jobs = Jobs::new(1 << 20);
    for _ in 0..3 {
        jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
    }
    let short = jobs.insert(order(1, NEVER, 10 * TICK)).unwrap();
    let blocks = blocks_until(&mut jobs, short);
    assert!(blocks <= 41, "{blocks} blocks");
}

#[test]
fn a_weight_is_a_share() {
    let mut jobs = Jobs::new(1 << 20);
    let heavy = Order { client: Client { key: 2, weight: 3 }, ..order(2, NEVER, Duration::MAX) };
    let light = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
    jobs.insert(heavy).unwrap();
    let light = (0..400).filter(|_| jobs.next_block().unwrap().job == light).count();
    assert!((98..=102).contains(&light), "{light} of 400");
}

#[test]
fn blocks_cover_all_nonces_once() {
    const BLOCKS: u64 = 3;
    let mut jobs = Jobs::new(1 << 20);
    let id = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
    let first = u64::MAX / u64::from(BLOCK) + 1 - BLOCKS;
    jobs.jobs.get_mut(&id).unwrap().next = first;
    let blocks: Vec<_> = std::iter::from_fn(|| jobs.next_block()).collect();
    assert!(jobs.is_idle());
    let mut finished = None;
    for block in blocks.iter().rev() {
        assert!(finished.is_none(), "the job ends with the last block");
        finished = jobs.finish_block(block, block.search(), TICK);
    }
    let task = order(1, NEVER, TICK).task;
    let all = search(&task, first * u64::from(BLOCK)..=u64::MAX, NEVER, || false);
    assert_eq!(finished.unwrap().search, all);
    assert_eq!(all.hashes, BLOCKS * u64::from(BLOCK));
}

#[test]
fn a_found_nonce_stops_the_other_blocks_of_the_job() {
    let mut jobs = Jobs::new(1 << 20);
    let id = jobs.insert(order(1, 4, Duration::MAX)).unwrap();
    let [one, other] = [(); 2].map(|()| jobs.next_block().unwrap());
    assert!(jobs.finish_block(&one, one.search(), TICK).is_none(), "the other one is running");
    assert!(jobs.next_block().is_none(), "no more blocks are begun");
    let search = other.search();
    assert_eq!(search.hashes, NONCES_PER_CHECK.min(search.hashes), "it stops at the next step");
    let finished = jobs.finish_block(&other, search, TICK).unwrap();
    assert_eq!(finished.job, id);
    assert!(jobs.jobs.is_empty() && jobs.bytes == 0);
}

#[test]
fn core_time_counts_for_the_handle_that_asked_even_if_its_job_is_gone() {
    let mut jobs = Jobs::new(1 << 20);
    let [one, other] = [1, 2].map(|client| order(client, NEVER, Duration::MAX));
    let (time_of_one, time_of_other) = (one.account.clone(), other.account.clone());
    let id = jobs.insert(one).unwrap();
    let block = jobs.next_block().unwrap();
    jobs.insert(other).unwrap();
    jobs.remove(id);
    jobs.finish_block(&block, Search::NOTHING, 3 * TICK);
    assert_eq!((time_of_one.worked(), time_of_other.worked()), (3 * TICK, Duration::ZERO));
}

#[test]
fn a_paused_account_has_no_turns_until_it_goes_on() {
    let mut jobs = Jobs::new(1 << 20);
    let [slow, other] = [1, 2].map(|client| order(client, NEVER, Duration::MAX));
    let account = slow.account.clone();
    let first = jobs.insert(slow).unwrap();
    let running = jobs.next_block().unwrap();
    jobs.pause(&account, true);
    let second = Order { account: account.clone(), ..order(1, NEVER, Duration::MAX) };
    let second = jobs.insert(second).unwrap();
    assert!(jobs.is_idle() && jobs.finish_block(&running, Search::NOTHING, TICK).is_none());
    let other = jobs.insert(other).unwrap();
    assert!((0..9).all(|_| jobs.next_block().unwrap().job == other));
    // What was removed or is finished meanwhile has no turn afterwards.
    jobs.remove(second);
    jobs.remove(other);
    jobs.pause(&account, false);
    assert!((0..9).all(|_| jobs.next_block().unwrap().job == first));
    jobs.jobs.get_mut(&first).unwrap().stop.store(true, Relaxed);
    jobs.pause(&account, true);
    jobs.pause(&account, false);
    assert!(jobs.is_idle(), "a job that was stopped");
}

#[test]
fn a_removed_job_leaves_nothing() {
    let mut jobs = Jobs::new(1 << 20);
    let id = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
    let block = jobs.next_block().unwrap();
    jobs.remove(id);
    assert!(jobs.is_idle() && jobs.turns.is_empty() && jobs.bytes == 0);
    assert!(block.search().hashes <= NONCES_PER_CHECK);
    assert!(jobs.finish_block(&block, Search::NOTHING, TICK).is_none());
}

#[test]
fn a_client_that_fills_the_memory_leaves_room_for_others() {
    let size = order(1, NEVER, TICK).memory_size();
    let mut jobs = Jobs::new(100 * size);
    let inserted = (0..200).map_while(|_| jobs.insert(order(1, NEVER, TICK))).count();
    assert!((50..=60).contains(&inserted), "{inserted}");
    for client in 2..5 {
        assert!(jobs.insert(order(client, NEVER, TICK)).is_some());
    }
}
