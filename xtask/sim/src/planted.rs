//! Planted bugs, each of which the scenario must find: `cargo xtask sim planted`.

use std::time::{Duration, Instant};

use p2p_sim::{Scenario, Violation};
use p2p_world::planted::{Bug, plant};

use crate::{
    archive,
    scenario::{self, Output},
    seeds,
    settings::Settings,
};

/// How large a reduced scenario may be.
const MAX_NODES: usize = 20;
const MAX_FAULTS: usize = 30;

/// Plants each bug, or those that are named, and prints a line for each. Returns whether all were found and reduced.
///
/// # Errors
///
/// There is no bug with one of the names.
pub(crate) fn run(settings: &Settings, names: &[String]) -> Result<bool, String> {
    let mut bugs = Vec::new();
    for name in names {
        let bug = Bug::ALL.iter().find(|bug| bug.name() == name);
        bugs.push(*bug.ok_or_else(|| format!("there is no bug `{name}`"))?);
    }
    if bugs.is_empty() {
        bugs.extend(Bug::ALL);
    }
    println!(
        "{:22} {:>6} {:>8}  {:>5} {:>6} {:>8}  broken promise",
        "bug", "seeds", "found s", "nodes", "faults", "reduce s"
    );
    let mut all = true;
    for bug in bugs {
        if bug.is_of_archives() {
            all &= run_archives(settings, bug);
            continue;
        }
        plant(Some(bug));
        let begin = Instant::now();
        let found = seeds::find(settings);
        let took = begin.elapsed();
        let good = match found {
            Some(violation) => report(settings, bug, took, &violation),
            None => {
                println!("{:22} NOT FOUND in {} seeds", bug.name(), settings.seeds.count);
                false
            }
        };
        all &= good;
    }
    plant(None);
    Ok(all)
}

/// Plants a bug that the scenario with archives must find, and prints a line for it. Returns whether it was found.
fn run_archives(settings: &Settings, bug: Bug) -> bool {
    let Some(found) = archive::planted::find(bug, settings.seeds.first, settings.seeds.count)
    else {
        println!("{:22} NOT FOUND in {} seeds", bug.name(), settings.seeds.count);
        return false;
    };
    let (seeds, took, begin) = (found.seeds, found.took.as_secs_f64(), Instant::now());
    let reduced = found.reduce(bug, settings.shrink);
    let archive::planted::Reduced { nodes, kills, promise, fails_without } = reduced;
    println!(
        "{:22} {seeds:6} {took:8.1}  {nodes:5} {kills:6} {:8.1}  {promise}",
        bug.name(),
        begin.elapsed().as_secs_f64()
    );
    if fails_without {
        println!("{:22} FAILS WITHOUT IT", bug.name());
    }
    let faults = usize::try_from(kills).unwrap_or(usize::MAX);
    is_small(settings, bug, nodes, faults) && !fails_without
}

/// Whether a reduced scenario is small. If it is not, says so.
fn is_small(settings: &Settings, bug: Bug, nodes: usize, faults: usize) -> bool {
    let is_small = nodes <= MAX_NODES && faults <= MAX_FAULTS;
    if settings.shrink && !is_small {
        println!("{:22} NOT SMALL: at most {MAX_NODES} nodes and {MAX_FAULTS} faults", bug.name());
    }
    !settings.shrink || is_small
}

/// Reduces a seed that found a bug. Returns whether it is small, and does not fail without the bug.
fn report(settings: &Settings, bug: Bug, took: Duration, violation: &Violation) -> bool {
    let begin = Instant::now();
    let small = if settings.shrink {
        seeds::reduce(settings, violation)
    } else {
        settings.scenario(violation.seed)
    };
    let reduced = begin.elapsed();
    let promise = match scenario::run(settings, &small, Output::Nothing) {
        Err(violation) => violation.name,
        Ok(_) => "none: it does not fail again".to_owned(),
    };
    let (seeds, nodes, faults) =
        (violation.seed - settings.seeds.first + 1, small.nodes, small.faults.len());
    let (took, reduced) = (took.as_secs_f64(), reduced.as_secs_f64());
    println!(
        "{:22} {seeds:6} {took:8.1}  {nodes:5} {faults:6} {reduced:8.1}  {promise}",
        bug.name()
    );
    is_small(settings, bug, nodes, faults) && holds_without(settings, bug, &small)
}

fn holds_without(settings: &Settings, bug: Bug, small: &Scenario) -> bool {
    plant(None);
    let outcome = scenario::run(settings, small, Output::Nothing);
    plant(Some(bug));
    if let Err(violation) = &outcome {
        println!("{:22} FAILS WITHOUT IT: {violation}", bug.name());
    }
    outcome.is_ok()
}
