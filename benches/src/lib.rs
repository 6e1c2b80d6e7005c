//! What the benchmarks of the layers share. They stand beside this folder, one file a layer, and `cargo xtask bench`
//! runs them in interleaved passes and makes the table; its list of cases says which figure comes from which of them.
//!
//! Inputs are random but the same in every run, so that passes compare, and incompressible, so that Snappy has nothing
//! to win.

use std::time::{Duration, Instant};

use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};

/// The random source of a benchmark: the same numbers in every run.
#[must_use]
pub fn rng() -> StdRng {
    StdRng::seed_from_u64(0x5eed)
}

/// That many bytes that look random and are the same in every run.
#[must_use]
pub fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rng().fill_bytes(&mut bytes);
    bytes
}

/// Reports a figure that is no time per iteration, under the name of its case: a percentile, a share, bytes.
#[expect(clippy::print_stdout, reason = "the line is what `cargo xtask bench` reads")]
pub fn measured(case: &str, value: f64) {
    println!("measured {case} {value}");
}

/// Whether these cases are asked for: the command line names none, or a part of one of them.
#[must_use]
pub fn wanted(cases: &str) -> bool {
    let mut named =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|part| cases.contains(&part))
}

/// Whether figures are wanted, as `cargo bench` says. Else each benchmark is only to be seen to run.
#[must_use]
pub fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// So many blocks of each side.
const ROUNDS: usize = 400;

/// Long enough for the clock, short enough that what disturbs one block seldom disturbs many.
const BLOCK: Duration = Duration::from_micros(50);

/// What one call of each of two functions takes, in nanoseconds: of blocks of calls, a block of one and a block of the
/// other in turn, the lower quartile. For two that are nearly as fast as each other, where one after the other would
/// show how the machine's speed changed in the meantime. Both have `place` to work in, since where a buffer lies may
/// count for more than what is written to it. Calls each once if no figures are wanted.
pub fn in_turn<T>(place: &mut T, one: impl Fn(&mut T), other: impl Fn(&mut T)) -> [f64; 2] {
    let mut block = |function: &dyn Fn(&mut T), calls| {
        let clock = Instant::now();
        for _ in 0..calls {
            function(place);
        }
        clock.elapsed()
    };
    let mut calls = 1;
    while measuring() && block(&one, calls).max(block(&other, calls)) < BLOCK {
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

/// The resident memory of this process, in bytes. Linux alone says it in this way; 0 elsewhere.
#[must_use]
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: usize| kilobytes * 1024)
}

/// The value below which the share `at` of the `values` lies, 0 for none.
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
