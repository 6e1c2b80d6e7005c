//! What will run: the steps, and what is skipped because a program is missing.

use std::fmt::Write as _;

use super::{needs::Need, steps::Step};
use crate::command::Failure;

/// A step with the programs that it needs and that are not on this machine.
pub(super) struct Planned<'a> {
    pub(super) step: &'a Step,
    pub(super) missing: Vec<&'a Need>,
}

impl Planned<'_> {
    /// Whether the step runs, perhaps without some of its parts.
    pub(super) fn can_run(&self) -> bool {
        !self.missing.iter().any(|need| need.is_of_whole_step())
    }
}

/// Looks for the programs that the steps need.
pub(super) fn plan<'a>(steps: &[&'a Step]) -> Vec<Planned<'a>> {
    let planned = |step: &&'a Step| {
        let missing = step.needs.iter().filter(|need| !need.is_met()).collect();
        Planned { step, missing }
    };
    steps.iter().map(planned).collect()
}

/// The steps as a text, each with the programs that it needs and what is skipped without them.
pub(super) fn describe(plan: &[Planned<'_>]) -> String {
    let mut text = String::new();
    for Planned { step, missing } in plan {
        let _ = write!(text, "  {:14} {}", step.name, step.about);
        let needs: Vec<&str> = step.needs.iter().map(|need| need.program).collect();
        if !needs.is_empty() {
            let _ = write!(text, " (needs {})", needs.join(", "));
        }
        text.push('\n');
        for need in missing {
            let (program, skipped) = (need.program, need.skipped());
            let _ = writeln!(text, "  {:14} {program} is not installed: skips {skipped}", "");
        }
    }
    text
}

/// Fails if a program is missing without which CI does not skip, but fails.
pub(super) fn require(plan: &[Planned<'_>]) -> Result<(), Failure> {
    let missing: Vec<String> = plan
        .iter()
        .flat_map(|planned| planned.missing.iter().map(move |need| (planned.step, need)))
        .filter(|(_, need)| need.required_in_ci)
        .map(|(step, need)| format!("{} (step {})", need.program, step.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "CI skips no step, but these are not installed: {}",
        missing.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::{Need, Step, describe, plan, require};

    const fn step(name: &'static str, needs: &'static [Need]) -> Step {
        Step { about: "does something", needs, ..Step::named(name) }
    }

    const WITHOUT_ALL: Step = step("all", &[Need::step("cargo"), Need::step("no-such-program")]);
    const WITHOUT_PART: Step = step("part", &[Need::part("no-such-program", "half of it")]);
    const OPTIONAL: Step =
        step("optional", &[Need::part("no-such-program", "half of it").optional_in_ci()]);

    #[test]
    fn a_missing_program_skips_a_step_or_a_part_of_it() {
        let plan = plan(&[&WITHOUT_ALL, &WITHOUT_PART]);
        assert!(!plan[0].can_run());
        assert!(plan[1].can_run());
        let text = describe(&plan);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "all            does something (needs cargo, no-such-program)",
                "no-such-program is not installed: skips the whole step",
                "part           does something (needs no-such-program)",
                "no-such-program is not installed: skips half of it",
            ]
        );
    }

    #[test]
    fn ci_fails_without_a_program_unless_it_is_optional() {
        let failure = require(&plan(&[&WITHOUT_ALL, &WITHOUT_PART])).unwrap_err().to_string();
        assert!(
            failure.ends_with("no-such-program (step all), no-such-program (step part)"),
            "{failure}"
        );
        require(&plan(&[&OPTIONAL])).unwrap();
    }
}
