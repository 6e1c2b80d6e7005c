//! Whole Whisper networks on virtual time, from one seed: `cargo xtask sim`.
//!
//! Each seed is a network of its own. Several seeds run side by side on several threads; that changes nothing in any of them. A
//! large network can run on several threads itself.

mod archive;
mod calibrate;
mod hostile;
mod huge_pages;
mod members;
mod operations;
mod outcome;
#[cfg(feature = "planted")]
mod planted;
mod probe;
mod promises;
#[cfg(test)]
mod regressions;
mod replay;
mod scenario;
mod seeds;
mod settings;

use std::{process::ExitCode, time::Duration};

use p2p_sim::{Scenario, Violation};
use scenario::Output;
use settings::{Mode, Settings};

pub use huge_pages::restart_with_huge_pages;
pub use scenario::lazy::{LazyCase, LazyMeasured, measure as measure_lazy};
pub use settings::USAGE;

/// The program, with these arguments: see [`USAGE`].
#[must_use]
pub fn run(args: &[String]) -> ExitCode {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let done = match args.split_first() {
        Some((first, rest)) if first == "archive" => archive::run(rest),
        Some((first, rest)) if first == "trace" => scenario::trace::run(rest),
        Some((first, rest)) if first == "lazy" => scenario::lazy::run(rest),
        _ => run_scenario(args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("sim: {text}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run_scenario(args: &[String]) -> Result<bool, String> {
    Settings::parse(args).and_then(|settings| match &settings.mode {
        Mode::Scenario => Ok(run_seeds(&settings)),
        Mode::Eclipse => Ok(hostile::eclipse::run(&settings)),
        Mode::Planted(bugs) => planted(&settings, bugs),
        Mode::Clocks => Ok(scenario::clocks::run(&settings)),
        Mode::Calibrate => calibrate::run(&settings),
    })
}

/// The time that a quiet network takes, and the number of its events: of degree 8, with one message a second of all nodes
/// together, without cryptography.
///
/// # Errors
///
/// What did not hold.
pub fn measure(nodes: usize, minutes: u64) -> Result<(Duration, u64), Violation> {
    let done = seeds::run_one(&Settings::measured(nodes, minutes), 1);
    Ok((done.took, done.outcome?.events))
}

/// Runs a scenario with arguments of the program.
///
/// # Errors
///
/// What did not hold.
///
/// # Panics
///
/// The arguments are none.
pub fn check(args: &str, scenario: &Scenario) -> Result<(), Violation> {
    scenario::run(&parse(args), scenario, Output::Nothing).map(|_| ())
}

/// The test that is printed for a scenario.
///
/// # Panics
///
/// The arguments are none.
#[must_use]
pub fn printed_test(args: &str, scenario: &Scenario) -> String {
    parse(args).test(scenario)
}

fn parse(args: &str) -> Settings {
    let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
    Settings::parse(&args).expect("arguments of the program")
}

/// Runs the seeds. Returns whether every promise holds.
fn run_seeds(settings: &Settings) -> bool {
    let Some(violation) = seeds::run_all(settings) else { return true };
    eprintln!("\n{violation}");
    if settings.shrink {
        print_small(settings, &violation);
    }
    false
}

/// Makes a failing seed small and prints it as a test.
fn print_small(settings: &Settings, violation: &Violation) {
    let seed = violation.seed;
    let whole = settings.scenario(seed);
    let (nodes, faults) = (whole.nodes, whole.faults.len());
    println!("seed {seed} has {nodes} nodes and {faults} faults; it is made smaller ...");
    let small = seeds::reduce(settings, violation);
    println!(
        "{} nodes and {} faults are left; a test for regressions.rs:\n\n{}",
        small.nodes,
        small.faults.len(),
        settings.test(&small)
    );
}

#[cfg(feature = "planted")]
fn planted(settings: &Settings, bugs: &[String]) -> Result<bool, String> {
    planted::run(settings, bugs)
}

#[cfg(not(feature = "planted"))]
fn planted(_: &Settings, _: &[String]) -> Result<bool, String> {
    Err("`planted` needs the feature of this name; `cargo xtask sim planted` selects it".to_owned())
}
