//! Sealing on threads: what comes out, that it ends, and that nothing is left behind.
#![cfg(feature = "miner")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    future::Future,
    num::NonZeroUsize,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{
    Client, Meter, Miner, Rate, Rule, SealError, SealJob, Target, Task, Work, WorkError, search,
    work,
};

const RULES: [Rule; 4] = [Rule::GETH_1_8, Rule::EIP_627, Rule::PARITY, Rule::NIM];
const FOREVER: Duration = Duration::MAX;

fn unsealed() -> Unsealed {
    Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280])
}

fn miner(threads: usize) -> Miner {
    Miner::with_threads(NonZeroUsize::new(threads).unwrap())
}

fn at_least(work: f64) -> Target {
    Target::AtLeast(Work::new(work).unwrap())
}

/// Threads of miners in this process that have not ended.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
    // A thread may end between being listed and being asked its name.
    names.filter(|name| name.as_deref().is_ok_and(|name| name == "whisper-pow\n")).count()
}

/// Waits until no thread of any miner is left.
#[cfg(target_os = "linux")]
fn wait_until_no_thread_is_left() {
    let deadline = Instant::now() + Duration::from_secs(30);
    while threads() > 0 {
        assert!(Instant::now() < deadline, "threads of a miner are left");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn sealed_under_every_rule() {
    for rule in RULES {
        for threads in [1, 3] {
            let sealed =
                miner(threads).seal(&unsealed(), rule, at_least(0.2), FOREVER).await.unwrap();
            assert_eq!(work(rule, &sealed.envelope), Ok(sealed.work));
            assert!(sealed.work.get() >= 0.2);
            assert_eq!(sealed.envelope.unsealed(), &unsealed());
            assert!(sealed.hashes > 0);
        }
    }
}

#[tokio::test]
async fn one_thread_always_finds_the_same() {
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let bits = task.bits_for(Work::new(0.5).unwrap()).unwrap();
    let expected = search(&task, 0..=u64::MAX, bits, || false).best.unwrap().nonce;
    for _ in 0..3 {
        let sealed =
            miner(1).seal(&unsealed(), Rule::EIP_627, at_least(0.5), FOREVER).await.unwrap();
        assert_eq!(sealed.envelope.nonce(), expected);
        assert_eq!(sealed.hashes, expected + 1);
    }
}

#[tokio::test]
async fn no_work_takes_no_time() {
    let sealed = miner(2)
        .seal(&unsealed(), Rule::EIP_627, Target::AtLeast(Work::ZERO), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!((sealed.envelope.nonce(), sealed.hashes), (0, 1));
}

#[tokio::test]
async fn the_best_within_the_time() {
    let within = Duration::from_millis(20);
    let started = Instant::now();
    let sealed = miner(2).seal(&unsealed(), Rule::GETH_1_8, Target::Best, within).await.unwrap();
    assert!(started.elapsed() >= within);
    assert_eq!(work(Rule::GETH_1_8, &sealed.envelope), Ok(sealed.work));
    // The best of many nonces is not worse than the best of the first few.
    let task = Task::new(Rule::GETH_1_8, &unsealed()).unwrap();
    let first = (0..1024).map(|nonce| task.work(nonce)).max().unwrap();
    assert!(sealed.work >= first && sealed.hashes >= 1024);
    // Even without any time there is a best.
    let none = miner(1).seal(&unsealed(), Rule::GETH_1_8, Target::Best, Duration::ZERO).await;
    assert!(none.unwrap().work >= first);
}

#[tokio::test]
async fn a_meter_shows_how_far_it_came() {
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let asked = Work::new(0.5).unwrap();
    let meter = Meter::new();
    let before = meter.progress();
    assert_eq!((before.hashes, before.best, before.expected), (0, Work::ZERO, None));
    assert_eq!(before.elapsed, Duration::ZERO);
    let target = Target::AtLeast(asked);
    let sealed =
        miner(2).seal_job(SealJob::new(task, target, FOREVER).meter(&meter)).await.unwrap();
    let after = meter.progress();
    assert_eq!((after.hashes, after.best), (sealed.hashes, sealed.work));
    assert!(after.rate > 0.0 && after.expected > Some(Duration::ZERO));
    // It has stopped with the search.
    assert_eq!(meter.progress(), after);
}

#[tokio::test]
async fn sealed_under_two_rules_at_once() {
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap().and(Rule::GETH_1_8);
    let asked = Work::new(0.01).unwrap();
    let target = Target::AtLeast(asked);
    let sealed = miner(2).seal_job(SealJob::new(task, target, FOREVER)).await.unwrap();
    assert!(work(Rule::EIP_627, &sealed.envelope).unwrap() >= asked);
    assert!(work(Rule::GETH_1_8, &sealed.envelope).unwrap() >= asked);
}

#[test]
fn an_estimate_before_anything_is_done() {
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let rate = Rate { per_second: 1e6, ..Rate::measure(Duration::ZERO) };
    let bits = task.bits_for(Work::new(0.2).unwrap()).unwrap();
    let cost = rate.estimate(&task, Work::new(0.2).unwrap(), 2).unwrap();
    assert_eq!(cost.hashes, 2f64.powi(bits.try_into().unwrap()));
    assert_eq!(cost.time, Duration::from_secs_f64(cost.hashes / 2e6));
    assert_eq!(rate.estimate(&task, Work::new(f64::MAX).unwrap(), 1), None);
    // Longer than a `Duration` can hold.
    let endless = rate.estimate(&task, Work::new(1e70).unwrap(), 1).unwrap();
    assert_eq!(endless.time, Duration::MAX);
}

#[tokio::test]
async fn out_of_time_says_how_far_it_came() {
    let error = miner(2)
        .seal(&unsealed(), Rule::EIP_627, at_least(1e30), Duration::from_millis(10))
        .await
        .unwrap_err();
    let SealError::OutOfTime { best, hashes } = error else { panic!("{error}") };
    assert!(best > Work::ZERO && hashes >= 1024);
}

#[tokio::test]
async fn asked_for_the_impossible() {
    let seal = |unsealed, target| async move {
        miner(1).seal(&unsealed, Rule::EIP_627, target, FOREVER).await.unwrap_err()
    };
    assert_eq!(seal(unsealed(), at_least(f64::MAX)).await, SealError::Unreachable);
    let no_ttl = Unsealed::v6(1_700_000_050, 0, Topic(*b"news"), b"data");
    let zero_ttl = SealError::Work(WorkError::ZeroTtl);
    assert_eq!(seal(no_ttl.clone(), Target::Best).await, zero_ttl);
    assert_eq!(seal(no_ttl, Target::AtLeast(Work::ZERO)).await, zero_ttl);
}

#[tokio::test]
async fn the_runtime_goes_on_meanwhile() {
    // One thread for everything asynchronous: if it were blocked, there would be no ticks.
    let miner = miner(1);
    let unsealed = unsealed();
    let mut sealing = pin!(miner.seal(&unsealed, Rule::EIP_627, Target::Best, FOREVER));
    for _ in 0..5 {
        tokio::select! {
            _ = &mut sealing => panic!("an endless search ended"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
}

#[tokio::test]
async fn more_than_may_run_at_once_get_their_turn() {
    let miner = miner(1);
    let seals = (0..12u8).map(|i| {
        let miner = miner.clone();
        tokio::spawn(async move {
            let unsealed = Unsealed::v6(1_700_000_050, 50, Topic([i; 4]), &[i; 280]);
            miner.seal(&unsealed, Rule::EIP_627, at_least(0.05), FOREVER).await
        })
    });
    for seal in seals.collect::<Vec<_>>() {
        assert!(seal.await.unwrap().unwrap().work.get() >= 0.05);
    }
}

/// Endless jobs of one client do not stop those of another, nor short ones of the same client.
#[tokio::test]
async fn a_short_job_ends_beside_endless_ones() {
    let miner = miner(1);
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let endless: Vec<_> = (0..16)
        .map(|_| {
            let (miner, job) = (miner.clone(), SealJob::new(task.clone(), Target::Best, FOREVER));
            tokio::spawn(async move { miner.seal_job(job).await })
        })
        .collect();
    for key in [0, 1] {
        let short = SealJob::new(task.clone(), at_least(0.05), FOREVER);
        let sealed = miner.seal_job(short.client(Client { key, weight: 1 })).await.unwrap();
        assert!(sealed.work.get() >= 0.05);
    }
    assert!(endless.iter().all(|job| !job.is_finished()));
    endless.iter().for_each(tokio::task::JoinHandle::abort);
}

#[cfg(target_os = "linux")]
#[test]
fn dropping_the_future_ends_its_threads() {
    let miner = miner(3);
    let unsealed = unsealed();
    {
        let mut sealing = pin!(miner.seal(&unsealed, Rule::EIP_627, Target::Best, FOREVER));
        // No runtime at all: the first poll starts the threads.
        let mut context = Context::from_waker(Waker::noop());
        assert!(sealing.as_mut().poll(&mut context).is_pending());
    }
    wait_until_no_thread_is_left();
}

#[test]
fn in_place_it_repeats_itself_and_needs_neither_threads_nor_time() {
    let seal = |target, within| {
        let (miner, unsealed) = (Miner::in_place(), unsealed());
        let mut sealing = pin!(miner.seal(&unsealed, Rule::EIP_627, target, within));
        polled(sealing.as_mut())
    };
    let (polls, sealed) = seal(at_least(2.0), FOREVER);
    let sealed = sealed.unwrap();
    assert_eq!(work(Rule::EIP_627, &sealed.envelope), Ok(sealed.work));
    assert_eq!(polls, usize::try_from(sealed.hashes.div_ceil(8192)).unwrap() + 1);
    // 41 blocks of 8192 nonces are the first that take a third of a second.
    let within = Duration::from_secs(1) / 3;
    let (_, best) = seal(Target::Best, within);
    assert_eq!(best.as_ref().unwrap().hashes, 41 * 8192);
    assert_eq!(seal(Target::Best, within).1, best);
    let (_, late) = seal(at_least(1e30), within);
    let best = best.unwrap().work;
    assert_eq!(late, Err(SealError::OutOfTime { best, hashes: 41 * 8192 }));
}

#[test]
fn in_place_a_meter_counts_in_nonces() {
    let (miner, meter) = (Miner::in_place(), Meter::new());
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let job = SealJob::new(task, Target::Best, Duration::from_millis(100)).meter(&meter);
    polled(pin!(miner.seal_job(job))).1.unwrap();
    let progress = meter.progress();
    assert_eq!(progress.hashes, 13 * 8192);
    assert_eq!(progress.elapsed, Duration::from_micros(progress.hashes));
}

/// Jobs in place take turns: an endless one of another client does not hold up a short one, whose work its own future does.
#[test]
fn in_place_a_short_job_ends_beside_an_endless_one() {
    let miner = Miner::in_place();
    let task = Task::new(Rule::EIP_627, &unsealed()).unwrap();
    let mut endless = pin!(miner.seal_job(SealJob::new(task.clone(), Target::Best, FOREVER)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(endless.as_mut().poll(&mut context).is_pending());
    let within = Duration::from_millis(80); // ten blocks
    let short = SealJob::new(task, Target::Best, within).client(Client { key: 1, weight: 1 });
    let (polls, sealed) = polled(pin!(miner.seal_job(short)));
    assert_eq!(sealed.unwrap().hashes, 10 * 8192);
    assert!(polls <= 21, "{polls} polls");
    // The other one can go away in the middle.
    assert!(endless.as_mut().poll(&mut context).is_pending());
}

/// Polls a future until it is ready, which nothing else has to do. The number of polls.
fn polled<T>(mut future: Pin<&mut impl Future<Output = T>>) -> (usize, T) {
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1.. {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut context) {
            return (polls, ready);
        }
    }
    unreachable!()
}
