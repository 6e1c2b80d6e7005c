//! The one test command: every check of the project, step by step, up to the first that fails.

mod archives;
mod steps;
mod targets;

use std::time::Instant;

use crate::{
    command::{Args, Command, Failure},
    workspace::Workspace,
};
use steps::{STEPS, Step};

pub(crate) const COMMAND: Command = Command {
    name: "test",
    usage: "[--only STEP]... [--skip STEP]... [--list]",
    about: "run every check of the project, as CI does; --list names the steps",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let list = args.flag("--list");
    let only = args.values("--only")?;
    let skip = args.values("--skip")?;
    args.rest(0)?;
    if list {
        for step in STEPS {
            println!("{:14} {}", step.name, step.about);
        }
        return Ok(());
    }
    let steps = chosen(&only, &skip)?;
    if steps.is_empty() {
        return Err(Failure::new("no step is left to run"));
    }
    run_all(&steps, &Workspace::read()?)
}

/// The steps asked for, in their own order.
fn chosen(only: &[String], skip: &[String]) -> Result<Vec<&'static Step>, Failure> {
    for name in only.iter().chain(skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            return Err(Failure::new(format!("there is no step `{name}` (see --list)")));
        }
    }
    let wanted = |step: &&Step| {
        (only.is_empty() || only.iter().any(|name| name == step.name))
            && !skip.iter().any(|name| name == step.name)
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

/// How one step ended.
struct Outcome {
    name: &'static str,
    seconds: u64,
    result: Result<(), Failure>,
}

fn run_all(steps: &[&Step], workspace: &Workspace) -> Result<(), Failure> {
    let started = Instant::now();
    let mut outcomes = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n[{}/{}] {}: {}", index + 1, steps.len(), step.name, step.about);
        let clock = Instant::now();
        let result = (step.run)(workspace);
        let seconds = clock.elapsed().as_secs();
        let failed = result.is_err();
        println!(
            "[{}/{}] {} {seconds} s",
            index + 1,
            steps.len(),
            if failed { "FAILED after" } else { "ok in" }
        );
        outcomes.push(Outcome { name: step.name, seconds, result });
        if failed {
            break;
        }
    }
    summarise(outcomes, steps, started.elapsed().as_secs())
}

/// Prints every step with its time; the last line counts steps, nothing else.
fn summarise(outcomes: Vec<Outcome>, steps: &[&Step], seconds: u64) -> Result<(), Failure> {
    let passed = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    let failed = outcomes.len() - passed;
    println!("\nSteps, {} min {} s in all:", seconds / 60, seconds % 60);
    for outcome in &outcomes {
        let word = if outcome.result.is_ok() { "ok" } else { "FAILED" };
        println!("  {:14} {word:6} {:5} s", outcome.name, outcome.seconds);
    }
    for step in &steps[outcomes.len()..] {
        println!("  {:14} not run", step.name);
    }
    let failure =
        outcomes.into_iter().find_map(|outcome| Some((outcome.name, outcome.result.err()?)));
    if let Some((name, failure)) = &failure {
        println!("\nStep {name} failed: {failure}\nAgain, alone: cargo xtask test --only {name}");
    }
    println!("\n{passed} passed, {failed} failed");
    match failure {
        Some((name, _)) => Err(Failure::new(format!("step {name} failed (see above)"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, STEPS, Step, Workspace, chosen, run_all};

    fn names(only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        chosen(&owned(only), &owned(skip)).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_can_be_chosen_and_left_out() {
        assert_eq!(names(&[], &[]).len(), STEPS.len());
        assert_eq!(names(&["docs", "format"], &[]), ["format", "docs"]);
        assert!(!names(&[], &["interop"]).contains(&"interop"));
        assert!(chosen(&["dcos".to_owned()], &[]).is_err());
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let workspace = Workspace::read().unwrap();
        let good = Step { name: "good", about: "", run: |_| Ok(()) };
        let bad = Step { name: "bad", about: "", run: |_| Err(Failure::new("no")) };
        let never = Step { name: "never", about: "", run: |_| panic!("ran after a failure") };
        run_all(&[&good, &good], &workspace).unwrap();
        let failure = run_all(&[&good, &bad, &never], &workspace).unwrap_err();
        assert!(failure.to_string().contains("step bad failed"));
    }
}
