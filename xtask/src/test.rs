//! The one test command: every check of the project, step by step, up to the first that fails.

mod archives;
pub(crate) mod deny;
mod needs;
mod oldest;
mod plan;
mod steps;
mod targets;

use std::time::Instant;

use crate::{
    command::{Args, Command, Failure},
    workspace::Workspace,
};
use plan::Planned;
use steps::{STEPS, Step};

pub(crate) const COMMAND: Command = Command {
    name: "test",
    usage: "[--only STEP]... [--skip STEP]... [--long] [--list]",
    about: "run every check of the project, as CI does, and with --long also those that take long;\n\
            --list shows the steps and the programs that they need",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let list = args.flag("--list");
    let long = args.flag("--long");
    let only = args.values("--only")?;
    let skip = args.values("--skip")?;
    args.rest(0)?;
    let steps = chosen(&only, &skip, long)?;
    if steps.is_empty() {
        return Err(Failure::new("no step is left to run"));
    }
    let plan = plan::plan(&steps);
    print!("{}", plan::describe(&plan));
    if only.is_empty() && !long {
        println!("  with --long also: {}", long_names().join(", "));
    }
    if list {
        return Ok(());
    }
    if std::env::var_os("CI").is_some() {
        plan::require(&plan)?;
    }
    run_all(&plan, &Workspace::read()?)
}

/// The steps asked for, in their own order. A long one must be named, or be asked for by `long`.
fn chosen(only: &[String], skip: &[String], long: bool) -> Result<Vec<&'static Step>, Failure> {
    for name in only.iter().chain(skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            return Err(Failure::new(format!("there is no step `{name}` (see --list)")));
        }
    }
    let wanted = |step: &&Step| {
        let is_named = only.iter().any(|name| name == step.name);
        (is_named || only.is_empty() && (long || !step.is_long))
            && !skip.iter().any(|name| name == step.name)
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

/// The steps that only `--long` adds.
fn long_names() -> Vec<&'static str> {
    STEPS.iter().filter(|step| step.is_long).map(|step| step.name).collect()
}

/// The result of one step.
struct Outcome {
    name: &'static str,
    seconds: u64,
    result: Result<(), Failure>,
}

fn run_all(plan: &[Planned<'_>], workspace: &Workspace) -> Result<(), Failure> {
    let steps: Vec<&Step> =
        plan.iter().filter(|planned| planned.can_run()).map(|planned| planned.step).collect();
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
    summarize(outcomes, plan, started.elapsed().as_secs())
}

/// Prints every step with its result and time. Fails if a step has failed.
fn summarize(outcomes: Vec<Outcome>, plan: &[Planned<'_>], seconds: u64) -> Result<(), Failure> {
    println!("\nSteps, {} min {} s in total:", seconds / 60, seconds % 60);
    for planned in plan {
        let name = planned.step.name;
        match outcomes.iter().find(|outcome| outcome.name == name) {
            Some(Outcome { seconds, result, .. }) => {
                let word = if result.is_ok() { "ok" } else { "FAILED" };
                println!("  {name:14} {word:7} {seconds:5} s");
            }
            None if planned.can_run() => println!("  {name:14} not run"),
            None => println!("  {name:14} skipped"),
        }
    }
    let passed = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    let failed = outcomes.len() - passed;
    let skipped = plan.iter().filter(|planned| !planned.can_run()).count();
    let failure =
        outcomes.into_iter().find_map(|outcome| Some((outcome.name, outcome.result.err()?)));
    if let Some((name, failure)) = &failure {
        println!(
            "\nStep {name} failed: {failure}\nTo run it alone: cargo xtask test --only {name}"
        );
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    match failure {
        Some((name, _)) => Err(Failure::new(format!("step {name} failed (see above)"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Failure, Planned, STEPS, Step, Workspace, chosen, long_names, needs::Need, run_all,
    };

    fn names(only: &[&str], skip: &[&str], long: bool) -> Vec<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        chosen(&owned(only), &owned(skip), long).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_can_be_chosen_and_left_out() {
        assert_eq!(names(&[], &[], true).len(), STEPS.len());
        assert_eq!(names(&["docs", "format"], &[], false), ["format", "docs"]);
        assert!(!names(&[], &["interop"], false).contains(&"interop"));
        assert!(chosen(&["dcos".to_owned()], &[], false).is_err());
    }

    #[test]
    fn long_steps_run_when_asked_for() {
        let short = names(&[], &[], false);
        assert_eq!(short.len() + long_names().len(), STEPS.len());
        assert!(!short.contains(&"msrv"));
        assert_eq!(names(&["msrv"], &[], false), ["msrv"]);
        assert!(!names(&[], &["msrv"], true).contains(&"msrv"));
    }

    const GOOD: Step = Step { run: |_| Ok(()), ..Step::named("good") };
    const BAD: Step = Step { run: |_| Err(Failure::new("no")), ..Step::named("bad") };
    const NEVER: Step = Step {
        needs: &[Need::step("no-such-program")],
        run: |_| panic!("this step must not run"),
        ..Step::named("never")
    };

    #[test]
    fn the_first_failure_ends_the_run() {
        let workspace = Workspace::read().unwrap();
        let all =
            |steps: [&'static Step; 3]| steps.map(|step| Planned { step, missing: Vec::new() });
        run_all(&all([&GOOD, &GOOD, &GOOD]), &workspace).unwrap();
        let failure = run_all(&all([&GOOD, &BAD, &NEVER]), &workspace).unwrap_err();
        assert!(failure.to_string().contains("step bad failed"));
    }

    #[test]
    fn a_step_without_its_program_is_skipped() {
        let workspace = Workspace::read().unwrap();
        run_all(&super::plan::plan(&[&GOOD, &NEVER]), &workspace).unwrap();
    }
}
