//! Shared by the benchmarks of the layers, which are in the folder above, one file for each layer. Nodes and connections
//! that several of them measure are in `shared/`. `cargo xtask bench` runs them in interleaved passes and makes the
//! table; it has a list of all cases.
//!
//! Inputs are random but the same in every run, so that passes can be compared, and incompressible, so that Snappy does
//! not distort the figures.

mod node_process;

use std::time::{Duration, Instant};

use keccak_lanes::Kernel;
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};
use tokio::runtime::{Builder, Runtime};

pub use node_process::NodeProcess;

/// The random source of a benchmark: the same numbers in every run.
#[must_use]
pub fn rng() -> StdRng {
    StdRng::seed_from_u64(0x5eed)
}

/// Random bytes, the same in every run.
#[must_use]
pub fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rng().fill_bytes(&mut bytes);
    bytes
}

/// A runtime with one thread, so that all tasks share a core.
///
/// # Panics
///
/// The system has no resources for it.
#[must_use]
pub fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Prints a figure that is not a time per iteration: a percentile, a share, a number of bytes. `case`: its name.
#[expect(clippy::print_stdout, reason = "the line is what `cargo xtask bench` reads")]
pub fn measured(case: &str, value: f64) {
    println!("measured {case} {value}");
}

/// Prints that a case cannot be measured on this machine, and why, in one line.
#[expect(clippy::print_stdout, reason = "the line is what `cargo xtask bench` reads")]
pub fn skipped(case: &str, reason: &str) {
    println!("skipped {case} {reason}");
}

/// Whether one of these cases is to be measured: the command line has no name, or a part of one of these.
#[must_use]
pub fn wanted(cases: &str) -> bool {
    let mut named =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|part| cases.contains(&part))
}

/// Whether the program was started by `cargo bench`. Otherwise each benchmark runs once, as a test.
#[must_use]
pub fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// How much is measured. As a test, a benchmark does the least that runs all of its code: without optimization, the whole takes
/// minutes.
#[must_use]
pub fn size<T>(measured: T, tested: T) -> T {
    if measuring() { measured } else { tested }
}

/// Number of measured blocks of each function.
const ROUNDS: usize = 400;

/// Minimum time of a block: long enough for the resolution of the clock, and short enough that a disturbance affects
/// few blocks.
const MIN_BLOCK: Duration = Duration::from_micros(50);

/// The time of one call of each of two functions, in nanoseconds: the lower quartile of many blocks of calls.
/// The blocks of the two functions alternate, so that changes of the processor speed affect both. Both functions use
/// the same `buffer`, because its address can affect the time. Not [`measuring`], each function is called once.
pub fn in_turn<T>(buffer: &mut T, one: impl Fn(&mut T), other: impl Fn(&mut T)) -> [f64; 2] {
    let mut block = |function: &dyn Fn(&mut T), calls| {
        let clock = Instant::now();
        for _ in 0..calls {
            function(buffer);
        }
        clock.elapsed()
    };
    let mut calls = 1;
    while measuring() && block(&one, calls).max(block(&other, calls)) < MIN_BLOCK {
        calls *= 2;
    }
    let rounds = if measuring() { ROUNDS } else { 1 };
    let mut took = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for _ in 0..rounds {
        let blocks = [block(&one, calls), block(&other, calls)];
        for (took, block) in took.iter_mut().zip(blocks) {
            took.push(block.as_secs_f64() * 1e9 / f64::from(calls));
        }
    }
    took.map(|mut took| percentile(&mut took, 0.25))
}

/// The Keccak kernel of that name. If this machine cannot run it, prints that and returns the best kernel.
#[must_use]
pub fn kernel(name: &str) -> Kernel {
    Kernel::available().find(|kernel| kernel.name() == name).unwrap_or_else(|| {
        let best = Kernel::best();
        eprintln!("this machine cannot run the kernel {name}; its figures are of {best}");
        best
    })
}

/// The resident memory of this process, in bytes. 0 on other systems than Linux.
#[must_use]
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: usize| kilobytes * 1024)
}

/// The processor time of the threads of this process, in seconds. 0 on other systems than Linux.
#[must_use]
pub fn processor_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let taken = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.filter_map(taken).sum::<Duration>().as_secs_f64()
}

/// The `at` quantile (0 to 1) of the values; 0 if there are none.
#[must_use]
pub fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into the values, rounded up and kept in range"
    )]
    let rank = ((values.len() as f64 * at).ceil() as usize).clamp(1, values.len().max(1));
    values.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{bytes, percentile};

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert!((percentile(&mut values, 0.5) - 100.0).abs() < 1e-9);
        assert!((percentile(&mut values, 0.99) - 198.0).abs() < 1e-9);
        assert!((percentile(&mut values, 1.0) - 200.0).abs() < 1e-9);
        assert!(percentile(&mut [], 0.5).abs() < 1e-9);
    }

    #[test]
    fn inputs_repeat() {
        assert_eq!(bytes(100), bytes(100));
        assert_ne!(bytes(100)[..50], bytes(100)[50..]);
    }
}

/// The examples in the README of the project compile. They are tested here, because a released crate does not contain
/// that file.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
