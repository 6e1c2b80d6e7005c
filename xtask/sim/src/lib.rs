//! Whole Whisper networks in one thread, from one seed: `cargo xtask sim`.
//!
//! Each seed is a network of its own. Several seeds run side by side on several threads; that changes nothing in any of them.

mod huge_pages;
mod members;
mod outcome;
mod replay;
mod scenario;
mod settings;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    process::ExitCode,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use outcome::Outcome;
use p2p_sim::{Scenario, Violation, shrink};
use scenario::Output;
use settings::Settings;

pub use huge_pages::restart_with_huge_pages;
pub use settings::USAGE;

/// How long a failing seed is made smaller.
const SHRINK_LIMIT: Duration = Duration::from_secs(300);

/// The program, with these arguments: see [`USAGE`].
#[must_use]
pub fn run(args: &[String]) -> ExitCode {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let settings = match Settings::parse(args) {
        Ok(settings) => settings,
        Err(text) => {
            eprintln!("sim: {text}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run_seeds(&settings) {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            eprintln!("\n{violation}");
            if settings.shrink {
                print_small(&settings, violation.seed);
            }
            ExitCode::FAILURE
        }
    }
}

/// The time that a quiet network takes, and the number of its events: of degree 8, with one message a second of all nodes
/// together, without cryptography.
///
/// # Errors
///
/// What did not hold.
pub fn measure(nodes: usize, minutes: u64) -> Result<(Duration, u64), Violation> {
    let (_, took, outcome) = run_seed(&Settings::measured(nodes, minutes), 1);
    Ok((took, outcome?.events))
}

/// Runs all seeds and prints a line for each. Returns the first violation, by seed.
fn run_seeds(settings: &Settings) -> Option<Violation> {
    let seeds = settings.first_seed..settings.first_seed.saturating_add(settings.seeds);
    let (next, (sender, results)) = (AtomicU64::new(seeds.start), mpsc::channel());
    let (mut failures, mut traces) = (Vec::new(), BTreeMap::new());
    let work = |sender: mpsc::Sender<_>| {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || sender.send(run_seed(settings, seed)).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        if settings.seeds == 1 {
            // Only the memory of the first thread is in large pages.
            work(sender);
        } else {
            for _ in 0..settings.threads {
                let sender = sender.clone();
                scope.spawn(|| work(sender));
            }
            drop(sender);
        }
        for (seed, took, outcome) in results {
            match outcome {
                Ok(outcome) => {
                    println!("seed {seed}: {outcome} in {:.1} s", took.as_secs_f64());
                    traces.insert(seed, outcome.trace_hash);
                }
                Err(violation) => {
                    println!("seed {seed}: FAILED: {violation}");
                    failures.push(violation);
                }
            }
        }
    });
    let mut hasher = DefaultHasher::new();
    traces.hash(&mut hasher);
    println!("seed {} trace {:016x}", seeds.end - 1, hasher.finish());
    failures.into_iter().min_by_key(|violation| violation.seed)
}

fn run_seed(settings: &Settings, seed: u64) -> (u64, Duration, Result<Outcome, Violation>) {
    let begin = Instant::now();
    let outcome = scenario::run(settings, &settings.scenario(seed), settings.output());
    (seed, begin.elapsed(), outcome)
}

/// Makes a failing seed small and prints it.
fn print_small(settings: &Settings, seed: u64) {
    let whole = settings.scenario(seed);
    let (nodes, faults) = (whole.nodes, whole.faults.len());
    println!("seed {seed} has {nodes} nodes and {faults} faults; it is made smaller ...");
    let fails = |scenario: &Scenario| scenario::run(settings, scenario, Output::Nothing).is_err();
    let small = shrink(whole, SHRINK_LIMIT, fails);
    println!("{} nodes and {} faults are left:\n\n{small}", small.nodes, small.faults.len());
}
