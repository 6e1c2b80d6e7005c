//! The interface of a crate compared with its last release: an incompatible change needs a higher version.

use super::tags::Tags;
use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Package, Workspace, root},
};

/// The program that compares.
pub(crate) const PROGRAM: &str = "cargo-semver-checks";

/// Compares each published crate with its last release.
pub(crate) fn check_all(workspace: &Workspace) -> Result<(), Failure> {
    let tags = Tags::read()?;
    let mut published = workspace.packages.iter().filter(|package| package.published);
    published.try_for_each(|package| check(package, &tags))
}

/// Compares `package` with its last release. Says why, if it cannot.
pub(super) fn check(package: &Package, tags: &Tags) -> Result<(), Failure> {
    let Some(last) = tags.last(&package.name) else {
        println!("  {}: no release to compare with", package.name);
        return Ok(());
    };
    if !process::works(&mut program(PROGRAM, root(), &["--version"])) {
        println!(
            "  {}: SKIPPED, {PROGRAM} is not in the PATH (cargo install {PROGRAM} --locked)",
            package.name
        );
        return Ok(());
    }
    process::run(&mut cargo(&["semver-checks", "--package", &package.name, "--baseline-rev", last]))
}
