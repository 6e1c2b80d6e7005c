//! Programs that the steps run besides cargo. All are looked for before the first step.

use crate::{
    process::{program, works},
    workspace::root,
};

/// A program that a step runs.
#[derive(Debug)]
pub(super) struct Need {
    /// Its name in the `PATH`.
    pub(super) program: &'static str,
    /// The part of the step that is skipped without it; `None`: the whole step.
    part: Option<&'static str>,
    /// Whether CI fails without it, instead of skipping.
    pub(super) required_in_ci: bool,
    /// Looks for it elsewhere than in the `PATH`.
    find: Option<fn() -> bool>,
}

impl Need {
    /// The step cannot run without it.
    pub(super) const fn step(program: &'static str) -> Self {
        Self { program, part: None, required_in_ci: true, find: None }
    }

    /// Only a part of the step needs it.
    pub(super) const fn part(program: &'static str, part: &'static str) -> Self {
        Self { program, part: Some(part), required_in_ci: true, find: None }
    }

    /// It is looked for with this function.
    pub(super) const fn found_by(self, find: fn() -> bool) -> Self {
        Self { find: Some(find), ..self }
    }

    /// CI does not fail without it.
    pub(super) const fn optional_in_ci(self) -> Self {
        Self { required_in_ci: false, ..self }
    }

    /// Whether the step cannot run without it.
    pub(super) fn is_of_whole_step(&self) -> bool {
        self.part.is_none()
    }

    /// What is skipped without it.
    pub(super) fn skipped(&self) -> &'static str {
        self.part.unwrap_or("the whole step")
    }

    /// Whether the program is there.
    pub(super) fn is_met(&self) -> bool {
        if let Some(find) = self.find {
            return find();
        }
        // Go has a command in place of the option.
        ["--version", "version"]
            .iter()
            .any(|version| works(&mut program(self.program, root(), &[version])))
    }
}
