//! The steps of the test command, in the order in which they run: what fails fast comes first.
//!
//! Steps that build select the whole workspace wherever they can: cargo unites the features of what it builds, so that
//! another selection would compile half of the dependencies again.

use std::process::Command;

use super::{archives, targets};
use crate::{
    architecture,
    command::Failure,
    fuzz, interop,
    process::{self, cargo},
    workspace::Workspace,
};

/// One check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Workspace) -> Result<(), Failure>,
}

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<(), Failure>,
) -> Step {
    Step { name, about, run }
}

pub(super) const STEPS: &[Step] = &[
    step("format", "every file is formatted", |_| here(&["fmt", "--all", "--check"])),
    step(
        "architecture",
        "dependencies point down, files are short, unsafe stays in its place",
        |_| architecture::check(),
    ),
    step("clippy", "no lint in any target", |_| {
        here(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    }),
    step("alone", "each crate builds by itself, with and without its default features", each_alone),
    step(
        "wasm",
        "what a browser can use compiles for it, where the target can be added",
        targets::wasm,
    ),
    step(
        "aarch64",
        "the code for NEON compiles, where the target can be added, and passes its tests, where it can be emulated",
        targets::aarch64,
    ),
    step("tests", "unit, property and integration tests of all crates", |_| {
        here(&["test", "--workspace", "--lib", "--bins", "--tests"])
    }),
    step("doctests", "the examples in the documentation run", |_| {
        here(&["test", "--workspace", "--doc"])
    }),
    step("docs", "the documentation builds without a warning", |_| {
        run(cargo(&["doc", "--workspace", "--no-deps", "--lib"])
            .env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    step("fuzz", "every fuzz body accepts its corpus", |_| fuzz::replay()),
    step("benches", "every benchmark runs once", |_| {
        here(&["test", "--workspace", "--bench", "*"])
    }),
    step("package", "the archives of the crates are complete and compile", archives::package),
    step("interop", "clients of others, from npm and PyPI, talk to our node", interop::run),
];

fn here(args: &[&str]) -> Result<(), Failure> {
    run(&mut cargo(args))
}

pub(super) fn run(cargo: &mut Command) -> Result<(), Failure> {
    process::run(prepare(cargo))
}

/// Turns incremental builds off in CI: on a fresh machine nothing is compiled twice.
fn prepare(cargo: &mut Command) -> &mut Command {
    if std::env::var_os("CI").is_some() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Checks each published crate with its default features, without features, with each feature alone and with all.
/// A warning fails: it often names code that only another feature needs.
fn each_alone(workspace: &Workspace) -> Result<(), Failure> {
    for package in workspace.packages.iter().filter(|package| package.published) {
        for features in selections(&package.features) {
            let mut check = cargo(&["check", "--quiet", "--package", &package.name]);
            let warnings = process::warnings(prepare(check.args(&features)))?;
            if !warnings.is_empty() {
                let features = features.join(" ");
                return Err(Failure::new(format!("{} warns with {features}", package.name)));
            }
        }
    }
    Ok(())
}

/// The arguments that select features: each selection that a user may make of one feature, none or all.
fn selections(features: &[String]) -> Vec<Vec<&str>> {
    let mut selections = vec![vec!["--no-default-features"]];
    let named = features.iter().filter(|feature| *feature != "default");
    selections.extend(named.map(|feature| vec!["--no-default-features", "--features", feature]));
    if !features.is_empty() {
        selections.extend([vec![], vec!["--all-features"]]);
    }
    selections
}

#[cfg(test)]
mod tests {
    use super::selections;

    #[test]
    fn features_are_selected_each_alone() {
        let features = ["default", "std", "tokio"].map(str::to_owned);
        assert_eq!(
            selections(&features).iter().map(|args| args.join(" ")).collect::<Vec<_>>(),
            [
                "--no-default-features",
                "--no-default-features --features std",
                "--no-default-features --features tokio",
                "",
                "--all-features"
            ]
        );
        assert_eq!(selections(&[]), [["--no-default-features"]]);
    }
}
