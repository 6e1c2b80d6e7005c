//! The parts of a network that may run side by side.

use std::{
    hint,
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use p2p_world::seed_thread;
use rlpx_transport::null_cryptography;
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep_until,
};

use crate::{host_id::HostId, net::wire::Wire};

/// The shortest time that is simulated at once: the resolution of virtual time.
const MIN_WINDOW: Duration = Duration::from_millis(1);

/// How often a thread looks whether the others have come before it gives its core away: for some ten microseconds.
const SPINS: u32 = 1000;

/// Some of the hosts, with a runtime and a clock of their own.
pub(super) struct Region {
    runtime: Runtime,
    pub(super) wire: Wire,
    number: usize,
}

/// All regions. Between two of them nothing takes less time than the latency of a line. So each can run that long alone, and
/// what has left for others comes to them when all have.
pub(super) struct Regions {
    regions: Vec<Region>,
    threads: usize,
    seed: u64,
    /// Whether connections compute no cryptography.
    pub(super) null: bool,
    /// How often time passed: each time randomness begins with another number.
    runs: u64,
}

/// What each run of a region begins with.
#[derive(Clone, Copy)]
struct Start {
    seed: u64,
    null: bool,
}

impl Region {
    fn new(seed: u64, number: usize, of: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without sockets");
        let wire = runtime.block_on(async { Wire::new(seed, (number, of)) });
        runtime.spawn(wire.clone().run());
        Self { runtime, wire, number }
    }

    /// Runs something on the runtime, with randomness that follows from the seed.
    fn seeded<T>(&self, start: Start, run: impl FnOnce(&Runtime) -> T) -> T {
        let _seeded = seed_thread(start.seed ^ (self.number as u64).rotate_right(16));
        let _null = start.null.then(null_cryptography);
        run(&self.runtime)
    }

    /// Lets time pass until this long after the start.
    fn run_to(&self, start: Start, end: Duration) {
        let end = self.wire.state().start + end;
        self.seeded(start, |runtime| runtime.block_on(async { sleep_until(end).await }));
    }
}

impl Regions {
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let count = count.max(1);
        let regions = (0..count).map(|number| Region::new(seed, number, count)).collect();
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { regions, threads, seed, null: false, runs: 0 }
    }

    pub(super) fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The region of a host.
    pub(super) fn of(&self, host: HostId) -> &Region {
        &self.regions[host.index() % self.regions.len()]
    }

    /// The lines within and from each region.
    pub(super) fn wires(&self) -> impl Iterator<Item = &Wire> {
        self.regions.iter().map(|region| &region.wire)
    }

    /// The lines of the first region.
    pub(super) fn first(&self) -> &Wire {
        &self.regions[0].wire
    }

    /// The time since the start: the same in all regions while they rest.
    pub(super) fn elapsed(&self) -> Duration {
        self.first().elapsed()
    }

    /// Runs something on the runtime of a host, with randomness that follows from the seed.
    pub(super) fn seeded<T>(&mut self, host: HostId, run: impl FnOnce(&Runtime) -> T) -> T {
        let start = self.next_start();
        self.of(host).seeded(start, run)
    }

    /// Calls a function with the clock of a host.
    pub(super) fn enter<T>(&self, host: HostId, call: impl FnOnce() -> T) -> T {
        let _context = self.of(host).runtime.enter();
        call()
    }

    /// Lets time pass until this long after the start.
    pub(super) fn run_to(&mut self, end: Duration) {
        if self.regions.len() == 1 {
            let start = self.next_start();
            return self.regions[0].run_to(start, end);
        }
        let mut windows = Vec::new();
        let (mut at, window) = (self.elapsed(), self.window());
        while at < end {
            at = (at + window).min(end);
            windows.push((self.next_start(), at));
        }
        let turns = Turns::new(self.threads.min(self.regions.len()));
        let pass = || {
            let _alarm = Alarm(&turns);
            for (start, at) in &windows {
                while let Some(region) = self.regions.get(turns.next()) {
                    region.run_to(*start, *at);
                }
                turns.end(|| self.exchange());
            }
        };
        thread::scope(|scope| {
            for _ in 1..turns.threads {
                scope.spawn(pass);
            }
            pass();
        });
    }

    fn exchange(&self) {
        let wires: Vec<&Wire> = self.wires().collect();
        wires.iter().for_each(|wire| wire.exchange(&wires));
    }

    /// How long a region can run alone, in whole milliseconds.
    fn window(&self) -> Duration {
        let latency = self.first().state().link.min_latency();
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis).max(MIN_WINDOW)
    }

    fn next_start(&mut self) -> Start {
        self.runs += 1;
        // Far apart for neighbouring seeds.
        Start { seed: self.seed.rotate_left(32) ^ self.runs, null: self.null }
    }
}

/// Distributes the regions over threads, window after window.
struct Turns {
    threads: usize,
    /// The next region of this window.
    next: AtomicUsize,
    /// Threads that have found no more of them.
    waiting: AtomicUsize,
    /// Windows that have ended.
    ended: AtomicUsize,
    /// Whether a thread has panicked, for which the others must not wait.
    panicked: AtomicBool,
}

/// Tells the other threads if this one panics.
struct Alarm<'a>(&'a Turns);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.panicked.fetch_or(thread::panicking(), Ordering::Relaxed);
    }
}

impl Turns {
    fn new(threads: usize) -> Self {
        let zero = || AtomicUsize::new(0);
        let panicked = AtomicBool::new(false);
        Self { threads, next: zero(), waiting: zero(), ended: zero(), panicked }
    }

    fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until all threads are here. The last one does `last` before all go on.
    fn end(&self, last: impl FnOnce()) {
        let ended = self.ended.load(Ordering::Relaxed);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            last();
            self.next.store(0, Ordering::Relaxed);
            self.waiting.store(0, Ordering::Relaxed);
            return self.ended.store(ended + 1, Ordering::Release);
        }
        let mut spins = 0;
        while self.ended.load(Ordering::Acquire) == ended {
            assert!(!self.panicked.load(Ordering::Relaxed), "another region has panicked");
            spins += 1;
            if spins < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn no_thread_waits_for_one_that_has_panicked() {
        let turns = Turns::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _alarm = Alarm(&turns);
                panic!("a region cannot go on");
            });
            scope.spawn(|| turns.end(|| {}));
        });
    }
}
